//! What the server asks of the process that reads an upload, and what that answers.

use rrlab_protocol::ArtifactKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::facts::ArtifactFacts;

/// What can be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadKind {
    /// A network: a safetensors file of the lab's, or a state dict saved by PyTorch (then also
    /// `architecture`).
    Model,
    /// A profile, JSON as `rrlab calibrate` writes it.
    Profile,
    /// A data set: CIFAR's official files or an image folder, as .zip, .tar or .tar.gz.
    Dataset,
}

/// What an upload is said to be, and how much may come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestRequest {
    /// What it is said to be.
    pub kind: UploadKind,
    /// What to call it.
    pub name: String,
    /// A network's architecture, where its file does not say.
    pub architecture: Option<String>,
    /// Its number of classes, where that can't be seen from its tensors.
    pub classes: Option<usize>,
    /// What it expects of images, where its file does not say, as JSON.
    pub preprocessing: Option<String>,
    /// Rows and columns to which a data set's images are cut.
    pub size: Option<usize>,
    /// What their shorter side is scaled to before.
    pub resize: Option<usize>,
    /// Bytes that all images of a data set may have as they are kept.
    pub kept_bytes: u64,
    /// Bytes of memory that reading may take.
    pub memory_bytes: u64,
}

/// How reading an upload ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is right; what is to be stored was written.
    Read {
        /// What it is.
        kind: ArtifactKind,
        /// Which network or profile.
        facts: ArtifactFacts,
    },
    /// It is broken, or not what it is said to be, or too much.
    Refused {
        /// Why, in words.
        problem: String,
    },
    /// The disk has no room for it.
    DiskFull,
}
