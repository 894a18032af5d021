//! What admins see of the lab: people, and who did what.

use serde::{Deserialize, Serialize};

use crate::job::JobState;
use crate::server::UserRole;

/// A person as admins see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonSummary {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// Since when they are shut out, in milliseconds since 1970.
    pub disabled_ms: Option<i64>,
    /// Browsers where they are signed in.
    pub sessions: i64,
    /// Jobs of theirs that are kept.
    pub jobs: i64,
    /// Of these, those that wait or are computed.
    pub open_jobs: i64,
    /// Bytes of their artifacts.
    pub stored_bytes: i64,
    /// Seconds for which workers have computed for them in the last day.
    pub device_seconds: f64,
}

/// What somebody did that others may ask about later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AuditAction {
    /// A person was added.
    PersonAdded,
    /// A person was given another role.
    RoleChanged,
    /// A person was shut out.
    PersonDisabled,
    /// A person was let in again.
    PersonEnabled,
    /// What is kept of a person was handed out.
    PersonExported,
    /// A person was erased with everything of theirs.
    PersonErased,
    /// A provider's subject was made to mean a person.
    IdentityBound,
    /// A token was made.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// A session began.
    SignedIn,
    /// One or all sessions were ended.
    SignedOut,
    /// A link to a job was made.
    LinkMade,
    /// A link to a job was revoked.
    LinkRevoked,
    /// A course was made.
    CourseMade,
    /// A course was removed; its people stay.
    CourseRemoved,
    /// A person joined a course.
    CourseJoined,
    /// A person left a course.
    CourseLeft,
    /// A link that enrols was made.
    CourseLinkMade,
    /// A link that enrols was revoked.
    CourseLinkRevoked,
    /// Another's job was cancelled.
    JobCancelled,
    /// Another's job was forgotten.
    JobForgotten,
    /// Another's artifact was deleted.
    ArtifactDeleted,
}

impl AuditAction {
    /// Name in the API and the database.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its number; later ones are higher.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who did it; nobody where it was whoever runs the lab, on its command line, or the lab by itself.
    pub actor: Option<String>,
    /// What.
    pub action: AuditAction,
    /// To whom, or to whose.
    pub person: Option<String>,
    /// The rest of it: which token, job or link, which role.
    pub detail: String,
}

/// A worker that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerSummary {
    /// Its name: the machine, and the process on it.
    pub name: String,
    /// What it computes on.
    pub device: String,
    /// The job that it computes.
    pub job: Option<i64>,
    /// Its program and version; workers of old versions do not say.
    pub program: Option<String>,
}

/// How many jobs are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobCount {
    /// The state.
    pub state: JobState,
    /// How many.
    pub count: i64,
}

/// The lab at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabOverview {
    /// Everybody, by name.
    pub people: Vec<PersonSummary>,
    /// Every worker that is alive, by name.
    pub workers: Vec<WorkerSummary>,
    /// How many jobs are in each state.
    pub jobs: Vec<JobCount>,
    /// For how long the oldest of those that wait has waited, in seconds.
    pub oldest_waiting_seconds: Option<f64>,
    /// Jobs that wait and that no worker that is alive can compute.
    pub stranded_jobs: usize,
    /// Bytes of all artifacts; equal content counts once.
    pub stored_bytes: i64,
}

/// What an admin changes about somebody; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<UserRole>,
    /// Whether they are shut out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}
