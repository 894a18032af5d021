//! Workers: take jobs from the queue, one at a time, and compute them on a thread of their own.

mod compute;
mod counts;
mod fitting;
pub mod health;
mod help;
mod lease;
mod reporter;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rrlab_engine::device::OpenDevice;
use rrlab_protocol::{Artifact, ArtifactKind, DatasetRef, JobState};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::facts::ArtifactFacts;
use crate::objects::{MarkError, ObjectError, Objects};
use crate::queue::{Queue, TakeTurn};
use crate::storage::DataFolder;
use crate::store::{Abilities, Claim, JobNeeds, NewArtifact, StateOf, Store, StoreError};
use compute::{DatasetSource, Inputs};
use fitting::{DatasetHashes, fitting};
use lease::{Holding, LeaseRenewal};
use reporter::{JobReporter, JobResult, Message, Offer, Outcome};

/// Time until the next attempt after database or object store could not be reached.
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// How often a worker says that it is alive.
const ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// Why a job could not be worked on; it will be tried again.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program broke down.
    #[error("the worker broke down: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Why work on a job ends before its end.
#[derive(Debug, thiserror::Error)]
enum WorkStopped {
    /// Another worker has it.
    #[error("it was given to another worker")]
    LeaseLost,
    /// It can't go on here for now: it goes back among the jobs that wait.
    #[error("{0}")]
    Retry(String),
    /// It can't be computed: it fails.
    #[error("{0}")]
    Impossible(String),
}

/// A worker's device failed; it can't compute any more, and nor can this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the device of this worker is lost; start it anew")]
pub struct DeviceLost;

/// What a worker works with.
#[derive(Clone)]
pub struct Worker(Arc<Parts>);

struct Parts {
    store: Store,
    objects: Objects,
    queue: Queue,
    data: DataFolder,
    device: OpenDevice,
    /// Held while a job computes: one at a time, also when the queue believes that the last has
    /// ended.
    computing: Mutex<()>,
    /// Turns that wait until a helper has finished the part that it computes.
    turns_waiting: AtomicUsize,
    /// Jobs that this worker can't help with.
    unable: Mutex<BTreeSet<i64>>,
    /// Hashes of the data sets that jobs have named so far.
    datasets: Mutex<DatasetHashes>,
    /// Unique for each start: the queue does not let a name come back within half a minute.
    name: String,
    timing: WorkerTiming,
    stop: watch::Receiver<bool>,
    /// Becomes true when the device is lost.
    lost: watch::Sender<bool>,
}

/// A worker's signs of life, until it ends.
struct Signs {
    task: JoinHandle<()>,
    /// Dropped to end them.
    end: oneshot::Sender<()>,
}

/// How often a worker says that it is alive, and saves what it has; how long it computes one job.
#[derive(Debug, Clone, Copy)]
pub struct WorkerTiming {
    /// Silence after which it counts as dead.
    pub lease: Duration,
    /// Time between two checkpoints.
    pub checkpoint: Duration,
    /// How long a job may be computed, by all its workers together.
    pub longest: Option<Duration>,
}

impl Worker {
    /// A worker on this device. It ends after `stop` has become true.
    pub fn new(
        store: Store,
        objects: Objects,
        data: DataFolder,
        device: OpenDevice,
        timing: WorkerTiming,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let name = format!("{}-{}", std::process::id(), crate::secret::random_hex::<6>());
        let queue = Queue::of(&store);
        let (computing, datasets, turns_waiting, unable) = Default::default();
        let lost = watch::Sender::new(false);
        Self(Arc::new(Parts {
            store,
            objects,
            queue,
            data,
            device,
            computing,
            turns_waiting,
            unable,
            datasets,
            name,
            timing,
            stop,
            lost,
        }))
    }

    /// Takes up jobs until it is to stop; a job under way is saved and given back.
    ///
    /// # Errors
    /// If its device is lost.
    pub async fn run(&self) -> Result<(), DeviceLost> {
        let signs = self.sign_on();
        let helping = tokio::spawn(self.clone().help_when_idle());
        self.take_turns().await;
        helping.abort();
        self.sign_off(signs).await;
        self.check_device()
    }

    /// Computes the job whose turn it is, if any waits, and no other; else helps with one that runs.
    ///
    /// # Errors
    /// If the database fails before a job is this worker's, or its device is lost.
    pub async fn run_once(&self) -> anyhow::Result<()> {
        let signs = self.sign_on();
        let mut computed = self.compute_one().await;
        if let Ok(false) = computed {
            computed = self.help_one().await;
        }
        self.sign_off(signs).await;
        if !computed? {
            tracing::info!(worker = self.0.name, "no job waited that this worker can compute");
        }
        Ok(self.check_device()?)
    }

