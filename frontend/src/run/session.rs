//! What a person sees of the conversation with a worker: the signals that views follow. What is asked when, and how another
//! worker goes on, is decided by the state machine of `rrlab-protocol`; this carries out what it says.

use std::collections::BTreeMap;
use std::time::Duration;

use gloo_timers::future::sleep;
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use rrlab_protocol::{
    Answer, Ask, CheckpointKind, ComputeEvent, ComputeRequest, Control, Effect, Input, Phase, Predictions, Work,
};
use rrlab_types::{
    Document, LayerGraph, LayerProfile, ModelHash, ModelProfile, PROGRAM, ProfileHash, StepReport, SweepReport,
};

use super::link::{Adapter, Attachment, Link, Told, adapter};
use super::shelf::{self, Kept, Kind};
use super::workers::Workers;
use crate::settings::{ComputeOn, Settings};

/// Silence of a working worker after which a person is asked whether to wait.
const SILENCE_MILLISECONDS: f64 = 30_000.0;
/// How often silence is looked for.
const WATCH: Duration = Duration::from_secs(5);
/// How often it is looked whether the workers are built.
const BUILDING: Duration = Duration::from_secs(2);

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
    /// Which.
    pub hash: ModelHash,
    /// Its layers.
    pub graph: LayerGraph,
    /// How it came to be.
    pub history: Vec<String>,
}

impl Held {
    /// Architecture and the beginning of the hash, for people.
    pub fn title(&self) -> String {
        format!("{}, network {}", self.graph.architecture, self.hash.short())
    }

    /// Architecture and the beginning of the hash, for names of files.
    pub fn file_name(&self) -> String {
        format!("{}-{}", self.graph.architecture.replace([':', '='], "-"), self.hash.short())
    }
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

/// The worker, and the conversation with it.
#[derive(Default)]
struct Inner {
    conversation: rrlab_protocol::Session<Attachment>,
    link: Option<Link>,
    /// Whether the present worker computes by WebGPU.
    on_gpu: bool,
    /// Why the next worker is not to compute by WebGPU.
    fallen_back: Option<String>,
    /// Name of the file that the pruning under way makes.
    pruned_name: String,
    /// When the worker was last heard of.
    heard: f64,
}

/// The page's side of a compute worker.
#[derive(Clone, Copy)]
pub struct Session {
    /// Settings of the page.
    pub settings: Settings,
    /// Where the conversation is.
    pub phase: RwSignal<Phase>,
    /// On what it computes, and why.
    pub device: RwSignal<String>,
    /// How it stands with the workers' files; `None` before that is known.
    pub workers: RwSignal<Option<Workers>>,
    /// Images that it holds.
    pub images: RwSignal<Option<Images>>,
    /// The network that it holds.
    pub held: RwSignal<Option<Held>>,
    /// Profile of that network on those images, once it is measured.
    pub measured: RwSignal<Option<ProfileHash>>,
    /// How many trainings have left a network here.
    pub trainings: RwSignal<usize>,
    /// How far it is.
    pub activity: RwSignal<Option<Activity>>,
    /// The latest training.
    pub course: RwSignal<Course>,
    /// The calibration under way.
    pub live: RwSignal<Option<Live>>,
    /// Allocations of the network that were evaluated, a sweep of one point each.
    pub evaluated: RwSignal<Vec<SweepReport>>,
    /// What was pruned from the network, to be saved.
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
            workers: RwSignal::new(None),
            images: RwSignal::new(None),
            held: RwSignal::new(None),
            measured: RwSignal::new(None),
            trainings: RwSignal::new(0),
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
                let owes_answer = matches!(self.phase.get_untracked(), Phase::Working | Phase::Stopping);
                let silent = owes_answer && js_sys::Date::now() - heard > SILENCE_MILLISECONDS;
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
        matches!(self.phase.get(), Phase::Starting { .. } | Phase::Working | Phase::Paused | Phase::Stopping)
    }

    /// Asks for these, one after the other; starts a worker where there is none.
    pub fn ask(self, works: Vec<Work<Attachment>>) {
        self.handle(Input::Asked(works));
    }

    /// Rests, or goes on.
    pub fn set_paused(self, paused: bool) {
        self.handle(if paused { Input::Pause } else { Input::Resume });
        // Time that was rested is no measure of speed.
        self.activity.update(|activity| {
            if let Some(activity) = activity {
                activity.since = (activity.done, js_sys::Date::now());
            }
        });
    }

    /// Gives up what is under way.
    pub fn stop(self) {
        self.handle(Input::Stop);
    }

    /// Computes on the device that is chosen now, also what is under way.
    pub fn change_device(self) {
        self.inner.update_value(|inner| inner.fallen_back = None);
        self.keep_sweep();
        self.handle(Input::ChooseDevice);
    }

