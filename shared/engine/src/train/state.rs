//! A training run at rest: model, optimizer, plan and how far it got, in one safetensors file.

use rrlab_types::{EpochReport, ImagesHash, StepReport, TrainingPlan};

use super::optimizer::OptimizerState;
use crate::checkpoint::{self, CheckpointError, NetworkHint, TensorFile};
use crate::model::Model;
use crate::prune::Masks;
use crate::tensors::{HostTensor, StateDict};

/// Metadata key of plan and progress.
const PROGRESS_KEY: &str = "rrlab.training";
/// Prefix of the velocities' names.
const VELOCITY_PREFIX: &str = "velocity/";
/// Prefix of the names of Adam's means of squares.
const SQUARES_PREFIX: &str = "squares/";
/// Prefix of the masks' names.
const MASK_PREFIX: &str = "mask/";

/// Everything that it takes to go on with training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingState {
    /// The network as it is.
    pub model: Model,
    /// What the optimizer remembers of each parameter that has moved.
    pub optimizer: OptimizerState,
    /// Weights that may not come back, by layer; layers without a mask are free.
    pub masks: Masks,
    /// How it is trained.
    pub plan: TrainingPlan,
    /// How many epochs are done.
    pub epoch: usize,
    /// Steps done of the epoch after those.
    pub step: usize,
    /// What the epochs so far did.
    pub log: TrainingLog,
    /// The images that it was trained on so far; a file of an earlier version does not say.
    pub images: Option<ImagesHash>,
}

/// Epochs that are done, and sums over the steps of the one that is not.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct TrainingLog {
    /// One report for each epoch that is done.
    pub epochs: Vec<EpochReport>,
    /// Loss of the steps since, times their images.
    loss: f64,
    /// Images classified right since.
    correct: usize,
    /// Images that those steps took.
    images: usize,
}

impl TrainingLog {
    /// Takes a step into account.
    pub(super) fn add(&mut self, step: &StepReport) {
        self.loss += f64::from(step.loss) * step.images as f64;
        self.correct += step.correct;
        self.images += step.images;
        if step.step + 1 < step.steps_per_epoch {
            return;
        }
        let images = self.images as f64;
        let report = EpochReport {
            epoch: step.epoch + 1,
            loss: self.loss / images,
            train_accuracy: self.correct as f64 / images,
            test_accuracy: None,
        };
        *self = Self { epochs: std::mem::take(&mut self.epochs), ..Self::default() };
        self.epochs.push(report);
    }

    /// Loss and accuracy over the steps of the epoch under way.
    pub fn so_far(&self) -> Option<(f64, f64)> {
        let images = self.images as f64;
        (self.images > 0).then(|| (self.loss / images, self.correct as f64 / images))
    }
}

/// Why bytes are not a training state.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum TrainingStateError {
    /// Not a model either.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A model that is no longer in training.
    #[error("the file holds no state of training to go on from: {problem}")]
    NoProgress { problem: String },
}

/// What the metadata of the file say beside its tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Progress {
    plan: TrainingPlan,
    epoch: usize,
    step: usize,
    #[serde(default)]
    log: TrainingLog,
    #[serde(default)]
    images: Option<ImagesHash>,
}

impl TrainingState {
    /// The beginning of a run.
    pub fn start(model: Model, plan: TrainingPlan) -> Self {
        let (optimizer, masks, log) = Default::default();
        Self { model, optimizer, masks, plan, epoch: 0, step: 0, log, images: None }
    }

    /// The beginning of a run of a pruned model, in which these masks stay as they are.
    pub fn start_pruned(model: Model, masks: Masks, plan: TrainingPlan) -> Self {
        Self { masks, ..Self::start(model, plan) }
    }

    /// Bytes of a file.
    ///
    /// # Errors
    /// If a tensor's values are not as many as its shape says.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainingStateError> {
        Ok(self.to_file()?.to_bytes()?)
    }

    /// The file that holds it.
    pub(crate) fn to_file(&self) -> Result<TensorFile, TrainingStateError> {
        let mut file = checkpoint::to_file(&self.model)?;
        let Self { epoch, step, images, .. } = *self;
        let progress =
            Progress { plan: self.plan.clone(), epoch, step, log: self.log.clone(), images };
        let progress = serde_json::to_string(&progress)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        file.metadata.insert(PROGRESS_KEY.into(), progress);
        let OptimizerState { velocity, squares } = &self.optimizer;
        for (prefix, tensors) in [(VELOCITY_PREFIX, velocity), (SQUARES_PREFIX, squares)] {
            for (name, tensor) in tensors {
                file.tensors.insert(format!("{prefix}{name}"), tensor.clone());
            }
        }
        for (layer, mask) in &self.masks {
            let values = mask.iter().map(|&stays| f32::from(u8::from(stays))).collect();
            file.tensors.insert(format!("{MASK_PREFIX}{layer}"), HostTensor::vector(values));
        }
        Ok(file)
    }

    /// The state that these bytes of a file hold.
    ///
    /// # Errors
    /// If they are not what [`TrainingState::to_bytes`] wrote, whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainingStateError> {
        Self::from_file(TensorFile::from_bytes(bytes)?)
    }

    /// The state that such a file holds.
    pub(crate) fn from_file(mut file: TensorFile) -> Result<Self, TrainingStateError> {
        let missing =
            || TrainingStateError::NoProgress { problem: "it is a finished model".into() };
        let progress = file.metadata.get(PROGRESS_KEY).ok_or_else(missing)?;
        let Progress { plan, epoch, step, log, images } = serde_json::from_str(progress)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        let [velocity, squares] = [VELOCITY_PREFIX, SQUARES_PREFIX]
            .map(|prefix| take_prefixed(&mut file.tensors, prefix));
        let mut masks = Masks::new();
        for (layer, mask) in take_prefixed(&mut file.tensors, MASK_PREFIX) {
            masks.insert(layer, mask.values().iter().map(|&value| value != 0.0).collect());
        }
        let model = checkpoint::from_file(file, NetworkHint::default())?;
        let optimizer = OptimizerState { velocity, squares };
        Ok(Self { model, optimizer, masks, plan, epoch, step, log, images })
    }
}

/// Removes all tensors whose names begin so, and returns them by the rest of their names.
fn take_prefixed(tensors: &mut StateDict, prefix: &str) -> StateDict {
    let mut taken = StateDict::new();
    for (name, tensor) in std::mem::take(tensors) {
        match name.strip_prefix(prefix) {
            Some(rest) => taken.insert(rest.to_owned(), tensor),
            None => tensors.insert(name, tensor),
        };
    }
    taken
}
