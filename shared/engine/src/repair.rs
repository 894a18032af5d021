//! Whole-network repair: from input to output, each pruned layer's statistics are brought back to
//! the dense network's, and the map that does it is folded into the network.

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{Affine, ChannelMoments, LayerGraph, NodeId, Op, Repair, RepairOperator};

use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::model::{Model, StateDictError};
use crate::network::{Activations, Network, channel_sums, download};
use crate::sums::add_values;
use crate::watch::{Progress, Stopped};

/// Mean and variance of each channel over images and positions.
type Statistics = Vec<(f64, f64)>;

/// Outputs of the dense network's prunable layers on the calibration images, summed up once for
/// many repairs.
#[derive(Debug, Clone)]
pub struct DenseStatistics {
    /// By node; `None` for those that are not prunable.
    layers: Vec<Option<Statistics>>,
}

/// All batches at the same node of a network.
struct Pass {
    batches: Vec<Activations>,
}

impl Pass {
    fn new(graph: &LayerGraph, images: &CalibrationImages<'_>, device: &Device) -> Self {
        Self {
            batches: images.batches(device).map(|batch| Activations::new(graph, batch)).collect(),
        }
    }

    /// The node's inputs, `[batch][input]`.
    fn take_inputs(&mut self, graph: &LayerGraph, id: NodeId) -> Vec<Vec<Tensor<4>>> {
        self.batches.iter_mut().map(|batch| batch.take_inputs(graph, id)).collect()
    }

    /// Keeps the node's output for each batch.
    fn store(&mut self, id: NodeId, outputs: Vec<Tensor<4>>) {
        for (batch, output) in self.batches.iter_mut().zip(outputs) {
            batch.store(id, output);
        }
    }
}

fn outputs_of(network: &Network, id: NodeId, inputs: &[Vec<Tensor<4>>]) -> Vec<Tensor<4>> {
    inputs.iter().map(|inputs| network.node_output(id, inputs)).collect()
}

/// Means of several quantities over batches, images and positions.
///
/// # Shapes
/// - each quantity of a batch: `[batch, channels, height, width]`
/// - output: `[quantities, channels]`
async fn means(batches: impl Iterator<Item = Vec<Tensor<4>>>) -> Result<Vec<f64>, ExecutionError> {
    let mut sums: Vec<f64> = Vec::new();
    let mut count = 0.0;
    for quantities in batches {
        let [batch, _, height, width] = quantities[0].dims();
        count += (batch * height * width) as f64;
        let of_batch = quantities.into_iter().map(channel_sums).collect();
        add_values(&mut sums, &download(Tensor::cat(of_batch, 0)).await?);
    }
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

async fn statistics(outputs: &[Tensor<4>]) -> Result<Statistics, ExecutionError> {
    let means = means(outputs.iter().map(|y| vec![y.clone(), y.clone() * y.clone()])).await?;
    let (first, second) = means.split_at(means.len() / 2);
    let channels = first.iter().zip(second);
    // Rounding can leave the difference of two equal numbers below 0.
    Ok(channels.map(|(&mean, second)| (mean, (second - mean * mean).max(0.0))).collect())
}

/// cov(y, ŷ) = `E[yŷ]` − μμ̂ of each channel.
async fn covariances(
    dense: &[Tensor<4>],
    pruned: &[Tensor<4>],
) -> Result<Vec<f64>, ExecutionError> {
    let pairs = dense.iter().zip(pruned);
    let means =
        means(pairs.map(|(y, p)| vec![y.clone(), p.clone(), y.clone() * p.clone()])).await?;
    let channels = means.len() / 3;
    let (of_dense, rest) = means.split_at(channels);
    let (of_pruned, of_product) = rest.split_at(channels);
    Ok((0..channels).map(|c| of_product[c] - of_dense[c] * of_pruned[c]).collect())
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
            let outputs = outputs_of(&network, id, &pass.take_inputs(graph, id));
            if graph.node(id).role.is_some() {
                layers[id.0] = Some(statistics(&outputs).await?);
            }
            pass.store(id, outputs);
            watch(Progress::Repaired).await?;
        }
        Ok(Self { layers })
    }
}