    /// Goes on in a new worker after one was lost, or does not answer.
    pub fn go_on(self) {
        self.handle(Input::GoOn);
    }

    /// Gives up what a lost worker left.
    pub fn give_up(self) {
        self.handle(Input::GiveUp);
    }

    /// Tells the conversation what happened and does what it says.
    fn handle(self, input: Input<Attachment>) {
        let effects = self.inner.try_update_value(|inner| inner.conversation.handle(input)).unwrap_or_default();
        for effect in effects {
            self.carry_out(effect);
        }
        let (phase, measured) =
            self.inner.with_value(|inner| (inner.conversation.phase(), inner.conversation.profile_hash()));
        set_if_other(self.phase, phase);
        set_if_other(self.measured, measured);
        // A network that was made for other images, or could not be brought again, is not here any more.
        if self.inner.with_value(|inner| inner.conversation.model().is_none()) {
            set_if_other(self.held, None);
        }
    }

    /// Keeps the part of a sweep that is there: it is done, or its worker is.
    fn keep_sweep(self) {
        let sweep = self.inner.with_value(|inner| inner.conversation.sweep().cloned());
        if let Some(report) = sweep {
            self.keep_json(Kind::Sweep, sweep_name(&report), &report);
        }
    }

    fn carry_out(self, effect: Effect<Attachment>) {
        match effect {
            Effect::Start { worker } => self.start(worker),
            Effect::End => {
                self.inner.update_value(|inner| inner.link = None);
                self.forget_activity();
            }
            Effect::Send(ask) => self.send(&ask),
            Effect::Control(control) => {
                let request = match control {
                    Control::Pause => ComputeRequest::Pause,
                    Control::Resume => ComputeRequest::Resume,
                    Control::Stop => ComputeRequest::Stop,
                };
                self.inner.update_value(|inner| {
                    inner.heard = js_sys::Date::now();
                    inner.link.iter().for_each(|link| link.ask(&request, &[]));
                });
            }
            Effect::Problem(problem) => self.tell(problem),
        }
    }

