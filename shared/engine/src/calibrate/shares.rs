//! How much of a residual sum's variance comes from its branch, and how much from its shortcut.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{LayerGraph, NodeId, Op};

use crate::kernels::{channel_products, channel_sums};
use crate::sums::Sums;

/// Σx and Σx² of each channel of both inputs of every residual sum.
pub struct StreamSums {
    sums: Vec<ResidualSum>,
    /// What the batch at hand left on the device.
    pending: Vec<Pending>,
}

/// A node that adds, with the sums of its two inputs, in their order.
struct ResidualSum {
    node: NodeId,
    inputs: [InputSums; 2],
}

#[derive(Default)]
struct InputSums {
    /// Σx of each channel, then Σx²: `[2, channels]`.
    values: Sums,
    /// Images times positions so far.
    count: f64,
}

/// Sums over one batch of one input, in the order of [`InputSums::values`].
struct Pending {
    /// Index of the residual sum.
    sum: usize,
    /// Which of its inputs.
    input: usize,
    values: Tensor<1>,
}

impl InputSums {
    /// Sum of the channels' variances.
    async fn variance(self) -> Result<f64, ExecutionError> {
        let values = self.values.finish().await?;
        let (first, second) = values.split_at(values.len() / 2);
        let mut sum = 0.0;
        for (first, second) in first.iter().zip(second) {
            // Rounding can leave the difference of two equal numbers below 0.
            sum += (second / self.count - (first / self.count).powi(2)).max(0.0);
        }
        Ok(sum)
    }
}

impl StreamSums {
    /// Sums before the first batch.
    pub fn new(graph: &LayerGraph) -> Self {
        let adding = graph.ids().filter(|&id| graph.node(id).op == Op::Add);
        let sums = adding.map(|node| ResidualSum { node, inputs: Default::default() });
        Self { sums: sums.collect(), pending: Vec::new() }
    }

    /// Looks at the inputs of a node; those of a residual sum are taken into account.
    pub fn observe(&mut self, id: NodeId, inputs: &[Tensor<4>]) {
        // Residual sums are in the order of their nodes.
        let Ok(sum) = self.sums.binary_search_by_key(&id, |sum| sum.node) else { return };
        for (input, values) in inputs.iter().enumerate() {
            let [batch, _, height, width] = values.dims();
            let sums = vec![channel_sums(values.clone()), channel_products(values, values)];
            let of_batch = Tensor::cat(sums, 0);
            self.pending.push(Pending { sum, input, values: of_batch });
            self.sums[sum].inputs[input].count += (batch * height * width) as f64;
        }
    }

    /// Takes what the batch left on the device into account.
    pub async fn finish_batch(&mut self) -> Result<(), ExecutionError> {
        for Pending { sum, input, values } in std::mem::take(&mut self.pending) {
            self.sums[sum].inputs[input].values.add(values).await?;
        }
        Ok(())
    }

    /// Share of each node's side in the variance of the sum that it joins, by node; 1 outside
    /// residual blocks.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn shares(self, graph: &LayerGraph) -> Result<Vec<f64>, ExecutionError> {
        let mut shares = vec![1.0; graph.nodes().len()];
        for (sum, block) in self.sums.into_iter().zip(graph.residual_blocks()) {
            let inputs = &graph.node(sum.node).inputs;
            let [first, second] = sum.inputs;
            let variances = [first.variance().await?, second.variance().await?];
            let variance_from =
                |end: NodeId| variances[inputs.iter().position(|&input| input == end).unwrap_or(0)];
            let branch = variance_from(block.branch_end);
            let shortcut = variance_from(block.shortcut_end);
            let total = branch + shortcut;
            // Where neither varies, neither is the more important one.
            let share = |part: f64| if total > 0.0 { part / total } else { 0.5 };
            for layer in &block.branch {
                shares[layer.0] = share(branch);
            }
            for layer in &block.shortcut {
                shares[layer.0] = share(shortcut);
            }
        }
        Ok(shares)
    }
}
