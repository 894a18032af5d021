//! A job that is watched: its events, replayed from the beginning and then as they come.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use leptos::prelude::*;
use rrlab_protocol::{JobEvent, JobProgress, JobState};
use rrlab_types::{Evaluation, FinetuneRun, LayerGraph, LayerProfile, Rule, Sparsity, SweepEntry};
use serde::Deserialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

/// What a job's events add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Where it is.
    pub state: Option<JobState>,
    /// Why it failed.
    pub problem: Option<String>,
    /// How far it is.
    pub progress: Option<JobProgress>,
    /// Epoch (with its fraction) and loss of steps.
    pub losses: Vec<(f64, f64)>,
    /// Epoch and accuracy on test images.
    pub accuracies: Vec<(f64, f64)>,
    /// The network that is measured.
    pub graph: Option<LayerGraph>,
    /// Its layers that are measured already.
    pub layers: BTreeMap<String, LayerProfile>,
    /// Networks that a sweep has evaluated.
    pub entries: Vec<SweepEntry>,
    /// Runs of fine-tuning.
    pub runs: Vec<FinetuneRun>,
    /// What evaluation found.
    pub evaluation: Option<Evaluation>,
    /// How often it was taken up.
    pub starts: usize,
    /// The device.
    pub device: String,
}

impl Course {
    /// Takes an event into account. One that comes twice, after a job was taken up again, changes nothing.
    fn add(&mut self, event: JobEvent) {
        match event {
            JobEvent::State { state, problem } => {
                self.state = Some(state);
                self.problem = problem;
                self.progress = self.progress.take().filter(|_| state == JobState::Running);
            }
            JobEvent::Started { device, .. } => {
                self.starts += 1;
                self.device = device;
            }
            JobEvent::Progress(progress) => self.progress = Some(progress),
            JobEvent::Measuring(graph) => self.graph = Some(*graph),
            JobEvent::Layer(layer) => drop(self.layers.insert(layer.name.clone(), *layer)),
            JobEvent::Step(step) => {
                let at = step.epoch as f64 + (step.step + 1) as f64 / step.steps_per_epoch as f64;
                put(&mut self.losses, at, f64::from(step.loss));
            }
            JobEvent::Epoch(epoch) => {
                if let Some(accuracy) = epoch.test_accuracy {
                    put(&mut self.accuracies, epoch.epoch as f64, accuracy);
                }
            }
            JobEvent::Entry(entry) => {
                let place = |entry: &SweepEntry| (entry.rule, entry.sparsity.get().to_bits(), entry.repair);
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

#[derive(Deserialize)]
struct EventMessage {
    event: JobEvent,
}

/// The one stream of this tab.
pub struct Watch {
    source: EventSource,
    _heard: Closure<dyn FnMut(MessageEvent)>,
}

impl Watch {
    /// Listens to a job's events at this address. `ended` is called when it has ended.
    pub fn begin(events: &str, course: RwSignal<Course>, ended: impl Fn() + 'static) -> Option<Self> {
        let source = EventSource::new(events).ok()?;
        let listened = source.clone();
        let waiting = Rc::new(RefCell::new(Vec::new()));
        let heard = Closure::new(move |message: MessageEvent| {
            let text = message.data().as_string().unwrap_or_default();
            // An event of a newer server that this page does not know is passed over.
            let Ok(EventMessage { event }) = serde_json::from_str(&text) else { return };
            let last = matches!(&event, JobEvent::State { state, .. } if state.is_final());
            waiting.borrow_mut().push(event);
            if waiting.borrow().len() == 1 {
                // Thousands come at once when a long job is looked at: they are drawn once.
                let waiting = waiting.clone();
                request_animation_frame(move || {
                    let events = waiting.take();
                    // None, where another job is watched by now.
                    if Rc::strong_count(&waiting) > 1 {
                        course.update(|course| events.into_iter().for_each(|event| course.add(event)));
                    }
                });
            }
            if last {
                listened.close();
                ended();
            }
        });
        source.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        Some(Self { source, _heard: heard })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.source.set_onmessage(None);
        self.source.close();
    }
}
