//! What an allocation starts from: the layers of a network, and what was measured of them.

use crate::graph::{LayerGraph, PrunableLayer};
use crate::identity::{ModelHash, ProfileHash};
use crate::profile::{LayerProfile, ModelProfile};

/// What is known of a network.
#[derive(Debug, Clone, Copy)]
pub enum Evidence<'a> {
    /// Its layers alone: enough for the rules that need no profile.
    Graph(&'a LayerGraph),
    /// Its layers and what was measured of them.
    Profile(&'a ModelProfile),
}

/// A prunable layer with all that a rule may ask of it.
#[derive(Debug, Clone)]
pub struct Layer<'a> {
    /// Its weight and its place in the graph.
    pub shape: PrunableLayer<'a>,
    /// What was measured of it; nothing where the graph is all there is.
    pub profile: Option<&'a LayerProfile>,
}

impl Layer<'_> {
    /// Number of its weights.
    pub fn weights(&self) -> f64 {
        self.shape.weights as f64
    }
}

impl<'a> Evidence<'a> {
    fn graph(self) -> &'a LayerGraph {
        match self {
            Self::Graph(graph) => graph,
            Self::Profile(profile) => &profile.graph,
        }
    }

    /// The network and the profile that an allocation from it is bound to; shapes alone fit any
    /// network that has them.
    pub fn hashes(self) -> (Option<ModelHash>, Option<ProfileHash>) {
        match self {
            Self::Graph(_) => (None, None),
            Self::Profile(profile) => (profile.model_hash, Some(profile.hash())),
        }
    }

    /// Prunable layers, in graph order.
    pub fn layers(self) -> Vec<Layer<'a>> {
        let shapes = self.graph().prunable_layers().into_iter().enumerate();
        let profile = |index: usize| match self {
            Self::Graph(_) => None,
            Self::Profile(profile) => profile.layers.get(index),
        };
        shapes.map(|(index, shape)| Layer { shape, profile: profile(index) }).collect()
    }
}
