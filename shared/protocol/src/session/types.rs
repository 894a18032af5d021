//! What goes into the state machine of a session, and what comes out of it.

use rrlab_types::{
    AllocationRequest, Criterion, ModelHash, ModelProfile, SweepPlan, SweepReport, TrainingPlan,
};

use crate::compute::ComputeRequest;
use crate::treatment::Treatment;

/// A request with its files.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestWithFiles<A> {
    /// What the worker is to do.
    pub request: ComputeRequest,
    /// A checkpoint, a state, or files of images; none with most requests.
    pub attachments: Vec<A>,
}

impl<A> From<ComputeRequest> for RequestWithFiles<A> {
    fn from(request: ComputeRequest) -> Self {
        Self { request, attachments: Vec::new() }
    }
}

/// What a person wants done. All but [`Task::Request`] are about the network that is there when
/// their turn comes.
#[derive(Debug, Clone, PartialEq)]
pub enum Task<A> {
    /// This request; images and networks that are there already are not brought again.
    Request(RequestWithFiles<A>),
    /// Train the network by this plan.
    Train(TrainingPlan),
    /// Measure its profile on so many images drawn with this seed.
    Measure {
        /// Number of calibration images.
        images: usize,
        /// Seed of the draw.
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
        /// What chooses the weights that stay inside each layer.
        criterion: Criterion,
        /// Number of calibration images.
        images: usize,
        /// Seed of the draw.
        seed: u64,
    },
    /// Prune and repair it, and show what a layer gives.
    Observe {
        /// Name of the layer.
        layer: String,
        /// How it is pruned and repaired.
        treatment: Box<Treatment>,
    },
    /// Classify so many test images drawn with this seed.
    Predict {
        /// Number of test images.
        images: usize,
        /// Seed of the draw.
        seed: u64,
    },
}

/// Where the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// HeldByWorker is no worker.
    Off,
    /// It is on its way; `paused` if it is to rest as soon as it is there.
    Starting {
        /// Whether a person asked it to rest meanwhile.
        paused: bool,
    },
    /// It waits for requests.
    Ready,
    /// It carries out a request.
    Working,
    /// It rests between two batches until it is told to go on.
    Paused,
    /// It was told to give up the present request and has not answered yet.
    Stopping,
    /// It was lost with work to do.
    Broken,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It was carried out.
    Done,
    /// The page gave it up.
    Stopped,
    /// It failed; others can follow.
    Failed,
}

/// What a worker hears at once, between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Rest until [`Control::Resume`].
    Pause,
    /// Go on after [`Control::Pause`].
    Resume,
    /// Give up the request under way and those that wait.
    Stop,
}

/// Something that happened: what a person wants, or what the worker said.
#[derive(Debug, Clone, PartialEq)]
pub enum Input<A> {
    /// A person wants these done, one after the other.
    Tasks(Vec<Task<A>>),
    /// A person wants a rest.
    Pause,
    /// A person wants to go on.
    Resume,
    /// A person gives up what is under way and what waits.
    Stop,
    /// A person chose another device.
    ChooseDevice,
    /// A person wants to go on in a new worker after one was lost, or is silent.
    Restart,
    /// A person gives up what a lost worker left.
    GiveUp,
    /// The worker takes requests.
    WorkerReady,
    /// The worker has other images.
    ImagesLoaded,
    /// The worker has this network.
    NetworkLoaded(ModelHash),
    /// The worker measured a profile.
    ProfileMeasured(Box<ModelProfile>),
    /// The sweep under way has come this far.
    SweepProgress(Box<SweepReport>),
    /// The training under way can be gone on with from here.
    TrainingState(A),
    /// The network that the worker has now can be brought to another by this.
    NetworkSaved(RequestWithFiles<A>),
    /// The present request ended.
    RequestEnded(RequestOutcome),
    /// The worker is gone; with `has_other_device` one on another device takes its place.
    WorkerLost {
        /// Whether to go on without being asked.
        has_other_device: bool,
    },
}

/// Something to be done by who holds the machine, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<A> {
    /// Start a worker; what it says is told to the machine while
    /// [`super::WorkerSession::is_current`] holds for this number.
    Start {
        /// Number of the worker, one more than the one before.
        worker: u64,
    },
    /// End the present worker.
    End,
    /// Send the worker a request, which it will answer.
    Send(RequestWithFiles<A>),
    /// Tell the worker at once; it answers nothing.
    Control(Control),
    /// Show a person what went wrong.
    Problem(String),
}
