//! Workers: take jobs from the queue, one at a time, and compute them on a thread of their own.

mod compute;
mod heart;
mod link;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rrlab_engine::device::OpenDevice;
use rrlab_protocol::{ArtifactKind, DatasetRef, JobState};
use tokio::sync::{Mutex, mpsc, watch};

use crate::objects::{ObjectError, Objects};
use crate::queue::Queue;
use crate::storage::DataFolder;
use crate::store::{Claim, NewArtifact, Store, StoreError};
use compute::{Data, Inputs};
use heart::Heart;
use link::{Ended, Link, Message};

/// Rest after database or object store could not be reached.
const REST: Duration = Duration::from_secs(2);
/// How often a worker says that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// Why a job could not be worked on; it will be tried again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program broke down.
    #[error("the worker broke down: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Why work on a job ends before its end.
#[derive(Debug, thiserror::Error)]
enum Setback {
    /// Another worker has it.
    #[error("it was given to another worker")]
    Lost,
    /// It can't go on here for now.
    #[error("{0}")]
    Later(String),
    /// It can't be computed.
    #[error("{0}")]
    Never(String),
}

/// What a worker works with.
#[derive(Clone)]
pub struct Worker(Arc<Parts>);

struct Parts {
    store: Store,
    objects: Objects,
    queue: Queue,
    data: DataFolder,
    device: OpenDevice,
    /// Held while a job computes: one at a time, also when the queue believes that the last has ended.
    computing: Mutex<()>,
    /// Unique for each start: the queue does not let a name come back within half a minute.
    name: String,
    pace: Pace,
    stop: watch::Receiver<bool>,
}

/// How often a worker says that it is alive, and saves what it has.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Silence after which it counts as dead.
    pub lease: Duration,
    /// Time between two checkpoints.
    pub checkpoint: Duration,
}

impl Worker {
    /// A worker on this device. It ends after `stop` has become true.
    pub fn new(
        store: Store,
        objects: Objects,
        data: DataFolder,
        device: OpenDevice,
        pace: Pace,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let name = format!("{}-{}", std::process::id(), crate::secret::random_hex::<6>());
        let queue = Queue::of(&store);
        let computing = Mutex::new(());
        Self(Arc::new(Parts { store, objects, queue, data, device, computing, name, pace, stop }))
    }

    /// Takes up jobs until it is to stop; a job under way is saved and given back.
    pub async fn run(&self) {
        let parts = &self.0;
        tracing::info!(worker = parts.name, device = parts.device.name, "worker started");
        let signs = tokio::spawn(self.clone().give_signs_of_life());
        let mut starts = 0;
        while !*parts.stop.borrow() {
            // A name can't be registered twice in quick succession.
            let name = format!("{}-{starts}", parts.name);
            starts += 1;
            let mut stop = parts.stop.clone();
            let stopped = async move {
                stop.wait_for(|stop| *stop).await.ok();
            };
            if let Err(error) = parts.queue.serve(&name, self.clone(), stopped).await {
                tracing::error!(worker = parts.name, %error, "worker starts again");
                tokio::time::sleep(REST).await;
            }
        }
        // A job may compute on although the queue has let go of it.
        drop(parts.computing.lock().await);
        signs.abort();
        if let Err(error) = parts.store.worker_gone(&parts.name).await {
            tracing::warn!(%error, "could not sign off");
        }
        tracing::info!(worker = parts.name, "worker stopped");
    }

    async fn give_signs_of_life(self) {
        let Parts { store, name, device, .. } = &*self.0;
        loop {
            if let Err(error) = store.worker_seen(name, &device.name).await {
                tracing::error!(%error, "can't say that this worker lives");
            }
            tokio::time::sleep(SIGN_OF_LIFE).await;
        }
    }

    /// Computes the job that has waited longest, if any waits.
    ///
    /// # Errors
    /// If the database fails before a job is this worker's.
    pub async fn take_turn(&self) -> Result<(), WorkError> {
        let worker = self.clone();
        // On a task of its own: the queue drops its turns when it loses the database, but a job computes on.
        Ok(tokio::spawn(async move { worker.compute_next().await }).await??)
    }

