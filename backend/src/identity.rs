//! Which network and which profile an artifact is: the hashes that the API shows beside it, and
//! that the server compares before it accepts a job.

use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::model::Model;
use rrlab_protocol::ArtifactKind;
use rrlab_types::{ModelHash, ModelProfile, ProfileHash};
use serde::{Deserialize, Serialize};

/// Hashes of an artifact that is a network or a profile; both `None` for any other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactIdentity {
    /// Of a network: its own. Of a profile: that of the network that it was measured on, `None`
    /// where its file (of version 1) does not say.
    pub model_hash: Option<ModelHash>,
    /// Of a profile: its own.
    pub profile_hash: Option<ProfileHash>,
}

impl ArtifactIdentity {
    /// Of a network.
    pub fn of_model(model: &Model) -> Self {
        Self { model_hash: Some(model.hash()), profile_hash: None }
    }

    /// Of a profile.
    pub fn of_profile(profile: &ModelProfile) -> Self {
        Self { model_hash: profile.model_hash, profile_hash: Some(profile.hash()) }
    }

    /// Of an artifact's content as it is stored.
    ///
    /// # Errors
    /// If the content is not of that kind, in words.
    pub fn of_content(kind: ArtifactKind, content: &[u8]) -> Result<Self, String> {
        match kind {
            ArtifactKind::Model => {
                let model = checkpoint::read(content, NetworkHint::default());
                Ok(Self::of_model(&model.map_err(|error| format!("the network: {error}"))?))
            }
            ArtifactKind::Profile => {
                let profile = ModelProfile::from_json(&String::from_utf8_lossy(content));
                Ok(Self::of_profile(&profile.map_err(|error| error.to_string())?))
            }
            _ => Ok(Self::default()),
        }
    }

    /// Whether it says all that an artifact of this kind can say. One that was stored by a version
    /// before hashes were kept does not.
    pub fn is_known_for(&self, kind: ArtifactKind) -> bool {
        match kind {
            ArtifactKind::Model => self.model_hash.is_some(),
            ArtifactKind::Profile => self.profile_hash.is_some(),
            _ => true,
        }
    }
}
