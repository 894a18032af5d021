//! Whole-network repair: from input to output, each pruned layer's statistics are brought back to the dense network's,
//! and the map that does it is folded into the network.

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{Affine, ChannelMoments, LayerGraph, NodeId, Op, Repair, RepairOperator};

use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::model::{BATCH_NORM_EPSILON, Model};
use crate::network::{Activations, Network, channel_sums, download};
use crate::watch::{Progress, Stopped};

/// Mean and variance of each channel.
type Statistics = Vec<(f64, f64)>;

/// Outputs of the dense network's prunable layers on the calibration images, summed up once for many repairs.
#[derive(Debug, Clone)]
pub struct DenseStatistics {
    layers: Vec<Option<Statistics>>,
}

/// All batches at the same node of a network.
struct Pass {
    batches: Vec<Activations>,
}

impl Pass {
    fn new(graph: &LayerGraph, images: &CalibrationImages<'_>, device: &Device) -> Self {
        Self { batches: images.batches(device).map(|batch| Activations::new(graph, batch)).collect() }
    }

    fn inputs(&mut self, graph: &LayerGraph, id: NodeId) -> Vec<Vec<Tensor<4>>> {
        self.batches.iter_mut().map(|batch| batch.inputs(graph, id)).collect()
    }

    fn store(&mut self, id: NodeId, outputs: Vec<Tensor<4>>) {
        self.batches.iter_mut().zip(outputs).for_each(|(batch, output)| batch.store(id, output));
    }
}

fn outputs_of(network: &Network, id: NodeId, inputs: &[Vec<Tensor<4>>]) -> Vec<Tensor<4>> {
    inputs.iter().map(|inputs| network.node_output(id, inputs)).collect()
}

/// Means over batches, images and positions of several quantities, `[quantity · channel]`.
async fn means(batches: impl Iterator<Item = Vec<Tensor<4>>>) -> Result<Vec<f64>, ExecutionError> {
    let mut sums: Vec<f64> = Vec::new();
    let mut count = 0.0;
    for quantities in batches {
        let [batch, _, height, width] = quantities[0].dims();
        count += (batch * height * width) as f64;
        let values = download(Tensor::cat(quantities.into_iter().map(channel_sums).collect(), 0)).await?;
        sums.resize(values.len(), 0.0);
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
    }
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

async fn statistics(outputs: &[Tensor<4>]) -> Result<Statistics, ExecutionError> {
    let means = means(outputs.iter().map(|y| vec![y.clone(), y.clone() * y.clone()])).await?;
    let (first, second) = means.split_at(means.len() / 2);
    Ok(first.iter().zip(second).map(|(&mean, second)| (mean, (second - mean * mean).max(0.0))).collect())
}

/// cov(y, ŷ) of each channel.
async fn covariances(dense: &[Tensor<4>], pruned: &[Tensor<4>]) -> Result<Vec<f64>, ExecutionError> {
    let triples = dense.iter().zip(pruned).map(|(y, p)| vec![y.clone(), p.clone(), y.clone() * p.clone()]);
    let means = means(triples).await?;
    let channels = means.len() / 3;
    Ok((0..channels).map(|c| means[2 * channels + c] - means[c] * means[channels + c]).collect())
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
        let mut layers = vec![None; graph.nodes.len()];
        for id in graph.ids().skip(1) {
            let outputs = outputs_of(&network, id, &pass.inputs(graph, id));
            if graph.node(id).role.is_some() {
                layers[id.0] = Some(statistics(&outputs).await?);
            }
            pass.store(id, outputs);
            watch(Progress::Repaired).await?;
        }
        Ok(Self { layers })
    }
}

