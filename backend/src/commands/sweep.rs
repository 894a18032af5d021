//! `rrlab sweep`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use rrlab_engine::experiment::{Experiment, ExperimentError};
use rrlab_engine::model::Model;
use rrlab_engine::watch::Progress;
use rrlab_types::{
    DistillationPlan, ModelProfile, Repair, Rule, Standing, SweepDraws, SweepEntry, SweepPlan,
    SweepReport,
};

use super::at_once;
use super::context::{Context, given_profile, listed, note_memory, read_model};
use super::setup::{ExperimentSetup, images_of};
use crate::cli::{OverwriteArgs, SweepArgs};
use crate::destination::{Destination, Existing, REPORT_BYTES, write_atomically};
use crate::interrupt::Interrupt;
use crate::output::{Csv, NONE, Report, chosen_rules, percent};
use crate::progress::say;
use crate::storage::read_sweep_to_go_on_from;

const CSV_COLUMNS: [&str; 16] = [
    "rule",
    "sparsity",
    "repair",
    "kept",
    "accuracy",
    "divergence",
    "dense_accuracy",
    "plan.criterion",
    "plan.distillation.epochs",
    "plan.seed",
    "dataset",
    "calibration_dataset",
    "plan.calibration_class",
    "model_hash",
    "profile_hash",
    "images_hash",
];

pub fn run(context: &Context, args: &SweepArgs) -> anyhow::Result<()> {
    let model = read_model(&args.experiment.model.model, args.experiment.model.hint()?)?;
    let draws = draws(context, args, &model)?;
    let interrupt = Interrupt::listen()?;
    let setup = ExperimentSetup::load(context, &args.experiment, &model)?
        .calibrated_on(args.calibration_dataset.as_deref())?;
    let first = &draws[0].plan;
    say(&described(first, draws.len()));
    let at_once = at_once::places(args.at_once, &context.device()?)?;
    note_memory(&first.repairs, &model, first.calibration_images, at_once.get());
    let replaced = args.overwrite.force_overwrite;
    let mut reports = Vec::new();
    for draw in draws {
        let Draw { mut plan, profile, out, previous } = draw;
        let class = plan.calibration_class.as_deref();
        // What is said to have been used is what was.
        let images = plan.calibration_images.min(setup.available_images(class)?);
        plan.calibration_images = images;
        let profile = setup.profile(profile, images, class, plan.seed, &interrupt)?;
        let experiment = setup.experiment(&profile)?;
        let compute = |previous| {
            let swept = (plan.clone(), previous);
            compute(context, &out, &experiment, swept, at_once, &interrupt)
        };
        reports.push(match compute(previous) {
            Err(error) if replaced && is_of_other_sweep(&error) => {
                say(&format!("note: {error}; it is replaced, as --force-overwrite asks"));
                compute(None)?
            }
            other => other?,
        });
    }
    print(context, reports)
}

/// One draw of calibration images, with what is there of its sweep.
struct Draw {
    plan: SweepPlan,
    /// Its profile, where one was given.
    profile: Option<ModelProfile>,
    out: PathBuf,
    previous: Option<SweepReport>,
}

/// Everything that is asked for, checked; one draw or more.
fn draws(context: &Context, args: &SweepArgs, model: &Model) -> anyhow::Result<Vec<Draw>> {
    let asked = &args.calibration_seeds;
    let seeds = if asked.is_empty() { &[context.seed] } else { asked.as_slice() };
    let evaluation_images = images_of(
        context,
        &args.experiment,
        args.calibration_dataset.as_deref(),
        &args.evaluation,
    )?;
    let of_seed =
        |path: &Path, seed| if asked.is_empty() { path.into() } else { of_seed(path, seed) };
    if seeds.len() > 1 {
        check_pattern("--out", &args.out)?;
        if let Some(profile) = &args.experiment.profile {
            check_pattern("--profile", profile)?;
        }
    }
    let mut draws: Vec<Draw> = Vec::new();
    for &seed in seeds {
        ensure!(
            draws.iter().all(|draw| draw.plan.seed != seed),
            "--calibration-seeds names {seed} twice"
        );
        let plan = plan(args, evaluation_images, seed, context.seed)?;
        plan.check_criterion()?;
        let out = of_seed(&args.out, seed);
        // What is there is a part of this sweep, or `previous` refuses it.
        Destination::check("--out", &out, Existing::Replace, REPORT_BYTES)?;
        let profile = args.experiment.profile.as_deref().map(|path| of_seed(path, seed));
        draws.push(Draw {
            plan,
            profile: given_profile(profile.as_deref(), model)?,
            previous: previous(&out, args.overwrite)?,
            out,
        });
    }
    Ok(draws)
}

