//! Convolution of 3×3 kernels at stride 1 with 16 multiplications for four outputs, where patches
//! take 36: Winograd's minimal filtering F(2×2, 3×3), as Lavin and Gray apply it ("Fast Algorithms
//! for Convolutional Neural Networks", arXiv:1509.09308, section 4.1).
//!
//! A tile Y of 2×2 outputs comes from a tile d of 4×4 pixels as Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. Summed
//! over input channels, each of the 16 entries of a tile is a matrix product of its own. The gradient
//! with respect to the kernel is the same expression read backwards: Gᵀ[(A ∂Y Aᵀ) ⊙ (Bᵀ d B)]G,
//! summed over tiles.

use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use pulp::{Arch, NullaryFnOnce};
use rrlab_types::{Padding, Window};

use super::matmul::{Matrix, WriteMode, matmul_into_part};
use super::unfold::Input;
use crate::threads;

/// Side of a tile of outputs.
const OUTPUTS: usize = 2;
/// Side of a tile of pixels, and of what is multiplied.
const SIDE: usize = 4;
/// Entries of a tile, each a matrix product of its own.
pub(super) const ENTRIES: usize = SIDE * SIDE;
/// Side of the kernel.
const KERNEL: usize = 3;
/// Weights of a kernel.
const TAPS: usize = KERNEL * KERNEL;
/// Channels on either side under which products are too thin to pay for the transforms.
const LEAST_CHANNELS: usize = 16;
/// Numbers that are transformed side by side: a vector register of 128 bits, which every target has.
const LANES: usize = 4;
/// Numbers between a tile's entries beyond those of their row: a cache line, so that not all 16 fall
/// into the same set of the first cache.
const SPREAD: usize = 16;

/// A convolution in tiles.
#[derive(Debug, Clone, Copy)]
pub struct Winograd {
    input: Input,
    out_channels: usize,
    /// Rows and columns of the output.
    places: [usize; 2],
    /// Rows and columns of one image's tiles.
    tiles: [usize; 2],
}

/// How many tiles are multiplied at once.
struct Budget {
    /// Numbers that their entries may fill.
    numbers: usize,
    /// The least and the most tiles, whatever their entries fill.
    tiles: RangeInclusive<usize>,
}

/// What one thread holds of a forward pass: the second cache, as long as `gemm` stays at speed.
const OF_A_THREAD: Budget = Budget { numbers: 192 << 10, tiles: 64..=256 };
/// What all threads share of a gradient, each with a matrix product of its own (16 MiB).
const OF_ALL: Budget = Budget { numbers: 4 << 20, tiles: 128..=1024 };

/// Successive rows of tiles of a batch.
struct Block {
    rows: Range<usize>,
    /// Tiles in them.
    tiles: usize,
}

impl Block {
    /// Numbers from one entry to the next of a channel's tiles, which lie as `[16, pitch]`.
    fn pitch(&self) -> usize {
        self.tiles.next_multiple_of(LANES) + SPREAD
    }

    /// Numbers of a channel's tiles.
    fn of_channel(&self) -> usize {
        ENTRIES * self.pitch()
    }

    /// One entry of the tiles of these channels, `[channels, tiles]`.
    fn entry<'a>(&self, entry: usize, channels: usize, tiles: &'a [f32]) -> Matrix<'a, f32> {
        Matrix::part(&tiles[entry * self.pitch()..], channels, self.tiles, self.of_channel())
    }
}

/// Buffers that one thread reuses from block to block.
#[derive(Default)]
struct Scratch {
    /// Rows of pixels before or after their transform.
    rows: Vec<f32>,
    /// Tiles of the input, `[in, 16, pitch]`.
    inputs: Vec<f32>,
    /// Tiles of the output, `[out, 16, pitch]`.
    outputs: Vec<f32>,
}

impl Winograd {
    /// A convolution to so many channels, in groups that do not mix, in tiles where that saves
    /// multiplications.
    pub fn of(input: Input, out_channels: usize, groups: usize) -> Option<Self> {
        let Window { kernel, stride, dilation, .. } = input.window;
        let wide = input.channels.min(out_channels) >= LEAST_CHANNELS;
        if kernel != [KERNEL; 2] || stride != [1; 2] || dilation != [1; 2] || groups != 1 || !wide {
            return None;
        }
        let places = input.places();
        let tiles = places.map(|places| places.div_ceil(OUTPUTS));
        let saves = tiles[0] * tiles[1] * ENTRIES < places[0] * places[1] * TAPS;
        saves.then_some(Self { input, out_channels, places, tiles })
    }

