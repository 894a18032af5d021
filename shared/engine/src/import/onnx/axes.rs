//! Orders of dimensions: images, vectors, and what is neither, with channels taken apart into heads
//! or groups, rows and columns as one, any of them exchanged.

use rrlab_types::FeatureShape;

/// The order of dimensions of a batch. The lab's own is `[N, C, H, W]`; the others are remembered
/// until they are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[N, C, H, W]`.
    Image,
    /// `[N, H, W, C]`.
    ImageLast,
    /// `[N, F]`: channels of a single position.
    Vector,
    /// Another, which the translation holds at this place.
    Other(usize),
}

/// What an index counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Batch,
    Channel,
    Row,
    Column,
}

/// A digit of an index into images, channels, rows or columns: of `length` values, each `stride`
/// from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    pub kind: Kind,
    pub length: usize,
    pub stride: usize,
}

/// A dimension: its digits, the outermost first; none where its length is 1.
pub type Dimension = Vec<Digit>;

/// The dimensions of a batch. Digits of length 1 are left out and neighbours that make up one digit
/// are one, so that equal orders are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axes(Vec<Dimension>);

impl Axes {
    fn new(dimensions: Vec<Dimension>) -> Self {
        Self(dimensions.into_iter().map(joined).collect())
    }

    /// Of a batch in one of the customary orders.
    pub fn of(layout: Layout, batch: usize, shape: FeatureShape) -> Self {
        let FeatureShape { channels, height, width } = shape;
        let digit = |kind, length| vec![Digit { kind, length, stride: 1 }];
        let batch = digit(Kind::Batch, batch);
        let channels = digit(Kind::Channel, channels);
        let (rows, columns) = (digit(Kind::Row, height), digit(Kind::Column, width));
        Self::new(match layout {
            Layout::ImageLast => vec![batch, rows, columns, channels],
            Layout::Vector => vec![batch, [channels, rows, columns].concat()],
            _ => vec![batch, channels, rows, columns],
        })
    }

    /// The customary order that it is, if it is one.
    pub fn customary(&self, batch: usize, shape: FeatureShape) -> Option<Layout> {
        let is_it = |layout: &Layout| *self == Self::of(*layout, batch, shape);
        let all = [Layout::Image, Layout::ImageLast];
        let of_images = all.into_iter().find(is_it);
        // What a vector holds are channels: of several positions it would be another operation.
        of_images.or(Some(Layout::Vector).filter(|vector| shape.positions() == 1 && is_it(vector)))
    }

    /// Its dimensions.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.0
    }

    /// Lengths of its dimensions.
    pub fn lengths(&self) -> Vec<usize> {
        self.0.iter().map(length).collect()
    }

    /// The same values in dimensions of these lengths, if digits can be put together or taken apart
    /// so.
    pub fn reshaped(&self, to: &[usize]) -> Option<Self> {
        let mut digits = self.0.concat();
        digits.reverse();
        let mut dimensions = Vec::new();
        for &asked in to {
            let mut dimension = Dimension::new();
            let mut left = asked;
            while left > 1 {
                let digit = digits.pop()?;
                if left.is_multiple_of(digit.length) {
                    left /= digit.length;
                    dimension.push(digit);
                } else if digit.length.is_multiple_of(left) {
                    let inner = digit.length / left;
                    dimension.push(Digit { length: left, stride: digit.stride * inner, ..digit });
                    digits.push(Digit { length: inner, ..digit });
                    left = 1;
                } else {
                    return None;
                }
            }
            dimensions.push(dimension);
        }
        digits.is_empty().then(|| Self::new(dimensions))
    }

    /// The same values with dimensions in this order, if it is one of them all.
    pub fn transposed(&self, order: &[i64]) -> Option<Self> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.0.len() as i64) {
            return None;
        }
        Some(Self(order.iter().map(|&axis| self.0[axis as usize].clone()).collect()))
    }

    /// The same with another dimension in the place of one.
    pub fn with(&self, axis: usize, dimension: Dimension) -> Self {
        let mut dimensions = self.0.clone();
        dimensions[axis] = dimension;
        Self::new(dimensions)
    }

    /// The same without a dimension, of which one value was taken.
    pub fn without(&self, axis: usize) -> Self {
        let mut dimensions = self.0.clone();
        dimensions.remove(axis);
        Self(dimensions)
    }

    /// The same with these dimensions in the place of the last two.
    pub fn ending_in(&self, ends: [Dimension; 2]) -> Self {
        let lead = &self.0[..self.0.len().saturating_sub(2)];
        Self::new(lead.iter().cloned().chain(ends).collect())
    }

    /// Where a dimension is that has these digits and no others.
    pub fn position(&self, dimension: &Dimension) -> Option<usize> {
        self.0.iter().position(|held| held == dimension)
    }

    /// Index of a value of an image into each dimension.
    pub fn index_of(&self, image: usize, [channel, row, column]: [usize; 3]) -> Vec<usize> {
        let digit = |digit: &Digit| {
            let at = match digit.kind {
                Kind::Batch => image,
                Kind::Channel => channel,
                Kind::Row => row,
                Kind::Column => column,
            };
            at / digit.stride % digit.length
        };
        let index = |dimension: &Dimension| {
            dimension.iter().fold(0, |index, held| index * held.length + digit(held))
        };
        self.0.iter().map(index).collect()
    }
}

/// The dimension of all channels.
pub fn all_channels(channels: usize) -> Dimension {
    joined(vec![Digit { kind: Kind::Channel, length: channels, stride: 1 }])
}

/// The dimension of all positions.
pub fn all_positions(shape: FeatureShape) -> Dimension {
    joined(vec![
        Digit { kind: Kind::Row, length: shape.height, stride: 1 },
        Digit { kind: Kind::Column, length: shape.width, stride: 1 },
    ])
}

fn length(dimension: &Dimension) -> usize {
    dimension.iter().map(|digit| digit.length).product()
}

fn joined(dimension: Dimension) -> Dimension {
    let mut result = Dimension::new();
    for digit in dimension.into_iter().filter(|digit| digit.length != 1) {
        match result.last_mut() {
            Some(last) if last.kind == digit.kind && last.stride == digit.length * digit.stride => {
                *last = Digit { length: last.length * digit.length, ..digit };
            }
            _ => result.push(digit),
        }
    }
    result
}