/// What stands for the seed in the name of a file.
const SEED: &str = "{seed}";

/// Each draw has a file of its own: what one overwrote of another's would be lost, and budgets by
/// one profile would hide how profiles differ.
fn check_pattern(option: &str, path: &Path) -> anyhow::Result<()> {
    ensure!(
        path.to_str().is_some_and(|text| text.contains(SEED)),
        "with several --calibration-seeds, {option} names a file for each: write {SEED} where the seed goes, as in draw-{SEED}.json"
    );
    Ok(())
}

fn of_seed(path: &Path, seed: u64) -> PathBuf {
    match path.to_str() {
        Some(text) => text.replace(SEED, &seed.to_string()).into(),
        None => path.to_owned(),
    }
}

fn plan(
    args: &SweepArgs,
    evaluation_images: usize,
    seed: u64,
    evaluation_seed: u64,
) -> anyhow::Result<SweepPlan> {
    let common = &args.experiment;
    Ok(SweepPlan {
        rules: common.rules.clone(),
        sparsities: args.sparsities.clone(),
        repairs: args.repairs.clone(),
        criterion: common.criterion,
        settings: common.settings.settings(common.rule_repair)?,
        constraints: common.force.clone(),
        calibration_images: common.images,
        calibration_class: args.calibration_class.clone(),
        evaluation_images,
        judge_images: args.judge_images,
        distillation: DistillationPlan::of_epochs(args.distil),
        seed,
        evaluation_seed: Some(evaluation_seed),
    }
    .with_seed_once())
}

/// The sweep in this file, to go on from. Where it is none, it is refused, or replaced if that was
/// asked for.
fn previous(out: &Path, overwrite: OverwriteArgs) -> anyhow::Result<Option<SweepReport>> {
    if !out.exists() {
        return Ok(None);
    }
    match read_sweep_to_go_on_from(out) {
        Ok(report) => Ok(Some(report)),
        Err(_) if overwrite.force_overwrite => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_of_other_sweep(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ExperimentError::OtherWork { .. }))
}

/// `30 networks: 5 rules (uniform, …) × 3 sparsities (0.8, …) × 2 repairs (none, …), 2000 test
/// images each`.
fn described(plan: &SweepPlan, draws: usize) -> String {
    let times = if draws == 1 { String::new() } else { format!("{draws} draws of ") };
    let distilled = plan.distillation_in_words();
    format!(
        "{times}{} networks: {} × {} × {}, pruned by {}{distilled}, each on {} test images",
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
    out: &Path,
    experiment: &Experiment<'_>,
    (plan, previous): (SweepPlan, Option<SweepReport>),
    at_once: NonZeroUsize,
    interrupt: &Interrupt,
) -> anyhow::Result<SweepReport> {
    let meter = context.progress.count("sweeping", "networks", plan.asked());
    let mut saved = Saved { out, entries: None, problem: None };
    if let Some(previous) = &previous {
        say(&format!("going on from {} ({} entries)", out.display(), previous.entries.len()));
        meter.begin_at(previous.entries.len());
        saved.entries = Some(previous.entries.clone());
    }
    let distillation = plan.distillation;
    let watch = async |progress: Progress<'_>| {
        if let (Progress::Step(step), Some(plan)) = (progress, distillation) {
            meter.describe(format!("distilling, epoch {} of {}", step.epoch + 1, plan.epochs));
        }
        if let Progress::Entry(report) = progress {
            meter.set(report.entries.len());
            if let Some(SweepEntry { rule, sparsity, repair, accuracy, .. }) = report.entries.last()
            {
                meter.describe(format!("{rule} at {sparsity}, {repair}: {}", percent(*accuracy)));
            }
            saved.save(report);
        }
        interrupt.check()
    };
    let swept = at_once::sweep(experiment, (plan, previous), at_once, interrupt, watch)?;
    drop(meter);
    // What was computed at once, or before more was asked, came in an order of its own.
    if let Ok(report) = &swept
        && saved.entries.as_ref() != Some(&report.entries)
    {
        saved.save(report);
    }
    match saved.problem {
        Some(error) => Err(error),
        None => interrupt.outcome(swept, saved.entries.is_some().then_some(out)),
    }
}

