//! How much of a residual sum's variance comes from its branch, and how much from its shortcut.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{LayerGraph, NodeId, Op};

use crate::network::{channel_sums, download};

/// Σx and Σx² of each channel of both inputs of every residual sum.
pub struct StreamSums {
    sums: Vec<(NodeId, [Side; 2])>,
    pending: Vec<(usize, usize, Tensor<1>)>,
}

#[derive(Default)]
struct Side {
    values: Vec<f64>,
    count: f64,
}

impl Side {
    /// Sum of the channels' variances.
    fn variance(&self) -> f64 {
        let (first, second) = self.values.split_at(self.values.len() / 2);
        let of = |(first, second): (&f64, &f64)| (second / self.count - (first / self.count).powi(2)).max(0.0);
        first.iter().zip(second).map(of).sum()
    }
}

impl StreamSums {
    /// Of no images yet.
    pub fn new(graph: &LayerGraph) -> Self {
        let sums = graph.ids().filter(|&id| graph.node(id).op == Op::Add);
        Self { sums: sums.map(|id| (id, Default::default())).collect(), pending: Vec::new() }
    }

    /// Looks at the inputs of a node; those of a residual sum are taken into account.
    pub fn observe(&mut self, id: NodeId, inputs: &[Tensor<4>]) {
        let Ok(index) = self.sums.binary_search_by_key(&id, |(id, _)| *id) else { return };
        for (side, input) in inputs.iter().enumerate() {
            let [batch, _, height, width] = input.dims();
            let sums = vec![channel_sums(input.clone()), channel_sums(input.clone() * input.clone())];
            self.pending.push((index, side, Tensor::cat(sums, 0)));
            self.sums[index].1[side].count += (batch * height * width) as f64;
        }
    }

    /// Reads what the batch left on the device.
    pub async fn finish_batch(&mut self) -> Result<(), ExecutionError> {
        for (index, side, tensor) in std::mem::take(&mut self.pending) {
            let values = download(tensor).await?;
            let sums = &mut self.sums[index].1[side].values;
            sums.resize(values.len(), 0.0);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        }
        Ok(())
    }

    /// Share of each node's side in the variance of the sum that it joins, by node; 1 outside residual blocks.
    pub fn shares(&self, graph: &LayerGraph) -> Vec<f64> {
        let mut shares = vec![1.0; graph.nodes.len()];
        for ((id, sides), block) in self.sums.iter().zip(graph.residual_blocks()) {
            let variance_from = |end: NodeId| {
                let side = graph.node(*id).inputs.iter().position(|&input| input == end).unwrap_or(0);
                sides[side].variance()
            };
            let (branch, shortcut) = (variance_from(block.branch_end), variance_from(block.shortcut_end));
            let total = branch + shortcut;
            let share = |part: f64| if total > 0.0 { part / total } else { 0.5 };
            block.branch.iter().for_each(|layer| shares[layer.0] = share(branch));
            block.shortcut.iter().for_each(|layer| shares[layer.0] = share(shortcut));
        }
        shares
    }
}
