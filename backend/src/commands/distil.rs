//! `rrlab distil`.

use std::path::Path;

use anyhow::{Context as _, ensure};
use burn::tensor::{Device, Tensor, read_sync};
use rrlab_engine::calibrate::CalibrationImages;
use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::judge::Judge;
use rrlab_engine::model::Model;
use rrlab_engine::network::{Network, ParameterMap};
use rrlab_engine::prune::masks_of;
use rrlab_engine::train::{Trainer, TrainingState};
use rrlab_types::{DistillationPlan, EpochReport, ImagesHash, ModelHash, PrunedFrom, TrainingPlan};
use serde::Serialize;

use super::context::{
    Context, available_images, calibration_images, follow, model_bytes, note_unbound, read_model,
    state_path, training_bytes,
};
use super::evaluate::accuracy_on;
use super::train::{note_going_on, train};
use crate::cli::DistilArgs;
use crate::destination::Destination;
use crate::interrupt::Interrupt;
use crate::model_file::ModelForm;
use crate::output::{Csv, Report, percent};
use crate::storage::{Saving, read};

/// What was learned, from what, and what came of it.
#[derive(Serialize)]
struct DistilReport {
    out: String,
    model_hash: ModelHash,
    teacher_hash: ModelHash,
    pruned_from: Option<PrunedFrom>,
    dataset: String,
    /// Images that were learned from.
    images: usize,
    images_hash: ImagesHash,
    plan: TrainingPlan,
    epochs: Vec<Epoch>,
    /// From the dense network, on images that nothing was learned from; none where none are left.
    divergence: Option<BeforeAndAfter>,
    judge_images: usize,
    /// None where there are no test images of the network's classes.
    accuracy: Option<BeforeAndAfter>,
    test_images: usize,
}

/// An epoch without what labels would tell.
#[derive(Serialize)]
struct Epoch {
    epoch: usize,
    /// Mean divergence from the dense network over its images.
    loss: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct BeforeAndAfter {
    before: f64,
    after: f64,
}

const CSV_COLUMNS: [&str; 10] = [
    "epoch",
    "loss",
    "images",
    "dataset",
    "divergence.before",
    "divergence.after",
    "accuracy.before",
    "accuracy.after",
    "model_hash",
    "teacher_hash",
];

/// What a network is judged by, before and after.
struct Yardstick<'a> {
    context: &'a Context,
    dataset: &'a Dataset,
    device: &'a OpenDevice,
    interrupt: &'a Interrupt,
    /// Where the state of learning is kept.
    state_path: &'a Path,
    judge: Option<Judge<'a>>,
}

impl Yardstick<'_> {
    /// Divergence and accuracy, where there are images for them.
    fn measure(&self, model: &Model) -> anyhow::Result<[Option<f64>; 2]> {
        let Self { context, dataset, device, interrupt, state_path, judge } = self;
        let saved = state_path.exists().then_some(*state_path);
        let divergence = match judge {
            None => None,
            Some(judge) => {
                let meter =
                    context.progress.count("measuring the divergence", "images", judge.images());
                let watch = follow(&meter, interrupt);
                let judged = read_sync(judge.divergence(model, &device.device, watch));
                drop(meter);
                Some(interrupt.outcome(judged, saved)?)
            }
        };
        let images: Vec<usize> = (0..dataset.test.len()).collect();
        if images.is_empty() || model.check_classes(dataset).is_err() {
            return Ok([divergence, None]);
        }
        let of_test = (*dataset, Split::Test, images.as_slice());
        Ok([divergence, Some(accuracy_on(context, model, of_test, device, interrupt, saved)?)])
    }
}

pub fn run(context: &Context, args: &DistilArgs) -> anyhow::Result<()> {
    let form = ModelForm::of(&args.out)?;
    let pruned = read_model(&args.model.model, args.model.hint()?)?;
    let teacher = read_model(&args.teacher, args.model.hint()?)?;
    check_teacher(args, &pruned, &teacher)?;
    let plan = plan(context, args);
    plan.check()?;
    if form == ModelForm::Onnx {
        // Whether all that learning will change has a place in the file, before it does.
        form.bytes(&as_if_learned(&pruned)?, Some(&args.model.model))?;
    }
    available_images(&context.data.summary(&args.dataset)?, Split::Train, args.images);
    let room = training_bytes(pruned.graph()) + model_bytes(pruned.graph());
    let out = Destination::check("--out", &args.out, args.saving.overwrite.into(), room)?;
    let state_path = state_path(&args.out);
    let start = TrainingState::start_pruned(pruned.clone(), masks_of(&pruned), plan.clone());
    let state = if state_path.exists() { resumed(&state_path, &start)? } else { start };

    let dataset = context.dataset_for(&pruned, &args.dataset)?;
    let (device, interrupt) = (context.device()?, Interrupt::listen()?);
    let images =
        calibration_images(&pruned, (&dataset, Split::Train), None, args.images, context.seed)?;
    let judge =
        judge(context, (&teacher, &images), args.judge_images, &device, &interrupt, &state_path)?;
    let judge_images = judge.as_ref().map_or(0, Judge::images);
    let yardstick = Yardstick {
        context,
        dataset: &dataset,
        device: &device,
        interrupt: &interrupt,
        state_path: &state_path,
        judge,
    };
    let before = yardstick.measure(&pruned)?;

    let (indices, teaches) = (images.indices().to_vec(), Some(&teacher));
    let trainer = Trainer::on_images(state, &dataset, indices, teaches, &device.device)?;
    let saving = Saving::new(&state_path, args.saving.every(), &interrupt);
    let (mut distilled, epochs) = train(context, "distilling", trainer, saving)?;
    distilled.note_distillation(&plan, &dataset, images.len());
    let after = yardstick.measure(&distilled)?;
    out.write(&form.bytes(&distilled, Some(&args.model.model))?)?;
    std::fs::remove_file(&state_path).ok();

    let [divergence, accuracy] = [0, 1].map(|which| both(before[which], after[which]));
    let report = DistilReport {
        out: args.out.display().to_string(),
        model_hash: distilled.hash(),
        teacher_hash: teacher.hash(),
        pruned_from: distilled.info.pruned_from,
        dataset: dataset.name.clone(),
        images: images.len(),
        images_hash: images.hash(),
        plan,
        epochs: epochs
            .iter()
            .map(|&EpochReport { epoch, loss, .. }| Epoch { epoch, loss })
            .collect(),
        divergence,
        judge_images,
        accuracy,
        test_images: dataset.test.len(),
    };
    print(context, &report)
}

