//! What the page and a compute worker say to each other, as JSON. Files and tensors travel beside
//! it as they are.

use rrlab_types::{
    ChannelProfile, LayerGraph, LayerProfile, ModelHash, ModelProfile, StepReport, SweepPlan,
    SweepReport, TrainingPlan,
};
use serde::{Deserialize, Serialize};

use crate::observation::LayerObservation;
use crate::treatment::Treatment;

/// What the page asks for. Requests are carried out one after the other; [`ComputeRequest::Pause`],
/// [`ComputeRequest::Resume`] and [`ComputeRequest::Stop`] are heard at once. Whatever is done with
/// a network names it, and the worker refuses if it holds another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputeRequest {
    /// Make the procedural data set `shapes10`.
    Shapes {
        /// Number of training images.
        train: usize,
        /// Number of test images.
        test: usize,
        /// Seed of both; the generator keeps them apart.
        seed: u64,
    },
    /// Read a data set from the files that come beside.
    Files {
        /// What to call it.
        name: String,
        /// Rows and columns to which images of a folder are cut.
        size: usize,
        /// What their shorter side is scaled to before, where that is more.
        resize: Option<usize>,
    },
    /// A network with random weights, for as many classes as the data set has.
    Start {
        /// Architecture with its options.
        architecture: String,
        /// Seed of the weights.
        seed: u64,
    },
    /// The network of the checkpoint that comes beside, perhaps followed by its preprocessing as
    /// JSON.
    Open {
        /// The file's name, for messages.
        name: String,
        /// Its architecture, where the file does not say.
        architecture: Option<String>,
    },
    /// Train the network on the data set.
    Train {
        /// Must be the network that the worker holds.
        model: ModelHash,
        /// Epochs, learning rate and seed.
        plan: TrainingPlan,
    },
    /// Go on with the training whose state comes beside.
    Continue,
    /// Measure a profile of the network.
    Calibrate {
        /// Must be the network that the worker holds.
        model: ModelHash,
        /// Number of calibration images, drawn from the training images.
        images: usize,
        /// Seed with which they are drawn.
        seed: u64,
    },
    /// Prune, repair and evaluate by a plan; needs a profile.
    Sweep {
        /// Must be the network that the worker holds.
        model: ModelHash,
        /// Rules, sparsities and repairs.
        plan: Box<SweepPlan>,
        /// Entries of the same sweep that are known already; they are not computed again.
        previous: Option<Box<SweepReport>>,
    },
    /// Prune and repair, and hand over the network.
    Prune(Box<Treatment>),
    /// Prune and repair, and show what a layer gives for test images in the three networks.
    Observe {
        /// Must be the network that the worker holds.
        model: ModelHash,
        /// Name of the layer.
        layer: String,
        /// What is done to the network; what was done before for another layer is not done again.
        treatment: Box<Treatment>,
    },
    /// Classify some test images by the network, and by what was pruned from it last, before and
    /// after repair.
    Predict {
        /// Must be the network that the worker holds.
        model: ModelHash,
        /// Number of test images.
        images: usize,
        /// Seed with which they are drawn.
        seed: u64,
    },
    /// Take up this profile, which names the network that it was measured on.
    Profile {
        /// Refused if it is of another network than the worker holds.
        profile: Box<ModelProfile>,
    },
    /// Rest between two batches.
    Pause,
    /// Go on after [`ComputeRequest::Pause`].
    Resume,
    /// Give up what is under way and what waits.
    Stop,
}

impl ComputeRequest {
    /// Whether images are there after it, in the place of those before.
    pub fn brings_images(&self) -> bool {
        matches!(self, Self::Shapes { .. } | Self::Files { .. })
    }

