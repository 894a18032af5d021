//! Masks by magnitude inside each layer, and models with them applied.

use std::collections::{BTreeMap, HashMap};

use rrlab_types::{Allocation, AllocationError, PrunedFrom, magnitude_order};
use safetensors::tensor::{Dtype, TensorView};

use crate::checkpoint::CheckpointError;
use crate::model::Model;
use crate::tensors::tensor_name;

/// Which weights of each prunable layer stay, by the layer's name, in the order of the weight's
/// values.
pub type Masks = BTreeMap<String, Vec<bool>>;

/// The mask that keeps the `kept` largest |w|; of equals, the lower index.
///
/// ```
/// use rrlab_engine::prune::magnitude_mask;
///
/// assert_eq!(magnitude_mask(&[0.5, -2.0, 0.5, 0.1], 2), [true, true, false, false]);
/// ```
pub fn magnitude_mask(weights: &[f32], kept: usize) -> Vec<bool> {
    let mut mask = vec![false; weights.len()];
    for index in magnitude_order(weights).into_iter().take(kept) {
        mask[index] = true;
    }
    mask
}

/// The model with all weights set to 0 that the allocation does not keep, and the masks that say
/// which those are.
///
/// ```
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::model::Model;
/// use rrlab_engine::prune::prune;
/// use rrlab_types::{AllocationRequest, Evidence, Rule, RuleSettings, Sparsity, allocate};
///
/// let model = Model::random("resnet8".parse::<Architecture>()?.graph(10)?, 7);
/// let (sparsity, settings) = (Sparsity::new(0.9)?, RuleSettings::default());
/// let request = AllocationRequest { rule: Rule::Erk, sparsity, settings, constraints: vec![] };
/// let allocation = allocate(Evidence::Graph(model.graph()), &request)?;
/// let (pruned, masks) = prune(&model, &allocation)?;
/// let stays = masks["conv1"].iter().filter(|stays| **stays).count();
/// assert_eq!(pruned.nonzero_weights("conv1"), stays);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the allocation is for another network or contradicts itself.
pub fn prune(model: &Model, allocation: &Allocation) -> Result<(Model, Masks), AllocationError> {
    let layers = model.graph().prunable_layers();
    let model_hash = model.hash();
    allocation.check()?;
    // An allocation that names no network is bound by its layers alone, which are checked next.
    let _ = allocation.check_model(&model_hash)?;
    allocation.check_layers(layers.iter().map(|layer| (layer.name, layer.weights)))?;
    let mut pruned = model.clone();
    let mut masks = Masks::new();
    for (layer, share) in layers.iter().zip(&allocation.layers) {
        let mask = magnitude_mask(model.tensor(layer.name, "weight").values(), share.kept);
        pruned.apply_mask(layer.name, &mask);
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

/// Masks of a pruned model as bytes of a safetensors file: for each layer `NAME.weight`, U8, in the
/// weight's shape, 1 where a weight stays; the metadata names the dense network and the profile.
///
/// # Errors
/// If a mask is not as long as its layer's weight.
///
/// # Panics
/// If the model has no layer of a mask's name.
pub fn masks_to_bytes(model: &Model, masks: &Masks) -> Result<Vec<u8>, CheckpointError> {
    let bytes_of = |mask: &Vec<bool>| mask.iter().map(|&stays| u8::from(stays)).collect();
    let bytes: Vec<Vec<u8>> = masks.values().map(bytes_of).collect();
    let mut views = Vec::new();
    for (layer, bytes) in masks.keys().zip(&bytes) {
        let shape = model.tensor(layer, "weight").shape().to_vec();
        views.push((tensor_name(layer, "weight"), TensorView::new(Dtype::U8, shape, bytes)?));
    }
    let fail = |error: serde_json::Error| CheckpointError::Metadata {
        key: PRUNED_FROM_KEY,
        problem: error.to_string(),
    };
    let pruned_from = serde_json::to_string(&model.info.pruned_from).map_err(fail)?;
    let metadata = HashMap::from([(PRUNED_FROM_KEY.to_owned(), pruned_from)]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}
