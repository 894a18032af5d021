//! The nodes of a layer graph, and the part that each prunable one plays.

use serde::{Deserialize, Serialize};

use super::op::Op;
use super::shape::FeatureShape;

/// Index of a node in [`LayerGraph::nodes`](super::LayerGraph::nodes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub usize);

/// Part that a prunable layer plays in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// The first convolution, which sees the image.
    Stem,
    /// A convolution that is none of the others.
    Conv,
    /// A 1×1 convolution on the shorter side of a residual sum.
    Projection,
    /// The last layer, which gives a number for each class.
    Classifier,
    /// A linear layer before the last.
    Hidden,
    /// A layer of squeeze and excite: it sees means over positions and weighs channels.
    SqueezeExcite,
}

impl Role {
    /// Name in files, on the command line and on the page.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A module of a network with what it takes: all that a graph is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Its name, as in the state dict without `.weight`.
    pub name: String,
    /// What it computes, with its sizes.
    pub op: Op,
    /// Where its inputs come from; always earlier modules.
    pub inputs: Vec<NodeId>,
}

/// A module in its place in a network, with what follows from that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The module's name, as in its state dict without `.weight`.
    pub name: String,
    /// What it computes, with its sizes.
    #[serde(flatten)]
    pub op: Op,
    /// Where its inputs come from; always earlier nodes.
    pub inputs: Vec<NodeId>,
    /// Shape of its output for one image.
    pub shape: FeatureShape,
    /// Multiply-accumulates for one image (0 where there are none).
    pub macs: u64,
    /// Set on prunable layers alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}