    /// Whether another network is there after it.
    pub fn brings_network(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Open { .. } | Self::Continue)
    }

    /// What it does, for people.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Shapes { .. } => "making images",
            Self::Files { .. } => "reading images",
            Self::Start { .. } => "starting a network",
            Self::Open { .. } => "opening a network",
            Self::Train { .. } | Self::Continue => "training",
            Self::Calibrate { .. } => "measuring",
            Self::Sweep { .. } => "pruning, repairing and evaluating",
            Self::Prune(_) => "pruning and repairing",
            Self::Observe { .. } => "pruning, repairing and looking",
            Self::Predict { .. } => "classifying",
            Self::Profile { .. } => "taking up a profile",
            Self::Pause => "pausing",
            Self::Resume => "going on",
            Self::Stop => "stopping",
        }
    }
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputeEvent {
    /// It can be asked.
    Ready {
        /// Its program and version; equal to the page's, or one of them is out of date.
        program: String,
        /// The device that it computes on.
        device: String,
    },
    /// A data set is there.
    Data {
        /// Name of the data set.
        name: String,
        /// Names of its classes, in the order of the labels.
        classes: Vec<String>,
        /// Number of training images.
        train: usize,
        /// Number of test images.
        test: usize,
    },
    /// A network is there.
    Model {
        /// Names it in later requests.
        hash: ModelHash,
        /// Its layers and how they are connected.
        graph: Box<LayerGraph>,
        /// How it came to be, a line for each step, and what was noticed when its file was read.
        history: Vec<String>,
    },
    /// How far the present request is.
    Progress {
        /// What is counted: images, layers, steps, networks, nodes or files.
        what: String,
        /// How many are done.
        done: usize,
        /// How many there are in all.
        total: usize,
    },
    /// A step of training is done.
    Step {
        /// Epoch, step and loss.
        report: StepReport,
    },
    /// An epoch of training is done.
    Epoch {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Fraction of the test images (or of so many of them) that are classified right.
        accuracy: f64,
        /// On how many test images that was measured.
        images: usize,
    },
    /// A layer is measured.
    Layer {
        /// The network that is measured.
        model: ModelHash,
        /// The layer with its curves.
        layer: Box<LayerProfile>,
    },
    /// The whole profile is measured.
    Profile {
        /// Names the network and the images that it was measured on.
        profile: Box<ModelProfile>,
    },
    /// RR of every channel of the profile that was measured last.
    Channels {
        /// Names them too.
        channels: Box<ChannelProfile>,
    },
    /// A sweep has one more entry, or is done.
    Sweep {
        /// What is known so far.
        report: Box<SweepReport>,
    },
    /// Test images were classified; the bytes beside are their pixels, three planes each.
    Predictions {
        /// What the networks make of them.
        predictions: Predictions,
    },
    /// A layer was looked at; the bytes beside are its pictures.
    Observation {
        /// What it gives, and where each picture lies.
        observation: Box<LayerObservation>,
    },
    /// The bytes beside are a checkpoint.
    Checkpoint {
        /// The network that it is, or that it was pruned from.
        model: ModelHash,
        /// Whether it is a network or the state of a training.
        kind: CheckpointKind,
    },
    /// The request is carried out.
    Done,
    /// The request was stopped.
    Stopped,
    /// The request failed; others can follow.
    Failed {
        /// Why, for people.
        problem: String,
    },
    /// The device or the worker itself is lost: it will answer no more.
    Lost {
        /// Why, for people.
        problem: String,
    },
}

/// Some test images with their labels, and what networks make of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// The network that gave `dense`, and that the others were pruned from.
    pub model: ModelHash,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Class of each image.
    pub labels: Vec<u32>,
    /// Logits of the network for each image.
    pub dense: Vec<Vec<f32>>,
    /// Logits of what was pruned from it last, before repair.
    pub pruned: Option<Vec<Vec<f32>>>,
    /// The same after repair.
    pub repaired: Option<Vec<Vec<f32>>>,
}

/// What a checkpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointKind {
    /// The network as it is, trained to the end.
    Model,
    /// The network as it is when its training was stopped; the training's own state went before.
    Stopped,
    /// A training under way.
    Training,
    /// A pruned, repaired network.
    Pruned,
}
