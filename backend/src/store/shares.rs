//! Links that show a job to whoever has them.

use rrlab_protocol::Share;

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
    pub async fn add_share(&self, job: i64, secret: &str) -> StoreResult<Share> {
        let created_ms = now_ms();
        let statement =
            "INSERT INTO lab_shares (job_id, hash, created_ms) VALUES ($1, $2, $3) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(job)
            .bind(hash_of(secret))
            .bind(created_ms)
            .fetch_one(&self.pool)
            .await?;
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
    pub async fn revoke_share(&self, job: i64, id: i64) -> StoreResult<bool> {
        let statement = "UPDATE lab_shares SET revoked_ms = $3 WHERE id = $1 AND job_id = $2 AND revoked_ms IS NULL";
        let done =
            sqlx::query(statement).bind(id).bind(job).bind(now_ms()).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}
