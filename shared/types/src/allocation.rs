//! The result of a rule: how many weights of each layer are kept.

use serde::{Deserialize, Serialize};

use crate::budget::Sparsity;
use crate::criterion::Criterion;
use crate::graph::Role;
use crate::identity::{Binding, IdentityError, ModelHash, ProfileHash};
use crate::rule::{Constraint, Rule, RuleSettings};
use crate::selection::{Search, Selection};

/// Why a layer has the density that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LayerState {
    /// The rule chose it.
    Free,
    /// The rule wanted more than all weights.
    Capped,
    /// A constraint imposed it.
    Forced,
    /// The rule wanted less than the floor.
    Floor,
}

impl LayerState {
    /// Name in files, on the command line and on the page.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// One layer's part of the budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerAllocation {
    /// The layer, by the name of its module.
    pub name: String,
    /// Part that it plays.
    pub role: Role,
    /// Shape of its weight.
    pub shape: Vec<usize>,
    /// Weights that it has.
    pub weights: usize,
    /// Weights that it keeps.
    pub kept: usize,
    /// `kept / weights`.
    pub density: f64,
    /// Whether the rule chose the count, was stopped by the size of the layer, or a person forced
    /// it.
    pub state: LayerState,
}

impl LayerAllocation {
    /// Whether the layer is close to being cut off: it keeps fewer weights than it has outputs, so
    /// that some outputs no longer depend on its input.
    pub fn is_near_collapse(&self) -> bool {
        self.kept < self.shape[0]
    }
}

/// A budget shared out over the layers, to the weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// Rule that shared it out.
    pub rule: Rule,
    /// Global sparsity that was asked for; `budget` follows from it.
    pub sparsity: Sparsity,
    /// Weights that may be kept.
    pub budget: usize,
    /// Weights that are kept: the same number.
    pub kept: usize,
    /// Numbers that the rule read.
    pub settings: RuleSettings,
    /// Constraints whose layers were paid from the budget before the rule filled the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// The network that it is for; none where it follows from shapes alone, or in a file of an
    /// earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_hash: Option<ModelHash>,
    /// The profile that it was made from, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_hash: Option<ProfileHash>,
    /// How it was selected among those of several rules; none where a rule was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Prunable layers in graph order.
    pub layers: Vec<LayerAllocation>,
}

/// What a pruned network was made from, as its checkpoint and masks carry it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrunedFrom {
    /// The dense network that was pruned.
    pub model_hash: ModelHash,
    /// The profile that the budget was shared out by; none where shapes alone decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_hash: Option<ProfileHash>,
    /// Rule that shared it out.
    pub rule: Rule,
    /// Global sparsity that was asked for; `budget` follows from it.
    pub sparsity: Sparsity,
    /// Whether a search found better than the rule gave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refined: bool,
    /// Which search that was; a network that was pruned before this was recorded does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What chose the weights that stay inside each layer; before it was recorded, magnitude did.
    #[serde(default)]
    pub criterion: Criterion,
}

/// How one layer differs between two allocations: the other's value minus this one's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerDifference {
    /// The layer, by the name of its module.
    pub name: String,
    /// Difference of weights kept.
    pub kept: i64,
    /// Difference of densities.
    pub density: f64,
}

/// A text that is no allocation, allocations of different networks, or one that contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum AllocationError {
    /// Not JSON, or not an allocation's.
    #[error("not an allocation: {0}")]
    Format(#[from] serde_json::Error),
    /// The two are of different networks: a layer has another name or size.
    #[error(
        "layer {index} is `{left}` ({left_weights} weights) on one side and `{right}` ({right_weights}) on the other: they are of different networks"
    )]
    OtherNetwork {
        /// Index of the layer.
        index: usize,
        /// Name of the layer in the first allocation.
        left: String,
        /// Weights of that layer.
        left_weights: usize,
        /// Name of the layer in the second allocation.
        right: String,
        /// Weights of that layer.
        right_weights: usize,
    },
    /// Numbers of layers differ.
    #[error("one side has {left} layers, the other {right}: they are of different networks")]
    LayerCount {
        /// Number of layers of the first.
        left: usize,
        /// Number of layers of the second.
        right: usize,
    },
    /// It was made for another network.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A layer keeps none or more than it has, or the sum is not the budget.
    #[error("the allocation contradicts itself: {problem}")]
    Inconsistent {
        /// What is inconsistent, as the end of a sentence.
        problem: String,
    },
}

