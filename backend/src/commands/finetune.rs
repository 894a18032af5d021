//! `rrlab finetune`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use burn::tensor::read_sync;
use rrlab_engine::finetune::{FinetuneState, Finetuning};
use rrlab_engine::model::Model;
use rrlab_engine::watch::{Progress, Stopped};
use rrlab_types::{Distillation, FinetunePlan, FinetuneReport, FinetuneRun, Repair, TrainingPlan};

use super::{Context, measured, read_model, read_or_measure_profile, state_path};
use crate::cli::FinetuneArgs;
use crate::output::{Report, percent};
use crate::progress;
use crate::storage::{Saving, read, write_atomically, write_model};

pub fn run(context: &Context, args: &FinetuneArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint())?;
    let dataset = context.data.load(&args.dataset)?;
    model.check_classes(&dataset)?;
    if let Some(folder) = &args.models {
        std::fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    }
    let device = context.device()?;
    let parts = (&model, &dataset, &device);
    let profile = read_or_measure_profile(context, args.profile.as_deref(), parts, args.images)?;
    let plan = plan(context, args, dataset.test.len())?;
    let state_path = state_path(&args.out);
    let previous = previous(&state_path)?;
    let tuning = Finetuning {
        measured: measured(&model, &profile)?,
        dataset: &dataset,
        device: &device.device,
        device_name: &device.name,
    };
    let bar = progress::bar("fine-tuning (steps)", 0);
    let mut saving = Saving::new(&state_path, Duration::from_secs(args.save_every));
    let mut unwritten = None;
    let report = read_sync(tuning.run(plan, previous, async |under_way, progress| {
        match progress {
            Progress::Run(report) => bar.set_message(described(report)),
            Progress::Tuned(run, tuned) => {
                if let Err(error) = args.models.as_deref().map_or(Ok(()), |folder| keep(folder, run, tuned)) {
                    unwritten = Some(error);
                    return Err(Stopped);
                }
            }
            _ => {}
        }
        let Some(under_way) = under_way else { return Ok(()) };
        let (done, total) = under_way.steps();
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        saving.save_if_due(async || Ok(under_way.state().await?.to_bytes()?)).await
    }));
    bar.finish_and_clear();
    if let Some(error) = unwritten {
        return Err(error);
    }
    let report = saving.outcome(report)?;
    write_atomically(&args.out, &serde_json::to_vec_pretty(&report)?)?;
    std::fs::remove_file(&state_path).ok();
    print(context, &report)
}

fn plan(context: &Context, args: &FinetuneArgs, test_images: usize) -> anyhow::Result<FinetunePlan> {
    let distillation = args.distill.map(|weight| Distillation { weight, temperature: args.temperature });
    Ok(FinetunePlan {
        rules: args.rules.clone(),
        sparsities: args.sparsities.clone(),
        repair: args.repair,
        settings: args.settings.settings(args.rule_repair)?,
        constraints: args.force.clone(),
        calibration_images: args.images,
        evaluation_images: args.test_images.unwrap_or(test_images).min(test_images),
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
    let broken = || format!("{} is no fine-tuning to go on from; delete it or choose another --out", path.display());
    let state = FinetuneState::from_bytes(&read(path)?).with_context(broken)?;
    eprintln!("going on from {} (run {}, epoch {})", path.display(), state.report.runs.len(), state.training.epoch + 1);
    Ok(Some(state))
}

fn keep(folder: &Path, run: &FinetuneRun, model: &Model) -> anyhow::Result<()> {
    write_model(&folder.join(format!("{}-{}.safetensors", run.rule, run.sparsity)), model)
}

fn described(report: &FinetuneReport) -> String {
    let Some(run) = report.runs.last() else { return String::new() };
    let accuracy = run.final_accuracy().unwrap_or(run.start_accuracy);
    format!("{} at {}, epoch {}: {}", run.rule, run.sparsity, run.epochs.len(), percent(accuracy))
}

fn print(context: &Context, report: &FinetuneReport) -> anyhow::Result<()> {
    let epochs: Vec<String> = (1..=report.plan.training.epochs).map(|epoch| format!("epoch {epoch}")).collect();
    let start = match report.plan.repair {
        Repair::None => "pruned",
        _ => "repaired",
    };
    let columns: Vec<&str> = ["rule", "sparsity", start].into_iter().chain(epochs.iter().map(String::as_str)).collect();
    let row = |run: &FinetuneRun| {
        let epochs = run.epochs.iter().map(|epoch| epoch.test_accuracy.map_or_else(|| "–".into(), percent));
        [run.rule.to_string(), run.sparsity.to_string(), percent(run.start_accuracy)]
            .into_iter()
            .chain(epochs)
            .collect()
    };
    let summary = format!(
        "dense {}; {} test images of {}",
        percent(report.dense_accuracy),
        report.plan.evaluation_images,
        report.dataset
    );
    let rows = report.runs.iter().map(row).collect();
    Report { value: report, columns: &columns, rows, summary: Some(summary) }.print(context.format)
}
