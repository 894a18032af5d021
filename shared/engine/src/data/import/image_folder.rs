//! An image folder: `split/class/*.png|jpg|webp`, below any number of leading folders.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};

use super::error::ImportError;
use crate::data::dataset::Split;
use crate::data::images::{IMAGE, SIDES, square_image};

/// Longest side of an image that is read: a few bytes can claim to be billions of pixels.
const MAX_SIDE: u32 = 8192;
/// Longest side of a scaled image: a strip of pixels would become millions.
const MAX_SCALED_SIDE: u32 = 1 << 16;

/// Rows and columns to which images are cut, and what they are scaled to before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    side: usize,
    resize: usize,
}

impl Default for ImageSize {
    /// CIFAR's.
    fn default() -> Self {
        Self { side: IMAGE.height, resize: IMAGE.height }
    }
}

impl std::fmt::Display for ImageSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { side, resize } = self;
        match self.resize() {
            None => write!(f, "{side}×{side}"),
            Some(_) => write!(f, "{side}×{side} of {resize}"),
        }
    }
}

impl ImageSize {
    /// The middle square of `side` rows and columns of images whose shorter side is scaled to
    /// `resize`, or to `side` where that is not said.
    ///
    /// # Errors
    /// If that is none, more than 1024, or more than the image is scaled to.
    pub fn new(side: usize, resize: Option<usize>) -> Result<Self, ImportError> {
        if !SIDES.contains(&side) {
            return Err(ImportError::Side { side });
        }
        let resize = resize.unwrap_or(side);
        if !(side..=MAX_SIDE as usize).contains(&resize) {
            return Err(ImportError::Resize { side, resize });
        }
        Ok(Self { side, resize })
    }

    /// Rows and columns of images.
    pub fn side(self) -> usize {
        self.side
    }

    /// What an image's shorter side is scaled to, where that is more than stays.
    pub fn resize(self) -> Option<usize> {
        (self.resize != self.side).then_some(self.resize)
    }
}

/// Split and class that a path stands for, if it is an image's.
pub fn image_path(path: &str) -> Option<(Split, &str)> {
    let (folders, file) = path.rsplit_once(['/', '\\'])?;
    let extension = file.rsplit_once('.')?.1.to_lowercase();
    if !matches!(extension.as_str(), "png" | "jpg" | "jpeg" | "webp") || file.starts_with('.') {
        return None;
    }
    let mut folders = folders.rsplit(['/', '\\']);
    let class = folders.next()?;
    let split = match folders.next()?.to_lowercase().as_str() {
        "train" | "training" => Split::Train,
        "test" | "val" | "valid" | "validation" => Split::Test,
        _ => return None,
    };
    Some((split, class))
}

/// The planes of an encoded image, scaled and cut to its middle as `size` says.
pub fn decode(path: &str, bytes: &[u8], size: ImageSize) -> Result<Vec<u8>, ImportError> {
    let fail = |problem: String| ImportError::Image { path: path.into(), problem };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| fail(error.to_string()))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    reader.limits(limits);
    let decoded = reader.decode().map_err(|error| fail(error.to_string()))?;
    let image = middle(decoded, size).map_err(fail)?.to_rgb8();
    let shape = square_image(size.side);
    let mut planes = vec![0; shape.elements()];
    for (position, pixel) in image.pixels().enumerate() {
        for (colour, value) in pixel.0.into_iter().enumerate() {
            planes[colour * shape.positions() + position] = value;
        }
    }
    Ok(planes)
}

/// The middle square of an image that was scaled, as torchvision's `Resize` and `CenterCrop` take
/// it: the longer side is rounded down, the offset to the even of two.
fn middle(image: DynamicImage, size: ImageSize) -> Result<DynamicImage, String> {
    let (side, resize) = (size.side as u32, size.resize as u64);
    let (width, height) = (u64::from(image.width()), u64::from(image.height()));
    let shorter = width.min(height);
    let [new_width, new_height] = [width, height].map(|length| (length * resize / shorter) as u32);
    if new_width.max(new_height) > MAX_SCALED_SIDE {
        return Err(format!(
            "scaled to {resize} pixels one way it has more than {MAX_SCALED_SIDE} the other; cut it to less of a strip"
        ));
    }
    let scaled = if (new_width, new_height) == (image.width(), image.height()) {
        image
    } else {
        image.resize_exact(new_width, new_height, FilterType::Triangle)
    };
    let offset = |length: u32| (f64::from(length - side) / 2.0).round_ties_even() as u32;
    Ok(scaled.crop_imm(offset(new_width), offset(new_height), side, side))
}