impl Allocation {
    /// Reads an allocation and checks it.
    ///
    /// # Errors
    /// If it is none, or contradicts itself.
    pub fn from_json(text: &str) -> Result<Self, AllocationError> {
        let allocation: Self = serde_json::from_str(text)?;
        allocation.check()?;
        Ok(allocation)
    }

    /// Checks that it is for the network with this hash.
    ///
    /// # Errors
    /// If it is for another.
    pub fn check_model(&self, model: &ModelHash) -> Result<Binding, IdentityError> {
        model.check(
            "the allocation",
            self.model_hash.as_ref(),
            "allocate from the profile of this network",
        )
    }

    /// The search that found better than its rule gave, where one did ([`Selection::refinement`]).
    pub fn search(&self) -> Option<Search> {
        let refinement = self.selection.as_ref()?.refinement.as_ref()?;
        refinement.taken.then_some(refinement.search)
    }

    /// The rule in words, or what found better: `rr`, or `rr, refined`, or `SPDY's search`.
    pub fn rule_in_words(&self) -> String {
        match self.search() {
            None => self.rule.to_string(),
            Some(Search::Walk) => format!("{}, refined", self.rule),
            Some(Search::Spdy) => "SPDY's search".into(),
        }
    }

    /// Weights of all layers, kept or not.
    pub fn weights(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights).sum()
    }

    /// What `other` keeps more or less than this one, layer by layer.
    ///
    /// # Errors
    /// If they are of different networks.
    pub fn diff(&self, other: &Self) -> Result<Vec<LayerDifference>, AllocationError> {
        self.check_layers(other.layers.iter().map(|layer| (layer.name.as_str(), layer.weights)))?;
        let pairs = self.layers.iter().zip(&other.layers);
        Ok(pairs
            .map(|(left, right)| LayerDifference {
                name: left.name.clone(),
                kept: right.kept as i64 - left.kept as i64,
                density: right.density - left.density,
            })
            .collect())
    }

    /// Checks that this is an allocation of a network with these layers (name and weights).
    ///
    /// # Errors
    /// [`AllocationError::OtherNetwork`] or [`AllocationError::LayerCount`].
    pub fn check_layers<'a>(
        &self,
        layers: impl ExactSizeIterator<Item = (&'a str, usize)>,
    ) -> Result<(), AllocationError> {
        if layers.len() != self.layers.len() {
            return Err(AllocationError::LayerCount {
                left: self.layers.len(),
                right: layers.len(),
            });
        }
        for (index, (mine, (name, weights))) in self.layers.iter().zip(layers).enumerate() {
            if mine.name != name || mine.weights != weights {
                return Err(AllocationError::OtherNetwork {
                    index,
                    left: mine.name.clone(),
                    left_weights: mine.weights,
                    right: name.into(),
                    right_weights: weights,
                });
            }
        }
        Ok(())
    }

    /// Checks that each layer keeps what it can and all together exactly the budget: asked before
    /// any number is shown.
    ///
    /// # Errors
    /// [`AllocationError::Inconsistent`].
    pub fn check(&self) -> Result<(), AllocationError> {
        let fail = |problem| Err(AllocationError::Inconsistent { problem });
        if let Some(layer) =
            self.layers.iter().find(|layer| layer.kept == 0 || layer.kept > layer.weights)
        {
            return fail(format!(
                "layer `{}` keeps {} of {} weights",
                layer.name, layer.kept, layer.weights
            ));
        }
        let density = |layer: &LayerAllocation| layer.kept as f64 / layer.weights as f64;
        if let Some(layer) =
            self.layers.iter().find(|layer| (layer.density - density(layer)).abs() > 1e-9)
        {
            return fail(format!(
                "layer `{}` says its density is {}, but it is {}",
                layer.name,
                layer.density,
                density(layer)
            ));
        }
        let sum: usize = self.layers.iter().map(|layer| layer.kept).sum();
        if sum != self.budget || self.kept != self.budget {
            return fail(format!(
                "its layers keep {sum} weights, but the budget is {}",
                self.budget
            ));
        }
        Ok(())
    }
}
