//! `rrlab evaluate`.

use std::path::Path;

use burn::tensor::read_sync;
use rrlab_engine::data::{Dataset, Split, draw_indices};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::evaluate::{accuracy, evaluation};
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_types::{Binding, Evaluation};

use super::context::{Context, available_images, follow, note_unbound, read_model};
use crate::cli::EvaluateArgs;
use crate::interrupt::Interrupt;
use crate::output::{Csv, Report, percent};
use crate::storage::read_profile;

const CSV_COLUMNS: [&str; 12] = [
    "model",
    "accuracy",
    "dataset",
    "split",
    "images",
    "weights",
    "nonzero_weights",
    "model_hash",
    "pruned_from.rule",
    "pruned_from.sparsity",
    "pruned_from.model_hash",
    "pruned_from.profile_hash",
];

pub fn run(context: &Context, args: &EvaluateArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint()?)?;
    if let Some(path) = &args.profile {
        check_profile(path, &model)?;
    }
    let summary = context.data.summary(&args.dataset)?;
    let split: Split = args.split.into();
    let images = match args.images {
        Some(asked) => available_images(&summary, split, asked),
        None => summary.images(split),
    };
    anyhow::ensure!(images > 0, "evaluation needs at least one image");
    let dataset = context.dataset_for(&model, &args.dataset)?;
    model.check_classes(&dataset)?;
    let set = dataset.split(split);
    let drawn = draw_indices(set, images, context.seed);
    let device = context.device()?;
    let fraction = accuracy_on(
        context,
        &model,
        (&dataset, split, &drawn),
        &device,
        &Interrupt::listen()?,
        None,
    )?;
    let name = args.model.model.display().to_string();
    let evaluation = evaluation(&name, &model, &dataset, split, images, &device.name, fraction);
    let report = Report {
        value: &evaluation,
        csv: Csv { lines: "", columns: &CSV_COLUMNS },
        columns: &["accuracy", "images", "split", "weights", "of which not 0"],
        rows: vec![vec![
            percent(evaluation.accuracy),
            images.to_string(),
            split.to_string(),
            evaluation.weights.to_string(),
            evaluation.nonzero_weights.to_string(),
        ]],
        summary: Some(described(&evaluation)),
    };
    report.print(context.format)
}

/// Accuracy on the images of a split at these indices, with a progress bar. `saved` is the file from
/// which the command goes on when it is stopped, where there is one.
pub fn accuracy_on(
    context: &Context,
    model: &Model,
    (dataset, split, images): (&Dataset, Split, &[usize]),
    device: &OpenDevice,
    interrupt: &Interrupt,
    saved: Option<&Path>,
) -> anyhow::Result<f64> {
    let network = Network::new(model, &device.device);
    let meter = context.progress.count("evaluating", "images", images.len());
    let watch = follow(&meter, interrupt);
    let normalization = model.normalization_of(dataset);
    let measured =
        read_sync(accuracy(&network, dataset.split(split), images, &normalization, watch));
    drop(meter);
    interrupt.outcome(measured, saved)
}

/// Which network it is, and what it was pruned from.
fn described(evaluation: &Evaluation) -> String {
    let network = format!("network {}", evaluation.model_hash.short());
    match &evaluation.pruned_from {
        None => network,
        Some(from) => {
            let profile = from
                .profile_hash
                .map_or_else(String::new, |hash| format!(" and profile {}", hash.short()));
            format!(
                "{network}, pruned by {} to {} from {}{profile}",
                from.rule,
                from.sparsity,
                from.model_hash.short()
            )
        }
    }
}

/// Refuses a profile of another network than this one, or than the dense one that this was pruned
/// from.
fn check_profile(path: &Path, model: &Model) -> anyhow::Result<()> {
    let profile = read_profile(path)?;
    let binding = match &model.info.pruned_from {
        None => profile.check_model(&model.hash())?,
        Some(from) => {
            let remedy = "name the profile that it was pruned by";
            let by =
                profile.hash().check("the pruned network", from.profile_hash.as_ref(), remedy)?;
            if by == Binding::Bound { by } else { profile.check_model(&from.model_hash)? }
        }
    };
    note_unbound(&path.display().to_string(), binding);
    Ok(())
}
