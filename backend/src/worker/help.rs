//! Sweeps that several workers compute: whoever has the job offers its entries, and idle workers with
//! a device of the same name take some.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use rrlab_engine::sweep::{Share, places};
use rrlab_types::{PROGRAM, SweepReport};
use tokio::sync::mpsc;

use super::compute;
use super::lease::{Holding, LeaseRenewal};
use super::reporter::{JobReporter, Message, NextShare, Outcome};
use super::{Parts, WorkStopped, Worker, give_memory_back};
use crate::store::{Claim, HelpWanted, PartTaker, StoreError};

/// How often an idle worker looks for a sweep to help with, and one that has computed its own entries
/// for those of its helpers.
const LOOK: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_millis(250);

impl Worker {
    /// Helps with running sweeps while nothing else is to be done.
    pub(super) async fn help_when_idle(self) {
        while !self.is_to_end() {
            tokio::time::sleep(LOOK).await;
            let Ok(_device) = self.0.computing.try_lock() else { continue };
            if let Err(error) = self.help_one().await {
                tracing::warn!(worker = self.0.name, %error, "can't look for sweeps to help with");
            }
        }
    }

    /// Helps with a running sweep, if any has an entry for this worker; whether it did.
    pub(super) async fn help_one(&self) -> Result<bool, StoreError> {
        let Parts { store, device, unable, .. } = &*self.0;
        let unable = unable.lock().await.clone();
        let mut wanted = store.help_wanted(&device.name).await?;
        wanted.retain(|wanted| !unable.contains(&wanted.job));
        for wanted in self.fitting(wanted, |wanted| &wanted.needs).await {
            let Some(offered) = of_this_version(&wanted.offer) else { continue };
            let open: Vec<usize> = (0..places(&offered.plan)).collect();
            let place = store.take_part(self.taker(wanted.job), &wanted.offer, &open).await?;
            if let Some(place) = place {
                self.help_with(wanted, place).await;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn taker(&self, job: i64) -> PartTaker<'_> {
        let Parts { name, timing, .. } = &*self.0;
        PartTaker { job, worker: name, lease_ms: Some(timing.lease.as_millis() as i64) }
    }

    /// Computes entries of a sweep, of which this one was taken, as long as there are any and nothing
    /// else waits.
    async fn help_with(&self, wanted: HelpWanted, first: usize) {
        let Parts { store, name, timing, stop, .. } = &*self.0;
        let job = wanted.job;
        tracing::info!(job, worker = name, "helps with a sweep");
        let held = Arc::new(Mutex::new(Some(first)));
        let holding = Holding { job, worker: name.clone(), lease: timing.lease, time_left: None };
        let lease = LeaseRenewal::of_part(store.clone(), holding, held.clone(), stop.clone());
        self.note(store.worker_computes(name, Some(job)).await);
        match self.compute_parts(wanted, first, &held, &lease).await {
            Ok(Outcome::Done | Outcome::Stopped) => {}
            Ok(Outcome::Lost(problem)) => {
                tracing::error!(job, problem, "the device is lost; the sweep goes on without");
                self.0.lost.send_replace(true);
            }
            Ok(Outcome::Failed(problem)) => self.is_unable(job, &problem).await,
            Err(WorkStopped::Impossible(problem)) => self.is_unable(job, &problem).await,
            Err(stopped) => tracing::warn!(job, %stopped, "help broken off"),
        }
        drop(lease);
        let left = *held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = left {
            self.note(store.leave_part(self.taker(job), place).await);
        }
        self.note(store.worker_computes(name, None).await);
        give_memory_back();
    }

    /// Whoever has the job finds out what is wrong with it.
    async fn is_unable(&self, job: i64, problem: &str) {
        tracing::warn!(job, worker = self.0.name, problem, "can't help with this sweep");
        self.0.unable.lock().await.insert(job);
    }

    async fn compute_parts(
        &self,
        wanted: HelpWanted,
        first: usize,
        held: &Mutex<Option<usize>>,
        lease: &LeaseRenewal,
    ) -> Result<Outcome, WorkStopped> {
        let HelpWanted { job, request, offer, .. } = wanted;
        let none = (None, 0, Duration::ZERO);
        let (checkpoint, crashes, computed) = none;
        let claim = Claim { job, request, checkpoint, crashes, computed };
        let inputs = self.inputs(&claim, lease).await?;
        let (messages, mut inbox) = mpsc::channel(4);
        let (device, offer) = (self.0.device.clone(), Arc::<str>::from(offer));
        let reporter = JobReporter::new(messages, lease.stop_flag(), self.0.timing.checkpoint);
        let computing = std::thread::Builder::new()
            .name(format!("help-{job}"))
            .spawn(move || compute::help(&offer, inputs, &device, &reporter))
            .map_err(|error| WorkStopped::Retry(format!("no thread to compute on: {error}")))?;
        let mut first = Some(first);
        let mut began = Instant::now();
        let hold = |place: Option<usize>| {
            *held.lock().unwrap_or_else(PoisonError::into_inner) = place;
        };
        while let Some(message) = inbox.recv().await {
            match message {
                Message::Share(asked) => {
                    let place = match first.take() {
                        Some(place) => Some(place),
                        None => self.next_part(job, &asked, lease).await?,
                    };
                    hold(place);
                    began = Instant::now();
                    asked.answer.send(place.map_or(Share::Nothing, Share::Compute)).ok();
                }
                Message::Part(entry) => {
                    let place = *held.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(place) = place {
                        let (store, taker) = (&self.0.store, self.taker(job));
                        let took = began.elapsed();
                        self.retrying(lease, || {
                            async { Ok(store.hand_in_part(taker, place, &entry, took).await?) }
                                .boxed()
                        })
                        .await?;
                    }
                    hold(None);
                }
                // Its job's worker tells of the rest.
                _ => {}
            }
        }
        match tokio::task::spawn_blocking(move || computing.join()).await {
            Ok(Ok(outcome)) => Ok(outcome),
            _ => Err(WorkStopped::Impossible("the program broke down while it helped".into())),
        }
    }

    /// Takes another entry, unless something else is to be done.
    async fn next_part(
        &self,
        job: i64,
        asked: &NextShare,
        lease: &LeaseRenewal,
    ) -> Result<Option<usize>, WorkStopped> {
        if lease.is_stopping() || self.0.turns_waiting.load(Ordering::Relaxed) > 0 {
            return Ok(None);
        }
        let (store, taker) = (&self.0.store, self.taker(job));
        self.retrying(lease, || {
            async { Ok(store.take_part(taker, &asked.offer, &asked.open).await?) }.boxed()
        })
        .await
    }

    /// Tells the thread that computes a sweep which entry is next: one that a helper has computed, one
    /// that nobody has taken, or, once helpers have the rest, whichever of theirs is done first.
    pub(super) async fn answer_share(
        &self,
        job: i64,
        asked: NextShare,
        lease: &LeaseRenewal,
    ) -> Result<(), WorkStopped> {
        let (store, open) = (&self.0.store, asked.open.as_slice());
        let own = PartTaker { lease_ms: None, ..self.taker(job) };
        // Without an answer the thread ends.
        while !lease.is_stopping() {
            let ready = self
                .retrying(lease, || async { Ok(store.ready_part(job, open).await?) }.boxed())
                .await?;
            if let Some(entry) = ready {
                asked.answer.send(Share::Ready(entry)).ok();
                return Ok(());
            }
            let taken = self
                .retrying(lease, || {
                    async { Ok(store.take_part(own, &asked.offer, open).await?) }.boxed()
                })
                .await?;
            if let Some(place) = taken {
                asked.answer.send(Share::Compute(place)).ok();
                return Ok(());
            }
            tokio::time::sleep(WAIT).await;
        }
        Ok(())
    }
}

/// A sweep that this version has offered: numbers of two can't be compared.
fn of_this_version(offer: &str) -> Option<SweepReport> {
    SweepReport::from_json(offer).ok().filter(|report| report.origin.program == PROGRAM)
}
