//! The events of a job, replayed from the beginning and then as they come, and what they add up to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

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

/// The one stream of events of this tab; it is closed with this.
pub struct JobEventStream {
    source: EventSource,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl JobEventStream {
    /// Adds a job's events at this address up in `history`. `ended` is called when the job has
    /// ended.
    pub fn open(
        address: &str,
        history: RwSignal<JobHistory>,
        ended: impl Fn() + 'static,
    ) -> Option<Self> {
        let source = EventSource::new(address).ok()?;
        let to_close = source.clone();
        let waiting = Rc::new(RefCell::new(Vec::new()));
        let on_message = Closure::new(move |message: MessageEvent| {
            let text = message.data().as_string().unwrap_or_default();
            // An event of a newer server that this page does not know is passed over.
            let Ok(EventMessage { event }) = serde_json::from_str(&text) else { return };
            let is_last = matches!(&event, JobEvent::State { state, .. } if state.is_final());
            waiting.borrow_mut().push(event);
            if waiting.borrow().len() == 1 {
                add_in_next_frame(waiting.clone(), history);
            }
            if is_last {
                to_close.close();
                ended();
            }
        });
        source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Some(Self { source, _on_message: on_message })
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
        self.source.set_onmessage(None);
        self.source.close();
    }
}
