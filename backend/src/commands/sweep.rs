//! `rrlab sweep`.

use burn::tensor::read_sync;
use rrlab_engine::data::{DatasetSummary, Split};
use rrlab_engine::experiment::{Experiment, ExperimentError};
use rrlab_engine::measured::Measured;
use rrlab_engine::watch::Progress;
use rrlab_types::{Repair, Rule, SweepEntry, SweepPlan, SweepReport};

use super::calibrate::profile_or_measured;
use super::context::{
    Context, available_images, evaluation_images, given_profile, listed, read_model,
};
use crate::cli::SweepArgs;
use crate::destination::{Destination, Existing, REPORT_BYTES, write_atomically};
use crate::interrupt::Interrupt;
use crate::output::{Csv, NONE, Report, percent};
use crate::progress::say;
use crate::storage::read_sweep_to_go_on_from;

const CSV_COLUMNS: [&str; 10] = [
    "rule",
    "sparsity",
    "repair",
    "kept",
    "accuracy",
    "dense_accuracy",
    "dataset",
    "model_hash",
    "profile_hash",
    "images_hash",
];

pub fn run(context: &Context, args: &SweepArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint())?;
    let summary = context.data.summary(&args.dataset)?;
    let plan = plan(context, args, &summary)?;
    // What is there is a part of this sweep, or `previous` refuses it.
    Destination::check("--out", &args.out, Existing::Replace, REPORT_BYTES)?;
    let previous = previous(args)?;
    let given = given_profile(args.profile.as_deref(), &model)?;
    let dataset = context.dataset(&args.dataset)?;
    model.check_classes(&dataset)?;
    let device = context.device()?;
    let interrupt = Interrupt::listen()?;
    let parts = (&model, &dataset, &device);
    let profile = profile_or_measured(context, given, parts, args.images, &interrupt)?;
    let experiment = Experiment {
        measured: Measured::new(&model, &profile)?,
        dataset: &dataset,
        device: &device.device,
        device_name: &device.name,
    };
    say(&described(&plan));
    let report = match compute(context, args, &experiment, plan.clone(), previous, &interrupt) {
        Err(error) if args.overwrite.force_overwrite && is_of_other_sweep(&error) => {
            say(&format!("note: {error}; it is replaced, as --force-overwrite asks"));
            compute(context, args, &experiment, plan, None, &interrupt)?
        }
        other => other?,
    };
    print(context, &report)
}

fn plan(
    context: &Context,
    args: &SweepArgs,
    dataset: &DatasetSummary,
) -> anyhow::Result<SweepPlan> {
    available_images(dataset, Split::Train, args.images);
    Ok(SweepPlan {
        rules: args.rules.clone(),
        sparsities: args.sparsities.clone(),
        repairs: args.repairs.clone(),
        settings: args.settings.settings(args.rule_repair)?,
        constraints: args.force.clone(),
        calibration_images: args.images,
        evaluation_images: evaluation_images(dataset, args.test_images),
        seed: context.seed,
    })
}

/// The sweep that `--out` names, to go on from. Where it is none, it is refused, or replaced if
/// that was asked for.
fn previous(args: &SweepArgs) -> anyhow::Result<Option<SweepReport>> {
    if !args.out.exists() {
        return Ok(None);
    }
    match read_sweep_to_go_on_from(&args.out) {
        Ok(report) => Ok(Some(report)),
        Err(_) if args.overwrite.force_overwrite => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_of_other_sweep(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ExperimentError::OtherWork { .. }))
}

/// `30 networks: 5 rules (uniform, …) × 3 sparsities (0.8, …) × 2 repairs (none, …), 2000 test
/// images each`.
fn described(plan: &SweepPlan) -> String {
    format!(
        "{} networks: {} × {} × {}, each on {} test images",
        plan.asked(),
        listed(("rule", "rules"), &plan.rules),
        listed(("sparsity", "sparsities"), &plan.sparsities),
        listed(("repair", "repairs"), &plan.repairs),
        plan.evaluation_images
    )
}

/// Sweeps and saves each entry as soon as it is there.
fn compute(
    context: &Context,
    args: &SweepArgs,
    experiment: &Experiment<'_>,
    plan: SweepPlan,
    previous: Option<SweepReport>,
    interrupt: &Interrupt,
) -> anyhow::Result<SweepReport> {
    let meter = context.progress.count("sweeping", "networks", plan.asked());
    let mut is_saved = false;
    if let Some(previous) = &previous {
        say(&format!("going on from {} ({} entries)", args.out.display(), previous.entries.len()));
        meter.begin_at(previous.entries.len());
        is_saved = true;
    }
    let mut unsaved = None;
    let swept = read_sync(experiment.sweep(plan, previous, async |progress| {
        if let Progress::Entry(report) = progress {
            meter.set(report.entries.len());
            if let Some(SweepEntry { rule, sparsity, repair, accuracy, .. }) = report.entries.last()
            {
                meter.describe(format!("{rule} at {sparsity}, {repair}: {}", percent(*accuracy)));
            }
            let saved = serde_json::to_vec_pretty(report).map_err(Into::into);
            // The sweep itself goes on; what could not be saved now may be at the next entry, and
            // is reported at the end.
            unsaved = saved.and_then(|bytes| write_atomically(&args.out, &bytes)).err();
            is_saved |= unsaved.is_none();
        }
        interrupt.check()
    }));
    drop(meter);
    match unsaved {
        Some(error) => Err(error),
        None => interrupt.outcome(swept, is_saved.then_some(&args.out)),
    }
}

fn print(context: &Context, report: &SweepReport) -> anyhow::Result<()> {
    let combinations: Vec<(Rule, Repair)> = report
        .plan
        .rules
        .iter()
        .flat_map(|&rule| report.plan.repairs.iter().map(move |&repair| (rule, repair)))
        .collect();
    let sparsities: Vec<String> = report.plan.sparsities.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> =
        ["rule", "repair"].into_iter().chain(sparsities.iter().map(String::as_str)).collect();
    let rows = combinations.iter().map(|&(rule, repair)| {
        let accuracy = |&sparsity| {
            report
                .entry(rule, sparsity, repair)
                .map_or_else(|| NONE.into(), |entry| percent(entry.accuracy))
        };
        let cells = report.plan.sparsities.iter().map(accuracy);
        [rule.to_string(), repair.to_string()].into_iter().chain(cells).collect()
    });
    let summary = format!(
        "dense {}; {} test images of {}",
        percent(report.dense_accuracy),
        report.plan.evaluation_images,
        report.origin.dataset
    );
    let csv = Csv { lines: "entries", columns: &CSV_COLUMNS };
    let table = Report {
        value: report,
        csv,
        columns: &columns,
        rows: rows.collect(),
        summary: Some(summary),
    };
    table.print(context.format)
}