    /// Rows of tiles that are multiplied at once.
    fn rows_at_once(&self, budget: &Budget) -> usize {
        let of_tile = ENTRIES * (self.input.channels + self.out_channels);
        let tiles = (budget.numbers / of_tile).clamp(*budget.tiles.start(), *budget.tiles.end());
        tiles.div_ceil(self.tiles[1])
    }

    /// The tiles of so many images, so many rows at once.
    fn blocks(&self, images: usize, at_once: usize) -> impl Iterator<Item = Block> + use<> {
        let [rows, across] = self.tiles;
        let all = images * rows;
        (0..all).step_by(at_once).map(move |first| {
            let rows = first..(first + at_once).min(all);
            Block { tiles: rows.len() * across, rows }
        })
    }

    /// The input's images, as transforms read them.
    fn of_input(&self) -> Images {
        let Input { channels, height, width, window, .. } = self.input;
        let Padding { top, left, .. } = window.padding;
        Images { channels, height, width, top, left }
    }

    /// The output's images.
    fn of_output(&self) -> Images {
        let [height, width] = self.places;
        Images { channels: self.out_channels, height, width, top: 0, left: 0 }
    }

    /// Output of the convolution, `[batch, out, rows, columns]`; `finish` takes successive images of it
    /// with the first one's index, while the cache holds them.
    pub fn forward(
        &self,
        input: &[f32],
        weight: &[f32],
        finish: impl Fn(usize, &mut [f32]) + Sync + Send,
    ) -> Vec<f32> {
        let weights = self.transformed(weight);
        let (of_input, of_output) = (self.of_input(), self.of_output());
        let rows_at_once = self.rows_at_once(&OF_A_THREAD);
        let images_at_once = (rows_at_once / self.tiles[0]).max(1);
        threads::filled_with(
            self.input.batch * of_output.image(),
            images_at_once * of_output.image(),
            Scratch::default,
            |Scratch { rows, inputs, outputs }, index, output| {
                let first = index * images_at_once;
                let input = &input[first * of_input.image()..];
                for block in self.blocks(output.len() / of_output.image(), rows_at_once) {
                    inputs.resize(self.input.channels * block.of_channel(), 0.0);
                    for (channel, tiles) in inputs.chunks_mut(block.of_channel()).enumerate() {
                        self.transform::<OfPixels, SIDE>(
                            &block, &of_input, channel, input, rows, tiles,
                        );
                    }
                    outputs.resize(self.out_channels * block.of_channel(), 0.0);
                    self.multiply(&block, &weights, inputs, outputs);
                    for (channel, tiles) in outputs.chunks(block.of_channel()).enumerate() {
                        self.write_outputs(&block, channel, tiles, rows, output);
                    }
                }
                finish(first, output);
            },
        )
    }

