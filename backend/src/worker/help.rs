//! Jobs that several workers compute: whoever has one offers its parts, a sweep's entries or the runs of
//! fine-tuning, and idle workers with a device of the same name take some.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use rrlab_protocol::JobKind;
use tokio::sync::mpsc;

use super::compute::{self, Offered};
use super::counts::{PartEnd, count_part, count_resumed};
use super::lease::{Held, Holding, LeaseRenewal};
use super::reporter::{Answer, JobReporter, Message, NextShare, Outcome, Part};
use super::{Parts, StorageError, StoredResult, WorkStopped, Worker, give_memory_back};
use crate::store::{Claim, HelpWanted, PartTaker, StateOf, StoreError, TakenPart};

/// How often a helper that trains looks whether a job waits, and one that has computed its own parts for
/// those of its helpers.
const LOOK: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_millis(250);

impl Worker {
    /// Helps with a running job, if any has a part for this worker; whether it did.
    pub(super) async fn help_one(&self) -> Result<bool, StoreError> {
        let Parts { store, device, unable, .. } = &*self.0;
        let unable = unable.lock().await.clone();
        let mut wanted = store.help_wanted(&device.name).await?;
        wanted.retain(|wanted| !unable.contains(&wanted.job));
        for wanted in self.fitting(wanted, |wanted| &wanted.needs).await {
            let offered = Offered::read(&wanted.request, &wanted.offer);
            let Some(offered) = offered else { continue };
            let open: Vec<usize> = (0..offered.parts()).collect();
            let taken = store.take_part(self.taker(wanted.job), &wanted.offer, &open).await?;
            if let Some(first) = taken {
                self.help_with(wanted, offered, first).await;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn taker(&self, job: i64) -> PartTaker<'_> {
        let Parts { name, timing, .. } = &*self.0;
        PartTaker { job, worker: name, lease_ms: Some(timing.lease.as_millis() as i64) }
    }

    /// Computes parts of a job, of which this one was taken, as long as there are any and nothing else
    /// waits.
    async fn help_with(&self, wanted: HelpWanted, offered: Offered, first: TakenPart) {
        let Parts { store, name, timing, stop, .. } = &*self.0;
        let job = wanted.job;
        tracing::info!(job, worker = name, "helps with a job");
        let held = Held::default();
        held.take(first.place);
        let holding = Holding { job, worker: name.clone(), lease: timing.lease, time_left: None };
        let lease = LeaseRenewal::of_part(store.clone(), holding, held.clone(), stop.clone());
        self.computes(Some(job)).await;
        match self.compute_parts((wanted, offered), first, &held, &lease).await {
            Ok(Outcome::Done | Outcome::Stopped) => {}
            Ok(Outcome::Lost(problem)) => {
                tracing::error!(job, problem, "the device is lost; the job goes on without");
                self.0.lost.send_replace(true);
            }
            Ok(Outcome::Failed(problem)) => self.is_unable(job, &problem).await,
            Err(WorkStopped::Impossible(problem)) => self.is_unable(job, &problem).await,
            Err(stopped) => tracing::warn!(job, %stopped, "help broken off"),
        }
        drop(lease);
        if let Some((place, took)) = held.let_go() {
            count_part(PartEnd::Left, took);
            self.note(store.leave_part(self.taker(job), place, took).await);
        }
        self.computes(None).await;
        give_memory_back();
    }

    /// Whoever has the job finds out what is wrong with it.
    async fn is_unable(&self, job: i64, problem: &str) {
        tracing::warn!(job, worker = self.0.name, problem, "can't help with this job");
        self.0.unable.lock().await.insert(job);
    }

    async fn compute_parts(
        &self,
        (wanted, offered): (HelpWanted, Offered),
        first: TakenPart,
        held: &Held,
        lease: &LeaseRenewal,
    ) -> Result<Outcome, WorkStopped> {
        let HelpWanted { job, request, offer, .. } = wanted;
        let is_tuning = request.kind() == JobKind::Finetune;
        let none = (None, 0, Duration::ZERO);
        let (checkpoint, crashes, computed) = none;
        let claim = Claim { job, request, checkpoint, crashes, computed };
        let inputs = self.inputs(&claim, lease).await?;
        let (messages, mut inbox) = mpsc::channel(4);
        let device = self.0.device.clone();
        let reporter = JobReporter::new(messages, lease.stop_flag(), self.0.timing.checkpoint)
            .of_helper(offer.into());
        let computing = std::thread::Builder::new()
            .name(format!("help-{job}"))
            .spawn(move || compute::help(offered, inputs, &device, &reporter))
            .map_err(|error| WorkStopped::Retry(format!("no thread to compute on: {error}")))?;
        let mut first = Some(first);
        let mut look = tokio::time::interval(LOOK);
        loop {
            let message = tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => message,
                    None => break,
                },
                _ = look.tick() => {
                    // Nobody waits for a training that only helps: others go on from its state.
                    if is_tuning && self.is_wanted_elsewhere().await {
                        lease.stop();
                    }
                    continue;
                }
            };
            match message {
                Message::Share(asked) => {
                    let taken = match first.take() {
                        Some(taken) => Some(taken),
                        None => self.next_part(job, &asked, lease).await?,
                    };
                    let answer = match taken {
                        Some(taken) => {
                            held.take(taken.place);
                            self.answer_with(job, taken, lease).await?
                        }
                        None => Answer::Nothing,
                    };
                    asked.answer.send(answer).ok();
                }
                Message::Checkpoint(bytes) => {
                    if let Some(place) = held.place()
                        && let Err(error) = self.save_part(job, place, bytes.into()).await
                    {
                        tracing::error!(job, place, %error, "checkpoint of a part not saved");
                    }
                }
                Message::Part(part) => {
                    if let Some((place, took)) = held.computed() {
                        self.hand_in((job, place), part, took, lease).await?;
                        count_part(PartEnd::Done, took);
                    }
                    held.let_go();
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

    /// Hands in a part of a job that was computed in this time.
    async fn hand_in(
        &self,
        (job, place): (i64, usize),
        Part { entry, result }: Part,
        took: Duration,
        lease: &LeaseRenewal,
    ) -> Result<(), WorkStopped> {
        let stored = match result {
            Some(result) => Some(self.stored(result, lease).await?),
            None => None,
        };
        let (store, taker) = (&self.0.store, self.taker(job));
        self.retrying(lease, || {
            let (entry, result) = (entry.as_str(), stored.as_ref().map(StoredResult::artifact));
            async move { Ok(store.hand_in_part(taker, place, entry, result, took).await?) }.boxed()
        })
        .await
        .map(drop)
    }

    /// Takes a job of its own, if one waits that it can compute: then it lets go of what it helps with, and
    /// no other helper does for the same job.
    async fn is_wanted_elsewhere(&self) -> bool {
        let mut taken = self.0.taken.lock().await;
        if taken.is_none() && !self.is_to_end() {
            match self.take_job().await {
                Ok(job) => *taken = job,
                Err(error) => tracing::warn!(worker = self.0.name, %error, "can't look for jobs"),
            }
        }
        taken.is_some()
    }

    /// A part to be computed, with the state that was left of it.
    async fn answer_with(
        &self,
        job: i64,
        TakenPart { place, checkpoint }: TakenPart,
        lease: &LeaseRenewal,
    ) -> Result<Answer, WorkStopped> {
        let state = match checkpoint {
            Some(hash) => self.checkpoint(StateOf::part(job, place), &hash, lease).await?,
            None => None,
        };
        if state.is_some() {
            count_resumed();
        }
        Ok(Answer::Compute(place, state))
    }

    /// Keeps the state of a part that this worker computes as a helper.
    async fn save_part(&self, job: i64, place: usize, bytes: Bytes) -> Result<(), StorageError> {
        let Parts { store, objects, .. } = &*self.0;
        let of = StateOf::part(job, place);
        let hash = objects.put_checkpoint(of, bytes).await?;
        // The one before alone: whoever has the part by now may have saved another.
        match store.save_part(self.taker(job), place, &hash).await? {
            Some(Some(before)) if before != hash => {
                Ok(objects.remove_checkpoint(of, &before).await?)
            }
            _ => Ok(()),
        }
    }

    /// Takes another part, unless something else is to be done.
    async fn next_part(
        &self,
        job: i64,
        asked: &NextShare,
        lease: &LeaseRenewal,
    ) -> Result<Option<TakenPart>, WorkStopped> {
        if lease.is_stopping() || self.is_wanted_elsewhere().await {
            return Ok(None);
        }
        let (store, taker) = (&self.0.store, self.taker(job));
        self.retrying(lease, || {
            async { Ok(store.take_part(taker, &asked.offer, &asked.open).await?) }.boxed()
        })
        .await
    }

    /// Tells the thread that has a job which part is next: one that a helper has computed, one
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
                asked.answer.send(Answer::Ready(entry)).ok();
                return Ok(());
            }
            let taken = self
                .retrying(lease, || {
                    async { Ok(store.take_part(own, &asked.offer, open).await?) }.boxed()
                })
                .await?;
            if let Some(taken) = taken {
                let answer = self.answer_with(job, taken, lease).await?;
                asked.answer.send(answer).ok();
                return Ok(());
            }
            tokio::time::sleep(WAIT).await;
        }
        Ok(())
    }
}
