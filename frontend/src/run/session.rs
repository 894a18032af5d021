//! The page's side of a compute worker: the signals that views follow, and what a person asks of
//! it. What is sent when, and how another worker goes on, is decided by the state machine of
//! `rrlab-protocol`; this carries out what it says.

use std::time::Duration;

use leptos::prelude::*;
use rrlab_protocol::{
    ComputeRequest, Control, Effect, Input, Phase, RequestWithFiles, Task, WorkerSession,
};
use rrlab_types::{ModelHash, ProfileHash, SweepReport};

use super::attachment::Attachment;
use super::browser_store::StoredResult;
use super::notebook::Run;
use super::results::{
    CalibrationProgress, ClassifiedImages, LoadedImages, LoadedNetwork, ObservedLayer,
    RequestProgress, TrainingProgress,
};
use super::worker_link::WorkerLink;
use crate::page_update::PageUpdate;
use crate::settings::Settings;
use crate::worker_files::WorkerFiles;

/// Silence of a working worker after which a person is asked whether to wait.
const SILENCE_MILLISECONDS: f64 = 30_000.0;
/// How often silence is looked for.
const SILENCE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// What no view follows: the state machine, and the worker that it speaks with.
#[derive(Default)]
pub struct Inner {
    /// Decides what is sent when.
    pub machine: WorkerSession<Attachment>,
    /// The present worker, once it is started.
    pub link: Option<WorkerLink>,
    /// Whether that worker computes by WebGPU.
    pub on_gpu: bool,
    /// Why the next worker is not to compute by WebGPU.
    pub gpu_problem: Option<String>,
    /// Name of the file that the pruning under way makes.
    pub pruned_name: String,
    /// When the worker was last heard of, in milliseconds since 1970.
    pub heard_ms: f64,
}

/// The page's side of a compute worker.
#[derive(Clone, Copy)]
pub struct Session {
    pub settings: Settings,
    /// Whether there is a worker, and whether it works.
    pub phase: RwSignal<Phase>,
    /// On what it computes, and why, in words.
    pub device: RwSignal<String>,
    /// How it stands with the workers' files; `None` before that is known.
    pub worker_files: RwSignal<Option<WorkerFiles>>,
    /// Images that the worker holds.
    pub images: RwSignal<Option<LoadedImages>>,
    /// The network that the worker holds.
    pub network: RwSignal<Option<LoadedNetwork>>,
    /// Profile of that network on those images, once it is measured.
    pub measured: RwSignal<Option<ProfileHash>>,
    /// How many trainings have left a network here.
    pub trainings: RwSignal<usize>,
    /// How far the present request is.
    pub progress: RwSignal<Option<RequestProgress>>,
    /// Loss and accuracy of the latest training.
    pub training: RwSignal<TrainingProgress>,
    /// The calibration under way.
    pub calibration: RwSignal<Option<CalibrationProgress>>,
    /// Allocations of the network that were evaluated, a sweep of one point each.
    pub evaluated: RwSignal<Vec<SweepReport>>,
    /// What was tried in this browser, the latest first.
    pub notebook: RwSignal<Vec<Run>>,
    /// Why the browser does not keep that.
    pub notebook_problem: RwSignal<Option<String>>,
    /// What was pruned from the network, to be saved.
    pub pruned: RwSignal<Option<Attachment>, LocalStorage>,
    /// Test images that were classified.
    pub classified: RwSignal<Option<ClassifiedImages>, LocalStorage>,
    /// The layer that was looked at last.
    pub observation: RwSignal<Option<ObservedLayer>, LocalStorage>,
    /// Results that the browser keeps.
    pub stored: RwSignal<Vec<StoredResult>, LocalStorage>,
    /// Whether a working worker has not been heard of for long.
    pub silent: RwSignal<bool>,
    pub(super) show: Callback<PageUpdate>,
    pub(super) inner: StoredValue<Inner, LocalStorage>,
}

impl Session {
    /// A session without a worker. `show` is given what it finds.
    pub fn new(settings: Settings, show: Callback<PageUpdate>) -> Self {
        let session = Self {
            settings,
            phase: RwSignal::new(Phase::Off),
            device: RwSignal::new(String::new()),
            worker_files: RwSignal::new(None),
            images: RwSignal::new(None),
            network: RwSignal::new(None),
            measured: RwSignal::new(None),
            trainings: RwSignal::new(0),
            progress: RwSignal::new(None),
            training: RwSignal::new(TrainingProgress::default()),
            calibration: RwSignal::new(None),
            evaluated: RwSignal::new(Vec::new()),
            notebook: RwSignal::new(Vec::new()),
            notebook_problem: RwSignal::new(None),
            pruned: RwSignal::new_local(None),
            classified: RwSignal::new_local(None),
            observation: RwSignal::new_local(None),
            stored: RwSignal::new_local(Vec::new()),
            silent: RwSignal::new(false),
            show,
            inner: StoredValue::new_local(Inner::default()),
        };
        session.watch_silence();
        session
    }

    fn watch_silence(self) {
        let check = move || {
            let heard_ms = self.inner.with_value(|inner| inner.heard_ms);
            let owes_answer =
                matches!(self.phase.get_untracked(), Phase::Working | Phase::Stopping);
            let is_late = js_sys::Date::now() - heard_ms > SILENCE_MILLISECONDS;
            set_if_other(self.silent, owes_answer && is_late);
        };
        if let Ok(interval) = set_interval_with_handle(check, SILENCE_CHECK_INTERVAL) {
            on_cleanup(move || interval.clear());
        }
    }

