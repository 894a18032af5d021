//! `rrlab inspect`.

use rrlab_engine::data::Normalization;
use rrlab_engine::import::Hint;
use rrlab_engine::model::Model;
use rrlab_types::{
    FeatureShape, ImagesHash, ModelHash, ModelProfile, ProfileHash, PrunedFrom, RepairOperator,
    Role, Sparsity,
};
use serde::Serialize;

use super::context::{Context, read_model};
use crate::cli::{InspectArgs, PointArgs};
use crate::file_kind::{FileKind, Wanted, WrongKind};
use crate::output::{Csv, Report, shape};
use crate::storage::{read, read_profile};

const PROFILE_COLUMNS: [&str; 12] = [
    "name",
    "role",
    "weights",
    "raw",
    "residual",
    "rr",
    "sensitivity",
    "share",
    "sparsity",
    "repair",
    "profile_hash",
    "model_hash",
];

const MODEL_COLUMNS: [&str; 7] =
    ["name", "role", "shape", "weights", "nonzero", "macs", "model_hash"];

#[derive(Serialize)]
struct ProfileView {
    profile_hash: ProfileHash,
    model_hash: Option<ModelHash>,
    images_hash: Option<ImagesHash>,
    sparsity: Sparsity,
    repair: RepairOperator,
    layers: Vec<LayerView>,
}

#[derive(Serialize)]
struct LayerView {
    name: String,
    role: Role,
    weights: usize,
    raw: f64,
    residual: f64,
    rr: f64,
    /// Nothing in a profile of version 1 or 2.
    sensitivity: Option<f64>,
    share: f64,
}

#[derive(Serialize)]
struct ModelView {
    architecture: String,
    classes: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    class_names: Vec<String>,
    image: FeatureShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    resize: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalization: Option<Normalization>,
    parameters: usize,
    prunable_weights: usize,
    macs: u64,
    model_hash: ModelHash,
    pruned_from: Option<PrunedFrom>,
    history: Vec<String>,
    layers: Vec<ModelLayerView>,
}

#[derive(Serialize)]
struct ModelLayerView {
    name: String,
    role: Role,
    shape: Vec<usize>,
    weights: usize,
    nonzero: usize,
    macs: u64,
}

pub fn run(context: &Context, args: &InspectArgs) -> anyhow::Result<()> {
    match FileKind::of(&read(&args.file)?) {
        FileKind::Profile => print_profile(context, &read_profile(&args.file)?, args.point),
        FileKind::Model | FileKind::OtherSafetensors | FileKind::Pytorch | FileKind::Onnx => {
            let preprocessing = args.preprocessing.read()?;
            let hint = Hint { network: args.network.hint(), preprocessing };
            print_model(context, &read_model(&args.file, hint)?)
        }
        other => Err(WrongKind::new(&args.file, other, Wanted::Inspected).into()),
    }
}

/// Prints a profile's layers at a point of their curves.
pub fn print_profile(
    context: &Context,
    profile: &ModelProfile,
    point: PointArgs,
) -> anyhow::Result<()> {
    let density = point.sparsity.density().get();
    let prunable = profile.graph.prunable_layers();
    let layers = prunable.iter().zip(&profile.layers).map(|(shape, layer)| LayerView {
        name: layer.name.clone(),
        role: shape.role,
        weights: shape.weights,
        raw: layer.raw_at(density),
        residual: layer.residual_at(point.repair, density),
        rr: layer.rr_at(point.repair, density),
        sensitivity: layer.sensitivity(),
        share: layer.share,
    });
    let view = ProfileView {
        profile_hash: profile.hash(),
        model_hash: profile.model_hash,
        images_hash: profile.measurement.images_hash,
        sparsity: point.sparsity,
        repair: point.repair,
        layers: layers.collect(),
    };
    let network = view.model_hash.map_or_else(
        || "a network that it does not name".into(),
        |hash| format!("network {}", hash.short()),
    );
    let row = |layer: &LayerView| {
        let mut cells = vec![layer.name.clone(), layer.role.to_string(), layer.weights.to_string()];
        let measured = [
            Some(layer.raw),
            Some(layer.residual),
            Some(layer.rr),
            layer.sensitivity,
            Some(layer.share),
        ];
        let cell = |value: f64| format!("{value:.4}");
        cells.extend(measured.map(|value| value.map_or_else(|| "–".into(), cell)));
        cells
    };
    let measurement = &profile.measurement;
    let report = Report {
        value: &view,
        csv: Csv { lines: "layers", columns: &PROFILE_COLUMNS },
        columns: &[
            "layer",
            "role",
            "weights",
            "raw distortion",
            "residual distortion",
            "RR",
            "sensitivity",
            "share",
        ],
        rows: view.layers.iter().map(row).collect(),
        summary: Some(format!(
            "profile {} of {network}\nat sparsity {} with {}, on {} (seed {}, {})",
            view.profile_hash.short(),
            point.sparsity,
            point.repair,
            measurement.images_in_words(),
            measurement.seed,
            measurement.device
        )),
    };
    report.print(context.format)
}

fn print_model(context: &Context, model: &Model) -> anyhow::Result<()> {
    let layers = model.graph().prunable_layers().into_iter().map(|layer| ModelLayerView {
        name: layer.name.into(),
        role: layer.role,
        nonzero: model.nonzero_weights(layer.name),
        shape: layer.weight_shape,
        weights: layer.weights,
        macs: layer.macs,
    });
    let view = ModelView {
        architecture: model.graph().architecture().to_owned(),
        classes: model.graph().classes(),
        class_names: model.info.class_names.clone(),
        image: model.graph().image(),
        resize: model.info.resize,
        normalization: model.info.normalization,
        parameters: model.graph().parameters(),
        prunable_weights: model.graph().prunable_weights(),
        macs: model.graph().nodes().iter().map(|node| node.macs).sum(),
        model_hash: model.hash(),
        pruned_from: model.info.pruned_from,
        history: model.info.history.clone(),
        layers: layers.collect(),
    };
    let row = |layer: &ModelLayerView| {
        let numbers =
            [layer.weights.to_string(), layer.nonzero.to_string(), layer.macs.to_string()];
        [layer.name.clone(), layer.role.to_string(), shape(&layer.shape)]
            .into_iter()
            .chain(numbers)
            .collect()
    };
    let mut summary = format!(
        "network {}: {} with {} classes, {} parameters, {} of them prunable weights, {} multiply-accumulates an image",
        view.model_hash.short(),
        view.architecture,
        view.classes,
        view.parameters,
        view.prunable_weights,
        view.macs
    );
    summary.push_str(&format!("\nimages: {}", images(&view)));
    if !view.class_names.is_empty() {
        summary.push_str(&format!("\nclasses: {}", names(&view.class_names)));
    }
    view.history.iter().for_each(|line| summary.push_str(&format!("\n{line}")));
    let report = Report {
        value: &view,
        csv: Csv { lines: "layers", columns: &MODEL_COLUMNS },
        columns: &["layer", "role", "shape", "weights", "not 0", "MACs"],
        rows: view.layers.iter().map(row).collect(),
        summary: Some(summary),
    };
    report.print(context.format)
}

/// What the network expects of images, in words.
fn images(view: &ModelView) -> String {
    let mut words = vec![view.image.to_string()];
    words.extend(view.resize.map(|resize| format!("of images scaled to {resize} pixels")));
    words.extend(view.normalization.map(|normal| format!("normalised by {normal}")));
    words.join(", ")
}

/// The first names of a long list.
fn names(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown}, … ({} in all)", names.len()) } else { shown }
}
