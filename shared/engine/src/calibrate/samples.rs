//! Calibration of a linear layer with more inputs than there are images: from the inputs
//! themselves, which are fewer numbers than their second moments (`docs/method.md`, section 3).

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{ChannelMoments, magnitude_order};

use super::weights::LayerWeights;
use crate::sums::Rows;
use crate::threads;

/// Samples that are multiplied with all weights at once: each weight then reads one cache line of
/// its input, and the partial outputs of a channel stay in the first cache.
const SAMPLES_AT_ONCE: usize = 64;
/// Sums of a channel at one sparsity: Σŷ, Σŷ², Σyŷ.
const SUMS: usize = 3;

/// The inputs of a linear layer, image after image.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// `[images, features]`.
    values: Rows,
}

impl Samples {
    /// Takes a batch into account.
    ///
    /// # Shapes
    /// - `input`: the layer's input, `[batch, …]` with its features in the order of the weight's
    ///
    /// # Errors
    /// If the device fails.
    pub async fn add(&mut self, input: Tensor<4>) -> Result<(), ExecutionError> {
        self.values.add(input.flatten(1, 3)).await
    }

    /// Moments of every channel where the layer keeps so many weights.
    ///
    /// Each weight is multiplied with its input once: products go into the step between two
    /// sparsities at which the weight drops out, and a channel's output at a sparsity is the sum of
    /// the steps that are left.
    ///
    /// # Shapes
    /// - `kept`: a count for each sparsity, in any order
    /// - output: `[sparsity][channel]`
    ///
    /// # Errors
    /// If the device fails.
    pub async fn channel_moments(
        self,
        layer: &LayerWeights,
        kept: &[usize],
    ) -> Result<Vec<Vec<ChannelMoments>>, ExecutionError> {
        let values = self.values.finish().await?;
        let features = layer.patch();
        let images = values.len() / features;
        let mut ascending: Vec<usize> = kept.to_vec();
        ascending.sort_unstable();
        let steps = steps(layer, &ascending);
        // For each channel Σy, Σy², then SUMS for each sparsity.
        let per_channel = 2 + SUMS * ascending.len();
        let mut sums = vec![0.0f64; layer.channels * per_channel];
        for chunk in values.chunks(SAMPLES_AT_ONCE * features) {
            let inputs = by_feature(chunk, features);
            let of_chunk = threads::map_range(layer.channels, |channel| {
                let row = channel * features..(channel + 1) * features;
                let weights = layer.weights[row.clone()].iter().zip(&steps[row]);
                sums_of_channel(weights, &inputs, ascending.len())
            });
            for (sum, value) in sums.iter_mut().zip(of_chunk.into_iter().flatten()) {
                *sum += value;
            }
        }
        let moments_at = |kept: &usize| {
            let level = ascending.partition_point(|known| known < kept);
            let channels = sums.chunks(per_channel).enumerate();
            channels
                .map(|(channel, sums)| {
                    let at = 2 + SUMS * level;
                    let means = [0, 1, at, at + 1, at + 2].map(|sum| sums[sum] / images as f64);
                    layer.moments_of(channel, means)
                })
                .collect()
        };
        Ok(kept.iter().map(moments_at).collect())
    }
}

/// For each weight how many of these counts, which rise, are too small to keep it.
fn steps(layer: &LayerWeights, ascending: &[usize]) -> Vec<u8> {
    let mut steps = vec![0; layer.weights.len()];
    for (place, index) in magnitude_order(&layer.weights).into_iter().enumerate() {
        let step = ascending.partition_point(|&kept| kept <= place);
        steps[index] = u8::try_from(step).expect("a curve has fewer than 256 points");
    }
    steps
}

/// Samples `[samples, features]` as one array of [`SAMPLES_AT_ONCE`] for each feature; 0 where
/// there are fewer samples.
fn by_feature(samples: &[f32], features: usize) -> Vec<[f32; SAMPLES_AT_ONCE]> {
    let mut inputs = vec![[0.0; SAMPLES_AT_ONCE]; features];
    for (index, sample) in samples.chunks(features).enumerate() {
        for (input, &value) in inputs.iter_mut().zip(sample) {
            input[index] = value;
        }
    }
    inputs
}

/// Σy, Σy², then Σŷ, Σŷ², Σyŷ at each of `levels` sparsities, over one chunk of samples. Outputs of
/// samples that are not there are 0 and add nothing.
fn sums_of_channel<'a>(
    weights: impl Iterator<Item = (&'a f32, &'a u8)>,
    inputs: &[[f32; SAMPLES_AT_ONCE]],
    levels: usize,
) -> Vec<f64> {
    let mut parts = vec![[0.0f32; SAMPLES_AT_ONCE]; levels + 1];
    for ((&weight, &step), input) in weights.zip(inputs) {
        for (part, value) in parts[usize::from(step)].iter_mut().zip(input) {
            *part += weight * value;
        }
    }
    let mut sums = vec![0.0; 2 + SUMS * levels];
    for sample in 0..SAMPLES_AT_ONCE {
        let dense: f64 = parts.iter().map(|part| f64::from(part[sample])).sum();
        sums[0] += dense;
        sums[1] += dense * dense;
        let mut pruned = 0.0;
        for (part, sums) in parts.iter().zip(sums[2..].chunks_mut(SUMS)) {
            pruned += f64::from(part[sample]);
            sums[0] += pruned;
            sums[1] += pruned * pruned;
            sums[2] += dense * pruned;
        }
    }
    sums
}
