//! From a profile (or, for some rules, a layer graph alone) and a budget to an allocation.
//!
//! Two solvers serve all rules: densities in proportion to a score, capped at dense
//! ([`solve::proportional`]), and least cost ([`solve::least_cost`]). Rules of thresholds ask the
//! sketches ([`solve::threshold`]). All end in [`rounding`].

mod constraints;
mod costs;
mod densities;
mod error;
mod layer;
mod request;
mod rounding;
mod scale;
mod scores;
mod solve;

use crate::allocation::{Allocation, LayerAllocation, LayerState};
use crate::budget::Budget;
use crate::graph::PrunableLayer;
pub use costs::{logit_noise, measured_by};
use densities::rule_counts;
pub use error::AllocateError;
pub use layer::Evidence;
use layer::Layer;
pub use request::AllocationRequest;

/// Shares out the budget. The allocation keeps exactly the budget, at least one weight in every
/// layer.
///
/// ```
/// use rrlab_types::{
///     AllocationRequest, Evidence, ModelProfile, Role, Rule, Sparsity, allocate,
/// };
///
/// # let text = include_str!("../../../../frontend/gallery/resnet20-cifar10.profile.json");
/// let profile = ModelProfile::from_json(text)?;
/// let erk = AllocationRequest::new(Rule::Erk, Sparsity::new(0.95)?);
/// let plain = allocate(Evidence::Profile(&profile), &erk)?;
/// assert_eq!(plain.kept, 13_545);
///
/// // Projection-forced ERK: the shortcuts' convolutions get the density of the whole network.
/// let forced = AllocationRequest { constraints: vec!["projection=global".parse()?], ..erk };
/// let forced = allocate(Evidence::Profile(&profile), &forced)?;
/// assert_eq!(forced.kept, plain.kept);
/// for (free, forced) in plain.layers.iter().zip(&forced.layers) {
///     if forced.role == Role::Projection {
///         assert!(forced.density < free.density);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What can't be met, with what could: see [`AllocateError`].
pub fn allocate(
    evidence: Evidence,
    request: &AllocationRequest,
) -> Result<Allocation, AllocateError> {
    request.check_settings()?;
    if let Evidence::Profile(profile) = evidence {
        profile.check_residual(request.settings.repair)?;
    }
    let layers = evidence.layers();
    let weights = layers.iter().map(|layer| layer.shape.weights).sum();
    let budget = Budget::new(request.sparsity, weights, layers.len())?;
    let forced = constraints::forced_counts(&layers, budget, request)?;
    let counts = fill(&layers, budget, request, &forced)?;
    let (model_hash, profile_hash) = evidence.hashes();
    let allocation = Allocation {
        rule: request.rule,
        sparsity: request.sparsity,
        budget: budget.kept(),
        kept: counts.iter().sum(),
        settings: request.settings,
        constraints: request.constraints.clone(),
        model_hash,
        profile_hash,
        selection: None,
        layers: layers
            .iter()
            .zip(counts.iter().zip(&forced))
            .map(|(layer, (&kept, forced))| {
                layer_allocation(&layer.shape, kept, forced.is_some(), request.settings.floor)
            })
            .collect(),
    };
    debug_assert!(allocation.check().is_ok());
    Ok(allocation)
}

fn layer_allocation(
    layer: &PrunableLayer,
    kept: usize,
    forced: bool,
    floor: f64,
) -> LayerAllocation {
    LayerAllocation {
        name: layer.name.into(),
        role: layer.role,
        shape: layer.weight_shape.clone(),
        weights: layer.weights,
        kept,
        density: kept as f64 / layer.weights as f64,
        state: if forced { LayerState::Forced } else { state_of_free(kept, layer.weights, floor) },
    }
}

/// State of a layer that no constraint forces, under a least density.
fn state_of_free(kept: usize, weights: usize, floor: f64) -> LayerState {
    if kept == weights {
        LayerState::Capped
    } else if floor > 0.0 && kept == least_of_floor(floor, weights) {
        LayerState::Floor
    } else {
        LayerState::Free
    }
}

/// Counts of all layers: forced ones as they are, the others by the rule, none below the floor.
fn fill(
    layers: &[Layer],
    budget: Budget,
    request: &AllocationRequest,
    forced: &[Option<usize>],
) -> Result<Vec<usize>, AllocateError> {
    check_floor(layers, budget, request, forced)?;
    let floors: Vec<usize> = layers.iter().map(|layer| floor_count(layer, request)).collect();
    above_floors(forced.to_vec(), &floors, |free, fixed| {
        let free_layers: Vec<Layer> = free.iter().map(|&index| layers[index].clone()).collect();
        let left = constraints::left_for_free(&free_layers, budget, fixed)?;
        if free.is_empty() { Ok(Vec::new()) } else { rule_counts(&free_layers, left, request) }
    })
}

/// Counts of all layers: fixed ones as they are, the others, by their indices, as `share` gives
/// them what these leave. Layers to which it gives less than their floor get that, and it shares
/// out the rest again.
fn above_floors<E>(
    mut fixed: Vec<Option<usize>>,
    floors: &[usize],
    share: impl Fn(&[usize], &[Option<usize>]) -> Result<Vec<usize>, E>,
) -> Result<Vec<usize>, E> {
    loop {
        let free: Vec<usize> = (0..fixed.len()).filter(|&index| fixed[index].is_none()).collect();
        let shared = share(&free, &fixed)?;
        let mut below_floor = false;
        for (&index, &kept) in free.iter().zip(&shared) {
            if kept < floors[index] {
                fixed[index] = Some(floors[index]);
                below_floor = true;
            }
        }
        if below_floor {
            continue;
        }
        for (index, kept) in free.into_iter().zip(shared) {
            fixed[index] = Some(kept);
        }
        return Ok(fixed.into_iter().map(|kept| kept.unwrap_or(1)).collect());
    }
}

/// Least weights of a layer that is not forced.
fn floor_count(layer: &Layer, request: &AllocationRequest) -> usize {
    least_of_floor(request.settings.floor, layer.shape.weights)
}

/// Least weights of a layer under a least density: at least one.
fn least_of_floor(floor: f64, weights: usize) -> usize {
    // A floor of 0.1 of 50 weights is 5, not the 6 that 5.000000000000001 would round up to.
    ((floor * weights as f64 - 1e-9).ceil() as usize).max(1)
}

fn check_floor(
    layers: &[Layer],
    budget: Budget,
    request: &AllocationRequest,
    forced: &[Option<usize>],
) -> Result<(), AllocateError> {
    let free: Vec<Layer> = layers
        .iter()
        .zip(forced)
        .filter(|(_, forced)| forced.is_none())
        .map(|(layer, _)| layer.clone())
        .collect();
    let left = constraints::left_for_free(&free, budget, forced)?;
    let least: usize = free.iter().map(|layer| floor_count(layer, request)).sum();
    if least <= left {
        return Ok(());
    }
    let weights: f64 = free.iter().map(Layer::weights).sum();
    Err(AllocateError::Floor {
        floor: request.settings.floor,
        least,
        left,
        highest: left as f64 / weights,
    })
}
