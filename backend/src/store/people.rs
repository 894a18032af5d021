//! People and the tokens that they show.

use rrlab_protocol::UserRole;
use sha2::{Digest, Sha256};

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

/// A token as it is listed: without its secret, which nobody keeps.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
pub struct TokenRow {
    /// Number, by which it is revoked.
    pub id: i64,
    /// Whose it is.
    pub name: String,
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// When it ends, or ended, by itself.
    pub expires_ms: Option<i64>,
}

impl TokenRow {
    /// Whether it lets its owner in, unless they are shut out.
    pub fn is_valid(&self) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|end| end > now_ms())
    }
}

/// Name of whoever started a server that is not hosted.
pub const OWNER: &str = "local";

/// A person as they are listed.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
pub struct PersonSummary {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: String,
    /// Since when they are shut out.
    pub disabled_ms: Option<i64>,
    /// Jobs of theirs that are kept.
    pub jobs: i64,
    /// Bytes of their artifacts.
    pub stored_bytes: i64,
}

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
struct PersonRow {
    id: i64,
    name: String,
    role: String,
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

impl Store {
    /// The person of this name, made with this role where there is none; `None` where there is one
    /// of another role.
    pub async fn add_person(&self, name: &str, role: UserRole) -> StoreResult<Option<Person>> {
        sqlx::query("INSERT INTO lab_users (name, role, created_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(role.name())
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(self.person(name).await?.filter(|person| person.role == role))
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

    /// Everybody who was added, by name.
    pub async fn people(&self) -> StoreResult<Vec<PersonSummary>> {
        let statement = "SELECT u.name, u.role, u.disabled_ms, \
                         (SELECT COUNT(*) FROM lab_jobs j WHERE j.owner_id = u.id) AS jobs, \
                         (SELECT CAST(COALESCE(SUM(a.bytes), 0) AS BIGINT) FROM lab_artifacts a \
                          WHERE a.owner_id = u.id) AS stored_bytes \
                         FROM lab_users u ORDER BY u.name";
        Ok(sqlx::query_as(statement).fetch_all(&self.pool).await?)
    }

    /// Gives a person another role; their tokens stay. Whether there is one of this name.
    pub async fn set_role(&self, name: &str, role: UserRole) -> StoreResult<bool> {
        let done = sqlx::query("UPDATE lab_users SET role = $2 WHERE name = $1")
            .bind(name)
            .bind(role.name())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Shuts a person out, or lets them in again: their tokens are refused meanwhile, and what is
    /// theirs stays. Whether there is one of this name.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> StoreResult<bool> {
        let done = sqlx::query("UPDATE lab_users SET disabled_ms = $2 WHERE name = $1")
            .bind(name)
            .bind(disabled.then(now_ms))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Erases a person with their tokens, links, jobs and artifacts, all or nothing; content that
    /// nobody else's artifact names is removed at the next cleaning. Nothing is erased while a job
    /// of theirs, or of another on their artifacts, waits or runs.
    pub async fn erase_person(&self, person: i64) -> StoreResult<Erasure> {
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
                       SELECT kind, computed_ms, finished_ms, crashes FROM lab_jobs WHERE owner_id = $1";
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
        transaction.commit().await?;
        let [artifacts, jobs] = removed;
        Ok(Erasure::Erased { jobs, artifacts })
    }

    /// Keeps the hash of a new token, which ends by itself at `expires_ms`.
    pub async fn add_token(
        &self,
        person: i64,
        secret: &str,
        label: &str,
        expires_ms: Option<i64>,
    ) -> StoreResult<i64> {
        let statement = "INSERT INTO lab_tokens (user_id, hash, label, created_ms, expires_ms) \
                         VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(person)
            .bind(hash_of(secret))
            .bind(label)
            .bind(now_ms())
            .bind(expires_ms)
            .fetch_one(&self.pool)
            .await?;
        Ok(id)
    }

    /// Forgets the tokens of a person with this label that have ended by themselves.
    pub async fn forget_ended_tokens(&self, person: i64, label: &str) -> StoreResult<()> {
        let statement =
            "DELETE FROM lab_tokens WHERE user_id = $1 AND label = $2 AND expires_ms <= $3";
        let statement = sqlx::query(statement).bind(person).bind(label).bind(now_ms());
        statement.execute(&self.pool).await?;
        Ok(())
    }

    /// Whose token this is, unless it was revoked or has ended, or its owner is shut out.
    pub async fn person_of_token(&self, secret: &str) -> StoreResult<Option<Person>> {
        let statement = "SELECT u.id, u.name, u.role FROM lab_tokens t JOIN lab_users u ON u.id = t.user_id \
                         WHERE t.hash = $1 AND t.revoked_ms IS NULL AND u.disabled_ms IS NULL \
                         AND (t.expires_ms IS NULL OR t.expires_ms > $2)";
        let row: Option<PersonRow> = sqlx::query_as(statement)
            .bind(hash_of(secret))
            .bind(now_ms())
            .fetch_optional(&self.pool)
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Every token that was ever made, the revoked ones too, by number.
    pub async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        let statement = "SELECT t.id, u.name, t.label, t.created_ms, t.revoked_ms, t.expires_ms FROM lab_tokens t \
                         JOIN lab_users u ON u.id = t.user_id ORDER BY t.id";
        Ok(sqlx::query_as(statement).fetch_all(&self.pool).await?)
    }

    /// Revokes a token; whether there was one to revoke.
    pub async fn revoke_token(&self, id: i64) -> StoreResult<bool> {
        let done = sqlx::query(
            "UPDATE lab_tokens SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL",
        )
        .bind(id)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
