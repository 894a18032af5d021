//! `rrlab prune`.

use anyhow::Context as _;
use burn::tensor::read_sync;
use indicatif::HumanBytes;
use rrlab_engine::calibrated::{Calibrated, PrunedNetwork, reports};
use rrlab_engine::checkpoint::TensorFile;
use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::evaluate::evaluation;
use rrlab_engine::model::Model;
use rrlab_engine::prune::{masks_to_bytes, prune, reparametrised};
use rrlab_engine::tensors::tensor_name;
use rrlab_types::{
    Allocation, Criterion, Evaluation, Footprint, LayerAllocation, ModelHash, PrunableLayer,
    PrunedFrom, Repair, Role,
};
use serde::Serialize;

use super::allocate::{kept_in_all, note_near_collapse};
use super::context::{
    Context, available_images, calibration_images, follow, model_bytes, note_memory, note_unbound,
    read_model,
};
use super::evaluate::accuracy_on;
use crate::cli::PruneArgs;
use crate::destination::{Destination, Existing};
use crate::interrupt::Interrupt;
use crate::model_file::ModelForm;
use crate::output::{Csv, NONE, Report, percent};
use crate::progress::say;
use crate::storage::read_allocation;

/// What was pruned, how it was repaired, and what came of it.
#[derive(Serialize)]
struct PruneReport {
    out: String,
    masks: Option<String>,
    torch_prune: Option<String>,
    footprint: Footprint,
    model_hash: ModelHash,
    pruned_from: Option<PrunedFrom>,
    weights: usize,
    kept: usize,
    criterion: Criterion,
    repair: Repair,
    calibration: Option<CalibrationSet>,
    evaluation: Option<Evaluation>,
    layers: Vec<PrunedLayer>,
}

/// The images that the repair was computed from.
#[derive(Serialize)]
struct CalibrationSet {
    dataset: String,
    images: usize,
}

#[derive(Serialize)]
struct PrunedLayer {
    name: String,
    role: Role,
    weights: usize,
    kept: usize,
    density: f64,
    folded_into: Option<String>,
    folded_as: Option<FoldedAs>,
}

/// Which of a module's tensors the repair changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum FoldedAs {
    /// Scale and shift of a batch norm, and its statistics.
    BatchNorm,
    /// The statistics of a batch norm alone.
    BatchNormStatistics,
    /// Weight and bias of the layer itself.
    WeightAndBias,
    /// Weight of the layer itself, and the batch norm after it.
    WeightAndBatchNorm,
}

const CSV_COLUMNS: [&str; 22] = [
    "name",
    "role",
    "weights",
    "kept",
    "density",
    "folded_into",
    "folded_as",
    "criterion",
    "repair",
    "pruned_from.rule",
    "pruned_from.sparsity",
    "pruned_from.model_hash",
    "pruned_from.profile_hash",
    "model_hash",
    "evaluation.dataset",
    "evaluation.images",
    "evaluation.accuracy",
    "footprint.macs",
    "footprint.kept_macs",
    "footprint.dense_bytes",
    "footprint.sparse_bytes",
    "out",
];

pub fn run(context: &Context, args: &PruneArgs) -> anyhow::Result<()> {
    let form = ModelForm::of(&args.out)?;
    let model = read_model(&args.model.model, args.model.hint()?)?;
    let allocation = read_allocation(&args.allocation)?;
    note_unbound(&args.allocation.display().to_string(), allocation.check_model(&model.hash())?);
    note_near_collapse(&allocation);
    args.criterion.check(args.repair)?;
    // Magnitude needs no images: what does not fit the network is refused before any are read.
    let (pruned, masks) = prune(&model, &allocation)?;
    if form == ModelForm::Onnx {
        // Whether all that pruning and repair will change has a place in the file, before they do.
        form.bytes(&pruned.clone().with_room_for_repair(), Some(&args.model.model))?;
    }
    let existing: Existing = args.overwrite.into();
    let out = Destination::check("--out", &args.out, existing, model_bytes(model.graph()))?;
    let mask_bytes = masks_to_bytes(&pruned, &masks)?.len() as u64;
    let masks_out = match &args.masks {
        Some(path) => Some(Destination::check("--masks", path, existing, mask_bytes)?),
        None => None,
    };
    let torch_out = match &args.torch_prune {
        // Masks beside the weights: twice as much.
        Some(path) => {
            let room = 2 * model_bytes(model.graph());
            Some(Destination::check("--torch-prune", path, existing, room)?)
        }
        None => None,
    };
    let dataset = dataset(context, args, &model)?;
    let device = context.device()?;
    let interrupt = Interrupt::listen()?;
    let (network, calibration) = match &dataset {
        Some(dataset) if needs_images(args) => {
            treated(context, args, (&model, &allocation), dataset, &device, &interrupt)?
        }
        _ => (PrunedNetwork { repaired: pruned.clone(), pruned, masks }, None),
    };
    let PrunedNetwork { pruned, repaired: result, masks } = network;
    if let Some(masks_out) = masks_out {
        masks_out.write(&masks_to_bytes(&pruned, &masks)?)?;
    }
    if let Some(torch_out) = torch_out {
        let tensors = reparametrised(&model, &result, &masks)?;
        torch_out.write(&TensorFile { tensors, ..TensorFile::default() }.to_bytes()?)?;
    }
    out.write(&form.bytes(&result, Some(&args.model.model))?)?;
    let evaluation = match &dataset {
        Some(dataset) => evaluated(context, args, &result, dataset, &device, &interrupt)?,
        None => None,
    };
    let kept: Vec<usize> = allocation.layers.iter().map(|layer| layer.kept).collect();
    let report = PruneReport {
        out: args.out.display().to_string(),
        masks: args.masks.as_ref().map(|path| path.display().to_string()),
        torch_prune: args.torch_prune.as_ref().map(|path| path.display().to_string()),
        footprint: Footprint::of(pruned.graph(), &kept),
        model_hash: result.hash(),
        pruned_from: result.info.pruned_from,
        weights: allocation.weights(),
        kept: allocation.kept,
        criterion: args.criterion,
        repair: args.repair,
        calibration,
        evaluation,
        layers: layers(&allocation, &pruned, &result),
    };
    print(context, &allocation, &report)
}

