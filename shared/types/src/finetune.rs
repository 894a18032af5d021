//! Fine-tuning of pruned, repaired networks under several rules from the same start, and what came
//! of it.

use serde::{Deserialize, Serialize};

use crate::budget::Sparsity;
use crate::criterion::Criterion;
use crate::repair::{Repair, RepairOperator};
use crate::report::{ReportOrigin, SweepPlan, without_old_hash};
use crate::rule::{Constraint, Rule, RuleSettings};
use crate::training::{EpochReport, Schedule, TrainingPlan};
use crate::version::{VersionError, check_version};

/// Version of the format that this program writes. Version 1 did not say what it is of in a way
/// that can be checked.
pub const FINETUNE_VERSION: u32 = 2;

/// What is pruned, repaired and fine-tuned. All runs start from the same dense network, calibration
/// images and order of training images, and differ in their masks alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinetunePlan {
    /// Rules whose networks are fine-tuned, each at every sparsity.
    pub rules: Vec<Rule>,
    /// Global sparsities, each with every rule.
    pub sparsities: Vec<Sparsity>,
    /// Repair of the pruned network before the first epoch.
    pub repair: Repair,
    /// What chooses the weights that stay inside each layer; a plan that does not say means
    /// magnitude.
    #[serde(default)]
    pub criterion: Criterion,
    /// Numbers that the rules read.
    #[serde(default)]
    pub settings: RuleSettings,
    /// Layers forced, the same for every rule.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// Images on which the repair measures statistics.
    pub calibration_images: usize,
    /// Evaluation images, drawn from the test split.
    pub evaluation_images: usize,
    /// How the networks are trained; its seed draws all images.
    pub training: TrainingPlan,
}

/// The same rules as a [`SweepPlan`]'s, at one sparsity that needs fine-tuning.
impl Default for FinetunePlan {
    fn default() -> Self {
        let SweepPlan {
            rules, settings, constraints, calibration_images, evaluation_images, ..
        } = SweepPlan::default();
        Self {
            rules,
            sparsities: vec![Sparsity::CUSTOMARY],
            repair: Repair::Operator(RepairOperator::default()),
            criterion: Criterion::default(),
            settings,
            constraints,
            calibration_images,
            evaluation_images,
            training: Self::customary_training(),
        }
    }
}

impl FinetunePlan {
    /// Number of runs when all are done.
    pub fn asked(&self) -> usize {
        self.rules.len() * self.sparsities.len()
    }

    /// Training as is customary after pruning: a cosine from a low rate.
    pub fn customary_training() -> TrainingPlan {
        TrainingPlan {
            epochs: 5,
            learning_rate: 0.02,
            schedule: Schedule::Cosine,
            label_smoothing: 0.0,
            ..TrainingPlan::default()
        }
    }
}

/// One pruned, repaired and fine-tuned network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinetuneRun {
    /// Rule that shared out the budget.
    pub rule: Rule,
    /// Global sparsity at which the network was pruned.
    pub sparsity: Sparsity,
    /// Weights kept, equal to the budget, before and after.
    pub kept: usize,
    /// Accuracy of the repaired network before fine-tuning.
    pub start_accuracy: f64,
    /// What each epoch did so far, in order.
    pub epochs: Vec<EpochReport>,
}

impl FinetuneRun {
    /// Accuracy at the end, where it got there.
    pub fn final_accuracy(&self) -> Option<f64> {
        self.epochs.last().and_then(|epoch| epoch.test_accuracy)
    }
}

/// Accuracy per epoch over rules and sparsities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinetuneReport {
    /// [`FINETUNE_VERSION`] when it was written.
    pub version: u32,
    /// Architecture with its options.
    pub architecture: String,
    /// Classes of the data set; chance is one over them.
    pub classes: usize,
    /// What its numbers were computed from.
    #[serde(flatten)]
    pub origin: ReportOrigin,
    /// What was asked for.
    pub plan: FinetunePlan,
    /// Accuracy of the dense network on the same evaluation images.
    pub dense_accuracy: f64,
    /// What was found, in the order in which it was computed.
    pub runs: Vec<FinetuneRun>,
}

/// Why a text is no report of fine-tuning.
#[derive(Debug, thiserror::Error)]
pub enum FinetuneFormatError {
    /// Written by a version of the program that this one does not know.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Not JSON, or not such a report's.
    #[error("not a report of fine-tuning: {0}")]
    Format(#[from] serde_json::Error),
}

impl FinetuneReport {
    /// Reads a report.
    ///
    /// # Errors
    /// If it is of another version or no such report.
    pub fn from_json(text: &str) -> Result<Self, FinetuneFormatError> {
        let version = check_version("report of fine-tuning", text, FINETUNE_VERSION)?;
        Ok(serde_json::from_str(&without_old_hash(version, text)?)?)
    }

    /// The run of one combination, where it was begun.
    pub fn run(&self, rule: Rule, sparsity: Sparsity) -> Option<&FinetuneRun> {
        self.runs.iter().find(|run| (run.rule, run.sparsity) == (rule, sparsity))
    }
}
