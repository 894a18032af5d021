//! `rrlab sweep`.

use anyhow::Context as _;
use burn::tensor::read_sync;
use rrlab_engine::sweep::Sweep;
use rrlab_engine::watch::Progress;
use rrlab_types::{Repair, Rule, SweepPlan, SweepReport};

use super::{Context, measured, read_model, read_or_measure_profile};
use crate::cli::SweepArgs;
use crate::output::{Report, percent};
use crate::progress;
use crate::storage::{read_text, write_atomically};

pub fn run(context: &Context, args: &SweepArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint())?;
    let dataset = context.data.load(&args.dataset)?;
    model.check_classes(&dataset)?;
    let device = context.device()?;
    let parts = (&model, &dataset, &device);
    let profile = read_or_measure_profile(context, args.profile.as_deref(), parts, args.images)?;
    let plan = SweepPlan {
        rules: args.rules.clone(),
        sparsities: args.sparsities.clone(),
        repairs: args.repairs.clone(),
        settings: args.settings.settings(args.rule_repair)?,
        constraints: args.force.clone(),
        calibration_images: args.images,
        evaluation_images: args.test_images.unwrap_or(dataset.test.len()).min(dataset.test.len()),
        seed: context.seed,
    };
    let previous = previous(args)?;
    let sweep = Sweep {
        measured: measured(&model, &profile)?,
        dataset: &dataset,
        normalization: model.normalization_of(&dataset),
        device: &device.device,
        device_name: &device.name,
    };
    let bar = progress::bar("sweeping (networks)", plan.asked());
    let mut unsaved = None;
    let report = read_sync(sweep.run(plan, previous, async |progress| {
        if let Progress::Entry(report) = progress {
            bar.set_position(report.entries.len() as u64);
            let saved = serde_json::to_vec_pretty(report).map_err(Into::into);
            // The sweep itself goes on; what could not be saved now may be at the next entry, and is reported at the end.
            unsaved = saved.and_then(|bytes| write_atomically(&args.out, &bytes)).err();
        }
        Ok(())
    }))?;
    bar.finish_and_clear();
    match unsaved {
        Some(error) => Err(error),
        None => print(context, &report),
    }
}

fn previous(args: &SweepArgs) -> anyhow::Result<Option<SweepReport>> {
    if !args.out.exists() {
        return Ok(None);
    }
    let broken = || format!("{} is no sweep to go on from; delete it or choose another --out", args.out.display());
    let report = SweepReport::from_json(&read_text(&args.out)?).with_context(broken)?;
    eprintln!("going on from {} ({} entries)", args.out.display(), report.entries.len());
    Ok(Some(report))
}

fn print(context: &Context, report: &SweepReport) -> anyhow::Result<()> {
    let combinations: Vec<(Rule, Repair)> = report
        .plan
        .rules
        .iter()
        .flat_map(|&rule| report.plan.repairs.iter().map(move |&repair| (rule, repair)))
        .collect();
    let sparsities: Vec<String> = report.plan.sparsities.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> = ["rule", "repair"].into_iter().chain(sparsities.iter().map(String::as_str)).collect();
    let rows = combinations.iter().map(|&(rule, repair)| {
        let accuracy = |&sparsity| {
            report.entry(rule, sparsity, repair).map_or_else(|| "–".into(), |entry| percent(entry.accuracy))
        };
        let cells = report.plan.sparsities.iter().map(accuracy);
        [rule.to_string(), repair.to_string()].into_iter().chain(cells).collect()
    });
    let summary = format!(
        "dense {}; {} test images of {}",
        percent(report.dense_accuracy),
        report.plan.evaluation_images,
        report.dataset
    );
    let table = Report { value: report, columns: &columns, rows: rows.collect(), summary: Some(summary) };
    table.print(context.format)
}
