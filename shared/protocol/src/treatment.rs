//! What is done to a network before its layers are looked at or it is handed over.

use rrlab_types::{Allocation, Criterion, Repair};
use serde::{Deserialize, Serialize};

/// How a network is pruned and repaired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Treatment {
    /// What every layer keeps, and of which network.
    pub allocation: Allocation,
    /// What chooses the weights that stay inside each layer.
    pub criterion: Criterion,
    /// How channels are repaired; none leaves the network as it was pruned.
    pub repair: Repair,
    /// Number of calibration images, drawn from the training images.
    pub images: usize,
    /// Seed with which they are drawn.
    pub seed: u64,
}