    /// Whether something is under way; follows the phase.
    pub fn is_busy(self) -> bool {
        let phase = self.phase.get();
        matches!(phase, Phase::Starting { .. } | Phase::Working | Phase::Paused | Phase::Stopping)
    }

    /// Whether a person paused the work.
    pub fn is_paused(self) -> bool {
        matches!(self.phase.get(), Phase::Paused | Phase::Starting { paused: true })
    }

    /// Has these done, one after the other; starts a worker where there is none.
    pub fn add_tasks(self, tasks: Vec<Task<Attachment>>) {
        self.handle(Input::Tasks(tasks));
    }

    /// Rests between two batches, or goes on.
    pub fn set_paused(self, paused: bool) {
        self.handle(if paused { Input::Pause } else { Input::Resume });
        self.progress.update(|progress| {
            if let Some(progress) = progress {
                progress.restart_clock();
            }
        });
    }

    /// Gives up what is under way, and what waits.
    pub fn stop(self) {
        self.handle(Input::Stop);
    }

    /// Computes on the device that is chosen now, also what is under way.
    pub fn change_device(self) {
        self.inner.update_value(|inner| inner.gpu_problem = None);
        self.store_sweep();
        self.handle(Input::ChooseDevice);
    }

    /// Goes on in a new worker after one was lost, or does not answer.
    pub fn restart(self) {
        self.handle(Input::Restart);
    }

    /// Gives up what a lost worker left.
    pub fn give_up(self) {
        self.handle(Input::GiveUp);
    }

    /// Shows what went wrong.
    pub fn report(self, problem: String) {
        self.show.run(PageUpdate::Problem(problem));
    }

    /// Network and images, in words: the name of what is stored of them.
    pub fn name(self) -> String {
        let network = self.network.with_untracked(|network| {
            network.as_ref().map(|network| network.graph.architecture().to_owned())
        });
        let images =
            self.images.with_untracked(|images| images.as_ref().map(|images| images.name.clone()));
        format!("{} on {}", network.unwrap_or_default(), images.unwrap_or_default())
    }

    /// Tells the state machine what happened and does what it says.
    pub(super) fn handle(self, input: Input<Attachment>) {
        let effects = self.inner.try_update_value(|inner| inner.machine.handle(input));
        for effect in effects.unwrap_or_default() {
            self.carry_out(effect);
        }
        let (phase, measured) =
            self.inner.with_value(|inner| (inner.machine.phase(), inner.machine.profile_hash()));
        set_if_other(self.phase, phase);
        set_if_other(self.measured, measured);
        // A network that was made for other images, or could not be brought again, is not here any
        // more.
        if self.inner.with_value(|inner| inner.machine.model().is_none()) {
            set_if_other(self.network, None);
        }
    }

    fn carry_out(self, effect: Effect<Attachment>) {
        match effect {
            Effect::Start { worker } => self.start(worker),
            Effect::End => {
                self.inner.update_value(|inner| inner.link = None);
                self.clear_progress();
            }
            Effect::Send(request) => self.send_request(&request),
            Effect::Control(Control::Pause) => self.send(&ComputeRequest::Pause, &[]),
            Effect::Control(Control::Resume) => self.send(&ComputeRequest::Resume, &[]),
            Effect::Control(Control::Stop) => self.send(&ComputeRequest::Stop, &[]),
            Effect::Problem(problem) => self.report(problem),
        }
    }

    fn send_request(self, request: &RequestWithFiles<Attachment>) {
        let RequestWithFiles { request, attachments } = request;
        self.progress.set(Some(RequestProgress::new(request.title())));
        match request {
            ComputeRequest::Train { .. } => self.training.set(TrainingProgress::default()),
            ComputeRequest::Prune(treatment) => {
                let allocation = &treatment.allocation;
                let network = self.network.with_untracked(|network| {
                    network.as_ref().map(LoadedNetwork::file_name).unwrap_or_default()
                });
                let (rule, sparsity) = (allocation.rule, allocation.sparsity);
                let name = format!("{network}-{rule}-{sparsity}.safetensors");
                self.inner.update_value(|inner| inner.pruned_name = name);
            }
            _ => {}
        }
        self.send(request, attachments);
    }

    fn send(self, request: &ComputeRequest, attachments: &[Attachment]) {
        self.inner.update_value(|inner| {
            inner.heard_ms = js_sys::Date::now();
            if let Some(link) = &inner.link {
                link.send(request, attachments);
            }
        });
    }

    /// The present request is not under way any more.
    pub(super) fn clear_progress(self) {
        self.progress.set(None);
        self.calibration.set(None);
        self.silent.set(false);
    }

    /// Whether the worker of this number is the present one.
    pub(super) fn is_current(self, worker: u64) -> bool {
        self.inner.with_value(|inner| inner.machine.is_current(worker))
    }

    /// Whether something that names this network is about the one that the worker holds.
    pub(super) fn is_about(self, model: Option<&ModelHash>) -> bool {
        let Some(model) = model else { return false };
        self.inner.with_value(|inner| inner.machine.is_about(model))
    }
}

/// Sets a signal to another value; views that follow it are not woken for nothing.
pub fn set_if_other<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|old| *old != value) {
        signal.set(value);
    }
}
