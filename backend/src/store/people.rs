//! People: who they are, what they may do, and how they are erased.

use rrlab_protocol::{AuditAction, PersonSummary, UserRole};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use super::audit::{Deed, note};
use super::database::{Store, StoreResult, named, now_ms};
use crate::hex::hex;

/// Somebody who may use the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Number, by which artifacts and jobs name their owner.
    pub id: i64,
    /// Name, unique in the lab.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
}

/// Name of whoever started a server that is not hosted.
pub const OWNER: &str = "local";

/// Whether a person was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// With everything of theirs: so many jobs and artifacts.
    Erased {
        /// Number of jobs.
        jobs: u64,
        /// Number of artifacts.
        artifacts: u64,
    },
    /// Not yet: so many jobs are being computed, by them or on their artifacts.
    StillRunning(i64),
}

#[derive(sqlx::FromRow)]
pub(super) struct PersonRow {
    id: i64,
    name: String,
    role: String,
}

#[derive(sqlx::FromRow)]
struct SummaryRow {
    id: i64,
    name: String,
    role: String,
    disabled_ms: Option<i64>,
    sessions: i64,
    jobs: i64,
    open_jobs: i64,
    stored_bytes: i64,
}

impl TryFrom<PersonRow> for Person {
    type Error = super::database::StoreError;

    fn try_from(row: PersonRow) -> StoreResult<Self> {
        Ok(Self { id: row.id, role: named("a role", &row.role)?, name: row.name })
    }
}

