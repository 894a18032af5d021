//! What is under way in the worker: requests, what came of them, and how to go on after a worker was lost.

use std::collections::{BTreeMap, VecDeque};

use js_sys::ArrayBuffer;
use leptos::prelude::*;
use rrlab_types::{
    CheckpointKind, ComputeEvent, ComputeRequest, Document, LayerGraph, LayerProfile, ModelProfile, PROGRAM,
    Predictions, StepReport, SweepReport,
};

use super::link::{Adapter, Attachment, Link, Told, adapter};
use super::shelf::{self, Kept, Kind};
use crate::settings::{ComputeOn, Settings};

/// Silence of a working worker after which a person is asked whether to wait.
const SILENCE_MILLISECONDS: f64 = 30_000.0;
/// How often silence is looked for.
const WATCH: std::time::Duration = std::time::Duration::from_secs(5);

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    Off,
    /// It is on its way.
    Starting,
    /// It waits for requests.
    Ready,
    /// It works.
    Working,
    /// It rests until it is told to go on.
    Paused,
    /// It was lost with work to do.
    Broken,
}

/// What a session finds, for the page to show.
#[derive(Debug, Clone)]
pub enum Finding {
    /// A profile was measured.
    Profile(Box<ModelProfile>),
    /// A sweep has one more entry.
    Sweep(Box<SweepReport>),
    /// A file that the browser kept.
    Document(Document),
    /// Something went wrong.
    Problem(String),
}

/// Images that the worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Name of the data set.
    pub name: String,
    /// Its classes.
    pub classes: usize,
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
}

/// The network that the worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Its layers.
    pub graph: LayerGraph,
    /// How it came to be.
    pub history: Vec<String>,
}

/// Layers as they are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// All layers.
    pub graph: LayerGraph,
    /// Those measured so far.
    pub layers: BTreeMap<String, LayerProfile>,
}

/// How far the present request is.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// What is done.
    pub title: &'static str,
    /// Of what.
    pub what: String,
    /// Units done.
    pub done: usize,
    /// Units in all; 0 while unknown.
    pub total: usize,
    /// Units that were done when counting began, and when that was.
    since: (usize, f64),
}

impl Activity {
    /// Seconds until it is done, where that can be told.
    pub fn seconds_left(&self) -> Option<f64> {
        let (first, began) = self.since;
        let done = self.done.checked_sub(first).filter(|done| *done > 0)?;
        let left = self.total.checked_sub(self.done)?;
        Some((js_sys::Date::now() - began) / 1000.0 / done as f64 * left as f64)
    }
}

/// A training as a chart shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Epoch (with its fraction) and loss of each step.
    pub losses: Vec<(f64, f64)>,
    /// Epoch and accuracy on test images.
    pub accuracies: Vec<(f64, f64)>,
    /// How many test images.
    pub test_images: usize,
}

/// Images with what networks make of them.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Labels and logits.
    pub predictions: Predictions,
    /// Three planes of each image.
    pub pixels: ArrayBuffer,
}

/// A request with its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What is asked.
    pub request: ComputeRequest,
    /// Files.
    pub attachments: Vec<Attachment>,
}

impl From<ComputeRequest> for Ask {
    fn from(request: ComputeRequest) -> Self {
        Self { request, attachments: Vec::new() }
    }
}

/// What it takes to bring another worker to where the lost one was.
#[derive(Default)]
struct Inner {
    link: Option<Link>,
    /// How many workers were started: what an earlier one still says is not heard.
    workers: u64,
    /// Asked for and not yet answered, the present one first.
    pending: VecDeque<Ask>,
    /// What brought the images that are there.
    images: Option<Ask>,
    /// What brought the network that is there.
    network: Option<Ask>,
    /// The state of a training under way.
    training: Option<Attachment>,
    /// The profile of the network that is there.
    profile: Option<Box<ModelProfile>>,
    /// The sweep under way.
    sweep: Option<Box<SweepReport>>,
    heard: f64,
}

