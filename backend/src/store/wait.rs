//! How long jobs are likely to wait: those before them, spread over the workers that are alive.

use std::collections::BTreeMap;

use rrlab_protocol::{JobProgress, JobState};

use super::database::{Store, StoreResult, from_json, now_ms};

/// Jobs of a kind whose durations tell how long one is likely to take.
const LATEST: i64 = 20;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Jobs that wait and start before it.
    pub position: i64,
    /// Seconds until it is likely to start; `None` where nothing tells how long those before it
    /// take.
    pub seconds: Option<f64>,
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    id: i64,
    kind: String,
    state: String,
    started_ms: Option<i64>,
    progress: Option<String>,
}

impl Store {
    /// Places of all jobs that wait.
    pub async fn places(&self) -> StoreResult<BTreeMap<i64, Place>> {
        let open: Vec<OpenRow> = sqlx::query_as(
            "SELECT id, kind, state, started_ms, progress FROM lab_jobs WHERE state IN ('queued', 'running') ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await?;
        let (waiting, running): (Vec<OpenRow>, Vec<OpenRow>) =
            open.into_iter().partition(|row| row.state == JobState::Queued.name());
        if waiting.is_empty() {
            return Ok(BTreeMap::new());
        }
        let usual = self.usual_seconds().await?;
        let takes = |kind: &str| usual.get(kind).copied().unwrap_or(f64::INFINITY);
        let now = now_ms();
        let mut busy = Vec::with_capacity(running.len());
        for row in &running {
            let progress: Option<JobProgress> = row
                .progress
                .as_deref()
                .map(|text| from_json("a job's progress", text))
                .transpose()?;
            let elapsed = row.started_ms.map_or(0.0, |started| (now - started) as f64 / 1000.0);
            let left = progress.and_then(|progress| progress.seconds_left);
            busy.push(left.unwrap_or_else(|| (takes(&row.kind) - elapsed).max(0.0)));
        }
        let seconds: Vec<f64> = waiting.iter().map(|row| takes(&row.kind)).collect();
        let starts = starts(self.workers().await?.len(), &busy, &seconds);
        let place = |(position, (row, start)): (usize, (&OpenRow, f64))| {
            (
                row.id,
                Place {
                    position: position as i64,
                    seconds: Some(start).filter(|start| start.is_finite()),
                },
            )
        };
        Ok(waiting.iter().zip(starts).enumerate().map(place).collect())
    }

    /// Mean seconds of the latest jobs that came to their end, by kind.
    async fn usual_seconds(&self) -> StoreResult<BTreeMap<String, f64>> {
        let statement = "SELECT kind, CAST(AVG(finished_ms - started_ms) AS BIGINT) FROM (SELECT kind, started_ms, \
                         finished_ms, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY id DESC) AS age FROM lab_jobs \
                         WHERE state = 'done' AND started_ms IS NOT NULL) latest WHERE age <= $1 GROUP BY kind";
        let rows: Vec<(String, i64)> =
            sqlx::query_as(statement).bind(LATEST).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(kind, ms)| (kind, ms as f64 / 1000.0)).collect())
    }
}

/// Seconds until each waiting job starts, where each goes to the worker that is free first. `busy`
/// has the seconds that running jobs still take, `waiting` those that waiting ones take, in order;
/// what is not known is infinite.
fn starts(workers: usize, busy: &[f64], waiting: &[f64]) -> Vec<f64> {
    let mut free = busy.to_vec();
    free.resize(free.len().max(workers), 0.0);
    let start = |seconds: &f64| {
        let Some(first) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) else {
            return f64::INFINITY;
        };
        let start = *first;
        *first += seconds;
        start
    };
    waiting.iter().map(start).collect()
}

#[cfg(test)]
mod tests {
    use super::starts;

    #[test]
    fn jobs_go_to_the_worker_that_is_free_first() {
        assert_eq!(starts(1, &[10.0], &[5.0, 7.0, 1.0]), [10.0, 15.0, 22.0]);
        assert_eq!(starts(2, &[10.0, 4.0], &[5.0, 7.0, 1.0]), [4.0, 9.0, 10.0]);
        assert_eq!(starts(3, &[10.0], &[5.0, 7.0, 1.0]), [0.0, 0.0, 5.0]);
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert_eq!(starts(0, &[], &[5.0]), [f64::INFINITY]);
        assert_eq!(starts(1, &[f64::INFINITY], &[5.0]), [f64::INFINITY]);
        assert_eq!(starts(1, &[2.0], &[f64::INFINITY, 1.0]), [2.0, f64::INFINITY]);
    }
}
