//! A training run at rest: model, velocities, plan and how far it got, in one safetensors file.

use rrlab_types::TrainingPlan;

use crate::checkpoint::{self, CheckpointError, NetworkHint, TensorFile};
use crate::model::{Model, StateDict};

/// Metadata key of plan and progress.
const PROGRESS_KEY: &str = "rrlab.training";
/// Prefix of the velocities' names.
const VELOCITY_PREFIX: &str = "velocity/";

/// Everything that it takes to go on with training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingState {
    /// The network as it is.
    pub model: Model,
    /// Velocity of each parameter, flat.
    pub velocity: StateDict,
    /// How it is trained.
    pub plan: TrainingPlan,
    /// Epochs done.
    pub epoch: usize,
    /// Steps done of the epoch after those.
    pub step: usize,
}

/// Why bytes are not a training state.
#[derive(Debug, thiserror::Error)]
pub enum TrainingStateError {
    /// Not a model either.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A model that is no longer in training.
    #[error("the file holds no state of training to go on from: {problem}")]
    NoProgress {
        /// What is wrong.
        problem: String,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Progress {
    plan: TrainingPlan,
    epoch: usize,
    step: usize,
}

impl TrainingState {
    /// The beginning of a run.
    pub fn start(model: Model, plan: TrainingPlan) -> Self {
        Self { model, velocity: StateDict::new(), plan, epoch: 0, step: 0 }
    }

    /// Bytes of a file.
    ///
    /// # Errors
    /// If a tensor's values are not as many as its shape says.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainingStateError> {
        let mut file = checkpoint::to_file(&self.model)?;
        let progress = Progress { plan: self.plan.clone(), epoch: self.epoch, step: self.step };
        let progress = serde_json::to_string(&progress)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        file.metadata.insert(PROGRESS_KEY.into(), progress);
        let velocity = self.velocity.iter().map(|(name, tensor)| (format!("{VELOCITY_PREFIX}{name}"), tensor.clone()));
        file.tensors.extend(velocity);
        Ok(file.to_bytes()?)
    }

    /// The state that these bytes of a file hold.
    ///
    /// # Errors
    /// If they are not what [`TrainingState::to_bytes`] wrote, whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainingStateError> {
        let mut file = TensorFile::from_bytes(bytes)?;
        let missing = || TrainingStateError::NoProgress { problem: "it is a finished model".into() };
        let progress = file.metadata.get(PROGRESS_KEY).ok_or_else(missing)?;
        let Progress { plan, epoch, step } = serde_json::from_str(progress)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        let (velocity, tensors): (StateDict, StateDict) =
            std::mem::take(&mut file.tensors).into_iter().partition(|(name, _)| name.starts_with(VELOCITY_PREFIX));
        file.tensors = tensors;
        let velocity =
            velocity.into_iter().map(|(name, tensor)| (name[VELOCITY_PREFIX.len()..].to_owned(), tensor)).collect();
        let model = checkpoint::from_file(file, NetworkHint::default())?;
        Ok(Self { model, velocity, plan, epoch, step })
    }
}
