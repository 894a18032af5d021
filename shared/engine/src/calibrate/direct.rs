//! Calibration the direct way: convolve with each pruned weight and accumulate moments. Slow, and the reference that
//! the cheap way is held against.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{ChannelMoments, Op};

use super::LayerWeights;
use crate::model::HostTensor;
use crate::network::{channel_sums, download, upload, weighted_output};
use crate::prune::magnitude_mask;

/// Sums of one layer at one sparsity, per channel.
#[derive(Debug, Clone, Default)]
struct Sums {
    /// Σy, Σy², Σŷ, Σŷ², Σyŷ, each over `channels`.
    values: Vec<f64>,
}

/// Sums of one layer at every sparsity.
#[derive(Debug, Clone)]
pub struct DirectSums {
    op: Op,
    pruned: Vec<Tensor<4>>,
    sums: Vec<Sums>,
    count: f64,
}

impl DirectSums {
    /// Of no images yet.
    pub fn new(op: Op, layer: &LayerWeights, kept: &[usize], like: &Tensor<4>) -> Self {
        let pruned = kept.iter().map(|&kept| {
            let mask = magnitude_mask(&layer.weights, kept);
            let values = layer.weights.iter().zip(mask).map(|(&weight, stays)| if stays { weight } else { 0.0 });
            upload(&HostTensor { shape: like.dims().to_vec(), values: values.collect() }, like.dims(), &like.device())
        });
        Self { op, pruned: pruned.collect(), sums: vec![Sums::default(); kept.len()], count: 0.0 }
    }

    /// Takes a batch into account.
    pub async fn add(&mut self, input: &Tensor<4>, dense: Tensor<4>, positions: usize) -> Result<(), ExecutionError> {
        let output = weighted_output(self.op, dense, input.clone());
        let dense_sums = [channel_sums(output.clone()), channel_sums(output.clone() * output.clone())];
        for (weight, sums) in self.pruned.iter().zip(&mut self.sums) {
            let pruned = weighted_output(self.op, weight.clone(), input.clone());
            let [first, second] = dense_sums.clone();
            let all = vec![
                first,
                second,
                channel_sums(pruned.clone()),
                channel_sums(pruned.clone() * pruned.clone()),
                channel_sums(output.clone() * pruned),
            ];
            let values = download(Tensor::cat(all, 0)).await?;
            sums.values.resize(values.len(), 0.0);
            sums.values.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        }
        self.count += positions as f64;
        Ok(())
    }

    /// Moments of every channel at each sparsity, `[sparsity][channel]`.
    pub fn channel_moments(&self, layer: &LayerWeights) -> Vec<Vec<ChannelMoments>> {
        let of = |sums: &Sums| {
            let mean_of = |which: usize, channel: usize| sums.values[which * layer.channels + channel] / self.count;
            let channel = |channel: usize| {
                let [y, yy, p, pp, yp] = [0, 1, 2, 3, 4].map(|which| mean_of(which, channel));
                let bias = layer.bias_of(channel);
                ChannelMoments {
                    mean: y + bias,
                    variance: (yy - y * y).max(0.0),
                    pruned_mean: p + bias,
                    pruned_variance: (pp - p * p).max(0.0),
                    covariance: yp - y * p,
                }
            };
            (0..layer.channels).map(channel).collect()
        };
        self.sums.iter().map(of).collect()
    }
}
