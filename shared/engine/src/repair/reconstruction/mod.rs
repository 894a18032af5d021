//! Reconstruction: from input to output, the kept weights of each layer are solved anew, so that
//! what the repaired network gives the layer comes closest to what the layer gives in the dense
//! network (`docs/method.md`, section 4).

mod layer;
mod steps;

use burn::tensor::Device;
use rrlab_types::{Affine, Allocation, ChannelMoments, LayerGraph, NodeId};

use super::fold::fold;
use super::pass::{DenseStatistics, Pass, outputs_of};
use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::model::Model;
use crate::network::{Network, groups_of};
use crate::prune::Masks;
use crate::watch::{Progress, Stopped};
use layer::{ChannelTask, LayerMoments, SolvedChannel};

/// Which weights of a layer are solved.
#[derive(Clone, Copy)]
pub enum Choice<'a> {
    /// Those that are not 0.
    Nonzero,
    /// As many as the allocation keeps, chosen in steps.
    InSteps(&'a Allocation),
}

/// The network with the chosen weights of every layer solved, and the masks that say which those
/// are. `model` holds the weights that are chosen from.
///
/// # Errors
/// If the device fails, a layer can't be solved or the watcher ends it.
pub async fn reconstruct(
    choice: Choice<'_>,
    model: &Model,
    (dense, statistics): (&Model, &DenseStatistics),
    images: &CalibrationImages<'_>,
    device: &Device,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<(Model, Masks), CalibrationError> {
    let mut repaired = model.clone();
    let mut masks = Masks::new();
    let (mut network, dense_network) = (Network::new(model, device), Network::new(dense, device));
    let graph = model.graph().clone();
    // Two networks side by side, each with all batches at the same node: a layer is solved for
    // inputs that were repaired on all images.
    let mut pass = Pass::new(&graph, images, device);
    let mut dense_pass = Pass::new(&graph, images, device);
    for id in graph.ids().skip(1) {
        if let Some(dense) = &statistics.layers[id.0] {
            let inputs = pass.take_inputs(&graph, id);
            let dense_outputs = outputs_of(&dense_network, id, dense_pass.take_inputs(&graph, id));
            let node = graph.node(id);
            let firsts = inputs.iter().map(|inputs| &inputs[0]);
            let named = (node.name.as_str(), node.op);
            let layer = LayerMoments::measure(named, firsts, &dense_outputs, dense).await?;
            let weights = model.tensor(&node.name, "weight").values();
            let solved = match choice {
                Choice::Nonzero => layer.solve(nonzero(&layer, weights), false, &mut watch).await?,
                Choice::InSteps(allocation) => {
                    let kept = kept_of(allocation, &node.name);
                    steps::prune_in_steps(&layer, weights, kept, &mut watch).await?
                }
            };
            masks.insert(node.name.clone(), mask(&layer, &solved));
            let folded_into = put_into(&mut repaired, id, &layer, &solved)?;
            network.refresh(&repaired, id);
            network.refresh(&repaired, folded_into);
            dense_pass.store(id, dense_outputs);
            pass.store(id, outputs_of(&network, id, inputs));
        } else {
            dense_pass.advance(&dense_network, id);
            pass.advance(&network, id);
        }
        watch(Progress::Repaired).await?;
    }
    Ok((repaired, masks))
}

/// Every channel with the entries of its weights that are not 0.
fn nonzero(layer: &LayerMoments, weights: &[f32]) -> Vec<ChannelTask> {
    let mut tasks = Vec::new();
    for (channel, weights) in weights.chunks(layer.patch()).enumerate() {
        let kept = weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
        tasks.push(ChannelTask { channel, kept: kept.map(|(entry, _)| entry).collect() });
    }
    tasks
}

/// Weights that the allocation, which was checked against the network, keeps of a layer.
fn kept_of(allocation: &Allocation, name: &str) -> usize {
    let layer = allocation.layers.iter().find(|layer| layer.name == name);
    layer.map_or(0, |layer| layer.kept)
}

fn mask(layer: &LayerMoments, solved: &[SolvedChannel]) -> Vec<bool> {
    let mut mask = vec![false; layer.channels() * layer.patch()];
    for (row, channel) in mask.chunks_mut(layer.patch()).zip(solved) {
        for &entry in &channel.kept {
            row[entry] = true;
        }
    }
    mask
}

/// Puts solved weights into the model, and the shifts that go with them into what follows the
/// layer; returns the node that took them.
fn put_into(
    model: &mut Model,
    id: NodeId,
    layer: &LayerMoments,
    solved: &[SolvedChannel],
) -> Result<NodeId, CalibrationError> {
    let node = model.graph().node(id);
    let (name, has_bias) = (node.name.clone(), node.op.has_bias());
    let mut weights = vec![0.0; layer.channels() * layer.patch()];
    for (row, channel) in weights.chunks_mut(layer.patch()).zip(solved) {
        for (&entry, &weight) in channel.kept.iter().zip(&channel.weights) {
            row[entry] = weight;
        }
    }
    model.set_values(&name, "weight", weights)?;
    let biases = if has_bias {
        model.tensor(&name, "bias").values().to_vec()
    } else {
        vec![0.0; solved.len()]
    };
    let with_bias = || solved.iter().zip(biases.iter().map(|&bias| f64::from(bias)));
    let shifts: Vec<Affine> = with_bias().map(|(channel, bias)| channel.shift(bias)).collect();
    let moments: Vec<ChannelMoments> =
        with_bias().map(|(channel, bias)| channel.moments(bias)).collect();
    Ok(fold(model, id, &shifts, &moments)?)
}

/// Bytes that reconstruction on so many images takes at its widest: the largest layer's moments,
/// and what all images look like at a layer, before and after, in both networks.
pub fn memory(graph: &LayerGraph, images: usize) -> u64 {
    let mut most = 0;
    for layer in graph.prunable_layers() {
        let channels = layer.weight_shape[0] as u64;
        let patch = layer.weights as u64 / channels;
        // Sums in f64, of a batch and as a whole in f32; the products with outputs likewise.
        let node = graph.node(layer.node);
        let groups = groups_of(node.op) as u64;
        let moments = groups * patch * patch * (8 + 4 + 4) + channels * patch * (8 + 4);
        let before = node.inputs.iter().map(|&input| graph.node(input).shape.elements());
        let values = before.sum::<usize>() + node.shape.elements();
        let activations = 2 * 4 * (images * values) as u64;
        most = most.max(moments + activations);
    }
    most
}
