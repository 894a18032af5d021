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
use rrlab_types::{ChannelMoments, Conv2d, Op, Padding, Window, magnitude_order};

use super::weights::LayerWeights;
use crate::kernels::{self, Matrix, Offset, WriteMode};
use crate::network::{channel_sums, download, window_of};
use crate::ridge::Inputs;
use crate::sums::add_values;
use crate::threads;

/// Sparsity from which `E[ŷ²]` is summed over kept weights; below it, over removed ones. Either sum
/// takes the square of its weights, so the fewer are summed.
const HALF: f64 = 0.5;
/// Output channels whose product with G is one task: enough that each read of G, which does not fit
/// the cache, serves several channels, and few enough that a layer of 64 channels keeps four
/// threads busy.
const CHANNELS_PER_PRODUCT: usize = 16;

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
    /// In the order of [`PatchSums::of_batch`]; empty before the first batch.
    sums: Vec<f64>,
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
struct PatchMoments {
    patch: usize,
    /// `E[p pᵀ]`, `[patch, patch]`. In f32, which halves the memory of the largest layers; what is
    /// computed from it is summed in f64.
    second: Vec<f32>,
    /// `E[p]`, `[patch]`.
    mean: Vec<f64>,
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
        Self { layout, patch, sums: Vec::new(), count: 0.0 }
    }

    /// Sums over a batch on its device, in one tensor that is read at once.
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
    pub async fn add(&mut self, sums: Tensor<1>, positions: usize) -> Result<(), ExecutionError> {
        add_values(&mut self.sums, &download(sums).await?);
        self.count += positions as f64;
        Ok(())
    }

    /// The moments over all batches.
    pub fn moments(&self) -> InputMoments {
        let patch = self.patch;
        match &self.layout {
            Layout::Offsets { kernel, channels, regions } => {
                let sums = OffsetSums::new(*kernel, *channels, regions, &self.sums);
                let mut second = vec![0.0; patch * patch];
                threads::for_each_chunk(&mut second, patch, |row, values| {
                    for (column, value) in values.iter_mut().enumerate() {
                        *value = (sums.second(row, column) / self.count) as f32;
                    }
                });
                let mean = (0..patch).map(|entry| sums.first(entry) / self.count).collect();
                InputMoments { groups: vec![PatchMoments { patch, second, mean }] }
            }
            Layout::Patches { groups, .. } => {
                let (second, first) = self.sums.split_at(groups * patch * patch);
                let of_groups = second.chunks(patch * patch).zip(first.chunks(patch));
                let moments = |(second, first): (&[f64], &[f64])| PatchMoments {
                    patch,
                    second: second.iter().map(|sum| (sum / self.count) as f32).collect(),
                    mean: first.iter().map(|sum| sum / self.count).collect(),
                };
                InputMoments { groups: of_groups.map(moments).collect() }
            }
        }
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

/// The sum over the whole image less a border row and a border column, from the sums over regions.
fn without(row: Option<Lines>, column: Option<Lines>, sum_over: impl Fn(Region) -> f64) -> f64 {
    let mut sum = sum_over((Lines::All, Lines::All));
    if let Some(row) = row {
        sum -= sum_over((row, Lines::All));
    }
    if let Some(column) = column {
        sum -= sum_over((Lines::All, column));
    }
    // The corner of both was taken away twice.
    if let (Some(row), Some(column)) = (row, column) {
        sum += sum_over((row, column));
    }
    sum
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

    /// Channel, row and column of a patch entry.
    fn position(&self, entry: usize) -> (usize, usize, usize) {
        let area = self.kernel * self.kernel;
        (entry / area, entry % area / self.kernel, entry % self.kernel)
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

    /// Σ `X[c](u)` · `X[c'](u + offset)` over a region, where c is `channel` and c' is `shifted`.
    fn correlation(
        &self,
        region: Region,
        (rows, columns): (isize, isize),
        channel: usize,
        shifted: usize,
    ) -> f64 {
        // Only one of an offset and its opposite was summed: the other is the same with the
        // channels exchanged.
        let is_opposite = rows < 0 || (rows == 0 && columns < 0);
        let (offset, channel, shifted) = if is_opposite {
            ((rows.unsigned_abs(), -columns), shifted, channel)
        } else {
            ((rows as usize, columns), channel, shifted)
        };
        let RegionSums { offsets, correlations, .. } = self.region(region);
        let index = offsets.iter().position(|known| *known == offset);
        let index = index.expect("every offset of the region was summed");
        correlations[(index * self.channels + shifted) * self.channels + channel]
    }

    /// Σ p_a p_b. Only where both entries sit in the same outer row (or column) of the kernel is a
    /// border line missing: elsewhere the pixel that one of them would read beside that line lies
    /// in the padding, and adds nothing.
    fn second(&self, a: usize, b: usize) -> f64 {
        let ((channel, i, j), (shifted, k, l)) = (self.position(a), self.position(b));
        let offset = (k as isize - i as isize, l as isize - j as isize);
        let row = if i == k { self.unread(i) } else { None };
        let column = if j == l { self.unread(j) } else { None };
        without(row, column, |region| self.correlation(region, offset, channel, shifted))
    }

    /// Σ p_a.
    fn first(&self, a: usize) -> f64 {
        let (c, i, j) = self.position(a);
        without(self.unread(i), self.unread(j), |region| self.region(region).firsts[c])
    }
}

/// One weight of a channel.
pub struct Entry {
    /// Index into the patch.
    pub index: usize,
    /// Its value.
    pub weight: f64,
    /// Place in the order of magnitude of the whole layer, the largest first: a mask that keeps k
    /// weights keeps the places below k.
    pub place: usize,
}

/// Place of each weight of a layer in their order of magnitude.
pub fn places(weights: &[f32]) -> Vec<usize> {
    let mut places = vec![0; weights.len()];
    for (place, index) in magnitude_order(weights).into_iter().enumerate() {
        places[index] = place;
    }
    places
}

impl Entry {
    /// Weights of a channel, the largest first.
    pub fn sorted(weights: &[f32], places: &[usize]) -> Vec<Self> {
        let mut entries = Vec::with_capacity(weights.len());
        for (index, (&weight, &place)) in weights.iter().zip(places).enumerate() {
            entries.push(Self { index, weight: f64::from(weight), place });
        }
        entries.sort_unstable_by_key(|entry| entry.place);
        entries
    }
}

impl InputMoments {
    /// The entries of each group's patches as what the group's outputs are regressed on.
    pub fn groups(&self) -> Vec<Inputs<'_>> {
        self.groups.iter().map(|group| Inputs::new(&group.second, &group.mean)).collect()
    }

    /// Moments of every channel where the layer keeps so many weights.
    ///
    /// # Shapes
    /// - `kept`: a count for each sparsity, in any order
    /// - output: `[sparsity][channel]`
    pub fn channel_moments(
        &self,
        layer: &LayerWeights,
        kept: &[usize],
    ) -> Vec<Vec<ChannelMoments>> {
        let places = places(&layer.weights);
        let patch = layer.patch();
        let products = self.products(layer);
        let channels = threads::map_range(layer.channels, |channel| {
            let row = channel * patch..(channel + 1) * patch;
            let entries = Entry::sorted(&layer.weights[row.clone()], &places[row.clone()]);
            let group = &self.groups[channel / (layer.channels / self.groups.len())];
            let sums = ChannelSums::new(group, &entries, &products[row], layer.weights.len());
            let bias = layer.bias_of(channel);
            kept.iter().map(|&kept| sums.moments(kept, bias)).collect::<Vec<_>>()
        });
        let level_of_all = |level: usize| channels.iter().map(|levels| levels[level]).collect();
        (0..kept.len()).map(level_of_all).collect()
    }

    /// G w of each channel, `[channels, patch]`.
    pub fn products(&self, layer: &LayerWeights) -> Vec<f32> {
        let patch = layer.patch();
        let of_group = layer.channels / self.groups.len() * patch;
        let mut products = vec![0.0; layer.channels * patch];
        let groups = products.chunks_mut(of_group).zip(layer.weights.chunks(of_group));
        for (group, (products, weights)) in self.groups.iter().zip(groups) {
            threads::for_each_chunk(products, CHANNELS_PER_PRODUCT * patch, |chunk, out| {
                let channels = out.len() / patch;
                let weights = &weights[chunk * CHANNELS_PER_PRODUCT * patch..][..channels * patch];
                let weights = Matrix::new(weights, channels, patch);
                // wᵀG is (G w)ᵀ: G is symmetric.
                let second = Matrix::new(&group.second, patch, patch);
                kernels::matmul(weights, second, out, WriteMode::Replace);
            });
        }
        products
    }
}

impl PatchMoments {
    /// Σ w_a w_b G_ab over the first 0, 1, 2, … entries: one more entry adds its products with
    /// those before it, twice, since G is symmetric, and its own square.
    fn running_squares<'e>(&self, entries: impl Iterator<Item = &'e Entry>) -> Vec<f64> {
        let mut taken: Vec<(usize, f32)> = Vec::new();
        let mut squares = vec![0.0];
        let mut sum = 0.0;
        for entry in entries {
            let row = &self.second[entry.index * self.patch..][..self.patch];
            let cross: f64 =
                taken.iter().map(|&(index, weight)| f64::from(weight * row[index])).sum();
            sum += entry.weight * (2.0 * cross + entry.weight * f64::from(row[entry.index]));
            squares.push(sum);
            taken.push((entry.index, entry.weight as f32));
        }
        squares
    }
}

