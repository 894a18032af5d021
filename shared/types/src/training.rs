//! How a network is trained, and what each step did.

use serde::{Deserialize, Serialize};

/// Share of training in which a one-cycle schedule rises.
const RISE: f64 = 0.25;
/// Where a one-cycle schedule starts, as a factor of its peak.
const START: f64 = 0.1;

/// How to train. Serialised beside every state, so that a resumed run can't differ unnoticed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TrainingPlan {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of one step.
    pub batch_size: usize,
    /// Learning rate at the peak of the schedule.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Nesterov momentum, at least 0 and below 1.
    pub momentum: f64,
    /// Decay of weights (not of biases or batch norms).
    pub weight_decay: f64,
    /// Probability spread over all classes.
    pub label_smoothing: f64,
    /// Whether images are flipped and shifted.
    pub augment: bool,
    /// Whether they are flipped alone, where they are augmented.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_place: bool,
    /// Of the order of images and their augmentation.
    pub seed: u64,
    /// Whether a dense network teaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<Distillation>,
    /// What moves the weights.
    #[serde(default, skip_serializing_if = "Optimizer::is_default")]
    pub optimizer: Optimizer,
    /// Whether batch norms keep the statistics that they have, in place of each batch's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen_statistics: bool,
}

/// What moves the weights along their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Stochastic gradient descent with Nesterov momentum (Sutskever et al. 2013).
    #[default]
    Sgd,
    /// Adam with its customary decays, 0.9 and 0.999 (Kingma and Ba 2015); momentum is not read.
    Adam,
}

impl Optimizer {
    /// Plans that were written before there were others mean the first.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Knowledge distillation (Hinton et al. 2015): the loss is (1 − weight)·cross-entropy +
/// weight·T²·KL(teacher ‖ network), both distributions at temperature T.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Distillation {
    /// Share of the teacher in the loss, 0 to 1.
    pub weight: f64,
    /// Temperature T that both distributions are softened by.
    pub temperature: f64,
}

impl Default for Distillation {
    fn default() -> Self {
        Self { weight: 0.5, temperature: 4.0 }
    }
}

impl Default for TrainingPlan {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 128,
            learning_rate: 0.2,
            schedule: Schedule::OneCycle,
            momentum: 0.9,
            weight_decay: 5e-4,
            label_smoothing: 0.05,
            augment: true,
            in_place: false,
            seed: 0,
            distillation: None,
            optimizer: Optimizer::default(),
            frozen_statistics: false,
        }
    }
}

/// How a repaired network learns from the dense one alone, without a label (`docs/method.md`,
/// section 4).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DistillationPlan {
    /// Passes over the images that the repair saw.
    pub epochs: usize,
    /// Images of one step.
    pub batch_size: usize,
    /// Highest learning rate; it falls to 0 along a cosine.
    pub learning_rate: f64,
    /// Whether images are flipped.
    pub augment: bool,
    /// Whether they are flipped alone, and not shifted.
    pub in_place: bool,
}

impl Default for DistillationPlan {
    fn default() -> Self {
        Self {
            epochs: 20,
            // Of a thousand images, batches as large as in training would make few steps.
            batch_size: 32,
            learning_rate: 1e-3,
            augment: true,
            // Few kept weights can't learn shifts beside what repair gave them.
            in_place: true,
        }
    }
}

impl DistillationPlan {
    /// For so many epochs; none for 0.
    pub fn of_epochs(epochs: usize) -> Option<Self> {
        (epochs > 0).then(|| Self { epochs, ..Self::default() })
    }

    /// As a plan of training: the dense network's outputs as they are, norms as repair left them.
    pub fn training(self, seed: u64) -> TrainingPlan {
        let Self { epochs, batch_size, learning_rate, augment, in_place } = self;
        TrainingPlan {
            epochs,
            batch_size,
            learning_rate,
            augment,
            in_place,
            seed,
            schedule: Schedule::Cosine,
            weight_decay: 0.0,
            label_smoothing: 0.0,
            distillation: Some(Distillation { weight: 1.0, temperature: 1.0 }),
            optimizer: Optimizer::Adam,
            frozen_statistics: true,
            ..TrainingPlan::default()
        }
    }
}

