//! How long jobs are likely to wait: those before them, spread over the workers that are alive.

use std::collections::BTreeMap;

use super::database::{Store, StoreResult};
use super::turns::{OpenJob, Turns};

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Jobs that wait and start before it.
    pub position: i64,
    /// Seconds until it is likely to start; `None` where nothing tells how long those before it
    /// take.
    pub seconds: Option<f64>,
    /// Seconds that it is likely to take then.
    pub takes: Option<f64>,
}

impl Store {
    /// Places of all jobs that wait.
    pub async fn places(&self) -> StoreResult<BTreeMap<i64, Place>> {
        let Turns { waiting, running } = self.turns().await?;
        if waiting.is_empty() {
            return Ok(BTreeMap::new());
        }
        let seconds = |jobs: &[OpenJob]| -> Vec<f64> {
            jobs.iter().map(|job| job.seconds.unwrap_or(f64::INFINITY)).collect()
        };
        let starts = starts(self.workers().await?.len(), &seconds(&running), &seconds(&waiting));
        let mut places = BTreeMap::new();
        for ((position, job), start) in (0..).zip(&waiting).zip(starts) {
            let seconds = Some(start).filter(|start| start.is_finite());
            places.insert(job.id, Place { position, seconds, takes: job.seconds });
        }
        Ok(places)
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
