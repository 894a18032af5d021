//! What a computing thread says to the worker, and hears from it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rrlab_engine::sharing::{Share, SharedWork};
use rrlab_engine::watch::Stopped;
use rrlab_protocol::{ArtifactKind, JobEvent, JobProgress};
use rrlab_types::ModelProfile;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use crate::facts::ArtifactFacts;

/// Shortest and longest time between two reports of progress: short work reports often, long work a
/// few hundred times for every doubling of its length.
const REPORT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
const REPORTS: u32 = 400;

/// What a computing thread says.
pub enum Message {
    /// This happened.
    Events(Vec<JobEvent>),
    /// The state to go on from after a crash.
    Checkpoint(Vec<u8>),
    /// Something that it made.
    Result(JobResult),
    /// Parts of the job are offered to others.
    Offer(Offer),
    /// It asks which part is next, and waits for the answer.
    Share(NextShare),
    /// A helper has computed the part that it took.
    Part(Part),
}

/// What is offered to others of a sweep or of fine-tuning.
pub struct Offer {
    /// Its report without parts, JSON.
    pub report: Arc<str>,
    /// Places of the parts that are open.
    pub open: Vec<usize>,
    /// How many there are in all.
    pub all: usize,
}

/// A question for the part to be computed next.
pub struct NextShare {
    /// What the parts are of: see [`Offer`].
    pub offer: Arc<str>,
    /// Places of the parts that are open.
    pub open: Vec<usize>,
    /// Where the answer goes; dropped where the thread is to end.
    pub answer: oneshot::Sender<Answer>,
}

/// Which part is next, as it is stored: see [`Share`].
pub enum Answer {
    /// The part at this place, from the state that was left of it.
    Compute(usize, Option<Bytes>),
    /// This part, JSON.
    Ready(String),
    /// None.
    Nothing,
}

/// Work whose parts are stored.
pub trait StoredWork: SharedWork<Part: DeserializeOwned> + Serialize {
    /// The state of a part that another left; `None` where this version does not go on from it.
    fn state(bytes: &[u8]) -> Option<Self::State>;
}

/// What a helper has computed.
pub struct Part {
    /// A sweep's entry, or a run of fine-tuning, JSON.
    pub entry: String,
    /// The network that came out of it.
    pub result: Option<JobResult>,
}

/// Something that a job made.
pub struct JobResult {
    /// What it is.
    pub kind: ArtifactKind,
    /// What it is called, for people.
    pub name: String,
    /// Content, as it is to be stored.
    pub bytes: Vec<u8>,
    /// Hashes of network and profile, where it is one.
    pub facts: ArtifactFacts,
}

/// How computing ended.
pub enum Outcome {
    /// All results were said.
    Done,
    /// It was asked to end.
    Stopped,
    /// The device failed, and will not work again: why.
    Lost(String),
    /// It can't be computed.
    Failed(String),
}

/// Through it a computing thread reports to its worker, and hears whether it is to end.
pub struct JobReporter {
    messages: mpsc::Sender<Message>,
    stop: Arc<AtomicBool>,
    progress: JobProgress,
    /// When counting began, at how much.
    began: (Instant, usize),
    /// Images since then.
    images: usize,
    reported: Option<Instant>,
    saved: Cell<Instant>,
    /// Shortest time between two checkpoints.
    save_every: Duration,
    /// What this one offers to others, or another offered to this one.
    offer: Option<Arc<str>>,
}

