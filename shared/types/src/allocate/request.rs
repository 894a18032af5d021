//! What is asked of an allocation.

use super::error::AllocateError;
use crate::budget::Sparsity;
use crate::rule::{Constraint, Rule, RuleSettings};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocationRequest {
    /// How the budget of the layers that are not forced is shared out.
    pub rule: Rule,
    /// Fraction of all prunable weights that is removed, forced layers included.
    pub sparsity: Sparsity,
    /// Numbers that the rule reads.
    pub settings: RuleSettings,
    /// Layers that are forced.
    pub constraints: Vec<Constraint>,
}

impl AllocationRequest {
    /// By a rule with its default settings; no layer is forced.
    pub fn new(rule: Rule, sparsity: Sparsity) -> Self {
        Self { rule, sparsity, settings: RuleSettings::default(), constraints: Vec::new() }
    }

    /// Checks that the settings are in the range in which rules make sense.
    pub(super) fn check_settings(&self) -> Result<(), AllocateError> {
        let settings = &self.settings;
        let checks = [
            ("floor", settings.floor, (0.0..=1.0).contains(&settings.floor), "between 0 and 1"),
            ("alpha", settings.alpha, settings.alpha.abs() <= 10.0, "between -10 and 10"),
            (
                "share exponent",
                settings.share_exponent,
                settings.share_exponent.abs() <= 10.0,
                "between -10 and 10",
            ),
            (
                "classifier weight",
                settings.classifier_weight,
                settings.classifier_weight > 0.0 && settings.classifier_weight <= 1e6,
                "above 0 and at most 1000000",
            ),
        ];
        match checks.into_iter().find(|(_, _, right, _)| !right) {
            Some((what, value, _, expected)) => {
                Err(AllocateError::Setting { what, value, expected })
            }
            None => Ok(()),
        }
    }
}