/// δᵀGw, where δ has these entries of w.
fn cross(entries: &[Entry], product: &[f32]) -> f64 {
    entries.iter().map(|entry| entry.weight * f64::from(product[entry.index])).sum()
}

/// mᵀδ, where δ has these entries of w.
fn mean(entries: &[Entry], patch_mean: &[f64]) -> f64 {
    entries.iter().map(|entry| entry.weight * patch_mean[entry.index]).sum()
}

/// One channel's sums, from which its moments at any sparsity follow.
struct ChannelSums<'a> {
    /// The largest first.
    entries: &'a [Entry],
    moments: &'a PatchMoments,
    /// G w, `[patch]`.
    product: &'a [f32],
    /// wᵀGw.
    dense_second: f64,
    /// mᵀw.
    dense_mean: f64,
    /// Entries that are summed from the largest on; fewer kept ones follow from those sums, more
    /// from the removed ones.
    split: usize,
    /// Σ w_a w_b G_ab over the largest 0, 1, …, `split` entries.
    from_largest: Vec<f64>,
    /// The same over the smallest 0, 1, … entries.
    from_smallest: Vec<f64>,
}

impl<'a> ChannelSums<'a> {
    /// `total` is the number of the layer's weights.
    fn new(
        moments: &'a PatchMoments,
        entries: &'a [Entry],
        product: &'a [f32],
        total: usize,
    ) -> Self {
        let half = ((1.0 - HALF) * total as f64).round() as usize;
        let split = entries.partition_point(|entry| entry.place < half);
        let (largest, smallest) = entries.split_at(split);
        Self {
            entries,
            moments,
            product,
            dense_second: cross(entries, product),
            dense_mean: mean(entries, &moments.mean),
            split,
            from_largest: moments.running_squares(largest.iter()),
            from_smallest: moments.running_squares(smallest.iter().rev()),
        }
    }

    /// Moments where the layer keeps its `kept` largest weights.
    fn moments(&self, kept: usize, bias: f64) -> ChannelMoments {
        let stays = self.entries.partition_point(|entry| entry.place < kept);
        let (kept, removed) = self.entries.split_at(stays);
        let (dense_second, dense_mean) = (self.dense_second, self.dense_mean);
        let pruned_mean = mean(kept, &self.moments.mean);
        let pruned_second = if stays <= self.split {
            self.from_largest[stays]
        } else {
            // ŵ = w − δ: ŵᵀGŵ = wᵀGw − 2δᵀGw + δᵀGδ.
            dense_second - 2.0 * cross(removed, self.product) + self.from_smallest[removed.len()]
        };
        ChannelMoments {
            mean: dense_mean + bias,
            // Rounding can leave the difference of two equal numbers below 0.
            variance: (dense_second - dense_mean * dense_mean).max(0.0),
            pruned_mean: pruned_mean + bias,
            pruned_variance: (pruned_second - pruned_mean * pruned_mean).max(0.0),
            covariance: cross(kept, self.product) - dense_mean * pruned_mean,
        }
    }
}
