//! What programs say to each other: the server's API (jobs, what is stored, who asks), and the page
//! and its compute workers, with the page's side of that conversation as a state machine.
//!
//! Pure data and pure functions, like `rrlab-types`: nothing here touches a browser or a socket.

mod admin;
mod artifact;
mod compute;
mod course;
mod job;
mod observation;
mod request;
mod server;
mod session;
mod treatment;

pub use admin::{
    AuditAction, AuditEntry, JobCount, LabOverview, PersonChange, PersonSummary, WorkerSummary,
};
pub use artifact::{Artifact, ArtifactKind};
pub use compute::{CheckpointKind, ComputeEvent, ComputeRequest, Predictions};
pub use course::{
    Course, CourseLink, CourseLinkPlan, CourseMember, Enrolled, Enrolment, Invitation,
};
pub use job::{Job, JobEvent, JobProgress, JobState};
pub use observation::{LayerObservation, ObservedImage, Prediction, likeliest_class};
pub use request::{
    CalibrateRequest, ChooseRequest, DEFAULT_ARCHITECTURE, DatasetRef, EvaluateRequest,
    FinetuneRequest, JobKind, JobRequest, RequestFields, RequestKindError, SweepRequest,
    TrainRequest,
};
pub use server::{FieldProblem, Me, Problem, ServerInfo, Share, UserRole};
pub use session::{
    Control, Effect, Input, Phase, RequestOutcome, RequestWithFiles, Task, WorkerSession,
};
pub use treatment::Treatment;
