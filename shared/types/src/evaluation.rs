//! What a network's accuracy was, and of which network, on which images.

use serde::{Deserialize, Serialize};

use crate::allocation::PrunedFrom;
use crate::identity::ModelHash;

/// Accuracy of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was evaluated: its file or its name.
    pub model: String,
    /// Which network that is.
    pub model_hash: ModelHash,
    /// The dense network and the profile that it was pruned by, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned_from: Option<PrunedFrom>,
    /// Data set that the images are from, by its name.
    pub dataset: String,
    /// Split of the data set.
    pub split: String,
    /// How many images were classified; those of the split that the seed draws, or all.
    pub images: usize,
    /// Kind of device and, for a GPU, its adapter: `cpu`, `wgpu (NVIDIA H100)`.
    pub device: String,
    /// Fraction of the images whose highest logit is their class, 0 to 1.
    pub accuracy: f64,
    /// Weights that are not 0.
    pub nonzero_weights: usize,
    /// Weights of all prunable layers, zero or not.
    pub weights: usize,
}
