//! Pools: windows of which one number is taken.

use serde::{Deserialize, Serialize};

use super::shape::ShapeError;
use super::window::{Padding, Sides, Window};

/// Windows of which one number is taken in each channel, their maximum or their mean.
///
/// A file of windows that do not overlap names their size alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "StatedPool", into = "StatedPool")]
pub struct Pool {
    /// Rows and columns of a window.
    pub size: [usize; 2],
    /// Step from one window to the next.
    pub stride: [usize; 2],
    /// Pixels added around the image that no maximum is taken of.
    pub padding: Padding,
    /// Whether a last window may stand out beyond the padded image, so long as it begins inside.
    pub ceil: bool,
}

#[derive(Serialize, Deserialize)]
struct StatedPool {
    size: Sides,
    /// The size where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<Sides>,
    #[serde(default, skip_serializing_if = "is_none")]
    padding: Padding,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ceil: bool,
}

fn is_none(padding: &Padding) -> bool {
    *padding == Padding::default()
}

impl From<StatedPool> for Pool {
    fn from(stated: StatedPool) -> Self {
        let StatedPool { size, stride, padding, ceil } = stated;
        Self { size: size.into(), stride: stride.unwrap_or(size).into(), padding, ceil }
    }
}

impl From<Pool> for StatedPool {
    fn from(pool: Pool) -> Self {
        let Pool { size, stride, padding, ceil } = pool;
        let stride = (stride != size).then(|| stride.into());
        Self { size: size.into(), stride, padding, ceil }
    }
}

impl Pool {
    /// Square windows that do not overlap.
    pub fn tiles(size: usize) -> Self {
        Self::square(size, size, 0)
    }

    /// Square windows, padded alike on all sides.
    pub fn square(size: usize, stride: usize, padding: usize) -> Self {
        let padding = Padding::all(padding);
        Self { size: [size; 2], stride: [stride; 2], padding, ceil: false }
    }

    /// Places of its windows in an image of so many rows and columns.
    ///
    /// # Errors
    /// As [`Window::places`], or if a window could lie in the padding alone.
    pub fn places(self, image: [usize; 2]) -> Result<[usize; 2], ShapeError> {
        let Self { size, stride, padding, ceil } = self;
        let Padding { top, left, bottom, right } = padding;
        let places = Window { kernel: size, stride, padding, dilation: [1; 2] }.places(image)?;
        if top.max(bottom) >= size[0] || left.max(right) >= size[1] {
            return Err(ShapeError::Padding);
        }
        if !ceil {
            return Ok(places);
        }
        let along = |side: usize, before: usize, after: usize| {
            let padded = image[side] + before + after;
            let stands_out = (places[side] - 1) * stride[side] + size[side] < padded;
            // One more window, unless it begins beyond the image.
            let begins_inside = places[side] * stride[side] < image[side] + before;
            places[side] + usize::from(stands_out && begins_inside)
        };
        Ok([along(0, top, bottom), along(1, left, right)])
    }
}

/// A pool of means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AveragePool {
    /// Its windows.
    #[serde(flatten)]
    pub pool: Pool,
    /// Whether padding counts as zeros, else the mean is of the image's pixels alone.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub counts_padding: bool,
}

fn yes() -> bool {
    true
}
