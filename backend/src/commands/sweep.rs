//! `rrlab sweep`.

use burn::tensor::read_sync;
use rrlab_engine::experiment::{Experiment, ExperimentError};
use rrlab_engine::watch::Progress;
use rrlab_types::{Repair, Rule, Standing, SweepEntry, SweepPlan, SweepReport};

use super::context::{Context, listed, note_memory, read_model};
use super::setup::{ExperimentSetup, images_of};
use crate::cli::SweepArgs;
use crate::destination::{Destination, Existing, REPORT_BYTES, write_atomically};
use crate::interrupt::Interrupt;
use crate::output::{Csv, NONE, Report, percent};
use crate::progress::say;
use crate::storage::read_sweep_to_go_on_from;

const CSV_COLUMNS: [&str; 12] = [
    "rule",
    "sparsity",
    "repair",
    "kept",
    "accuracy",
    "divergence",
    "dense_accuracy",
    "plan.criterion",
    "dataset",
    "model_hash",
    "profile_hash",
    "images_hash",
];

pub fn run(context: &Context, args: &SweepArgs) -> anyhow::Result<()> {
    let model = read_model(&args.experiment.model.model, args.experiment.model.hint()?)?;
    let plan = plan(context, args)?;
    plan.check_criterion()?;
    // What is there is a part of this sweep, or `previous` refuses it.
    Destination::check("--out", &args.out, Existing::Replace, REPORT_BYTES)?;
    let previous = previous(args)?;
    let interrupt = Interrupt::listen()?;
    let setup = ExperimentSetup::load(context, &args.experiment, &model, &interrupt)?;
    let experiment = setup.experiment(&model)?;
    say(&described(&plan));
    note_memory(&plan.repairs, &model, plan.calibration_images);
    let report = match compute(context, args, &experiment, plan.clone(), previous, &interrupt) {
        Err(error) if args.overwrite.force_overwrite && is_of_other_sweep(&error) => {
            say(&format!("note: {error}; it is replaced, as --force-overwrite asks"));
            compute(context, args, &experiment, plan, None, &interrupt)?
        }
        other => other?,
    };
    print(context, &report)
}

fn plan(context: &Context, args: &SweepArgs) -> anyhow::Result<SweepPlan> {
    let common = &args.experiment;
    let evaluation_images = images_of(context, common, &args.evaluation)?;
    Ok(SweepPlan {
        rules: common.rules.clone(),
        sparsities: args.sparsities.clone(),
        repairs: args.repairs.clone(),
        criterion: common.criterion,
        settings: common.settings.settings(common.rule_repair)?,
        constraints: common.force.clone(),
        calibration_images: common.images,
        evaluation_images,
        judge_images: args.judge_images,
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
        "{} networks: {} × {} × {}, pruned by {}, each on {} test images",
        plan.asked(),
        listed(("rule", "rules"), &plan.rules),
        listed(("sparsity", "sparsities"), &plan.sparsities),
        listed(("repair", "repairs"), &plan.repairs),
        plan.criterion,
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
    let sparsities: Vec<String> = report.plan.sparsities.iter().map(ToString::to_string).collect();
    let mut columns = vec!["rule", "repair"];
    columns.extend(sparsities.iter().map(String::as_str));
    columns.push("recoverability transition");
    let mut rows = Vec::new();
    for &rule in &report.plan.rules {
        for &repair in &report.plan.repairs {
            rows.push(row(report, rule, repair));
        }
    }
    for &repair in &report.plan.repairs {
        rows.extend(judged_row(report, repair));
    }
    let summary = format!(
        "dense {}, chance {}; {} test images of {}, {}; masks by {}\n{MARKS}",
        percent(report.dense_accuracy),
        percent(report.chance()),
        report.plan.evaluation_images,
        report.origin.dataset,
        standard_error(report),
        report.plan.criterion
    );
    let csv = Csv { lines: "entries", columns: &CSV_COLUMNS };
    let table = Report { value: report, csv, columns: &columns, rows, summary: Some(summary) };
    table.print(context.format)
}

/// Marks an accuracy by how it stands among the rules.
fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Leads => " *",
        Standing::WithinNoise => " =",
        Standing::Behind | Standing::Unknown => "",
    }
}

/// What the marks mean.
const MARKS: &str = "* leads all rules at this sparsity and repair beyond noise; = is the most \
                     accurate or within noise of it";

/// The largest standard error of an accuracy, `standard error up to 0.5 points`.
fn standard_error(report: &SweepReport) -> String {
    let accuracies = report.entries.iter().map(|entry| entry.accuracy);
    let largest = accuracies.map(|accuracy| report.standard_error(accuracy)).fold(0.0, f64::max);
    format!("standard error up to {:.1} points", 100.0 * largest)
}

/// Accuracies over the sparsities of the plan, and the transition that they show.
fn row(report: &SweepReport, rule: Rule, repair: Repair) -> Vec<String> {
    let mut cells = vec![rule.to_string(), repair.to_string()];
    for &sparsity in &report.plan.sparsities {
        let cell = report
            .entry(rule, sparsity, repair)
            .map(|entry| format!("{}{}", percent(entry.accuracy), mark(report.standing(entry))));
        cells.push(cell.unwrap_or_else(|| NONE.into()));
    }
    cells.push(report.transition(rule, repair).to_string());
    cells
}

/// What the judge would have chosen at each sparsity; nothing where there was no judge.
fn judged_row(report: &SweepReport, repair: Repair) -> Option<Vec<String>> {
    let mut cells = vec!["judge".to_owned(), repair.to_string()];
    for &sparsity in &report.plan.sparsities {
        let chosen = report.judged_best(sparsity, repair)?;
        cells.push(format!("{} ({})", percent(chosen.accuracy), chosen.rule));
    }
    cells.push(NONE.into());
    Some(cells)
}
