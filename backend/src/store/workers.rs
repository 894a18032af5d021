//! Workers that are alive.

use std::collections::BTreeMap;

use super::database::{Store, StoreResult, from_json, to_json};
use super::needs::{JobNeeds, Lack};

/// Longest silence after which a worker still counts as alive.
const ALIVE_MS: i64 = 30_000;

/// A worker that is alive.
#[derive(Debug, Clone)]
pub struct LiveWorker {
    pub name: String,
    pub device: String,
    /// The job that it computes.
    pub job: Option<i64>,
    abilities: Abilities,
}

/// What a worker can compute.
#[derive(Debug, Clone, Default)]
pub struct Abilities {
    /// Its program with its version; workers of versions before do not say.
    pub program: Option<String>,
    /// Of the data sets that jobs named the hash of each that it has.
    pub datasets: BTreeMap<String, Option<String>>,
}

impl LiveWorker {
    /// One that has said this.
    #[cfg(test)]
    pub fn new(name: &str, device: &str, job: Option<i64>, abilities: Abilities) -> Self {
        Self { name: name.into(), device: device.into(), job, abilities }
    }

    /// Its program with its version, as far as it has said.
    pub fn program(&self) -> Option<&str> {
        self.abilities.program.as_deref()
    }

    /// What it lacks for a job, as far as it has said.
    pub fn lacking(&self, needs: &JobNeeds) -> Option<Lack> {
        let Abilities { program, datasets } = &self.abilities;
        let has = |name: &str, hash: &str| match datasets.get(name) {
            // While it computes it does not look whether its data sets have changed.
            Some(has) => self.job.is_some() || has.as_deref() == Some(hash),
            // It has not been asked.
            None => true,
        };
        needs.lacking(program.as_ref()?, has)
    }
}

impl Store {
    /// A worker says that it is alive, what it can, and which job it computes.
    pub async fn worker_seen(
        &self,
        name: &str,
        device: &str,
        abilities: &Abilities,
        job: Option<i64>,
    ) -> StoreResult<()> {
        let statement = "INSERT INTO lab_workers (name, device, seen_ms, program, datasets, job_id) \
                         VALUES ($1, $2, $3, $4, $5, $6) \
                         ON CONFLICT (name) DO UPDATE SET seen_ms = excluded.seen_ms, \
                         program = excluded.program, datasets = excluded.datasets, job_id = excluded.job_id";
        sqlx::query(statement)
            .bind(name)
            .bind(device)
            .bind(self.clock_ms().await?)
            .bind(&abilities.program)
            .bind(to_json(&abilities.datasets)?)
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

    /// Each worker that is alive.
    pub async fn workers(&self) -> StoreResult<Vec<LiveWorker>> {
        let statement = "SELECT name, device, job_id, program, datasets FROM lab_workers \
                         WHERE seen_ms > $1 ORDER BY name";
        let rows: Vec<WorkerRow> = sqlx::query_as(statement)
            .bind(self.clock_ms().await? - ALIVE_MS)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(WorkerRow::worker).collect())
    }
}

#[derive(sqlx::FromRow)]
struct WorkerRow {
    name: String,
    device: String,
    job_id: Option<i64>,
    program: Option<String>,
    datasets: Option<String>,
}

impl WorkerRow {
    fn worker(self) -> LiveWorker {
        // What another version wrote tells nothing, and must not keep people from their jobs.
        let datasets = self.datasets.as_deref();
        let datasets = datasets.and_then(|text| from_json("a worker's data sets", text).ok());
        LiveWorker {
            name: self.name,
            device: self.device,
            job: self.job_id,
            abilities: Abilities { program: self.program, datasets: datasets.unwrap_or_default() },
        }
    }
}
