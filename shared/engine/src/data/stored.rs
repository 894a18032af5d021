//! A data set as one safetensors file: decoded once, then read in a moment.

use std::collections::HashMap;

use rrlab_types::FeatureShape;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::dataset::{Dataset, Split};
use super::images::{ImageSet, Normalization, square_image};

/// Key of the file's metadata that holds name, classes and normalisation.
pub(super) const METADATA_KEY: &str = "rrlab.dataset";

/// Why bytes are not a stored data set.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum StoredDatasetError {
    /// Not a safetensors file, or a truncated one.
    #[error("not a stored data set: {0}; import it again")]
    Format(#[from] safetensors::SafeTensorError),
    /// A safetensors file whose tensors are no data set's.
    #[error("not a stored data set: {problem}; import it again")]
    Content { problem: String },
}

/// What the file's metadata say beside its tensors.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) classes: Vec<String>,
    normalization: Normalization,
}

impl Dataset {
    /// The data set as bytes of a file.
    ///
    /// # Errors
    /// If it is too large for the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoredDatasetError> {
        let header = Header {
            name: self.name.clone(),
            classes: self.classes.clone(),
            normalization: self.normalization,
        };
        let header = serde_json::to_string(&header).map_err(|error| content(error.to_string()))?;
        let labels = [&self.train, &self.test].map(label_bytes);
        let mut tensors = Vec::new();
        for (split, labels) in [Split::Train, Split::Test].into_iter().zip(&labels) {
            let set = self.split(split);
            let FeatureShape { channels, height, width } = set.shape();
            let shape = vec![set.len(), channels, height, width];
            let images = TensorView::new(Dtype::U8, shape, set.pixels())?;
            let labels = TensorView::new(Dtype::U32, vec![set.len()], labels)?;
            tensors.push((format!("{split}.images"), images));
            tensors.push((format!("{split}.labels"), labels));
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
        let Header { name, classes, normalization } =
            serde_json::from_str(header).map_err(|error| content(error.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let train = read_set(&tensors, Split::Train, classes.len())?;
        let test = read_set(&tensors, Split::Test, classes.len())?;
        Ok(Self { name, classes, normalization, train, test })
    }
}

fn label_bytes(set: &ImageSet) -> Vec<u8> {
    set.labels().iter().flat_map(|label| label.to_le_bytes()).collect()
}

pub(super) fn content(problem: String) -> StoredDatasetError {
    StoredDatasetError::Content { problem }
}

fn read_set(
    tensors: &SafeTensors,
    split: Split,
    classes: usize,
) -> Result<ImageSet, StoredDatasetError> {
    let images = tensors.tensor(&format!("{split}.images"))?;
    let labels = tensors.tensor(&format!("{split}.labels"))?;
    let labels: Vec<u32> = match labels.dtype() {
        Dtype::U32 => {
            let words = labels.data().chunks_exact(size_of::<u32>());
            words.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        other => return Err(content(format!("its labels are {other:?}"))),
    };
    if images.dtype() != Dtype::U8 {
        return Err(content(format!("its images are {:?}", images.dtype())));
    }
    if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
        return Err(content(format!("it has label {label}, but {classes} classes")));
    }
    let (count, shape) = (labels.len(), images.shape().to_vec());
    let set = match shape[..] {
        [_, channels, height, width]
            if square_image(width) == (FeatureShape { channels, height, width }) =>
        {
            ImageSet::from_parts(width, images.data().to_vec(), labels)
        }
        _ => None,
    };
    set.ok_or_else(|| {
        content(format!("its {split} split has {count} labels, but its images are {shape:?}"))
    })
}
