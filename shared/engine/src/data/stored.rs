//! A data set as one safetensors file: decoded once, then read in a moment.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{Dataset, IMAGE_BYTES, ImageSet, Split};
use crate::architecture::IMAGE;

/// Key of the file's metadata that holds name, classes and normalisation.
pub(super) const METADATA_KEY: &str = "rrlab.dataset";

/// Why bytes are not a stored data set.
#[derive(Debug, thiserror::Error)]
pub enum StoredDatasetError {
    /// Not a safetensors file, or a truncated one.
    #[error("not a stored data set: {0}; import it again")]
    Format(#[from] safetensors::SafeTensorError),
    /// A safetensors file of something else.
    #[error("not a stored data set: {problem}; import it again")]
    Content {
        /// What is wrong.
        problem: String,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) classes: Vec<String>,
    normalization: crate::model::Normalization,
}

impl Dataset {
    /// The data set as bytes of a file.
    ///
    /// # Errors
    /// If it is too large for the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoredDatasetError> {
        let header =
            Header { name: self.name.clone(), classes: self.classes.clone(), normalization: self.normalization };
        let header = serde_json::to_string(&header).map_err(|error| content(error.to_string()))?;
        let splits = [Split::Train, Split::Test].map(|split| {
            let set = self.split(split);
            (split, set, set.labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>())
        });
        let mut tensors = Vec::new();
        for (split, set, labels) in &splits {
            let shape = vec![set.len(), IMAGE.channels, IMAGE.height, IMAGE.width];
            tensors.push((format!("{split}.images"), TensorView::new(Dtype::U8, shape, &set.pixels)?));
            tensors.push((format!("{split}.labels"), TensorView::new(Dtype::U32, vec![set.len()], labels)?));
        }
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        Ok(safetensors::serialize(tensors, Some(metadata))?)
    }

    /// The data set that these bytes of a file hold.
    ///
    /// # Errors
    /// If they are not what [`Dataset::to_bytes`] wrote, whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredDatasetError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let header = metadata.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
        let header = header.ok_or_else(|| content("it holds other tensors".into()))?;
        let header: Header = serde_json::from_str(header).map_err(|error| content(error.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let [train, test] = [Split::Train, Split::Test].map(|split| read_set(&tensors, split, header.classes.len()));
        Ok(Self {
            name: header.name,
            classes: header.classes,
            normalization: header.normalization,
            train: train?,
            test: test?,
        })
    }
}

pub(super) fn content(problem: String) -> StoredDatasetError {
    StoredDatasetError::Content { problem }
}

fn read_set(tensors: &SafeTensors, split: Split, classes: usize) -> Result<ImageSet, StoredDatasetError> {
    let images = tensors.tensor(&format!("{split}.images"))?;
    let labels = tensors.tensor(&format!("{split}.labels"))?;
    let labels: Vec<u32> = match labels.dtype() {
        Dtype::U32 => labels.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        other => return Err(content(format!("its labels are {other:?}"))),
    };
    if images.dtype() != Dtype::U8 || images.data().len() != labels.len() * IMAGE_BYTES {
        return Err(content(format!("its {split} split has {} labels and images of another number", labels.len())));
    }
    if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
        return Err(content(format!("it has label {label}, but {classes} classes")));
    }
    Ok(ImageSet { pixels: images.data().to_vec(), labels })
}
