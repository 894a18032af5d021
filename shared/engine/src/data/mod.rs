//! Data sets: labelled 32×32 colour images in memory, and the ways to get them.

mod batches;
mod cifar;
mod image_folder;
mod import;
mod shapes10;
mod stored;
mod summary;

pub use batches::{Augmentation, Sample, draw_indices, images_to_device};
pub use import::{ImportError, Importer, archive_entries, is_archive};
pub use shapes10::{SHAPES10, SHAPES10_CLASSES, shapes10};
pub use stored::StoredDatasetError;
pub use summary::DatasetSummary;

use rrlab_types::{ContentHasher, ImagesHash};

use crate::architecture::IMAGE;
use crate::model::Normalization;

/// Bytes of one image: three planes of 32×32, red first.
pub const IMAGE_BYTES: usize = IMAGE.channels * IMAGE.height * IMAGE.width;

/// Half of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Images to train and to calibrate on.
    Train,
    /// Images to evaluate on.
    Test,
}

impl Split {
    /// The word used in folders, files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Images of one split with their labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageSet {
    /// [`IMAGE_BYTES`] for each image.
    pixels: Vec<u8>,
    /// Class of each image.
    labels: Vec<u32>,
}

impl ImageSet {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Planes of one image.
    ///
    /// # Panics
    /// If there are not that many images.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * IMAGE_BYTES..(index + 1) * IMAGE_BYTES]
    }

    /// Class of each image.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Hash of the pixels of these images, in this order; labels are no part of it.
    ///
    /// # Panics
    /// As [`ImageSet::image`].
    pub fn hash(&self, indices: &[usize]) -> ImagesHash {
        let mut hasher = ContentHasher::new("rrlab images");
        indices.iter().for_each(|&index| hasher.add(self.image(index)));
        ImagesHash::of(hasher)
    }

    /// Hash of the pixels of all images.
    pub fn hash_all(&self) -> ImagesHash {
        let all: Vec<usize> = (0..self.len()).collect();
        self.hash(&all)
    }

    fn push(&mut self, image: &[u8], label: u32) {
        debug_assert_eq!(image.len(), IMAGE_BYTES);
        self.pixels.extend_from_slice(image);
        self.labels.push(label);
    }
}

/// A named data set with both its splits.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Name of each class, in the order of labels.
    pub classes: Vec<String>,
    /// Mean and deviation of its colours.
    pub normalization: Normalization,
    /// Training images.
    pub train: ImageSet,
    /// Test images.
    pub test: ImageSet,
}

impl Dataset {
    /// Images of one split.
    pub fn split(&self, split: Split) -> &ImageSet {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }
}

/// Mean and deviation of each colour over these images; a colour that never changes counts as deviating by 1.
fn measured_normalization(images: &ImageSet) -> Normalization {
    let plane = IMAGE.positions();
    let count = (images.len() * plane) as f64 * 255.0;
    let moments = |colour: usize| {
        let pixels = (0..images.len()).flat_map(|i| &images.image(i)[colour * plane..(colour + 1) * plane]);
        let (sum, squares) = pixels
            .fold((0u64, 0u64), |(sum, squares), &pixel| (sum + u64::from(pixel), squares + u64::from(pixel).pow(2)));
        let mean = sum as f64 / count;
        let variance = squares as f64 / (count * 255.0) - mean * mean;
        (mean as f32, if variance > 1e-12 { variance.sqrt() as f32 } else { 1.0 })
    };
    let colours = [0, 1, 2].map(moments);
    Normalization { mean: colours.map(|c| c.0), std: colours.map(|c| c.1) }
}
