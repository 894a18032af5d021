//! The state machine of a session: which request is under way, which tasks wait, what the worker
//! holds, and how another worker takes the place of one that was lost or is no longer wanted.

use std::collections::VecDeque;

use rrlab_types::{Evidence, ModelHash, ModelProfile, ProfileHash, Repair, SweepReport, allocate};

use super::types::{Control, Effect, Input, Phase, RequestOutcome, RequestWithFiles, Task};
use crate::compute::ComputeRequest;
use crate::treatment::Treatment;

/// What the next worker computes on, beside the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Same,
    /// Perhaps another.
    Other,
}

/// What a worker has of what the session knows.
#[derive(Debug, Clone, Copy, Default)]
struct HeldByWorker {
    images: bool,
    network: bool,
    profile: bool,
}

/// The conversation with a worker.
#[derive(Debug)]
pub struct WorkerSession<A> {
    phase: Phase,
    /// Number of the latest worker.
    worker: u64,
    /// The request that was sent and not yet answered.
    current: Option<RequestWithFiles<A>>,
    /// What comes after it.
    waiting: VecDeque<Task<A>>,
    /// What a person asked for last, to tell a second click from a second wish.
    last_tasks: Vec<Task<A>>,
    /// What brings the images.
    images: Option<RequestWithFiles<A>>,
    /// What brings the network.
    network: Option<RequestWithFiles<A>>,
    /// Hash of the network that the latest worker had.
    model: Option<ModelHash>,
    /// Its profile on the images.
    profile: Option<Box<ModelProfile>>,
    /// Which of these three the present worker has.
    held: HeldByWorker,
    /// The state of the training under way.
    training: Option<A>,
    /// The sweep under way.
    sweep: Option<Box<SweepReport>>,
}

impl<A> Default for WorkerSession<A> {
    fn default() -> Self {
        Self {
            phase: Phase::Off,
            worker: 0,
            current: None,
            waiting: VecDeque::new(),
            last_tasks: Vec::new(),
            images: None,
            network: None,
            model: None,
            profile: None,
            held: HeldByWorker::default(),
            training: None,
            sweep: None,
        }
    }
}

impl<A: Clone + PartialEq> WorkerSession<A> {
    /// Whether there is a worker, and what it does.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the worker of this number is the present one: what an earlier one still says is not
    /// heard.
    pub fn is_current(&self, worker: u64) -> bool {
        self.worker == worker && !matches!(self.phase, Phase::Off | Phase::Broken)
    }

    /// The network that the worker holds.
    pub fn model(&self) -> Option<ModelHash> {
        self.model
    }

    /// Its profile on the images that the worker holds, once it is measured.
    pub fn profile(&self) -> Option<&ModelProfile> {
        self.profile.as_deref()
    }

    /// Hash of that profile.
    pub fn profile_hash(&self) -> Option<ProfileHash> {
        self.profile().map(ModelProfile::hash)
    }

    /// Whether something that the worker says of this network is about the one that it holds.
    pub fn is_about(&self, model: &ModelHash) -> bool {
        self.model.as_ref() == Some(model)
    }

    /// Whether the request under way brings to this worker what an earlier one had.
    pub fn is_bringing_again(&self) -> bool {
        self.current.is_some() && (self.current == self.images || self.current == self.network)
    }

    /// The request under way.
    pub fn current(&self) -> Option<&ComputeRequest> {
        self.current.as_ref().map(|request| &request.request)
    }

    /// The sweep under way, which is done or given up with its request.
    pub fn sweep(&self) -> Option<&SweepReport> {
        self.sweep.as_deref()
    }

    /// Takes in what happened; gives what is to be done, in this order.
    pub fn handle(&mut self, input: Input<A>) -> Vec<Effect<A>> {
        match input {
            Input::Tasks(tasks) => self.add_tasks(tasks),
            Input::Pause => self.pause(),
            Input::Resume => self.resume(),
            Input::Stop => self.stop(),
            Input::ChooseDevice => self.choose_device(),
            Input::Restart => self.restart(Device::Same),
            Input::GiveUp => {
                self.drop_tasks();
                self.end()
            }
            Input::WorkerReady => self.ready(),
            Input::RequestEnded(outcome) => self.request_ended(outcome),
            Input::WorkerLost { has_other_device } => self.worker_lost(has_other_device),
            Input::ImagesLoaded
            | Input::NetworkLoaded(_)
            | Input::ProfileMeasured(_)
            | Input::SweepProgress(_)
            | Input::TrainingState(_)
            | Input::NetworkSaved(_) => {
                self.note(input);
                Vec::new()
            }
        }
    }

