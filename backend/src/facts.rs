//! What is known of an artifact without reading it: which network and which profile it is (the hashes
//! that the API shows beside it, and that the server compares before it accepts a job), and how much
//! work it makes.

use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::DatasetSummary;
use rrlab_engine::model::Model;
use rrlab_protocol::ArtifactKind;
use rrlab_types::{LayerGraph, ModelHash, ModelProfile, Op, ProfileHash, PrunableLayer};
use serde::{Deserialize, Serialize};

/// What is known of an artifact, where it is of a kind that has it and its version kept it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFacts {
    /// Of a network: its own. Of a profile: that of the network that it was measured on, `None`
    /// where its file (of version 1) does not say.
    pub model_hash: Option<ModelHash>,
    /// Of a profile: its own.
    pub profile_hash: Option<ProfileHash>,
    /// Of a network.
    #[serde(default)]
    pub size: Option<NetworkSize>,
    /// Of a data set.
    #[serde(default)]
    pub training_images: Option<u64>,
}

/// What the work and the memory of jobs on a network depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSize {
    /// Multiply-accumulates of one image.
    pub macs: u64,
    /// Values of all parameters.
    pub parameters: u64,
    /// Values of the widest activation of one image.
    pub widest: u64,
    /// Values of all activations of one image.
    pub activations: u64,
    /// Values of the second moments of all layers: each group's are the square of what one of its output
    /// channels reads.
    pub moments: u64,
}

impl NetworkSize {
    /// Of the network of a graph.
    pub fn of(graph: &LayerGraph) -> Self {
        let nodes = graph.nodes();
        Self {
            macs: nodes.iter().map(|node| node.macs).sum(),
            parameters: graph.parameters() as u64,
            widest: graph.widest() as u64,
            activations: nodes.iter().map(|node| node.shape.elements() as u64).sum(),
            moments: graph.prunable_layers().iter().map(|layer| moments(graph, layer)).sum(),
        }
    }
}

fn moments(graph: &LayerGraph, layer: &PrunableLayer<'_>) -> u64 {
    let groups = match graph.node(layer.node).op {
        Op::Conv2d(conv) => conv.groups,
        _ => 1,
    };
    let inputs: usize = layer.weight_shape.iter().skip(1).product();
    (inputs as u64).saturating_pow(2).saturating_mul(groups as u64)
}

impl ArtifactFacts {
    /// Of a network.
    pub fn of_model(model: &Model) -> Self {
        let size = Some(NetworkSize::of(model.graph()));
        Self { model_hash: Some(model.hash()), size, ..Self::default() }
    }

    /// Of a profile.
    pub fn of_profile(profile: &ModelProfile) -> Self {
        let profile_hash = Some(profile.hash());
        Self { model_hash: profile.model_hash, profile_hash, ..Self::default() }
    }

    /// Of a data set.
    pub fn of_dataset(dataset: &DatasetSummary) -> Self {
        Self { training_images: Some(dataset.train as u64), ..Self::default() }
    }

    /// Of an artifact's content as it is stored.
    ///
    /// # Errors
    /// If the content is not of that kind, in words.
    pub fn of_content(kind: ArtifactKind, content: &[u8]) -> Result<Self, String> {
        match kind {
            ArtifactKind::Model => {
                let model = checkpoint::read(content, NetworkHint::default());
                Ok(Self::of_model(&model.map_err(|error| format!("the network: {error}"))?))
            }
            ArtifactKind::Profile => {
                let profile = ModelProfile::from_json(&String::from_utf8_lossy(content));
                Ok(Self::of_profile(&profile.map_err(|error| error.to_string())?))
            }
            ArtifactKind::Dataset => {
                let summary = DatasetSummary::read(content, content.len() as u64);
                Ok(Self::of_dataset(&summary.map_err(|error| error.to_string())?))
            }
            _ => Ok(Self::default()),
        }
    }

    /// Whether it says all that an artifact of this kind can say. One that was stored by a version
    /// before hashes were kept does not.
    pub fn is_known_for(&self, kind: ArtifactKind) -> bool {
        match kind {
            ArtifactKind::Model => self.model_hash.is_some() && self.size.is_some(),
            ArtifactKind::Profile => self.profile_hash.is_some(),
            ArtifactKind::Dataset => self.training_images.is_some(),
            _ => true,
        }
    }
}
