//! Labelled images, and the normalisation of their pixels.

use bytes::Bytes;
use rrlab_types::{ContentHasher, FeatureShape, ImagesHash};
use serde::{Deserialize, Serialize};

/// Shape of an image where nothing is said of another size: CIFAR's.
pub const IMAGE: FeatureShape = square_image(32);

/// Bytes of such an image: three planes of 32×32, red first.
pub const IMAGE_BYTES: usize = IMAGE.channels * IMAGE.height * IMAGE.width;

/// Shape of a square image of this many rows and columns: red, green and blue.
pub(super) const fn square_image(side: usize) -> FeatureShape {
    FeatureShape { channels: 3, height: side, width: side }
}

/// Sides that images of a data set may have.
pub(super) const SIDES: std::ops::RangeInclusive<usize> = 1..=1024;

/// Largest value of a pixel, which normalisation scales to 1.
pub(super) const MAX_PIXEL: f32 = 255.0;
/// Variance of a colour, of pixels in 0..1, up to which it counts as never changing: dividing by so
/// small a deviation would only enlarge rounding.
const NO_VARIANCE: f64 = 1e-12;

/// Square images of one size with their labels. The pixels are shared, perhaps with a file that is
/// mapped into memory: then they take memory only while they are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    side: usize,
    pixels: Bytes,
    labels: Vec<u32>,
}

impl ImageSet {
    /// Images from their planes and labels. `None` unless there is an image for each label.
    ///
    /// # Shapes
    /// - `pixels`: `[images, 3, side, side]`, row-major
    /// - `labels`: `[images]`
    pub(super) fn from_parts(side: usize, pixels: Bytes, labels: Vec<u32>) -> Option<Self> {
        let expected = labels.len().checked_mul(square_image(side).elements());
        (expected == Some(pixels.len())).then_some(Self { side, pixels, labels })
    }

    /// Shape of each image.
    pub fn shape(&self) -> FeatureShape {
        square_image(self.side)
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of one image, `[3, side, side]`.
    ///
    /// # Panics
    /// If there are not that many images.
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = self.shape().elements();
        &self.pixels[index * bytes..(index + 1) * bytes]
    }

    /// Pixels of all images, `[images, 3, side, side]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Class of each image, as an index into [`Dataset::classes`](super::Dataset::classes).
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Class of each of these images.
    ///
    /// # Panics
    /// As [`ImageSet::image`].
    pub fn labels_of(&self, indices: &[usize]) -> Vec<u32> {
        indices.iter().map(|&index| self.labels[index]).collect()
    }

    /// Hash of the pixels of these images, in this order; labels are no part of it.
    ///
    /// # Panics
    /// As [`ImageSet::image`].
    pub fn hash(&self, indices: &[usize]) -> ImagesHash {
        let mut hasher = ContentHasher::new("rrlab images");
        for &index in indices {
            hasher.add(self.image(index));
        }
        ImagesHash::of(hasher)
    }

    /// Hash of the pixels of all images.
    pub fn hash_all(&self) -> ImagesHash {
        let all: Vec<usize> = (0..self.len()).collect();
        self.hash(&all)
    }
}

/// Mean and deviation of each colour, on pixels scaled to 0..1. One that is read has finite means, and
/// finite deviations above 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StatedNormalization")]
pub struct Normalization {
    /// What is subtracted from each colour: red, green, blue.
    pub mean: [f32; 3],
    /// What each colour is divided by after that.
    pub std: [f32; 3],
}

/// A normalisation as a file states it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatedNormalization {
    mean: [f32; 3],
    std: [f32; 3],
}

impl TryFrom<StatedNormalization> for Normalization {
    type Error = String;

    fn try_from(stated: StatedNormalization) -> Result<Self, String> {
        let StatedNormalization { mean, std } = stated;
        let is_right = mean.iter().all(|mean| mean.is_finite())
            && std.iter().all(|std| std.is_finite() && *std > 0.0);
        let normalization = Self { mean, std };
        is_right.then_some(normalization).ok_or_else(|| {
            format!("{normalization}: means are finite, and deviations finite and above 0")
        })
    }
}

impl std::fmt::Display for Normalization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let colours = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
        write!(f, "mean {} and deviation {}", colours(self.mean), colours(self.std))
    }
}

impl Normalization {
    /// The normalisation that gives each colour mean 0 and deviation 1 over images of these sums. A
    /// colour that never changes counts as deviating by 1.
    pub(super) fn of_sums(sums: &ColourSums) -> Self {
        let colours = [0, 1, 2].map(|colour| sums.moments(colour));
        Self { mean: colours.map(|(mean, _)| mean), std: colours.map(|(_, std)| std) }
    }
}

/// Sums over pixels of each colour. Whole numbers: they are exact, in whatever order images come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ColourSums {
    pixels: u64,
    sums: [u64; 3],
    squares: [u64; 3],
}

impl ColourSums {
    /// Of images, `[3, positions]` each.
    pub(super) fn of(images: &[u8], positions: usize) -> Self {
        let mut total = Self::default();
        for (index, plane) in images.chunks_exact(positions).enumerate() {
            let colour = index % total.sums.len();
            for &pixel in plane {
                total.sums[colour] += u64::from(pixel);
                total.squares[colour] += u64::from(pixel).pow(2);
            }
        }
        total.pixels = images.len() as u64 / total.sums.len() as u64;
        total
    }

    /// The same of these images and others.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.pixels += other.pixels;
        for colour in 0..self.sums.len() {
            self.sums[colour] += other.sums[colour];
            self.squares[colour] += other.squares[colour];
        }
        self
    }

    /// Mean and deviation of a colour.
    fn moments(&self, colour: usize) -> (f32, f32) {
        let max_pixel = f64::from(MAX_PIXEL);
        let count = self.pixels as f64 * max_pixel;
        let mean = self.sums[colour] as f64 / count;
        let variance = self.squares[colour] as f64 / (count * max_pixel) - mean * mean;
        let std = if variance > NO_VARIANCE { variance.sqrt() as f32 } else { 1.0 };
        (mean as f32, std)
    }
}
