//! Calibration by second moments (`docs/method.md`, section 3): one dense pass gives every sparsity
//! and every operator.
//!
//! Convolution is linear, so with G = `E[p pᵀ]` and m = `E[p]` of the layer's input patches p the
//! moments of a pruned output are `E[yŷ]` = wᵀGŵ, `E[ŷ²]` = ŵᵀGŵ and `E[ŷ]` = mᵀŵ.
//!
//! G of a convolution of stride 1 that keeps the size needs only a correlation for each *offset*
//! between two kernel positions (13 up to sign for 3×3, where there are 45 pairs), since two patch
//! entries at the same offset read the same pairs of pixels everywhere in the image but at its
//! border. So for a pair of kernel positions the sum over the whole image is taken, and what a
//! border row or column adds to it though no patch reads it there is taken away again. A patch
//! entry is numbered input channel, kernel row, kernel column, as a weight is.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{Conv2d, Op, Padding, Window};

use crate::kernels::{self, Offset, channel_sums};
use crate::network::window_of;
use crate::ridge::Inputs;
use crate::sums::Sums;
use crate::threads;

/// Channels whose rows of G are put together as one task: their columns of a region's sums then
/// share cache lines.
const CHANNELS_PER_TASK: usize = 8;

/// Rows, or columns, of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    All,
    First,
    Last,
}

/// The rows and the columns of a part of the image. All rows and all columns are the image itself;
/// the other parts correct its sums for what lies outside it.
type Region = (Lines, Lines);

/// How the second moments of a layer's patches are put together.
#[derive(Debug, Clone)]
enum Layout {
    /// Stride 1, padded to the same size: sums over offsets, with corrections at the borders.
    Offsets { kernel: usize, channels: usize, regions: Vec<(Region, Vec<Offset>)> },
    /// Any other: all pairs of patch entries of a group of channels. A strided convolution has few
    /// positions, a group few channels.
    Patches { window: Window, groups: usize },
}

/// Sums over a layer's input patches, batch after batch.
#[derive(Debug, Clone)]
pub struct PatchSums {
    layout: Layout,
    /// Entries of a patch of one group: input channels / groups · rows · columns.
    patch: usize,
    /// In the order of [`PatchSums::of_batch`].
    sums: Sums,
    /// Images times output positions so far.
    count: f64,
}

/// G and m of a layer for each group of its channels.
#[derive(Debug)]
pub struct InputMoments {
    groups: Vec<PatchMoments>,
}

/// G and m of one group of channels.
#[derive(Debug)]
pub(super) struct PatchMoments {
    /// Entries of a patch of the group.
    pub patch: usize,
    /// `E[p pᵀ]`, `[patch, patch]`. In f32, which halves the memory of the largest layers; what is
    /// computed from it is summed in f64.
    pub second: Vec<f32>,
    /// `E[p]`, `[patch]`.
    pub mean: Vec<f64>,
}

/// Offsets between two positions of a kernel of these sides, up to sign: the others follow by
/// exchanging the channels.
fn distinct_offsets(rows: usize, columns: usize) -> Vec<Offset> {
    let reach = columns as isize - 1;
    let mut offsets: Vec<Offset> = (0..columns).map(|column| (0, column as isize)).collect();
    for row in 1..rows {
        offsets.extend((-reach..=reach).map(|column| (row, column)));
    }
    offsets
}

/// The parts of the image that are summed over, each with its offsets: the whole, the outer rows
/// (where both positions lie in one row of the kernel), the outer columns (in one column), and the
/// corners (the same position twice).
fn regions(kernel: usize) -> Vec<(Region, Vec<Offset>)> {
    let mut regions = vec![((Lines::All, Lines::All), distinct_offsets(kernel, kernel))];
    // A kernel of one pixel reads every pixel at every position: nothing is to be corrected.
    if kernel == 1 {
        return regions;
    }
    for row in [Lines::First, Lines::Last] {
        regions.push(((row, Lines::All), distinct_offsets(1, kernel)));
    }
    for column in [Lines::First, Lines::Last] {
        let along_columns = (0..kernel).map(|row| (row, 0)).collect();
        regions.push(((Lines::All, column), along_columns));
    }
    for row in [Lines::First, Lines::Last] {
        for column in [Lines::First, Lines::Last] {
            regions.push(((row, column), vec![(0, 0)]));
        }
    }
    regions
}

/// The part of `input` `[batch, channels, height, width]` in a region.
fn slice(input: &Tensor<4>, (rows, columns): Region) -> Tensor<4> {
    let [batch, channels, height, width] = input.dims();
    let range = |lines, length| match lines {
        Lines::All => 0..length,
        Lines::First => 0..1,
        Lines::Last => length - 1..length,
    };
    if (rows, columns) == (Lines::All, Lines::All) {
        return input.clone();
    }
    input.clone().slice([0..batch, 0..channels, range(rows, height), range(columns, width)])
}

