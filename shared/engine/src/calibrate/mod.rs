//! From a dense network and unlabelled images to a [`ModelProfile`].

mod curves;
mod direct;
mod second_moments;
mod shares;

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{CURVE_SPARSITIES, ChannelMoments, Density, ImagesHash, Measurement, ModelProfile, NodeId};

use crate::data::{Dataset, ImageSet, Sample, Split, draw_indices, images_to_device};
use crate::evaluate::BATCH;
use crate::model::{Model, Normalization};
use crate::network::{Network, Parameters};
use crate::watch::{Interrupted, Progress, Stopped};
use curves::LayerScores;
use direct::DirectSums;
use second_moments::PatchSums;
use shares::StreamSums;

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

/// Unlabelled images of a data set.
#[derive(Debug, Clone)]
pub struct CalibrationImages<'a> {
    set: &'a ImageSet,
    dataset: String,
    split: Split,
    indices: Vec<usize>,
    seed: u64,
    normalization: Normalization,
}

/// Why a network can't be calibrated or repaired.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// No images.
    #[error("calibration needs at least one image; {dataset} has {available} in its {split} split")]
    NoImages {
        /// The data set.
        dataset: String,
        /// The split.
        split: Split,
        /// Images in it.
        available: usize,
    },
    /// An output that is not a number.
    #[error("layer `{layer}` gives values that are not finite on these images: the weights are too large for f32")]
    NotFinite {
        /// The layer.
        layer: String,
    },
    /// A repair that has nothing to be folded into.
    #[error(
        "layer `{layer}` has neither a batch norm after it nor a bias: its repair can't be folded into the network"
    )]
    NothingToFoldInto {
        /// The layer.
        layer: String,
    },
    /// It was asked to end, or the device failed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<ExecutionError> for CalibrationError {
    fn from(error: ExecutionError) -> Self {
        Self::Interrupted(Interrupted::Device(error))
    }
}

impl From<Stopped> for CalibrationError {
    fn from(stopped: Stopped) -> Self {
        Self::Interrupted(Interrupted::Stopped(stopped))
    }
}

impl<'a> CalibrationImages<'a> {
    /// `count` images of a split drawn with `seed` without regard to labels; fewer where there are not as many.
    ///
    /// # Errors
    /// If that is none.
    pub fn draw(
        dataset: &'a Dataset,
        split: Split,
        count: usize,
        seed: u64,
        normalization: Normalization,
    ) -> Result<Self, CalibrationError> {
        let set = dataset.split(split);
        let indices = draw_indices(set, count, seed);
        if indices.is_empty() {
            return Err(CalibrationError::NoImages { dataset: dataset.name.clone(), split, available: set.len() });
        }
        Ok(Self { set, dataset: dataset.name.clone(), split, indices, seed, normalization })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Hash of the images.
    pub fn hash(&self) -> ImagesHash {
        self.set.hash(&self.indices)
    }

    /// The images in batches on a device.
    pub fn batches<'s>(&'s self, device: &'s Device) -> impl Iterator<Item = Tensor<4>> + use<'s, 'a> {
        self.indices.chunks(BATCH).map(move |chunk| {
            let samples: Vec<Sample> = chunk.iter().map(|&index| index.into()).collect();
            images_to_device(self.set, &samples, &self.normalization, device)
        })
    }
}

/// Weights of one prunable layer on the host, `[channels, patch]`.
pub struct LayerWeights {
    weights: Vec<f32>,
    channels: usize,
    bias: Option<Vec<f32>>,
}

impl LayerWeights {
    fn of(model: &Model, node: NodeId) -> Self {
        let node = model.graph.node(node);
        let weight = model.tensor(&node.name, "weight");
        Self {
            weights: weight.values.clone(),
            channels: weight.shape[0],
            bias: node.op.has_bias().then(|| model.tensor(&node.name, "bias").values.clone()),
        }
    }

    fn patch(&self) -> usize {
        self.weights.len() / self.channels
    }

    fn bias_of(&self, channel: usize) -> f64 {
        self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[channel]))
    }

    /// Weights kept at each of [`CURVE_SPARSITIES`].
    fn kept_counts(&self) -> Vec<usize> {
        let kept =
            |sparsity: f64| Density::new(1.0 - sparsity).map_or(1, |density| density.kept_of(self.weights.len()));
        CURVE_SPARSITIES.into_iter().map(kept).collect()
    }
}

enum Sums {
    SecondMoments(Box<PatchSums>),
    Direct(DirectSums),
}