    async fn compute_next(&self) -> Result<(), StoreError> {
        let Parts { store, device, computing, name, pace, stop, .. } = &*self.0;
        let _device = computing.lock().await;
        if *stop.borrow() {
            return store.turn_unused().await;
        }
        let claimed = store.claim_next(name, &device.name, pace.lease.as_millis() as i64).await;
        let claim = match claimed {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(()),
            Err(error) => {
                tokio::time::sleep(REST).await;
                return Err(error);
            }
        };
        let job = claim.job;
        tracing::info!(job, worker = name, kind = %claim.request.kind(), crashes = claim.crashes, "job started");
        let heart = Heart::begin(self.clone(), job);
        self.note(store.worker_computes(name, Some(job)).await);
        if let Err(setback) = self.work(claim, &heart).await {
            tracing::warn!(job, worker = name, %setback, "job left");
        }
        self.note(store.worker_computes(name, None).await);
        Ok(())
    }

    /// What is only told to people may fail.
    fn note(&self, told: Result<(), StoreError>) {
        if let Err(error) = told {
            tracing::warn!(worker = self.0.name, %error, "can't say what this worker does");
        }
    }

    /// Computes a job that is this worker's to its end, whichever that is.
    async fn work(&self, claim: Claim, heart: &Heart) -> Result<(), Setback> {
        let Parts { store, name, .. } = &*self.0;
        let job = claim.job;
        let ended = match self.compute(claim, heart).await {
            Ok(ended) => ended,
            Err(Setback::Never(problem)) => Ended::Failed(problem),
            Err(Setback::Later(problem)) => {
                tracing::error!(job, problem, "job given back");
                self.patiently(heart, || async { Ok(store.release_job(job, name).await?) }.boxed()).await?;
                tokio::time::sleep(REST).await;
                return Ok(());
            }
            Err(Setback::Lost) => return Err(Setback::Lost),
        };
        let (state, problem) = match ended {
            Ended::Done => (JobState::Done, None),
            Ended::Stopped if heart.is_cancelled() => (JobState::Cancelled, None),
            Ended::Stopped => {
                tracing::info!(job, "job saved and given back");
                return self.patiently(heart, || async { Ok(store.release_job(job, name).await?) }.boxed()).await;
            }
            Ended::Failed(problem) => (JobState::Failed, Some(problem)),
        };
        tracing::info!(job, %state, problem, "job ended");
        self.patiently(heart, || async { Ok(store.finish_job(job, name, state, problem.as_deref()).await?) }.boxed())
            .await?;
        self.forget_checkpoints(job).await;
        Ok(())
    }

    async fn compute(&self, claim: Claim, heart: &Heart) -> Result<Ended, Setback> {
        let job = claim.job;
        let inputs = self.inputs(&claim, heart).await?;
        let (messages, inbox) = mpsc::channel(4);
        let (device, request) = (self.0.device.clone(), claim.request);
        let link = Link::new(messages, heart.stop.clone(), self.0.pace.checkpoint);
        let computing = std::thread::Builder::new()
            .name(format!("job-{job}"))
            .spawn(move || compute::run(request, inputs, &device, link))
            .map_err(|error| Setback::Later(format!("no thread to compute on: {error}")))?;
        let followed = self.follow(job, inbox, heart).await;
        if followed.is_err() {
            heart.stop.store(true, Ordering::Relaxed);
        }
        // The inbox is gone: the thread ends at the next thing it has to say.
        let ended = tokio::task::spawn_blocking(move || computing.join()).await;
        followed?;
        match ended {
            Ok(Ok(ended)) => Ok(ended),
            _ => Err(Setback::Never("the program broke down while it computed this; please report it".into())),
        }
    }

    /// Stores what the computing thread has to say until it falls silent.
    async fn follow(&self, job: i64, mut inbox: mpsc::Receiver<Message>, heart: &Heart) -> Result<(), Setback> {
        while let Some(message) = inbox.recv().await {
            self.keep(job, message, heart).await?;
        }
        Ok(())
    }

