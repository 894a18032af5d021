//! The events of a job, replayed from the beginning and then as they come, and what they add up to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use leptos::prelude::*;
use rrlab_protocol::{JobEvent, JobProgress, JobState};
use rrlab_types::{
    Evaluation, FinetuneRun, LayerGraph, LayerProfile, Rule, Selection, Sparsity, SweepEntry,
};
use serde::Deserialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

/// What a job's events add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobHistory {
    /// `None` before the first event.
    pub state: Option<JobState>,
    /// Why it failed, for people.
    pub problem: Option<String>,
    /// How far it is, while it runs.
    pub progress: Option<JobProgress>,
    /// Epochs passed (with the fraction of the present one) and loss of each step, in order.
    pub losses: Vec<(f64, f64)>,
    /// Epoch and accuracy on test images, in order.
    pub accuracies: Vec<(f64, f64)>,
    /// The network whose layers are measured.
    pub graph: Option<LayerGraph>,
    /// Those measured so far, by name.
    pub layers: BTreeMap<String, LayerProfile>,
    /// How an allocation was chosen.
    pub selection: Option<Selection>,
    /// Networks that a sweep has evaluated.
    pub entries: Vec<SweepEntry>,
    /// Runs of fine-tuning, the last perhaps under way.
    pub runs: Vec<FinetuneRun>,
    /// The result of an evaluation.
    pub evaluation: Option<Evaluation>,
    /// How often a worker took it up.
    pub starts: usize,
    /// Device of the worker that took it up last; empty before that.
    pub device: String,
    /// Whether events can't be heard at the moment.
    pub is_cut: bool,
}

impl JobHistory {
    /// Takes an event into account. One that comes twice, after a job was taken up again, changes
    /// nothing.
    fn add(&mut self, event: JobEvent) {
        match event {
            JobEvent::State { state, problem } => {
                self.state = Some(state);
                self.problem = problem;
                if state != JobState::Running {
                    self.progress = None;
                }
            }
            JobEvent::Started { device, .. } => {
                self.starts += 1;
                self.device = device;
            }
            JobEvent::Progress(progress) => self.progress = Some(progress),
            JobEvent::Measuring(graph) => self.graph = Some(*graph),
            JobEvent::Layer(layer) => {
                self.layers.insert(layer.name.clone(), *layer);
            }
            JobEvent::Step(step) => {
                let at = step.epoch as f64 + (step.step + 1) as f64 / step.steps_per_epoch as f64;
                put(&mut self.losses, at, f64::from(step.loss));
            }
            JobEvent::Epoch(epoch) => {
                if let Some(accuracy) = epoch.test_accuracy {
                    put(&mut self.accuracies, epoch.epoch as f64, accuracy);
                }
            }
            JobEvent::Selected(selection) => self.selection = Some(selection),
            JobEvent::Entry(entry) => {
                let place =
                    |entry: &SweepEntry| (entry.rule, entry.sparsity.get().to_bits(), entry.repair);
                if !self.entries.iter().any(|known| place(known) == place(&entry)) {
                    self.entries.push(entry);
                }
            }
            JobEvent::Run(run) => self.add_run(run),
            JobEvent::Evaluated(evaluation) => self.evaluation = Some(evaluation),
            JobEvent::Result(_) => {}
        }
    }

    fn add_run(&mut self, run: FinetuneRun) {
        let place = |run: &FinetuneRun| -> (Rule, Sparsity) { (run.rule, run.sparsity) };
        match self.runs.iter_mut().find(|known| place(known) == place(&run)) {
            Some(known) => *known = run,
            None => {
                // Steps are those of the run under way.
                self.losses.clear();
                self.runs.push(run);
            }
        }
    }
}

/// Enters a point; what comes after it was from before the job was taken up again.
fn put(points: &mut Vec<(f64, f64)>, at: f64, value: f64) {
    while points.last().is_some_and(|(known, _)| *known >= at) {
        points.pop();
    }
    points.push((at, value));
}

/// What the server sends for an event.
#[derive(Deserialize)]
struct EventMessage {
    event: JobEvent,
}

/// How long after the server refused the stream it is asked again. Where it only does not answer, the
/// browser asks.
const REOPEN_AFTER: Duration = Duration::from_secs(5);

/// The one stream of events of this tab; it is closed with this.
pub struct JobEventStream {
    stream: Rc<Stream>,
}

