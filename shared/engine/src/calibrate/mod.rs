//! From a dense network and unlabelled images to a [`ModelProfile`].

mod curves;
mod direct;
mod error;
mod images;
mod input_norms;
mod layer_sums;
mod reconstruction;
mod samples;
mod second_moments;
mod sensitivity;
mod shares;
mod weights;

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{ChannelMoments, ChannelProfile, LayerGraph, ModelProfile, NodeId, Op};

use crate::model::Model;
use crate::network::{Network, Parameters};
pub use crate::sums::BATCHES_PER_READ;
use crate::watch::{Progress, Stopped};
use curves::{Importance, LayerScores};
use direct::DirectSums;
pub use error::CalibrationError;
pub use images::{CalibrationImages, CalibrationPool};
pub use input_norms::InputNorms;
use layer_sums::LayerSums;
use samples::Samples;
pub(crate) use second_moments::{InputMoments, PatchSums, flat_for_linear};
use sensitivity::LogitGradients;
use shares::StreamSums;
use weights::LayerWeights;

/// How moments are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// One dense pass that accumulates second moments of patches.
    #[default]
    SecondMoments,
    /// A convolution for each sparsity: the reference.
    Direct,
}

impl Method {
    /// Name in a profile.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Sums over the images of one layer, by either method.
enum Sums {
    SecondMoments(Box<PatchSums>),
    /// Of a linear layer, whose inputs are fewer numbers than their second moments.
    Samples(Samples),
    Direct(DirectSums),
}

/// What reconstruction leaves of each channel, `[sparsity][channel]`, where it was solved.
type Solved = Vec<Option<Vec<f64>>>;

/// A prunable layer while it is measured.
struct MeasuredLayer {
    node: NodeId,
    weights: LayerWeights,
    sums: Sums,
}

impl MeasuredLayer {
    /// A layer before the first of so many images.
    fn new(model: &Model, network: &Network, node: NodeId, method: Method, images: usize) -> Self {
        let op = network.graph().node(node).op;
        let weights = LayerWeights::of(model, node);
        let sums = match (method, op) {
            (Method::SecondMoments, Op::Linear { in_features, .. }) if in_features > images => {
                Sums::Samples(Samples::default())
            }
            (Method::SecondMoments, _) => {
                Sums::SecondMoments(Box::new(PatchSums::new(op, weights.patch())))
            }
            (Method::Direct, _) => {
                let like = weight_of(network, node);
                Sums::Direct(DirectSums::new(op, &weights, &weights.kept_counts(), &like))
            }
        };
        Self { node, weights, sums }
    }