/// The network with every number changed that learning may change, each tensor's by another amount:
/// what shares its place in a file then no longer agrees.
fn as_if_learned(model: &Model) -> anyhow::Result<Model> {
    struct Move(f32);
    impl ParameterMap for Move {
        fn map<const D: usize>(&mut self, _: &str, _: bool, tensor: Tensor<D>) -> Tensor<D> {
            self.0 += 1.0;
            tensor.add_scalar(self.0)
        }
    }
    let mut network = Network::new(model, &Device::flex());
    network.map_trainable(&mut Move(0.0));
    let tensors = read_sync(network.tensors())?;
    Ok(Model::new(model.graph().clone(), tensors, model.info.clone())?)
}

fn both(before: Option<f64>, after: Option<f64>) -> Option<BeforeAndAfter> {
    Some(BeforeAndAfter { before: before?, after: after? })
}

/// Refuses a teacher that the network was not pruned from.
fn check_teacher(args: &DistilArgs, pruned: &Model, teacher: &Model) -> anyhow::Result<()> {
    let what = args.model.model.display().to_string();
    let from = pruned.info.pruned_from.as_ref().map(|from| &from.model_hash);
    let remedy = "name the dense network that it was pruned from with --teacher";
    note_unbound(&what, teacher.hash().check(&what, from, remedy)?);
    let [layers, of_teacher] = [pruned, teacher].map(|model| model.graph().prunable_layers());
    let shapes = layers.iter().map(|layer| (layer.name, &layer.weight_shape));
    ensure!(
        shapes.eq(of_teacher.iter().map(|layer| (layer.name, &layer.weight_shape))),
        "{} has other layers than {what}: {remedy}",
        args.teacher.display(),
    );
    Ok(())
}

fn plan(context: &Context, args: &DistilArgs) -> TrainingPlan {
    let plan = DistillationPlan {
        epochs: args.epochs,
        batch_size: args.batch_size,
        learning_rate: args.learning_rate,
        augment: !args.no_augmentation,
        in_place: !args.shift,
    };
    plan.training(context.seed)
}

/// The state that an earlier call left, if it began like this.
fn resumed(path: &Path, start: &TrainingState) -> anyhow::Result<TrainingState> {
    let state =
        TrainingState::from_bytes(&read(path)?).with_context(|| path.display().to_string())?;
    let same = state.plan == start.plan
        && state.masks == start.masks
        && state.model.graph() == start.model.graph()
        // Says by which repair it began, on how many images.
        && state.model.info == start.model.info;
    ensure!(
        same,
        "{} is the state of a distillation with other settings, or of another network; repeat \
         those, or delete it to begin anew",
        path.display()
    );
    note_going_on(path, &state);
    Ok(state)
}

/// The judge with so many images that nothing is learned from, where any are left.
fn judge<'a>(
    context: &Context,
    (teacher, learned_from): (&Model, &CalibrationImages<'a>),
    count: usize,
    device: &OpenDevice,
    interrupt: &Interrupt,
    state_path: &Path,
) -> anyhow::Result<Option<Judge<'a>>> {
    let Some(others) = learned_from.others(count) else { return Ok(None) };
    let meter = context.progress.count("asking the dense network", "images", others.len());
    let watch = follow(&meter, interrupt);
    let judge = read_sync(Judge::new(teacher, others, &device.device, watch));
    drop(meter);
    let saved = state_path.exists().then_some(state_path);
    Ok(Some(interrupt.outcome(judge, saved)?))
}

fn print(context: &Context, report: &DistilReport) -> anyhow::Result<()> {
    let row = |epoch: &Epoch| vec![epoch.epoch.to_string(), format!("{:.4}", epoch.loss)];
    let mut lines = vec![format!(
        "learned from the dense network's outputs on {} unlabelled images of {}",
        report.images, report.dataset
    )];
    if let Some(BeforeAndAfter { before, after }) = report.divergence {
        lines.push(format!(
            "divergence from it {before:.4} → {after:.4} on {} other images",
            report.judge_images
        ));
    }
    if let Some(BeforeAndAfter { before, after }) = report.accuracy {
        lines.push(format!(
            "accuracy {} → {} on {} test images",
            percent(before),
            percent(after),
            report.test_images
        ));
    }
    lines.push(format!("wrote {} (network {})", report.out, report.model_hash.short()));
    let table = Report {
        value: report,
        csv: Csv { lines: "epochs", columns: &CSV_COLUMNS },
        columns: &["epoch", "divergence while learning"],
        rows: report.epochs.iter().map(row).collect(),
        summary: Some(lines.join("\n")),
    };
    table.print(context.format)
}
