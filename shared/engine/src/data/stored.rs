//! A data set as one safetensors file: decoded once, then read in a moment.

use std::collections::HashMap;
use std::io::{self, Write};

use bytes::Bytes;
use rrlab_types::FeatureShape;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use super::dataset::{Dataset, Split};
use super::images::{ImageSet, Normalization, SIDES, square_image};

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
    /// A file that can't be written.
    #[error("can't write the data set: {0}")]
    Write(#[from] io::Error),
}

/// What the file's metadata say beside its tensors.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) classes: Vec<String>,
    pub(super) normalization: Normalization,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resize: Option<usize>,
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
            resize: self.resize,
        };
        let sets = [&self.test, &self.train];
        let labels = sets.map(ImageSet::labels);
        let mut bytes = Vec::new();
        write_beginning(&mut bytes, &header, self.train.shape(), labels)?;
        for set in sets {
            bytes.extend_from_slice(set.pixels());
        }
        Ok(bytes)
    }

    /// The data set that these bytes of a file hold. They are shared, not copied.
    ///
    /// # Errors
    /// If they are not what [`Dataset::to_bytes`] wrote, whole.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, StoredDatasetError> {
        let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
        let header = metadata.metadata().as_ref().and_then(|map| map.get(METADATA_KEY));
        let header = header.ok_or_else(|| content("it holds other tensors".into()))?;
        let Header { name, classes, normalization, resize } =
            serde_json::from_str(header).map_err(|error| content(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes)?;
        let train = read_set(&bytes, &tensors, Split::Train, classes.len())?;
        let test = read_set(&bytes, &tensors, Split::Test, classes.len())?;
        Ok(Self { name, classes, normalization, resize, train, test })
    }
}

/// Writes what stands before the pixels in a stored data set: of the images of the test split, then
/// of the training split, all `image` large, whose `labels` these are.
pub(super) fn write_beginning(
    mut to: impl Write,
    header: &Header,
    image: FeatureShape,
    labels: [&[u32]; 2],
) -> Result<(), StoredDatasetError> {
    let mut tensors = Vec::new();
    let mut end = 0;
    let mut push = |name: String, dtype, shape: Vec<usize>, bytes: usize| {
        tensors.push((name, TensorInfo { dtype, shape, data_offsets: (end, end + bytes) }));
        end += bytes;
    };
    // The format's order: larger types first, then by name.
    let sets = || [Split::Test, Split::Train].into_iter().zip(labels);
    for (split, labels) in sets() {
        push(format!("{split}.labels"), Dtype::U32, vec![labels.len()], size_of_val(labels));
    }
    for (split, labels) in sets() {
        let shape = vec![labels.len(), image.channels, image.height, image.width];
        let bytes = labels.len() * image.elements();
        push(format!("{split}.images"), Dtype::U8, shape, bytes);
    }
    let described = serde_json::to_string(header).map_err(|error| content(error.to_string()))?;
    let described = HashMap::from([(METADATA_KEY.to_owned(), described)]);
    let metadata = Metadata::new(Some(described), tensors)?;
    let mut text = serde_json::to_vec(&metadata).map_err(|error| content(error.to_string()))?;
    text.resize(text.len().next_multiple_of(size_of::<u64>()), b' ');
    to.write_all(&(text.len() as u64).to_le_bytes())?;
    to.write_all(&text)?;
    for label in labels.into_iter().flatten() {
        to.write_all(&label.to_le_bytes())?;
    }
    Ok(())
}

pub(super) fn content(problem: String) -> StoredDatasetError {
    StoredDatasetError::Content { problem }
}

fn read_set(
    bytes: &Bytes,
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
            if SIDES.contains(&width)
                && square_image(width) == (FeatureShape { channels, height, width }) =>
        {
            ImageSet::from_parts(width, bytes.slice_ref(images.data()), labels)
        }
        _ => None,
    };
    set.ok_or_else(|| {
        content(format!("its {split} split has {count} labels, but its images are {shape:?}"))
    })
}