/// The pruned model repaired on these images. `dense` is the network that it was pruned from,
/// `statistics` are its own.
///
/// ```
/// use burn::tensor::{Device, read_sync};
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::calibrate::CalibrationImages;
/// use rrlab_engine::data::{Split, shapes10};
/// use rrlab_engine::model::Model;
/// use rrlab_engine::repair::{DenseStatistics, repair};
/// use rrlab_engine::watch::unwatched;
/// use rrlab_types::{Repair, RepairOperator};
///
/// let (data, device) = (shapes10(16, 10, 1), Device::flex());
/// let graph = "resnet8:width=0.25".parse::<Architecture>()?.graph(10)?;
/// let dense = Model::untrained(graph, &data, 1);
/// let mut pruned = dense.clone();
/// let weights = pruned.tensor("layer1.0.conv1", "weight").values().len();
/// pruned.apply_mask("layer1.0.conv1", &vec![false; weights]);
///
/// let images = CalibrationImages::draw(&data, Split::Train, 16, 1, data.normalization)?;
/// let how = Repair::Operator(RepairOperator::VarianceMatching);
/// let repaired = read_sync(async {
///     let statistics = DenseStatistics::measure(&dense, &images, &device, unwatched).await?;
///     repair(&dense, &statistics, &pruned, how, &images, &device, unwatched).await
/// })?;
/// // The map was folded into the batch norm after the layer; the weights stay as they were.
/// let norm = "layer1.0.bn1";
/// assert_ne!(repaired.tensor(norm, "bias"), pruned.tensor(norm, "bias"));
/// assert_eq!(repaired.nonzero_weights("layer1.0.conv1"), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the device fails, a layer has nothing that its repair can be folded into, the repair is not
/// finite, or the watcher ends it.
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
        Repair::Operator(operator) => {
            repair_by(operator, dense, statistics, pruned, images, device, watch).await?
        }
    };
    repaired.info.history.push(format!("repaired by {repair} on {} images", images.len()));
    Ok(repaired)
}

/// Batch norms' running statistics measured anew on what the pruned, so far recalibrated network
/// gives them.
async fn recalibrate(
    pruned: &Model,
    images: &CalibrationImages<'_>,
    device: &Device,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Model, CalibrationError> {
    let mut model = pruned.clone();
    let mut network = Network::new(pruned, device);
    let graph = pruned.graph().clone();
    let mut pass = Pass::new(&graph, images, device);
    for id in graph.ids().skip(1) {
        let inputs = pass.take_inputs(&graph, id);
        if let Op::BatchNorm { .. } = graph.node(id).op {
            let firsts: Vec<Tensor<4>> = inputs.iter().map(|inputs| inputs[0].clone()).collect();
            let statistics = statistics(&firsts).await?;
            let (means, variances) = statistics.iter().map(|&(m, v)| (m as f32, v as f32)).unzip();
            let name = &graph.node(id).name;
            model.set_values(name, "running_mean", means)?;
            model.set_values(name, "running_var", variances)?;
            network.refresh(&model, id);
        }
        pass.store(id, outputs_of(&network, id, &inputs));
        watch(Progress::Repaired).await?;
    }
    Ok(model)
}

/// Each pruned layer's output mapped by the operator, from input to output.
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
    let graph = pruned.graph().clone();
    // All batches stand at the same node, so that each layer sees inputs repaired on all images.
    let mut pass = Pass::new(&graph, images, device);
    // Only least squares asks how dense and pruned outputs vary together, and so for the dense
    // outputs themselves.
    let mut dense_pass = match operator {
        RepairOperator::LeastSquares => {
            Some((Network::new(dense, device), Pass::new(&graph, images, device)))
        }
        _ => None,
    };
    for id in graph.ids().skip(1) {
        let inputs = pass.take_inputs(&graph, id);
        let mut outputs = outputs_of(&network, id, &inputs);
        let mut dense_outputs = None;
        if let Some((dense_network, dense_pass)) = &mut dense_pass {
            let outputs = outputs_of(dense_network, id, &dense_pass.take_inputs(&graph, id));
            dense_pass.store(id, outputs.clone());
            dense_outputs = Some(outputs);
        }
        if let Some(dense) = &statistics_of_dense.layers[id.0] {
            let moments = moments(dense, dense_outputs.as_deref(), &outputs).await?;
            let changed = fold(&mut model, id, &operator.maps(&moments), &moments)?;
            network.refresh(&model, changed);
            // What was folded into a batch norm acts when that is computed, later.
            if changed == id {
                outputs = outputs_of(&network, id, &inputs);
            }
        }
        pass.store(id, outputs);
        watch(Progress::Repaired).await?;
    }
    Ok(model)
}