/// A sweep's report on disk.
struct Saved<'o> {
    out: &'o Path,
    /// The entries that are there, if any report is.
    entries: Option<Vec<SweepEntry>>,
    /// Why the last attempt failed: the sweep goes on, what could not be saved may be at the next
    /// entry, and it is reported at the end.
    problem: Option<anyhow::Error>,
}

impl Saved<'_> {
    fn save(&mut self, report: &SweepReport) {
        let bytes = serde_json::to_vec_pretty(report).map_err(Into::into);
        self.problem = bytes.and_then(|bytes| write_atomically(self.out, &bytes)).err();
        if self.problem.is_none() {
            self.entries = Some(report.entries.clone());
        }
    }
}

/// A table for each group of sweeps that differ by their draw alone: here all.
fn print(context: &Context, reports: Vec<SweepReport>) -> anyhow::Result<()> {
    let value = match reports.as_slice() {
        [report] => serde_json::to_value(report)?,
        several => serde_json::to_value(several)?,
    };
    let draws = SweepDraws::group(reports);
    let [draws] = draws.as_slice() else { bail!("the draws are of several sweeps") };
    let plan = &draws.first().plan;
    let sparsities: Vec<String> = plan.sparsities.iter().map(ToString::to_string).collect();
    let mut columns = vec!["rule", "repair"];
    columns.extend(sparsities.iter().map(String::as_str));
    columns.push("recoverability transition");
    let mut rows = Vec::new();
    for &rule in &plan.rules {
        for &repair in &plan.repairs {
            rows.push(row(draws, rule, repair));
        }
    }
    for &repair in &plan.repairs {
        rows.extend(judged_row(draws, repair));
    }
    let csv = Csv { lines: "entries", columns: &CSV_COLUMNS };
    let summary = Some(summary(draws));
    Report { value: &value, csv, columns: &columns, rows, summary }.print(context.format)
}

fn summary(draws: &SweepDraws) -> String {
    let report = draws.first();
    let error = draws.largest_standard_error();
    let error = error.map_or_else(String::new, |error| {
        format!(", standard error up to {:.1} points", 100.0 * error)
    });
    let distilled = report.plan.distillation_in_words();
    let several = match draws.reports().len() {
        1 => String::new(),
        count => format!("; means of {count} draws of calibration images"),
    };
    format!(
        "dense {}, chance {}; {} test images of {}{error}; masks by {}{distilled}{several}\n{MARKS}",
        percent(report.dense_accuracy),
        percent(report.chance()),
        report.plan.evaluation_images,
        report.origin.dataset,
        report.plan.criterion
    )
}

/// Marks an accuracy by how it stands among the rules.
fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Leads => " *",
        Standing::WithinNoise => " =",
        Standing::Behind | Standing::Alone | Standing::Unknown => "",
    }
}

/// What the marks mean.
const MARKS: &str = "* leads all rules at this sparsity and repair beyond noise; = is the most \
                     accurate or within noise of it";

