//! Accuracy of a network on labelled images.

use burn::tensor::ExecutionError;

use crate::data::{ImageSet, Sample, images_to_device};
use crate::model::Normalization;
use crate::network::Network;
use crate::train::count_correct;

/// Images in one pass of evaluation and calibration.
pub const BATCH: usize = 128;

/// Fraction of these images of a set whose highest logit is their class. `progress` hears how many images are done.
///
/// # Errors
/// If the device fails.
pub async fn accuracy(
    network: &Network,
    set: &ImageSet,
    indices: &[usize],
    normalization: &Normalization,
    mut progress: impl FnMut(usize),
) -> Result<f64, ExecutionError> {
    let mut correct = 0;
    for chunk in indices.chunks(BATCH) {
        let samples: Vec<Sample> = chunk.iter().map(|&index| index.into()).collect();
        let images = images_to_device(set, &samples, normalization, network.device());
        let labels: Vec<u32> = chunk.iter().map(|&index| set.labels()[index]).collect();
        correct += count_correct(network.forward(images).argmax(1), &labels).await?;
        progress(chunk.len());
    }
    Ok(correct as f64 / indices.len() as f64)
}