    /// Moments of every channel at each of the profile's sparsities, `[sparsity][channel]`, and
    /// likewise what reconstruction leaves, which only second moments tell.
    async fn measured(
        self,
        name: &str,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<(Vec<Vec<ChannelMoments>>, Option<Solved>), CalibrationError> {
        let Self { weights, .. } = self;
        let kept = weights.kept_counts();
        let sums = match self.sums {
            Sums::SecondMoments(sums) => sums.moments().await?,
            Sums::Samples(samples) => {
                let moments = samples.channel_moments(&weights, &kept).await?;
                check_finite(name, &moments)?;
                return Ok((moments, None));
            }
            Sums::Direct(sums) => {
                let moments = sums.channel_moments(&weights).await?;
                check_finite(name, &moments)?;
                return Ok((moments, None));
            }
        };
        let sums = LayerSums::new(&weights, &sums);
        let moments = sums.channel_moments(&kept);
        check_finite(name, &moments)?;
        let residuals = reconstruction::residuals(name, &sums, &kept, watch).await?;
        Ok((moments, Some(residuals)))
    }
}

/// Measures every prunable layer of a network on these images. `device_name` is what the profile
/// says of the device.
///
/// ```
/// use burn::tensor::{Device, read_sync};
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
/// use rrlab_engine::data::{Split, shapes10};
/// use rrlab_engine::model::Model;
/// use rrlab_engine::watch::unwatched;
///
/// let data = shapes10(16, 10, 1);
/// let graph = "resnet8:width=0.25".parse::<Architecture>()?.graph(10)?;
/// let model = Model::untrained(graph, &data, 1);
/// let images = CalibrationImages::draw(&data, Split::Train, 16, 1, data.normalization)?;
/// let (device, method) = (Device::flex(), Method::SecondMoments);
/// let profile = read_sync(calibrate(&model, &device, "cpu", &images, method, unwatched))?;
/// assert_eq!(profile.layers.len(), model.graph().prunable_layers().len());
/// assert_eq!(profile.model_hash, Some(model.hash()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the device fails, a layer's output is not finite, or the watcher ends it.
pub async fn calibrate(
    model: &Model,
    device: &Device,
    device_name: &str,
    images: &CalibrationImages<'_>,
    method: Method,
    watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<ModelProfile, CalibrationError> {
    let measured = calibrate_channels(model, device, device_name, images, method, watch).await?;
    Ok(measured.0)
}

/// The same, with RR of every output channel beside the profile.
///
/// # Errors
/// As [`calibrate`].
pub async fn calibrate_channels(
    model: &Model,
    device: &Device,
    device_name: &str,
    images: &CalibrationImages<'_>,
    method: Method,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<(ModelProfile, ChannelProfile), CalibrationError> {
    let network = Network::new(model, device);
    let graph = network.graph();
    let prunable = graph.prunable_layers().into_iter().map(|layer| layer.node);
    let measured = |node: NodeId| MeasuredLayer::new(model, &network, node, method, images.len());
    let layers: Vec<MeasuredLayer> = prunable.map(measured).collect();
    let streams = StreamSums::new(graph);
    let mut sums = NetworkSums { network: &network, layers, streams, left_on_device: Vec::new() };

    // One pass serves moments and gradients.
    let how = sensitivity::measurement(images.len());
    let [with_gradients, others] = images.spread(how.images);
    let mut gradients = LogitGradients::new(model, device, images);
    let recording = gradients.device().clone();
    for batch in images.batches_of(&with_gradients, gradients.batch(), &recording) {
        let count = batch.dims()[0];
        let show = |id: NodeId, inputs: &[Tensor<4>]| sums.observe(id, inputs);
        gradients.add(batch, |id| is_looked_at(graph, id), show).await?;
        sums.finish_batch(count).await?;
        watch(Progress::Images(count)).await?;
    }
    for batch in images.batches_of(&others, images.batch(graph), device) {
        let count = batch.dims()[0];
        let show = |id: NodeId, inputs: &[Tensor<4>]| sums.observe(id, inputs);
        network.forward_showing(batch, |id| is_looked_at(graph, id), show);
        sums.finish_batch(count).await?;
        watch(Progress::Images(count)).await?;
    }

    let sensitivities = gradients.finish().await?;
    let NetworkSums { layers, streams, .. } = sums;
    let shares = streams.shares(graph).await?;
    let weights: Vec<&[f32]> =
        layers.iter().map(|layer| layer.weights.weights.as_slice()).collect();
    let scores = LayerScores::of_network(&weights);
    let (mut profiles, mut channels) = (Vec::new(), Vec::new());
    // What was summed of a layer is let go when it is measured.
    for (index, (layer, scores)) in layers.into_iter().zip(scores).enumerate() {
        let node = layer.node;
        let name = &graph.node(node).name;
        let (moments, reconstruction) = layer.measured(name, &mut watch).await?;
        // Mean and variance of the dense output are the same at every sparsity.
        let variances: Vec<f64> = moments[0].iter().map(|channel| channel.variance).collect();
        let sensitivity = sensitivities.of_layer(index, &variances);
        if !sensitivity.iter().all(|value| value.is_finite()) {
            return Err(CalibrationError::NotFinite { layer: name.clone() });
        }
        let importance = Importance { share: shares[node.0], sensitivity };
        let (mut profile, mut of_channels) =
            curves::layer_profile(name, &moments, importance, scores);
        if let Some(residuals) = reconstruction {
            curves::add_reconstruction((&mut profile, &mut of_channels), &moments, residuals);
        }
        watch(Progress::Layer(&profile)).await?;
        profiles.push(profile);
        channels.push(of_channels);
    }
    let measurement = images.measurement(device_name, method.name(), how);
    let channels = ChannelProfile::new(model.hash(), images.hash(), channels);
    Ok((ModelProfile::new(model.hash(), graph.clone(), measurement, profiles), channels))
}

/// Whether calibration looks at the inputs of a node: a prunable layer's or a sum's.
fn is_looked_at(graph: &LayerGraph, id: NodeId) -> bool {
    let node = graph.node(id);
    node.role.is_some() || node.op == Op::Add
}

fn weight_of(network: &Network, node: NodeId) -> Tensor<4> {
    match network.parameters(node) {
        Parameters::Weight { weight, .. } => weight.clone(),
        _ => unreachable!("a prunable node has a weight"),
    }
}

/// What a batch left on the device for one layer.
enum BatchOfLayer {
    /// Sums over its patches.
    Sums(Tensor<1>),
    /// Its input, `[batch, in, height, width]`, which is kept or of which the direct way takes sums.
    Input(Tensor<4>),
}

/// Everything that is summed over the images.
struct NetworkSums<'a> {
    network: &'a Network,
    layers: Vec<MeasuredLayer>,
    streams: StreamSums,
    /// What the batch at hand left, each with its layer, until the pass is over.
    left_on_device: Vec<(usize, BatchOfLayer)>,
}

impl NetworkSums<'_> {
    /// Looks at the inputs of a node.
    fn observe(&mut self, id: NodeId, inputs: &[Tensor<4>]) {
        self.streams.observe(id, inputs);
        // Layers are in the order of their nodes.
        let Ok(index) = self.layers.binary_search_by_key(&id, |layer| layer.node) else { return };
        let input = &inputs[0];
        let left = match &self.layers[index].sums {
            Sums::SecondMoments(sums) => {
                BatchOfLayer::Sums(sums.of_batch(self.network.graph().node(id).op, input))
            }
            Sums::Samples(_) | Sums::Direct(_) => BatchOfLayer::Input(input.clone()),
        };
        self.left_on_device.push((index, left));
    }

    /// Takes what a batch of so many images left on the device into account.
    async fn finish_batch(&mut self, images: usize) -> Result<(), ExecutionError> {
        for (index, left) in std::mem::take(&mut self.left_on_device) {
            let MeasuredLayer { node, sums, .. } = &mut self.layers[index];
            let positions = images * self.network.graph().node(*node).shape.positions();
            match (sums, left) {
                (Sums::SecondMoments(sums), BatchOfLayer::Sums(of_batch)) => {
                    sums.add(of_batch, positions).await?;
                }
                (Sums::Samples(samples), BatchOfLayer::Input(input)) => samples.add(input).await?,
                (Sums::Direct(sums), BatchOfLayer::Input(input)) => {
                    sums.add(&input, weight_of(self.network, *node), positions).await?;
                }
                _ => unreachable!("a layer keeps to its method"),
            }
        }
        self.streams.finish_batch().await
    }
}

fn check_finite(layer: &str, moments: &[Vec<ChannelMoments>]) -> Result<(), CalibrationError> {
    for channel in moments.iter().flatten() {
        let ChannelMoments { mean, variance, pruned_mean, pruned_variance, covariance } = *channel;
        let all = [mean, variance, pruned_mean, pruned_variance, covariance];
        if !all.iter().all(|value| value.is_finite()) {
            return Err(CalibrationError::NotFinite { layer: layer.into() });
        }
    }
    Ok(())
}
