//! Links that show a job to whoever has them.

use rrlab_protocol::{AuditAction, Share};
use sqlx::AnyConnection;

use super::audit::{Deed, note};
use super::database::{Store, StoreResult, now_ms};
use super::people::hash_of;

#[derive(sqlx::FromRow)]
struct ShareRow {
    id: i64,
    job_id: i64,
    created_ms: i64,
}

impl Store {
    /// Keeps the hash of a new link's secret.
    pub async fn add_share(&self, job: i64, secret: &str, by: i64) -> StoreResult<Share> {
        let created_ms = now_ms();
        let mut transaction = self.pool.begin().await?;
        let statement =
            "INSERT INTO lab_shares (job_id, hash, created_ms) VALUES ($1, $2, $3) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(job)
            .bind(hash_of(secret))
            .bind(created_ms)
            .fetch_one(&mut *transaction)
            .await?;
        note_link(&mut transaction, AuditAction::LinkMade, job, id, by).await?;
        transaction.commit().await?;
        Ok(Share { id, job, created_ms, secret: Some(secret.into()) })
    }

    /// Links of a job that were not revoked.
    pub async fn shares(&self, job: i64) -> StoreResult<Vec<Share>> {
        let statement = "SELECT id, job_id, created_ms FROM lab_shares WHERE job_id = $1 AND revoked_ms IS NULL ORDER BY id";
        let rows: Vec<ShareRow> = sqlx::query_as(statement).bind(job).fetch_all(&self.pool).await?;
        let share = |row: ShareRow| Share {
            id: row.id,
            job: row.job_id,
            created_ms: row.created_ms,
            secret: None,
        };
        Ok(rows.into_iter().map(share).collect())
    }

    /// The job that a link shows, unless it was revoked.
    pub async fn shared_job(&self, secret: &str) -> StoreResult<Option<i64>> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT job_id FROM lab_shares WHERE hash = $1 AND revoked_ms IS NULL")
                .bind(hash_of(secret))
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(job,)| job))
    }

    /// Revokes a link of a job; whether there was one to revoke.
    pub async fn revoke_share(&self, job: i64, id: i64, by: i64) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_shares SET revoked_ms = $3 WHERE id = $1 AND job_id = $2 AND revoked_ms IS NULL";
        let done = sqlx::query(statement)
            .bind(id)
            .bind(job)
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        note_link(&mut transaction, AuditAction::LinkRevoked, job, id, by).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Writes down what somebody did with a link to a job.
async fn note_link(
    connection: &mut AnyConnection,
    action: AuditAction,
    job: i64,
    link: i64,
    by: i64,
) -> StoreResult<()> {
    let (owner,): (i64,) = sqlx::query_as("SELECT owner_id FROM lab_jobs WHERE id = $1")
        .bind(job)
        .fetch_one(&mut *connection)
        .await?;
    let detail = format!("link {link} to job {job}");
    note(connection, Deed { by: Some(by), action, to: Some(owner), detail }).await
}
