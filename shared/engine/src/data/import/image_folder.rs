//! An image folder: `split/class/*.png|jpg|webp`, below any number of leading folders.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageReader};

use super::budget::ImportBudget;
use super::error::ImportError;
use crate::data::dataset::Split;
use crate::data::images::{IMAGE, SIDES, square_image};

/// Most that an image's shorter side is scaled to.
const MAX_RESIZE: usize = 8192;
/// Longest side of a scaled image: a strip of pixels would become millions.
const MAX_SCALED_SIDE: u64 = 1 << 16;

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
        if !(side..=MAX_RESIZE).contains(&resize) {
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

/// An image of a folder, scaled and cut.
#[derive(Debug)]
pub struct FolderImage {
    pub planes: Vec<u8>,
    /// Pixels that it took to decode and scale it.
    pub pixels: u64,
}

/// An encoded image, scaled and cut to its middle as `size` says.
pub fn decode(
    path: &str,
    bytes: &[u8],
    size: ImageSize,
    budget: &ImportBudget,
) -> Result<FolderImage, ImportError> {
    let fail = |problem: String| ImportError::Image { path: path.into(), problem };
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| fail(error.to_string()))?;
    let decoder = reader.into_decoder().map_err(|error| fail(error.to_string()))?;
    let [width, height] = <[u32; 2]>::from(decoder.dimensions()).map(u64::from);
    budget.check_image(path, [width, height])?;
    let scaled = scaled_sides([width, height], size).map_err(fail)?;
    budget.check_image(path, scaled)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| fail(error.to_string()))?;
    let image = middle(decoded, scaled.map(|side| side as u32), size).to_rgb8();
    let shape = square_image(size.side);
    let mut planes = vec![0; shape.elements()];
    for (position, pixel) in image.pixels().enumerate() {
        for (colour, value) in pixel.0.into_iter().enumerate() {
            planes[colour * shape.positions() + position] = value;
        }
    }
    Ok(FolderImage { planes, pixels: (width * height).max(scaled[0] * scaled[1]) })
}

/// Width and height of an image of this width and height once it is scaled, the longer side rounded
/// down as torchvision's `Resize` does.
fn scaled_sides(sides: [u64; 2], size: ImageSize) -> Result<[u64; 2], String> {
    let resize = size.resize as u64;
    let shorter = sides[0].min(sides[1]);
    if shorter == 0 {
        return Err("it has no pixels".into());
    }
    let scaled = sides.map(|length| length * resize / shorter);
    if scaled[0].max(scaled[1]) > MAX_SCALED_SIDE {
        return Err(format!(
            "scaled to {resize} pixels one way it has more than {MAX_SCALED_SIDE} the other; cut it to less of a strip"
        ));
    }
    Ok(scaled)
}

/// The middle square of an image that is scaled to this width and height, as torchvision's
/// `CenterCrop` takes it: the offset is rounded to the even of two.
fn middle(image: DynamicImage, scaled: [u32; 2], size: ImageSize) -> DynamicImage {
    let side = size.side as u32;
    let [new_width, new_height] = scaled;
    let scaled = if (new_width, new_height) == (image.width(), image.height()) {
        image
    } else {
        image.resize_exact(new_width, new_height, FilterType::Triangle)
    };
    let offset = |length: u32| (f64::from(length - side) / 2.0).round_ties_even() as u32;
    scaled.crop_imm(offset(new_width), offset(new_height), side, side)
}