    fn check_device(&self) -> Result<(), DeviceLost> {
        if *self.0.lost.borrow() { Err(DeviceLost) } else { Ok(()) }
    }

    fn is_to_end(&self) -> bool {
        *self.0.stop.borrow() || *self.0.lost.borrow()
    }

    /// Says that this worker is there, from now on.
    fn sign_on(&self) -> Signs {
        let Parts { name, device, .. } = &*self.0;
        tracing::info!(worker = name, device = device.name, "worker started");
        let (end, ended) = oneshot::channel();
        Signs { task: tokio::spawn(self.clone().report_alive(ended)), end }
    }

    async fn sign_off(&self, Signs { task, end }: Signs) {
        let Parts { name, store, .. } = &*self.0;
        drop(end);
        // A last sign that came after it was forgotten would have it live on.
        if let Err(error) = task.await {
            tracing::error!(%error, "its signs of life broke off");
        }
        if let Err(error) = store.worker_gone(name).await {
            tracing::warn!(%error, "could not sign off");
        }
        tracing::info!(worker = name, "worker stopped");
    }

    async fn take_turns(&self) {
        let parts = &self.0;
        let mut starts = 0;
        while !self.is_to_end() {
            // A name can't be registered twice in quick succession.
            let name = format!("{}-{starts}", parts.name);
            starts += 1;
            let (mut stop, mut lost) = (parts.stop.clone(), parts.lost.subscribe());
            let stopped = async move {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => {}
                    _ = lost.wait_for(|lost| *lost) => {}
                }
            };
            if let Err(error) = parts.queue.serve(&name, self.turns(), stopped).await {
                tracing::error!(worker = parts.name, %error, "worker starts again");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
        // A job may compute on although the queue has let go of it.
        drop(parts.computing.lock().await);
    }

    async fn report_alive(self, mut ended: oneshot::Receiver<()>) {
        let Parts { store, name, device, datasets, .. } = &*self.0;
        loop {
            let datasets = datasets.lock().await.clone();
            let abilities = Abilities { program: Some(rrlab_types::PROGRAM.into()), datasets };
            if let Err(error) = store.worker_seen(name, &device.name, &abilities).await {
                tracing::error!(%error, "can't say that this worker lives");
            }
            tokio::select! {
                _ = &mut ended => return,
                () = tokio::time::sleep(ALIVE_INTERVAL) => {}
            }
        }
    }

    /// What the queue is to call for each turn.
    fn turns(&self) -> TakeTurn {
        let worker = self.clone();
        TakeTurn::new(move || {
            let worker = worker.clone();
            async move { Ok(worker.take_turn().await?) }.boxed()
        })
    }

    /// Computes the job whose turn it is, if any waits.
    ///
    /// # Errors
    /// If the database fails before a job is this worker's.
    async fn take_turn(&self) -> Result<(), WorkError> {
        let worker = self.clone();
        // On a task of its own: the queue drops its turns when it loses the database, but a job
        // computes on.
        Ok(tokio::spawn(async move { worker.compute_next().await }).await??)
    }

    async fn compute_next(&self) -> Result<(), StoreError> {
        let Parts { store, computing, turns_waiting, .. } = &*self.0;
        let _device = match computing.try_lock() {
            Ok(device) => device,
            // It helps another: this turn may go to whoever is idle, and else comes when it lets go.
            Err(_) => {
                store.turn_unused().await?;
                turns_waiting.fetch_add(1, Ordering::Relaxed);
                let device = computing.lock().await;
                turns_waiting.fetch_sub(1, Ordering::Relaxed);
                device
            }
        };
        if self.is_to_end() {
            return store.turn_unused().await;
        }
        let mut computed = false;
        // A turn is no job's own: another worker may have used up those of jobs that it could not
        // compute and this one can.
        while !self.is_to_end() {
            match self.compute_one().await {
                Ok(true) => computed = true,
                Ok(false) => break,
                Err(error) => {
                    tokio::time::sleep(RETRY_DELAY).await;
                    return Err(error);
                }
            }
        }
        if computed { Ok(()) } else { store.turn_unused().await }
    }

    /// Computes the job whose turn it is; whether any waited that it can compute.
    async fn compute_one(&self) -> Result<bool, StoreError> {
        let Some(claim) = self.claim().await? else { return Ok(false) };
        self.compute_claimed(claim).await;
        Ok(true)
    }

    /// Takes the first job that waits and that this worker can compute.
    async fn claim(&self) -> Result<Option<Claim>, StoreError> {
        let Parts { store, device, name, timing, .. } = &*self.0;
        let lease_ms = timing.lease.as_millis() as i64;
        loop {
            let waiting = store.turns().await?.waiting;
            let fitting = self.fitting(waiting, |job| &job.needs).await;
            if fitting.is_empty() {
                return Ok(None);
            }
            // Another worker may be faster: then it is the next one's turn.
            for job in fitting {
                if let Some(claim) = store.claim_job(job.id, name, &device.name, lease_ms).await? {
                    return Ok(Some(claim));
                }
            }
        }
    }

    /// Those of these jobs that this worker can compute.
    async fn fitting<T: Send + 'static>(
        &self,
        jobs: Vec<T>,
        needs: impl Fn(&T) -> &JobNeeds + Send + 'static,
    ) -> Vec<T> {
        let Parts { data, datasets, .. } = &*self.0;
        let data = data.clone();
        let fitting = tokio::task::spawn_blocking(move || fitting(&data, jobs, needs)).await;
        let Ok((fitting, hashes)) = fitting else { return Vec::new() };
        datasets.lock().await.extend(hashes);
        fitting
    }