/// The five moments of each channel; the covariance is 0 where the dense outputs are not given.
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
    let mut moments = Vec::new();
    for ((dense, pruned), covariance) in dense.iter().zip(pruned).zip(covariances) {
        let (&(mean, variance), (pruned_mean, pruned_variance)) = (dense, pruned);
        moments.push(ChannelMoments { mean, variance, pruned_mean, pruned_variance, covariance });
    }
    Ok(moments)
}

/// Puts a map after a layer into the network itself; returns the node whose tensors changed.
fn fold(
    model: &mut Model,
    layer: NodeId,
    maps: &[Affine],
    moments: &[ChannelMoments],
) -> Result<NodeId, CalibrationError> {
    if let Some(norm) = model.graph().following_batch_norm(layer)
        && let Op::BatchNorm { epsilon, .. } = model.graph().node(norm).op
    {
        let name = model.graph().node(norm).name.clone();
        fold_into_batch_norm(model, (&name, epsilon), maps, moments)?;
        return Ok(norm);
    }
    let node = model.graph().node(layer);
    let name = node.name.clone();
    if !node.op.has_bias() {
        return Err(CalibrationError::NothingToFoldInto { layer: name });
    }
    fold_into_layer(model, &name, maps)?;
    Ok(layer)
}

/// a·(w·x + β) + b = (a·w)·x + (a·β + b).
fn fold_into_layer(model: &mut Model, name: &str, maps: &[Affine]) -> Result<(), StateDictError> {
    let mut weights = model.tensor(name, "weight").values().to_vec();
    let row = weights.len() / maps.len();
    for (row, map) in weights.chunks_mut(row).zip(maps) {
        for weight in row {
            *weight *= map.scale as f32;
        }
    }
    let biases = model.tensor(name, "bias").values().iter().zip(maps);
    let biases = biases.map(|(&bias, map)| (f64::from(bias) * map.scale + map.shift) as f32);
    let biases = biases.collect();
    model.set_values(name, "weight", weights)?;
    model.set_values(name, "bias", biases)
}

/// γ(a·x + b − μ)/σ + β = γ'(x − μ̂)/σ̂ + β' with γ' = γ·a·σ̂/σ and β' = β + γ(a·μ̂ + b − μ)/σ,
/// where μ̂ and σ̂ are the pruned layer's own: then a batch norm that uses the batch's statistics,
/// as in fine-tuning, computes the same. Left at μ and σ it would repair a second time.
fn fold_into_batch_norm(
    model: &mut Model,
    (norm, epsilon): (&str, f64),
    maps: &[Affine],
    moments: &[ChannelMoments],
) -> Result<(), StateDictError> {
    let values = |tensor| model.tensor(norm, tensor).values().to_vec();
    let (mut gammas, mut betas) = (values("weight"), values("bias"));
    let (mut means, mut variances) = (values("running_mean"), values("running_var"));
    for (channel, (map, moments)) in maps.iter().zip(moments).enumerate() {
        let old = [gammas[channel], means[channel], variances[channel]];
        let [gamma, mean, variance] = old.map(f64::from);
        let deviation = (variance + epsilon).sqrt();
        // Rounded as they will be kept: the map has to undo what the batch norm will really
        // subtract and divide by.
        let [pruned_mean, pruned_variance] =
            [moments.pruned_mean, moments.pruned_variance].map(|moment| f64::from(moment as f32));
        let pruned_deviation = (pruned_variance + epsilon).sqrt();
        let shift = gamma * (map.scale * pruned_mean + map.shift - mean) / deviation;
        gammas[channel] = (gamma * map.scale * pruned_deviation / deviation) as f32;
        betas[channel] += shift as f32;
        means[channel] = pruned_mean as f32;
        variances[channel] = pruned_variance as f32;
    }
    model.set_values(norm, "weight", gammas)?;
    model.set_values(norm, "bias", betas)?;
    model.set_values(norm, "running_mean", means)?;
    model.set_values(norm, "running_var", variances)
}
