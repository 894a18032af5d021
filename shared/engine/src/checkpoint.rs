//! Models as safetensors bytes, with what we say of them as metadata.

use std::collections::HashMap;

use rrlab_types::LayerGraph;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::architecture::{Architecture, ArchitectureError};
use crate::model::{Model, ModelInfo, StateDictError};
use crate::tensors::{HostTensor, ShapeError, StateDict, tensor_name};

/// Metadata key of what we say of a model. One key, so that equal models give equal bytes.
const HEADER_KEY: &str = "rrlab.model";

/// Why bytes are not a model.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum CheckpointError {
    /// Not a safetensors file, or a truncated one.
    #[error("not a whole safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// No metadata of ours and nothing said about the architecture.
    #[error(
        "the file does not say which network it is: name it with --arch, as in --arch resnet20 --classes 10"
    )]
    NoArchitecture,
    /// What was said contradicts the file.
    #[error("the file holds {found}, but {asked} was asked for")]
    OtherNetwork {
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// An architecture that does not exist.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// Metadata that can't be read.
    #[error("metadata `{key}` of the file can't be read: {problem}")]
    Metadata { key: &'static str, problem: String },
    /// A tensor of a type that is not a float.
    #[error("tensor `{name}` is {dtype:?}; weights are F32, F16, BF16 or F64")]
    Dtype { name: String, dtype: Dtype },
    /// A tensor with more or fewer values than its shape says.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Tensors that do not fit the network.
    #[error(transparent)]
    StateDict(#[from] StateDictError),
}

/// What we say of a model beside its tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    architecture: String,
    classes: usize,
    /// The layers of a network that no architecture's name gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    graph: Option<LayerGraph>,
    #[serde(flatten)]
    info: ModelInfo,
}

impl Header {
    fn from_json(text: &str) -> Result<Self, CheckpointError> {
        let fail = |error: serde_json::Error| CheckpointError::Metadata {
            key: HEADER_KEY,
            problem: error.to_string(),
        };
        serde_json::from_str(text).map_err(fail)
    }
}

/// What a person says about a file without metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NetworkHint {
    /// The network's family and width, as in `resnet18:width=0.25`.
    pub architecture: Option<Architecture>,
    /// The number of classes; where it is not said, the classifier's weight tells.
    pub classes: Option<usize>,
}

/// A safetensors file: its metadata and float tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TensorFile {
    /// Key and value pairs beside the tensors.
    pub metadata: HashMap<String, String>,
    /// Its float tensors by name.
    pub tensors: StateDict,
}

impl TensorFile {
    /// Reads a file's bytes; half and double precision become single. Integers are passed over.
    ///
    /// # Errors
    /// If the bytes are not a whole safetensors file or hold a type that weights never have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let file = SafeTensors::deserialize(bytes)?;
        let mut tensors = StateDict::new();
        for (name, view) in file.tensors() {
            if let Some(values) = float_values(&name, &view)? {
                tensors.insert(name, HostTensor::new(view.shape().to_vec(), values)?);
            }
        }
        Ok(Self { metadata: header.metadata().clone().unwrap_or_default(), tensors })
    }

    /// The file's bytes, its tensors in single precision.
    ///
    /// # Errors
    /// If the metadata are too large for the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let bytes_of = |tensor: &HostTensor| {
            tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let bytes: Vec<Vec<u8>> = self.tensors.values().map(bytes_of).collect();
        let mut views = Vec::new();
        for ((name, tensor), bytes) in self.tensors.iter().zip(&bytes) {
            views.push((name, TensorView::new(Dtype::F32, tensor.shape().to_vec(), bytes)?));
        }
        Ok(safetensors::serialize(views, Some(self.metadata.clone()))?)
    }
}

/// The values of a tensor of floats; `None` for integers.
fn float_values(name: &str, view: &TensorView) -> Result<Option<Vec<f32>>, CheckpointError> {
    let dtype = view.dtype();
    if matches!(dtype, Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::BOOL) {
        return Ok(None);
    }
    match floats(dtype, view.data()) {
        Some(values) => Ok(Some(values)),
        None => Err(CheckpointError::Dtype { name: name.into(), dtype }),
    }
}

/// Little-endian floats of 16, 32 or 64 bits in single precision; `None` for any other type.
pub fn floats(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => numbers(data, f32::from_le_bytes),
        Dtype::F64 => numbers(data, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F16 => numbers(data, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => numbers(data, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
        _ => return None,
    })
}

/// Numbers of `N` bytes each.
fn numbers<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.chunks_exact(N).map(|bytes| read(std::array::from_fn(|i| bytes[i]))).collect()
}