/// Whether anything but the accuracy depends on images.
fn needs_images(args: &PruneArgs) -> bool {
    args.repair != Repair::None || args.criterion != Criterion::Magnitude
}

/// The data set asked for, else the one that the network was trained on, which is said. None where
/// there is none and nothing but the accuracy depends on it.
fn dataset(context: &Context, args: &PruneArgs, model: &Model) -> anyhow::Result<Option<Dataset>> {
    if let Some(name) = &args.dataset {
        available_images(&context.data.summary(name)?, Split::Train, args.images);
        return Ok(Some(context.dataset_for(model, name)?));
    }
    let needed = needs_images(args);
    let missing = "repair needs images, as do the criteria wanda and obs: name a data set with \
                   --dataset, or choose --repair none with --criterion magnitude";
    let Some(name) = &model.info.dataset else {
        anyhow::ensure!(!needed, missing);
        return Ok(None);
    };
    match context.dataset_for(model, name) {
        Ok(dataset) => {
            say(&format!(
                "note: using {name}, which the network was trained on; --dataset names another"
            ));
            Ok(Some(dataset))
        }
        Err(error) if needed => Err(error).context(missing),
        Err(_) => Ok(None),
    }
}

fn treated(
    context: &Context,
    args: &PruneArgs,
    (model, allocation): (&Model, &Allocation),
    dataset: &Dataset,
    device: &OpenDevice,
    interrupt: &Interrupt,
) -> anyhow::Result<(PrunedNetwork, Option<CalibrationSet>)> {
    let images =
        calibration_images(model, (dataset, Split::Train), None, args.images, context.seed)?;
    let PruneArgs { criterion, repair, .. } = *args;
    note_memory(&[repair], model, images.len(), 1);
    let total = reports(criterion, repair, model.graph(), &images);
    let meter = context.progress.count("repairing", "nodes", total);
    meter.describe(format!("{repair} on {} images", images.len()));
    let set = CalibrationSet { dataset: dataset.name.clone(), images: images.len() };
    let network = read_sync(async {
        let mut watch = follow(&meter, interrupt);
        let calibrated =
            Calibrated::measure(model, images, &device.device, criterion, &mut watch).await?;
        calibrated.prune_and_repair(allocation, repair, &mut watch).await
    });
    drop(meter);
    Ok((interrupt.outcome(network, None)?, Some(set)))
}

