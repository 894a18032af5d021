//! Workers: take jobs from the queue, one at a time, compute them on a thread of their own, and look after jobs whose
//! workers have died.

mod compute;
mod link;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::Dataset;
use rrlab_engine::device::OpenDevice;
use rrlab_types::{ArtifactKind, DatasetRef, JobState, ModelProfile};
use tokio::sync::{mpsc, watch};

use crate::objects::{ObjectError, Objects};
use crate::queue::Queue;
use crate::storage::DataFolder;
use crate::store::{Claim, NewArtifact, Store, StoreError};
use compute::Inputs;
use link::{Ended, Link, Message};

/// How often a worker asks whether its job is to be cancelled.
const TICK: Duration = Duration::from_millis(250);
/// How often jobs of dead workers are looked for.
const RECOVERY: Duration = Duration::from_secs(2);
/// How often content that nothing needs is removed.
const CLEANING: Duration = Duration::from_secs(3600);
/// Rest after the database could not be reached.
const REST: Duration = Duration::from_secs(2);

/// Why a job could not be worked on; it will be tried again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database failed, or the job was given to another worker.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Something that a job reads and that can't be read.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
    #[error("{kind} {id} is no longer there")]
    Missing { kind: ArtifactKind, id: i64 },
    #[error("{0}")]
    Unreadable(String),
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

