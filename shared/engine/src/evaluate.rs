//! Accuracy of a network on labelled images.

use crate::data::{ImageSet, Sample, images_to_device};
use crate::model::Normalization;
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