    /// Gradient with respect to the weight, `[out, in · 9]`, given that of the output.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let (channels, out_channels) = (self.input.channels, self.out_channels);
        let (of_input, of_output) = (self.of_input(), self.of_output());
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        // Entry by entry, so that threads share the products out without sums of their own.
        let mut sums = vec![0.0; ENTRIES * out_channels * channels];
        for block in self.blocks(self.input.batch, self.rows_at_once(&OF_ALL)) {
            let one = block.of_channel();
            inputs.resize(channels * one, 0.0);
            threads::for_each_chunk_with(&mut inputs, one, Vec::new, |rows, channel, tiles| {
                self.transform::<OfPixels, SIDE>(&block, &of_input, channel, input, rows, tiles);
            });
            outputs.resize(out_channels * one, 0.0);
            threads::for_each_chunk_with(&mut outputs, one, Vec::new, |rows, channel, tiles| {
                self.transform::<OfGradients, OUTPUTS>(
                    &block, &of_output, channel, gradient, rows, tiles,
                );
            });
            threads::for_each_chunk(&mut sums, out_channels * channels, |entry, sums| {
                let outputs = block.entry(entry, out_channels, &outputs);
                let inputs = block.entry(entry, channels, &inputs).transposed();
                matmul_into_part(outputs, inputs, sums, channels, WriteMode::Add);
            });
        }
        let of_channel = channels * TAPS;
        threads::filled(out_channels * of_channel, of_channel, |channel, kernels| {
            for (index, kernel) in kernels.chunks_mut(TAPS).enumerate() {
                let sum = |entry| sums[(entry * out_channels + channel) * channels + index];
                kernel.copy_from_slice(&kernel_gradient(std::array::from_fn(sum)));
            }
        })
    }

    /// G g Gᵀ of each kernel, `[out, 16, in]`.
    fn transformed(&self, weight: &[f32]) -> Vec<f32> {
        let channels = self.input.channels;
        let of_channel = ENTRIES * channels;
        threads::filled(self.out_channels * of_channel, of_channel, |channel, transformed| {
            let kernels = &weight[channel * channels * TAPS..][..channels * TAPS];
            transform_kernels(kernels, transformed);
        })
    }

    /// Transforms a block's tiles of one channel, `[16, pitch]`, of images `[batch, channels, height,
    /// width]`.
    fn transform<T: Transform<READ>, const READ: usize>(
        &self,
        block: &Block,
        images: &Images,
        channel: usize,
        pixels: &[f32],
        rows: &mut Vec<f32>,
        tiles: &mut [f32],
    ) {
        let &Images { channels, height, width, top, left } = images;
        let [down, across] = self.tiles;
        // Pixels side by side first, with zeros around: what is read after it was just written in
        // other steps makes a processor wait.
        let wide = OUTPUTS * (across - 1) + READ;
        rows.resize(block.rows.len() * READ * wide, 0.0);
        for (tile_row, of_tiles) in block.rows.clone().zip(rows.chunks_mut(READ * wide)) {
            let plane = (tile_row / down * channels + channel) * height;
            let first = OUTPUTS * (tile_row % down);
            for (index, row) in of_tiles.chunks_mut(wide).enumerate() {
                let from = (first + index).wrapping_sub(top);
                if from >= height {
                    row.fill(0.0);
                    continue;
                }
                let right = wide.min(left + width);
                row[..left].fill(0.0);
                row[left..right].copy_from_slice(&pixels[(plane + from) * width..][..right - left]);
                row[right..].fill(0.0);
            }
        }
        let (pitch, transform) = (block.pitch(), PhantomData::<T>);
        Arch::new().dispatch(TransformRows { rows, across, tiles, pitch, transform });
    }

    /// Weights times inputs, entry by entry: `[out, 16, pitch]`.
    fn multiply(&self, block: &Block, weights: &[f32], inputs: &[f32], outputs: &mut [f32]) {
        let channels = self.input.channels;
        for entry in 0..ENTRIES {
            let from = &weights[entry * channels..];
            let weights = Matrix::part(from, self.out_channels, channels, ENTRIES * channels);
            let inputs = block.entry(entry, channels, inputs);
            let to = &mut outputs[entry * block.pitch()..];
            matmul_into_part(weights, inputs, to, block.of_channel(), WriteMode::Replace);
        }
    }

    /// Writes Aᵀ M A of one channel's tiles, `[16, pitch]`, to their places in images of the output.
    fn write_outputs(
        &self,
        block: &Block,
        channel: usize,
        tiles: &[f32],
        rows: &mut Vec<f32>,
        output: &mut [f32],
    ) {
        let [height, width] = self.places;
        let [down, across] = self.tiles;
        let wide = OUTPUTS * block.pitch();
        rows.resize(OUTPUTS * wide, 0.0);
        let (upper, lower) = rows[..OUTPUTS * wide].split_at_mut(wide);
        Arch::new().dispatch(WritePixels { tiles, pitch: block.pitch(), upper, lower });
        for (index, tile_row) in block.rows.clone().enumerate() {
            let plane = (tile_row / down * self.out_channels + channel) * height;
            let first = OUTPUTS * (tile_row % down);
            for (row, pixels) in (first..height).zip([&*upper, &*lower]) {
                let from = &pixels[OUTPUTS * across * index..][..width];
                output[(plane + row) * width..][..width].copy_from_slice(from);
            }
        }
    }
}

