//! The official binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of label bytes
//! and 3072 pixels.

use std::io::Read;

use super::error::ImportError;
use crate::data::dataset::Split;
use crate::data::images::{IMAGE_BYTES, Normalization};

/// Of CIFAR-10's training images, in the digits that the field has used since.
const CIFAR10_NORMALIZATION: Normalization =
    Normalization { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] };
/// Of CIFAR-100's training images, likewise.
const CIFAR100_NORMALIZATION: Normalization =
    Normalization { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] };

/// Customary normalisation of a data set of this name and so many classes. Something else may be
/// called `cifar10`.
pub fn customary_normalization(dataset: &str, classes: usize) -> Option<Normalization> {
    match (dataset, classes) {
        ("cifar10", 10) => Some(CIFAR10_NORMALIZATION),
        ("cifar100", 100) => Some(CIFAR100_NORMALIZATION),
        _ => None,
    }
}

/// Layout of a record: label bytes, of which the last is the class, then [`IMAGE_BYTES`] pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    label_bytes: usize,
    /// Classes of the data set; labels are below.
    pub classes: usize,
}

/// CIFAR-10's records have one label byte.
const CIFAR10: Layout = Layout { label_bytes: 1, classes: 10 };
/// CIFAR-100's records have a coarse and a fine label byte; the fine one is the class.
const CIFAR100: Layout = Layout { label_bytes: 2, classes: 100 };

/// What a file of this name holds, if it is one of the official files of images.
pub fn image_file(file_name: &str) -> Option<(Layout, Split)> {
    match file_name {
        "test_batch.bin" => Some((CIFAR10, Split::Test)),
        "train.bin" => Some((CIFAR100, Split::Train)),
        "test.bin" => Some((CIFAR100, Split::Test)),
        name => {
            let number = name.strip_prefix("data_batch_")?.strip_suffix(".bin")?;
            matches!(number, "1" | "2" | "3" | "4" | "5").then_some((CIFAR10, Split::Train))
        }
    }
}

/// Whether a file of this name holds the names of the classes, one a line.
pub fn is_class_names(file_name: &str) -> bool {
    matches!(file_name, "batches.meta.txt" | "fine_label_names.txt")
}

/// Calls `keep(label, pixels)` for each record of a file, which is not held as a whole.
///
/// # Errors
/// If it is cut short, a label is none of the classes, or as `keep` says.
pub fn read_records(
    path: &str,
    content: &mut dyn Read,
    layout: Layout,
    mut keep: impl FnMut(u32, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let record = layout.label_bytes + IMAGE_BYTES;
    let mut bytes = Vec::with_capacity(record);
    let mut index = 0;
    loop {
        bytes.clear();
        let read = content.take(record as u64).read_to_end(&mut bytes);
        read.map_err(|source| ImportError::Read { path: path.into(), source })?;
        if bytes.is_empty() && index > 0 {
            return Ok(());
        }
        if bytes.len() < record {
            let length = (index * record + bytes.len()) as u64;
            return Err(ImportError::Truncated { path: path.into(), length, record });
        }
        let label = bytes[layout.label_bytes - 1];
        if usize::from(label) >= layout.classes {
            let (path, classes) = (path.into(), layout.classes);
            return Err(ImportError::Label { path, index, label, classes });
        }
        keep(u32::from(label), &bytes[layout.label_bytes..])?;
        index += 1;
    }
}
