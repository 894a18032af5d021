//! What an allocation is selected from, and how it is judged.

use serde::{Deserialize, Serialize};

use crate::budget::Sparsity;
use crate::criterion::Criterion;
use crate::repair::{Repair, RepairOperator};
use crate::report::{CALIBRATION_IMAGES, JUDGE_IMAGES, SweepPlan};
use crate::rule::{Constraint, Rule, RuleSettings};
use crate::selection::Search;

/// What is selected from, for which pruning and repair, on how many images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SelectionPlan {
    /// The candidates.
    pub rules: Vec<Rule>,
    /// Global sparsity of all of them.
    pub sparsity: Sparsity,
    /// Repair of every network that is judged.
    pub repair: Repair,
    /// What chooses the weights that stay inside each layer.
    pub criterion: Criterion,
    /// Numbers that the rules read.
    pub settings: RuleSettings,
    /// Layers forced, the same for every rule.
    pub constraints: Vec<Constraint>,
    /// Images that networks are repaired on.
    pub calibration_images: usize,
    /// Images that they are judged on: others.
    pub judge_images: usize,
    /// Seed with which both are drawn.
    pub seed: u64,
    /// How a better one than the best candidate is searched for.
    pub search: Search,
    /// Networks that may be judged in the search; 0 for none.
    pub refining_networks: usize,
}

/// The rules that are compared most, after the default repair, without a search.
impl Default for SelectionPlan {
    fn default() -> Self {
        let SweepPlan { rules, criterion, settings, constraints, seed, .. } = SweepPlan::default();
        Self {
            rules,
            sparsity: Sparsity::CUSTOMARY,
            repair: Repair::Operator(RepairOperator::default()),
            criterion,
            settings,
            constraints,
            calibration_images: CALIBRATION_IMAGES,
            judge_images: JUDGE_IMAGES,
            seed,
            search: Search::default(),
            refining_networks: 0,
        }
    }
}

impl SelectionPlan {
    /// Least images that say anything of a difference: two, and with a search two that decide and
    /// two that confirm.
    pub fn least_judge_images(&self) -> usize {
        if self.refining_networks > 0 { 4 } else { 2 }
    }

    /// Networks that are pruned, repaired and judged at most: the cost of the selection.
    pub fn networks(&self) -> usize {
        self.rules.len().saturating_add(self.refining_networks)
    }
}