/// Sizes of images that are transformed, and how far their tiles reach over the edge.
struct Images {
    channels: usize,
    height: usize,
    width: usize,
    top: usize,
    left: usize,
}

impl Images {
    fn image(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Numbers of several tiles beside each other.
type Vector<const N: usize> = [f32; N];

/// What is applied to the columns and to the rows of a tile of `READ` by `READ` numbers.
trait Transform<const READ: usize> {
    fn of<const N: usize>(numbers: &[Vector<N>; READ]) -> [Vector<N>; SIDE];
}

/// Bᵀ.
struct OfPixels;

impl Transform<SIDE> for OfPixels {
    #[inline(always)]
    fn of<const N: usize>([a, b, c, d]: &[Vector<N>; SIDE]) -> [Vector<N>; SIDE] {
        let mut of = [[0.0; N]; SIDE];
        for lane in 0..N {
            of[0][lane] = a[lane] - c[lane];
            of[1][lane] = b[lane] + c[lane];
            of[2][lane] = c[lane] - b[lane];
            of[3][lane] = b[lane] - d[lane];
        }
        of
    }
}

/// A.
struct OfGradients;

impl Transform<OUTPUTS> for OfGradients {
    #[inline(always)]
    fn of<const N: usize>([a, b]: &[Vector<N>; OUTPUTS]) -> [Vector<N>; SIDE] {
        let mut of = [[0.0; N]; SIDE];
        for lane in 0..N {
            of[0][lane] = a[lane];
            of[1][lane] = a[lane] + b[lane];
            of[2][lane] = a[lane] - b[lane];
            of[3][lane] = -b[lane];
        }
        of
    }
}

// The transforms of images are compiled for each kind of vector registers; `pulp` chooses at run time.
// The compiler only does so to what is inlined into them.

/// Transforms rows of tiles, `across` to a row, `READ` rows of pixels with their padding to each.
struct TransformRows<'a, T, const READ: usize> {
    rows: &'a [f32],
    across: usize,
    /// `[16, pitch]`
    tiles: &'a mut [f32],
    pitch: usize,
    transform: PhantomData<T>,
}

impl<T: Transform<READ>, const READ: usize> NullaryFnOnce for TransformRows<'_, T, READ> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let wide = OUTPUTS * (self.across - 1) + READ;
        for (index, rows) in self.rows.chunks(READ * wide).enumerate() {
            let entries = &mut self.tiles[index * self.across..];
            let mut at = 0;
            while self.across - at >= LANES {
                transform_tiles::<T, READ, LANES>(rows, entries, at, self.pitch);
                at += LANES;
            }
            if self.across - at >= 2 {
                transform_tiles::<T, READ, 2>(rows, entries, at, self.pitch);
                at += 2;
            }
            if at < self.across {
                transform_tiles::<T, READ, 1>(rows, entries, at, self.pitch);
            }
        }
    }
}

/// Transforms `N` tiles of a row from `at` on.
#[inline(always)]
fn transform_tiles<T: Transform<READ>, const READ: usize, const N: usize>(
    rows: &[f32],
    entries: &mut [f32],
    at: usize,
    pitch: usize,
) {
    let mut across = [[[0.0; N]; SIDE]; READ];
    for (row, across) in rows.chunks(rows.len() / READ).zip(&mut across) {
        let (pairs, _) = row[OUTPUTS * at..].as_chunks::<OUTPUTS>();
        let mut pixels = [[0.0; N]; READ];
        for first in (0..READ).step_by(OUTPUTS) {
            let pairs = &pairs[first / OUTPUTS..][..N];
            for lane in 0..N {
                [pixels[first][lane], pixels[first + 1][lane]] = pairs[lane];
            }
        }
        *across = T::of(&pixels);
    }
    for column in 0..SIDE {
        let mut numbers = [[0.0; N]; READ];
        for (numbers, across) in numbers.iter_mut().zip(&across) {
            *numbers = across[column];
        }
        for (row, values) in T::of(&numbers).iter().enumerate() {
            entries[(row * SIDE + column) * pitch + at..][..N].copy_from_slice(values);
        }
    }
}