/// Accuracies over the sparsities of the plan, and the transition that they show.
fn row(draws: &SweepDraws, rule: Rule, repair: Repair) -> Vec<String> {
    let mut cells = vec![rule.to_string(), repair.to_string()];
    for &sparsity in &draws.first().plan.sparsities {
        let cell = draws
            .entry(rule, sparsity, repair)
            .map(|entry| format!("{}{}", percent(entry.accuracy()), mark(draws.standing(&entry))));
        cells.push(cell.unwrap_or_else(|| NONE.into()));
    }
    cells.push(draws.transition(rule, repair).to_string());
    cells
}

/// What the judge would have chosen at each sparsity; nothing where there was no judge.
fn judged_row(draws: &SweepDraws, repair: Repair) -> Option<Vec<String>> {
    let mut cells = vec!["judge".to_owned(), repair.to_string()];
    for &sparsity in &draws.first().plan.sparsities {
        let chosen = draws.judged_best(sparsity, repair)?;
        cells.push(format!("{} ({})", percent(chosen.accuracy()), chosen_rules(&chosen)));
    }
    cells.push(NONE.into());
    Some(cells)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use rrlab_types::SWEEP_VERSION;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The plan and the data sets that a command asks for, read as the program reads it.
    fn asked(command: &str) -> (SweepPlan, String, Option<String>) {
        let words = shlex::split(command).unwrap();
        let Cli { command: Command::Sweep(args), seed: of_test, .. } = Cli::parse_from(words)
        else {
            panic!("{command} is no sweep")
        };
        let seed = args.calibration_seeds.first().copied().unwrap_or(of_test);
        let images = args.evaluation.test_images.unwrap();
        let plan = plan(&args, images, seed, of_test).unwrap();
        (plan, args.experiment.dataset, args.calibration_dataset)
    }

    fn report(plan: SweepPlan, calibration_dataset: Option<&str>) -> SweepReport {
        let origin = serde_json::json!({
            "dataset": "cifar10", "device": "cpu", "program": "rrlab 0",
            "calibration_dataset": calibration_dataset,
        });
        SweepReport {
            version: SWEEP_VERSION,
            architecture: "resnet8".into(),
            classes: 10,
            origin: serde_json::from_value(origin).unwrap(),
            plan,
            dense_accuracy: 0.8,
            entries: Vec::new(),
        }
    }

    #[test]
    fn a_sweeps_command_asks_for_its_plan() {
        let of_settings = rrlab_types::RuleSettings {
            repair: rrlab_types::RepairOperator::LeastSquares,
            alpha: -0.5,
            prior: Rule::Lamp.try_into().unwrap(),
            share_exponent: 0.25,
            classifier_weight: 2.0,
            floor: 0.01,
        };
        let unusual = SweepPlan {
            rules: vec![Rule::Blend, Rule::GlobalMagnitude],
            sparsities: vec!["0.93".parse().unwrap()],
            repairs: vec!["reconstruction".parse().unwrap()],
            criterion: "obs".parse().unwrap(),
            settings: of_settings,
            constraints: vec![
                "projection=dense".parse().unwrap(),
                "layer2.0.conv1=0.2".parse().unwrap(),
            ],
            calibration_images: 300,
            calibration_class: Some("sea lion's".into()),
            evaluation_images: 2000,
            judge_images: 0,
            distillation: DistillationPlan::of_epochs(7),
            seed: 3,
            evaluation_seed: Some(1),
        };
        let usual = SweepPlan { evaluation_images: 500, ..SweepPlan::default() };
        for (plan, dataset) in [(usual, None), (unusual, Some("shapes10"))] {
            let command =
                report(plan.clone(), dataset).command("model.safetensors", "sweep.json").unwrap();
            let expected = (plan, "cifar10".to_owned(), dataset.map(str::to_owned));
            assert_eq!(asked(&command), expected, "{command}");
        }
        let plan = DistillationPlan { learning_rate: 0.1, ..DistillationPlan::default() };
        let plan = SweepPlan { distillation: Some(plan), ..SweepPlan::default() };
        assert_eq!(report(plan, None).command("model.safetensors", "sweep.json"), None);
    }
}
