//! Courses: teachers see the work of their students, and a link enrols.

use serde::{Deserialize, Serialize};

use crate::server::Me;

/// A course that somebody learns or teaches in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Course {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether whoever asks sees the work of its students.
    pub teaches: bool,
    /// Whether whoever asks is one of its students.
    pub learns: bool,
    /// Who teaches it, by name.
    pub teachers: Vec<String>,
    /// How many learn in it.
    pub students: i64,
}

/// Somebody in a course.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CourseMember {
    /// Their number.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// Whether they teach.
    pub teaches: bool,
    /// Since when they are in it, in milliseconds since 1970.
    pub joined_ms: i64,
    /// Jobs of theirs that are kept.
    pub jobs: i64,
    /// Of these, those that wait or are computed.
    pub open_jobs: i64,
    /// Seconds for which workers have computed for them in the last day.
    pub device_seconds: f64,
}

/// A link that enrols whoever opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CourseLink {
    /// Its number, by which it is revoked.
    pub id: i64,
    /// The course.
    pub course: i64,
    /// Students that the course may have when somebody enrols by it.
    pub seats: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends by itself.
    pub expires_ms: i64,
    /// The secret of the link; told only when the link is made.
    pub secret: Option<String>,
}

/// What a link is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CourseLinkPlan {
    /// Days after which it ends by itself.
    pub days: u32,
    /// Students that the course may have when somebody enrols by it.
    pub seats: u32,
}

impl CourseLinkPlan {
    /// Longest that a link may enrol.
    pub const MOST_DAYS: u32 = 366;
    /// Most seats that it may have.
    pub const MOST_SEATS: u32 = 10_000;
}

impl Default for CourseLinkPlan {
    fn default() -> Self {
        Self { days: 14, seats: 100 }
    }
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// Name of the course.
    pub course: String,
    /// Who teaches it, and will see the work of whoever enrols.
    pub teachers: Vec<String>,
    /// Whether somebody who is not signed in is added under a name that they choose.
    pub adds_people: bool,
}

/// Somebody enrols.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Enrolment {
    /// What they are to be called, where nobody is signed in.
    pub name: Option<String>,
}

/// Somebody has enrolled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrolled {
    /// Who.
    pub person: Me,
    /// Name of the course.
    pub course: String,
    /// A token of theirs, by which they sign in elsewhere or again, where they were added just now; told
    /// this once.
    pub token: Option<String>,
}