/// The file of a model.
///
/// # Errors
/// If what is known of the model can't be written as JSON.
pub fn to_file(model: &Model) -> Result<TensorFile, CheckpointError> {
    let graph = model.graph();
    let header = Header {
        architecture: graph.architecture().to_owned(),
        classes: graph.classes(),
        graph: (named_graph(graph).as_ref() != Some(graph)).then(|| graph.clone()),
        info: model.info.clone(),
    };
    let fail = |error: serde_json::Error| CheckpointError::Metadata {
        key: HEADER_KEY,
        problem: error.to_string(),
    };
    let header = serde_json::to_string(&header).map_err(fail)?;
    let metadata = HashMap::from([(HEADER_KEY.to_owned(), header)]);
    Ok(TensorFile { metadata, tensors: model.tensors().clone() })
}

/// The graph that a graph's name and classes give, if they give any.
fn named_graph(graph: &LayerGraph) -> Option<LayerGraph> {
    graph.architecture().parse::<Architecture>().ok()?.graph(graph.classes()).ok()
}

/// Whether a file says which network it holds, as ours do.
pub fn is_ours(file: &TensorFile) -> bool {
    file.metadata.contains_key(HEADER_KEY)
}

/// The model of a file of ours, or of tensors with the names of the network that the hint tells.
///
/// # Errors
/// If the file and the hint do not tell the network, contradict each other, or the tensors do not
/// fit it.
pub fn from_file(file: TensorFile, hint: NetworkHint) -> Result<Model, CheckpointError> {
    let TensorFile { metadata, tensors: state } = file;
    let header = metadata.get(HEADER_KEY).map(|text| Header::from_json(text)).transpose()?;
    if let Some(Header { graph: Some(graph), info, .. }) = header {
        return own_graph(graph, state, info, hint);
    }
    let stated = match &header {
        Some(header) => Some(header.architecture.parse::<Architecture>()?),
        None => None,
    };
    let architecture = match (stated, hint.architecture) {
        (Some(found), Some(asked)) if found != asked => {
            let [found, asked] = [found, asked].map(|architecture| architecture.to_string());
            return Err(CheckpointError::OtherNetwork { found, asked });
        }
        (found, asked) => found.or(asked).ok_or(CheckpointError::NoArchitecture)?,
    };
    let classes = match &header {
        Some(header) => {
            check_classes(header.classes, hint.classes)?;
            header.classes
        }
        None => hint.classes.unwrap_or_else(|| classes_of(&state, &architecture)),
    };
    let info = header.map(|header| header.info).unwrap_or_default();
    Ok(Model::new(architecture.graph(classes)?, state, info)?)
}

/// The model of a file that holds its graph.
fn own_graph(
    graph: LayerGraph,
    state: StateDict,
    info: ModelInfo,
    hint: NetworkHint,
) -> Result<Model, CheckpointError> {
    check_hint(&graph, hint)?;
    Ok(Model::new(graph, state, info)?)
}

/// Whether what was said of a network goes with a file that holds its graph.
///
/// # Errors
/// If an architecture was named, or a number of classes that is not the graph's.
pub(crate) fn check_hint(graph: &LayerGraph, hint: NetworkHint) -> Result<(), CheckpointError> {
    if let Some(asked) = hint.architecture {
        let (found, asked) = (graph.architecture().to_owned(), asked.to_string());
        return Err(CheckpointError::OtherNetwork { found, asked });
    }
    check_classes(graph.classes(), hint.classes)
}

/// Whether the classes that a file states are those asked for, where any were.
fn check_classes(found: usize, asked: Option<usize>) -> Result<(), CheckpointError> {
    match asked {
        Some(asked) if asked != found => {
            let [found, asked] = [found, asked].map(|classes| format!("{classes} classes"));
            Err(CheckpointError::OtherNetwork { found, asked })
        }
        _ => Ok(()),
    }
}

/// Model from bytes: [`TensorFile::from_bytes`], then [`from_file`].
///
/// ```
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::checkpoint::{self, NetworkHint};
/// use rrlab_engine::model::Model;
///
/// let model = Model::random("resnet8".parse::<Architecture>()?.graph(10)?, 7);
/// let bytes = checkpoint::write(&model)?;
/// assert_eq!(checkpoint::read(&bytes, NetworkHint::default())?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As those.
pub fn read(bytes: &[u8], hint: NetworkHint) -> Result<Model, CheckpointError> {
    from_file(TensorFile::from_bytes(bytes)?, hint)
}

/// Bytes of a model: [`to_file`], then [`TensorFile::to_bytes`].
///
/// # Errors
/// As those.
pub fn write(model: &Model) -> Result<Vec<u8>, CheckpointError> {
    to_file(model)?.to_bytes()
}

/// Rows of the classifier's weight, or 10 where there is none: then the missing tensor is what gets
/// reported.
pub fn classes_of(state: &StateDict, architecture: &Architecture) -> usize {
    const UNKNOWN: usize = 10;
    // The classifier has the same name for any number of classes; 2 is the least that a graph can
    // have.
    let Ok(graph) = architecture.graph(2) else { return UNKNOWN };
    let Some(classifier) = graph.prunable_layers().pop() else { return UNKNOWN };
    let weight = state.get(&tensor_name(classifier.name, "weight"));
    weight.and_then(|weight| weight.shape().first().copied()).unwrap_or(UNKNOWN)
}
