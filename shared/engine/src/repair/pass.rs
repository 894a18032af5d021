//! All calibration images at one node of a network after the other, and what is summed over them.

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{LayerGraph, NodeId};

use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::kernels::{channel_products, channel_sums};
use crate::model::Model;
use crate::network::{Activations, Network};
use crate::sums::Sums;
use crate::watch::{Progress, Stopped};

/// Mean and variance of each channel over images and positions.
pub(super) type Statistics = Vec<(f64, f64)>;

/// Outputs of the dense network's prunable layers on the calibration images, summed up once for
/// many repairs.
#[derive(Debug, Clone)]
pub struct DenseStatistics {
    /// By node; `None` for those that are not prunable.
    pub(super) layers: Vec<Option<Statistics>>,
}

/// All batches at the same node of a network.
pub(super) struct Pass {
    batches: Vec<Activations>,
}

impl Pass {
    pub(super) fn new(graph: &LayerGraph, images: &CalibrationImages<'_>, device: &Device) -> Self {
        Self {
            batches: images
                .batches(graph, device)
                .map(|batch| Activations::new(graph, batch))
                .collect(),
        }
    }

    /// The node's inputs, `[batch][input]`.
    pub(super) fn take_inputs(&mut self, graph: &LayerGraph, id: NodeId) -> Vec<Vec<Tensor<4>>> {
        self.batches.iter_mut().map(|batch| batch.take_inputs(graph, id)).collect()
    }

    /// Computes a node that needs no look at all batches, a batch after the other: what no other
    /// node takes is held no longer than its batch.
    pub(super) fn advance(&mut self, network: &Network, id: NodeId) {
        for batch in &mut self.batches {
            let inputs = batch.take_inputs(network.graph(), id);
            batch.store(id, network.node_output(id, &inputs));
        }
    }

    /// Keeps the node's output for each batch.
    pub(super) fn store(&mut self, id: NodeId, outputs: Vec<Tensor<4>>) {
        for (batch, output) in self.batches.iter_mut().zip(outputs) {
            batch.store(id, output);
        }
    }
}

/// The node's outputs, `[batch]`. Inputs are let go batch by batch.
pub(super) fn outputs_of(
    network: &Network,
    id: NodeId,
    inputs: Vec<Vec<Tensor<4>>>,
) -> Vec<Tensor<4>> {
    inputs.into_iter().map(|inputs| network.node_output(id, &inputs)).collect()
}

/// Images times positions of a batch, and sums over them of several quantities of each channel,
/// `[channels]` each.
pub(super) type BatchSums = (usize, Vec<Tensor<1>>);

/// Means of several quantities over all batches, `[quantities, channels]`.
pub(super) async fn means(
    batches: impl Iterator<Item = BatchSums>,
) -> Result<Vec<f64>, ExecutionError> {
    let (mut count, mut sums) = (0.0, Sums::default());
    for (of_images, of_batch) in batches {
        count += of_images as f64;
        sums.add(Tensor::cat(of_batch, 0)).await?;
    }
    Ok(sums.finish().await?.into_iter().map(|sum| sum / count).collect())
}

/// Images times positions of a batch, `[batch, channels, height, width]`.
pub(super) fn positions_of(values: &Tensor<4>) -> usize {
    let [batch, _, height, width] = values.dims();
    batch * height * width
}

/// Mean and variance of each channel of these batches, `[batch, channels, height, width]` each.
pub(super) async fn statistics(outputs: &[Tensor<4>]) -> Result<Statistics, ExecutionError> {
    let sums =
        |y: &Tensor<4>| (positions_of(y), vec![channel_sums(y.clone()), channel_products(y, y)]);
    let means = means(outputs.iter().map(sums)).await?;
    let (first, second) = means.split_at(means.len() / 2);
    let channels = first.iter().zip(second);
    // Rounding can leave the difference of two equal numbers below 0.
    Ok(channels.map(|(&mean, second)| (mean, (second - mean * mean).max(0.0))).collect())
}

impl DenseStatistics {
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
        let mut pass = Pass::new(graph, images, device);
        let mut layers = vec![None; graph.nodes().len()];
        for id in graph.ids().skip(1) {
            if graph.node(id).role.is_some() {
                let outputs = outputs_of(&network, id, pass.take_inputs(graph, id));
                layers[id.0] = Some(statistics(&outputs).await?);
                pass.store(id, outputs);
            } else {
                pass.advance(&network, id);
            }
            watch(Progress::Repaired).await?;
        }
        Ok(Self { layers })
    }
}