    /// Remembers what the worker holds.
    fn note(&mut self, input: Input<A>) {
        match input {
            Input::ImagesLoaded if self.is_bringing_again() => {}
            Input::ImagesLoaded => {
                self.profile = None;
                // A new network has as many classes as the images that it was made for.
                let brought_by = self.network.as_ref().map(|network| &network.request);
                if matches!(brought_by, Some(ComputeRequest::Start { .. })) {
                    (self.network, self.model) = (None, None);
                }
            }
            Input::NetworkLoaded(model) => {
                if self.model != Some(model) || !self.is_bringing_again() {
                    self.profile = None;
                }
                self.model = Some(model);
            }
            Input::ProfileMeasured(profile) => {
                (self.profile, self.held.profile) = (Some(profile), true)
            }
            Input::SweepProgress(report) => self.sweep = Some(report),
            Input::TrainingState(state) => self.training = Some(state),
            Input::NetworkSaved(request) => {
                (self.network, self.held.network) = (Some(request), true)
            }
            _ => {}
        }
    }

    fn add_tasks(&mut self, tasks: Vec<Task<A>>) -> Vec<Effect<A>> {
        let busy = self.current.is_some() || !self.waiting.is_empty();
        if busy && self.last_tasks == tasks {
            // What a lost worker left waits for a person: asking for it again is a wish to go on.
            return match self.phase {
                Phase::Broken => self.restart(Device::Same),
                _ => Vec::new(),
            };
        }
        self.waiting.extend(tasks.iter().cloned());
        self.last_tasks = tasks;
        match self.phase {
            Phase::Off | Phase::Broken => self.start(),
            Phase::Ready => self.next(),
            Phase::Starting { .. } | Phase::Working | Phase::Paused | Phase::Stopping => Vec::new(),
        }
    }

    fn pause(&mut self) -> Vec<Effect<A>> {
        match self.phase {
            Phase::Starting { .. } => self.phase = Phase::Starting { paused: true },
            Phase::Working => {
                self.phase = Phase::Paused;
                return vec![Effect::Control(Control::Pause)];
            }
            _ => {}
        }
        Vec::new()
    }

    fn resume(&mut self) -> Vec<Effect<A>> {
        match self.phase {
            Phase::Starting { .. } => self.phase = Phase::Starting { paused: false },
            Phase::Paused => {
                let mut effects = vec![Effect::Control(Control::Resume)];
                self.phase = Phase::Working;
                if self.current.is_none() {
                    effects.extend(self.next());
                }
                return effects;
            }
            _ => {}
        }
        Vec::new()
    }

    fn stop(&mut self) -> Vec<Effect<A>> {
        self.waiting.clear();
        match self.phase {
            Phase::Starting { .. } => self.end(),
            Phase::Working | Phase::Paused if self.current.is_some() => {
                self.phase = Phase::Stopping;
                vec![Effect::Control(Control::Stop)]
            }
            Phase::Paused => {
                self.phase = Phase::Ready;
                vec![Effect::Control(Control::Resume)]
            }
            _ => Vec::new(),
        }
    }

    fn choose_device(&mut self) -> Vec<Effect<A>> {
        match self.phase {
            Phase::Off => Vec::new(),
            Phase::Ready => self.end(),
            Phase::Stopping => {
                self.drop_tasks();
                self.end()
            }
            Phase::Starting { .. } | Phase::Working | Phase::Paused | Phase::Broken => {
                self.restart(Device::Other)
            }
        }
    }

    fn ready(&mut self) -> Vec<Effect<A>> {
        let Phase::Starting { paused } = self.phase else { return Vec::new() };
        self.held = HeldByWorker::default();
        if paused {
            self.phase = Phase::Paused;
            return Vec::new();
        }
        self.next()
    }

    fn request_ended(&mut self, outcome: RequestOutcome) -> Vec<Effect<A>> {
        // A training that goes on later brings its own state.
        self.training = None;
        match self.current.take() {
            Some(request) if outcome == RequestOutcome::Done => self.request_done(request),
            Some(request) if outcome == RequestOutcome::Failed => self.request_failed(&request),
            _ => {}
        }
        self.sweep = None;
        if outcome != RequestOutcome::Done {
            // What was asked for after it would work on something else than was meant.
            self.waiting.clear();
        }
        match self.phase {
            Phase::Paused => Vec::new(),
            Phase::Working | Phase::Stopping => self.next(),
            _ => Vec::new(),
        }
    }

    /// Remembers what brings images and network, to bring them to another worker.
    fn request_done(&mut self, done: RequestWithFiles<A>) {
        let request = &done.request;
        if request.brings_images() {
            (self.images, self.held.images) = (Some(done), true);
        } else if matches!(request, ComputeRequest::Start { .. } | ComputeRequest::Open { .. }) {
            (self.network, self.held.network) = (Some(done), true);
        } else if matches!(request, ComputeRequest::Profile { .. }) {
            self.held.profile = true;
        }
    }

    /// What an earlier worker had and this one can't have is forgotten: asked for again it would
    /// fail again.
    fn request_failed(&mut self, request: &RequestWithFiles<A>) {
        if self.images.as_ref() == Some(request) {
            self.images = None;
        } else if self.network.as_ref() == Some(request) {
            (self.network, self.model, self.profile) = (None, None, None);
        } else if matches!(request.request, ComputeRequest::Profile { .. }) {
            self.profile = None;
        }
    }