impl PatchSums {
    /// Sums before the first batch, of a layer whose patches have so many entries.
    pub fn new(op: Op, patch: usize) -> Self {
        let layout = match op {
            Op::Conv2d(conv) => match kernel_of_offsets(conv) {
                Some(kernel) => {
                    Layout::Offsets { kernel, channels: conv.in_channels, regions: regions(kernel) }
                }
                None => Layout::Patches { window: conv.window(), groups: conv.groups },
            },
            _ => Layout::Patches { window: window_of(op), groups: 1 },
        };
        Self { layout, patch, sums: Sums::default(), count: 0.0 }
    }

    /// Sums over a batch on its device.
    ///
    /// # Shapes
    /// - `input`: the layer's input, `[batch, in, height, width]`
    /// - output: flat. Of a convolution of stride 1 that keeps the size: for each region in the
    ///   order of [`regions`] its correlations, `[offsets, in, in]` as [`kernels::correlate`] gives
    ///   them, then Σ of each channel over the region, `[in]`. Of any other layer: as
    ///   [`kernels::patch_sums`] gives them.
    pub fn of_batch(&self, op: Op, input: &Tensor<4>) -> Tensor<1> {
        match &self.layout {
            Layout::Offsets { regions, .. } => {
                let mut parts = Vec::new();
                for (region, offsets) in regions {
                    let part = slice(input, *region);
                    parts.push(kernels::correlate(part.clone(), offsets).flatten(0, 2));
                    parts.push(channel_sums(part));
                }
                Tensor::cat(parts, 0)
            }
            Layout::Patches { window, groups } => {
                kernels::patch_sums(flat_for_linear(op, input), *window, *groups)
            }
        }
    }

    /// Takes a batch's sums into account: those of [`PatchSums::of_batch`], over so many images
    /// times positions.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn add(&mut self, sums: Tensor<1>, positions: usize) -> Result<(), ExecutionError> {
        self.count += positions as f64;
        self.sums.add(sums).await
    }

    /// The moments over all batches.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn moments(self) -> Result<InputMoments, ExecutionError> {
        let Self { layout, patch, sums, count } = self;
        let sums = sums.finish().await?;
        let groups = match &layout {
            Layout::Offsets { kernel, channels, regions } => {
                let sums = OffsetSums::new(*kernel, *channels, regions, &sums);
                let mut second = vec![0.0; patch * patch];
                let rows_per_task = CHANNELS_PER_TASK * kernel * kernel;
                threads::for_each_chunk(&mut second, rows_per_task * patch, |task, rows| {
                    sums.fill(task * CHANNELS_PER_TASK, count, rows);
                });
                let mean = sums.firsts().iter().map(|sum| sum / count).collect();
                vec![PatchMoments { patch, second, mean }]
            }
            Layout::Patches { groups, .. } => {
                let (second, first) = sums.split_at(groups * patch * patch);
                let of_groups = second.chunks(patch * patch).zip(first.chunks(patch));
                let moments = |(second, first): (&[f64], &[f64])| PatchMoments {
                    patch,
                    second: second.iter().map(|sum| (sum / count) as f32).collect(),
                    mean: first.iter().map(|sum| sum / count).collect(),
                };
                of_groups.map(moments).collect()
            }
        };
        Ok(InputMoments { groups })
    }
}

/// The side of a convolution's kernel if sums over offsets give its moments.
fn kernel_of_offsets(conv: Conv2d) -> Option<usize> {
    let Conv2d { kernel: [side, _], padding, groups, .. } = conv;
    // Of kernels of 5 and more, more than one border line would go unread.
    let keeps_size =
        matches!(side, 1 | 3) && padding == Padding::all(side / 2) && conv.window().is_square();
    (keeps_size && conv.stride == [1; 2] && groups == 1).then_some(side)
}

/// A linear layer's features as channels of one pixel, whatever shape they come in.
pub fn flat_for_linear(op: Op, input: &Tensor<4>) -> Tensor<4> {
    match op {
        Op::Linear { in_features, .. } => {
            let batch = input.dims()[0];
            input.clone().reshape([batch, in_features, 1, 1])
        }
        _ => input.clone(),
    }
}

/// Regions whose sums make up that over the whole image less a border row and a border column, each
/// with its sign.
fn without(row: Option<Lines>, column: Option<Lines>) -> Vec<(f64, Region)> {
    let mut regions = vec![(1.0, (Lines::All, Lines::All))];
    if let Some(row) = row {
        regions.push((-1.0, (row, Lines::All)));
    }
    if let Some(column) = column {
        regions.push((-1.0, (Lines::All, column)));
    }
    // The corner of both was taken away twice.
    if let (Some(row), Some(column)) = (row, column) {
        regions.push((1.0, (row, column)));
    }
    regions
}

/// Sums of each region, looked up by kernel positions.
struct OffsetSums<'a> {
    kernel: usize,
    channels: usize,
    regions: Vec<RegionSums<'a>>,
}

/// What was summed over one region.
struct RegionSums<'a> {
    region: Region,
    offsets: &'a [Offset],
    /// `[offsets, c', c]`.
    correlations: &'a [f64],
    /// Σ of each channel, `[channels]`.
    firsts: &'a [f64],
}

