//! Jobs: where what a person asked for is, and what happens to it.

use rrlab_types::{
    EpochReport, Evaluation, FinetuneRun, LayerGraph, LayerProfile, Selection, StepReport,
    SweepEntry,
};
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::request::JobRequest;

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
    /// Seconds until it is likely to start, while it waits: judged by how far those that run are
    /// and by how long the latest jobs took.
    pub starts_in_seconds: Option<f64>,
    /// Seconds that it is likely to take then: judged by what it asks for, and by how long the latest
    /// jobs of its kind took.
    #[serde(default)]
    pub takes_seconds: Option<f64>,
    /// Bytes of memory that it is taken to need, by what it asks for.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// Bytes that its results and its last checkpoint are taken to have.
    #[serde(default)]
    pub stored_bytes: Option<u64>,
    /// What it waits for, where no worker that is running can compute it: a data set, a version.
    #[serde(default)]
    pub waits_for: Option<String>,
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
    /// An allocation is chosen: how.
    Selected(Selection),
    /// A sweep has one more entry.
    Entry(SweepEntry),
    /// A run of fine-tuning is begun, has one more epoch, or is done.
    Run(FinetuneRun),
    /// The network is evaluated.
    Evaluated(Evaluation),
    /// A result is stored.
    Result(Artifact),
}
