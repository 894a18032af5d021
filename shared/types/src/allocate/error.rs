//! Why a budget can't be shared out as asked.

use crate::budget::BudgetError;
use crate::graph::Role;
use crate::profile::UnmeasuredOperator;
use crate::rule::Rule;

/// Why a budget can't be shared out as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AllocateError {
    /// Less than a weight for each layer.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A rule that needs what only a profile has.
    #[error(
        "rule {rule} needs a profile: calibrate the model first, or choose one of uniform, uniform_plus, er, erk"
    )]
    NeedsProfile {
        /// The rule that was asked for.
        rule: Rule,
    },
    /// A rule that weighs layers by their sensitivity, on a profile that has none.
    #[error(
        "rule {rule} weighs each layer by how much of its noise reaches the logits, and this profile was measured \
         before that was: measure the network again with `rrlab calibrate`, or choose another rule, such as rr_ratio"
    )]
    NeedsSensitivity {
        /// The rule that was asked for.
        rule: Rule,
    },
    /// Settings that name a repair operator whose residual the profile does not have.
    #[error(transparent)]
    Unmeasured(#[from] UnmeasuredOperator),
    /// A constraint on a layer that is not there.
    #[error("no layer is named `{name}`; layers are {}", layers.join(", "))]
    UnknownLayer {
        /// The layer as the constraint names it.
        name: String,
        /// Prunable layers of the network, in graph order.
        layers: Vec<String>,
    },
    /// A constraint on a role that no layer has.
    #[error("this network has no layer of role {role}")]
    EmptyRole {
        /// The role as the constraint names it.
        role: Role,
    },
    /// Two constraints on one layer.
    #[error("layer `{name}` is forced twice, by `{first}` and `{second}`")]
    ForcedTwice {
        /// The layer as the constraint names it.
        name: String,
        /// The constraint that came first, as a person writes it.
        first: String,
        /// The one that forces the layer again.
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
        /// Lowest global sparsity at which the budget can be met exactly.
        low: f64,
        /// Highest global sparsity at which the budget can be met exactly.
        high: f64,
    },
    /// A setting out of range.
    #[error("{what} is {value}; it must be {expected}")]
    Setting {
        /// The setting, in words.
        what: &'static str,
        /// The value that was given.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A least density of all layers that the budget can't pay.
    #[error(
        "a floor of {floor} keeps {least} weights of the layers that are not forced, and the budget leaves them {left}; \
         the highest floor possible is {highest:.6}"
    )]
    Floor {
        /// The floor that was asked for.
        floor: f64,
        /// Weights that it keeps.
        least: usize,
        /// Weights that the budget leaves for these layers.
        left: usize,
        /// Density of these layers together, which no floor can exceed.
        highest: f64,
    },
    /// A floor of the rule that the budget can't pay.
    #[error(
        "{rule} keeps at least {least} weights here; the highest sparsity possible is {high:.6}"
    )]
    RuleFloor {
        /// The rule that was asked for.
        rule: Rule,
        /// Weights that it keeps whatever the budget.
        least: usize,
        /// Highest global sparsity at which the budget can be met exactly.
        high: f64,
    },
}