    fn send(self, ask: &Ask<Attachment>) {
        let since = (0, js_sys::Date::now());
        let title = ask.request.title();
        self.activity.set(Some(Activity { title, what: String::new(), done: 0, total: 0, since }));
        match &ask.request {
            ComputeRequest::Train { .. } => self.course.set(Course::default()),
            ComputeRequest::Prune { allocation, .. } => {
                let network = self.held.with_untracked(|held| held.as_ref().map(Held::file_name)).unwrap_or_default();
                let name = format!("{network}-{}-{}.safetensors", allocation.rule, allocation.sparsity);
                self.inner.update_value(|inner| inner.pruned_name = name);
            }
            _ => {}
        }
        self.inner.update_value(|inner| {
            inner.heard = js_sys::Date::now();
            inner.link.iter().for_each(|link| link.ask(&ask.request, &ask.attachments));
        });
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

    fn forget_activity(self) {
        self.activity.set(None);
        self.live.set(None);
        self.silent.set(false);
    }

    /// What was computed of another network, or on other images, is not shown beside this one.
    fn forget_results(self) {
        self.evaluated.set(Vec::new());
        self.pruned.set(None);
        self.seen.set(None);
    }

    fn is_current(self, worker: u64) -> bool {
        self.inner.with_value(|inner| inner.conversation.is_current(worker))
    }

    fn is_about(self, model: Option<&ModelHash>) -> bool {
        model.is_some_and(|model| self.inner.with_value(|inner| inner.conversation.is_about(model)))
    }

    /// Asks whether the workers are there, until they are or never will be.
    pub fn look_for_workers(self) {
        leptos::task::spawn_local(async move { drop(self.found_workers(|| true).await) });
    }

    /// Waits for the workers to be built while `wanted`; gives their folder.
    async fn found_workers(self, wanted: impl Fn() -> bool) -> Result<String, String> {
        loop {
            let workers = Workers::ask().await?;
            let obstacle = workers.obstacle();
            let is_building = workers.is_building();
            set_if_other(self.workers, Some(workers.clone()));
            match (workers, obstacle) {
                (Workers::Ready { folder }, _) => return Ok(folder),
                (_, Some(problem)) if !is_building || !wanted() => return Err(problem),
                _ => sleep(BUILDING).await,
            }
        }
    }

    fn start(self, worker: u64) {
        leptos::task::spawn_local(async move {
            let folder = self.found_workers(move || self.is_current(worker)).await;
            let wish = self.settings.compute_on.get_untracked();
            let found = if wish == ComputeOn::Cpu { Adapter::Missing } else { adapter().await };
            // Meanwhile it may have been stopped, or another device chosen.
            if !self.is_current(worker) {
                return;
            }
            let fallen_back = self.inner.with_value(|inner| inner.fallen_back.clone());
            let (gpu, why) = choice(fallen_back.as_deref(), wish, found);
            self.device.set(format!("Computing {} {why}", if gpu { "by WebGPU" } else { "on the CPU" }));
            self.inner.update_value(|inner| inner.heard = js_sys::Date::now());
            let name = if gpu { "compute-gpu" } else { "compute-cpu" };
            let hear = move |told: Told| {
                if self.is_current(worker) {
                    self.hear(told);
                }
            };
            match folder.and_then(|folder| Link::open(&folder, name, hear)) {
                Ok(link) => self.inner.update_value(|inner| (inner.link, inner.on_gpu) = (Some(link), gpu)),
                Err(problem) => self.lost(&problem),
            }
        });
    }

    fn hear(self, told: Told) {
        self.inner.update_value(|inner| inner.heard = js_sys::Date::now());
        match told.event {
            ComputeEvent::Ready { program, .. } if program != PROGRAM => {
                self.handle(Input::GiveUp);
                self.tell(format!("the page is {PROGRAM}, but its worker is {program}: load the page again"));
            }
            ComputeEvent::Ready { device, .. } => {
                if device != "cpu" {
                    self.device.update(|words| *words = format!("{words} – {device}"));
                }
                self.handle(Input::Ready);
            }
            ComputeEvent::Data { name, classes, train, test } => {
                if !self.is_bringing_again() {
                    self.forget_results();
                }
                self.images.set(Some(Images { name, classes: classes.len(), train, test }));
                self.handle(Input::Images);
            }
            ComputeEvent::Model { hash, graph, history } => self.network(Held { hash, graph: *graph, history }),
            ComputeEvent::Progress { what, done, total } => self.progress(what, done, total),
            ComputeEvent::Step { report } => self.step(report),
            ComputeEvent::Epoch { epoch, accuracy, images } => self.course.update(|course| {
                course.accuracies.push((epoch as f64, accuracy));
                course.test_images = images;
            }),
            ComputeEvent::Layer { model, layer } if self.is_about(Some(&model)) => self.layer(*layer),
            ComputeEvent::Profile { profile } if self.is_about(profile.model_hash.as_ref()) => self.profile(profile),
            ComputeEvent::Sweep { report } if self.is_about(report.origin.model_hash.as_ref()) => self.sweep(report),
            ComputeEvent::Predictions { predictions } if self.is_about(Some(&predictions.model)) => {
                if let Some(pixels) = told.bytes {
                    self.seen.set(Some(Seen { predictions, pixels }));
                }
            }
            ComputeEvent::Checkpoint { model, kind } => {
                if let Some(bytes) = told.bytes {
                    self.checkpoint(&model, kind, &bytes);
                }
            }
            // About a network that is not here any more.
            ComputeEvent::Layer { .. }
            | ComputeEvent::Profile { .. }
            | ComputeEvent::Sweep { .. }
            | ComputeEvent::Predictions { .. } => {}
            ComputeEvent::Done => self.answered(Answer::Done),
            ComputeEvent::Stopped => self.answered(Answer::Stopped),
            ComputeEvent::Failed { problem } => {
                self.answered(Answer::Failed);
                self.tell(problem);
            }
            ComputeEvent::Lost { problem } => self.lost(&problem),
        }
    }

    /// Has the page show what went wrong.
    pub fn tell(self, problem: String) {
        self.found.run(Finding::Problem(problem));
    }

    fn is_bringing_again(self) -> bool {
        self.inner.with_value(|inner| inner.conversation.is_bringing_again())
    }

    fn network(self, held: Held) {
        let same = self.is_about(Some(&held.hash));
        let is_trained = self.inner.with_value(|inner| {
            let current = inner.conversation.current();
            current.is_some_and(|request| matches!(request, ComputeRequest::Train { .. } | ComputeRequest::Continue))
        });
        if !same {
            self.forget_results();
        }
        if !same && !is_trained {
            self.course.set(Course::default());
        }
        self.handle(Input::Network(held.hash));
        self.held.set(Some(held));
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

    fn profile(self, profile: Box<ModelProfile>) {
        let hash = profile.hash();
        self.evaluated.update(|evaluated| evaluated.retain(|report| report.origin.profile_hash == Some(hash)));
        self.handle(Input::Measured(profile.clone()));
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
                    Duration::ZERO,
                );
            },
            Duration::ZERO,
        );
    }

    fn sweep(self, report: Box<SweepReport>) {
        self.handle(Input::Sweep(report.clone()));
        if report.plan.rules.len() * report.plan.sparsities.len() == 1 {
            self.evaluated.update(|evaluated| report.put_into(evaluated));
        }
        self.found.run(Finding::Sweep(report));
    }

    fn checkpoint(self, model: &ModelHash, kind: CheckpointKind, bytes: &ArrayBuffer) {
        let name = self.inner.with_value(|inner| inner.pruned_name.clone());
        let Some(attachment) = Attachment::of_buffer(&name, bytes) else { return };
        match kind {
            CheckpointKind::Training if self.is_about(Some(model)) => {
                self.handle(Input::Training(attachment.clone()));
                self.keep(Kept::new(Kind::Training, &self.name(), attachment.data));
            }
            CheckpointKind::Pruned if self.is_about(Some(model)) => {
                // What was looked at shows what was pruned before.
                self.seen.set(None);
                self.pruned.set(Some(attachment));
            }
            CheckpointKind::Model | CheckpointKind::Stopped => {
                let request = ComputeRequest::Open { name: "the trained network".into(), architecture: None };
                self.handle(Input::Saved(Ask { request, attachments: vec![attachment.clone()] }));
                self.trainings.update(|trainings| *trainings += 1);
                if kind == CheckpointKind::Model {
                    let unfinished = Kept::new(Kind::Training, &self.name(), attachment.data.clone()).key();
                    self.keep(Kept::new(Kind::Model, &self.name(), attachment.data));
                    self.forget(unfinished);
                }
            }
            // About a network that is not here any more.
            CheckpointKind::Training | CheckpointKind::Pruned => {}
        }
    }

    /// Network and images, in words.
    pub fn name(self) -> String {
        let network = self.held.with_untracked(|held| held.as_ref().map(|held| held.graph.architecture.clone()));
        let images = self.images.with_untracked(|images| images.as_ref().map(|images| images.name.clone()));
        format!("{} on {}", network.unwrap_or_default(), images.unwrap_or_default())
    }

    /// The present request was answered.
    fn answered(self, answer: Answer) {
        self.keep_sweep();
        self.forget_activity();
        self.handle(Input::Answered(answer));
    }

    /// The worker is gone. What it computed on the GPU goes on on the CPU; else a person decides.
    fn lost(self, problem: &str) {
        let on_gpu = self.inner.try_update_value(|inner| {
            if inner.on_gpu {
                inner.fallen_back = Some(problem.to_owned());
            }
            std::mem::take(&mut inner.on_gpu)
        });
        let elsewhere = on_gpu.unwrap_or_default();
        let next = if elsewhere {
            "Going on with the CPU."
        } else {
            "What was finished is kept; the rest can be gone on with."
        };
        self.tell(format!("{problem}. {next}"));
        self.keep_sweep();
        self.handle(Input::Lost { elsewhere });
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
    let name = format!("{} on {}", report.architecture, report.origin.dataset);
    match (report.plan.rules.as_slice(), report.plan.sparsities.as_slice()) {
        ([rule], [sparsity]) => {
            let forced = if report.plan.constraints.is_empty() { "" } else { ", some forced" };
            format!("{name}, {rule} at {sparsity}{forced}")
        }
        _ => name,
    }
}

