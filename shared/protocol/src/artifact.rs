//! What the server stores: networks, profiles, data sets, reports.

use rrlab_types::{ModelHash, ProfileHash};
use serde::{Deserialize, Serialize};

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ArtifactKind {
    /// A network, safetensors.
    Model,
    /// A profile, JSON.
    Profile,
    /// A data set: uploaded as an archive, kept as safetensors.
    Dataset,
    /// An allocation that was chosen, JSON.
    Allocation,
    /// A sweep's report, JSON.
    Sweep,
    /// A report of fine-tuning, JSON.
    Finetune,
    /// An evaluation, JSON.
    Evaluation,
}

impl ArtifactKind {
    /// Name in the API and the database.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Ending of a file of this kind.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Model | Self::Dataset => "safetensors",
            Self::Profile | Self::Allocation | Self::Sweep | Self::Finetune | Self::Evaluation => {
                "json"
            }
        }
    }
}

/// Something stored: uploaded, or made by a job. Its content is found by its hash and never
/// changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Artifact {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of its content.
    pub hash: String,
    /// Size of its content.
    pub bytes: i64,
    /// Who uploaded it or asked for the job that made it.
    pub owner: String,
    /// The job that made it.
    pub job: Option<i64>,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
    /// Of a network: its hash, as every report of it states it. Of a profile: that of the network
    /// that it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_hash: Option<ModelHash>,
    /// Of a profile: its hash, as every report that was computed with it states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_hash: Option<ProfileHash>,
}