/// Measures every prunable layer on these images.
///
/// # Errors
/// If the device fails, a layer's output is not finite, or the watcher ends it.
pub async fn calibrate(
    model: &Model,
    device: &Device,
    device_name: &str,
    images: &CalibrationImages<'_>,
    method: Method,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<ModelProfile, CalibrationError> {
    let network = Network::new(model, device);
    let graph = network.graph();
    let prunable: Vec<NodeId> = graph.prunable_layers().iter().map(|layer| layer.node).collect();
    let weights: Vec<LayerWeights> = prunable.iter().map(|&node| LayerWeights::of(model, node)).collect();
    let mut sums: Vec<Sums> = prunable
        .iter()
        .zip(&weights)
        .map(|(&node, weights)| match method {
            Method::SecondMoments => {
                Sums::SecondMoments(Box::new(PatchSums::new(graph.node(node).op, weights.patch())))
            }
            Method::Direct => {
                let like = weight_of(&network, node);
                Sums::Direct(DirectSums::new(graph.node(node).op, weights, &weights.kept_counts(), &like))
            }
        })
        .collect();
    let mut streams = StreamSums::new(graph);

    for batch in images.batches(device) {
        let count = batch.dims()[0];
        accumulate(&network, batch, &prunable, &mut sums, &mut streams).await?;
        watch(Progress::Images(count)).await?;
    }

    let shares = streams.shares(graph);
    let all_weights: Vec<&[f32]> = weights.iter().map(|layer| layer.weights.as_slice()).collect();
    let scores = LayerScores::of_network(&all_weights);
    let mut layers = Vec::new();
    for (((&node, weights), sums), scores) in prunable.iter().zip(&weights).zip(sums).zip(scores) {
        let moments = match sums {
            Sums::SecondMoments(sums) => sums.moments().channel_moments(weights, &weights.kept_counts()),
            Sums::Direct(sums) => sums.channel_moments(weights),
        };
        let name = &graph.node(node).name;
        check_finite(name, &moments)?;
        let layer = curves::layer_profile(name, &moments, shares[node.0], scores);
        watch(Progress::Layer(&layer)).await?;
        layers.push(layer);
    }
    let measurement = Measurement {
        dataset: images.dataset.clone(),
        split: images.split.name().into(),
        images: images.len(),
        seed: images.seed,
        images_hash: Some(images.hash()),
        device: device_name.into(),
        method: method.name().into(),
        program: rrlab_types::PROGRAM.into(),
    };
    Ok(ModelProfile::new(model.hash(), graph.clone(), measurement, layers))
}

fn weight_of(network: &Network, node: NodeId) -> Tensor<4> {
    match network.parameters(node) {
        Parameters::Weight { weight, .. } => weight.clone(),
        _ => unreachable!("a prunable node has a weight"),
    }
}

/// One batch through the network. Sums stay on the device until the pass is over: a read would wait for it.
async fn accumulate(
    network: &Network,
    batch: Tensor<4>,
    prunable: &[NodeId],
    sums: &mut [Sums],
    streams: &mut StreamSums,
) -> Result<(), ExecutionError> {
    let mut patch_sums: Vec<(usize, Tensor<1>, usize)> = Vec::new();
    let mut direct_inputs: Vec<(usize, Tensor<4>, usize)> = Vec::new();
    let images = batch.dims()[0];
    network.forward_observed(batch, |id, values| {
        streams.observe(id, values.inputs);
        if let Ok(layer) = prunable.binary_search(&id) {
            let node = network.graph().node(id);
            let positions = images * node.shape.positions();
            match &sums[layer] {
                Sums::SecondMoments(sums) => {
                    patch_sums.push((layer, sums.of_batch(node.op, &values.inputs[0]), positions))
                }
                Sums::Direct(_) => direct_inputs.push((layer, values.inputs[0].clone(), positions)),
            }
        }
    });
    for (layer, batch_sums, positions) in patch_sums {
        if let Sums::SecondMoments(sums) = &mut sums[layer] {
            sums.add(batch_sums, positions).await?;
        }
    }
    for (layer, input, positions) in direct_inputs {
        if let Sums::Direct(sums) = &mut sums[layer] {
            sums.add(&input, weight_of(network, prunable[layer]), positions).await?;
        }
    }
    streams.finish_batch().await
}

fn check_finite(layer: &str, moments: &[Vec<ChannelMoments>]) -> Result<(), CalibrationError> {
    let finite = |m: &ChannelMoments| {
        [m.mean, m.variance, m.pruned_mean, m.pruned_variance, m.covariance].iter().all(|value| value.is_finite())
    };
    if moments.iter().flatten().all(finite) { Ok(()) } else { Err(CalibrationError::NotFinite { layer: layer.into() }) }
}
