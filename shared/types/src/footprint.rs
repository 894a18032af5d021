//! What a network takes before and after pruning, in computation and in storage.

use serde::Serialize;

use crate::graph::LayerGraph;

/// Bytes of a value in single precision.
const VALUE_BYTES: u64 = 4;

/// Multiply-accumulates for one image, and bytes in single precision. What pruning saves of the
/// first is theoretical: a device that skips single zeros would save it, and common ones do not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Footprint {
    /// Multiply-accumulates of the dense network.
    pub macs: u64,
    /// Of these, the ones with weights that stay.
    pub kept_macs: u64,
    /// All weights, biases and norms' scales and shifts.
    pub dense_bytes: u64,
    /// The same with the weights that stay alone and a bit for each weight that says which those
    /// are; a layer that is smaller as it is stays as it is.
    pub sparse_bytes: u64,
}

impl Footprint {
    /// Of a network that keeps so many weights of each of its prunable layers, in graph order.
    ///
    /// ```
    /// use rrlab_types::{FeatureShape, Footprint, LayerGraph, Module, NodeId, Op};
    ///
    /// let image = FeatureShape { channels: 16, height: 1, width: 1 };
    /// let linear = Op::Linear { in_features: 16, out_features: 10, bias: true };
    /// let graph = LayerGraph::new("example", image, vec![
    ///     Module { name: "input".into(), op: Op::Input, inputs: vec![] },
    ///     Module { name: "linear".into(), op: linear, inputs: vec![NodeId(0)] },
    /// ])?;
    /// let footprint = Footprint::of(&graph, &[40]);
    /// assert_eq!((footprint.macs, footprint.kept_macs), (160, 40));
    /// assert_eq!(footprint.dense_bytes, 4 * (160 + 10));
    /// assert_eq!(footprint.sparse_bytes, 4 * (40 + 10) + 160 / 8);
    /// assert_eq!(footprint.theoretical_speed_up(), 4.0);
    /// # Ok::<(), rrlab_types::GraphError>(())
    /// ```
    pub fn of(graph: &LayerGraph, kept: &[usize]) -> Self {
        let dense_bytes = VALUE_BYTES * graph.parameters() as u64;
        let mut footprint = Self { macs: 0, kept_macs: 0, dense_bytes, sparse_bytes: dense_bytes };
        for (layer, &kept) in graph.prunable_layers().iter().zip(kept) {
            let (weights, kept) = (layer.weights as u64, kept as u64);
            footprint.macs += layer.macs;
            // Each weight is applied at as many positions as any other of its layer.
            footprint.kept_macs += layer.macs / weights * kept;
            let dense = VALUE_BYTES * weights;
            let sparse = VALUE_BYTES * kept + weights.div_ceil(8);
            footprint.sparse_bytes -= dense - sparse.min(dense);
        }
        footprint
    }

    /// By how much fewer multiply-accumulates there are.
    pub fn theoretical_speed_up(&self) -> f64 {
        self.macs as f64 / self.kept_macs.max(1) as f64
    }
}
