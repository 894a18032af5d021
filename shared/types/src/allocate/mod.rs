//! From a profile (or, for some rules, a layer graph alone) and a budget to an allocation.
//!
//! Two solvers serve all rules: densities in proportion to a score, capped at dense ([`solve::proportional`]), and least
//! cost ([`solve::least_cost`]). Rules of thresholds ask the sketches ([`solve::threshold`]). All end in [`rounding`].

mod constraints;
mod costs;
mod rounding;
mod scores;
mod solve;

use crate::allocation::{Allocation, LayerAllocation, LayerState};
use crate::budget::{Budget, BudgetError, Sparsity};
use crate::graph::{LayerGraph, PrunableLayer};
use crate::identity::{ModelHash, ProfileHash};
use crate::profile::{LayerProfile, ModelProfile};
use crate::rule::{Constraint, Rule, RuleSettings};

/// What is known of a network.
#[derive(Debug, Clone, Copy)]
pub enum Evidence<'a> {
    /// Its layers alone.
    Graph(&'a LayerGraph),
    /// Its layers and what was measured of them.
    Profile(&'a ModelProfile),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocationRequest {
    /// The rule.
    pub rule: Rule,
    /// The global sparsity.
    pub sparsity: Sparsity,
    /// Numbers that the rule reads.
    pub settings: RuleSettings,
    /// Layers that are forced.
    pub constraints: Vec<Constraint>,
}

/// Why a budget can't be shared out as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AllocateError {
    /// Less than a weight for each layer.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A rule that needs what only a profile has.
    #[error("rule {rule} needs a profile: calibrate the model first, or choose one of uniform, uniform_plus, er, erk")]
    NeedsProfile {
        /// The rule.
        rule: Rule,
    },
    /// A constraint on a layer that is not there.
    #[error("no layer is named `{name}`; layers are {}", layers.join(", "))]
    UnknownLayer {
        /// The name.
        name: String,
        /// Names that exist.
        layers: Vec<String>,
    },
    /// A constraint on a role that no layer has.
    #[error("this network has no layer of role {role}")]
    EmptyRole {
        /// The role.
        role: crate::graph::Role,
    },
    /// Two constraints on one layer.
    #[error("layer `{name}` is forced twice, by `{first}` and `{second}`")]
    ForcedTwice {
        /// The layer.
        name: String,
        /// One constraint.
        first: String,
        /// The other.
        second: String,
    },
    /// Forced layers that leave too little or too much for the others.
    #[error(
        "the forced layers keep {forced} weights, which leaves {left} for the others; they need {least} to {most}: \
         with these constraints the sparsity must be between {low:.6} and {high:.6}"
    )]
    ForcedBudget {
        /// Weights that forced layers keep.
        forced: usize,
        /// What is left of the budget.
        left: i64,
        /// Least weights of the free layers.
        least: usize,
        /// Most weights of the free layers.
        most: usize,
        /// Lowest sparsity possible.
        low: f64,
        /// Highest sparsity possible.
        high: f64,
    },
    /// A setting out of range.
    #[error("{what} is {value}; it must be {expected}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A floor of the rule that the budget can't pay.
    #[error("{rule} keeps at least {least} weights here; the highest sparsity possible is {high:.6}")]
    RuleFloor {
        /// The rule.
        rule: Rule,
        /// Weights that it keeps whatever the budget.
        least: usize,
        /// Highest sparsity possible.
        high: f64,
    },
}

/// A prunable layer with all that a rule may ask of it.
#[derive(Debug, Clone)]
struct Layer<'a> {
    shape: PrunableLayer<'a>,
    profile: Option<&'a LayerProfile>,
}

impl Layer<'_> {
    fn weights(&self) -> f64 {
        self.shape.weights as f64
    }
}

impl<'a> Evidence<'a> {
    fn graph(self) -> &'a LayerGraph {
        match self {
            Self::Graph(graph) => graph,
            Self::Profile(profile) => &profile.graph,
        }
    }

    /// The network and the profile that an allocation from it is bound to; shapes alone fit any network that has them.
    fn hashes(self) -> (Option<ModelHash>, Option<ProfileHash>) {
        match self {
            Self::Graph(_) => (None, None),
            Self::Profile(profile) => (profile.model_hash, Some(profile.hash())),
        }
    }

    fn layers(self) -> Vec<Layer<'a>> {
        let shapes = self.graph().prunable_layers().into_iter().enumerate();
        let profile = |index: usize| match self {
            Self::Graph(_) => None,
            Self::Profile(profile) => profile.layers.get(index),
        };
        shapes.map(|(index, shape)| Layer { shape, profile: profile(index) }).collect()
    }
}

/// Shares out the budget. The allocation keeps exactly the budget, at least one weight in every layer.
///
/// # Errors
/// What can't be met, with what could: see [`AllocateError`].
pub fn allocate(evidence: Evidence, request: &AllocationRequest) -> Result<Allocation, AllocateError> {
    check_settings(&request.settings)?;
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
        layers: layers
            .iter()
            .zip(counts.iter().zip(&forced))
            .map(|(layer, (&kept, forced))| layer_allocation(&layer.shape, kept, forced.is_some()))
            .collect(),
    };
    debug_assert!(allocation.check().is_ok());
    Ok(allocation)
}

