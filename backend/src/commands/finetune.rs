//! `rrlab finetune`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use burn::tensor::read_sync;
use rrlab_engine::checkpoint;
use rrlab_engine::experiment::Experiment;
use rrlab_engine::finetune::FinetuneState;
use rrlab_engine::model::Model;
use rrlab_engine::watch::{Progress, Stopped};
use rrlab_types::{
    Distillation, FinetunePlan, FinetuneReport, FinetuneRun, Repair, Rule, Sparsity, TrainingPlan,
};

use super::context::{
    Context, given_profile, listed, model_bytes, note_memory, read_model, state_path,
    training_bytes,
};
use super::setup::{ExperimentSetup, images_of};
use crate::cli::FinetuneArgs;
use crate::destination::{Destination, Existing};
use crate::interrupt::Interrupt;
use crate::output::{Csv, NONE, Report, percent};
use crate::progress::say;
use crate::storage::{Saving, read};

const CSV_COLUMNS: [&str; 13] = [
    "rule",
    "sparsity",
    "kept",
    "start_accuracy",
    "epoch",
    "loss",
    "train_accuracy",
    "test_accuracy",
    "dense_accuracy",
    "dataset",
    "model_hash",
    "profile_hash",
    "images_hash",
];

pub fn run(context: &Context, args: &FinetuneArgs) -> anyhow::Result<()> {
    let model = read_model(&args.experiment.model.model, args.experiment.model.hint()?)?;
    let plan = plan(context, args)?;
    plan.training.check()?;
    plan.criterion.check(plan.repair)?;
    let out = Destination::check(
        "--out",
        &args.out,
        args.saving.overwrite.into(),
        training_bytes(model.graph()),
    )?;
    let state_path = state_path(&args.out);
    let previous = previous(&state_path)?;
    let models = model_destinations(args, &plan, &model, previous.is_some())?;
    let given = given_profile(args.experiment.profile.as_deref(), &model)?;
    let interrupt = Interrupt::listen()?;
    let setup = ExperimentSetup::load(context, &args.experiment, &model)?;
    let profile = setup.profile(given, plan.calibration_images, None, context.seed, &interrupt)?;
    let experiment = setup.experiment(&profile)?;
    say(&described(&plan));
    note_memory(&[plan.repair], &model, plan.calibration_images, 1);
    let saving = Saving::new(&state_path, args.saving.every(), &interrupt);
    let report = compute(context, &experiment, plan, previous, saving, &interrupt, &models)?;
    out.write(&serde_json::to_vec_pretty(&report)?)?;
    std::fs::remove_file(&state_path).ok();
    print(context, &report)
}

/// Where each run's network goes, where they are kept.
type ModelDestinations = BTreeMap<String, Destination>;

fn model_name(rule: Rule, sparsity: Sparsity) -> String {
    format!("{rule}-{sparsity}.safetensors")
}

/// Checks where the networks go. Those of an earlier part of the same work are replaced by
/// themselves.
fn model_destinations(
    args: &FinetuneArgs,
    plan: &FinetunePlan,
    model: &Model,
    goes_on: bool,
) -> anyhow::Result<ModelDestinations> {
    let mut destinations = ModelDestinations::new();
    let Some(folder) = &args.models else { return Ok(destinations) };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("can't create {}", folder.display()))?;
    let existing = if goes_on { Existing::Replace } else { args.saving.overwrite.into() };
    let room = (plan.rules.len() * plan.sparsities.len()) as u64 * model_bytes(model.graph());
    for &sparsity in &plan.sparsities {
        for &rule in &plan.rules {
            let name = model_name(rule, sparsity);
            let destination = Destination::check("--models", &folder.join(&name), existing, room)?;
            destinations.insert(name, destination);
        }
    }
    Ok(destinations)
}

/// `2 networks: 2 rules (erk, rr) × 1 sparsities (0.9), each for 3 epochs after variance_matching`.
fn described(plan: &FinetunePlan) -> String {
    format!(
        "{} networks: {} × {}, each for {} epochs after repair {}, on {} test images",
        plan.asked(),
        listed(("rule", "rules"), &plan.rules),
        listed(("sparsity", "sparsities"), &plan.sparsities),
        plan.training.epochs,
        plan.repair,
        plan.evaluation_images
    )
}

