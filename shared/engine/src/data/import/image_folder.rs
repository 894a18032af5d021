//! An image folder: `split/class/*.png|jpg|webp`, below any number of leading folders.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{ImageReader, Limits};

use super::error::ImportError;
use crate::data::dataset::Split;
use crate::data::images::square_image;

/// Longest side of an image that is read: a few bytes can claim to be billions of pixels.
const MAX_SIDE: u32 = 8192;
/// Sides that images of a data set may have: beyond them a split no longer fits into memory.
pub const SIDES: std::ops::RangeInclusive<usize> = 1..=1024;

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

/// The planes of an encoded image. One of another size is scaled to fill a square of this side and
/// cut to its middle.
pub fn decode(path: &str, bytes: &[u8], side: usize) -> Result<Vec<u8>, ImportError> {
    let fail = |problem: String| ImportError::Image { path: path.into(), problem };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| fail(error.to_string()))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    reader.limits(limits);
    let decoded = reader.decode().map_err(|error| fail(error.to_string()))?;
    let pixels = side as u32;
    let image = if (decoded.width(), decoded.height()) == (pixels, pixels) {
        decoded.to_rgb8()
    } else {
        decoded.resize_to_fill(pixels, pixels, FilterType::Triangle).to_rgb8()
    };
    let shape = square_image(side);
    let mut planes = vec![0; shape.elements()];
    for (position, pixel) in image.pixels().enumerate() {
        for (colour, value) in pixel.0.into_iter().enumerate() {
            planes[colour * shape.positions() + position] = value;
        }
    }
    Ok(planes)
}
