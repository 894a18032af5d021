//! What can be wrong with the files of a data set.

use std::io;

use crate::data::dataset::Split;

/// Why files are not a data set.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum ImportError {
    /// A CIFAR file that does not end where a record ends.
    #[error(
        "{path}: {length} bytes are not a whole number of records of {record} bytes: was the file cut short?"
    )]
    Truncated {
        path: String,
        length: u64,
        /// Bytes of a record.
        record: usize,
    },
    /// A label beyond the classes.
    #[error("{path}: image {index} has label {label}, but there are {classes} classes")]
    Label {
        path: String,
        /// The image in it.
        index: usize,
        label: u8,
        classes: usize,
    },
    /// An image that can't be decoded.
    #[error("{path}: {problem}")]
    Image {
        path: String,
        /// What the decoder says.
        problem: String,
    },
    /// A size that no image of a data set has.
    #[error("images of a data set have 1 to 1024 rows and columns, not {side}")]
    Side { side: usize },
    /// Images scaled to less than is cut out of them, or to more than is ever read.
    #[error(
        "an image of which {side}×{side} pixels stay is scaled to {side} to 8192 pixels, not {resize}"
    )]
    Resize { side: usize, resize: usize },
    /// Images of CIFAR asked for in another size.
    #[error("{path}: CIFAR's images are 32×32, not {size}; a network resizes them by itself")]
    CifarSize { path: String, size: String },
    /// A file that can't be read.
    #[error("{path} can't be read: {source}")]
    Read {
        path: String,
        /// What the reader says.
        source: io::Error,
    },
    /// An archive of more files than may be.
    #[error("{path}: it holds more than {most} files, the most that one archive may")]
    Files { path: String, most: u64 },
    /// An archive that unpacks to far more than it has.
    #[error("{path}: it unpacks to more than {mebibytes} MiB, out of all proportion to its size")]
    Unpacked { path: String, mebibytes: u64 },
    /// A tar archive with something large between its files.
    #[error(
        "{path}: not a readable tar archive: what stands between its files is larger than {most_bytes} bytes"
    )]
    TarHeader { path: String, most_bytes: u64 },
    /// A file that is larger than any of its kind.
    #[error("{path}: it is larger than {} MiB, the most that is read of such a file", most_bytes >> 20)]
    FileBytes { path: String, most_bytes: u64 },
    /// An image of more pixels than may be.
    #[error(
        "{path}: {width}×{height} pixels are more than the {most} that an image may have; make it smaller"
    )]
    ImagePixels { path: String, width: u64, height: u64, most: u64 },
    /// Images of far more pixels than their files have bytes.
    #[error(
        "{path}: up to here the images have {millions} million pixels in files of {mebibytes} MiB, out of all proportion"
    )]
    Pixels {
        path: String,
        /// Pixels so far.
        millions: u64,
        /// Bytes of their files.
        mebibytes: u64,
    },
    /// More images, or larger ones, than there is room for.
    #[error(
        "its images have more than {} MiB together; take fewer, or fewer pixels of each",
        most_bytes >> 20
    )]
    TooLarge { most_bytes: u64 },
    /// Images that can't be kept while others are read.
    #[error("can't write the images that wait until all are read: {0}")]
    Store(#[source] io::Error),
    /// An archive that can't be read.
    #[error("{path}: not a readable {kind}: {problem}")]
    Archive {
        path: String,
        kind: &'static str,
        /// What the reader says.
        problem: String,
    },
    /// Files of CIFAR and images of a folder, or of both CIFARs.
    #[error(
        "{path}: belongs to another data set than the files before it; import one data set at a time"
    )]
    Mixed {
        /// The first file that differs.
        path: String,
    },
    /// A split without images.
    #[error(
        "no {split} images found: expected data_batch_1.bin … test_batch.bin (CIFAR-10), train.bin and test.bin \
         (CIFAR-100), or an image folder train/CLASS/*.png|jpg|webp and test/CLASS/…"
    )]
    Empty { split: Split },
    /// Class names that are fewer than the classes, or a class that only one split has.
    #[error("{problem}")]
    Classes { problem: String },
}
