//! The server and who uses it: roles, links, and how it says that something is wrong.

use serde::{Deserialize, Serialize};

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum UserRole {
    /// Reads what is shared by a link.
    Reviewer,
    /// Uploads, runs jobs, shares: sees their own work alone.
    Student,
    /// Sees and ends everybody's work.
    Admin,
}

impl UserRole {
    /// Name in the API, the database and on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The server, as the person who asks may use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerInfo {
    /// Its program and version.
    pub program: String,
    /// Whether it serves many people, and not whoever started it alone.
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
    /// Where a browser signs in by the lab's OpenID provider, if it has one.
    #[serde(default)]
    pub sign_in_address: Option<String>,
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
    /// Each field of the request that is missing, unknown or wrong; `problem` says the same in one
    /// text.
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
