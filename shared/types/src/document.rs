//! What a person may open: a profile, RR of its channels, a sweep, a report of fine-tuning or an
//! allocation, told apart by what it holds.

use serde_json::Value;

use crate::allocation::{Allocation, AllocationError};
use crate::channels::{ChannelProfile, ChannelProfileError};
use crate::finetune::{FinetuneFormatError, FinetuneReport};
use crate::profile::{ModelProfile, ProfileError};
use crate::report::{SweepFormatError, SweepReport};

/// A file of the lab.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// What `rrlab calibrate` writes.
    Profile(Box<ModelProfile>),
    /// Accuracy over rules, sparsities and repairs.
    Sweep(Box<SweepReport>),
    /// Accuracy over epochs of fine-tuning.
    Finetune(Box<FinetuneReport>),
    /// A budget shared out.
    Allocation(Box<Allocation>),
    /// RR of every channel, as `rrlab calibrate --channels` writes it.
    Channels(Box<ChannelProfile>),
}

/// A text that is no file of the lab.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The text is not JSON.
    #[error(
        "it is not JSON ({0}); a profile, a sweep, a report of fine-tuning or an allocation is"
    )]
    Json(serde_json::Error),
    /// JSON of something else.
    #[error(
        "it holds neither a profile (written by `rrlab calibrate`), nor a sweep (`rrlab sweep`), nor a report of \
         fine-tuning (`rrlab finetune`), nor an allocation (`rrlab allocate --format json`)"
    )]
    Foreign,
    /// A broken profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A broken sweep.
    #[error(transparent)]
    Sweep(#[from] SweepFormatError),
    /// A broken report of fine-tuning.
    #[error(transparent)]
    Finetune(#[from] FinetuneFormatError),
    /// A broken allocation.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// Broken RR of channels.
    #[error(transparent)]
    Channels(#[from] ChannelProfileError),
}

impl Document {
    /// Reads a file of the lab, whichever it is.
    ///
    /// # Errors
    /// What the text is not, and why.
    pub fn from_json(text: &str) -> Result<Self, DocumentError> {
        let value: Value = serde_json::from_str(text).map_err(DocumentError::Json)?;
        let has = |key| value.get(key).is_some();
        if has("graph") {
            Ok(Self::Profile(Box::new(ModelProfile::from_json(text)?)))
        } else if has("runs") {
            Ok(Self::Finetune(Box::new(FinetuneReport::from_json(text)?)))
        } else if has("plan") {
            Ok(Self::Sweep(Box::new(SweepReport::from_json(text)?)))
        } else if has("budget") {
            Ok(Self::Allocation(Box::new(Allocation::from_json(text)?)))
        } else if has("channels") {
            Ok(Self::Channels(Box::new(ChannelProfile::from_json(text)?)))
        } else {
            Err(DocumentError::Foreign)
        }
    }

    /// What it is, with its article.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Profile(_) => "a profile",
            Self::Sweep(_) => "a sweep",
            Self::Finetune(_) => "a report of fine-tuning",
            Self::Allocation(_) => "an allocation",
            Self::Channels(_) => "RR of channels",
        }
    }
}