    /// Computes a job that is this worker's, and tells people so meanwhile.
    async fn compute_claimed(&self, claim: Claim) {
        let Parts { store, name, timing, stop, .. } = &*self.0;
        let (job, kind, began) = (claim.job, claim.request.kind(), Instant::now());
        tracing::info!(job, worker = name, %kind, crashes = claim.crashes, "job started");
        let time_left = timing.longest.map(|longest| longest.saturating_sub(claim.computed));
        let holding = Holding { job, worker: name.clone(), lease: timing.lease, time_left };
        let lease = LeaseRenewal::begin(store.clone(), holding, stop.clone());
        self.note(store.worker_computes(name, Some(job)).await);
        if let Err(stopped) = self.work(claim, &lease).await {
            tracing::warn!(job, worker = name, %stopped, "job left");
        }
        counts::count_job(kind, began);
        self.note(store.worker_computes(name, None).await);
        give_memory_back();
    }

    /// What is only told to people may fail.
    fn note(&self, told: Result<(), StoreError>) {
        if let Err(error) = told {
            tracing::warn!(worker = self.0.name, %error, "can't say what this worker does");
        }
    }

    /// Computes a job that is this worker's to its end, whichever that is.
    async fn work(&self, claim: Claim, lease: &LeaseRenewal) -> Result<(), WorkStopped> {
        let Parts { store, name, .. } = &*self.0;
        let job = claim.job;
        let ended = match self.compute(claim, lease).await {
            Ok(ended) => ended,
            Err(WorkStopped::Impossible(problem)) => Outcome::Failed(problem),
            Err(WorkStopped::Retry(problem)) => {
                tracing::error!(job, problem, "job given back");
                self.retrying(lease, || async { Ok(store.release_job(job, name).await?) }.boxed())
                    .await?;
                tokio::time::sleep(RETRY_DELAY).await;
                return Ok(());
            }
            Err(WorkStopped::LeaseLost) => return Err(WorkStopped::LeaseLost),
        };
        let (state, problem) = match ended {
            Outcome::Done => (JobState::Done, None),
            Outcome::Stopped if lease.is_cancelled() => (JobState::Cancelled, None),
            Outcome::Stopped if lease.is_overdue() => (JobState::Failed, Some(self.too_long())),
            Outcome::Lost(problem) => {
                tracing::error!(job, problem, "the device is lost; job given back");
                self.0.lost.send_replace(true);
                return self
                    .retrying(lease, || async { Ok(store.abandon_job(job, name).await?) }.boxed())
                    .await;
            }
            Outcome::Stopped => {
                tracing::info!(job, "job saved and given back");
                return self
                    .retrying(lease, || async { Ok(store.release_job(job, name).await?) }.boxed())
                    .await;
            }
            Outcome::Failed(problem) => (JobState::Failed, Some(problem)),
        };
        tracing::info!(job, %state, problem, "job ended");
        self.retrying(lease, || {
            async { Ok(store.finish_job(job, name, state, problem.as_deref()).await?) }.boxed()
        })
        .await?;
        self.forget_checkpoints(job).await;
        Ok(())
    }