    fn worker_lost(&mut self, has_other_device: bool) -> Vec<Effect<A>> {
        if self.phase == Phase::Stopping {
            self.drop_tasks();
        }
        if has_other_device {
            return self.restart(Device::Other);
        }
        self.requeue_current(Device::Same);
        let effects = self.end();
        if !self.waiting.is_empty() {
            self.phase = Phase::Broken;
        }
        effects
    }

    /// Sends the next request that is not settled already; before it, what an earlier worker had.
    fn next(&mut self) -> Vec<Effect<A>> {
        if !self.waiting.is_empty()
            && let Some(request) = self.request_to_restore()
        {
            return self.send(request);
        }
        while let Some(task) = self.waiting.pop_front() {
            match self.request_for(task) {
                Ok(None) => {}
                Ok(Some(request)) => return self.send(request),
                Err(problem) => {
                    self.waiting.clear();
                    self.phase = Phase::Ready;
                    return vec![Effect::Problem(problem)];
                }
            }
        }
        self.phase = Phase::Ready;
        Vec::new()
    }

    fn send(&mut self, request: RequestWithFiles<A>) -> Vec<Effect<A>> {
        // Until it tells of a later one, a training that goes on can be taken up from where it
        // begins now.
        self.training = match request.request {
            ComputeRequest::Continue => request.attachments.first().cloned(),
            _ => None,
        };
        self.current = Some(request.clone());
        self.phase = Phase::Working;
        vec![Effect::Send(request)]
    }

    /// What brings to the present worker what an earlier one had.
    fn request_to_restore(&self) -> Option<RequestWithFiles<A>> {
        if !self.held.images && self.images.is_some() {
            return self.images.clone();
        }
        if !self.held.network && self.network.is_some() {
            return self.network.clone();
        }
        if self.held.profile {
            return None;
        }
        let profile = self.profile.clone()?;
        Some(ComputeRequest::Profile { profile }.into())
    }

    /// The request that does some work on what is there now; nothing where it is done already.
    fn request_for(&self, task: Task<A>) -> Result<Option<RequestWithFiles<A>>, String> {
        let model = || self.model.ok_or("there is no network yet: choose one first");
        let profile = || self.profile().ok_or("measure the network first: this needs its profile");
        let request = match task {
            Task::Request(request) => {
                let there = [self.images.as_ref(), self.network.as_ref()].contains(&Some(&request));
                return Ok((!there).then_some(request));
            }
            Task::Measure { again: false, .. } if self.profile.is_some() => return Ok(None),
            Task::Measure { images, seed, .. } => {
                ComputeRequest::Calibrate { model: model()?, images, seed }
            }
            Task::Train(plan) => ComputeRequest::Train { model: model()?, plan },
            Task::Sweep(plan) => {
                profile()?;
                ComputeRequest::Sweep { model: model()?, plan: Box::new(plan), previous: None }
            }
            Task::Prune { allocation: request, criterion, images, seed } => {
                let repair = Repair::Operator(request.settings.repair);
                let allocation = allocate(Evidence::Profile(profile()?), &request)
                    .map_err(|error| error.to_string())?;
                let treatment = Treatment { allocation, criterion, repair, images, seed };
                ComputeRequest::Prune(Box::new(treatment))
            }
            Task::Observe { layer, treatment } => {
                ComputeRequest::Observe { model: model()?, layer, treatment }
            }
            Task::Predict { images, seed } => {
                ComputeRequest::Predict { model: model()?, images, seed }
            }
        };
        Ok(Some(request.into()))
    }

    /// Makes the request under way the first that waits, from where it was.
    fn requeue_current(&mut self, device: Device) {
        let Some(mut request) = self.current.take() else { return };
        match (&mut request.request, &self.training, self.sweep.take()) {
            (ComputeRequest::Train { .. } | ComputeRequest::Continue, Some(state), _) => {
                let attachments = vec![state.clone()];
                request = RequestWithFiles { request: ComputeRequest::Continue, attachments };
            }
            // Cells that two devices computed are not mixed: on another one the sweep begins anew.
            (ComputeRequest::Sweep { previous, .. }, _, report) => {
                *previous = if device == Device::Same { report } else { None };
            }
            _ => {}
        }
        self.waiting.push_front(Task::Request(request));
    }

    fn drop_tasks(&mut self) {
        self.current = None;
        self.sweep = None;
        self.waiting.clear();
    }

    /// Another worker for what is under way and what waits.
    fn restart(&mut self, device: Device) -> Vec<Effect<A>> {
        let paused = matches!(self.phase, Phase::Paused | Phase::Starting { paused: true });
        self.requeue_current(device);
        let mut effects = self.end();
        if !self.waiting.is_empty() {
            effects.extend(self.start());
            self.phase = Phase::Starting { paused };
        }
        effects
    }

    fn start(&mut self) -> Vec<Effect<A>> {
        self.worker += 1;
        self.phase = Phase::Starting { paused: false };
        vec![Effect::Start { worker: self.worker }]
    }

    fn end(&mut self) -> Vec<Effect<A>> {
        self.phase = Phase::Off;
        vec![Effect::End]
    }
}