impl JobReporter {
    /// To a worker that listens; `stop` becomes true when the thread is to end.
    pub fn new(
        messages: mpsc::Sender<Message>,
        stop: Arc<AtomicBool>,
        save_every: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            messages,
            stop,
            progress: JobProgress {
                what: String::new(),
                done: 0,
                total: 0,
                images_per_second: None,
                seconds_left: None,
            },
            began: (now, 0),
            images: 0,
            reported: None,
            saved: Cell::new(now),
            save_every,
            offer: None,
        }
    }

    /// The same of one who helps with what was offered.
    pub fn of_helper(self, offer: Arc<str>) -> Self {
        Self { offer: Some(offer), ..self }
    }

    fn say(&self, message: Message) -> Result<(), Stopped> {
        self.messages.blocking_send(message).map_err(|_| Stopped)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// If not.
    pub fn go_on(&self) -> Result<(), Stopped> {
        if self.is_stopping() { Err(Stopped) } else { Ok(()) }
    }

    /// Whether the thread is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Says what happened.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn tell(&self, event: JobEvent) -> Result<(), Stopped> {
        self.say(Message::Events(vec![event]))
    }

    /// Hands over a profile.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn profile(&self, name: &str, profile: &ModelProfile) -> Result<(), Stopped> {
        self.json(ArtifactKind::Profile, name, profile, ArtifactFacts::of_profile(profile))
    }

    /// Hands over an allocation, or the report of a sweep, of fine-tuning, or of an evaluation.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn report(
        &self,
        kind: ArtifactKind,
        name: &str,
        report: &impl Serialize,
    ) -> Result<(), Stopped> {
        self.json(kind, name, report, ArtifactFacts::default())
    }

    fn json(
        &self,
        kind: ArtifactKind,
        name: &str,
        value: &impl Serialize,
        facts: ArtifactFacts,
    ) -> Result<(), Stopped> {
        // What is handed over here has text keys and finite numbers, and always has JSON.
        let bytes = serde_json::to_vec_pretty(value).map_err(|_| Stopped)?;
        self.result(JobResult { kind, name: name.into(), bytes, facts })
    }

    /// Hands over something that the job made.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn result(&self, result: JobResult) -> Result<(), Stopped> {
        self.say(Message::Result(result))
    }

    /// Hands over a state that the job, or a helper's part of it, can go on from.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn checkpoint(&self, bytes: Vec<u8>) -> Result<(), Stopped> {
        self.saved.set(Instant::now());
        self.say(Message::Checkpoint(bytes))
    }

    /// Offers the open parts of a job to others.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn offer(
        &mut self,
        report: &impl Serialize,
        open: &[usize],
        all: usize,
    ) -> Result<(), Stopped> {
        let report: Arc<str> = serde_json::to_string(report).map_err(|_| Stopped)?.into();
        self.offer = Some(report.clone());
        self.say(Message::Offer(Offer { report, open: open.to_vec(), all }))
    }

    /// Which of the open parts is next.
    ///
    /// # Errors
    /// If the thread is to end or nobody listens any more.
    pub fn next_part<W: StoredWork>(&self, open: &[usize]) -> Result<Share<W>, Stopped> {
        let Some(offer) = self.offer.clone() else { return Ok(Share::Compute(open[0], None)) };
        let (answer, answered) = oneshot::channel();
        self.say(Message::Share(NextShare { offer, open: open.to_vec(), answer }))?;
        Ok(match answered.blocking_recv().map_err(|_| Stopped)? {
            Answer::Compute(place, state) => {
                Share::Compute(place, state.and_then(|bytes| W::state(&bytes)))
            }
            Answer::Nothing => Share::Nothing,
            // What another wrote under the same offer is of this version.
            Answer::Ready(part) => Share::Ready(serde_json::from_str(&part).map_err(|error| {
                tracing::error!(%error, part, "what a helper computed can't be read");
                Stopped
            })?),
        })
    }

    /// Hands in a part that was computed to help.
    ///
    /// # Errors
    /// If the thread is to end or nobody listens any more.
    pub fn part(&self, part: &impl Serialize, result: Option<JobResult>) -> Result<(), Stopped> {
        let entry = serde_json::to_string(part).map_err(|_| Stopped)?;
        self.say(Message::Part(Part { entry, result }))?;
        self.go_on()
    }

    /// Whether it is time for a checkpoint: the last is old, or there will be no other.
    pub fn is_checkpoint_due(&self) -> bool {
        self.is_stopping() || self.saved.get().elapsed() > self.save_every
    }

    /// Begins to count units of `what`, of which some may be done already.
    pub fn count(&mut self, what: &str, done: usize, total: usize) {
        let (images_per_second, seconds_left) = (None, None);
        self.progress =
            JobProgress { what: what.into(), done, total, images_per_second, seconds_left };
        self.began = (Instant::now(), done);
        self.images = 0;
        self.reported = None;
    }

    /// Counts; says how far it is, and what happened with it, unless that was said a moment ago.
    ///
    /// # Errors
    /// If the thread is to end or nobody listens any more.
    pub fn advance(
        &mut self,
        done: usize,
        images: usize,
        event: Option<JobEvent>,
    ) -> Result<(), Stopped> {
        self.images += images;
        self.progress.done = done;
        let seconds = self.began.0.elapsed().as_secs_f64();
        let counted = done.saturating_sub(self.began.1);
        if counted > 0 && seconds > 0.0 {
            let left = self.progress.total.saturating_sub(done);
            self.progress.seconds_left = Some(left as f64 * seconds / counted as f64);
            self.progress.images_per_second =
                (self.images > 0).then(|| self.images as f64 / seconds);
        }
        let pause = (self.began.0.elapsed() / REPORTS).clamp(REPORT.0, REPORT.1);
        if self.reported.is_none_or(|reported| reported.elapsed() > pause)
            || done >= self.progress.total
        {
            self.reported = Some(Instant::now());
            let events =
                [JobEvent::Progress(self.progress.clone())].into_iter().chain(event).collect();
            self.say(Message::Events(events))?;
        }
        self.go_on()
    }

    /// [`JobReporter::advance`] to so many of all parts of the job, each of as many units.
    ///
    /// # Errors
    /// As that.
    pub fn advance_to(&mut self, parts: usize, all: usize) -> Result<(), Stopped> {
        self.advance(self.progress.total * parts / all.max(1), 0, None)
    }

    /// [`JobReporter::advance`] by so many more.
    ///
    /// # Errors
    /// As that.
    pub fn advance_by(&mut self, more: usize, images: usize) -> Result<(), Stopped> {
        self.advance(self.progress.done + more, images, None)
    }
}
