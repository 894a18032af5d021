//! Masks by magnitude inside each layer, and models with them applied.

use std::collections::{BTreeMap, HashMap};

use rrlab_types::{Allocation, AllocationError, PrunedFrom, magnitude_order};
use safetensors::tensor::{Dtype, TensorView};

use crate::checkpoint::CheckpointError;
use crate::model::{Model, tensor_name};

/// Which weights of each prunable layer stay, by the layer's name.
pub type Masks = BTreeMap<String, Vec<bool>>;

/// The mask that keeps the `kept` largest |w|; of equals, the lower index.
pub fn magnitude_mask(weights: &[f32], kept: usize) -> Vec<bool> {
    let mut mask = vec![false; weights.len()];
    magnitude_order(weights).into_iter().take(kept).for_each(|index| mask[index] = true);
    mask
}

/// The model with all weights removed that the allocation does not keep, and the masks that say which.
///
/// # Errors
/// If the allocation is for another network or contradicts itself.
pub fn prune(model: &Model, allocation: &Allocation) -> Result<(Model, Masks), AllocationError> {
    let layers = model.graph.prunable_layers();
    let model_hash = model.hash();
    allocation.check()?;
    // An allocation that names no network is bound by its layers alone, which are checked next.
    let _ = allocation.check_model(&model_hash)?;
    allocation.check_layers(layers.iter().map(|layer| (layer.name, layer.weights)))?;
    let mut pruned = model.clone();
    let mut masks = Masks::new();
    for (layer, share) in layers.iter().zip(&allocation.layers) {
        let weights = &mut pruned.tensor_mut(layer.name, "weight").values;
        let mask = magnitude_mask(weights, share.kept);
        weights.iter_mut().zip(&mask).filter(|(_, stays)| !**stays).for_each(|(weight, _)| *weight = 0.0);
        masks.insert(layer.name.into(), mask);
    }
    pruned.info.pruned_from = Some(PrunedFrom {
        model_hash,
        profile_hash: allocation.profile_hash,
        rule: allocation.rule,
        sparsity: allocation.sparsity,
    });
    pruned.info.history.push(format!(
        "pruned by {} to sparsity {}: {} of {} weights kept",
        allocation.rule,
        allocation.sparsity,
        allocation.kept,
        allocation.weights(),
    ));
    Ok((pruned, masks))
}

/// Metadata key of what masks were made from.
const PRUNED_FROM_KEY: &str = "rrlab.pruned_from";

/// Masks of a pruned model as bytes of a safetensors file: for each layer `NAME.weight`, U8, 1 where a weight stays; the
/// metadata names the dense network and the profile.
///
/// # Errors
/// If the model has no layer of a mask's name.
pub fn masks_to_bytes(model: &Model, masks: &Masks) -> Result<Vec<u8>, CheckpointError> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = masks
        .iter()
        .map(|(layer, mask)| {
            let shape = model.tensor(layer, "weight").shape.clone();
            (tensor_name(layer, "weight"), shape, mask.iter().map(|&stays| u8::from(stays)).collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::U8, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let pruned_from = serde_json::to_string(&model.info.pruned_from)
        .map_err(|error| CheckpointError::Metadata { key: PRUNED_FROM_KEY, problem: error.to_string() })?;
    Ok(safetensors::serialize(views, Some(HashMap::from([(PRUNED_FROM_KEY.to_owned(), pruned_from)])))?)
}
