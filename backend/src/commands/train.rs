//! `rrlab train`.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use burn::tensor::read_sync;
use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint;
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::train::{Trainer, TrainingState};
use rrlab_engine::watch::Progress;
use rrlab_types::{EpochReport, TrainingPlan};
use serde::Serialize;

use super::context::{Context, follow, model_bytes, state_path, training_bytes};
use crate::cli::TrainArgs;
use crate::destination::Destination;
use crate::interrupt::Interrupt;
use crate::output::{Csv, Report, percent};
use crate::progress::say;
use crate::storage::{Saving, read};

#[derive(Serialize)]
struct Summary {
    architecture: String,
    dataset: String,
    epochs: Vec<EpochReport>,
    test_accuracy: f64,
    seconds: f64,
}

pub fn run(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    let architecture = args
        .network
        .arch
        .context("name the network to train with --arch, such as --arch resnet20")?;
    let plan = plan(context, args);
    plan.check()?;
    let summary = context.data.summary(&args.dataset)?;
    let graph = architecture.graph(args.network.classes.unwrap_or(summary.classes))?;
    let room = training_bytes(&graph) + model_bytes(&graph);
    let out = Destination::check("--out", &args.out, args.saving.overwrite.into(), room)?;
    let state_path = state_path(&args.out);
    let resumed = match state_path.exists() {
        true => Some(resumed(&state_path, &architecture, &summary.name, &plan)?),
        false => None,
    };
    let dataset = context.dataset(&args.dataset)?;
    let state = resumed.unwrap_or_else(|| {
        TrainingState::start(Model::untrained(graph, &dataset, context.seed), plan.clone())
    });
    let device = context.device()?;
    let trainer = Trainer::new(state, &dataset, &device.device)?;
    let interrupt = Interrupt::listen()?;
    let started = Instant::now();
    let saving = Saving::new(&state_path, args.saving.every(), &interrupt);
    let (mut model, epochs) = train(context, "training", trainer, saving)?;
    let seconds = started.elapsed().as_secs_f64();
    let network = Network::new(&model, &device.device);
    let everything: Vec<usize> = (0..dataset.test.len()).collect();
    let meter = context.progress.count("evaluating", "images", everything.len());
    let watch = follow(&meter, &interrupt);
    let evaluated =
        read_sync(accuracy(&network, &dataset.test, &everything, &dataset.normalization, watch));
    drop(meter);
    let test_accuracy = interrupt.outcome(evaluated, Some(&state_path))?;
    model.note_training(&plan, &dataset, test_accuracy, dataset.test.len());
    out.write(&checkpoint::write(&model)?)?;
    std::fs::remove_file(&state_path).ok();
    print(
        context,
        &Summary {
            architecture: model.graph().architecture().to_owned(),
            dataset: dataset.name,
            epochs,
            test_accuracy,
            seconds,
        },
    )
}

fn plan(context: &Context, args: &TrainArgs) -> TrainingPlan {
    TrainingPlan {
        epochs: args.epochs,
        batch_size: args.batch_size,
        learning_rate: args.learning_rate,
        schedule: args.schedule.into(),
        label_smoothing: args.label_smoothing,
        augment: !args.no_augmentation,
        seed: context.seed,
        ..TrainingPlan::default()
    }
}

/// The state that an earlier call left, if that call asked for the same.
fn resumed(
    path: &Path,
    architecture: &Architecture,
    dataset: &str,
    plan: &TrainingPlan,
) -> anyhow::Result<TrainingState> {
    let state =
        TrainingState::from_bytes(&read(path)?).with_context(|| path.display().to_string())?;
    let same = state.plan == *plan
        && state.model.graph().architecture() == architecture.to_string()
        && state.model.info.dataset.as_deref() == Some(dataset);
    ensure!(
        same,
        "{} is the state of a training with other settings; repeat those, or delete it to begin anew",
        path.display()
    );
    note_going_on(path, &state);
    Ok(state)
}

/// Says where a training goes on.
pub fn note_going_on(path: &Path, state: &TrainingState) {
    say(&format!(
        "going on from {} (epoch {}, step {})",
        path.display(),
        state.epoch + 1,
        state.step + 1
    ));
}

/// Trains to the end, under a bar that says what is done. What was trained is saved then too:
/// evaluation comes next, and may be interrupted.
pub fn train(
    context: &Context,
    doing: &'static str,
    mut trainer: Trainer<'_>,
    mut saving: Saving<'_>,
) -> anyhow::Result<(Model, Vec<EpochReport>)> {
    let meter = context.progress.count(doing, "steps", trainer.total_steps());
    meter.begin_at(trainer.steps_done());
    let trained = read_sync(trainer.run(&[], async |trainer, progress| {
        if let Progress::Step(step) = progress {
            meter.advance(1);
            if let Some((loss, accuracy)) = trainer.log().so_far() {
                let mut words = format!("epoch {}, loss {loss:.3}", step.epoch + 1);
                if trainer.plan().reads_labels() {
                    words.push_str(&format!(", accuracy {}", percent(accuracy)));
                }
                meter.describe(words);
            }
        }
        saving
            .save_if_due(trainer.is_finished(), async || Ok(trainer.state().await?.to_bytes()?))
            .await
    }));
    drop(meter);
    saving.outcome(trained)?;
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