/// The page's side of a compute worker.
#[derive(Clone, Copy)]
pub struct Session {
    /// Settings of the page.
    pub settings: Settings,
    /// What the worker is doing.
    pub phase: RwSignal<Phase>,
    /// On what it computes, and why.
    pub device: RwSignal<String>,
    /// Images that it holds.
    pub images: RwSignal<Option<Images>>,
    /// The network that it holds.
    pub held: RwSignal<Option<Held>>,
    /// How far it is.
    pub activity: RwSignal<Option<Activity>>,
    /// The latest training.
    pub course: RwSignal<Course>,
    /// The calibration under way.
    pub live: RwSignal<Option<Live>>,
    /// Allocations that were evaluated, a sweep of one point each.
    pub evaluated: RwSignal<Vec<SweepReport>>,
    /// A pruned network to be saved.
    pub pruned: RwSignal<Option<Attachment>, LocalStorage>,
    /// Test images that were looked at.
    pub seen: RwSignal<Option<Seen>, LocalStorage>,
    /// What the browser keeps.
    pub kept: RwSignal<Vec<Kept>, LocalStorage>,
    /// Whether a working worker has not been heard of for long.
    pub silent: RwSignal<bool>,
    found: Callback<Finding>,
    inner: StoredValue<Inner, LocalStorage>,
}

impl Session {
    /// A session without a worker. `found` is told what it finds.
    pub fn new(settings: Settings, found: Callback<Finding>) -> Self {
        let session = Self {
            settings,
            phase: RwSignal::new(Phase::Off),
            device: RwSignal::new(String::new()),
            images: RwSignal::new(None),
            held: RwSignal::new(None),
            activity: RwSignal::new(None),
            course: RwSignal::new(Course::default()),
            live: RwSignal::new(None),
            evaluated: RwSignal::new(Vec::new()),
            pruned: RwSignal::new_local(None),
            seen: RwSignal::new_local(None),
            kept: RwSignal::new_local(Vec::new()),
            silent: RwSignal::new(false),
            found,
            inner: StoredValue::new_local(Inner::default()),
        };
        session.watch_silence();
        session
    }

    fn watch_silence(self) {
        let watch = set_interval_with_handle(
            move || {
                let heard = self.inner.with_value(|inner| inner.heard);
                let silent =
                    self.phase.get_untracked() == Phase::Working && js_sys::Date::now() - heard > SILENCE_MILLISECONDS;
                if self.silent.get_untracked() != silent {
                    self.silent.set(silent);
                }
            },
            WATCH,
        );
        on_cleanup(move || watch.iter().for_each(|watch| watch.clear()));
    }

    /// Whether something is under way.
    pub fn is_busy(self) -> bool {
        matches!(self.phase.get(), Phase::Starting | Phase::Working | Phase::Paused)
    }

    /// Asks for these, one after the other; starts a worker where there is none.
    pub fn ask(self, asks: impl IntoIterator<Item = Ask>) {
        let phase = self.phase.get_untracked();
        let hears = matches!(phase, Phase::Ready | Phase::Working | Phase::Paused);
        self.inner.update_value(|inner| {
            for ask in asks {
                if let Some(link) = inner.link.as_ref().filter(|_| hears) {
                    link.ask(&ask.request, &ask.attachments);
                }
                inner.pending.push_back(ask);
            }
        });
        match phase {
            Phase::Off | Phase::Broken => self.start(None),
            // What was asked for goes out as soon as the worker is ready.
            Phase::Starting => {}
            Phase::Ready | Phase::Working | Phase::Paused => self.begin_next(),
        }
    }

    /// Whether these images are there, or on their way.
    pub fn has_images(self, ask: &Ask) -> bool {
        self.inner.with_value(|inner| {
            let coming = inner.pending.iter().rev().find(|ask| brings_images(&ask.request));
            coming.or(inner.images.as_ref()) == Some(ask)
        })
    }

