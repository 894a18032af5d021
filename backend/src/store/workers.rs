//! Workers that are alive.

use super::database::{Store, StoreResult};

/// Longest silence after which a worker still counts as alive.
const ALIVE_MS: i64 = 30_000;

impl Store {
    /// A worker says that it is alive.
    pub async fn worker_seen(&self, name: &str, device: &str) -> StoreResult<()> {
        let statement = "INSERT INTO lab_workers (name, device, seen_ms) VALUES ($1, $2, $3) \
                         ON CONFLICT (name) DO UPDATE SET seen_ms = excluded.seen_ms";
        sqlx::query(statement)
            .bind(name)
            .bind(device)
            .bind(self.clock_ms().await?)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A worker says which job it computes.
    pub async fn worker_computes(&self, name: &str, job: Option<i64>) -> StoreResult<()> {
        sqlx::query("UPDATE lab_workers SET job_id = $2 WHERE name = $1")
            .bind(name)
            .bind(job)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A worker ends: it is forgotten, with those that have long been silent.
    pub async fn worker_gone(&self, name: &str) -> StoreResult<()> {
        sqlx::query("DELETE FROM lab_workers WHERE name = $1 OR seen_ms < $2")
            .bind(name)
            .bind(self.clock_ms().await? - 10 * ALIVE_MS)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Name, device and whether it is busy of each worker that is alive.
    pub async fn workers(&self) -> StoreResult<Vec<(String, String, bool)>> {
        let statement =
            "SELECT name, device, job_id FROM lab_workers WHERE seen_ms > $1 ORDER BY name";
        let rows: Vec<(String, String, Option<i64>)> = sqlx::query_as(statement)
            .bind(self.clock_ms().await? - ALIVE_MS)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|(name, device, job)| (name, device, job.is_some())).collect())
    }
}
