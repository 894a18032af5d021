//! Calibration the direct way: convolve with each pruned weight and accumulate moments. Slow, and
//! the reference that the cheap way is held against.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{ChannelMoments, Op};

use super::weights::LayerWeights;
use crate::kernels::{channel_products, channel_sums};
use crate::network::weighted_output;
use crate::prune::magnitude_mask;
use crate::sums::Sums;
use crate::transfer::upload;

/// Sums of one layer at every sparsity.
#[derive(Debug, Clone)]
pub struct DirectSums {
    op: Op,
    /// The pruned weight at each sparsity.
    pruned: Vec<Tensor<4>>,
    /// At each sparsity Σy, Σy², Σŷ, Σŷ², Σyŷ of each channel over images and positions, without
    /// the bias: `[5, channels]`.
    sums: Vec<Sums>,
    /// Images times positions so far.
    count: f64,
}

impl DirectSums {
    /// Sums before the first batch, for the layer pruned to each of these counts. `like` is the
    /// layer's weight on the device, `[out, in / groups, rows, columns]`.
    pub fn new(op: Op, layer: &LayerWeights, kept: &[usize], like: &Tensor<4>) -> Self {
        let pruned = kept.iter().map(|&kept| pruned_weight(&layer.weights, kept, like)).collect();
        Self { op, pruned, sums: vec![Sums::default(); kept.len()], count: 0.0 }
    }

    /// Takes a batch into account.
    ///
    /// # Shapes
    /// - `input`: the layer's input, `[batch, in, height, width]`
    /// - `dense`: the layer's weight, `[out, in / groups, rows, columns]`
    /// - `positions`: images of the batch times positions of the output
    pub async fn add(
        &mut self,
        input: &Tensor<4>,
        dense: Tensor<4>,
        positions: usize,
    ) -> Result<(), ExecutionError> {
        let output = weighted_output(self.op, dense, input.clone());
        let dense_sums = [channel_sums(output.clone()), channel_products(&output, &output)];
        for (weight, sums) in self.pruned.iter().zip(&mut self.sums) {
            let pruned = weighted_output(self.op, weight.clone(), input.clone());
            let [dense_first, dense_second] = dense_sums.clone();
            let in_order_of_sums = vec![
                dense_first,
                dense_second,
                channel_sums(pruned.clone()),
                channel_products(&pruned, &pruned),
                channel_products(&output, &pruned),
            ];
            sums.add(Tensor::cat(in_order_of_sums, 0)).await?;
        }
        self.count += positions as f64;
        Ok(())
    }

    /// Moments of every channel at each sparsity, `[sparsity][channel]`.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn channel_moments(
        self,
        layer: &LayerWeights,
    ) -> Result<Vec<Vec<ChannelMoments>>, ExecutionError> {
        let mut levels = Vec::new();
        for sums in self.sums {
            let sums = sums.finish().await?;
            let moments_of = |channel: usize| {
                let mean_of = |which: usize| sums[which * layer.channels + channel] / self.count;
                layer.moments_of(channel, [0, 1, 2, 3, 4].map(mean_of))
            };
            levels.push((0..layer.channels).map(moments_of).collect());
        }
        Ok(levels)
    }
}

/// The layer's weight with all but the `kept` largest removed, in the shape and on the device of
/// `like`.
fn pruned_weight(weights: &[f32], kept: usize, like: &Tensor<4>) -> Tensor<4> {
    let mut values = weights.to_vec();
    for (value, stays) in values.iter_mut().zip(magnitude_mask(weights, kept)) {
        if !stays {
            *value = 0.0;
        }
    }
    upload(&values, like.dims(), &like.device())
}
