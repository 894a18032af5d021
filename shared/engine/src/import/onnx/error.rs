//! Why an ONNX file gives no network of the lab's.

use rrlab_types::{FeatureShape, GraphError, ShapeError};

use crate::model::StateDictError;

/// Why an ONNX file gives no network.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// Bytes that are no ONNX model, or not all of one.
    #[error("not a whole ONNX file: {0}")]
    Format(#[from] prost::DecodeError),
    /// A model without a graph.
    #[error("the ONNX file holds no graph")]
    NoGraph,
    /// Operations of a version that the lab does not read.
    #[error(
        "the operations are of opset {version}; the lab reads {least} and later: export the network anew with opset_version=17"
    )]
    Opset {
        /// The file's.
        version: i64,
        /// The first that is read.
        least: i64,
    },
    /// Operations that the lab does not have.
    #[error("the lab has no {}", told(operations))]
    Operations {
        /// Which, how many of each, and the first node of each.
        operations: Vec<MissingOperation>,
    },
    /// Not one image in.
    #[error("the graph takes {}, but the lab runs networks that take one batch of images", inputs.join(", "))]
    Inputs {
        /// What it takes, each with its shape.
        inputs: Vec<String>,
    },
    /// Images that are no floats.
    #[error(
        "the graph takes `{input}` as integers; the lab's images are floats, normalised before they go in"
    )]
    InputType {
        /// The input.
        input: String,
    },
    /// Images of a size that the file leaves open.
    #[error(
        "input `{input}` is {shape}, whose size the file leaves open: name it, as in --size 224, or {{\"size\": 224}} in a preprocessing file"
    )]
    OpenSize {
        /// The input.
        input: String,
        /// Its shape as the file states it.
        shape: String,
    },
    /// Nothing comes out, or not what goes in.
    #[error("the graph's output `{output}` does not depend on its images")]
    Output {
        /// The output's name.
        output: String,
    },
    /// A tensor that can't be read.
    #[error("tensor `{name}` {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong, as the end of the sentence.
        problem: TensorProblem,
    },
    /// A node that the lab can't compute.
    #[error("node `{node}` ({operation}) {problem}")]
    Node {
        /// Its name, else that of its first output.
        node: String,
        /// What it computes.
        operation: String,
        /// What is wrong, as the end of the sentence.
        problem: NodeProblem,
    },
    /// Nodes that make no network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Weights that make no network.
    #[error(transparent)]
    Weights(#[from] StateDictError),
    /// A description of the lab's in the file that can't be read.
    #[error("what the lab wrote of the network into the file can't be read: {problem}")]
    Metadata {
        /// What is wrong.
        problem: String,
    },
    /// A changed tensor that stands nowhere in the file as it is.
    #[error(
        "`{tensor}` was changed, but the file holds it in another form, so it can't be put back: write a .safetensors file, or a new ONNX file, instead"
    )]
    NoPlace {
        /// The tensor's name in the network.
        tensor: String,
    },
    /// A file that holds its graph in a way that can't be changed in place.
    #[error(
        "the file holds its graph in several parts, so weights can't be put back into it: write a new file instead"
    )]
    Parts,
    /// An operation that ONNX has not.
    #[error("node `{node}` can't be written as ONNX: {problem}")]
    Unwritable {
        /// The network's node.
        node: String,
        /// Why.
        problem: &'static str,
    },
}

/// An operation that the lab does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingOperation {
    /// Its name, with its domain where that is not ONNX's own.
    pub operation: String,
    /// How many nodes have it.
    pub count: usize,
    /// The first of them.
    pub first: String,
}

fn told(operations: &[MissingOperation]) -> String {
    let told = operations.iter().map(|MissingOperation { operation, count, first }| match count {
        1 => format!("{operation} (node `{first}`)"),
        _ => format!("{operation} ({count} nodes, first `{first}`)"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What is wrong with a tensor, as the end of a sentence about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TensorProblem {
    /// A type that weights never have.
    #[error("has values of type {0}, which the lab does not read: floats and integers are read")]
    Type(i32),
    /// Lengths that are negative or too large.
    #[error("claims the lengths {0:?}")]
    Lengths(Vec<i64>),
    /// More or fewer values than its lengths say.
    #[error("has {found} values where its lengths {lengths:?} say {expected}")]
    Count {
        /// Length of each dimension.
        lengths: Vec<usize>,
        /// Values that there are.
        found: usize,
        /// Values that the lengths say.
        expected: usize,
    },
    /// Values in another file that can't be had.
    #[error("lies in a file of its own, `{location}`: {problem}")]
    Elsewhere {
        /// The file that is named.
        location: String,
        /// Why it can't be read.
        problem: String,
    },
}

/// What is wrong with a node, as the end of a sentence about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NodeProblem {
    /// An input that no earlier node gives.
    #[error("takes `{0}`, which nothing before it gives")]
    Unknown(String),
    /// Fewer inputs than the operation takes.
    #[error("has no input {0}")]
    Missing(usize),
    /// An input that must be a constant.
    #[error("takes {0} from the images, where the lab needs a constant")]
    NotConstant(&'static str),
    /// A constant where images must come.
    #[error("is computed of constants in a way that the lab does not know")]
    OfConstants,
    /// An attribute with a value that the lab does not support.
    #[error("has {name} = {found}; the lab has {supported}")]
    Attribute {
        /// The attribute.
        name: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        supported: &'static str,
    },
    /// A constant of a shape that does not go with the images.
    #[error(
        "combines {feature} with a constant of the shape {constant:?}; the lab has {supported}"
    )]
    Constant {
        /// Shape of the images' side.
        feature: String,
        /// Shape of the constant.
        constant: Vec<usize>,
        /// What would do.
        supported: &'static str,
    },
    /// Dimensions that are moved in a way that the lab's images are not.
    #[error("makes {to} of {from}; the lab has {supported}")]
    Rearranged {
        /// Shape before, images counted with it.
        from: String,
        /// Shape or order after.
        to: String,
        /// What would do.
        supported: &'static str,
    },
    /// A step of attention that leads elsewhere.
    #[error(
        "takes products of queries and keys; the lab has softmax(scale·qᵀk)v of them, and nothing else"
    )]
    OfScores,
    /// Something that belongs to an expression that the lab knows, elsewhere.
    #[error("{0}")]
    Alone(&'static str),
    /// Constants that are computed to be larger than those of any network.
    #[error("computes more constants than any network has")]
    TooMuch,
    /// Sizes that do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A tensor that can't be read.
    #[error("takes a tensor that {0}")]
    Tensor(#[from] TensorProblem),
}

/// A shape for people, images counted with it.
pub(super) fn shape_text(lengths: &[usize]) -> String {
    let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
    lengths.join("×")
}

/// The shape of one image's activation for people.
pub(super) fn feature_text(shape: FeatureShape) -> String {
    shape.to_string()
}
