//! What the server's API takes and gives: jobs, their events, and what is stored.

use serde::{Deserialize, Serialize};

use crate::allocation::PrunedFrom;
use crate::finetune::{FinetunePlan, FinetuneRun};
use crate::graph::LayerGraph;
use crate::identity::ModelHash;
use crate::profile::LayerProfile;
use crate::report::{SweepEntry, SweepPlan};
use crate::training::{EpochReport, StepReport, TrainingPlan};

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
#[serde(rename_all = "snake_case")]
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
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Train, Self::Calibrate, Self::Sweep, Self::Finetune, Self::Evaluate];

    /// Name in databases, metrics and on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Calibrate => "calibrate",
            Self::Sweep => "sweep",
            Self::Finetune => "finetune",
            Self::Evaluate => "evaluate",
        }
    }
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

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
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
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// Name in databases, metrics and on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
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

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// A network, safetensors.
    Model,
    /// A profile, JSON.
    Profile,
    /// A data set: uploaded as an archive, kept as safetensors.
    Dataset,
    /// A sweep's report, JSON.
    Sweep,
    /// A report of fine-tuning, JSON.
    Finetune,
    /// An evaluation, JSON.
    Evaluation,
}

impl ArtifactKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Model, Self::Profile, Self::Dataset, Self::Sweep, Self::Finetune, Self::Evaluation];

    /// Name in databases and on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Profile => "profile",
            Self::Dataset => "dataset",
            Self::Sweep => "sweep",
            Self::Finetune => "finetune",
            Self::Evaluation => "evaluation",
        }
    }

    /// Ending of a file of this kind.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Model | Self::Dataset => "safetensors",
            Self::Profile | Self::Sweep | Self::Finetune | Self::Evaluation => "json",
        }
    }
}

/// Something stored: uploaded, or made by a job. Its content is found by its hash and never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Artifact {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of its content.
    pub hash: String,
    /// Size of its content.
    pub bytes: i64,
    /// Who uploaded it or asked for the job that made it.
    pub owner: String,
    /// The job that made it.
    pub job: Option<i64>,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
}

/// Accuracy of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was evaluated: its file or its name.
    pub model: String,
    /// Which network that is.
    pub model_hash: ModelHash,
    /// The dense network and the profile that it was pruned by, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned_from: Option<PrunedFrom>,
    /// Data set.
    pub dataset: String,
    /// Split of the data set.
    pub split: String,
    /// Images.
    pub images: usize,
    /// Device that computed.
    pub device: String,
    /// Fraction classified right.
    pub accuracy: f64,
    /// Weights that are not 0.
    pub nonzero_weights: usize,
    /// Weights in all.
    pub weights: usize,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UserRole {
    /// Reads what is shared by a link.
    Reviewer,
    /// Uploads, runs jobs, shares: sees their own work alone.
    Student,
    /// Sees and ends everybody's work.
    Admin,
}

impl UserRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Reviewer, Self::Student, Self::Admin];

    /// Name in databases and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reviewer => "reviewer",
            Self::Student => "student",
            Self::Admin => "admin",
        }
    }
}

/// The server, as the person who asks may use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerInfo {
    /// Its program and version.
    pub program: String,
    /// Whether everybody must show a token.
    pub hosted: bool,
    /// Who asks, if that is known.
    pub user: Option<Me>,
    /// Data sets by name.
    pub datasets: Vec<String>,
    /// Devices of the workers that are alive.
    pub devices: Vec<String>,
    /// Jobs that one person may have waiting and running.
    pub jobs_per_user: usize,
    /// Largest upload, in bytes.
    pub upload_bytes: u64,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// Name.
    pub name: String,
    /// Role.
    pub role: UserRole,
}

/// A link that shows a job's results to whoever has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Share {
    /// Its number, by which it is revoked.
    pub id: i64,
    /// The job.
    pub job: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The secret of the link; told only when the link is made.
    pub secret: Option<String>,
}

/// What an error says, beside its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What was wrong and what would be right, for people.
    pub problem: String,
    /// What depends on the thing that can't be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<String>,
}

/// `from_name` for an enum whose values have names.
macro_rules! by_name {
    ($($type:ty),+) => {
        $(impl $type {
            /// The value of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.name() == name)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        })+
    };
}
by_name!(JobKind, JobState, ArtifactKind, UserRole);
