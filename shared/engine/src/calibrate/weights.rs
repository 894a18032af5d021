//! Weights of a layer as calibration reads them.

use rrlab_types::{CURVE_SPARSITIES, ChannelMoments, Density, NodeId};

use crate::model::Model;

/// Weights of one prunable layer on the host.
pub struct LayerWeights {
    /// `[channels, patch]`: for each output channel a weight for each entry of an input patch of
    /// its group, in the order input channel, row, column.
    pub weights: Vec<f32>,
    /// Output channels.
    pub channels: usize,
    /// `[channels]`.
    bias: Option<Vec<f32>>,
}

impl LayerWeights {
    /// A layer without a bias from its weights, `[channels, patch]`.
    #[cfg(test)]
    pub fn new(weights: Vec<f32>, channels: usize) -> Self {
        Self { weights, channels, bias: None }
    }

    /// Weights and bias of this node, which must be a prunable one.
    pub fn of(model: &Model, node: NodeId) -> Self {
        let node = model.graph().node(node);
        let weight = model.tensor(&node.name, "weight");
        let bias = || model.tensor(&node.name, "bias").values().to_vec();
        Self {
            weights: weight.values().to_vec(),
            channels: weight.shape()[0],
            bias: node.op.has_bias().then(bias),
        }
    }

    /// Entries of an input patch of one group: input channels / groups · rows · columns.
    pub fn patch(&self) -> usize {
        self.weights.len() / self.channels
    }

    /// Bias of an output channel; 0 for a layer without one.
    fn bias_of(&self, channel: usize) -> f64 {
        self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[channel]))
    }

    /// Moments of an output channel from the means `[E[y], E[y²], E[ŷ], E[ŷ²], E[yŷ]]` of its
    /// outputs without the bias.
    pub fn moments_of(&self, channel: usize, [y, yy, p, pp, yp]: [f64; 5]) -> ChannelMoments {
        let bias = self.bias_of(channel);
        ChannelMoments {
            mean: y + bias,
            // Rounding can leave the difference of two equal numbers below 0.
            variance: (yy - y * y).max(0.0),
            pruned_mean: p + bias,
            pruned_variance: (pp - p * p).max(0.0),
            covariance: yp - y * p,
        }
    }

    /// Weights kept at each of [`CURVE_SPARSITIES`].
    pub fn kept_counts(&self) -> Vec<usize> {
        let kept = |sparsity: f64| match Density::new(1.0 - sparsity) {
            Ok(density) => density.kept_of(self.weights.len()),
            // A layer never loses its last weight.
            Err(_) => 1,
        };
        CURVE_SPARSITIES.into_iter().map(kept).collect()
    }
}
