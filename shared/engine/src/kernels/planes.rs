//! Sizes of a batch of images, and shifts between their channels.

/// Shift of the second channel against the first, in rows and columns. Rows are never negative: the
/// other half follows by symmetry.
pub type Offset = (usize, isize);

/// Sizes of a batch of images.
#[derive(Debug, Clone, Copy)]
pub struct Planes {
    pub batch: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}
