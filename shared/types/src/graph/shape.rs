//! Shapes of activations, and the arithmetic on them.

use serde::{Deserialize, Serialize};

/// Most values that an activation of one image or a weight may have. It is the same on every
/// machine, so that a graph which one can read all can, and leaves room in 32 bits for a sum of two.
const MOST_ELEMENTS: usize = i32::MAX as usize;

/// Shape of one image's activation: channels × height × width. A vector has height and width 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeatureShape {
    /// Channels (features, for a vector).
    pub channels: usize,
    /// Rows of positions.
    pub height: usize,
    /// Columns of positions.
    pub width: usize,
}

impl FeatureShape {
    /// A vector of `features` values.
    pub fn vector(features: usize) -> Self {
        Self { channels: features, height: 1, width: 1 }
    }

    /// Pixels of one channel.
    pub fn positions(self) -> usize {
        self.height * self.width
    }

    /// Values of one image.
    pub fn elements(self) -> usize {
        self.channels * self.positions()
    }

    /// The same, unless it has no values or more than any network has.
    pub(super) fn checked(self) -> Result<Self, ShapeError> {
        checked_product(&[self.channels, self.height, self.width]).map(|_| self)
    }
}

impl std::fmt::Display for FeatureShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

/// Why an operation has no output for its inputs, as the end of a sentence about its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// An input of more or fewer channels.
    #[error("takes {expected} channels, but its input has {found}")]
    Channels {
        /// Channels that the operation takes.
        expected: usize,
        /// Channels that come.
        found: usize,
    },
    /// An input of more or fewer values.
    #[error("takes {expected} features, but its input has {found}")]
    Features {
        /// Features that the operation takes.
        expected: usize,
        /// Values that come.
        found: usize,
    },
    /// Two inputs that must have one shape.
    #[error("takes inputs of one shape, but they are {first} and {second}")]
    Unequal {
        /// Shape of the first input.
        first: FeatureShape,
        /// Shape of the second.
        second: FeatureShape,
    },
    /// A window that is larger than the image with its padding.
    #[error("has a window of {window} pixels, but its input has {input} with padding")]
    Window {
        /// Pixels that the window spans.
        window: usize,
        /// Pixels along the same side of the input, padding counted with them.
        input: usize,
    },
    /// Fewer channels out than in, where some are added.
    #[error("adds channels up to {found}, but its input has {least}")]
    Fewer {
        /// Channels out.
        found: usize,
        /// Channels in.
        least: usize,
    },
    /// Groups that do not share channels out evenly.
    #[error("shares {channels} channels out among {groups} groups")]
    Groups {
        /// Channels in or out.
        channels: usize,
        /// Groups.
        groups: usize,
    },
    /// A pool with windows that may lie beside the image.
    #[error("has padding as wide as its windows, so that one could lie beside the image")]
    Padding,
    /// Channels that are not there.
    #[error("takes channels {start} to {end} of an input that has {channels}")]
    Slice {
        /// First channel.
        start: usize,
        /// Channel after the last.
        end: usize,
        /// Channels of the input.
        channels: usize,
    },
    /// A position that is not there.
    #[error("takes position {index} of an input that has {positions}")]
    Position {
        /// Its index.
        index: usize,
        /// Positions of the input.
        positions: usize,
    },
    /// A number that its formula has no result for.
    #[error("has {what}")]
    Number {
        /// Which, with its article, and what is wrong with it.
        what: &'static str,
    },
    /// A size of 0.
    #[error("has a size of 0")]
    Zero,
    /// More values than a network can have.
    #[error("has more than {MOST_ELEMENTS} values: no machine that this program is for holds it")]
    TooLarge,
}

/// The product of sizes, unless one is 0 or it is larger than anything that fits a machine.
pub(super) fn checked_product(sizes: &[usize]) -> Result<usize, ShapeError> {
    let mut product = 1usize;
    for &size in sizes {
        product = product.checked_mul(size).ok_or(ShapeError::TooLarge)?;
    }
    match product {
        0 => Err(ShapeError::Zero),
        product if product > MOST_ELEMENTS => Err(ShapeError::TooLarge),
        product => Ok(product),
    }
}
