//! Maps after a layer, put into the network itself.

use rrlab_types::{Affine, ChannelMoments, NodeId, Op};

use crate::model::{Model, StateDictError};

/// Puts a map after a layer into the network itself, which has room for it
/// ([`Model::with_room_for_repair`]); returns the node whose tensors changed.
pub(super) fn fold(
    model: &mut Model,
    layer: NodeId,
    maps: &[Affine],
    moments: &[ChannelMoments],
) -> Result<NodeId, StateDictError> {
    if let Some(norm) = model.graph().following_batch_norm(layer)
        && let Op::BatchNorm { epsilon, .. } = model.graph().node(norm).op
    {
        let name = model.graph().node(norm).name.clone();
        fold_into_batch_norm(model, (&name, epsilon), maps, moments)?;
        return Ok(norm);
    }
    let name = model.graph().node(layer).name.clone();
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
