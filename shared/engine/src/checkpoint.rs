//! Models as safetensors bytes, with what we say of them as metadata.

use std::collections::HashMap;

use rrlab_types::LayerGraph;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::architecture::{Architecture, ArchitectureError};
use crate::model::{HostTensor, Model, ModelInfo, StateDict, StateDictError};

/// Metadata key of what we say of a model. One key, so that equal models give equal bytes.
const HEADER_KEY: &str = "rrlab.model";

/// Why bytes are not a model.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not a safetensors file, or a truncated one.
    #[error("not a whole safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// No metadata of ours and nothing said about the architecture.
    #[error("the file does not say which network it is: name it with --arch, as in --arch resnet20 --classes 10")]
    NoArchitecture,
    /// What was said contradicts the file.
    #[error("the file holds {found}, but {asked} was asked for")]
    OtherNetwork {
        /// What it holds.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// An architecture that does not exist.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// Metadata that can't be read.
    #[error("metadata `{key}` of the file can't be read: {problem}")]
    Metadata {
        /// Its key.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A tensor of a type that is not a float.
    #[error("tensor `{name}` is {dtype:?}; weights are F32, F16, BF16 or F64")]
    Dtype {
        /// The tensor's name.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// Tensors that do not fit the network.
    #[error(transparent)]
    StateDict(#[from] StateDictError),
}

/// What we say of a model beside its tensors.
#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    architecture: String,
    classes: usize,
    #[serde(flatten)]
    info: ModelInfo,
}

/// What a person says about a file without metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NetworkHint {
    /// The architecture.
    pub architecture: Option<Architecture>,
    /// The number of classes; where it is not said, the classifier's weight tells.
    pub classes: Option<usize>,
}

/// A safetensors file: its metadata and float tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TensorFile {
    /// Key and value pairs beside the tensors.
    pub metadata: HashMap<String, String>,
    /// Its tensors.
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
                tensors.insert(name, HostTensor { shape: view.shape().to_vec(), values });
            }
        }
        Ok(Self { metadata: header.metadata().clone().unwrap_or_default(), tensors })
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// If a tensor's values are not as many as its shape says.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let bytes: Vec<(&String, &HostTensor, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| (name, tensor, tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = bytes
            .iter()
            .map(|(name, tensor, bytes)| Ok((*name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?)));
        let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        Ok(safetensors::serialize(views, Some(self.metadata.clone()))?)
    }
}

fn float_values(name: &str, view: &TensorView) -> Result<Option<Vec<f32>>, CheckpointError> {
    match view.dtype() {
        Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::BOOL => Ok(None),
        dtype => {
            floats(dtype, view.data()).map(Some).ok_or_else(|| CheckpointError::Dtype { name: name.into(), dtype })
        }
    }
}

/// Little-endian floats of 16, 32 or 64 bits in single precision; `None` for any other type.
pub fn floats(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F64 => {
            let eight = |b: &[u8]| f64::from_le_bytes(std::array::from_fn(|i| b[i]));
            data.chunks_exact(8).map(|b| eight(b) as f32).collect()
        }
        Dtype::F16 => data.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        Dtype::BF16 => data.chunks_exact(2).map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => return None,
    })
}

/// The file of a model.
pub fn to_file(model: &Model) -> Result<TensorFile, CheckpointError> {
    let header = Header {
        architecture: model.graph.architecture.clone(),
        classes: model.graph.classes,
        info: model.info.clone(),
    };
    let header = serde_json::to_string(&header)
        .map_err(|error| CheckpointError::Metadata { key: HEADER_KEY, problem: error.to_string() })?;
    let metadata = HashMap::from([(HEADER_KEY.to_owned(), header)]);
    Ok(TensorFile { metadata, tensors: model.state.clone() })
}

/// Whether a file says which network it holds, as ours do.
pub fn is_ours(file: &TensorFile) -> bool {
    file.metadata.contains_key(HEADER_KEY)
}

/// The model of a file of ours, or of tensors with the names of the network that the hint tells.
///
/// # Errors
/// If the file and the hint do not tell the network, contradict each other, or the tensors do not fit it.
pub fn from_file(file: TensorFile, hint: NetworkHint) -> Result<Model, CheckpointError> {
    let TensorFile { metadata, tensors: state } = file;
    let header: Option<Header> = metadata
        .get(HEADER_KEY)
        .map(|text| serde_json::from_str(text))
        .transpose()
        .map_err(|error| CheckpointError::Metadata { key: HEADER_KEY, problem: error.to_string() })?;
    let stated = header.as_ref().map(|header| header.architecture.parse::<Architecture>()).transpose()?;
    let architecture = match (stated, hint.architecture) {
        (Some(found), Some(asked)) if found != asked => {
            return Err(CheckpointError::OtherNetwork { found: found.to_string(), asked: asked.to_string() });
        }
        (found, asked) => found.or(asked).ok_or(CheckpointError::NoArchitecture)?,
    };
    let classes = match (header.as_ref().map(|header| header.classes), hint.classes) {
        (Some(found), Some(asked)) if found != asked => {
            let [found, asked] = [found, asked].map(|classes| format!("{classes} classes"));
            return Err(CheckpointError::OtherNetwork { found, asked });
        }
        (found, asked) => found.or(asked).unwrap_or_else(|| classes_of(&state, &architecture)),
    };
    let info = header.map(|header| header.info).unwrap_or_default();
    Ok(Model::new(architecture.graph(classes)?, state, info)?)
}

/// Model from bytes: [`TensorFile::from_bytes`], then [`from_file`].
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

/// Rows of the classifier's weight, or 10 where there is none: then the missing tensor is what gets reported.
pub fn classes_of(state: &StateDict, architecture: &Architecture) -> usize {
    let classifier =
        architecture.graph(2).ok().and_then(|graph: LayerGraph| graph.nodes.last().map(|n| n.name.clone()));
    let weight = classifier.and_then(|name| state.get(&crate::model::tensor_name(&name, "weight")));
    weight.and_then(|weight| weight.shape.first().copied()).unwrap_or(10)
}
