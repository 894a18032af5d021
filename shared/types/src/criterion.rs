//! How the weights that stay are chosen inside a layer.

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use crate::repair::{Repair, RepairOperator};

/// What decides which of a layer's weights stay, at the count that the allocation gives it
/// (`docs/method.md`, section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(
    serialize_all = "snake_case",
    parse_err_ty = UnknownCriterion,
    parse_err_fn = unknown_criterion
)]
pub enum Criterion {
    /// The largest |w|.
    #[default]
    Magnitude,
    /// The largest |w|·√`E[x²]`, where x is what the weight is multiplied by in the dense network
    /// (Sun et al. 2023).
    Wanda,
    /// Pruning in steps: the kept weights are solved anew, and those that the layer's output needs
    /// least are removed, in turn (Optimal Brain Surgeon, Hassibi and Stork 1993). Goes with
    /// reconstruction alone.
    Obs,
}

/// A name that is no criterion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no criterion is named `{name}`; there are {}", choices.join(", "))]
pub struct UnknownCriterion {
    name: String,
    choices: Vec<&'static str>,
}

fn unknown_criterion(name: &str) -> UnknownCriterion {
    let choices = Criterion::VARIANTS.iter().map(|value| value.name()).collect();
    UnknownCriterion { name: name.into(), choices }
}

/// A criterion and a repair that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "criterion {criterion} solves the kept weights while it chooses them, so that it goes with \
     repair {} alone, not with {repair}; choose that repair, or criterion {}",
    RepairOperator::Reconstruction,
    Criterion::Magnitude
)]
pub struct CriterionError {
    criterion: Criterion,
    repair: Repair,
}

impl Criterion {
    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What a person reads on the page and in figures.
    pub fn label(self) -> &'static str {
        match self {
            Self::Magnitude => "magnitude",
            Self::Wanda => "Wanda",
            Self::Obs => "in steps (OBS)",
        }
    }

    /// Checks that networks pruned by it can be repaired so.
    ///
    /// ```
    /// use rrlab_types::{Criterion, Repair, RepairOperator};
    ///
    /// let reconstruction = Repair::Operator(RepairOperator::Reconstruction);
    /// assert!(Criterion::Obs.check(reconstruction).is_ok());
    /// assert!(Criterion::Obs.check(Repair::None).is_err());
    /// assert!(Criterion::Magnitude.check(Repair::None).is_ok());
    /// ```
    ///
    /// # Errors
    /// If [`Criterion::Obs`] meets any repair but reconstruction.
    pub fn check(self, repair: Repair) -> Result<(), CriterionError> {
        let solves = repair == Repair::Operator(RepairOperator::Reconstruction);
        if self == Self::Obs && !solves {
            return Err(CriterionError { criterion: self, repair });
        }
        Ok(())
    }

    /// How networks are pruned by it and repaired, for a person: a rung of the ladder of repairs.
    ///
    /// ```
    /// use rrlab_types::{Criterion, Repair, RepairOperator};
    ///
    /// let reconstruction = Repair::Operator(RepairOperator::Reconstruction);
    /// assert_eq!(Criterion::Obs.with_repair(reconstruction), "reconstruction in steps");
    /// assert_eq!(Criterion::Magnitude.with_repair(Repair::None), "no repair");
    /// ```
    pub fn with_repair(self, repair: Repair) -> String {
        let repair = repair.label();
        match self {
            Self::Magnitude => repair.to_owned(),
            Self::Wanda => format!("{repair}, masks by {}", self.label()),
            Self::Obs => format!("{repair} in steps"),
        }
    }
}
