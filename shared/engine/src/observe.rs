//! What a layer gives for some images, in a dense network and in what was pruned from it.

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{NodeId, ObservedChannel, ThreeStates, ValueSpread};

use crate::model::Model;
use crate::network::Network;
use crate::transfer::download;

/// A layer's output and the network's for some images.
#[derive(Debug, Clone)]
pub struct LayerOutput {
    /// `[images, channels, height, width]`, row-major.
    pub values: Vec<f32>,
    /// Images, channels, height and width.
    pub shape: [usize; 4],
    /// `[images, classes]`, row-major.
    pub logits: Vec<f32>,
}

/// What a layer gives for these images, behind the batch norm that follows it, if one does: that is
/// where a channelwise repair acts.
///
/// # Shapes
/// - `images`: `[images, 3, side, side]`, no more than fit into a batch
///
/// # Errors
/// If the device fails.
pub async fn layer_output(
    model: &Model,
    layer: NodeId,
    images: Tensor<4>,
    device: &Device,
) -> Result<LayerOutput, ExecutionError> {
    let network = Network::new(model, device);
    let place = network.graph().following_batch_norm(layer).unwrap_or(layer);
    let mut seen = None;
    let logits = network.forward_observed(images, |id, values| {
        if id == place {
            seen = Some(values.output.clone());
        }
    });
    let output = seen.expect("a pass goes by every node of the graph that the layer is of");
    let shape = output.dims();
    Ok(LayerOutput { values: download(output).await?, shape, logits: download(logits).await? })
}

impl LayerOutput {
    /// Values of a channel for one image, `[height, width]`.
    pub fn map(&self, image: usize, channel: usize) -> &[f32] {
        let [_, channels, height, width] = self.shape;
        let area = height * width;
        &self.values[(image * channels + channel) * area..][..area]
    }

    /// Every value of a channel, image after image.
    fn channel(&self, channel: usize) -> Vec<f64> {
        let maps = (0..self.shape[0]).flat_map(|image| self.map(image, channel));
        maps.map(|&value| f64::from(value)).collect()
    }
}

/// How the channels of a layer are spread in three networks over the same images, and how far apart
/// they are.
///
/// ```
/// use burn::tensor::{Device, read_sync};
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::data::{Sample, images_to_device, shapes10};
/// use rrlab_engine::model::Model;
/// use rrlab_engine::observe::{layer_output, observed_channels};
/// use rrlab_types::ThreeStates;
///
/// let (data, device) = (shapes10(16, 10, 1), Device::flex());
/// let graph = "resnet8:width=0.25".parse::<Architecture>()?.graph(10)?;
/// let layer = graph.prunable_layers()[1].node;
/// let dense = Model::untrained(graph, &data, 1);
/// let mut pruned = dense.clone();
/// let weights = pruned.tensor("layer1.0.conv1", "weight").values().len();
/// pruned.apply_mask("layer1.0.conv1", &vec![false; weights]);
///
/// let samples = Sample::unvaried(&[0, 1, 2, 3]);
/// let images = images_to_device(&data.test, &samples, &data.normalization, &device);
/// let seen = |model: &Model| read_sync(layer_output(model, layer, images.clone(), &device));
/// let outputs = ThreeStates { dense: seen(&dense)?, pruned: seen(&pruned)?, repaired: seen(&dense)? };
/// for channel in observed_channels(&outputs) {
///     assert!(channel.pruned_error > channel.repaired_error);
///     assert_eq!(channel.repaired_error, Some(0.0));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If the three are not of one shape.
pub fn observed_channels(outputs: &ThreeStates<LayerOutput>) -> Vec<ObservedChannel> {
    let shape = outputs.dense.shape;
    let same = [&outputs.pruned, &outputs.repaired].iter().all(|other| other.shape == shape);
    assert!(same, "outputs of different layers or images");
    (0..shape[1]).map(|channel| observed_channel(outputs, channel)).collect()
}

fn observed_channel(outputs: &ThreeStates<LayerOutput>, channel: usize) -> ObservedChannel {
    let values = outputs.map(|output| output.channel(channel));
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in [&values.dense, &values.pruned, &values.repaired].into_iter().flatten() {
        (low, high) = (low.min(*value), high.max(*value));
    }
    let spread = values.map(|values| spread(values, low, high));
    let of_dense = spread.dense.deviation.powi(2) * values.dense.len() as f64;
    let error = |other: &[f64]| {
        let pairs = values.dense.iter().zip(other);
        let squares: f64 = pairs.map(|(y, other)| (y - other).powi(2)).sum();
        (of_dense > 0.0).then(|| squares / of_dense)
    };
    let (pruned_error, repaired_error) = (error(&values.pruned), error(&values.repaired));
    ObservedChannel { low, high, spread, pruned_error, repaired_error }
}

/// Mean, deviation and histogram of values that lie between `low` and `high`.
fn spread(values: &[f64], low: f64, high: f64) -> ValueSpread {
    const BINS: usize = ObservedChannel::BINS;
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let mut counts = [0_usize; BINS];
    let width = (high - low) / BINS as f64;
    for value in values {
        // The largest value belongs to the last bin; a range of no width has but the first.
        let bin = if width > 0.0 { ((value - low) / width) as usize } else { 0 };
        counts[bin.min(BINS - 1)] += 1;
    }
    let histogram = counts.iter().map(|&bin| bin as f64 / count).collect();
    ValueSpread { mean, deviation: variance.sqrt(), histogram }
}
