//! Repair by a map of each channel.

use burn::tensor::{Device, ExecutionError, Tensor};
use rrlab_types::{ChannelMoments, ChannelwiseOperator};

use super::fold::fold;
use super::pass::{DenseStatistics, Pass, Statistics, means, outputs_of, positions_of, statistics};
use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::kernels::{channel_products, channel_sums};
use crate::model::Model;
use crate::network::Network;
use crate::watch::{Progress, Stopped};

/// Each pruned layer's output mapped by the operator, from input to output.
pub(super) async fn repair_by(
    operator: ChannelwiseOperator,
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
        ChannelwiseOperator::LeastSquares => {
            Some((Network::new(dense, device), Pass::new(&graph, images, device)))
        }
        _ => None,
    };
    for id in graph.ids().skip(1) {
        if let Some(dense) = &statistics_of_dense.layers[id.0] {
            let inputs = pass.take_inputs(&graph, id);
            let mut outputs = outputs_of(&network, id, inputs.clone());
            let mut dense_outputs = None;
            if let Some((dense_network, dense_pass)) = &mut dense_pass {
                let outputs = outputs_of(dense_network, id, dense_pass.take_inputs(&graph, id));
                dense_pass.store(id, outputs.clone());
                dense_outputs = Some(outputs);
            }
            let moments = moments(dense, dense_outputs.as_deref(), &outputs).await?;
            let changed = fold(&mut model, id, &operator.maps(&moments), &moments)?;
            network.refresh(&model, changed);
            // What was folded into a batch norm acts when that is computed, later.
            if changed == id {
                outputs = outputs_of(&network, id, inputs);
            }
            pass.store(id, outputs);
        } else {
            pass.advance(&network, id);
            if let Some((dense_network, dense_pass)) = &mut dense_pass {
                dense_pass.advance(dense_network, id);
            }
        }
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

/// cov(y, ŷ) = `E[yŷ]` − μμ̂ of each channel.
async fn covariances(
    dense: &[Tensor<4>],
    pruned: &[Tensor<4>],
) -> Result<Vec<f64>, ExecutionError> {
    let pairs = dense.iter().zip(pruned);
    let sums = |(y, p): (&Tensor<4>, &Tensor<4>)| {
        let of_each = [y, p].map(|values| channel_sums(values.clone()));
        (positions_of(y), of_each.into_iter().chain([channel_products(y, p)]).collect())
    };
    let means = means(pairs.map(sums)).await?;
    let channels = means.len() / 3;
    let (of_dense, rest) = means.split_at(channels);
    let (of_pruned, of_product) = rest.split_at(channels);
    Ok((0..channels).map(|c| of_product[c] - of_dense[c] * of_pruned[c]).collect())
}