    /// Whether the network that this brings is there, or on its way.
    pub fn has_network(self, ask: &Ask) -> bool {
        self.inner.with_value(|inner| {
            let coming = inner.pending.iter().rev().find(|ask| brings_network(&ask.request));
            coming.or(inner.network.as_ref()) == Some(ask)
        })
    }

    /// Whether the network that is there was measured.
    pub fn has_profile(self) -> bool {
        self.inner.with_value(|inner| inner.profile.is_some())
    }

    /// The profile of the network that is there.
    pub fn profile(self) -> Option<Box<ModelProfile>> {
        self.inner.with_value(|inner| inner.profile.clone())
    }

    /// Opens a profile or sweep that the browser kept.
    pub fn open_document(self, kept: &Kept) {
        let (name, data) = (kept.name.clone(), kept.data.clone());
        leptos::task::spawn_local(async move {
            let text = wasm_bindgen_futures::JsFuture::from(data.text()).await.ok().and_then(|text| text.as_string());
            match Document::from_json(&text.unwrap_or_default()) {
                Ok(document) => self.found.run(Finding::Document(document)),
                Err(error) => self.tell(format!("{name}: {error}")),
            }
        });
    }

    /// Rests, or goes on.
    pub fn set_paused(self, paused: bool) {
        let request = if paused { ComputeRequest::Pause } else { ComputeRequest::Resume };
        self.inner.with_value(|inner| inner.link.iter().for_each(|link| link.ask(&request, &[])));
        self.inner.update_value(|inner| inner.heard = js_sys::Date::now());
        self.phase.set(if paused { Phase::Paused } else { Phase::Working });
        // Time that was rested is no measure of speed.
        self.activity.update(|activity| {
            if let Some(activity) = activity {
                activity.since = (activity.done, js_sys::Date::now());
            }
        });
    }

    /// Gives up what is under way.
    pub fn stop(self) {
        self.inner.with_value(|inner| inner.link.iter().for_each(|link| link.ask(&ComputeRequest::Stop, &[])));
    }

    /// Ends the worker, and computes elsewhere from the next request on.
    pub fn end(self) {
        self.inner.update_value(|inner| *inner = Inner { workers: inner.workers, ..Inner::default() });
        self.phase.set(Phase::Off);
        self.forget_activity();
        self.images.set(None);
        self.held.set(None);
    }

    fn forget_activity(self) {
        self.activity.set(None);
        self.live.set(None);
        self.silent.set(false);
    }

    /// Starts a worker; `fallen_back` says why not on the GPU.
    fn start(self, fallen_back: Option<String>) {
        self.phase.set(Phase::Starting);
        leptos::task::spawn_local(async move {
            let wish = self.settings.compute_on.get_untracked();
            let found = if wish == ComputeOn::Cpu { Adapter::Missing } else { adapter().await };
            let gpu = fallen_back.is_none()
                && found != Adapter::Missing
                && (wish == ComputeOn::WebGpu || found == Adapter::Hardware);
            let why = match (&fallen_back, wish, found) {
                (Some(problem), _, _) => format!("because {problem}"),
                (_, ComputeOn::Cpu, _) => "as chosen".to_owned(),
                (_, ComputeOn::WebGpu, Adapter::Missing) => "because this browser offers no WebGPU adapter".to_owned(),
                (_, ComputeOn::WebGpu, Adapter::Software) => {
                    "as chosen, on a software adapter: slower than the CPU".to_owned()
                }
                (_, ComputeOn::WebGpu, Adapter::Hardware) => "as chosen".to_owned(),
                (_, ComputeOn::Auto | ComputeOn::Server, Adapter::Missing) => {
                    "since this browser offers no WebGPU adapter".to_owned()
                }
                (_, ComputeOn::Auto | ComputeOn::Server, Adapter::Software) => {
                    "since the only WebGPU adapter is software, slower than that".to_owned()
                }
                (_, ComputeOn::Auto | ComputeOn::Server, Adapter::Hardware) => {
                    "since there is a graphics card".to_owned()
                }
            };
            self.device.set(format!("Computing {} {why}", if gpu { "by WebGPU" } else { "on the CPU" }));
            self.open(if gpu { "compute-gpu" } else { "compute-cpu" });
        });
    }