    async fn keep(&self, job: i64, message: Message, heart: &Heart) -> Result<(), Setback> {
        let Parts { store, objects, name, .. } = &*self.0;
        match message {
            Message::Events(events) => {
                self.patiently(heart, || async { Ok(store.job_happened(job, name, &events).await?) }.boxed()).await
            }
            Message::Checkpoint(bytes) => {
                // The job can go on without; the next may find room again.
                if let Err(error) = self.save_checkpoint(job, bytes.into()).await {
                    tracing::error!(job, %error, "checkpoint not saved");
                }
                Ok(())
            }
            Message::Result { kind, name: title, bytes } => {
                let (size, bytes) = (bytes.len(), bytes::Bytes::from(bytes));
                let hash = self.patiently(heart, || async { Ok(objects.put(bytes.clone()).await?) }.boxed()).await?;
                let new = NewArtifact { kind, name: &title, hash: &hash, bytes: size };
                self.patiently(heart, || async { Ok(store.add_result(job, name, new).await.map(drop)?) }.boxed()).await
            }
        }
    }

    async fn save_checkpoint(&self, job: i64, bytes: bytes::Bytes) -> Result<(), Obstacle> {
        let Parts { store, objects, name, .. } = &*self.0;
        let hash = objects.put_checkpoint(job, bytes).await?;
        store.save_checkpoint(job, name, &hash).await?;
        Ok(objects.keep_checkpoint(job, Some(&hash)).await?)
    }

    async fn forget_checkpoints(&self, job: i64) {
        if let Err(error) = self.0.objects.keep_checkpoint(job, None).await {
            tracing::warn!(job, %error, "its checkpoint is left behind");
        }
    }

    /// Does something with database or object store, again and again while they can't be reached, for as long as the job
    /// is this worker's.
    async fn patiently<'a, T>(
        &self,
        heart: &Heart,
        work: impl Fn() -> BoxFuture<'a, Result<T, Obstacle>>,
    ) -> Result<T, Setback> {
        loop {
            let obstacle = match work().await {
                Ok(value) => return Ok(value),
                Err(obstacle) => obstacle,
            };
            match obstacle {
                Obstacle::Store(StoreError::LostJob) => return Err(Setback::Lost),
                _ if heart.is_lost() => return Err(Setback::Lost),
                Obstacle::Objects(error @ (ObjectError::Full | ObjectError::Missing(_) | ObjectError::Damaged(_))) => {
                    return Err(Setback::Never(error.to_string()));
                }
                // A job that is to end is not held up.
                obstacle if heart.stop.load(Ordering::Relaxed) => return Err(Setback::Later(obstacle.to_string())),
                obstacle => tracing::warn!(%obstacle, "trying again"),
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn inputs(&self, claim: &Claim, heart: &Heart) -> Result<Inputs, Setback> {
        let Parts { objects, store, .. } = &*self.0;
        let mut inputs = Inputs::default();
        for (id, kind) in claim.request.inputs() {
            let found = self.patiently(heart, || async { Ok(store.artifact(id, None).await?) }.boxed()).await?;
            let artifact = found
                .filter(|found| found.kind == kind)
                .ok_or_else(|| Setback::Never(format!("{kind} {id} is no longer there")))?;
            let bytes = self.patiently(heart, || async { Ok(objects.get(&artifact.hash).await?) }.boxed()).await?;
            match kind {
                ArtifactKind::Model => inputs.model = Some((artifact.name, bytes)),
                ArtifactKind::Profile => inputs.profile = Some(bytes),
                ArtifactKind::Dataset => inputs.dataset = Some(Data::Stored(bytes)),
                _ => {}
            }
        }
        if let DatasetRef::Named(name) = claim.request.dataset() {
            inputs.dataset = Some(Data::Named(self.0.data.clone(), name.clone()));
        }
        if inputs.profile.is_none() {
            // One that this job measured before it was interrupted.
            let made = self.patiently(heart, || async { Ok(store.results(claim.job).await?) }.boxed()).await?;
            if let Some(artifact) = made.iter().find(|made| made.kind == ArtifactKind::Profile) {
                let bytes = self.patiently(heart, || async { Ok(objects.get(&artifact.hash).await?) }.boxed()).await?;
                inputs.measured = Some(bytes);
            }
        }
        if let Some(hash) = &claim.checkpoint {
            let read = self.patiently(heart, || async { Ok(objects.checkpoint(claim.job, hash).await?) }.boxed()).await;
            match read {
                Ok(bytes) => inputs.checkpoint = Some(bytes),
                Err(Setback::Never(problem)) => tracing::error!(job = claim.job, problem, "job begins anew"),
                Err(setback) => return Err(setback),
            }
        }
        Ok(inputs)
    }
}

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
}
