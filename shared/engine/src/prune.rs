//! Masks inside each layer, and models with them applied.

use std::collections::{BTreeMap, HashMap};

use rrlab_types::{Allocation, AllocationError, Criterion, ModelHash, PrunedFrom, magnitude_order};
use safetensors::tensor::{Dtype, TensorView};

use crate::checkpoint::CheckpointError;
use crate::model::Model;
use crate::tensors::{HostTensor, ShapeError, StateDict, tensor_name};

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

/// The model with all weights set to 0 that the allocation does not keep, by magnitude, and the
/// masks that say which those are.
///
/// ```
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::model::Model;
/// use rrlab_engine::prune::prune;
/// use rrlab_types::{AllocationRequest, Evidence, Rule, Sparsity, allocate};
///
/// let model = Model::random("resnet8".parse::<Architecture>()?.graph(10)?, 7);
/// let request = AllocationRequest::new(Rule::Erk, Sparsity::new(0.9)?);
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
    prune_by(Criterion::Magnitude, |_, weights| weights.to_vec(), model, allocation)
}

/// The same by other scores of a layer's weights, given its name and the weights: those with the
/// largest |score| stay, of equals the lower index.
///
/// # Errors
/// As [`prune`].
pub fn prune_by(
    criterion: Criterion,
    scores: impl Fn(&str, &[f32]) -> Vec<f32>,
    model: &Model,
    allocation: &Allocation,
) -> Result<(Model, Masks), AllocationError> {
    check(model, allocation)?;
    let mut masks = Masks::new();
    for layer in &allocation.layers {
        let scores = scores(&layer.name, model.tensor(&layer.name, "weight").values());
        masks.insert(layer.name.clone(), magnitude_mask(&scores, layer.kept));
    }
    Ok((masked(model, allocation, criterion, &masks), masks))
}

/// Masks that keep the weights of a pruned network that are not 0.
pub fn masks_of(pruned: &Model) -> Masks {
    let mut masks = Masks::new();
    for layer in pruned.graph().prunable_layers() {
        let weights = pruned.tensor(layer.name, "weight").values();
        masks.insert(layer.name.to_owned(), weights.iter().map(|&w| w != 0.0).collect());
    }
    masks
}

/// Checks that an allocation is for this network.
///
/// # Errors
/// As [`prune`].
pub(crate) fn check(model: &Model, allocation: &Allocation) -> Result<(), AllocationError> {
    allocation.check()?;
    // An allocation that names no network is bound by its layers alone, which are checked next.
    let _ = allocation.check_model(&model.hash())?;
    let layers = model.graph().prunable_layers();
    allocation.check_layers(layers.iter().map(|layer| (layer.name, layer.weights)))
}

/// The model with masks applied that were made from an allocation of it, as it says of itself.
pub(crate) fn masked(
    model: &Model,
    allocation: &Allocation,
    criterion: Criterion,
    masks: &Masks,
) -> Model {
    let mut pruned = model.clone();
    for (layer, mask) in masks {
        pruned.apply_mask(layer, mask);
    }
    note_pruning(&mut pruned, model.hash(), allocation, criterion);
    pruned
}

/// Writes into a model what it was pruned from.
pub(crate) fn note_pruning(
    pruned: &mut Model,
    model_hash: ModelHash,
    allocation: &Allocation,
    criterion: Criterion,
) {
    let Allocation { rule, sparsity, profile_hash, kept, .. } = *allocation;
    let search = allocation.search();
    let refined = search.is_some();
    pruned.info.pruned_from =
        Some(PrunedFrom { model_hash, profile_hash, rule, sparsity, refined, search, criterion });
    let rule = allocation.rule_in_words();
    pruned.info.history.push(format!(
        "pruned by {rule} to sparsity {sparsity}, inside layers by {criterion}: {kept} of {} \
         weights kept",
        allocation.weights(),
    ));
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

/// A pruned network as `torch.nn.utils.prune` has it: for each layer `NAME.weight_orig`, the pruned
/// network's weights where they stay and the dense network's elsewhere, and `NAME.weight_mask`, 1
/// where they stay; all other tensors under their names.
///
/// # Errors
/// If a mask is not as long as its layer's weight.
///
/// # Panics
/// If either model has no layer of a mask's name.
pub fn reparametrised(
    dense: &Model,
    pruned: &Model,
    masks: &Masks,
) -> Result<StateDict, ShapeError> {
    let mut state = pruned.tensors().clone();
    for (layer, mask) in masks {
        let weight = pruned.tensor(layer, "weight");
        let shape = weight.shape().to_vec();
        let pairs = weight.values().iter().zip(dense.tensor(layer, "weight").values());
        let original =
            pairs.zip(mask).map(|((&kept, &removed), &stays)| if stays { kept } else { removed });
        let original = HostTensor::new(shape.clone(), original.collect())?;
        let ones = mask.iter().map(|&stays| f32::from(u8::from(stays))).collect();
        state.remove(&tensor_name(layer, "weight"));
        state.insert(tensor_name(layer, "weight_orig"), original);
        state.insert(tensor_name(layer, "weight_mask"), HostTensor::new(shape, ones)?);
    }
    Ok(state)
}
