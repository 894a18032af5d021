//! What a stored data set holds, from the header of its file alone.

use std::io::Read;

use safetensors::tensor::Metadata;

use super::dataset::{Dataset, Split};
use super::stored::{Header, METADATA_KEY, StoredDatasetError, content};

/// Longest header of a safetensors file, as that format's own reader has it.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Bytes before the header, which say how long it is.
const LENGTH_BYTES: usize = 8;

/// Sizes of a data set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DatasetSummary {
    /// Its name.
    pub name: String,
    /// Number of its classes.
    pub classes: usize,
    /// Number of training images.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
}

impl DatasetSummary {
    /// Of a file of `file_bytes` bytes that [`Dataset::to_bytes`] made. No more than its header is
    /// read.
    ///
    /// # Errors
    /// If it can't be read, or is no such file, whole.
    pub fn read(mut file: impl Read, file_bytes: u64) -> Result<Self, StoredDatasetError> {
        let unreadable = |error: std::io::Error| content(error.to_string());
        let mut length = [0; LENGTH_BYTES];
        file.read_exact(&mut length).map_err(unreadable)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES.min(file_bytes) {
            return Err(content(format!("it says that its header has {length} bytes")));
        }
        let mut header = Vec::new();
        file.take(length).read_to_end(&mut header).map_err(unreadable)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| content(error.to_string()))?;
        let expected = LENGTH_BYTES as u64 + length + metadata.data_len() as u64;
        if expected != file_bytes {
            return Err(content(format!("it has {file_bytes} bytes and should have {expected}")));
        }
        let described = metadata.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
        let described = described.ok_or_else(|| content("it holds other tensors".into()))?;
        let Header { name, classes, .. } =
            serde_json::from_str(described).map_err(|error| content(error.to_string()))?;
        let images = |split: Split| {
            let labels = metadata.info(&format!("{split}.labels"));
            let count = labels.and_then(|labels| labels.shape.first().copied());
            count.ok_or_else(|| content(format!("it has no labels of its {split} split")))
        };
        Ok(Self {
            name,
            classes: classes.len(),
            train: images(Split::Train)?,
            test: images(Split::Test)?,
        })
    }

    /// Number of images of one split.
    pub fn images(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }
}

impl Dataset {
    /// Its sizes.
    pub fn summary(&self) -> DatasetSummary {
        DatasetSummary {
            name: self.name.clone(),
            classes: self.classes.len(),
            train: self.train.len(),
            test: self.test.len(),
        }
    }
}