/// Aᵀ M A of one channel's tiles, `[16, pitch]`: the upper and the lower row of their outputs.
struct WritePixels<'a> {
    tiles: &'a [f32],
    pitch: usize,
    upper: &'a mut [f32],
    lower: &'a mut [f32],
}

impl NullaryFnOnce for WritePixels<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (upper, _) = self.upper.as_chunks_mut::<{ OUTPUTS * LANES }>();
        let (lower, _) = self.lower.as_chunks_mut::<{ OUTPUTS * LANES }>();
        let entries: [&[Vector<LANES>]; ENTRIES] = std::array::from_fn(|entry| {
            self.tiles[entry * self.pitch..][..self.pitch].as_chunks().0
        });
        for (index, (upper, lower)) in upper.iter_mut().zip(lower).enumerate() {
            let mut down = [[[0.0; LANES]; SIDE]; OUTPUTS];
            for column in 0..SIDE {
                let at = |row: usize| entries[row * SIDE + column][index];
                [down[0][column], down[1][column]] = outputs(&[at(0), at(1), at(2), at(3)]);
            }
            for (numbers, pixels) in down.iter().zip([upper, lower]) {
                let [first, second] = outputs(numbers);
                for lane in 0..LANES {
                    pixels[OUTPUTS * lane] = first[lane];
                    pixels[OUTPUTS * lane + 1] = second[lane];
                }
            }
        }
    }
}

/// Aᵀ of four vectors.
#[inline(always)]
fn outputs([a, b, c, d]: &[Vector<LANES>; SIDE]) -> [Vector<LANES>; OUTPUTS] {
    let mut outputs = [[0.0; LANES]; OUTPUTS];
    for lane in 0..LANES {
        outputs[0][lane] = a[lane] + b[lane] + c[lane];
        outputs[1][lane] = b[lane] - c[lane] - d[lane];
    }
    outputs
}

/// G g Gᵀ of one output channel's kernels `[in, 9]`: `[16, in]`.
fn transform_kernels(kernels: &[f32], transformed: &mut [f32]) {
    let (kernels, _) = kernels.as_chunks::<TAPS>();
    let inputs = kernels.len();
    for (block, kernels) in kernels.chunks(LANES).enumerate() {
        let mut taps = [[0.0; LANES]; TAPS];
        for (lane, kernel) in kernels.iter().enumerate() {
            for (taps, tap) in taps.iter_mut().zip(kernel) {
                taps[lane] = *tap;
            }
        }
        let mut across = [[[0.0; LANES]; SIDE]; KERNEL];
        for (row, across) in across.iter_mut().enumerate() {
            *across =
                of_taps(&[taps[KERNEL * row], taps[KERNEL * row + 1], taps[KERNEL * row + 2]]);
        }
        let [upper, middle, lower] = &across;
        for column in 0..SIDE {
            let down = of_taps(&[upper[column], middle[column], lower[column]]);
            for (row, values) in down.iter().enumerate() {
                let entry = (row * SIDE + column) * inputs + LANES * block;
                transformed[entry..][..kernels.len()].copy_from_slice(&values[..kernels.len()]);
            }
        }
    }
}

/// G of three vectors.
#[inline(always)]
fn of_taps([a, b, c]: &[Vector<LANES>; KERNEL]) -> [Vector<LANES>; SIDE] {
    let mut of = [*a, [0.0; LANES], [0.0; LANES], *c];
    for lane in 0..LANES {
        let ends = a[lane] + c[lane];
        of[1][lane] = 0.5 * (ends + b[lane]);
        of[2][lane] = 0.5 * (ends - b[lane]);
    }
    of
}

/// Gᵀ S G of the sums of one kernel's entries.
fn kernel_gradient(sums: [f32; ENTRIES]) -> [f32; TAPS] {
    let taps = |[a, b, c, d]: [f32; SIDE]| {
        let both = 0.5 * (b + c);
        [a + both, 0.5 * (b - c), both + d]
    };
    let columns: [_; SIDE] =
        std::array::from_fn(|column| taps(std::array::from_fn(|row| sums[row * SIDE + column])));
    let mut kernel = [0.0; TAPS];
    for (row, kernel) in kernel.chunks_mut(KERNEL).enumerate() {
        kernel.copy_from_slice(&taps(columns.map(|column| column[row])));
    }
    kernel
}
