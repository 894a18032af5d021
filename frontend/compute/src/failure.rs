//! Why a request was not carried out, made of the engine's errors.

use rrlab_engine::architecture::ArchitectureError;
use rrlab_engine::calibrate::CalibrationError;
use rrlab_engine::checkpoint::CheckpointError;
use rrlab_engine::data::ImportError;
use rrlab_engine::experiment::ExperimentError;
use rrlab_engine::model::ClassesError;
use rrlab_engine::train::{TrainingError, TrainingStateError};
use rrlab_engine::watch::{Interrupted, Stopped};
use rrlab_types::{AllocationError, IdentityError};

/// Why a request was not carried out.
pub enum Failure {
    /// The page gave it up.
    Stopped,
    /// Why the device will not work again.
    Lost(String),
    /// What is wrong with the request, for people.
    Problem(String),
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopped(stopped) => stopped.into(),
            Interrupted::Device(_) => Self::Lost(interrupted.to_string()),
        }
    }
}

impl From<CalibrationError> for Failure {
    fn from(error: CalibrationError) -> Self {
        match error {
            CalibrationError::Interrupted(interrupted) => interrupted.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Interrupted(interrupted) => interrupted.into(),
            ExperimentError::Calibration(error) => error.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

impl From<TrainingError> for Failure {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Interrupted(interrupted) => interrupted.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

macro_rules! problems {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Problem(error.to_string())
            }
        })+
    };
}
problems!(
    AllocationError,
    ArchitectureError,
    CheckpointError,
    ClassesError,
    IdentityError,
    ImportError,
    TrainingStateError
);

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}
