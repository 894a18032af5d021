//! The form in which a network is written, by the name of its file.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, bail};
use rrlab_engine::checkpoint;
use rrlab_engine::import::{is_onnx, onnx};
use rrlab_engine::model::Model;
use rrlab_types::FeatureShape;

use crate::storage::{read, read_beside};

/// A form in which networks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelForm {
    /// Tensors by PyTorch's names, with what is known of the network.
    Safetensors,
    /// Graph and tensors.
    Onnx,
}

impl ModelForm {
    /// The form that a file's name asks for.
    ///
    /// # Errors
    /// For endings of PyTorch's pickles, which the lab reads but does not write.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_lowercase().as_str() {
            "onnx" => Ok(Self::Onnx),
            "pt" | "pth" | "th" => bail!(
                "{}: the lab writes no pickles; name it .safetensors, which PyTorch reads by \
                 safetensors.torch.load_file, or .onnx",
                path.display()
            ),
            _ => Ok(Self::Safetensors),
        }
    }

    /// The file of a network that was read from `source`, where it was. What came as ONNX goes back
    /// into that file: weights alone are replaced.
    ///
    /// # Errors
    /// If the source can't be read again, or the network has something that the form has not.
    pub fn bytes(self, model: &Model, source: Option<&Path>) -> anyhow::Result<Vec<u8>> {
        if self == Self::Safetensors {
            return Ok(checkpoint::write(model)?);
        }
        if let Some(path) = source {
            let bytes = read(path)?;
            if is_onnx(&bytes) {
                let beside = |name: &str, bytes: Range<u64>| read_beside(path, name, bytes);
                // The size that the file leaves open is the network's.
                let FeatureShape { height, width, .. } = model.graph().image();
                let size = Some([height, width]);
                let options = onnx::Options { size, beside: &beside };
                let replaced = onnx::replace_weights(&bytes, model, options);
                return replaced.with_context(|| path.display().to_string());
            }
        }
        Ok(onnx::write(model)?)
    }
}