/// Whether to compute by WebGPU, and why.
fn choice(fallen_back: Option<&str>, wish: ComputeOn, found: Adapter) -> (bool, String) {
    let why = match (fallen_back, wish, found) {
        (Some(problem), _, _) => format!("because {problem}"),
        (_, ComputeOn::Cpu, _) | (_, ComputeOn::WebGpu, Adapter::Hardware) => "as chosen".to_owned(),
        (_, ComputeOn::WebGpu, Adapter::Missing) => "because this browser offers no WebGPU adapter".to_owned(),
        (_, ComputeOn::WebGpu, Adapter::Software) => "as chosen, on a software adapter: slower than the CPU".to_owned(),
        (_, ComputeOn::Auto | ComputeOn::Server, Adapter::Missing) => {
            "since this browser offers no WebGPU adapter".to_owned()
        }
        (_, ComputeOn::Auto | ComputeOn::Server, Adapter::Software) => {
            "since the only WebGPU adapter is software, slower than that".to_owned()
        }
        (_, ComputeOn::Auto | ComputeOn::Server, Adapter::Hardware) => "since there is a graphics card".to_owned(),
    };
    let there = found == Adapter::Hardware || (found == Adapter::Software && wish == ComputeOn::WebGpu);
    (fallen_back.is_none() && there, why)
}

/// Views that follow a signal are not woken for nothing.
fn set_if_other<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|old| *old != value) {
        signal.set(value);
    }
}
