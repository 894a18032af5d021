//! The page's side of the conversation with a compute worker: which request is under way, which wait, what the worker holds,
//! and how another worker takes the place of one that was lost or is no longer wanted.
//!
//! The machine touches no browser: it is told what happens ([`Input`]) and says what is to be done ([`Effect`]). One request
//! is under way at a time, so that each is made when its turn comes, of the network that is there by then. `A` is a file
//! that travels with a request.

use std::collections::VecDeque;

use rrlab_types::{
    AllocationRequest, Evidence, ModelHash, ModelProfile, ProfileHash, Repair, SweepPlan, SweepReport, TrainingPlan,
    allocate,
};

use crate::compute::ComputeRequest;

/// A request with its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask<A> {
    /// What is asked.
    pub request: ComputeRequest,
    /// Files.
    pub attachments: Vec<A>,
}

impl<A> From<ComputeRequest> for Ask<A> {
    fn from(request: ComputeRequest) -> Self {
        Self { request, attachments: Vec::new() }
    }
}

/// What a person wants done. All but [`Work::Ask`] are about the network that is there when their turn comes.
#[derive(Debug, Clone, PartialEq)]
pub enum Work<A> {
    /// This request; images and networks that are there already are not brought again.
    Ask(Ask<A>),
    /// Train the network.
    Train(TrainingPlan),
    /// Measure its profile on so many images drawn with this seed.
    Measure {
        /// Calibration images.
        images: usize,
        /// Seed.
        seed: u64,
        /// Whether also where it was measured already.
        again: bool,
    },
    /// Prune, repair and evaluate it; it has been measured before.
    Sweep(SweepPlan),
    /// Allocate by its profile, prune, repair, and hand over the result.
    Prune {
        /// How the budget is shared out; its repair operator repairs.
        allocation: AllocationRequest,
        /// Calibration images.
        images: usize,
        /// Seed.
        seed: u64,
    },
    /// Classify so many test images drawn with this seed.
    Predict {
        /// Test images.
        images: usize,
        /// Seed.
        seed: u64,
    },
}

/// Where the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no worker.
    Off,
    /// It is on its way; `paused` if it is to rest as soon as it is there.
    Starting {
        /// Whether a person asked it to rest meanwhile.
        paused: bool,
    },
    /// It waits for requests.
    Ready,
    /// It works.
    Working,
    /// It rests until it is told to go on.
    Paused,
    /// It was told to give up the present request and has not answered yet.
    Stopping,
    /// It was lost with work to do.
    Broken,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was carried out.
    Done,
    /// It was stopped.
    Stopped,
    /// It failed; others can follow.
    Failed,
}

/// What a worker hears at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Rest between two batches.
    Pause,
    /// Go on.
    Resume,
    /// Give up what is under way.
    Stop,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input<A> {
    /// A person wants these done, one after the other.
    Asked(Vec<Work<A>>),
    /// A person wants a rest.
    Pause,
    /// A person wants to go on.
    Resume,
    /// A person gives up what is under way and what waits.
    Stop,
    /// A person chose another device.
    ChooseDevice,
    /// A person wants to go on in a new worker after one was lost, or is silent.
    GoOn,
    /// A person gives up what a lost worker left.
    GiveUp,
    /// The worker can be asked.
    Ready,
    /// The worker has other images.
    Images,
    /// The worker has this network.
    Network(ModelHash),
    /// The worker measured a profile.
    Measured(Box<ModelProfile>),
    /// The sweep under way has come this far.
    Sweep(Box<SweepReport>),
    /// The training under way can be gone on with from here.
    Training(A),
    /// The network that the worker has now can be brought to another by this.
    Saved(Ask<A>),
    /// The present request ended.
    Answered(Answer),
    /// The worker is gone; `elsewhere` if another device takes its place without being asked.
    Lost {
        /// Whether to go on by itself.
        elsewhere: bool,
    },
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<A> {
    /// Start a worker; what it says is told to the machine while [`Session::is_current`] holds for this number.
    Start {
        /// Number of the worker.
        worker: u64,
    },
    /// End the worker.
    End,
    /// Ask the worker.
    Send(Ask<A>),
    /// Tell the worker at once.
    Control(Control),
    /// Show a person what went wrong.
    Problem(String),
}

/// What the next worker computes on, beside the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    /// The same.
    Same,
    /// Perhaps another.
    Other,
}