/// Fine-tunes, saving the state now and then, and at the end of each run: what comes next can't be
/// saved.
fn compute(
    context: &Context,
    experiment: &Experiment<'_>,
    plan: FinetunePlan,
    previous: Option<FinetuneState>,
    mut saving: Saving<'_>,
    interrupt: &Interrupt,
    models: &ModelDestinations,
) -> anyhow::Result<FinetuneReport> {
    let meter = context.progress.wait("fine-tuning", "steps");
    let epochs = plan.training.epochs;
    let mut run = String::new();
    let mut begun = false;
    let mut unwritten = None;
    let tuned = read_sync(experiment.finetune(plan, previous, async |under_way, progress| {
        match progress {
            Progress::Run(report) => {
                run = progress_of(report);
                meter.describe(run.clone());
            }
            Progress::Step(step) => meter.describe(format!("{run}, loss {:.3}", step.loss)),
            Progress::Tuned(run, tuned) => {
                if let Err(error) = keep(models, run, tuned) {
                    unwritten = Some(error);
                    return Err(Stopped);
                }
            }
            _ => {}
        }
        let Some(under_way) = under_way else { return interrupt.check() };
        let (done, total) = under_way.steps();
        meter.set_total(total);
        if begun {
            meter.set(done);
        } else {
            meter.begin_at(done.saturating_sub(1));
            begun = true;
        }
        let run_ends = matches!(progress, Progress::Epoch(epoch) if epoch.epoch == epochs);
        saving.save_if_due(run_ends, async || Ok(under_way.state().await?.to_bytes()?)).await
    }));
    drop(meter);
    match unwritten {
        Some(error) => Err(error),
        None => saving.outcome(tuned),
    }
}

fn plan(context: &Context, args: &FinetuneArgs) -> anyhow::Result<FinetunePlan> {
    let common = &args.experiment;
    let evaluation_images = images_of(context, common, None, &args.evaluation)?;
    let distillation =
        args.distill.map(|weight| Distillation { weight, temperature: args.temperature });
    Ok(FinetunePlan {
        rules: common.rules.clone(),
        sparsities: args.sparsities.clone(),
        repair: args.repair,
        criterion: common.criterion,
        settings: common.settings.settings(common.rule_repair)?,
        constraints: common.force.clone(),
        calibration_images: common.images,
        evaluation_images,
        training: TrainingPlan {
            epochs: args.epochs,
            batch_size: args.batch_size,
            learning_rate: args.learning_rate,
            augment: !args.no_augmentation,
            seed: context.seed,
            distillation,
            ..FinetunePlan::customary_training()
        },
    })
}

fn previous(path: &Path) -> anyhow::Result<Option<FinetuneState>> {
    if !path.exists() {
        return Ok(None);
    }
    let broken = || {
        format!(
            "{} is no fine-tuning to go on from; delete it or choose another --out",
            path.display()
        )
    };
    let state = FinetuneState::from_bytes(&read(path)?).with_context(broken)?;
    let (run, epoch) = (state.report.runs.len(), state.training.epoch + 1);
    say(&format!("going on from {} (run {run}, epoch {epoch})", path.display()));
    Ok(Some(state))
}

fn keep(models: &ModelDestinations, run: &FinetuneRun, model: &Model) -> anyhow::Result<()> {
    match models.get(&model_name(run.rule, run.sparsity)) {
        Some(destination) => destination.write(&checkpoint::write(model)?),
        None => Ok(()),
    }
}

/// The run under way, and how well its network did last.
fn progress_of(report: &FinetuneReport) -> String {
    let Some(run) = report.runs.last() else { return String::new() };
    let accuracy = run.final_accuracy().unwrap_or(run.start_accuracy);
    let epochs = run.epochs.len();
    format!("{} at {}, {} after {epochs} epochs", run.rule, run.sparsity, percent(accuracy))
}

fn print(context: &Context, report: &FinetuneReport) -> anyhow::Result<()> {
    let epochs: Vec<String> =
        (1..=report.plan.training.epochs).map(|epoch| format!("epoch {epoch}")).collect();
    let start = match report.plan.repair {
        Repair::None => "pruned",
        _ => "repaired",
    };
    let columns: Vec<&str> =
        ["rule", "sparsity", start].into_iter().chain(epochs.iter().map(String::as_str)).collect();
    let row = |run: &FinetuneRun| {
        let epochs =
            run.epochs.iter().map(|epoch| epoch.test_accuracy.map_or_else(|| NONE.into(), percent));
        [run.rule.to_string(), run.sparsity.to_string(), percent(run.start_accuracy)]
            .into_iter()
            .chain(epochs)
            .collect()
    };
    let summary = format!(
        "dense {}; {} test images of {}",
        percent(report.dense_accuracy),
        report.plan.evaluation_images,
        report.origin.dataset
    );
    let rows = report.runs.iter().map(row).collect();
    let csv = Csv { lines: "runs.epochs", columns: &CSV_COLUMNS };
    Report { value: report, csv, columns: &columns, rows, summary: Some(summary) }
        .print(context.format)
}
