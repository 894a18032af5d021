//! A worker's hold on a job: its lease is renewed, whatever else the worker does, and it hears whether it is to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::{Parts, Worker};
use crate::store::StoreError;

/// How often a worker asks whether its job is to be cancelled.
const TICK: Duration = Duration::from_millis(250);
/// How many times a lease is renewed before it could end.
const RENEWALS: u32 = 4;

/// Beats until it is dropped.
pub struct Heart {
    /// Whether the computing thread is to end.
    pub stop: Arc<AtomicBool>,
    cancelled: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
    beating: JoinHandle<()>,
}

impl Heart {
    /// Begins to beat for a job that was just claimed.
    pub fn begin(worker: Worker, job: i64) -> Self {
        let [stop, cancelled, lost] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
        let beating = tokio::spawn(beat(worker, job, [stop.clone(), cancelled.clone(), lost.clone()]));
        Self { stop, cancelled, lost, beating }
    }

    /// Whether the job was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether another worker has the job, or may have it by now.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

async fn beat(worker: Worker, job: i64, [stop, cancelled, lost]: [Arc<AtomicBool>; 3]) {
    let Parts { store, name, pace, stop: stopping, .. } = &*worker.0;
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        let asked = Instant::now();
        let due = renewed.elapsed() > pace.lease / RENEWALS;
        let heard = if due {
            store.renew_lease(job, name, pace.lease.as_millis() as i64).await
        } else {
            store.is_cancelled(job, name).await
        };
        match heard {
            Ok(cancel) => {
                // The lease runs from before it was asked for.
                renewed = if due { asked } else { renewed };
                cancelled.fetch_or(cancel, Ordering::Relaxed);
            }
            Err(error) => {
                let gone = matches!(error, StoreError::LostJob) || renewed.elapsed() > pace.lease;
                lost.fetch_or(gone, Ordering::Relaxed);
                tracing::warn!(job, worker = name, %error, gone, "a worker's heart missed a beat");
            }
        }
        if cancelled.load(Ordering::Relaxed) || lost.load(Ordering::Relaxed) || *stopping.borrow() {
            stop.store(true, Ordering::Relaxed);
        }
        if lost.load(Ordering::Relaxed) {
            return;
        }
    }
}
