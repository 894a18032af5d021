//! Why nodes make no graph.

use std::ops::RangeInclusive;

use super::shape::{FeatureShape, ShapeError};

/// Why nodes make no graph. What can be built is valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No nodes, or the first is not the input.
    #[error("a layer graph starts with its input node; this one has {found}")]
    NoInput {
        /// What stands there instead, in words.
        found: String,
    },
    /// An input that is not an earlier node: one that does not exist, or a cycle.
    #[error("node `{node}` takes input {input}, which is not an earlier node")]
    BadInput {
        /// Name of the node.
        node: String,
        /// The input that it names.
        input: usize,
    },
    /// A node with too many or too few inputs.
    #[error("node `{node}` has {found} inputs; its operation takes {}", numbers(expected))]
    InputCount {
        /// Name of the node.
        node: String,
        /// Inputs that it names.
        found: usize,
        /// Numbers of inputs that its operation takes.
        expected: RangeInclusive<usize>,
    },
    /// An operation that does not take the inputs that it gets.
    #[error("node `{node}` {problem}")]
    DoesNotFit {
        /// Name of the node.
        node: String,
        /// What is wrong.
        problem: ShapeError,
    },
    /// Two nodes of one name.
    #[error("two nodes are named `{node}`")]
    DuplicateName {
        /// Name that stands twice.
        node: String,
    },
    /// A node that nothing takes the output of, though it is not the last.
    #[error("no node takes the output of `{node}`, and it is not the last")]
    Unused {
        /// Name of the node.
        node: String,
    },
    /// A last node that does not put out a number for each class.
    #[error("the last node, `{node}`, gives {shape}; a vector with a number for each class is due")]
    NoLogits {
        /// Name of the node.
        node: String,
        /// Shape of its output.
        shape: FeatureShape,
    },
    /// More parameters or multiply-accumulates than can be counted.
    #[error("the network as a whole is larger than any machine that this program is for holds")]
    TooLarge,
    /// Something that a file states and that does not follow from its operations.
    #[error("node `{node}` says its {what} is {stated}; its operation and inputs give {expected}")]
    Stated {
        /// Name of the node.
        node: String,
        /// What is stated: its shape, say.
        what: &'static str,
        /// What the file says.
        stated: String,
        /// What follows.
        expected: String,
    },
    /// A prunable layer without a role, or a role where nothing can be pruned.
    #[error("node `{node}` {problem}")]
    Role {
        /// Name of the node.
        node: String,
        /// What is wrong with its role.
        problem: &'static str,
    },
}

/// A number of inputs, or the least of several, in words.
fn numbers(range: &RangeInclusive<usize>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("at least {}", range.start())
    }
}