/// What is kept of a secret of 256 random bits: it needs no salt and no slow hash.
pub(super) fn hash_of(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// Locks a person's row to the end of the transaction: of what one person asks for at once, each counts
/// what came before it.
pub(super) async fn lock_person(connection: &mut AnyConnection, person: i64) -> StoreResult<()> {
    let statement = "UPDATE lab_users SET name = name WHERE id = $1";
    sqlx::query(statement).bind(person).execute(connection).await?;
    Ok(())
}

/// Ends all sessions of a person; how many there were.
pub(super) async fn delete_sessions(
    connection: &mut AnyConnection,
    person: i64,
) -> StoreResult<u64> {
    let statement = "DELETE FROM lab_sessions WHERE user_id = $1";
    Ok(sqlx::query(statement).bind(person).execute(connection).await?.rows_affected())
}

impl Store {
    /// The person of this name, made with this role where there is none; `None` where there is one
    /// of another role.
    pub async fn add_person(
        &self,
        name: &str,
        role: UserRole,
        by: Option<i64>,
    ) -> StoreResult<Option<Person>> {
        let made = self.make_person(name, role, by).await?;
        match made {
            Some(person) => Ok(Some(person)),
            None => Ok(self.person(name).await?.filter(|person| person.role == role)),
        }
    }

    /// A new person of this name; `None` where there is one already.
    pub async fn make_person(
        &self,
        name: &str,
        role: UserRole,
        by: Option<i64>,
    ) -> StoreResult<Option<Person>> {
        let mut transaction = self.pool.begin().await?;
        let made = insert_person(&mut transaction, name, role, by).await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// The person of this name.
    pub async fn person(&self, name: &str) -> StoreResult<Option<Person>> {
        let row: Option<PersonRow> =
            sqlx::query_as("SELECT id, name, role FROM lab_users WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The person of this name, unless they are shut out.
    pub async fn admitted_person(&self, name: &str) -> StoreResult<Option<Person>> {
        let statement =
            "SELECT id, name, role FROM lab_users WHERE name = $1 AND disabled_ms IS NULL";
        let row: Option<PersonRow> =
            sqlx::query_as(statement).bind(name).fetch_optional(&self.pool).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Everybody who was added, with what they have and use, by name.
    pub async fn people(&self) -> StoreResult<Vec<PersonSummary>> {
        self.summaries(None).await
    }

    /// The same of the person of this number.
    pub async fn summary_of(&self, person: i64) -> StoreResult<Option<PersonSummary>> {
        Ok(self.summaries(Some(person)).await?.pop())
    }

    async fn summaries(&self, person: Option<i64>) -> StoreResult<Vec<PersonSummary>> {
        let statement = "SELECT u.id, u.name, u.role, u.disabled_ms, \
                         (SELECT COUNT(*) FROM lab_sessions s WHERE s.user_id = u.id AND s.expires_ms > $1) AS sessions, \
                         (SELECT COUNT(*) FROM lab_jobs j WHERE j.owner_id = u.id) AS jobs, \
                         (SELECT COUNT(*) FROM lab_jobs j WHERE j.owner_id = u.id \
                          AND j.state IN ('queued', 'running')) AS open_jobs, \
                         (SELECT CAST(COALESCE(SUM(a.bytes), 0) AS BIGINT) FROM lab_artifacts a \
                          WHERE a.owner_id = u.id) AS stored_bytes \
                         FROM lab_users u WHERE $2 = 0 OR u.id = $2 ORDER BY u.name";
        let rows: Vec<SummaryRow> = sqlx::query_as(statement)
            .bind(now_ms())
            .bind(person.unwrap_or(0))
            .fetch_all(&self.pool)
            .await?;
        let device_seconds = self.device_seconds(self.clock_ms().await?).await?;
        let mut people = Vec::with_capacity(rows.len());
        for row in rows {
            people.push(PersonSummary {
                role: named("a role", &row.role)?,
                device_seconds: device_seconds.get(&row.id).copied().unwrap_or(0.0),
                id: row.id,
                name: row.name,
                disabled_ms: row.disabled_ms,
                sessions: row.sessions,
                jobs: row.jobs,
                open_jobs: row.open_jobs,
                stored_bytes: row.stored_bytes,
            });
        }
        Ok(people)
    }

    /// Gives a person another role; their tokens and sessions stay.
    pub async fn set_role(&self, person: i64, role: UserRole, by: Option<i64>) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE lab_users SET role = $2 WHERE id = $1")
            .bind(person)
            .bind(role.name())
            .execute(&mut *transaction)
            .await?;
        let (action, detail) = (AuditAction::RoleChanged, role.name().to_owned());
        note(&mut transaction, Deed { by, action, to: Some(person), detail }).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Shuts a person out, which ends their sessions, or lets them in again: their tokens are refused
    /// meanwhile, and what is theirs stays.
    pub async fn set_disabled(
        &self,
        person: i64,
        disabled: bool,
        by: Option<i64>,
    ) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE lab_users SET disabled_ms = $2 WHERE id = $1")
            .bind(person)
            .bind(disabled.then(now_ms))
            .execute(&mut *transaction)
            .await?;
        let action = if disabled {
            delete_sessions(&mut transaction, person).await?;
            AuditAction::PersonDisabled
        } else {
            AuditAction::PersonEnabled
        };
        note(&mut transaction, Deed { by, action, to: Some(person), detail: String::new() })
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Erases a person with their tokens, links, jobs and artifacts, all or nothing; content that
    /// nobody else's artifact names is removed at the next cleaning. Nothing is erased while a job
    /// of theirs, or of another on their artifacts, waits or runs.
    pub async fn erase_person(&self, person: i64, by: Option<i64>) -> StoreResult<Erasure> {
        let mut transaction = self.pool.begin().await?;
        // Whoever asks for a job locks the artifacts that it reads: one waits for the other.
        sqlx::query("UPDATE lab_artifacts SET name = name WHERE owner_id = $1")
            .bind(person)
            .execute(&mut *transaction)
            .await?;
        let open = "SELECT COUNT(*) FROM lab_jobs j WHERE j.state IN ('queued', 'running') AND (j.owner_id = $1 \
                    OR EXISTS (SELECT 1 FROM lab_job_inputs i JOIN lab_artifacts a ON a.id = i.artifact_id \
                    WHERE i.job_id = j.id AND a.owner_id = $1))";
        let (open,): (i64,) =
            sqlx::query_as(open).bind(person).fetch_one(&mut *transaction).await?;
        if open > 0 {
            return Ok(Erasure::StillRunning(open));
        }
        // Nobody's from now on; they still count.
        let counted = "INSERT INTO lab_past_jobs (kind, computed_ms, finished_ms, crashes) \
                       SELECT kind, COALESCE(computed_ms, 0) + helped_ms, finished_ms, crashes FROM lab_jobs WHERE owner_id = $1";
        sqlx::query(counted).bind(person).execute(&mut *transaction).await?;
        let mut removed = [0, 0];
        let tables = [
            "DELETE FROM lab_artifacts WHERE owner_id = $1",
            "DELETE FROM lab_jobs WHERE owner_id = $1",
        ];
        for (statement, count) in tables.into_iter().zip(&mut removed) {
            *count = sqlx::query(statement)
                .bind(person)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        }
        sqlx::query("DELETE FROM lab_users WHERE id = $1")
            .bind(person)
            .execute(&mut *transaction)
            .await?;
        let [artifacts, jobs] = removed;
        let detail = format!("with {jobs} jobs and {artifacts} artifacts");
        let deed = Deed { by, action: AuditAction::PersonErased, to: Some(person), detail };
        note(&mut transaction, deed).await?;
        transaction.commit().await?;
        Ok(Erasure::Erased { jobs, artifacts })
    }
}

/// A new person of this name; `None` where there is one already.
pub(super) async fn insert_person(
    connection: &mut AnyConnection,
    name: &str,
    role: UserRole,
    by: Option<i64>,
) -> StoreResult<Option<Person>> {
    let statement = "INSERT INTO lab_users (name, role, created_ms) VALUES ($1, $2, $3) \
                     ON CONFLICT (name) DO NOTHING RETURNING id, name, role";
    let row: Option<PersonRow> = sqlx::query_as(statement)
        .bind(name)
        .bind(role.name())
        .bind(now_ms())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (action, detail) = (AuditAction::PersonAdded, role.name().to_owned());
    note(connection, Deed { by, action, to: Some(row.id), detail }).await?;
    Ok(Some(row.try_into()?))
}
