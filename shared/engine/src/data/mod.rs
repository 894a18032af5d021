//! Data sets: labelled colour images, square and of one size, and the ways to get them.

mod batches;
mod dataset;
mod images;
mod import;
mod shapes10;
mod stored;
mod summary;

pub(crate) use batches::draw_positions;
pub use batches::{
    Augmentation, EVALUATION_BATCH, Sample, draw_indices, evaluation_batch, evaluation_batch_of,
    images_to_device,
};
pub use dataset::{Dataset, Split};
pub use images::{IMAGE, IMAGE_BYTES, ImageSet, Normalization};
pub use import::{CollectedDataset, ImageSize, ImportBudget, ImportError, Importer, is_archive};
pub use shapes10::{SHAPES10, SHAPES10_CLASSES, shapes10};
pub use stored::StoredDatasetError;
pub use summary::DatasetSummary;
