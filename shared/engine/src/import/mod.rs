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
use std::str::FromStr;

use serde::Deserialize;

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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hint {
    /// Which network it is.
    pub network: NetworkHint,
    /// What it expects of images.
    pub preprocessing: Preprocessing,
}

/// What a person says of a network's images and classes, where its file says nothing of them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preprocessing {
    /// Rows and columns of images.
    pub size: Option<usize>,
    /// What an image's shorter side is scaled to before so much of its middle is cut out.
    pub resize: Option<usize>,
    /// How images are normalised.
    pub normalization: Option<Normalization>,
    /// Names of the classes, in the order of the logits, or none.
    pub class_names: Vec<String>,
}

/// Why a text is no [`Preprocessing`].
#[derive(Debug, thiserror::Error)]
#[error("not a network's preprocessing as JSON: {0}")]
pub struct PreprocessingError(#[from] serde_json::Error);

impl FromStr for Preprocessing {
    type Err = PreprocessingError;

    /// Of JSON that says any of `size`, `resize`, `normalization` and `class_names`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(serde_json::from_str(text)?)
    }
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
    /// Images that are neither coloured nor grey.
    #[error(
        "the network takes images of {channels} channels; the lab's have three, or one of grey"
    )]
    Channels {
        /// How many it takes.
        channels: usize,
    },
    /// Something else about images than the file states.
    #[error("the file says that its {what} {stated}, but {asked} was asked for")]
    OtherPreprocessing {
        /// What is said.
        what: &'static str,
        /// The file's.
        stated: String,
        /// What was asked for.
        asked: String,
    },
    /// Images that are scaled to less than the network sees of them.
    #[error("the network sees {side} pixels of images, which can't be scaled to {resize} before")]
    Resize {
        /// Rows or columns that it sees.
        side: usize,
        /// What they are said to be scaled to.
        resize: usize,
    },
    /// Names of more or fewer classes.
    #[error("there are {names} names of classes, but the network tells {classes} classes apart")]
    ClassNames {
        /// How many names there are.
        names: usize,
        /// How many classes.
        classes: usize,
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
    let mut imported = if is_onnx(bytes) {
        read_onnx(bytes, &hint, beside)?
    } else if pytorch::is_pytorch(bytes) {
        let tensors = pytorch::read(bytes)?;
        read_tensors(TensorFile { tensors, ..TensorFile::default() }, &hint)?
    } else {
        let file = TensorFile::from_bytes(bytes)?;
        if checkpoint::is_ours(&file) {
            let model = checkpoint::from_file(file, hint.network)?;
            Imported { model, notes: Vec::new() }
        } else {
            read_tensors(file, &hint)?
        }
    };
    describe(&mut imported.model, hint.preprocessing)?;
    Ok(imported)
}

fn read_onnx(bytes: &[u8], hint: &Hint, beside: Beside<'_>) -> Result<Imported, ModelFileError> {
    let size = hint.preprocessing.size.map(|size| [size; 2]);
    let onnx::Onnx { model, notes, .. } = onnx::read(bytes, onnx::Options { size, beside })?;
    checkpoint::check_hint(model.graph(), hint.network)?;
    Ok(Imported { model, notes })
}

/// The model of tensors that come without a word about their network.
fn read_tensors(file: TensorFile, hint: &Hint) -> Result<Imported, ModelFileError> {
    let tensors = without_wrappers(file.tensors);
    let mut notes = Vec::new();
    let architecture = architecture_of(&tensors, hint.network.architecture)?;
    if hint.network.architecture.is_none() {
        let alike: Vec<String> =
            families::alike(&architecture, &tensors).iter().map(ToString::to_string).collect();
        notes.push(match alike.is_empty() {
            true => format!("recognised {architecture} by its tensors"),
            false => format!(
                "took {architecture}, whose tensors {} has too; name the architecture if it is another",
                alike.join(", ")
            ),
        });
    }
    let asked = &hint.preprocessing;
    let architecture = asked.size.map_or(architecture, |size| architecture.with_size(size));
    let network = NetworkHint { architecture: Some(architecture), ..hint.network };
    let mut model = checkpoint::from_file(TensorFile { tensors, ..file }, network)?;
    if asked.normalization.is_none()
        && let Some(published) = published_normalization(&architecture, model.graph().classes())
    {
        model.info.normalization = Some(published);
        notes.push(format!(
            "normalising images by {published}, as its authors do, since nothing else is said"
        ));
    }
    if asked.resize.is_none() {
        model.info.resize = architecture.published_resize();
    }
    Ok(Imported { model, notes })
}

/// Adds what was said of the model's images and classes, where its file says nothing of them.
fn describe(model: &mut Model, asked: Preprocessing) -> Result<(), ModelFileError> {
    let stated = model.graph().image();
    if ![1, 3].contains(&stated.channels) {
        return Err(ModelFileError::Channels { channels: stated.channels });
    }
    if let Some(asked) = asked.size
        && [stated.height, stated.width] != [asked; 2]
    {
        return Err(ModelFileError::OtherSize { stated, asked });
    }
    let classes = model.graph().classes();
    let info = &mut model.info;
    let what = "images are normalised by";
    settle(what, &mut info.normalization, asked.normalization, ToString::to_string)?;
    let what = "images' shorter side is scaled to";
    settle(what, &mut info.resize, asked.resize, |pixels| format!("{pixels} pixels"))?;
    let side = stated.height.min(stated.width);
    if let Some(resize) = info.resize.filter(|&resize| resize < side) {
        return Err(ModelFileError::Resize { side, resize });
    }
    if !asked.class_names.is_empty() {
        let mut stated = (!info.class_names.is_empty()).then(|| info.class_names.clone());
        settle("classes are", &mut stated, Some(asked.class_names), |names| names.join(", "))?;
        info.class_names = stated.unwrap_or_default();
    }
    let names = info.class_names.len();
    if names != 0 && names != classes {
        return Err(ModelFileError::ClassNames { names, classes });
    }
    Ok(())
}

/// Takes what was asked for where nothing is stated.
fn settle<T: PartialEq>(
    what: &'static str,
    stated: &mut Option<T>,
    asked: Option<T>,
    words: impl Fn(&T) -> String,
) -> Result<(), ModelFileError> {
    match (&stated, asked) {
        (Some(stated), Some(asked)) if *stated != asked => {
            let [stated, asked] = [words(stated), words(&asked)];
            return Err(ModelFileError::OtherPreprocessing { what, stated, asked });
        }
        (None, asked) => *stated = asked,
        _ => {}
    }
    Ok(())
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
