//! What happened to jobs, in an order that every reader sees alike.

use rrlab_protocol::JobEvent;
use sqlx::AnyConnection;

use super::database::{Store, StoreResult, now_ms, to_json};

/// An event as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredEvent {
    /// Number, ascending; a gap is never filled later.
    pub id: i64,
    /// Number of the job that it happened to.
    pub job_id: i64,
    /// JSON of a [`JobEvent`].
    pub body: String,
    /// 1 where it is the job's end.
    pub last: i64,
}

/// An event, and whose job it happened to.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OwnedEvent {
    /// The event.
    #[sqlx(flatten)]
    pub event: StoredEvent,
    /// The owner of its job.
    pub owner_id: i64,
}

/// Adds an event in a transaction that has written already.
pub(super) async fn add_event(
    connection: &mut AnyConnection,
    job: i64,
    event: &JobEvent,
) -> StoreResult<()> {
    let (id,): (i64,) = sqlx::query_as("UPDATE lab_clock SET at = at + 1 RETURNING at")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO lab_events (id, job_id, at_ms, passing, last, body) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(job)
        .bind(now_ms())
        .bind(i64::from(matches!(event, JobEvent::Progress(_))))
        .bind(i64::from(matches!(event, JobEvent::State { state, .. } if state.is_final())))
        .bind(to_json(event)?)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Removes what only mattered while a job ran.
pub(super) async fn forget_progress(connection: &mut AnyConnection, job: i64) -> StoreResult<()> {
    sqlx::query("DELETE FROM lab_events WHERE job_id = $1 AND passing = 1")
        .bind(job)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Number of the latest event.
    pub async fn latest_event(&self) -> StoreResult<i64> {
        let (at,): (i64,) =
            sqlx::query_as("SELECT at FROM lab_clock").fetch_one(&self.pool).await?;
        Ok(at)
    }

    /// At most `limit` events after a number, of everybody's jobs.
    pub async fn everybodys_events_after(
        &self,
        after: i64,
        limit: i64,
    ) -> StoreResult<Vec<OwnedEvent>> {
        let statement = "SELECT e.id, e.job_id, e.body, e.last, j.owner_id FROM lab_events e \
                         JOIN lab_jobs j ON j.id = e.job_id WHERE e.id > $1 ORDER BY e.id LIMIT $2";
        Ok(sqlx::query_as(statement).bind(after).bind(limit).fetch_all(&self.pool).await?)
    }

    /// At most `limit` events after a number, of one job or of all jobs of an owner; of everybody's
    /// where neither is named.
    pub async fn events_after(
        &self,
        after: i64,
        job: Option<i64>,
        owner: Option<i64>,
        limit: i64,
    ) -> StoreResult<Vec<StoredEvent>> {
        let query = match (job, owner) {
            (Some(job), _) => sqlx::query_as(
                "SELECT id, job_id, body, last FROM lab_events WHERE id > $1 AND job_id = $3 ORDER BY id LIMIT $2",
            )
            .bind(after)
            .bind(limit)
            .bind(job),
            (None, Some(owner)) => sqlx::query_as(
                "SELECT e.id, e.job_id, e.body, e.last FROM lab_events e JOIN lab_jobs j ON j.id = e.job_id \
                 WHERE e.id > $1 AND j.owner_id = $3 ORDER BY e.id LIMIT $2",
            )
            .bind(after)
            .bind(limit)
            .bind(owner),
            (None, None) => {
                sqlx::query_as("SELECT id, job_id, body, last FROM lab_events WHERE id > $1 ORDER BY id LIMIT $2")
                    .bind(after)
                    .bind(limit)
            }
        };
        Ok(query.fetch_all(&self.pool).await?)
    }
}