fn layer_allocation(layer: &PrunableLayer, kept: usize, forced: bool) -> LayerAllocation {
    LayerAllocation {
        name: layer.name.into(),
        role: layer.role,
        shape: layer.weight_shape.clone(),
        weights: layer.weights,
        kept,
        density: kept as f64 / layer.weights as f64,
        state: match (forced, kept == layer.weights) {
            (true, _) => LayerState::Forced,
            (false, true) => LayerState::Capped,
            (false, false) => LayerState::Free,
        },
    }
}

fn check_settings(settings: &RuleSettings) -> Result<(), AllocateError> {
    let checks = [
        ("alpha", settings.alpha, settings.alpha.abs() <= 10.0, "between -10 and 10"),
        ("share exponent", settings.share_exponent, settings.share_exponent.abs() <= 10.0, "between -10 and 10"),
        (
            "classifier weight",
            settings.classifier_weight,
            settings.classifier_weight > 0.0 && settings.classifier_weight <= 1e6,
            "above 0 and at most 1000000",
        ),
    ];
    match checks.into_iter().find(|(_, _, right, _)| !right) {
        Some((what, value, _, expected)) => Err(AllocateError::Setting { what, value, expected }),
        None => Ok(()),
    }
}

/// Counts of all layers: forced ones as they are, the others by the rule.
fn fill(
    layers: &[Layer],
    budget: Budget,
    request: &AllocationRequest,
    forced: &[Option<usize>],
) -> Result<Vec<usize>, AllocateError> {
    let free: Vec<Layer> = layers.iter().zip(forced).filter(|(_, f)| f.is_none()).map(|(l, _)| l.clone()).collect();
    let left = constraints::left_for_free(&free, budget, forced)?;
    let free_counts = if free.is_empty() { Vec::new() } else { rule_counts(&free, left, request)? };
    let mut free_counts = free_counts.into_iter();
    Ok(forced.iter().map(|forced| forced.or_else(|| free_counts.next()).unwrap_or(1)).collect())
}

/// Counts that the rule gives these layers so that they keep exactly `left` weights.
fn rule_counts(layers: &[Layer], left: usize, request: &AllocationRequest) -> Result<Vec<usize>, AllocateError> {
    let densities = densities(layers, left, request)?;
    let wanted: Vec<f64> = layers.iter().zip(&densities).map(|(layer, density)| layer.weights() * density).collect();
    let weights: Vec<usize> = layers.iter().map(|layer| layer.shape.weights).collect();
    Ok(rounding::to_counts(&wanted, &weights, left))
}

/// Densities that the rule wants for these layers so that they keep `left` weights, before rounding.
fn densities(layers: &[Layer], left: usize, request: &AllocationRequest) -> Result<Vec<f64>, AllocateError> {
    let AllocationRequest { rule, sparsity, settings, .. } = request;
    let weights: Vec<f64> = layers.iter().map(Layer::weights).collect();
    let left_weights = left as f64;
    let profiles = || -> Result<Vec<&LayerProfile>, AllocateError> {
        let missing = AllocateError::NeedsProfile { rule: *rule };
        layers.iter().map(|layer| layer.profile).collect::<Option<_>>().ok_or(missing)
    };
    let by_score = |scores: Vec<f64>| Ok(solve::proportional(&weights, &scores, left_weights));
    let of_rule = |rule: Rule| densities(layers, left, &AllocationRequest { rule, ..request.clone() });
    match rule {
        Rule::Uniform => by_score(vec![1.0; layers.len()]),
        Rule::UniformPlus => scores::uniform_plus(layers, left),
        Rule::Er => by_score(layers.iter().map(|layer| scores::er(&layer.shape)).collect()),
        Rule::Erk => by_score(layers.iter().map(|layer| scores::erk(&layer.shape)).collect()),
        Rule::GlobalMagnitude => {
            let sketches: Vec<_> = profiles()?.iter().map(|profile| &profile.magnitude).collect();
            Ok(solve::threshold(&weights, &sketches, left_weights))
        }
        Rule::Lamp => {
            let sketches: Vec<_> = profiles()?.iter().map(|profile| &profile.lamp).collect();
            Ok(solve::threshold(&weights, &sketches, left_weights))
        }
        Rule::RrProportional => by_score(scores::relative_repairability(&profiles()?, *sparsity, settings)),
        Rule::Rr | Rule::ResidualOptimal | Rule::RawOptimal => {
            profiles()?;
            let curves: Vec<_> = layers.iter().map(|layer| costs::curve(layer, *rule, settings)).collect();
            Ok(solve::least_cost(&weights, &curves, left_weights))
        }
        Rule::Blend => {
            let prior = of_rule(settings.prior.into())?;
            let repairability = scores::relative_repairability(&profiles()?, *sparsity, settings);
            by_score(prior.iter().zip(&repairability).map(|(density, rr)| density * rr).collect())
        }
        Rule::BlendGeometric => {
            let (prior, rr) = (of_rule(settings.prior.into())?, of_rule(Rule::Rr)?);
            by_score(prior.iter().zip(&rr).map(|(prior, rr)| (prior * rr).sqrt()).collect())
        }
    }
}