    fn open(self, name: &str) {
        let number = self.inner.try_update_value(|inner| {
            inner.workers += 1;
            inner.heard = js_sys::Date::now();
            inner.workers
        });
        let hear = move |told: Told| {
            if self.inner.with_value(|inner| Some(inner.workers) == number) {
                self.hear(told);
            }
        };
        match Link::open(name, hear) {
            Ok(link) => self.inner.update_value(|inner| inner.link = Some(link)),
            Err(problem) => self.lost(&problem),
        }
    }

    fn hear(self, told: Told) {
        self.inner.update_value(|inner| inner.heard = js_sys::Date::now());
        match told.event {
            ComputeEvent::Ready { program, .. } if program != PROGRAM => {
                self.end();
                self.tell(format!("the page is {PROGRAM}, but its worker is {program}: load the page again"));
            }
            ComputeEvent::Ready { device, .. } => self.ready(&device),
            ComputeEvent::Data { name, classes, train, test } => {
                self.images.set(Some(Images { name, classes: classes.len(), train, test }));
            }
            ComputeEvent::Model { graph, history } => {
                self.held.set(Some(Held { graph: *graph, history }));
                self.inner.update_value(|inner| inner.profile = None);
            }
            ComputeEvent::Progress { what, done, total } => self.progress(what, done, total),
            ComputeEvent::Step { report } => self.step(report),
            ComputeEvent::Epoch { epoch, accuracy, images } => self.course.update(|course| {
                course.accuracies.push((epoch as f64, accuracy));
                course.test_images = images;
            }),
            ComputeEvent::Layer { layer } => self.layer(*layer),
            ComputeEvent::Profile { profile } => self.measured(profile),
            ComputeEvent::Sweep { report } => {
                self.inner.update_value(|inner| inner.sweep = Some(report.clone()));
                if report.plan.rules.len() * report.plan.sparsities.len() == 1 {
                    self.evaluated.update(|evaluated| report.put_into(evaluated));
                }
                self.found.run(Finding::Sweep(report));
            }
            ComputeEvent::Predictions { predictions } => {
                if let Some(pixels) = told.bytes {
                    self.seen.set(Some(Seen { predictions, pixels }));
                }
            }
            ComputeEvent::Checkpoint { kind } => {
                if let Some(bytes) = told.bytes {
                    self.checkpoint(kind, &bytes);
                }
            }
            ComputeEvent::Done => self.answered(true),
            ComputeEvent::Stopped => self.answered(false),
            ComputeEvent::Failed { problem } => {
                // What was asked for after it would work on something else than was meant.
                self.stop();
                self.answered(false);
                self.tell(problem);
            }
            ComputeEvent::Lost { problem } => self.lost(&problem),
        }
    }

    /// Has the page show what went wrong.
    pub fn tell(self, problem: String) {
        self.found.run(Finding::Problem(problem));
    }

    /// A new worker gets what an earlier one had, then what was asked for.
    fn ready(self, device: &str) {
        if device != "cpu" {
            self.device.update(|words| *words = format!("{words} – {device}"));
        }
        self.inner.update_value(|inner| {
            let profile = inner.profile.clone().map(|profile| Ask::from(ComputeRequest::Profile { profile }));
            let mut asks: VecDeque<Ask> =
                [inner.images.clone(), inner.network.clone(), profile].into_iter().flatten().collect();
            asks.extend(std::mem::take(&mut inner.pending));
            inner.pending = asks;
            if let Some(link) = &inner.link {
                inner.pending.iter().for_each(|ask| link.ask(&ask.request, &ask.attachments));
            }
        });
        self.begin_next();
    }

