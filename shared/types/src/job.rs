//! What the server's API takes and gives: jobs, their events, and what is stored.

use serde::{Deserialize, Serialize};

use crate::allocation::PrunedFrom;
use crate::artifact::{Artifact, ArtifactKind};
use crate::finetune::FinetuneRun;
use crate::graph::LayerGraph;
use crate::identity::ModelHash;
use crate::profile::LayerProfile;
use crate::report::SweepEntry;
use crate::request::{JobKind, JobRequest};
use crate::training::{EpochReport, StepReport};

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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What was wrong and what would be right, for people.
    pub problem: String,
    /// What depends on the thing that can't be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<String>,
    /// Each field of the request that is missing, unknown or wrong; `problem` says the same in one text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
}

/// A field of a request that is missing, unknown or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    /// Its path in the request, such as `plan.epochs` or `plan.rules[1]`.
    pub field: String,
    /// What was wrong and what would be right, for people.
    pub problem: String,
}

impl std::fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.field, self.problem)
    }
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