/// What a worker has of what the session knows.
#[derive(Debug, Clone, Copy, Default)]
struct There {
    images: bool,
    network: bool,
    profile: bool,
}

/// The conversation with a worker.
#[derive(Debug)]
pub struct Session<A> {
    phase: Phase,
    /// Number of the latest worker.
    worker: u64,
    /// The request that was sent and not yet answered.
    current: Option<Ask<A>>,
    /// What comes after it.
    waiting: VecDeque<Work<A>>,
    /// What a person asked for last, to tell a second click from a second wish.
    asked: Vec<Work<A>>,
    /// What brings the images.
    images: Option<Ask<A>>,
    /// What brings the network.
    network: Option<Ask<A>>,
    /// The network.
    model: Option<ModelHash>,
    /// Its profile on the images.
    profile: Option<Box<ModelProfile>>,
    /// Which of these three the present worker has.
    there: There,
    /// The state of the training under way.
    training: Option<A>,
    /// The sweep under way.
    sweep: Option<Box<SweepReport>>,
}

impl<A> Default for Session<A> {
    fn default() -> Self {
        Self {
            phase: Phase::Off,
            worker: 0,
            current: None,
            waiting: VecDeque::new(),
            asked: Vec::new(),
            images: None,
            network: None,
            model: None,
            profile: None,
            there: There::default(),
            training: None,
            sweep: None,
        }
    }
}