impl TrainingPlan {
    /// [`DistillationPlan`]'s, by default.
    pub fn distillation() -> Self {
        DistillationPlan::default().training(Self::default().seed)
    }
}

/// `1 epoch`, `20 epochs`.
pub fn epochs_in_words(epochs: usize) -> String {
    if epochs == 1 { "1 epoch".into() } else { format!("{epochs} epochs") }
}

/// A number of a training plan that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what} is {value}; it must be {expected}")]
pub struct TrainingPlanError {
    /// Path of the number in the plan's JSON, such as `distillation.weight`.
    pub field: &'static str,
    /// The number's name for people.
    pub what: &'static str,
    /// The value that the plan has.
    pub value: f64,
    /// What would be right.
    pub expected: &'static str,
}

/// What one epoch did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EpochReport {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean loss over its images, each at the step that it was part of.
    pub loss: f64,
    /// Fraction of its images that were classified right at that step, augmented as they were.
    pub train_accuracy: f64,
    /// Accuracy on test images after it, where that was measured.
    pub test_accuracy: Option<f64>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepReport {
    /// Epoch of the step, from 0.
    pub epoch: usize,
    /// Step in the epoch, from 0.
    pub step: usize,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Mean loss over the batch.
    pub loss: f32,
    /// Images of the batch that were classified right.
    pub correct: usize,
    /// Images of the batch.
    pub images: usize,
}

impl TrainingPlan {
    /// Whether anything is learned from labels, or all from the dense network.
    pub fn reads_labels(&self) -> bool {
        self.distillation.is_none_or(|distillation| distillation.weight < 1.0)
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// The first that does not, with what would.
    pub fn check(&self) -> Result<(), TrainingPlanError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every number that makes no sense, with what would.
    pub fn problems(&self) -> Vec<TrainingPlanError> {
        let mut problems = Vec::new();
        let mut require = |is_right: bool, field, what, value, expected| {
            if !is_right {
                problems.push(TrainingPlanError { field, what, value, expected });
            }
        };
        let below_one = |value: f64| (0.0..1.0).contains(&value);
        let Self {
            epochs, batch_size, learning_rate, momentum, weight_decay, label_smoothing, ..
        } = *self;
        let fraction = "at least 0 and below 1";
        require(epochs > 0, "epochs", "epochs", epochs as f64, "at least 1");
        require(batch_size > 1, "batch_size", "batch size", batch_size as f64, "at least 2");
        let right_rate = learning_rate > 0.0 && learning_rate < 100.0;
        require(
            right_rate,
            "learning_rate",
            "learning rate",
            learning_rate,
            "above 0 and below 100",
        );
        require(below_one(momentum), "momentum", "momentum", momentum, fraction);
        require(below_one(weight_decay), "weight_decay", "weight decay", weight_decay, fraction);
        require(
            below_one(label_smoothing),
            "label_smoothing",
            "label smoothing",
            label_smoothing,
            fraction,
        );
        if let Some(Distillation { weight, temperature }) = self.distillation {
            let right = (0.0..=1.0).contains(&weight);
            require(
                right,
                "distillation.weight",
                "weight of distillation",
                weight,
                "between 0 and 1",
            );
            let (right, what) =
                ((0.1..=100.0).contains(&temperature), "temperature of distillation");
            require(right, "distillation.temperature", what, temperature, "between 0.1 and 100");
        }
        problems
    }
}

/// Factor on the highest learning rate as training progresses from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Rises linearly for a quarter, then falls to 0 along a cosine (Smith & Topin 2019).
    OneCycle,
    /// Falls to 0 along a cosine (Loshchilov & Hutter 2017).
    Cosine,
}

impl Schedule {
    /// The factor at `progress` of all steps.
    pub fn factor(self, progress: f64) -> f64 {
        let cosine =
            |share: f64| 0.5 * (1.0 + (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos());
        match self {
            Self::Cosine => cosine(progress),
            Self::OneCycle if progress < RISE => START + (1.0 - START) * progress / RISE,
            Self::OneCycle => cosine((progress - RISE) / (1.0 - RISE)),
        }
    }
}