    fn begin_next(self) {
        let next = self.inner.with_value(|inner| inner.pending.front().map(|ask| ask.request.clone()));
        match next {
            None => self.phase.set(Phase::Ready),
            Some(request) => {
                if self.phase.get_untracked() != Phase::Paused {
                    self.phase.set(Phase::Working);
                }
                if self.activity.with_untracked(Option::is_none) {
                    let since = (0, js_sys::Date::now());
                    let title = request.title();
                    self.activity.set(Some(Activity { title, what: String::new(), done: 0, total: 0, since }));
                    if matches!(request, ComputeRequest::Train { .. }) {
                        self.course.set(Course::default());
                        self.inner.update_value(|inner| inner.training = None);
                    }
                }
            }
        }
    }

    fn progress(self, what: String, done: usize, total: usize) {
        self.activity.update(|activity| {
            let Some(activity) = activity else { return };
            if activity.what != what || activity.total != total {
                activity.since = (done, js_sys::Date::now());
            }
            (activity.what, activity.done, activity.total) = (what, done, total);
        });
    }

    fn step(self, report: StepReport) {
        let epoch = report.epoch as f64 + (report.step + 1) as f64 / report.steps_per_epoch as f64;
        self.course.update(|course| course.losses.push((epoch, f64::from(report.loss))));
    }

    fn layer(self, layer: LayerProfile) {
        let graph = self.held.with_untracked(|held| held.as_ref().map(|held| held.graph.clone()));
        self.live.update(|live| {
            if live.is_none() {
                *live = graph.map(|graph| Live { graph, layers: BTreeMap::new() });
            }
            if let Some(live) = live {
                live.layers.insert(layer.name.clone(), layer);
            }
        });
    }

    fn measured(self, profile: Box<ModelProfile>) {
        self.inner.update_value(|inner| inner.profile = Some(profile.clone()));
        // Shown in a task of its own: writing it for the shelf and drawing it take some milliseconds each.
        set_timeout(
            move || {
                self.live.set(None);
                self.found.run(Finding::Profile(profile.clone()));
                set_timeout(
                    move || {
                        let name = format!("{} on {}", profile.graph.architecture, profile.measurement.dataset);
                        self.keep_json(Kind::Profile, name, &*profile);
                    },
                    std::time::Duration::ZERO,
                );
            },
            std::time::Duration::ZERO,
        );
    }

    fn checkpoint(self, kind: CheckpointKind, bytes: &ArrayBuffer) {
        let Some(attachment) = Attachment::of_buffer("checkpoint", bytes) else { return };
        match kind {
            CheckpointKind::Training => {
                self.inner.update_value(|inner| inner.training = Some(attachment.clone()));
                self.keep(Kept::new(Kind::Training, &self.name(), attachment.data));
            }
            CheckpointKind::Model => {
                let request = ComputeRequest::Open { name: "the trained network".into(), architecture: None };
                let ask = Ask { request, attachments: vec![attachment.clone()] };
                self.inner.update_value(|inner| (inner.network, inner.training) = (Some(ask), None));
                let unfinished = Kept::new(Kind::Training, &self.name(), attachment.data.clone()).key();
                self.keep(Kept::new(Kind::Model, &self.name(), attachment.data));
                self.forget(unfinished);
            }
            CheckpointKind::Pruned => self.pruned.set(Some(attachment)),
        }
    }

    /// Network and images, in words.
    pub fn name(self) -> String {
        let network = self.held.with_untracked(|held| held.as_ref().map(|held| held.graph.architecture.clone()));
        let images = self.images.with_untracked(|images| images.as_ref().map(|images| images.name.clone()));
        format!("{} on {}", network.unwrap_or_default(), images.unwrap_or_default())
    }

