//! What the lab writes of a network into an ONNX file beside its layers.

use super::error::OnnxError;
use super::proto::{ModelProto, StringStringEntryProto};
use crate::model::{Model, ModelInfo};

/// Key of a model's metadata under which the lab describes it.
pub const METADATA_KEY: &str = "rrlab.model";

/// What the lab writes of a network beside its layers.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Description {
    pub architecture: String,
    #[serde(flatten)]
    pub info: ModelInfo,
}

/// The description in a file, where the lab wrote it.
pub fn description(model: &ModelProto) -> Result<Option<Description>, OnnxError> {
    let entry = model.metadata_props.iter().find(|entry| entry.key == METADATA_KEY);
    let Some(entry) = entry else { return Ok(None) };
    let fail = |error: serde_json::Error| OnnxError::Metadata { problem: error.to_string() };
    serde_json::from_str(&entry.value).map(Some).map_err(fail)
}

/// The entry in which the lab describes a network.
pub fn metadata(model: &Model) -> Result<StringStringEntryProto, OnnxError> {
    let architecture = model.graph().architecture().to_owned();
    let description = Description { architecture, info: model.info.clone() };
    let fail = |error: serde_json::Error| OnnxError::Metadata { problem: error.to_string() };
    let value = serde_json::to_string(&description).map_err(fail)?;
    Ok(StringStringEntryProto { key: METADATA_KEY.into(), value })
}
