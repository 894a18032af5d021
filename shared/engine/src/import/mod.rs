//! Models as their authors publish them: PyTorch's files and safetensors, of networks recognised by
//! their tensors, and ONNX, which says what the network is.

mod families;
pub mod onnx;
mod pickle;
mod pytorch;

pub use families::{Unrecognised, alike, published_normalization, recognise};
pub use onnx::{Beside, OnnxError, is_onnx};
pub use pickle::PickleError;
pub use pytorch::PytorchError;

use std::ops::Range;

use crate::architecture::Architecture;
use crate::checkpoint::{self, CheckpointError, NetworkHint, TensorFile};
use crate::data::Normalization;
use crate::model::Model;
use crate::tensors::StateDict;
use rrlab_types::FeatureShape;

/// What wrappers of a network put before all its names.
const WRAPPERS: [&str; 7] =
    ["module.", "model.", "net.", "network.", "state_dict.", "_orig_mod.", "backbone."];

/// What a person says about a model's file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hint {
    /// Which network it is.
    pub network: NetworkHint,
    /// How its images are normalised.
    pub normalization: Option<Normalization>,
    /// Rows and columns of its images, where the file leaves them open.
    pub size: Option<usize>,
}

/// A model, and what was taken for granted about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// What the file did not say and the reader supplied, in words for a person.
    pub notes: Vec<String>,
}

/// Why a file gives no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// A PyTorch file without a state dict that can be read.
    #[error(transparent)]
    Pytorch(#[from] PytorchError),
    /// A safetensors file that is not whole, or tensors that do not fit their network.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Tensors of no network that the lab knows.
    #[error(transparent)]
    Unrecognised(#[from] Unrecognised),
    /// An ONNX file that gives no network.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// Images of another size than the file states.
    #[error(
        "the network is for images of {stated}, not of {asked}×{asked} pixels; images of another size are resized for it"
    )]
    OtherSize {
        /// The file's.
        stated: FeatureShape,
        /// The one asked for.
        asked: usize,
    },
    /// A normalisation other than the one that the file states.
    #[error("the file says that its images are normalised by {stated}, but {asked} was asked for")]
    OtherNormalization {
        /// The file's.
        stated: Normalization,
        /// The one asked for.
        asked: Normalization,
    },
}

/// The model in a file of `torch.save`, an ONNX file that holds all its weights, or a safetensors
/// file of ours or of others.
///
/// # Errors
/// If the file can't be read, is of no known network, or contradicts what was said about it.
pub fn read(bytes: &[u8], hint: Hint) -> Result<Imported, ModelFileError> {
    let nothing =
        |_: &str, _: Range<u64>| Err("it is not at hand; save the network as one file".to_owned());
    read_beside(bytes, hint, &nothing)
}

/// The same, also of ONNX files whose weights lie in files beside them, which `beside` reads.
///
/// # Errors
/// As [`read`].
pub fn read_beside(
    bytes: &[u8],
    hint: Hint,
    beside: Beside<'_>,
) -> Result<Imported, ModelFileError> {
    if is_onnx(bytes) {
        return read_onnx(bytes, hint, beside);
    }
    let file = if pytorch::is_pytorch(bytes) {
        TensorFile { tensors: pytorch::read(bytes)?, ..TensorFile::default() }
    } else {
        TensorFile::from_bytes(bytes)?
    };
    if checkpoint::is_ours(&file) {
        return read_ours(file, hint);
    }
    let tensors = without_wrappers(file.tensors);
    let mut notes = Vec::new();
    let architecture = architecture_of(&tensors, hint.network.architecture)?;
    if hint.network.architecture.is_none() {
        let alike: Vec<String> =
            families::alike(&architecture, &tensors).iter().map(ToString::to_string).collect();
        notes.push(match alike.is_empty() {
            true => format!("recognised {architecture} by its tensors"),
            false => format!(
                "took {architecture}, whose tensors {} has too; --arch says which it is",
                alike.join(", ")
            ),
        });
    }
    let architecture = hint.size.map_or(architecture, |size| architecture.with_size(size));
    let network = NetworkHint { architecture: Some(architecture), ..hint.network };
    let mut model = checkpoint::from_file(TensorFile { tensors, ..file }, network)?;
    model.info.normalization = hint.normalization;
    if hint.normalization.is_none()
        && let Some(published) = published_normalization(&architecture, model.graph().classes())
    {
        model.info.normalization = Some(published);
        notes.push(format!(
            "normalising images by {published}, as its authors do; --mean and --std say otherwise"
        ));
    }
    Ok(Imported { model, notes })
}

fn read_onnx(bytes: &[u8], hint: Hint, beside: Beside<'_>) -> Result<Imported, ModelFileError> {
    let options = onnx::Options { size: hint.size.map(|size| [size; 2]), beside };
    let onnx::Onnx { model, notes, .. } = onnx::read(bytes, options)?;
    checkpoint::check_hint(model.graph(), hint.network)?;
    Ok(Imported { model: described(model, hint)?, notes })
}

fn read_ours(file: TensorFile, hint: Hint) -> Result<Imported, ModelFileError> {
    let model = checkpoint::from_file(file, hint.network)?;
    Ok(Imported { model: described(model, hint)?, notes: Vec::new() })
}

/// The model with what was said of its images, where its file says nothing of them.
fn described(mut model: Model, hint: Hint) -> Result<Model, ModelFileError> {
    let stated = model.graph().image();
    if let Some(asked) = hint.size
        && [stated.height, stated.width] != [asked; 2]
    {
        return Err(ModelFileError::OtherSize { stated, asked });
    }
    match (model.info.normalization, hint.normalization) {
        (Some(stated), Some(asked)) if stated != asked => {
            return Err(ModelFileError::OtherNormalization { stated, asked });
        }
        (stated, asked) => model.info.normalization = stated.or(asked),
    }
    Ok(model)
}

/// The architecture asked for where the tensors fit it, else the one that they are of.
fn architecture_of(
    tensors: &StateDict,
    asked: Option<Architecture>,
) -> Result<Architecture, ModelFileError> {
    let Some(asked) = asked else { return Ok(recognise(tensors)?) };
    if families::fits(&asked, tensors) {
        return Ok(asked);
    }
    match recognise(tensors) {
        Ok(found) => Err(CheckpointError::OtherNetwork {
            found: found.to_string(),
            asked: asked.to_string(),
        }
        .into()),
        // Reading it as what was asked for tells which tensor is wrong.
        Err(_) => Ok(asked),
    }
}

/// Takes off what stands before all names, and what PyTorch counts beside the tensors.
fn without_wrappers(mut state: StateDict) -> StateDict {
    state.retain(|name, _| !name.ends_with(".num_batches_tracked"));
    loop {
        let before_all = |prefix: &&&str| {
            !state.is_empty() && state.keys().all(|name| name.starts_with(**prefix))
        };
        let Some(prefix) = WRAPPERS.iter().find(before_all) else { return state };
        state = state
            .into_iter()
            .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
            .collect();
    }
}