    /// The present request was answered: carried out, or given up.
    fn answered(self, done: bool) {
        let sweep = self.inner.try_update_value(|inner| {
            let ask = inner.pending.pop_front()?;
            if done && brings_images(&ask.request) {
                inner.images = Some(ask);
            } else if done && brings_network(&ask.request) {
                inner.network = Some(ask);
            } else if matches!(ask.request, ComputeRequest::Sweep { .. }) {
                return inner.sweep.take();
            }
            None
        });
        if let Some(report) = sweep.flatten() {
            self.keep_json(Kind::Sweep, sweep_name(&report), &*report);
        }
        self.forget_activity();
        self.begin_next();
    }

    /// The worker is gone. What it computed on the GPU goes on on the CPU; else a person decides.
    fn lost(self, problem: &str) {
        let had_gpu = self.device.with_untracked(|words| words.starts_with("Computing by WebGPU"));
        self.inner.update_value(|inner| inner.link = None);
        self.silent.set(false);
        self.live.set(None);
        self.take_up();
        if had_gpu {
            self.tell(format!("{problem}. Going on with the CPU."));
            self.start(Some(problem.to_owned()));
        } else {
            let idle = self.inner.with_value(|inner| inner.pending.is_empty());
            self.phase.set(if idle { Phase::Off } else { Phase::Broken });
            self.tell(format!("{problem}. What was finished is kept; the rest can be gone on with."));
        }
    }

    /// Makes the request under way one that goes on from where it was.
    fn take_up(self) {
        self.inner.update_value(|inner| {
            let Some(ask) = inner.pending.front_mut() else { return };
            match (&mut ask.request, &inner.training, inner.sweep.take()) {
                (ComputeRequest::Train { .. } | ComputeRequest::Continue, Some(state), _) => {
                    *ask = Ask { request: ComputeRequest::Continue, attachments: vec![state.clone()] };
                }
                (ComputeRequest::Sweep { previous, .. }, _, Some(report)) => *previous = Some(report),
                _ => {}
            }
        });
    }

    /// Goes on in a new worker after one was lost, or does not answer.
    pub fn go_on(self) {
        self.inner.update_value(|inner| inner.link = None);
        self.silent.set(false);
        self.take_up();
        self.start(None);
    }

    /// Reads again what the browser keeps.
    pub fn read_shelf(self) {
        leptos::task::spawn_local(async move {
            match shelf::list().await {
                Ok(kept) => self.kept.set(kept),
                Err(problem) => self.tell(problem),
            }
        });
    }

    fn keep(self, kept: Kept) {
        leptos::task::spawn_local(async move {
            match shelf::put(&kept).await {
                Ok(()) => self.read_shelf(),
                Err(problem) => self.tell(problem),
            }
        });
    }

    fn keep_json(self, kind: Kind, name: String, value: &impl serde::Serialize) {
        let Ok(text) = serde_json::to_string(value) else { return };
        if let Ok(data) = web_sys::Blob::new_with_str_sequence(&js_sys::Array::of1(&text.into())) {
            self.keep(Kept::new(kind, &name, data));
        }
    }

    /// Deletes what the browser keeps under a key.
    pub fn forget(self, key: String) {
        leptos::task::spawn_local(async move {
            match shelf::delete(&key).await {
                Ok(()) => self.read_shelf(),
                Err(problem) => self.tell(problem),
            }
        });
    }
}

/// Network, images and, of a single point, which.
fn sweep_name(report: &SweepReport) -> String {
    let name = format!("{} on {}", report.architecture, report.dataset);
    match (report.plan.rules.as_slice(), report.plan.sparsities.as_slice()) {
        ([rule], [sparsity]) => {
            let forced = if report.plan.constraints.is_empty() { "" } else { ", some forced" };
            format!("{name}, {rule} at {sparsity}{forced}")
        }
        _ => name,
    }
}

fn brings_images(request: &ComputeRequest) -> bool {
    matches!(request, ComputeRequest::Shapes { .. } | ComputeRequest::Files { .. })
}

fn brings_network(request: &ComputeRequest) -> bool {
    matches!(request, ComputeRequest::Start { .. } | ComputeRequest::Open { .. })
}
