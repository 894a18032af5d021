//! `ChannelProfile`: RR of every output channel, in a file of its own beside the profile, which keeps
//! its spread alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identity::{ImagesHash, ModelHash};
use crate::profile::{CHANNEL_SPARSITIES, ModelProfile};
use crate::repair::RepairOperator;
use crate::version::{VersionError, check_version};

/// Version of the format that this program writes.
pub const CHANNELS_VERSION: u32 = 1;

/// Parts of an RR of 1 that it is written in.
const PARTS: f64 = 1000.0;

/// RR of one channel in thousandths, as a whole number: it is looked at, not computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelRatio(u32);

impl ChannelRatio {
    /// The nearest to an RR; the largest where that is beyond it, or no number.
    pub fn new(ratio: f64) -> Self {
        Self(if ratio.is_nan() { u32::MAX } else { (ratio * PARTS).round() as u32 })
    }

    /// The RR.
    pub fn get(self) -> f64 {
        f64::from(self.0) / PARTS
    }
}

/// RR of a layer's channels by operator, each `[sparsity][channel]` at [`CHANNEL_SPARSITIES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerChannels {
    /// Name of the layer's module.
    pub name: String,
    /// By the operators that the profile has of the layer.
    pub ratios: BTreeMap<RepairOperator, Vec<Vec<ChannelRatio>>>,
}

/// RR of every output channel of a network, measured together with its profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelProfile {
    /// [`CHANNELS_VERSION`] when it was written.
    pub version: u32,
    /// The network that was measured.
    pub model_hash: ModelHash,
    /// The images that it was measured on.
    pub images_hash: ImagesHash,
    /// One for each prunable layer, in graph order.
    pub channels: Vec<LayerChannels>,
}

/// Why a text is no channels, or not those of a profile.
#[derive(Debug, thiserror::Error)]
pub enum ChannelProfileError {
    /// Written by a version of the program that this one does not know.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Not JSON, or of something else.
    #[error("not RR of channels: {0}")]
    Format(#[from] serde_json::Error),
    /// Ratios that are not as many as there are sparsities and channels.
    #[error(
        "RR of the channels of layer `{layer}` by {operator} is not {sparsities} times as many numbers"
    )]
    Shape {
        /// Name of the layer.
        layer: String,
        /// The operator.
        operator: RepairOperator,
        /// How many times.
        sparsities: usize,
    },
    /// Of another network.
    #[error("RR of channels is of network {found}, and the profile is of {wanted}")]
    OtherNetwork {
        /// Beginning of the hash of the channels' network.
        found: String,
        /// Of the profile's, or a word where it names none.
        wanted: String,
    },
    /// Measured on other images, or in other layers.
    #[error("RR of channels was measured on other images than the profile, or in other layers")]
    OtherImages,
}

impl ChannelProfile {
    /// Channels of the network and the images with these hashes.
    pub fn new(
        model_hash: ModelHash,
        images_hash: ImagesHash,
        channels: Vec<LayerChannels>,
    ) -> Self {
        Self { version: CHANNELS_VERSION, model_hash, images_hash, channels }
    }

    /// Reads channels and checks that each layer has as many numbers at every sparsity.
    ///
    /// # Errors
    /// If they are of another version, no channels, or inconsistent.
    pub fn from_json(text: &str) -> Result<Self, ChannelProfileError> {
        check_version("RR of channels", text, CHANNELS_VERSION)?;
        let channels: Self = serde_json::from_str(text)?;
        for layer in &channels.channels {
            let mut counts = layer.ratios.values().flatten().map(Vec::len);
            let count = counts.next().unwrap_or(0);
            for (&operator, ratios) in &layer.ratios {
                let sparsities = CHANNEL_SPARSITIES.len();
                let is_whole =
                    ratios.len() == sparsities && ratios.iter().all(|ratios| ratios.len() == count);
                if !is_whole {
                    let layer = layer.name.clone();
                    return Err(ChannelProfileError::Shape { layer, operator, sparsities });
                }
            }
        }
        Ok(channels)
    }

    /// Checks that these are the channels of a profile: of its network, measured on its images, with its
    /// layers.
    ///
    /// # Errors
    /// If they are not.
    pub fn check_profile(&self, profile: &ModelProfile) -> Result<(), ChannelProfileError> {
        if profile.model_hash != Some(self.model_hash) {
            let wanted =
                profile.model_hash.map_or_else(|| "no network".into(), |hash| hash.short());
            return Err(ChannelProfileError::OtherNetwork {
                found: self.model_hash.short(),
                wanted,
            });
        }
        let names = self.channels.iter().map(|layer| &layer.name);
        let is_same = profile.measurement.images_hash == Some(self.images_hash)
            && names.eq(profile.layers.iter().map(|layer| &layer.name));
        if is_same { Ok(()) } else { Err(ChannelProfileError::OtherImages) }
    }
}
