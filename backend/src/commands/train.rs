//! `rrlab train`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use burn::tensor::read_sync;
use rrlab_engine::architecture::Architecture;
use rrlab_engine::data::Dataset;
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::train::{Trainer, TrainingState};
use rrlab_engine::watch::Progress;
use rrlab_types::{EpochReport, TrainingPlan};
use serde::Serialize;

use super::{Context, state_path};
use crate::cli::TrainArgs;
use crate::output::{Csv, Report, percent};
use crate::progress;
use crate::storage::{Saving, read, write_model};

#[derive(Serialize)]
struct Summary {
    architecture: String,
    dataset: String,
    epochs: Vec<EpochReport>,
    test_accuracy: f64,
    seconds: f64,
}

pub fn run(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    let dataset = context.data.load(&args.dataset)?;
    let plan = TrainingPlan {
        epochs: args.epochs,
        batch_size: args.batch_size,
        learning_rate: args.learning_rate,
        schedule: args.schedule.into(),
        label_smoothing: args.label_smoothing,
        augment: !args.no_augmentation,
        seed: context.seed,
        ..TrainingPlan::default()
    };
    let state_path = state_path(&args.out);
    let architecture = args.network.arch.context("name the network to train with --arch, such as --arch resnet20")?;
    let state = if state_path.exists() {
        resumed(&state_path, &architecture, &dataset, &plan)?
    } else {
        started(&architecture, args.network.classes, &dataset, plan.clone(), context.seed)?
    };
    let device = context.device()?;
    let trainer = Trainer::new(state, &dataset, &device.device)?;
    let started = Instant::now();
    let (mut model, epochs) = train(trainer, &state_path, Duration::from_secs(args.save_every))?;
    let seconds = started.elapsed().as_secs_f64();
    let network = Network::new(&model, &device.device);
    let everything: Vec<usize> = (0..dataset.test.len()).collect();
    let bar = progress::bar("evaluating", everything.len());
    let watch = progress::counts_images(&bar);
    let test_accuracy = read_sync(accuracy(&network, &dataset.test, &everything, &dataset.normalization, watch))?;
    bar.finish_and_clear();
    model.note_training(&plan, &dataset, test_accuracy, dataset.test.len());
    write_model(&args.out, &model)?;
    std::fs::remove_file(&state_path).ok();
    print(
        context,
        &Summary { architecture: model.graph.architecture, dataset: dataset.name, epochs, test_accuracy, seconds },
    )
}

fn started(
    architecture: &Architecture,
    classes: Option<usize>,
    dataset: &Dataset,
    plan: TrainingPlan,
    seed: u64,
) -> anyhow::Result<TrainingState> {
    let graph = architecture.graph(classes.unwrap_or(dataset.classes.len()))?;
    let model = Model::untrained(graph, dataset, seed);
    Ok(TrainingState::start(model, plan))
}

/// The state that an earlier call left, if that call asked for the same.
fn resumed(
    path: &Path,
    architecture: &Architecture,
    dataset: &Dataset,
    plan: &TrainingPlan,
) -> anyhow::Result<TrainingState> {
    let state = TrainingState::from_bytes(&read(path)?).with_context(|| path.display().to_string())?;
    let same = state.plan == *plan
        && state.model.graph.architecture == architecture.to_string()
        && state.model.info.dataset.as_ref() == Some(&dataset.name);
    ensure!(
        same,
        "{} is the state of a training with other settings; repeat those, or delete it to begin anew",
        path.display()
    );
    eprintln!("going on from {} (epoch {}, step {})", path.display(), state.epoch + 1, state.step + 1);
    Ok(state)
}

fn train(
    mut trainer: Trainer<'_>,
    state_path: &Path,
    save_every: Duration,
) -> anyhow::Result<(Model, Vec<EpochReport>)> {
    let bar = progress::bar("training (steps)", trainer.total_steps());
    bar.set_position(trainer.steps_done() as u64);
    bar.reset_eta();
    let mut saving = Saving::new(state_path, save_every);
    let trained = read_sync(trainer.run(&[], async |trainer, progress| {
        let Progress::Step(step) = progress else { return Ok(()) };
        bar.inc(1);
        if let Some((loss, accuracy)) = trainer.log().so_far() {
            bar.set_message(format!("epoch {}, loss {loss:.3}, accuracy {}", step.epoch + 1, percent(accuracy)));
        }
        saving.save_if_due(async || Ok(trainer.state().await?.to_bytes()?)).await
    }));
    saving.outcome(trained)?;
    bar.finish_and_clear();
    Ok((read_sync(trainer.model())?, trainer.log().epochs.clone()))
}

fn print(context: &Context, summary: &Summary) -> anyhow::Result<()> {
    let row = |epoch: &EpochReport| {
        vec![epoch.epoch.to_string(), format!("{:.4}", epoch.loss), percent(epoch.train_accuracy)]
    };
    let line = format!(
        "{} on {}: {} on the test images, {:.0} s",
        summary.architecture,
        summary.dataset,
        percent(summary.test_accuracy),
        summary.seconds
    );
    let report = Report {
        value: summary,
        csv: Csv { lines: "epochs", columns: &["epoch", "loss", "train_accuracy"] },
        columns: &["epoch", "loss", "train accuracy"],
        rows: summary.epochs.iter().map(row).collect(),
        summary: Some(line),
    };
    report.print(context.format)
}