impl<A: Clone + PartialEq> Session<A> {
    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the worker of this number is the present one: what an earlier one still says is not heard.
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
        self.current.as_ref().map(|ask| &ask.request)
    }

    /// The sweep under way, which is done or given up with its request.
    pub fn sweep(&self) -> Option<&SweepReport> {
        self.sweep.as_deref()
    }

    /// Takes in what happened; gives what is to be done, in this order.
    pub fn handle(&mut self, input: Input<A>) -> Vec<Effect<A>> {
        match input {
            Input::Asked(works) => self.asked(works),
            Input::Pause => self.pause(),
            Input::Resume => self.resume(),
            Input::Stop => self.stop(),
            Input::ChooseDevice => self.choose_device(),
            Input::GoOn => self.start_anew(Device::Same),
            Input::GiveUp => {
                self.drop_work();
                self.end()
            }
            Input::Ready => self.ready(),
            Input::Answered(answer) => self.answered(answer),
            Input::Lost { elsewhere } => self.lost(elsewhere),
            Input::Images
            | Input::Network(_)
            | Input::Measured(_)
            | Input::Sweep(_)
            | Input::Training(_)
            | Input::Saved(_) => {
                self.note(input);
                Vec::new()
            }
        }
    }

    /// Remembers what the worker holds.
    fn note(&mut self, input: Input<A>) {
        match input {
            Input::Images if self.is_bringing_again() => {}
            Input::Images => {
                self.profile = None;
                // A new network has as many classes as the images that it was made for.
                if self.network.as_ref().is_some_and(|ask| matches!(ask.request, ComputeRequest::Start { .. })) {
                    (self.network, self.model) = (None, None);
                }
            }
            Input::Network(model) => {
                if self.model != Some(model) || !self.is_bringing_again() {
                    self.profile = None;
                }
                self.model = Some(model);
            }
            Input::Measured(profile) => (self.profile, self.there.profile) = (Some(profile), true),
            Input::Sweep(report) => self.sweep = Some(report),
            Input::Training(state) => self.training = Some(state),
            Input::Saved(ask) => (self.network, self.there.network) = (Some(ask), true),
            _ => {}
        }
    }

    fn asked(&mut self, works: Vec<Work<A>>) -> Vec<Effect<A>> {
        let busy = self.current.is_some() || !self.waiting.is_empty();
        if busy && self.asked == works {
            // What a lost worker left waits for a person: asking for it again is a wish to go on.
            return if self.phase == Phase::Broken { self.start_anew(Device::Same) } else { Vec::new() };
        }
        self.waiting.extend(works.iter().cloned());
        self.asked = works;
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
                self.drop_work();
                self.end()
            }
            Phase::Starting { .. } | Phase::Working | Phase::Paused | Phase::Broken => self.start_anew(Device::Other),
        }
    }

    fn ready(&mut self) -> Vec<Effect<A>> {
        let Phase::Starting { paused } = self.phase else { return Vec::new() };
        self.there = There::default();
        if paused {
            self.phase = Phase::Paused;
            return Vec::new();
        }
        self.next()
    }

    fn answered(&mut self, answer: Answer) -> Vec<Effect<A>> {
        // A training that goes on later brings its own state.
        self.training = None;
        match self.current.take() {
            Some(ask) if answer == Answer::Done => self.carried_out(ask),
            Some(ask) if answer == Answer::Failed => self.failed(&ask),
            _ => {}
        }
        self.sweep = None;
        if answer != Answer::Done {
            // What was asked for after it would work on something else than was meant.
            self.waiting.clear();
        }
        match self.phase {
            Phase::Paused => Vec::new(),
            Phase::Working | Phase::Stopping => self.next(),
            _ => Vec::new(),
        }
    }

    fn carried_out(&mut self, ask: Ask<A>) {
        match &ask.request {
            request if request.brings_images() => (self.images, self.there.images) = (Some(ask), true),
            ComputeRequest::Start { .. } | ComputeRequest::Open { .. } => {
                (self.network, self.there.network) = (Some(ask), true);
            }
            ComputeRequest::Profile { .. } => self.there.profile = true,
            _ => {}
        }
    }

    /// What an earlier worker had and this one can't have is forgotten: asked for again it would fail again.
    fn failed(&mut self, ask: &Ask<A>) {
        if self.images.as_ref() == Some(ask) {
            self.images = None;
        } else if self.network.as_ref() == Some(ask) {
            (self.network, self.model, self.profile) = (None, None, None);
        } else if matches!(ask.request, ComputeRequest::Profile { .. }) {
            self.profile = None;
        }
    }

    fn lost(&mut self, elsewhere: bool) -> Vec<Effect<A>> {
        if self.phase == Phase::Stopping {
            self.drop_work();
        }
        if elsewhere {
            return self.start_anew(Device::Other);
        }
        self.take_up(Device::Same);
        let effects = self.end();
        if !self.waiting.is_empty() {
            self.phase = Phase::Broken;
        }
        effects
    }

    /// Sends the next request that is not settled already; before it, what an earlier worker had.
    fn next(&mut self) -> Vec<Effect<A>> {
        if let Some(ask) = self.missing().filter(|_| !self.waiting.is_empty()) {
            return self.send(ask);
        }
        while let Some(work) = self.waiting.pop_front() {
            match self.resolved(work) {
                Ok(None) => {}
                Ok(Some(ask)) => return self.send(ask),
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

    fn send(&mut self, ask: Ask<A>) -> Vec<Effect<A>> {
        // Until it tells of a later one, a training that goes on can be taken up from where it begins now.
        let is_continued = matches!(ask.request, ComputeRequest::Continue);
        self.training = ask.attachments.first().filter(|_| is_continued).cloned();
        self.current = Some(ask.clone());
        self.phase = Phase::Working;
        vec![Effect::Send(ask)]
    }

    /// What brings to the present worker what an earlier one had.
    fn missing(&self) -> Option<Ask<A>> {
        let images = self.images.clone().filter(|_| !self.there.images);
        let network = self.network.clone().filter(|_| !self.there.network);
        let profile = self.profile.clone().filter(|_| !self.there.profile);
        images.or(network).or_else(|| profile.map(|profile| ComputeRequest::Profile { profile }.into()))
    }

    /// The request that does some work on what is there now; nothing where it is done already.
    fn resolved(&self, work: Work<A>) -> Result<Option<Ask<A>>, String> {
        let model = || self.model.ok_or_else(|| "there is no network yet: choose one first".to_owned());
        let profile = || self.profile().ok_or_else(|| "measure the network first: this needs its profile".to_owned());
        let request = match work {
            Work::Ask(ask) => {
                let there = [self.images.as_ref(), self.network.as_ref()].contains(&Some(&ask));
                return Ok((!there).then_some(ask));
            }
            Work::Measure { again: false, .. } if self.profile.is_some() => return Ok(None),
            Work::Measure { images, seed, .. } => ComputeRequest::Calibrate { model: model()?, images, seed },
            Work::Train(plan) => ComputeRequest::Train { model: model()?, plan },
            Work::Sweep(plan) => {
                profile()?;
                ComputeRequest::Sweep { model: model()?, plan, previous: None }
            }
            Work::Prune { allocation: request, images, seed } => {
                let repair = Repair::Operator(request.settings.repair);
                let allocation =
                    allocate(Evidence::Profile(profile()?), &request).map_err(|error| error.to_string())?;
                ComputeRequest::Prune { allocation: Box::new(allocation), repair, images, seed }
            }
            Work::Predict { images, seed } => ComputeRequest::Predict { model: model()?, images, seed },
        };
        Ok(Some(request.into()))
    }

    /// Makes the request under way the first that waits, from where it was.
    fn take_up(&mut self, device: Device) {
        let Some(mut ask) = self.current.take() else { return };
        match (&mut ask.request, &self.training, self.sweep.take()) {
            (ComputeRequest::Train { .. } | ComputeRequest::Continue, Some(state), _) => {
                ask = Ask { request: ComputeRequest::Continue, attachments: vec![state.clone()] };
            }
            // Cells that two devices computed are not mixed: on another one the sweep begins anew.
            (ComputeRequest::Sweep { previous, .. }, _, report) => {
                *previous = report.filter(|_| device == Device::Same);
            }
            _ => {}
        }
        self.waiting.push_front(Work::Ask(ask));
    }

    fn drop_work(&mut self) {
        self.current = None;
        self.sweep = None;
        self.waiting.clear();
    }

    /// Another worker for what is under way and what waits.
    fn start_anew(&mut self, device: Device) -> Vec<Effect<A>> {
        let paused = matches!(self.phase, Phase::Paused | Phase::Starting { paused: true });
        self.take_up(device);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rrlab_types::ContentHasher;

    use super::*;

    type File = &'static str;

    fn hash(name: &str) -> ModelHash {
        ModelHash::of(ContentHasher::new(name))
    }

    fn shapes(seed: u64) -> Work<File> {
        Work::Ask(ComputeRequest::Shapes { train: 100, test: 100, seed }.into())
    }

    fn start(architecture: &str) -> Work<File> {
        Work::Ask(ComputeRequest::Start { architecture: architecture.into(), seed: 0 }.into())
    }

    fn open(name: &'static str) -> Ask<File> {
        Ask { request: ComputeRequest::Open { name: name.into(), architecture: None }, attachments: vec![name] }
    }

    fn measure() -> Work<File> {
        Work::Measure { images: 10, seed: 0, again: true }
    }

    fn plan() -> SweepPlan {
        SweepPlan {
            rules: vec![],
            sparsities: vec![],
            repairs: vec![],
            settings: Default::default(),
            constraints: vec![],
            calibration_images: 1,
            evaluation_images: 1,
            seed: 0,
        }
    }

    fn train() -> Work<File> {
        Work::Train(TrainingPlan::default())
    }

    /// The request that goes out, where one does.
    fn sent(effects: Vec<Effect<File>>) -> Option<ComputeRequest> {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Send(ask) => Some(ask.request),
            _ => None,
        })
    }

    fn done(session: &mut Session<File>) -> Option<ComputeRequest> {
        sent(session.handle(Input::Answered(Answer::Done)))
    }

    /// A session whose worker has images and this network, and nothing to do.
    fn with_network(name: &'static str) -> Session<File> {
        let mut session = Session::default();
        session.handle(Input::Asked(vec![shapes(0), Work::Ask(open(name))]));
        session.handle(Input::Ready);
        session.handle(Input::Images);
        done(&mut session);
        session.handle(Input::Network(hash(name)));
        assert_eq!(done(&mut session), None);
        assert_eq!(session.phase(), Phase::Ready);
        session
    }

    #[test]
    fn requests_go_out_one_at_a_time_and_name_the_network_that_is_there_by_then() {
        let mut session = Session::default();
        let effects = session.handle(Input::Asked(vec![shapes(0), start("resnet8"), measure()]));
        assert_eq!(effects, [Effect::Start { worker: 1 }]);
        assert!(matches!(sent(session.handle(Input::Ready)), Some(ComputeRequest::Shapes { .. })));
        assert!(matches!(done(&mut session), Some(ComputeRequest::Start { .. })));
        session.handle(Input::Network(hash("new")));
        let expected = ComputeRequest::Calibrate { model: hash("new"), images: 10, seed: 0 };
        assert_eq!(done(&mut session), Some(expected));
        assert_eq!(done(&mut session), None);
        assert_eq!(session.phase(), Phase::Ready);
    }

    #[test]
    fn what_is_there_is_not_brought_again() {
        let mut session = with_network("a");
        let asked = session.handle(Input::Asked(vec![shapes(0), Work::Ask(open("a")), measure()]));
        assert!(matches!(sent(asked), Some(ComputeRequest::Calibrate { .. })));
    }

    #[test]
    fn other_images_or_another_network_have_no_profile() {
        let mut session = with_network("a");
        let wish = Work::Measure { images: 10, seed: 0, again: false };
        session.handle(Input::Asked(vec![shapes(1), wish.clone()]));
        session.handle(Input::Images);
        assert!(matches!(done(&mut session), Some(ComputeRequest::Calibrate { .. })));
        session.handle(Input::Stop);
        session.handle(Input::Answered(Answer::Stopped));
        session.handle(Input::Asked(vec![Work::Ask(open("b")), wish]));
        session.handle(Input::Network(hash("b")));
        assert!(matches!(done(&mut session), Some(ComputeRequest::Calibrate { model, .. }) if model == hash("b")));
    }

    #[test]
    fn pruning_without_a_profile_is_refused() {
        let mut session = with_network("a");
        let effects = session.handle(Input::Asked(vec![Work::Sweep(plan())]));
        assert!(
            matches!(effects.as_slice(), [Effect::Problem(problem)] if problem.contains("measure the network first"))
        );
        assert_eq!(session.phase(), Phase::Ready);
    }

    #[test]
    fn a_second_click_asks_for_nothing_more() {
        let mut session = with_network("a");
        session.handle(Input::Asked(vec![measure()]));
        assert_eq!(session.handle(Input::Asked(vec![measure()])), []);
        assert_eq!(done(&mut session), None);
        // After the first is done it is a wish of its own.
        assert!(sent(session.handle(Input::Asked(vec![measure()]))).is_some());
    }

    #[test]
    fn a_worker_that_is_paused_or_stopped_while_it_starts_obeys() {
        let mut session = Session::default();
        session.handle(Input::Asked(vec![shapes(0)]));
        session.handle(Input::Pause);
        assert_eq!(session.phase(), Phase::Starting { paused: true });
        assert_eq!(session.handle(Input::Ready), []);
        assert_eq!(session.phase(), Phase::Paused);
        assert!(sent(session.handle(Input::Resume)).is_some());

        let mut session = Session::default();
        session.handle(Input::Asked(vec![shapes(0)]));
        assert_eq!(session.handle(Input::Stop), [Effect::End]);
        assert_eq!(session.phase(), Phase::Off);
        assert!(!session.is_current(1));
        assert_eq!(session.handle(Input::Ready), []);
    }

    #[test]
    fn stopping_gives_up_what_waits_and_hears_nothing_until_it_is_answered() {
        let mut session = with_network("a");
        session.handle(Input::Asked(vec![measure(), train()]));
        assert_eq!(session.handle(Input::Stop), [Effect::Control(Control::Stop)]);
        assert_eq!(session.handle(Input::Stop), [Effect::Control(Control::Stop)][1..]);
        assert_eq!(session.handle(Input::Pause), []);
        assert_eq!(sent(session.handle(Input::Answered(Answer::Stopped))), None);
        assert_eq!(session.phase(), Phase::Ready);
    }

    #[test]
    fn another_device_goes_on_with_what_was_under_way() {
        let mut session = with_network("a");
        assert_eq!(session.handle(Input::ChooseDevice), [Effect::End]);
        session.handle(Input::Asked(vec![train()]));
        session.handle(Input::Ready);
        session.handle(Input::Images);
        assert!(matches!(done(&mut session), Some(ComputeRequest::Open { .. })), "the network is brought again");
        session.handle(Input::Network(hash("a")));
        assert!(matches!(done(&mut session), Some(ComputeRequest::Train { .. })));
        session.handle(Input::Training("state"));
        assert_eq!(session.handle(Input::ChooseDevice), [Effect::End, Effect::Start { worker: 3 }]);
        assert!(!session.is_current(2) && session.is_current(3));
        session.handle(Input::Ready);
        done(&mut session);
        let effects = session.handle(Input::Answered(Answer::Done));
        assert_eq!(effects, [Effect::Send(Ask { request: ComputeRequest::Continue, attachments: vec!["state"] })]);
    }

    #[test]
    fn another_device_begins_a_sweep_anew_and_the_same_goes_on() {
        let plan = plan();
        let report = SweepReport {
            version: rrlab_types::SWEEP_VERSION,
            architecture: "resnet8".into(),
            classes: 10,
            origin: rrlab_types::ReportOrigin {
                model_hash: None,
                profile_hash: None,
                images_hash: None,
                dataset: "shapes10".into(),
                device: "webgpu".into(),
                program: String::new(),
            },
            plan: plan.clone(),
            dense_accuracy: 0.5,
            entries: vec![],
        };
        for (input, is_kept) in
            [(Input::Lost { elsewhere: true }, false), (Input::ChooseDevice, false), (Input::GoOn, true)]
        {
            let mut session = with_network("a");
            let request = ComputeRequest::Sweep { model: hash("a"), plan: plan.clone(), previous: None };
            session.handle(Input::Asked(vec![Work::Ask(request.into())]));
            session.handle(Input::Sweep(Box::new(report.clone())));
            session.handle(input);
            session.handle(Input::Ready);
            done(&mut session);
            let taken_up = done(&mut session);
            assert!(matches!(taken_up, Some(ComputeRequest::Sweep { previous, .. }) if previous.is_some() == is_kept));
        }
    }

    #[test]
    fn a_training_that_goes_on_is_taken_up_from_its_own_state() {
        let mut session = with_network("a");
        session.handle(Input::Asked(vec![train()]));
        session.handle(Input::Training("state of the first"));
        session.handle(Input::Stop);
        session.handle(Input::Answered(Answer::Stopped));
        let second = Ask { request: ComputeRequest::Continue, attachments: vec!["state of the second"] };
        session.handle(Input::Asked(vec![Work::Ask(second.clone())]));
        session.handle(Input::GoOn);
        session.handle(Input::Ready);
        done(&mut session);
        assert_eq!(session.handle(Input::Answered(Answer::Done)), [Effect::Send(second)]);
    }

    #[test]
    fn a_lost_worker_with_nothing_to_do_is_off_and_one_with_work_is_broken() {
        let mut session = with_network("a");
        session.handle(Input::Lost { elsewhere: false });
        assert_eq!(session.phase(), Phase::Off);
        let mut session = with_network("a");
        session.handle(Input::Asked(vec![measure()]));
        session.handle(Input::Lost { elsewhere: false });
        assert_eq!(session.phase(), Phase::Broken);
        assert_eq!(session.handle(Input::GoOn), [Effect::End, Effect::Start { worker: 2 }]);
        let mut session = with_network("a");
        session.handle(Input::Asked(vec![measure()]));
        session.handle(Input::Lost { elsewhere: false });
        assert_eq!(session.handle(Input::Asked(vec![measure()])), [Effect::End, Effect::Start { worker: 2 }]);
        session.handle(Input::Lost { elsewhere: false });
        session.handle(Input::GiveUp);
        assert_eq!(session.phase(), Phase::Off);
    }

    #[test]
    fn what_a_new_worker_can_not_have_is_forgotten() {
        let mut session = with_network("gone");
        session.handle(Input::ChooseDevice);
        session.handle(Input::Asked(vec![Work::Ask(open("there")), measure()]));
        session.handle(Input::Ready);
        done(&mut session);
        session.handle(Input::Answered(Answer::Failed));
        assert_eq!(session.model(), None);
        let asked = session.handle(Input::Asked(vec![Work::Ask(open("there"))]));
        assert_eq!(sent(asked), Some(open("there").request));
    }

    #[test]
    fn a_training_that_was_stopped_leaves_the_network_as_it_was_then() {
        let mut session = with_network("a");
        session.handle(Input::Asked(vec![train()]));
        session.handle(Input::Stop);
        session.handle(Input::Saved(open("half-way")));
        session.handle(Input::Network(hash("half-way")));
        session.handle(Input::Answered(Answer::Stopped));
        let asked = session.handle(Input::Asked(vec![measure()]));
        let expected = ComputeRequest::Calibrate { model: hash("half-way"), images: 10, seed: 0 };
        assert_eq!(sent(asked), Some(expected));
    }

    fn inputs() -> impl Strategy<Value = Input<File>> {
        prop_oneof![
            prop::sample::select(vec![
                vec![shapes(0), Work::Ask(open("a")), measure()],
                vec![shapes(1)],
                vec![start("resnet8"), train()],
                vec![measure()],
            ])
            .prop_map(Input::Asked),
            prop::sample::select(vec![
                Input::Pause,
                Input::Resume,
                Input::Stop,
                Input::ChooseDevice,
                Input::GoOn,
                Input::GiveUp,
                Input::Ready,
                Input::Images,
                Input::Network(hash("a")),
                Input::Training("state"),
                Input::Answered(Answer::Done),
                Input::Answered(Answer::Stopped),
                Input::Answered(Answer::Failed),
                Input::Lost { elsewhere: true },
                Input::Lost { elsewhere: false },
            ]),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: a worker is asked only while it is there and owes no answer.
        #[test]
        fn a_worker_owes_one_answer_at_most(inputs in prop::collection::vec(inputs(), 0..60)) {
            let mut session = Session::default();
            for input in inputs {
                let owed = session.current().is_some();
                // Only a worker that was asked answers.
                if matches!(input, Input::Answered(_)) && !owed {
                    continue;
                }
                let answered = matches!(input, Input::Answered(_) | Input::Lost { .. } | Input::Ready);
                let effects = session.handle(input);
                let sends = effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count();
                prop_assert!(sends <= 1);
                prop_assert!(sends == 0 || !owed || answered);
                let works = matches!(session.phase(), Phase::Working | Phase::Stopping);
                prop_assert!(!works || session.current().is_some());
                let there = !matches!(session.phase(), Phase::Off | Phase::Broken | Phase::Starting { .. } | Phase::Ready);
                prop_assert!(session.current().is_none() || there);
            }
        }
    }
}
