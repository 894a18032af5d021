//! A worker's lease on a job: renewed on a task of its own, whatever else the worker does, until
//! the job ends. The same task hears whether the job is to end early.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::{PartTaker, Store, StoreError};

/// How often a worker asks whether its job is to be cancelled.
const TICK: Duration = Duration::from_millis(250);
/// How many times a lease is renewed before it could end.
const RENEWALS: u32 = 4;

/// A job that a worker holds, and for how long.
pub struct Holding {
    /// Number of the job.
    pub job: i64,
    /// Name of the worker.
    pub worker: String,
    /// Silence after which the job is another worker's.
    pub lease: Duration,
    /// How long the job may still be computed, where that is bounded.
    pub time_left: Option<Duration>,
}

/// The part that a helper has taken, and since when.
#[derive(Clone, Default)]
pub struct Held(Arc<Mutex<Option<(usize, Instant)>>>);

impl Held {
    /// Its place.
    pub fn place(&self) -> Option<usize> {
        self.computed().map(|(place, _)| place)
    }

    /// The same, and for how long it has been computed.
    pub fn computed(&self) -> Option<(usize, Duration)> {
        let held = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.map(|(place, since)| (place, since.elapsed()))
    }

    /// From now on it is this one.
    pub fn take(&self, place: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((place, Instant::now()));
    }

    /// It is none any more: which it was.
    pub fn let_go(&self) -> Option<(usize, Duration)> {
        let computed = self.computed();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        computed
    }
}

/// Renews a lease until it is dropped.
pub struct LeaseRenewal {
    flags: Flags,
    task: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Flags {
    stop: Arc<AtomicBool>,
    cancelled: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
    overdue: Arc<AtomicBool>,
}

impl LeaseRenewal {
    /// Begins to renew the lease on a job that was just claimed. `stopping` becomes true when the
    /// whole worker is to end.
    pub fn begin(store: Store, holding: Holding, stopping: watch::Receiver<bool>) -> Self {
        let flags = Flags::default();
        let task = tokio::spawn(renew(store, holding, stopping, flags.clone()));
        Self { flags, task }
    }

    /// Renews a helper's hold on the part that it computes; nothing while it has none.
    pub fn of_part(
        store: Store,
        holding: Holding,
        held: Held,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let flags = Flags::default();
        let task = tokio::spawn(renew_part(store, holding, held, stopping, flags.clone()));
        Self { flags, task }
    }

    /// Becomes true when the computing thread is to end: the job was cancelled or lost, it was
    /// computed for too long, or the worker is to end.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.flags.stop.clone()
    }

    /// Has the computing thread end.
    pub fn stop(&self) {
        self.flags.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the computing thread is to end.
    pub fn is_stopping(&self) -> bool {
        self.flags.stop.load(Ordering::Relaxed)
    }

    /// Whether the job was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.flags.cancelled.load(Ordering::Relaxed)
    }

    /// Whether the job was computed for as long as one may be.
    pub fn is_overdue(&self) -> bool {
        self.flags.overdue.load(Ordering::Relaxed)
    }

    /// Whether another worker has the job, or may have it by now.
    pub fn is_lost(&self) -> bool {
        self.flags.lost.load(Ordering::Relaxed)
    }
}

impl Drop for LeaseRenewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn renew(store: Store, holding: Holding, stopping: watch::Receiver<bool>, flags: Flags) {
    let Holding { job, worker, lease, time_left } = &holding;
    let began = Instant::now();
    let mut renewed = began;
    loop {
        tokio::time::sleep(TICK).await;
        let asked = Instant::now();
        let due = renewed.elapsed() > *lease / RENEWALS;
        let answer = if due {
            store.renew_lease(*job, worker, lease.as_millis() as i64).await
        } else {
            store.is_cancelled(*job, worker).await
        };
        match answer {
            Ok(cancel) => {
                // The lease runs from before it was asked for.
                renewed = if due { asked } else { renewed };
                flags.cancelled.fetch_or(cancel, Ordering::Relaxed);
            }
            Err(error) => {
                let lost = matches!(error, StoreError::LostJob) || renewed.elapsed() > *lease;
                flags.lost.fetch_or(lost, Ordering::Relaxed);
                tracing::warn!(job, worker, %error, lost, "a lease was not renewed");
            }
        }
        let overdue = time_left.is_some_and(|left| began.elapsed() > left);
        flags.overdue.fetch_or(overdue, Ordering::Relaxed);
        let lost = flags.lost.load(Ordering::Relaxed);
        if lost || overdue || flags.cancelled.load(Ordering::Relaxed) || *stopping.borrow() {
            flags.stop.store(true, Ordering::Relaxed);
        }
        if lost {
            return;
        }
    }
}

/// The same for a helper's part: its helper ends when that is not its own any more, or the job has ended.
async fn renew_part(
    store: Store,
    holding: Holding,
    held: Held,
    stopping: watch::Receiver<bool>,
    flags: Flags,
) {
    let Holding { job, worker, lease, .. } = &holding;
    let taker = PartTaker { job: *job, worker, lease_ms: Some(lease.as_millis() as i64) };
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        if let Some(place) = held.place()
            && renewed.elapsed() > *lease / RENEWALS
        {
            let asked = Instant::now();
            match store.renew_part(taker, place).await {
                Ok(true) => renewed = asked,
                Ok(false) => flags.lost.store(true, Ordering::Relaxed),
                Err(error) => {
                    flags.lost.fetch_or(renewed.elapsed() > *lease, Ordering::Relaxed);
                    tracing::warn!(job, worker, %error, "a helper's hold was not renewed");
                }
            }
        }
        if flags.lost.load(Ordering::Relaxed) || *stopping.borrow() {
            flags.stop.store(true, Ordering::Relaxed);
            return;
        }
    }
}