struct Stream {
    address: String,
    history: RwSignal<JobHistory>,
    /// Called when the job has ended.
    ended: Box<dyn Fn()>,
    source: RefCell<Option<EventSource>>,
    on_open: Closure<dyn FnMut()>,
    on_message: Closure<dyn FnMut(MessageEvent)>,
    on_error: Closure<dyn FnMut()>,
    /// Whether its events, when it opens, come from the beginning once more.
    begins_anew: Cell<bool>,
    /// Events for the next frame.
    waiting: Rc<RefCell<Vec<JobEvent>>>,
}

impl JobEventStream {
    /// Adds a job's events at this address up in `history`, whose events come from the beginning.
    /// `ended` is called when the job has ended. A stream that is cut is asked for again, and
    /// `history` says so meanwhile.
    pub fn open(address: &str, history: RwSignal<JobHistory>, ended: impl Fn() + 'static) -> Self {
        let stream = Rc::new_cyclic(|stream: &Weak<Stream>| {
            let (opened, heard, failed) = (stream.clone(), stream.clone(), stream.clone());
            let with = |stream: &Weak<Stream>, act: fn(&Rc<Stream>)| {
                if let Some(stream) = stream.upgrade() {
                    act(&stream);
                }
            };
            Stream {
                address: address.to_owned(),
                history,
                ended: Box::new(ended),
                source: RefCell::default(),
                on_open: Closure::new(move || with(&opened, |stream| stream.hear())),
                on_message: Closure::new(move |message: MessageEvent| {
                    if let Some(stream) = heard.upgrade() {
                        stream.take(&message);
                    }
                }),
                on_error: Closure::new(move || with(&failed, Stream::fail)),
                begins_anew: Cell::new(false),
                waiting: Rc::default(),
            }
        });
        stream.connect();
        Self { stream }
    }
}

impl Stream {
    fn connect(&self) {
        let Ok(source) = EventSource::new(&self.address) else { return self.set_cut(true) };
        source.set_onopen(Some(self.on_open.as_ref().unchecked_ref()));
        source.set_onmessage(Some(self.on_message.as_ref().unchecked_ref()));
        source.set_onerror(Some(self.on_error.as_ref().unchecked_ref()));
        self.source.replace(Some(source));
    }

    fn close(&self) {
        if let Some(source) = self.source.take() {
            source.set_onopen(None);
            source.set_onmessage(None);
            source.set_onerror(None);
            source.close();
        }
    }

    fn hear(&self) {
        if self.begins_anew.take() {
            self.waiting.take();
            self.history.set(JobHistory::default());
        }
        self.set_cut(false);
    }

    fn set_cut(&self, is_cut: bool) {
        if self.history.with_untracked(|history| history.is_cut != is_cut) {
            self.history.update(|history| history.is_cut = is_cut);
        }
    }

    fn take(&self, message: &MessageEvent) {
        let text = message.data().as_string().unwrap_or_default();
        // An event of a newer server that this page does not know is passed over.
        let Ok(EventMessage { event }) = serde_json::from_str(&text) else { return };
        let is_last = matches!(&event, JobEvent::State { state, .. } if state.is_final());
        self.waiting.borrow_mut().push(event);
        if self.waiting.borrow().len() == 1 {
            add_in_next_frame(self.waiting.clone(), self.history);
        }
        if is_last {
            self.close();
            (self.ended)();
        }
    }

    /// The connection is cut, which the browser mends by itself, or the server refused it, which it
    /// does not: then events are asked for from the beginning.
    fn fail(self: &Rc<Self>) {
        self.set_cut(true);
        let is_refused = self
            .source
            .borrow()
            .as_ref()
            .is_some_and(|source| source.ready_state() == EventSource::CLOSED);
        if is_refused {
            self.close();
            self.reopen_later();
        }
    }

    fn reopen_later(self: &Rc<Self>) {
        let stream = Rc::downgrade(self);
        let reopen = move || {
            let Some(stream) = stream.upgrade() else { return };
            if document().hidden() {
                return stream.reopen_later();
            }
            stream.begins_anew.set(true);
            stream.connect();
        };
        set_timeout(reopen, REOPEN_AFTER);
    }
}

/// Thousands of events come at once when a long job is looked at: they are drawn once.
fn add_in_next_frame(waiting: Rc<RefCell<Vec<JobEvent>>>, history: RwSignal<JobHistory>) {
    request_animation_frame(move || {
        let events = waiting.take();
        // The stream holds the other one: it is gone where another job is watched by now.
        if Rc::strong_count(&waiting) > 1 {
            history.update(|history| {
                for event in events {
                    history.add(event);
                }
            });
        }
    });
}

impl Drop for JobEventStream {
    fn drop(&mut self) {
        self.stream.close();
    }
}
