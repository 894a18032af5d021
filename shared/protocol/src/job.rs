//! Jobs: what a person asks the server to compute, where it is, and what happens to it.

use rrlab_types::{
    EpochReport, Evaluation, FinetunePlan, FinetuneRun, LayerGraph, LayerProfile, StepReport, SweepEntry, SweepPlan,
    TrainingPlan,
};
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, ArtifactKind};

/// What a person asks the server to compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JobRequest {
    /// Train a new network.
    Train {
        /// Architecture with its options, such as `resnet20`.
        architecture: String,
        /// Data set.
        dataset: DatasetRef,
        /// How; its seed draws the weights too.
        plan: TrainingPlan,
    },
    /// Measure a network's profile on unlabelled training images.
    Calibrate {
        /// The network.
        model: i64,
        /// Data set.
        dataset: DatasetRef,
        /// Calibration images.
        images: usize,
        /// Seed with which they are drawn.
        seed: u64,
    },
    /// Prune, repair and evaluate over rules, sparsities and repairs.
    Sweep {
        /// The dense network.
        model: i64,
        /// Its profile; without one it is measured first.
        #[serde(default)]
        profile: Option<i64>,
        /// Data set.
        dataset: DatasetRef,
        /// Over what.
        plan: SweepPlan,
    },
    /// Prune, repair and fine-tune over rules and sparsities.
    Finetune {
        /// The dense network.
        model: i64,
        /// Its profile; without one it is measured first.
        #[serde(default)]
        profile: Option<i64>,
        /// Data set.
        dataset: DatasetRef,
        /// Over what, and how.
        plan: FinetunePlan,
    },
    /// Measure a network's accuracy on test images.
    Evaluate {
        /// The network.
        model: i64,
        /// Data set.
        dataset: DatasetRef,
        /// Test images.
        images: usize,
        /// Seed with which they are drawn.
        seed: u64,
    },
}

impl JobRequest {
    /// Its kind.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Train { .. } => JobKind::Train,
            Self::Calibrate { .. } => JobKind::Calibrate,
            Self::Sweep { .. } => JobKind::Sweep,
            Self::Finetune { .. } => JobKind::Finetune,
            Self::Evaluate { .. } => JobKind::Evaluate,
        }
    }

    /// Its data set.
    pub fn dataset(&self) -> &DatasetRef {
        match self {
            Self::Train { dataset, .. }
            | Self::Calibrate { dataset, .. }
            | Self::Sweep { dataset, .. }
            | Self::Finetune { dataset, .. }
            | Self::Evaluate { dataset, .. } => dataset,
        }
    }

    /// What it reads: each artifact with the kind that it must be.
    pub fn inputs(&self) -> Vec<(i64, ArtifactKind)> {
        let stored = match self.dataset() {
            DatasetRef::Stored(id) => Some((*id, ArtifactKind::Dataset)),
            DatasetRef::Named(_) => None,
        };
        let (model, profile) = match self {
            Self::Train { .. } => (None, None),
            Self::Calibrate { model, .. } | Self::Evaluate { model, .. } => (Some(*model), None),
            Self::Sweep { model, profile, .. } | Self::Finetune { model, profile, .. } => (Some(*model), *profile),
        };
        let model = model.map(|id| (id, ArtifactKind::Model));
        let profile = profile.map(|id| (id, ArtifactKind::Profile));
        [stored, model, profile].into_iter().flatten().collect()
    }
}

/// A data set by its name on the server, or one that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DatasetRef {
    /// `shapes10`, or a data set that was imported on the server's machines.
    Named(String),
    /// An uploaded one.
    Stored(i64),
}

/// Kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobKind {
    /// [`JobRequest::Train`].
    Train,
    /// [`JobRequest::Calibrate`].
    Calibrate,
    /// [`JobRequest::Sweep`].
    Sweep,
    /// [`JobRequest::Finetune`].
    Finetune,
    /// [`JobRequest::Evaluate`].
    Evaluate,
}

impl JobKind {
    /// Name in the API, the database and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobState {
    /// It waits for a device.
    Queued,
    /// A worker computes it.
    Running,
    /// Its results are there.
    Done,
    /// It ended without a result; `problem` says why.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// Name in the API, the database and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether nothing more will come.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A job as it is now. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// Who asked for it.
    pub owner: String,
    /// What was asked for.
    pub request: JobRequest,
    /// Where it is.
    pub state: JobState,
    /// Why it failed.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_ms: i64,
    /// When a worker first took it up.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// Jobs before it in the queue, while it waits.
    pub position: Option<i64>,
    /// Seconds until it is likely to start, while it waits: judged by how far those that run are and by how long the
    /// latest jobs took.
    pub starts_in_seconds: Option<f64>,
    /// How far it is, while it runs.
    pub progress: Option<JobProgress>,
    /// Workers that died under it.
    pub crashes: i64,
    /// Name of the device that computes or computed it.
    pub device: Option<String>,
    /// Whether it was asked to end.
    pub cancelling: bool,
    /// What it made.
    pub results: Vec<Artifact>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobProgress {
    /// Of what.
    pub what: String,
    /// Units done.
    pub done: usize,
    /// Units in all.
    pub total: usize,
    /// Images per second through the network, where images are what it counts.
    pub images_per_second: Option<f64>,
    /// Seconds left, once there is something to judge by.
    pub seconds_left: Option<f64>,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEvent {
    /// It is in another state.
    State {
        /// Which.
        state: JobState,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// A worker took it up, from the beginning or from a checkpoint.
    Started {
        /// The device.
        device: String,
        /// Whether it goes on from a checkpoint.
        resumed: bool,
    },
    /// It is this far.
    Progress(JobProgress),
    /// The latest step of training.
    Step(StepReport),
    /// An epoch of training is done.
    Epoch(EpochReport),
    /// This network is measured from now on, layer by layer.
    Measuring(Box<LayerGraph>),
    /// A layer is measured.
    Layer(Box<LayerProfile>),
    /// A sweep has one more entry.
    Entry(SweepEntry),
    /// A run of fine-tuning is begun, has one more epoch, or is done.
    Run(FinetuneRun),
    /// The network is evaluated.
    Evaluated(Evaluation),
    /// A result is stored.
    Result(Artifact),
}
