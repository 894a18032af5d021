//! What the server asks of the process that reads an upload, and what that answers.

use rrlab_protocol::ArtifactKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// What an upload is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadDescription {
    /// What the body is.
    pub kind: UploadKind,
    /// What to call it.
    pub name: String,
    /// The network's architecture, where its file does not say.
    pub architecture: Option<String>,
    /// Its number of classes, where that can't be seen from its tensors.
    pub classes: Option<usize>,
    /// What it expects of images, where its file does not say: JSON with any of `size`, `resize`,
    /// `normalization` (`{"mean": [R, G, B], "std": [R, G, B]}`) and `class_names`, as `rrlab`
    /// takes it by `--preprocessing`. An address has 64 KiB at most, a proxy's often 8; what is
    /// longer goes into the file by `rrlab export --preprocessing`.
    pub preprocessing: Option<String>,
    /// Rows and columns to which images of a data set's folder are cut (default 32).
    pub size: Option<usize>,
    /// What their shorter side is scaled to before (default: as many).
    pub resize: Option<usize>,
}

/// What is asked of the process that reads an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestRequest {
    /// What the upload is said to be.
    pub what: UploadDescription,
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
        /// What is known of it.
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