impl<'a> OffsetSums<'a> {
    /// Takes `sums` apart, which are in the order of [`PatchSums::of_batch`].
    fn new(
        kernel: usize,
        channels: usize,
        regions: &'a [(Region, Vec<Offset>)],
        sums: &'a [f64],
    ) -> Self {
        let mut parts = Vec::new();
        let mut rest = sums;
        for (region, offsets) in regions {
            let (correlations, after) = rest.split_at(offsets.len() * channels * channels);
            let (firsts, after) = after.split_at(channels);
            parts.push(RegionSums { region: *region, offsets, correlations, firsts });
            rest = after;
        }
        Self { kernel, channels, regions: parts }
    }

    /// The border line that a kernel position never reads: the last for the first position, and the
    /// other way round.
    fn unread(&self, position: usize) -> Option<Lines> {
        match position {
            _ if self.kernel == 1 => None,
            0 => Some(Lines::Last),
            p if p + 1 == self.kernel => Some(Lines::First),
            _ => None,
        }
    }

    fn region(&self, region: Region) -> &RegionSums<'a> {
        let found = self.regions.iter().find(|part| part.region == region);
        found.expect("every region of the kernel was summed")
    }

    /// Σ `X[c](u)` · `X[c'](u + offset)` over a region, for all pairs of channels.
    fn correlations(&self, region: Region, (rows, columns): (isize, isize)) -> Correlations<'a> {
        // Only one of an offset and its opposite was summed: the other is the same with the
        // channels exchanged.
        let is_opposite = rows < 0 || (rows == 0 && columns < 0);
        let columns = if is_opposite { -columns } else { columns };
        let offset = (rows.unsigned_abs(), columns);
        let RegionSums { offsets, correlations, .. } = self.region(region);
        let index = offsets.iter().position(|known| *known == offset);
        let index = index.expect("every offset of the region was summed");
        let size = self.channels * self.channels;
        let strides = if is_opposite { [self.channels, 1] } else { [1, self.channels] };
        Correlations { sums: &correlations[index * size..][..size], strides }
    }

    /// Rows of G from those of channel `first` on: sums over this many positions become means.
    fn fill(&self, first: usize, count: f64, rows: &mut [f32]) {
        let (area, channels) = (self.kernel * self.kernel, self.channels);
        let patch = channels * area;
        let in_rows = rows.len() / patch / area;
        for one in 0..area {
            for other in 0..area {
                let parts = self.parts(one, other);
                for shifted in 0..channels {
                    for channel in 0..in_rows {
                        let value = |(sign, sums): &(f64, Correlations<'_>)| {
                            sign * sums.of(first + channel, shifted)
                        };
                        let sum: f64 = parts.iter().map(value).sum();
                        let row = channel * area + one;
                        rows[row * patch + shifted * area + other] = (sum / count) as f32;
                    }
                }
            }
        }
    }

    /// Σ p_a p_b for all pairs of channels, where a and b lie at these positions of the kernel, as
    /// parts with their signs. Only where both sit in the same outer row (or column) of the kernel
    /// is a border line missing: elsewhere the pixel that one of them would read beside that line
    /// lies in the padding, and adds nothing.
    fn parts(&self, one: usize, other: usize) -> Vec<(f64, Correlations<'a>)> {
        let [i, j] = [one / self.kernel, one % self.kernel];
        let [k, l] = [other / self.kernel, other % self.kernel];
        let offset = (k as isize - i as isize, l as isize - j as isize);
        let row = if i == k { self.unread(i) } else { None };
        let column = if j == l { self.unread(j) } else { None };
        let regions = without(row, column).into_iter();
        regions.map(|(sign, region)| (sign, self.correlations(region, offset))).collect()
    }

    /// Σ p_a, for each channel at each position of the kernel.
    fn firsts(&self) -> Vec<f64> {
        let positions = || (0..self.kernel).flat_map(|i| (0..self.kernel).map(move |j| [i, j]));
        let regions: Vec<_> =
            positions().map(|[i, j]| without(self.unread(i), self.unread(j))).collect();
        let mut firsts = Vec::with_capacity(self.channels * regions.len());
        for channel in 0..self.channels {
            for parts in &regions {
                let value = |&(sign, region)| sign * self.region(region).firsts[channel];
                firsts.push(parts.iter().map(value).sum());
            }
        }
        firsts
    }
}

/// Sums of products of two channels, for all pairs.
struct Correlations<'a> {
    /// `[channels, channels]`.
    sums: &'a [f64],
    /// How far apart the sums of neighbouring channels lie, of the fixed one and of the shifted.
    strides: [usize; 2],
}

impl Correlations<'_> {
    fn of(&self, channel: usize, shifted: usize) -> f64 {
        self.sums[channel * self.strides[0] + shifted * self.strides[1]]
    }
}

impl InputMoments {
    /// The entries of each group's patches as what the group's outputs are regressed on.
    pub fn groups(&self) -> Vec<Inputs<'_>> {
        self.groups.iter().map(|group| Inputs::new(&group.second, &group.mean)).collect()
    }

    /// G and m of each group of channels.
    pub(super) fn of_groups(&self) -> &[PatchMoments] {
        &self.groups
    }
}
