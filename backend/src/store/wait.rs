//! How long jobs are likely to wait: those before them, spread over the workers that are alive and can
//! compute them.

use std::collections::BTreeMap;

use super::able::AbleWorkers;
use super::database::{Store, StoreResult};
use super::turns::{OpenJob, Turns};
use super::workers::LiveWorker;

/// A place in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Jobs that wait and whose turn is before its own, whether or not a worker can compute them now.
    pub position: i64,
    /// Seconds until it is likely to start; `None` where nothing tells how long those before it
    /// take.
    pub seconds: Option<f64>,
    /// Seconds that it is likely to take then.
    pub takes: Option<f64>,
    /// What it waits for, where no worker that is alive can compute it.
    pub waits_for: Option<String>,
}

impl Store {
    /// Number of jobs that wait and that no worker that is alive can compute.
    pub async fn stranded_jobs(&self) -> StoreResult<usize> {
        Ok(self.places().await?.values().filter(|place| place.waits_for.is_some()).count())
    }

    /// Places of all jobs that wait.
    pub async fn places(&self) -> StoreResult<BTreeMap<i64, Place>> {
        let Turns { waiting, running, workers } = self.turns().await?;
        if waiting.is_empty() {
            return Ok(BTreeMap::new());
        }
        let free = workers.iter().map(|worker| seconds_until_free(worker, &running)).collect();
        let able = AbleWorkers::of(&workers, waiting.iter().map(|job| &job.needs));
        let asks = waiting.iter().map(|job| (seconds_of(job), able.indices(&job.needs)));
        let starts = starts(free, asks);
        let mut places = BTreeMap::new();
        for ((position, job), start) in (0..).zip(&waiting).zip(starts) {
            let waits_for = able.waits_for(&job.needs);
            let seconds = Some(start).filter(|start| start.is_finite());
            places.insert(job.id, Place { position, seconds, takes: job.seconds, waits_for });
        }
        Ok(places)
    }
}

/// Seconds that a job still takes; infinite where nothing tells.
fn seconds_of(job: &OpenJob) -> f64 {
    job.seconds.unwrap_or(f64::INFINITY)
}

fn seconds_until_free(worker: &LiveWorker, running: &[OpenJob]) -> f64 {
    let computes = |job: &&OpenJob| job.worker.as_ref() == Some(&worker.name);
    running.iter().find(computes).map_or(0.0, seconds_of)
}

/// Seconds until each waiting job starts, where each goes to the worker that is free first of those
/// that can compute it. `free` has the seconds until each worker is, `waiting`, in order, those that a
/// job takes, and the places of its workers; what is not known is infinite.
fn starts<'a>(mut free: Vec<f64>, waiting: impl Iterator<Item = (f64, &'a [usize])>) -> Vec<f64> {
    let start = |(seconds, able): (f64, &[usize])| {
        let first = able.iter().min_by(|&&a, &&b| free[a].total_cmp(&free[b]));
        let Some(&first) = first else { return f64::INFINITY };
        let start = free[first];
        free[first] += seconds;
        start
    };
    waiting.map(start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts_of(free: &[f64], waiting: &[(f64, &[usize])]) -> Vec<f64> {
        starts(free.to_vec(), waiting.iter().copied())
    }

    #[test]
    fn jobs_go_to_the_worker_that_is_free_first() {
        let waiting = |all: &'static [usize]| [(5.0, all), (7.0, all), (1.0, all)];
        assert_eq!(starts_of(&[10.0], &waiting(&[0])), [10.0, 15.0, 22.0]);
        assert_eq!(starts_of(&[10.0, 4.0], &waiting(&[0, 1])), [4.0, 9.0, 10.0]);
        assert_eq!(starts_of(&[10.0, 0.0, 0.0], &waiting(&[0, 1, 2])), [0.0, 0.0, 5.0]);
    }

    #[test]
    fn workers_that_can_not_compute_a_job_do_not_make_it_start() {
        let waiting: [(f64, &[usize]); 4] = [(5.0, &[0]), (7.0, &[0, 1]), (1.0, &[0]), (1.0, &[])];
        assert_eq!(starts_of(&[10.0, 4.0], &waiting), [10.0, 4.0, 15.0, f64::INFINITY]);
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert_eq!(starts_of(&[], &[(5.0, &[])]), [f64::INFINITY]);
        assert_eq!(starts_of(&[f64::INFINITY], &[(5.0, &[0])]), [f64::INFINITY]);
        let waiting: [(f64, &[usize]); 2] = [(f64::INFINITY, &[0]), (1.0, &[0])];
        assert_eq!(starts_of(&[2.0], &waiting), [2.0, f64::INFINITY]);
    }
}