/// Accuracy on all test images; none where there are none, or the classes are others than the
/// network's: calibration looks at no labels, so it may be on such images.
fn evaluated(
    context: &Context,
    args: &PruneArgs,
    result: &Model,
    dataset: &Dataset,
    device: &OpenDevice,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Evaluation>> {
    let images: Vec<usize> = (0..dataset.test.len()).collect();
    if images.is_empty() || result.check_classes(dataset).is_err() {
        return Ok(None);
    }
    let accuracy =
        accuracy_on(context, result, (dataset, Split::Test, &images), device, interrupt, None)?;
    let name = args.out.display().to_string();
    Ok(Some(evaluation(&name, result, dataset, Split::Test, images.len(), &device.name, accuracy)))
}

fn layers(allocation: &Allocation, pruned: &Model, repaired: &Model) -> Vec<PrunedLayer> {
    let shares = pruned.graph().prunable_layers().into_iter().zip(&allocation.layers);
    let row = |(layer, share): (PrunableLayer<'_>, &LayerAllocation)| {
        let (folded_into, folded_as) = folded(pruned, repaired, &layer).unzip();
        PrunedLayer {
            name: share.name.clone(),
            role: share.role,
            weights: share.weights,
            kept: share.kept,
            density: share.density,
            folded_into,
            folded_as,
        }
    };
    shares.map(row).collect()
}

/// The module that a layer's repair was folded into, as its tensors tell: those that differ from
/// the pruned network's.
fn folded(
    pruned: &Model,
    repaired: &Model,
    layer: &PrunableLayer<'_>,
) -> Option<(String, FoldedAs)> {
    let changed = |module: &str, tensor: &str| {
        let of = |model: &Model| model.tensors().get(&tensor_name(module, tensor)).cloned();
        of(pruned) != of(repaired)
    };
    let norm = pruned
        .graph()
        .following_batch_norm(layer.node)
        .map(|norm| pruned.graph().node(norm).name.as_str());
    if let Some(norm) = norm {
        if changed(norm, "weight") || changed(norm, "bias") {
            let solved = changed(layer.name, "weight");
            let folded_as = if solved { FoldedAs::WeightAndBatchNorm } else { FoldedAs::BatchNorm };
            return Some((norm.into(), folded_as));
        }
        if changed(norm, "running_mean") || changed(norm, "running_var") {
            return Some((norm.into(), FoldedAs::BatchNormStatistics));
        }
    }
    let changed_itself = changed(layer.name, "weight") || changed(layer.name, "bias");
    changed_itself.then(|| (layer.name.into(), FoldedAs::WeightAndBias))
}

fn print(context: &Context, allocation: &Allocation, report: &PruneReport) -> anyhow::Result<()> {
    let row = |layer: &PrunedLayer| {
        vec![
            layer.name.clone(),
            layer.role.to_string(),
            layer.weights.to_string(),
            layer.kept.to_string(),
            format!("{:.4}", layer.density),
            repair_of(layer),
        ]
    };
    let table = Report {
        value: report,
        csv: Csv { lines: "layers", columns: &CSV_COLUMNS },
        columns: &["layer", "role", "weights", "kept", "density", "repair folded into"],
        rows: report.layers.iter().map(row).collect(),
        summary: Some(summary(allocation, report)),
    };
    table.print(context.format)
}

fn repair_of(layer: &PrunedLayer) -> String {
    match (&layer.folded_into, layer.folded_as) {
        (Some(norm), Some(FoldedAs::BatchNorm)) => format!("batch norm {norm}"),
        (Some(norm), Some(FoldedAs::WeightAndBatchNorm)) => {
            format!("its weight and batch norm {norm}")
        }
        (Some(norm), Some(FoldedAs::BatchNormStatistics)) => {
            format!("statistics of batch norm {norm}")
        }
        (Some(_), Some(FoldedAs::WeightAndBias)) => "its weight and bias".into(),
        _ => NONE.into(),
    }
}

fn summary(allocation: &Allocation, report: &PruneReport) -> String {
    let repair = match (&report.calibration, report.repair) {
        (Some(set), Repair::None) => {
            format!("chosen on {} images of {}, not repaired", set.images, set.dataset)
        }
        (Some(set), repair) => {
            format!("repaired by {repair} on {} images of {}", set.images, set.dataset)
        }
        (None, _) => "not repaired".into(),
    };
    let accuracy = match &report.evaluation {
        Some(found) => {
            format!("accuracy {} on {} test images of {}", percent(found.accuracy), found.images, found.dataset)
        }
        None => "accuracy not measured: no data set with test images of the network's classes is at hand".into(),
    };
    let mut wrote = format!("wrote {} (network {})", report.out, report.model_hash.short());
    if let Some(masks) = &report.masks {
        wrote.push_str(&format!(" and the masks, {masks}"));
    }
    if let Some(torch) = &report.torch_prune {
        wrote.push_str(&format!(" and, as torch.nn.utils.prune has it, {torch}"));
    }
    [kept_in_all(allocation), footprint(&report.footprint), repair, accuracy, wrote].join("\n")
}

/// What pruning saves, in words.
fn footprint(footprint: &Footprint) -> String {
    let millions = |macs: u64| macs as f64 / 1e6;
    format!(
        "multiply-accumulates {:.1} → {:.1} million (a theoretical speed-up of {:.1}), {} dense → {} sparse",
        millions(footprint.macs),
        millions(footprint.kept_macs),
        footprint.theoretical_speed_up(),
        HumanBytes(footprint.dense_bytes),
        HumanBytes(footprint.sparse_bytes),
    )
}
