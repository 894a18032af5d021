//! Patches of images as a matrix (im2col), and back.

use std::ops::Range;

use rrlab_types::{Padding, Window};

/// Values of patches that are laid out at once where all of them would be too many: 64 MiB, half of
/// what WebGPU lets one buffer have.
pub const PATCH_VALUES: usize = 1 << 24;

/// Sizes of a batch of images, and the window that slides over them.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    pub batch: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub window: Window,
}

impl Input {
    /// Places of the window, rows before columns.
    ///
    /// # Panics
    /// If the window is larger than the padded image: a graph has no such convolution.
    pub fn places(&self) -> [usize; 2] {
        let places = self.window.places([self.height, self.width]);
        places.expect("a graph's windows fit their images")
    }

    /// How many places they are.
    pub fn positions(&self) -> usize {
        let [rows, columns] = self.places();
        rows * columns
    }

    /// Values of one image.
    pub fn image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Entries of a patch of all channels.
    pub fn patch(&self) -> usize {
        self.channels * self.window.area()
    }

    /// These rows of the patches of `images` images, `[rows, images · positions]`; `patches` holds
    /// zeros where padding is.
    pub fn unfold(&self, images: usize, rows: Range<usize>, input: &[f32], patches: &mut [f32]) {
        let [_, stride] = self.window.stride;
        self.for_each_run(images, rows, |target, source, length| {
            let target = &mut patches[target..target + length];
            if stride == 1 {
                target.copy_from_slice(&input[source..source + length]);
            } else {
                let pixels = input[source..].iter().step_by(stride);
                for (to, from) in target.iter_mut().zip(pixels) {
                    *to = *from;
                }
            }
        });
    }

    /// The transpose of [`Input::unfold`] for all rows: adds each patch entry to the pixel that it
    /// came from.
    pub fn fold(&self, images: usize, patches: &[f32], input: &mut [f32]) {
        let [_, stride] = self.window.stride;
        self.for_each_run(images, 0..self.patch(), |target, source, length| {
            let values = &patches[target..target + length];
            let pixels = input[source..].iter_mut().step_by(stride);
            for (to, from) in pixels.zip(values) {
                *to += *from;
            }
        });
    }

    /// Calls `visit(index into the rows, index into the images, length)` for each run of pixels
    /// that these rows of a patch matrix share with `images` images. Everything it does not visit
    /// is padding.
    fn for_each_run(
        &self,
        images: usize,
        rows: Range<usize>,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let Window { kernel, stride, padding: Padding { top, left, .. }, dilation } = self.window;
        let [out_height, out_width] = self.places();
        let positions = out_height * out_width;
        let pitch = images * positions;
        for image in 0..images {
            for (index, row) in rows.clone().enumerate() {
                let (channel, offset) = (row / self.window.area(), row % self.window.area());
                let row_offset = offset / kernel[1] * dilation[0];
                let column_offset = offset % kernel[1] * dilation[1];
                let columns = valid_range(out_width, self.width, column_offset, left, stride[1]);
                if columns.is_empty() {
                    continue;
                }
                for y in valid_range(out_height, self.height, row_offset, top, stride[0]) {
                    let input_row = y * stride[0] + row_offset - top;
                    let input_column = columns.start * stride[1] + column_offset - left;
                    let plane = image * self.channels + channel;
                    let source = (plane * self.height + input_row) * self.width + input_column;
                    let target = index * pitch + image * positions + y * out_width + columns.start;
                    visit(target, source, columns.len());
                }
            }
        }
    }
}

/// The places at which a pixel of the kernel lies inside the image, along one side: place `p` reads
/// pixel `p · stride + offset − padding`.
fn valid_range(
    places: usize,
    pixels: usize,
    offset: usize,
    padding: usize,
    stride: usize,
) -> Range<usize> {
    let first = padding.saturating_sub(offset).div_ceil(stride);
    let last = (pixels + padding).saturating_sub(offset).div_ceil(stride).min(places);
    first.min(last)..last
}

/// `[inner, outer, positions]` from `[outer, inner, positions]`. With images outside and channels
/// inside it makes the rows of a matrix product, the other way round images of a product's rows.
pub fn swap_outer(inner: usize, positions: usize, outer: usize, from: &[f32], to: &mut [f32]) {
    for at_outer in 0..outer {
        for at_inner in 0..inner {
            let source = (at_outer * inner + at_inner) * positions;
            let target = (at_inner * outer + at_outer) * positions;
            to[target..target + positions].copy_from_slice(&from[source..source + positions]);
        }
    }
}
