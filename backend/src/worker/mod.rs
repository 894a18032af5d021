//! Workers: take the jobs whose turn it is, one at a time, and compute them on a thread of their own.

mod compute;
mod counts;
mod fitting;
pub mod health;
mod help;
mod lease;
mod reporter;

use std::collections::BTreeSet;
use std::sync::Arc;
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
use crate::storage::DataFolder;
use crate::store::{Abilities, Claim, JobNeeds, NewArtifact, StateOf, Store, StoreError, Waiting};
use compute::{DatasetSource, Inputs};
use fitting::{DatasetHashes, fitting};
use lease::{Holding, LeaseRenewal};
use reporter::{JobReporter, JobResult, Message, Offer, Outcome};

/// Time until the next attempt after database or object store could not be reached.
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// How often an idle worker asks whether a job waits; and how often it looks again at those that it could
/// not compute, for which a data set may have come.
const POLL: Duration = Duration::from_millis(250);
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often an idle worker looks for a job to help with.
const HELP: Duration = Duration::from_secs(1);
/// How often a worker says that it is alive.
const ALIVE_INTERVAL: Duration = Duration::from_secs(5);

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
    data: DataFolder,
    device: OpenDevice,
    /// The job that it computes, or helps with.
    current: Mutex<Option<i64>>,
    /// A job that it has taken while it still helped with another.
    taken: Mutex<Option<Taken>>,
    /// The jobs that waited, and when, as none of them was for this worker.
    in_vain: Mutex<Option<(Waiting, Instant)>>,
    /// Jobs that this worker can't help with.
    unable: Mutex<BTreeSet<i64>>,
    /// Hashes of the data sets that jobs have named so far.
    datasets: Mutex<DatasetHashes>,
    /// Unique for each start: what an earlier process of this number had is not this one's.
    name: String,
    timing: WorkerTiming,
    stop: watch::Receiver<bool>,
    /// Becomes true when the device is lost.
    lost: watch::Sender<bool>,
}

/// A job that is this worker's.
struct Taken {
    claim: Claim,
    lease: LeaseRenewal,
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
        let (current, taken, in_vain, datasets, unable) = Default::default();
        let lost = watch::Sender::new(false);
        Self(Arc::new(Parts {
            store,
            objects,
            data,
            device,
            current,
            taken,
            in_vain,
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
        let mut looked = Instant::now();
        while !self.is_to_end() {
            match self.do_something(&mut looked).await {
                Ok(true) => {}
                Ok(false) => self.rest(POLL).await,
                Err(error) => {
                    tracing::error!(worker = self.0.name, %error, "can't look for jobs");
                    self.rest(RETRY_DELAY).await;
                }
            }
        }
        self.give_back_taken().await;
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
            // For which it let go of that.
            let taken = self.0.taken.lock().await.take();
            if let Some(taken) = taken {
                self.compute_taken(taken).await;
            }
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

    /// Computes a job if one waits, or else helps with one, if it has not looked for that a moment ago;
    /// whether there was something to do.
    async fn do_something(&self, looked: &mut Instant) -> Result<bool, StoreError> {
        if self.compute_one().await? {
            return Ok(true);
        }
        if looked.elapsed() < HELP {
            return Ok(false);
        }
        *looked = Instant::now();
        self.help_one().await
    }

    /// Waits for so long, or until it is to end.
    async fn rest(&self, time: Duration) {
        let (mut stop, mut lost) = (self.0.stop.clone(), self.0.lost.subscribe());
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = stop.wait_for(|stop| *stop) => {}
            _ = lost.wait_for(|lost| *lost) => {}
        }
    }

    /// Puts a job back that it took and has not begun.
    async fn give_back_taken(&self) {
        let Some(Taken { claim, lease }) = self.0.taken.lock().await.take() else { return };
        drop(lease);
        self.note(self.0.store.release_job(claim.job, &self.0.name).await);
    }

    /// Says that it is there, and what it does. That is only told to people, and may fail.
    async fn report(&self) {
        let Parts { store, name, device, datasets, current, .. } = &*self.0;
        let datasets = datasets.lock().await.clone();
        let abilities = Abilities { program: Some(rrlab_types::PROGRAM.into()), datasets };
        // Held until it is said: the last to say it has the latest.
        let current = current.lock().await;
        if let Err(error) = store.worker_seen(name, &device.name, &abilities, *current).await {
            tracing::error!(worker = name, %error, "can't say that this worker lives, and what it does");
        }
    }

    /// From now on it computes this job, or none.
    async fn computes(&self, job: Option<i64>) {
        *self.0.current.lock().await = job;
        self.report().await;
    }

    async fn report_alive(self, mut ended: oneshot::Receiver<()>) {
        loop {
            self.report().await;
            tokio::select! {
                _ = &mut ended => return,
                () = tokio::time::sleep(ALIVE_INTERVAL) => {}
            }
        }
    }

    /// Computes the job whose turn it is; whether any waited that it can compute.
    async fn compute_one(&self) -> Result<bool, StoreError> {
        let taken = self.0.taken.lock().await.take();
        let taken = match taken {
            Some(taken) => Some(taken),
            None => self.take_job().await?,
        };
        let Some(taken) = taken else { return Ok(false) };
        self.compute_taken(taken).await;
        Ok(true)
    }

    /// Takes the first job that waits and that this worker can compute. Whoever enters it as theirs first has
    /// it: the database's own rows are the queue, since whose turn it is changes with what people have had.
    async fn take_job(&self) -> Result<Option<Taken>, StoreError> {
        let Parts { store, device, name, timing, stop, in_vain, .. } = &*self.0;
        let waiting = store.waiting().await?;
        if waiting.jobs == 0 {
            return Ok(None);
        }
        let mut in_vain = in_vain.lock().await;
        if in_vain.is_some_and(|(jobs, at)| jobs == waiting && at.elapsed() < LOOK_AGAIN) {
            return Ok(None);
        }
        let jobs = store.turns().await?.waiting;
        let lease_ms = timing.lease.as_millis() as i64;
        for job in self.fitting(jobs, |job| &job.needs).await {
            // Another worker may be faster: then it is the next one's turn.
            if let Some(claim) = store.claim_job(job.id, name, &device.name, lease_ms).await? {
                let time_left =
                    timing.longest.map(|longest| longest.saturating_sub(claim.computed));
                let (job, worker) = (claim.job, name.clone());
                let holding = Holding { job, worker, lease: timing.lease, time_left };
                let lease = LeaseRenewal::begin(store.clone(), holding, stop.clone());
                return Ok(Some(Taken { claim, lease }));
            }
        }
        *in_vain = Some((waiting, Instant::now()));
        Ok(None)
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
    async fn compute_taken(&self, Taken { claim, lease }: Taken) {
        let name = &self.0.name;
        let (job, kind, began) = (claim.job, claim.request.kind(), Instant::now());
        tracing::info!(job, worker = name, %kind, crashes = claim.crashes, "job started");
        self.computes(Some(job)).await;
        if let Err(stopped) = self.work(claim, &lease).await {
            tracing::warn!(job, worker = name, %stopped, "job left");
        }
        counts::count_job(kind, began);
        self.computes(None).await;
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
