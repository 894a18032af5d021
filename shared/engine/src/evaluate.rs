//! Accuracy of a network on labelled images.

use burn::tensor::{Int, Tensor, TensorData};
use rrlab_types::{Evaluation, Outcomes};

use crate::data::{
    Dataset, ImageSet, Normalization, Sample, Split, evaluation_batch, images_to_device,
};
use crate::model::Model;
use crate::network::Network;
use crate::sums::Rows;
use crate::watch::{Interrupted, Progress, Stopped};

/// Fraction of these images of a set whose highest logit is their class, from 0 to 1; NaN of no
/// images.
///
/// ```
/// use burn::tensor::{Device, read_sync};
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::data::shapes10;
/// use rrlab_engine::evaluate::accuracy;
/// use rrlab_engine::model::Model;
/// use rrlab_engine::network::Network;
/// use rrlab_engine::watch::unwatched;
///
/// let data = shapes10(10, 20, 1);
/// let graph = "resnet8:width=0.25".parse::<Architecture>()?.graph(10)?;
/// let network = Network::new(&Model::untrained(graph, &data, 1), &Device::flex());
/// let all: Vec<usize> = (0..data.test.len()).collect();
/// let evaluated = accuracy(&network, &data.test, &all, &data.normalization, unwatched);
/// assert!((0.0..=1.0).contains(&read_sync(evaluated)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the device fails or the watcher ends it.
pub async fn accuracy(
    network: &Network,
    set: &ImageSet,
    indices: &[usize],
    normalization: &Normalization,
    watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<f64, Interrupted> {
    Ok(outcomes(network, set, indices, normalization, watch).await?.accuracy())
}

/// Whether the highest logit of each of these images of a set is its class.
///
/// # Errors
/// If the device fails or the watcher ends it.
pub async fn outcomes(
    network: &Network,
    set: &ImageSet,
    indices: &[usize],
    normalization: &Normalization,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Outcomes, Interrupted> {
    let mut right = Rows::default();
    for chunk in indices.chunks(evaluation_batch(network.graph(), set.shape())) {
        let samples = Sample::unvaried(chunk);
        let images = images_to_device(set, &samples, normalization, network.device());
        let predictions = network.forward(images).argmax(1);
        right.add(are_right(predictions, &set.labels_of(chunk))).await?;
        watch(Progress::Images(chunk.len())).await?;
    }
    let right = right.finish().await?;
    Ok(Outcomes::new(right.into_iter().map(|right| right != 0.0).collect()))
}

/// 1 for each of these predictions, `[batch, 1]`, that equals its label, 0 for the others.
pub(crate) fn are_right(predictions: Tensor<2, Int>, labels: &[u32]) -> Tensor<2> {
    let labels: Vec<i64> = labels.iter().map(|&label| label.into()).collect();
    let labels = TensorData::new(labels, predictions.dims());
    predictions.clone().equal(Tensor::from_data(labels, &predictions.device())).float()
}

/// An accuracy with what it is of: `name` says which model, `images` of how many.
pub fn evaluation(
    name: &str,
    model: &Model,
    dataset: &Dataset,
    split: Split,
    images: usize,
    device: &str,
    accuracy: f64,
) -> Evaluation {
    let layers = model.graph().prunable_layers();
    Evaluation {
        model: name.into(),
        model_hash: model.hash(),
        pruned_from: model.info.pruned_from,
        dataset: dataset.name.clone(),
        split: split.to_string(),
        images,
        device: device.into(),
        accuracy,
        nonzero_weights: layers.iter().map(|layer| model.nonzero_weights(layer.name)).sum(),
        weights: model.graph().prunable_weights(),
    }
}
