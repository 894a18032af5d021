//! ONNX: graphs and weights of any framework, read into the lab's own.
//!
//! The messages are read with `prost` rather than by a library that makes a graph of its own out of
//! them (`onnx-ir`, `tract-onnx`): what is pruned goes back into the file that it came from, so the
//! lab has to know which initializer each weight is, and to leave all else as it stands.

mod arithmetic;
mod attention;
mod attributes;
mod axes;
mod constant;
mod description;
mod error;
mod pooling;
mod proto;
mod read;
mod rearrange;
mod replace;
mod translate;
mod value;
mod weighted;
mod write;

pub use constant::Beside;
pub use error::{MissingOperation, NodeProblem, OnnxError, TensorProblem};
pub use read::{Onnx, Options, is_onnx, read};
pub use replace::replace_weights;
pub use translate::OPERATIONS;
pub use write::write;