/// The pruned model repaired on these images. `dense` is the network that it was pruned from.
///
/// # Errors
/// If the device fails, a layer has nothing that its repair can be folded into, or the watcher ends it.
pub async fn repair(
    dense: &Model,
    statistics: &DenseStatistics,
    pruned: &Model,
    repair: Repair,
    images: &CalibrationImages<'_>,
    device: &Device,
    watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Model, CalibrationError> {
    let mut repaired = match repair {
        Repair::None => return Ok(pruned.clone()),
        Repair::BnRecalibration => recalibrate(pruned, images, device, watch).await?,
        Repair::Operator(operator) => repair_by(operator, dense, statistics, pruned, images, device, watch).await?,
    };
    repaired.info.history.push(format!("repaired by {repair} on {} images", images.len()));
    Ok(repaired)
}

async fn recalibrate(
    pruned: &Model,
    images: &CalibrationImages<'_>,
    device: &Device,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Model, CalibrationError> {
    let mut model = pruned.clone();
    let mut network = Network::new(pruned, device);
    let graph = pruned.graph.clone();
    let mut pass = Pass::new(&graph, images, device);
    for id in graph.ids().skip(1) {
        let inputs = pass.inputs(&graph, id);
        if let Op::BatchNorm { .. } = graph.node(id).op {
            let firsts: Vec<Tensor<4>> = inputs.iter().map(|inputs| inputs[0].clone()).collect();
            let statistics = statistics(&firsts).await?;
            let name = &graph.node(id).name;
            model.tensor_mut(name, "running_mean").values = statistics.iter().map(|s| s.0 as f32).collect();
            model.tensor_mut(name, "running_var").values = statistics.iter().map(|s| s.1 as f32).collect();
            network.refresh(&model, id);
        }
        pass.store(id, outputs_of(&network, id, &inputs));
        watch(Progress::Repaired).await?;
    }
    Ok(model)
}

async fn repair_by(
    operator: RepairOperator,
    dense: &Model,
    statistics_of_dense: &DenseStatistics,
    pruned: &Model,
    images: &CalibrationImages<'_>,
    device: &Device,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Model, CalibrationError> {
    let mut model = pruned.clone();
    let mut network = Network::new(pruned, device);
    let graph = pruned.graph.clone();
    let mut pass = Pass::new(&graph, images, device);
    // Only least squares asks how dense and pruned outputs vary together, and so for the dense outputs themselves.
    let mut beside = (operator == RepairOperator::LeastSquares)
        .then(|| (Network::new(dense, device), Pass::new(&graph, images, device)));
    for id in graph.ids().skip(1) {
        let inputs = pass.inputs(&graph, id);
        let mut outputs = outputs_of(&network, id, &inputs);
        let mut dense_outputs = None;
        if let Some((network, pass)) = &mut beside {
            let outputs = outputs_of(network, id, &pass.inputs(&graph, id));
            pass.store(id, outputs.clone());
            dense_outputs = Some(outputs);
        }
        if let Some(dense) = &statistics_of_dense.layers[id.0] {
            let moments = moments(dense, dense_outputs.as_deref(), &outputs).await?;
            let changed = fold(&mut model, id, &operator.maps(&moments), &moments)?;
            network.refresh(&model, changed);
            if changed == id {
                outputs = outputs_of(&network, id, &inputs);
            }
        }
        pass.store(id, outputs);
        watch(Progress::Repaired).await?;
    }
    Ok(model)
}

async fn moments(
    dense: &Statistics,
    dense_outputs: Option<&[Tensor<4>]>,
    outputs: &[Tensor<4>],
) -> Result<Vec<ChannelMoments>, ExecutionError> {
    let covariances = match dense_outputs {
        Some(dense_outputs) => covariances(dense_outputs, outputs).await?,
        None => vec![0.0; dense.len()],
    };
    let pruned = statistics(outputs).await?;
    let channels = dense.iter().zip(pruned).zip(covariances);
    Ok(channels
        .map(|((&(mean, variance), (pruned_mean, pruned_variance)), covariance)| ChannelMoments {
            mean,
            variance,
            pruned_mean,
            pruned_variance,
            covariance,
        })
        .collect())
}

/// Puts a map after a layer into the network itself; returns the node whose tensors changed.
fn fold(
    model: &mut Model,
    layer: NodeId,
    maps: &[Affine],
    moments: &[ChannelMoments],
) -> Result<NodeId, CalibrationError> {
    let graph = model.graph.clone();
    let name = graph.node(layer).name.as_str();
    if let Some(norm) = graph.following_batch_norm(layer) {
        fold_into_batch_norm(model, &graph.node(norm).name, maps, moments);
        return Ok(norm);
    }
    if !graph.node(layer).op.has_bias() {
        return Err(CalibrationError::NothingToFoldInto { layer: name.into() });
    }
    let weights = &mut model.tensor_mut(name, "weight").values;
    let row = weights.len() / maps.len();
    for (row, map) in weights.chunks_mut(row).zip(maps) {
        row.iter_mut().for_each(|weight| *weight *= map.scale as f32);
    }
    for (bias, map) in model.tensor_mut(name, "bias").values.iter_mut().zip(maps) {
        *bias = (f64::from(*bias) * map.scale + map.shift) as f32;
    }
    Ok(layer)
}

/// γ(a·x + b − μ)/σ + β = γ'(x − μ̂)/σ̂ + β' with γ' = γ·a·σ̂/σ and β' = β + γ(a·μ̂ + b − μ)/σ, where μ̂ and σ̂ are the
/// pruned layer's own: then a batch norm that uses the batch's statistics, as in fine-tuning, computes the same. Left at
/// μ and σ it would repair a second time.
fn fold_into_batch_norm(model: &mut Model, norm: &str, maps: &[Affine], moments: &[ChannelMoments]) {
    let values = |model: &Model, tensor| model.tensor(norm, tensor).values.clone();
    let (gamma, mean, variance) =
        (values(model, "weight"), values(model, "running_mean"), values(model, "running_var"));
    for (channel, (map, moments)) in maps.iter().zip(moments).enumerate() {
        let [gamma, mean, variance] = [gamma[channel], mean[channel], variance[channel]].map(f64::from);
        let deviation = (variance + BATCH_NORM_EPSILON).sqrt();
        // As single precision will have it.
        let [pruned_mean, pruned_variance] =
            [moments.pruned_mean, moments.pruned_variance].map(|moment| f64::from(moment as f32));
        let scale = gamma * map.scale * (pruned_variance + BATCH_NORM_EPSILON).sqrt() / deviation;
        let shift = gamma * (map.scale * pruned_mean + map.shift - mean) / deviation;
        let mut set = |tensor, value: f64| model.tensor_mut(norm, tensor).values[channel] = value as f32;
        set("weight", scale);
        set("running_mean", pruned_mean);
        set("running_var", pruned_variance);
        model.tensor_mut(norm, "bias").values[channel] += shift as f32;
    }
}
