//! What decides an allocation, A or B: the budget, the rule with its settings, and the layers that
//! are forced.

use leptos::prelude::*;
use rrlab_types::{
    AllocationRequest, Constraint, Criterion, Prior, RepairOperator, Rule, RuleSettings,
};

use super::list::List;
use super::property::Property;
use super::sparsity::SparsitySetting;

/// What allocation A, or B, is computed from.
#[derive(Debug, Clone, Copy)]
pub struct AllocationSettings {
    /// Of the whole network.
    pub sparsity: SparsitySetting,
    pub rule: RwSignal<Rule>,
    /// Operator whose residual distortion counts and is shown.
    pub repair: RwSignal<RepairOperator>,
    /// What chooses the weights that stay inside each layer of a network that is pruned so.
    pub criterion: RwSignal<Criterion>,
    /// Power of RR, for rules that take one.
    pub alpha: RwSignal<f64>,
    /// The rule that a blend starts from.
    pub prior: RwSignal<Prior>,
    /// Least density of every layer that is not forced.
    pub floor: RwSignal<f64>,
    /// Layers forced to a density, whatever the rule gives them.
    pub force: RwSignal<List<Constraint>>,
}

impl AllocationSettings {
    /// Every setting at its default, with this rule and sparsity.
    pub(super) fn new(rule: Rule, sparsity: SparsitySetting) -> Self {
        let defaults = RuleSettings::default();
        Self {
            sparsity,
            rule: RwSignal::new(rule),
            repair: RwSignal::new(defaults.repair),
            criterion: RwSignal::new(Criterion::default()),
            alpha: RwSignal::new(defaults.alpha),
            prior: RwSignal::new(defaults.prior),
            floor: RwSignal::new(defaults.floor),
            force: RwSignal::new(List(Vec::new())),
        }
    }

    /// What is asked of the allocation; follows every signal.
    pub fn request(self) -> AllocationRequest {
        AllocationRequest {
            rule: self.rule.get(),
            sparsity: self.sparsity.get(),
            settings: RuleSettings {
                repair: self.repair.get(),
                alpha: self.alpha.get(),
                prior: self.prior.get(),
                floor: self.floor.get(),
                ..RuleSettings::default()
            },
            constraints: self.force.get().0,
        }
    }

    /// Rule, sparsity and what is forced, in a line; follows these signals.
    pub fn describe(self) -> String {
        let (rule, sparsity, force) = (self.rule.get(), self.sparsity.get(), self.force.get());
        let forced = if force.0.is_empty() { String::new() } else { format!(", {force} forced") };
        format!("{} at {sparsity}{forced}", rule.label())
    }

    /// Adds a line for every setting to the table: keys begin with `prefix`, the rule's default is
    /// `rule`.
    pub(super) fn properties(self, prefix: &str, rule: Rule, table: &mut Vec<Property>) {
        let key = |name: &str| format!("{prefix}{name}");
        let defaults = RuleSettings::default();
        table.extend([
            self.sparsity.property(key("sparsity")),
            Property::new(key("rule"), self.rule, rule).coarse(),
            Property::new(key("repair"), self.repair, RepairOperator::default()),
            Property::new(key("criterion"), self.criterion, Criterion::default()),
            Property::new(key("alpha"), self.alpha, defaults.alpha),
            Property::new(key("prior"), self.prior, Prior::ERK),
            Property::new(key("floor"), self.floor, defaults.floor),
            Property::new(key("force"), self.force, List(Vec::new())),
        ]);
    }
}
