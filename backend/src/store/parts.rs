//! Sweeps that several workers compute: the one that has the job offers its entries, others take some.
//!
//! An entry is the same whoever computes it, so nothing is lost but time where two do.

use std::time::Duration;

use rrlab_protocol::JobRequest;
use rrlab_types::SweepEntry;
use sqlx::AnyConnection;

use super::database::{Store, StoreError, StoreResult, from_json, to_json};

/// A running sweep whose worker would have others help.
#[derive(Debug, Clone)]
pub struct HelpWanted {
    /// Number of the job.
    pub job: i64,
    /// What was asked for.
    pub request: JobRequest,
    /// The sweep's report without entries (JSON), as its worker has it.
    pub offer: String,
}

/// Who takes an entry.
#[derive(Debug, Clone, Copy)]
pub struct PartTaker<'a> {
    /// Number of the job.
    pub job: i64,
    /// The worker.
    pub worker: &'a str,
    /// For how long it is a helper's, which renews that; nothing for whoever has the job itself.
    pub lease_ms: Option<i64>,
}

/// What is known of one entry.
#[derive(sqlx::FromRow)]
struct PartRow {
    place: i64,
    worker: String,
    lease_ms: Option<i64>,
    entry: Option<String>,
}

impl Store {
    /// Offers the open entries of a sweep that a worker computes, of so many in all. What was computed for
    /// the same offer stays; what its worker's predecessors had taken themselves is open again.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn offer_parts(
        &self,
        (job, worker): (i64, &str),
        offer: &str,
        open: &[usize],
        all: usize,
    ) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        let before: Option<(Option<String>,)> = sqlx::query_as(
            "UPDATE lab_jobs SET worker = worker WHERE id = $1 AND worker = $2 RETURNING offer",
        )
        .bind(job)
        .bind(worker)
        .fetch_optional(&mut *transaction)
        .await?;
        let (before,) = before.ok_or(StoreError::LostJob)?;
        let stale = if before.as_deref() == Some(offer) {
            "DELETE FROM lab_parts WHERE job_id = $1 AND entry IS NULL AND lease_ms IS NULL"
        } else {
            "DELETE FROM lab_parts WHERE job_id = $1"
        };
        sqlx::query(stale).bind(job).execute(&mut *transaction).await?;
        let done = "INSERT INTO lab_parts (job_id, place, worker) VALUES ($1, $2, $3) \
                    ON CONFLICT (job_id, place) DO NOTHING";
        for place in (0..all).filter(|place| !open.contains(place)) {
            sqlx::query(done)
                .bind(job)
                .bind(place as i64)
                .bind(worker)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE lab_jobs SET offer = $2 WHERE id = $1")
            .bind(job)
            .bind(offer)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Running sweeps on such a device whose workers would have help, the oldest first.
    pub async fn help_wanted(&self, device: &str) -> StoreResult<Vec<HelpWanted>> {
        let statement = "SELECT id, request, offer FROM lab_jobs \
                         WHERE state = 'running' AND cancel = 0 AND offer IS NOT NULL AND device = $1 ORDER BY id";
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as(statement).bind(device).fetch_all(&self.pool).await?;
        let wanted = |(job, request, offer): (i64, String, String)| {
            Ok(HelpWanted { job, request: from_json("a job's request", &request)?, offer })
        };
        rows.into_iter().map(wanted).collect()
    }

    /// Entries at these places that have come from others, by place.
    pub async fn ready_parts(&self, job: i64, open: &[usize]) -> StoreResult<Vec<SweepEntry>> {
        let statement = "SELECT place, entry FROM lab_parts WHERE job_id = $1 AND entry IS NOT NULL ORDER BY place";
        let rows: Vec<(i64, String)> =
            sqlx::query_as(statement).bind(job).fetch_all(&self.pool).await?;
        let is_open = |place: i64| usize::try_from(place).is_ok_and(|place| open.contains(&place));
        let rows = rows.into_iter().filter(|(place, _)| is_open(*place));
        rows.map(|(_, entry)| from_json("a sweep's entry", &entry)).collect()
    }

    /// Takes the first of these places that nobody computes; `None` where all are taken, or the job
    /// does not run any more or offers something else.
    pub async fn take_part(
        &self,
        taker: PartTaker<'_>,
        offer: &str,
        open: &[usize],
    ) -> StoreResult<Option<usize>> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        // One after the other: SQLite lets nobody write who has read first.
        let runs = "UPDATE lab_jobs SET offer = offer \
                    WHERE id = $1 AND state = 'running' AND cancel = 0 AND offer = $2";
        let runs = sqlx::query(runs).bind(taker.job).bind(offer).execute(&mut *transaction).await?;
        if runs.rows_affected() == 0 {
            return Ok(None);
        }
        let rows: Vec<PartRow> = sqlx::query_as(
            "SELECT place, worker, lease_ms, entry FROM lab_parts WHERE job_id = $1",
        )
        .bind(taker.job)
        .fetch_all(&mut *transaction)
        .await?;
        let mut taken = None;
        for &place in open {
            let row = rows.iter().find(|row| row.place == place as i64);
            let is_free = row.is_none_or(|row| row.is_abandoned(now));
            if is_free && take(&mut transaction, taker, place, row, now).await? {
                taken = Some(place);
                break;
            }
        }
        transaction.commit().await?;
        Ok(taken)
    }

    /// A helper is still at it, and is to go on: whether the job still runs and the entry is its own.
    pub async fn renew_part(&self, taker: PartTaker<'_>, place: usize) -> StoreResult<bool> {
        let statement = "UPDATE lab_parts SET lease_ms = $4 WHERE job_id = $1 AND place = $2 AND worker = $3 \
                         AND EXISTS (SELECT 1 FROM lab_jobs j WHERE j.id = $1 AND j.state = 'running' AND j.cancel = 0)";
        let renewed = sqlx::query(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .bind(self.clock_ms().await? + taker.lease_ms.unwrap_or_default())
            .execute(&self.pool)
            .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Hands in an entry that a helper has computed in this time, which its owner has had; whether the
    /// entry was still the helper's.
    pub async fn hand_in_part(
        &self,
        taker: PartTaker<'_>,
        place: usize,
        entry: &SweepEntry,
        took: Duration,
    ) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_parts SET entry = $4 \
                         WHERE job_id = $1 AND place = $2 AND worker = $3 AND entry IS NULL";
        let done = sqlx::query(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .bind(to_json(entry)?)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "UPDATE lab_jobs SET computed_ms = COALESCE(computed_ms, 0) + $2 WHERE id = $1",
        )
        .bind(taker.job)
        .bind(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// A helper leaves an entry to others.
    pub async fn leave_part(&self, taker: PartTaker<'_>, place: usize) -> StoreResult<()> {
        let statement = "DELETE FROM lab_parts \
                         WHERE job_id = $1 AND place = $2 AND worker = $3 AND entry IS NULL";
        sqlx::query(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

impl PartRow {
    /// Whether a helper has fallen silent over it.
    fn is_abandoned(&self, now: i64) -> bool {
        self.entry.is_none() && self.lease_ms.is_some_and(|end| end < now)
    }
}

/// Forgets what helpers have done for a job that has ended.
pub(super) async fn forget_parts(connection: &mut AnyConnection, job: i64) -> StoreResult<()> {
    let statement = sqlx::query("DELETE FROM lab_parts WHERE job_id = $1");
    statement.bind(job).execute(connection).await?;
    Ok(())
}

/// Takes a place that was as `before` a moment ago; whether it still was.
async fn take(
    connection: &mut AnyConnection,
    taker: PartTaker<'_>,
    place: usize,
    before: Option<&PartRow>,
    now: i64,
) -> StoreResult<bool> {
    let statement = match before {
        None => {
            "INSERT INTO lab_parts (job_id, place, worker, lease_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (job_id, place) DO NOTHING"
        }
        Some(_) => {
            "UPDATE lab_parts SET worker = $3, lease_ms = $4 \
             WHERE job_id = $1 AND place = $2 AND worker = $5 AND entry IS NULL"
        }
    };
    let mut query = sqlx::query(statement)
        .bind(taker.job)
        .bind(place as i64)
        .bind(taker.worker)
        .bind(taker.lease_ms.map(|lease| now + lease));
    if let Some(row) = before {
        query = query.bind(&row.worker);
    }
    Ok(query.execute(connection).await?.rows_affected() > 0)
}
