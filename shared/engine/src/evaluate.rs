//! Accuracy of a network on labelled images.

use rrlab_types::Evaluation;

use crate::data::{Dataset, ImageSet, Sample, Split, images_to_device};
use crate::model::{Model, Normalization};
use crate::network::Network;
use crate::train::count_correct;
use crate::watch::{Interrupted, Progress, Stopped};

/// Images in one pass of evaluation and calibration.
pub const BATCH: usize = 128;

/// Fraction of these images of a set whose highest logit is their class.
///
/// # Errors
/// If the device fails or the watcher ends it.
pub async fn accuracy(
    network: &Network,
    set: &ImageSet,
    indices: &[usize],
    normalization: &Normalization,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<f64, Interrupted> {
    let mut correct = 0;
    for chunk in indices.chunks(BATCH) {
        let samples: Vec<Sample> = chunk.iter().map(|&index| index.into()).collect();
        let images = images_to_device(set, &samples, normalization, network.device());
        let labels: Vec<u32> = chunk.iter().map(|&index| set.labels()[index]).collect();
        correct += count_correct(network.forward(images).argmax(1), &labels).await?;
        watch(Progress::Images(chunk.len())).await?;
    }
    Ok(correct as f64 / indices.len() as f64)
}

/// An accuracy with what it is of: `name` says which model, `images` of how many.
pub fn evaluation(
    name: &str,
    model: &Model,
    dataset: &Dataset,
    split: Split,
    images: usize,
    device: &str,
    accuracy: f64,
) -> Evaluation {
    let layers = model.graph.prunable_layers();
    Evaluation {
        model: name.into(),
        model_hash: model.hash(),
        pruned_from: model.info.pruned_from,
        dataset: dataset.name.clone(),
        split: split.to_string(),
        images,
        device: device.into(),
        accuracy,
        nonzero_weights: layers.iter().map(|layer| model.nonzero_weights(layer.name)).sum(),
        weights: model.graph.prunable_weights(),
    }
}
