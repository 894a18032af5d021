//! What the lab keeps of a person beside their jobs and artifacts, for whoever asks for their data.

use rrlab_protocol::AuditAction;
use serde::Serialize;

use super::audit::{Deed, note};
use super::database::{Store, StoreResult};

/// What is kept of a person. Secrets are not: nobody has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptOfPerson {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: String,
    /// When they were added, in milliseconds since 1970 like all times.
    pub created_ms: i64,
    /// Since when they are shut out.
    pub disabled_ms: Option<i64>,
    /// What OpenID providers call them.
    pub identities: Vec<KeptIdentity>,
    /// Their tokens, the revoked ones too.
    pub tokens: Vec<KeptToken>,
    /// Where they are signed in.
    pub sessions: Vec<KeptSession>,
    /// Links to their jobs, the revoked ones too.
    pub links: Vec<KeptLink>,
    /// Courses that they are in.
    pub courses: Vec<KeptMembership>,
}

/// What a provider calls somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct KeptIdentity {
    /// The provider.
    pub issuer: String,
    /// Its name for them.
    pub subject: String,
    /// Since when they are known by it.
    pub created_ms: i64,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct KeptToken {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// When it ends by itself.
    pub expires_ms: Option<i64>,
}

/// A session without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct KeptSession {
    /// When it began.
    pub created_ms: i64,
    /// When it ends by itself.
    pub expires_ms: i64,
}

/// A link without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct KeptLink {
    /// Its number.
    pub id: i64,
    /// The job that it shows.
    pub job_id: i64,
    /// When it was made.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// That somebody is in a course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct KeptMembership {
    /// Name of the course.
    pub course: String,
    /// 1 where they teach it.
    pub teaches: i64,
    /// Since when they are in it.
    pub joined_ms: i64,
}

impl Store {
    /// What is kept of a person.
    pub async fn kept_of_person(&self, person: i64) -> StoreResult<KeptOfPerson> {
        let statement = "SELECT name, role, created_ms, disabled_ms FROM lab_users WHERE id = $1";
        let (name, role, created_ms, disabled_ms) =
            sqlx::query_as(statement).bind(person).fetch_one(&self.pool).await?;
        let identities = "SELECT issuer, subject, created_ms FROM lab_identities WHERE user_id = $1 \
                          ORDER BY issuer, subject";
        let tokens = "SELECT id, label, created_ms, revoked_ms, expires_ms FROM lab_tokens \
                      WHERE user_id = $1 ORDER BY id";
        let sessions =
            "SELECT created_ms, expires_ms FROM lab_sessions WHERE user_id = $1 ORDER BY id";
        let links = "SELECT s.id, s.job_id, s.created_ms, s.revoked_ms FROM lab_shares s \
                     JOIN lab_jobs j ON j.id = s.job_id WHERE j.owner_id = $1 ORDER BY s.id";
        let courses = "SELECT c.name AS course, m.teaches, m.joined_ms FROM lab_course_members m \
                       JOIN lab_courses c ON c.id = m.course_id WHERE m.user_id = $1 ORDER BY c.name";
        Ok(KeptOfPerson {
            name,
            role,
            created_ms,
            disabled_ms,
            identities: sqlx::query_as(identities).bind(person).fetch_all(&self.pool).await?,
            tokens: sqlx::query_as(tokens).bind(person).fetch_all(&self.pool).await?,
            sessions: sqlx::query_as(sessions).bind(person).fetch_all(&self.pool).await?,
            links: sqlx::query_as(links).bind(person).fetch_all(&self.pool).await?,
            courses: sqlx::query_as(courses).bind(person).fetch_all(&self.pool).await?,
        })
    }

    /// Writes down that what is kept of a person was handed out.
    pub async fn person_exported(&self, person: i64, by: Option<i64>) -> StoreResult<()> {
        let mut connection = self.pool.acquire().await?;
        let action = AuditAction::PersonExported;
        note(&mut connection, Deed { by, action, to: Some(person), detail: String::new() }).await
    }
}