    fn too_long(&self) -> String {
        let hours = self.0.timing.longest.unwrap_or_default().as_secs_f64() / 3600.0;
        format!(
            "it was computed for {hours:.1} hours, as long as a job may here; ask for less at once"
        )
    }

    async fn compute(&self, claim: Claim, lease: &LeaseRenewal) -> Result<Outcome, WorkStopped> {
        let job = claim.job;
        let inputs = self.inputs(&claim, lease).await?;
        let (messages, inbox) = mpsc::channel(4);
        let (device, request) = (self.0.device.clone(), claim.request);
        let reporter = JobReporter::new(messages, lease.stop_flag(), self.0.timing.checkpoint);
        let computing = std::thread::Builder::new()
            .name(format!("job-{job}"))
            .spawn(move || compute::run(request, inputs, &device, reporter))
            .map_err(|error| WorkStopped::Retry(format!("no thread to compute on: {error}")))?;
        let followed = self.follow(job, inbox, lease).await;
        if followed.is_err() {
            lease.stop();
        }
        // The inbox is gone: the thread ends at the next thing it has to say.
        let ended = tokio::task::spawn_blocking(move || computing.join()).await;
        followed?;
        match ended {
            Ok(Ok(ended)) => Ok(ended),
            _ => Err(WorkStopped::Impossible(
                "the program broke down while it computed this; please report it".into(),
            )),
        }
    }

    /// Stores what the computing thread has to say until it falls silent.
    async fn follow(
        &self,
        job: i64,
        mut inbox: mpsc::Receiver<Message>,
        lease: &LeaseRenewal,
    ) -> Result<(), WorkStopped> {
        while let Some(message) = inbox.recv().await {
            self.keep(job, message, lease).await?;
        }
        Ok(())
    }

    async fn keep(
        &self,
        job: i64,
        message: Message,
        lease: &LeaseRenewal,
    ) -> Result<(), WorkStopped> {
        let Parts { store, name, .. } = &*self.0;
        match message {
            Message::Events(events) => {
                self.retrying(lease, || {
                    async { Ok(store.job_happened(job, name, &events).await?) }.boxed()
                })
                .await
            }
            Message::Offer(Offer { report, open, all }) => {
                self.retrying(lease, || {
                    async { Ok(store.offer_parts((job, name), &report, &open, all).await?) }.boxed()
                })
                .await
            }
            Message::Share(asked) => self.answer_share(job, asked, lease).await,
            // Helpers say that to theirs.
            Message::Part(_) => Ok(()),
            Message::Checkpoint(bytes) => {
                // The job can go on without; the next may find room again.
                if let Err(error) = self.save_checkpoint(job, bytes.into()).await {
                    tracing::error!(job, %error, "checkpoint not saved");
                }
                Ok(())
            }
            Message::Result(result) => {
                let stored = self.stored(result, lease).await?;
                self.retrying(lease, || {
                    let new = stored.artifact();
                    async move { Ok(store.add_result(job, name, new).await.map(drop)?) }.boxed()
                })
                .await
            }
        }
    }

    /// Stores the content of a result.
    async fn stored(
        &self,
        result: JobResult,
        lease: &LeaseRenewal,
    ) -> Result<StoredResult, WorkStopped> {
        let JobResult { kind, name, bytes, facts } = result;
        let (size, bytes) = (bytes.len(), Bytes::from(bytes));
        let objects = &self.0.objects;
        let hash = self
            .retrying(lease, || async { Ok(objects.put(bytes.clone()).await?) }.boxed())
            .await?;
        Ok(StoredResult { kind, name, hash, bytes: size, facts })
    }

    async fn save_checkpoint(&self, job: i64, bytes: Bytes) -> Result<(), StorageError> {
        let Parts { store, objects, name, .. } = &*self.0;
        let hash = objects.put_checkpoint(StateOf::job(job), bytes).await?;
        store.save_checkpoint(job, name, &hash).await?;
        Ok(objects.remove_other_checkpoints(StateOf::job(job), Some(&hash)).await?)
    }

    async fn forget_checkpoints(&self, job: i64) {
        if let Err(error) = self.0.objects.remove_other_checkpoints(StateOf::job(job), None).await {
            tracing::warn!(job, %error, "its checkpoint is left behind");
        }
    }

