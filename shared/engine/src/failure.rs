//! How a piece of work ends for whoever asked for it, whichever error it ended with: the server's
//! worker and the page's ask the same three questions of it.

use rrlab_types::IdentityError;

use crate::architecture::ArchitectureError;
use crate::calibrate::CalibrationError;
use crate::calibrated::TreatmentError;
use crate::checkpoint::CheckpointError;
use crate::data::ImportError;
use crate::experiment::ExperimentError;
use crate::finetune::FinetuneError;
use crate::model::ClassesError;
use crate::train::{TrainingError, TrainingStateError};
use crate::watch::{Interrupted, Stopped};

/// Why work was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It was asked to end.
    Stopped,
    /// The device failed, and will not work again: why.
    Lost(String),
    /// What was asked can't be done: what is wrong, for people.
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

impl From<TrainingError> for Failure {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Interrupted(interrupted) => interrupted.into(),
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

impl From<TreatmentError> for Failure {
    fn from(error: TreatmentError) -> Self {
        match error {
            TreatmentError::Calibration(error) => error.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

impl From<FinetuneError> for Failure {
    fn from(error: FinetuneError) -> Self {
        match error {
            FinetuneError::Experiment(error) => error.into(),
            FinetuneError::Training(error) => error.into(),
        }
    }
}

/// Errors that say what is wrong, and nothing else.
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
    ArchitectureError,
    CheckpointError,
    ClassesError,
    IdentityError,
    ImportError,
    TrainingStateError,
    serde_json::Error
);

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}
