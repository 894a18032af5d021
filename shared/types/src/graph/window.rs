//! Windows that slide over an image: their sizes, and how many there are.

use serde::{Deserialize, Serialize};

use super::shape::{ShapeError, checked_product};

/// Pixels added around an image before windows slide over it. In files one number where all sides
/// have as many, else `[top, left, bottom, right]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "StatedPadding", into = "StatedPadding")]
pub struct Padding {
    /// Rows before the first.
    pub top: usize,
    /// Columns before the first.
    pub left: usize,
    /// Rows after the last.
    pub bottom: usize,
    /// Columns after the last.
    pub right: usize,
}

impl Padding {
    /// As many on each side.
    pub fn all(pixels: usize) -> Self {
        Self::symmetric([pixels; 2])
    }

    /// As many before as after: rows above and below, columns left and right.
    pub fn symmetric([rows, columns]: [usize; 2]) -> Self {
        Self { top: rows, left: columns, bottom: rows, right: columns }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StatedPadding {
    All(usize),
    Each([usize; 4]),
}

impl From<StatedPadding> for Padding {
    fn from(stated: StatedPadding) -> Self {
        match stated {
            StatedPadding::All(pixels) => Self::all(pixels),
            StatedPadding::Each([top, left, bottom, right]) => Self { top, left, bottom, right },
        }
    }
}

impl From<Padding> for StatedPadding {
    fn from(padding: Padding) -> Self {
        let Padding { top, left, bottom, right } = padding;
        if padding == Padding::all(top) {
            Self::All(top)
        } else {
            Self::Each([top, left, bottom, right])
        }
    }
}

/// Rows and columns of something, as files state them: one number where they are equal.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Sides {
    Square(usize),
    Each([usize; 2]),
}

impl From<Sides> for [usize; 2] {
    fn from(stated: Sides) -> Self {
        match stated {
            Sides::Square(side) => [side; 2],
            Sides::Each(sides) => sides,
        }
    }
}

impl From<[usize; 2]> for Sides {
    fn from(sides: [usize; 2]) -> Self {
        if sides[0] == sides[1] { Self::Square(sides[0]) } else { Self::Each(sides) }
    }
}

/// Fields of rows and columns that read and write as [`Sides`].
pub(super) mod sides {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::graph::window::Sides;

    pub fn serialize<S: Serializer>(sides: &[usize; 2], serializer: S) -> Result<S::Ok, S::Error> {
        Sides::from(*sides).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
        Ok(Sides::deserialize(deserializer)?.into())
    }

    /// Once in each direction: what a file need not say.
    pub fn ones() -> [usize; 2] {
        [1; 2]
    }

    pub fn are_ones(sides: &[usize; 2]) -> bool {
        *sides == ones()
    }
}

/// A window that slides over an image; rows before columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Pixels that it reads.
    pub kernel: [usize; 2],
    /// Step from one place to the next.
    pub stride: [usize; 2],
    /// Pixels added around the image.
    pub padding: Padding,
    /// Distance between the pixels that it reads.
    pub dilation: [usize; 2],
}

impl Window {
    /// A single pixel at every position.
    pub const PIXEL: Self = Self {
        kernel: [1; 2],
        stride: [1; 2],
        padding: Padding { top: 0, left: 0, bottom: 0, right: 0 },
        dilation: [1; 2],
    };

    /// A square, undilated window, padded alike on all sides.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        let padding = Padding::all(padding);
        Self { kernel: [kernel; 2], stride: [stride; 2], padding, dilation: [1; 2] }
    }

    /// Whether it has as many rows as columns, next to each other.
    pub fn is_square(self) -> bool {
        self.kernel[0] == self.kernel[1] && self.dilation == [1; 2]
    }

    /// How many pixels it reads.
    pub fn area(self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Places that it has in an image of so many rows and columns, likewise rows before columns.
    ///
    /// # Errors
    /// If a size is 0 or too large to be counted, or the window is larger than the padded image.
    pub fn places(self, [rows, columns]: [usize; 2]) -> Result<[usize; 2], ShapeError> {
        let Self { kernel, stride, padding: Padding { top, left, bottom, right }, dilation } = self;
        checked_product(&[kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1]])?;
        let along = |side: usize, pixels: usize, before: usize, after: usize| {
            let padded = pixels.checked_add(before).and_then(|sum| sum.checked_add(after));
            let input = padded.ok_or(ShapeError::TooLarge)?;
            // No factor passes 31 bits: their product was checked.
            let window = dilation[side] * (kernel[side] - 1) + 1;
            let steps = input.checked_sub(window).ok_or(ShapeError::Window { window, input })?;
            Ok(steps / stride[side] + 1)
        };
        Ok([along(0, rows, top, bottom)?, along(1, columns, left, right)?])
    }
}

/// A convolution.
///
/// A file of a network with square, undilated convolutions of one group reads as it did before
/// there were others, so that such a network keeps its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output: one filter each.
    pub out_channels: usize,
    /// Rows and columns of the kernel.
    #[serde(with = "sides")]
    pub kernel: [usize; 2],
    /// Step between output positions.
    #[serde(with = "sides")]
    pub stride: [usize; 2],
    /// Zeros added around the input.
    pub padding: Padding,
    /// Whether a bias is added.
    pub bias: bool,
    /// Distance between the pixels that the kernel reads.
    #[serde(default = "sides::ones", skip_serializing_if = "sides::are_ones", with = "sides")]
    pub dilation: [usize; 2],
    /// Parts into which input and output channels are cut; each part of the output sees one of the
    /// input. As many as input channels in a depthwise convolution.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: usize,
}

fn one() -> usize {
    1
}

fn is_one(groups: &usize) -> bool {
    *groups == 1
}

impl Conv2d {
    /// A convolution with a square kernel at every position, padded to keep the size where the
    /// kernel's side is odd; without bias, and of one group.
    pub fn square(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: Padding::all(kernel / 2),
            bias: false,
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// The window that slides over its input.
    pub fn window(self) -> Window {
        let Self { kernel, stride, padding, dilation, .. } = self;
        Window { kernel, stride, padding, dilation }
    }

    /// Whether it reads single pixels of all input channels.
    pub fn is_pointwise(self) -> bool {
        self.kernel == [1; 2] && self.groups == 1
    }

    /// Shape of its weight, `[out, in / groups, rows, columns]`.
    ///
    /// # Errors
    /// If a size is 0 or too large, or the groups do not share the channels out evenly.
    pub(super) fn checked_weight_shape(self) -> Result<[usize; 4], ShapeError> {
        let Self { in_channels, out_channels, groups, .. } = self;
        for channels in [in_channels, out_channels] {
            checked_product(&[channels])?;
            checked_product(&[groups])?;
            if !channels.is_multiple_of(groups) {
                return Err(ShapeError::Groups { channels, groups });
            }
        }
        let shape = self.weight_shape();
        checked_product(&shape).map(|_| shape)
    }

    /// Shape of its weight, `[out, in / groups, rows, columns]`.
    pub fn weight_shape(self) -> [usize; 4] {
        let [rows, columns] = self.kernel;
        [self.out_channels, self.in_channels / self.groups.max(1), rows, columns]
    }
}