    /// Does something with database or object store, again and again while they can't be reached,
    /// for as long as the job is this worker's.
    async fn retrying<'a, T>(
        &self,
        lease: &LeaseRenewal,
        work: impl Fn() -> BoxFuture<'a, Result<T, StorageError>>,
    ) -> Result<T, WorkStopped> {
        loop {
            let error = match work().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error {
                StorageError::Store(StoreError::LostJob) => return Err(WorkStopped::LeaseLost),
                _ if lease.is_lost() => return Err(WorkStopped::LeaseLost),
                StorageError::Objects(error) if is_lasting(&error) => {
                    return Err(WorkStopped::Impossible(error.to_string()));
                }
                // A job that is to end is not held up.
                error if lease.is_stopping() => return Err(WorkStopped::Retry(error.to_string())),
                error => tracing::warn!(%error, "trying again"),
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    /// Everything that a job reads.
    async fn inputs(&self, claim: &Claim, lease: &LeaseRenewal) -> Result<Inputs, WorkStopped> {
        let mut inputs = Inputs::default();
        for (id, kind) in claim.request.inputs() {
            let artifact = self.artifact(id, kind, lease).await?;
            let bytes = self.content(&artifact.hash, lease).await?;
            match kind {
                ArtifactKind::Model => inputs.model = Some((artifact.name, bytes)),
                ArtifactKind::Profile => inputs.profile = Some(bytes),
                ArtifactKind::Dataset => inputs.dataset = Some(DatasetSource::Stored(bytes)),
                _ => {}
            }
        }
        if let DatasetRef::Named(name) = claim.request.dataset() {
            inputs.dataset = Some(DatasetSource::Named(self.0.data.clone(), name.clone()));
        }
        if inputs.profile.is_none() {
            inputs.measured = self.measured_profile(claim.job, lease).await?;
        }
        if let Some(hash) = &claim.checkpoint {
            inputs.checkpoint = self.checkpoint(StateOf::job(claim.job), hash, lease).await?;
        }
        Ok(inputs)
    }

    async fn artifact(
        &self,
        id: i64,
        kind: ArtifactKind,
        lease: &LeaseRenewal,
    ) -> Result<Artifact, WorkStopped> {
        let store = &self.0.store;
        let found =
            self.retrying(lease, || async { Ok(store.artifact(id, None).await?) }.boxed()).await?;
        match found {
            Some(artifact) if artifact.kind == kind => Ok(artifact),
            _ => Err(WorkStopped::Impossible(format!("{kind} {id} is no longer there"))),
        }
    }

    async fn content(&self, hash: &str, lease: &LeaseRenewal) -> Result<Bytes, WorkStopped> {
        let objects = &self.0.objects;
        self.retrying(lease, || async { Ok(objects.get(hash).await?) }.boxed()).await
    }

    /// The profile that a job measured before it was interrupted, if it did.
    async fn measured_profile(
        &self,
        job: i64,
        lease: &LeaseRenewal,
    ) -> Result<Option<Bytes>, WorkStopped> {
        let store = &self.0.store;
        let made = self.retrying(lease, || async { Ok(store.results(job).await?) }.boxed()).await?;
        match made.iter().find(|made| made.kind == ArtifactKind::Profile) {
            Some(profile) => Ok(Some(self.content(&profile.hash, lease).await?)),
            None => Ok(None),
        }
    }

    /// The state to go on from; `None` where it is lost, so that the job begins anew.
    async fn checkpoint(
        &self,
        of: StateOf,
        hash: &str,
        lease: &LeaseRenewal,
    ) -> Result<Option<Bytes>, WorkStopped> {
        let objects = &self.0.objects;
        let read = self
            .retrying(lease, || async { Ok(objects.checkpoint(of, hash).await?) }.boxed())
            .await;
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(WorkStopped::Impossible(problem)) => {
                tracing::error!(?of, problem, "it begins anew");
                Ok(None)
            }
            Err(stopped) => Err(stopped),
        }
    }
}

/// A result whose content is stored, and which is yet to be entered.
struct StoredResult {
    kind: ArtifactKind,
    name: String,
    hash: String,
    bytes: usize,
    facts: ArtifactFacts,
}

impl StoredResult {
    fn artifact(&self) -> NewArtifact<'_> {
        let Self { kind, ref name, ref hash, bytes, facts } = *self;
        NewArtifact { kind, name, hash, bytes, facts }
    }
}

/// Gives what the last job took back to the system, which may take a while.
fn give_memory_back() {
    drop(tokio::task::spawn_blocking(rrlab_engine::memory::give_back));
}

/// Whether another attempt would come to the same. A full disk is somebody's to empty: the job waits.
fn is_lasting(error: &ObjectError) -> bool {
    matches!(error, ObjectError::Missing(_) | ObjectError::Damaged(_))
}

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
enum StorageError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
    #[error(transparent)]
    Mark(#[from] MarkError),
}