impl Pace {
    fn lease_ms(self) -> i64 {
        self.lease.as_millis() as i64
    }
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
        Self(Arc::new(Parts { store, objects, queue, data, device, name, pace, stop }))
    }

    /// Takes up jobs until it is to stop; a job under way is saved and given back.
    pub async fn run(&self) {
        let parts = &self.0;
        tracing::info!(worker = parts.name, device = parts.device.name, "worker started");
        let care = tokio::spawn(self.clone().look_after_jobs());
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
        care.abort();
        if let Err(error) = parts.store.worker_gone(&parts.name).await {
            tracing::warn!(%error, "could not sign off");
        }
        tracing::info!(worker = parts.name, "worker stopped");
    }

    /// Brings jobs of dead workers back, gives waiting jobs their turn, and removes content that nothing needs.
    async fn look_after_jobs(self) {
        let Parts { store, objects, queue, name, device, .. } = &*self.0;
        let mut cleaned = Instant::now();
        loop {
            let looked = async {
                store.worker_seen(name, &device.name).await?;
                for job in store.recover_jobs().await? {
                    tracing::warn!(job, "its worker died");
                }
                for job in store.jobs_without_ticket().await? {
                    queue.push(store, job).await?;
                }
                Ok::<(), StoreError>(())
            };
            if let Err(error) = looked.await {
                tracing::error!(%error, "can't look after jobs");
            }
            if cleaned.elapsed() > CLEANING {
                cleaned = Instant::now();
                match objects.remove_unneeded(store).await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(removed, "removed content that nothing needs"),
                    Err(error) => tracing::error!(%error, "can't remove content that nothing needs"),
                }
            }
            tokio::time::sleep(RECOVERY).await;
        }
    }

    /// Computes a job, if it still waits.
    ///
    /// # Errors
    /// If the database fails before the job is this worker's.
    pub async fn take_up(&self, job: i64) -> Result<(), WorkError> {
        let Parts { store, device, name, pace, stop, .. } = &*self.0;
        if *stop.borrow() {
            return Ok(store.release_job(job, name).await?);
        }
        let claimed = store.claim_job(job, name, &device.name, pace.lease_ms()).await;
        let claim = match claimed {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(()),
            Err(error) => {
                tokio::time::sleep(REST).await;
                return Err(error.into());
            }
        };
        tracing::info!(job, worker = name, kind = %claim.request.kind(), crashes = claim.crashes, "job started");
        store.worker_computes(name, Some(job)).await?;
        match self.work(job, claim).await {
            Ok(()) => {}
            // Another worker has it, or its lease will run out and another will get it.
            Err(error) => tracing::error!(job, worker = name, %error, "job left"),
        }
        store.worker_computes(name, None).await?;
        Ok(())
    }

    async fn work(&self, job: i64, claim: Claim) -> Result<(), StoreError> {
        let Parts { store, name, .. } = &*self.0;
        let (messages, inbox) = mpsc::channel(4);
        let stop = Arc::new(AtomicBool::new(false));
        // The lease must be renewed while inputs are read, too.
        let mut heart = Heart::new(self, job, stop.clone());
        let inputs = {
            let mut reading = std::pin::pin!(self.inputs(job, &claim));
            loop {
                tokio::select! {
                    inputs = &mut reading => break inputs,
                    () = tokio::time::sleep(TICK) => heart.beat().await?,
                }
            }
        };
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(InputError::Store(error)) => return Err(error),
            Err(error) => return store.finish_job(job, name, JobState::Failed, Some(&error.to_string())).await,
        };
        let (device, request) = (self.0.device.clone(), claim.request);
        let link = Link::new(messages, stop.clone(), self.0.pace.checkpoint);
        let computing = std::thread::Builder::new()
            .name(format!("job-{job}"))
            .spawn(move || compute::run(request, inputs, &device, link));
        let computing = match computing {
            Ok(computing) => computing,
            Err(error) => return store.finish_job(job, name, JobState::Failed, Some(&error.to_string())).await,
        };
        let followed = self.follow(job, inbox, &mut heart).await;
        if followed.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        // The inbox is gone: the thread ends at the next thing it has to say.
        let ended = tokio::task::spawn_blocking(move || computing.join()).await;
        let problem = followed?;
        let ended = match ended {
            Ok(Ok(ended)) => ended,
            _ => Ended::Failed("the program broke down while it computed this; please report it".into()),
        };
        self.close(job, problem.map_or(ended, Ended::Failed), heart.cancelled).await
    }

    /// Stores what the computing thread has to say until it falls silent; returns why something could not be stored.
    async fn follow(
        &self,
        job: i64,
        mut inbox: mpsc::Receiver<Message>,
        heart: &mut Heart<'_>,
    ) -> Result<Option<String>, StoreError> {
        let mut clock = tokio::time::interval(TICK);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    None => return Ok(None),
                    Some(message) => match self.keep(job, message).await {
                        Ok(()) => {}
                        Err(InputError::Store(error)) => return Err(error),
                        Err(error) => return Ok(Some(error.to_string())),
                    },
                },
                _ = clock.tick() => heart.beat().await?,
            }
        }
    }

    async fn keep(&self, job: i64, message: Message) -> Result<(), InputError> {
        let Parts { store, objects, name, .. } = &*self.0;
        match message {
            Message::Events(events) => store.job_happened(job, name, &events).await?,
            Message::Checkpoint(bytes) => {
                let hash = objects.put(bytes).await?;
                store.save_checkpoint(job, name, &hash).await?;
            }
            Message::Result { kind, name: title, bytes } => {
                let size = bytes.len();
                let hash = objects.put(bytes).await?;
                let new = NewArtifact { kind, name: &title, hash: &hash, bytes: size };
                store.add_result(job, name, new).await?;
            }
        }
        Ok(())
    }

    async fn close(&self, job: i64, ended: Ended, cancelled: bool) -> Result<(), StoreError> {
        let Parts { store, name, .. } = &*self.0;
        let (state, problem) = match ended {
            Ended::Done => (JobState::Done, None),
            Ended::Stopped if cancelled => (JobState::Cancelled, None),
            Ended::Stopped => {
                tracing::info!(job, "job saved and given back");
                return store.release_job(job, name).await;
            }
            Ended::Failed(problem) => (JobState::Failed, Some(problem)),
        };
        tracing::info!(job, %state, problem, "job ended");
        store.finish_job(job, name, state, problem.as_deref()).await
    }

    async fn inputs(&self, job: i64, claim: &Claim) -> Result<Inputs, InputError> {
        let Parts { objects, store, .. } = &*self.0;
        let mut inputs = Inputs { model: None, profile: None, dataset: None, checkpoint: None };
        let read = claim.request.inputs();
        for (id, kind) in read.iter().copied() {
            let missing = InputError::Missing { kind, id };
            let artifact = store.artifact(id, None).await?.filter(|found| found.kind == kind).ok_or(missing)?;
            let bytes = objects.get(&artifact.hash).await?;
            let unreadable = |problem: String| InputError::Unreadable(format!("{kind} {id}: {problem}"));
            match kind {
                ArtifactKind::Model => {
                    let model = checkpoint::read(&bytes, NetworkHint::default());
                    inputs.model = Some((artifact.name, model.map_err(|error| unreadable(error.to_string()))?));
                }
                ArtifactKind::Profile => inputs.profile = Some(profile(&bytes).map_err(unreadable)?),
                ArtifactKind::Dataset => {
                    inputs.dataset = Some(Dataset::from_bytes(&bytes).map_err(|error| unreadable(error.to_string()))?);
                }
                _ => {}
            }
        }
        if let DatasetRef::Named(name) = claim.request.dataset() {
            let (worker, name) = (self.clone(), name.clone());
            let loaded = tokio::task::spawn_blocking(move || worker.0.data.load(&name)).await;
            let loaded = loaded.map_err(|error| InputError::Unreadable(error.to_string()))?;
            inputs.dataset = Some(loaded.map_err(|error| InputError::Unreadable(format!("{error:#}")))?);
        }
        if inputs.profile.is_none() {
            // One that this job measured before it was interrupted.
            let made = store.results(job).await?;
            if let Some(artifact) = made.iter().find(|made| made.kind == ArtifactKind::Profile) {
                inputs.profile = Some(profile(&objects.get(&artifact.hash).await?).map_err(InputError::Unreadable)?);
            }
        }
        if let Some(hash) = &claim.checkpoint {
            inputs.checkpoint = Some(objects.get(hash).await?);
        }
        Ok(inputs)
    }
}

fn profile(bytes: &[u8]) -> Result<ModelProfile, String> {
    ModelProfile::from_json(&String::from_utf8_lossy(bytes)).map_err(|error| error.to_string())
}

/// Keeps a job's lease while it is worked on, and hears whether it is to end.
struct Heart<'a> {
    worker: &'a Worker,
    job: i64,
    stop: Arc<AtomicBool>,
    renewed: Option<Instant>,
    cancelled: bool,
}

impl<'a> Heart<'a> {
    fn new(worker: &'a Worker, job: i64, stop: Arc<AtomicBool>) -> Self {
        Self { worker, job, stop, renewed: None, cancelled: false }
    }

    async fn beat(&mut self) -> Result<(), StoreError> {
        let Parts { store, name, pace, stop, .. } = &*self.worker.0;
        let due = self.renewed.is_none_or(|renewed| renewed.elapsed() > pace.lease / 4);
        self.cancelled = if due {
            self.renewed = Some(Instant::now());
            store.renew_lease(self.job, name, pace.lease_ms()).await?
        } else {
            store.is_cancelled(self.job, name).await?
        };
        if self.cancelled || *stop.borrow() {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
