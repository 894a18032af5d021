//! How large the inputs of each weight are: what Wanda weighs |w| by (Sun et al. 2023).

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use rrlab_types::NodeId;

use super::error::CalibrationError;
use super::images::CalibrationImages;
use super::second_moments::flat_for_linear;
use crate::kernels;
use crate::model::Model;
use crate::network::{Network, window_of};
use crate::sums::Sums;
use crate::watch::{Progress, Stopped};

/// √`E[x²]` of what each weight of an output channel is multiplied by in the dense network.
#[derive(Debug, Clone)]
pub struct InputNorms {
    /// By the layer's name, one for each group of its channels, `[patch]` each.
    layers: BTreeMap<String, Vec<Vec<f64>>>,
}

impl InputNorms {
    /// One pass of the dense network over the calibration images.
    ///
    /// # Errors
    /// If the device fails or the watcher ends it.
    pub async fn measure(
        model: &Model,
        images: &CalibrationImages<'_>,
        device: &Device,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Self, CalibrationError> {
        let network = Network::new(model, device);
        let graph = network.graph();
        let layers = graph.prunable_layers();
        let mut sums = vec![Sums::default(); layers.len()];
        let mut count = 0;
        for batch in images.batches(graph, device) {
            count += batch.dims()[0];
            let mut of_batch = Vec::new();
            let is_layer = |id: NodeId| graph.node(id).role.is_some();
            network.forward_showing(batch, is_layer, |id, inputs| {
                let (op, shape) = (graph.node(id).op, graph.node(id).shape);
                let input = flat_for_linear(op, &inputs[0]);
                let ones = [input.dims()[0], 1, shape.height, shape.width];
                let squares = input.clone() * input;
                let ones = Tensor::ones(ones, device);
                of_batch.push(kernels::patch_products(squares, ones, window_of(op), 1));
            });
            // Prunable layers are in the order of their nodes.
            for (sums, squares) in sums.iter_mut().zip(of_batch) {
                sums.add(squares).await?;
            }
            watch(Progress::Repaired).await?;
        }
        let mut norms = BTreeMap::new();
        for (layer, sums) in layers.iter().zip(sums) {
            let values = (count * graph.node(layer.node).shape.positions()) as f64;
            let sums = sums.finish().await?.into_iter();
            let of_layer: Vec<f64> = sums.map(|sum| (sum / values).sqrt()).collect();
            let patch: usize = layer.weight_shape[1..].iter().product();
            let of_groups = of_layer.chunks(patch).map(<[f64]>::to_vec).collect();
            norms.insert(layer.name.to_owned(), of_groups);
        }
        Ok(Self { layers: norms })
    }

    /// |w|·√`E[x²]` of each weight of a layer, `[channels, patch]` as the weights are.
    ///
    /// # Panics
    /// If the network that was measured has no prunable layer of this name.
    pub fn scores(&self, layer: &str, weights: &[f32]) -> Vec<f32> {
        let groups = &self.layers[layer];
        let mut scores = Vec::with_capacity(weights.len());
        for (weights, norms) in weights.chunks(weights.len() / groups.len()).zip(groups) {
            let pairs = weights.iter().zip(norms.iter().cycle());
            scores.extend(pairs.map(|(weight, norm)| (f64::from(weight.abs()) * norm) as f32));
        }
        scores
    }
}
