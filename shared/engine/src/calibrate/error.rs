//! What can go wrong while a network is measured or repaired.

use burn::tensor::ExecutionError;

use crate::data::Split;
use crate::model::StateDictError;
use crate::watch::{Interrupted, Stopped};

/// Why a network can't be calibrated or repaired.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum CalibrationError {
    /// A split without images, or none asked for.
    #[error("calibration needs at least one image; {dataset} has {available} in its {split} split")]
    NoImages { dataset: String, split: Split, available: usize },
    /// A class that the data set does not have.
    #[error("{dataset} has no class `{class}`; its classes are {}", known.join(", "))]
    NoClass { dataset: String, class: String, known: Vec<String> },
    /// An output that is not a number.
    #[error(
        "layer `{layer}` gives values that are not finite on these images: the weights are too large for f32"
    )]
    NotFinite { layer: String },
    /// Inputs that no weights can be solved for.
    #[error(
        "layer `{layer}` can't be reconstructed: the second moments of its inputs on these images are not finite"
    )]
    Unsolvable { layer: String },
    /// A repair that leaves a tensor which no network can have.
    #[error("the repair is not finite: {0}")]
    Repair(#[from] StateDictError),
    /// It was asked to end, or the device failed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<ExecutionError> for CalibrationError {
    fn from(error: ExecutionError) -> Self {
        Self::Interrupted(Interrupted::Device(error))
    }
}

impl From<Stopped> for CalibrationError {
    fn from(stopped: Stopped) -> Self {
        Self::Interrupted(Interrupted::Stopped(stopped))
    }
}
