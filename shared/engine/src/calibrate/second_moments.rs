//! Calibration by second moments (`docs/method.md`, section 3): one dense pass gives every sparsity and every operator.
//!
//! Convolution is linear, so with G = `E[p pᵀ]` and m = `E[p]` of the layer's input patches p the moments of a pruned output
//! are `E[yŷ]` = wᵀGŵ, `E[ŷ²]` = ŵᵀGŵ and `E[ŷ]` = mᵀŵ.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{ChannelMoments, Op, magnitude_order};

use super::LayerWeights;
use crate::kernels::{self, Matrix, Offset, Window, Write};
use crate::network::{channel_sums, download, window_of};
use crate::threads;

/// Sparsity from which `E[ŷ²]` is summed over kept weights; below it, over removed ones.
const HALF: f64 = 0.5;

/// A part of the input image whose sums correct those of the whole for what lies outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Whole,
    First,
    Last,
}

/// Rows times columns of the image; whole times whole is the image itself.
type Region = (Side, Side);

/// How the second moments of a layer's patches are put together.
#[derive(Debug, Clone)]
enum Layout {
    /// Stride 1, padded to the same size: sums over offsets, with corrections at the borders.
    Same { kernel: usize, channels: usize, regions: Vec<(Region, Vec<Offset>)> },
    /// Any other: all pairs of patch entries.
    Patches { window: Window },
}

/// Sums over a layer's input patches, batch after batch.
#[derive(Debug, Clone)]
pub struct PatchSums {
    layout: Layout,
    patch: usize,
    sums: Vec<f64>,
    count: f64,
}

/// G and m of a layer.
#[derive(Debug)]
pub struct PatchMoments {
    patch: usize,
    /// `E[p pᵀ]`, `[patch, patch]`.
    second: Vec<f32>,
    /// `E[p]`.
    mean: Vec<f64>,
}

/// Offsets between two kernel positions, up to sign.
fn distinct_offsets(rows: usize, columns: usize) -> Vec<Offset> {
    let reach = columns as isize - 1;
    let below = (1..rows).flat_map(|row| (-reach..=reach).map(move |column| (row, column)));
    (0..columns).map(|column| (0, column as isize)).chain(below).collect()
}

fn regions(kernel: usize) -> Vec<(Region, Vec<Offset>)> {
    let mut regions = vec![((Side::Whole, Side::Whole), distinct_offsets(kernel, kernel))];
    if kernel > 1 {
        let outer = [Side::First, Side::Last];
        regions.extend(outer.map(|side| ((side, Side::Whole), distinct_offsets(1, kernel))));
        regions.extend(outer.map(|side| ((Side::Whole, side), (0..kernel).map(|row| (row, 0)).collect())));
        let corners = outer.into_iter().flat_map(|row| outer.map(|column| (row, column)));
        regions.extend(corners.map(|corner| (corner, vec![(0, 0)])));
    }
    regions
}

fn slice(input: &Tensor<4>, (rows, columns): Region) -> Tensor<4> {
    let [batch, channels, height, width] = input.dims();
    let range = |side, length| match side {
        Side::Whole => 0..length,
        Side::First => 0..1,
        Side::Last => length - 1..length,
    };
    if (rows, columns) == (Side::Whole, Side::Whole) {
        return input.clone();
    }
    input.clone().slice([0..batch, 0..channels, range(rows, height), range(columns, width)])
}

impl PatchSums {
    /// Of no images yet.
    pub fn new(op: Op, patch: usize) -> Self {
        let window = window_of(op);
        let same = window.stride == 1 && matches!((window.kernel, window.padding), (1, 0) | (3, 1));
        let layout = if same {
            let channels = patch / (window.kernel * window.kernel);
            Layout::Same { kernel: window.kernel, channels, regions: regions(window.kernel) }
        } else {
            Layout::Patches { window }
        };
        Self { layout, patch, sums: Vec::new(), count: 0.0 }
    }

    /// Sums over a batch on its device, in one flat tensor.
    pub fn of_batch(&self, op: Op, input: &Tensor<4>) -> Tensor<1> {
        match &self.layout {
            Layout::Same { regions, .. } => {
                let parts = regions.iter().flat_map(|(region, offsets)| {
                    let part = slice(&flat_for_linear(op, input), *region);
                    [kernels::correlate(part.clone(), offsets).flatten(0, 2), channel_sums(part)]
                });
                Tensor::cat(parts.collect(), 0)
            }
            Layout::Patches { window } => {
                let patches = kernels::patches(input.clone(), *window);
                let product = patches.clone().matmul(patches.clone().transpose());
                Tensor::cat(vec![product.flatten(0, 1), patches.sum_dim(1).flatten(0, 1)], 0)
            }
        }
    }

    /// Takes a batch's sums into account: f32 within the batch, f64 from batch to batch.
    pub async fn add(&mut self, sums: Tensor<1>, positions: usize) -> Result<(), ExecutionError> {
        let values = download(sums).await?;
        self.sums.resize(values.len(), 0.0);
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        self.count += positions as f64;
        Ok(())
    }

    /// The moments over all batches.
    pub fn moments(&self) -> PatchMoments {
        let patch = self.patch;
        let (second, mean) = match &self.layout {
            Layout::Same { kernel, channels, regions } => {
                let same = SameSums::new(*kernel, *channels, regions, &self.sums);
                let mut second = vec![0.0; patch * patch];
                threads::for_each_chunk(&mut second, patch, |row, values| {
                    values.iter_mut().enumerate().for_each(|(column, value)| {
                        *value = (same.second(row, column) / self.count) as f32;
                    });
                });
                (second, (0..patch).map(|entry| same.first(entry) / self.count).collect())
            }
            Layout::Patches { .. } => {
                let (second, first) = self.sums.split_at(patch * patch);
                let second = second.iter().map(|sum| (sum / self.count) as f32).collect();
                (second, first.iter().map(|sum| sum / self.count).collect())
            }
        };
        PatchMoments { patch, second, mean }
    }
}

/// A linear layer's features as channels of one pixel, whatever shape they come in.
fn flat_for_linear(op: Op, input: &Tensor<4>) -> Tensor<4> {
    match op {
        Op::Linear { in_features, .. } => {
            let batch = input.dims()[0];
            input.clone().reshape([batch, in_features, 1, 1])
        }
        _ => input.clone(),
    }
}

/// What `of` gives for the whole image less a border row and a border column; their corner was taken away twice.
fn without(row: Option<Side>, column: Option<Side>, of: impl Fn(Region) -> f64) -> f64 {
    let mut sum = of((Side::Whole, Side::Whole));
    if let Some(row) = row {
        sum -= of((row, Side::Whole));
    }
    if let Some(column) = column {
        sum -= of((Side::Whole, column));
    }
    if let (Some(row), Some(column)) = (row, column) {
        sum += of((row, column));
    }
    sum
}

/// Sums of each region, looked up by kernel positions.
struct SameSums<'a> {
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
    /// Σ of each channel.
    firsts: &'a [f64],
}

impl<'a> SameSums<'a> {
    fn new(kernel: usize, channels: usize, regions: &'a [(Region, Vec<Offset>)], mut sums: &'a [f64]) -> Self {
        let mut parts = Vec::new();
        for (region, offsets) in regions {
            let (correlations, rest) = sums.split_at(offsets.len() * channels * channels);
            let (firsts, rest) = rest.split_at(channels);
            parts.push(RegionSums { region: *region, offsets, correlations, firsts });
            sums = rest;
        }
        Self { kernel, channels, regions: parts }
    }

    /// Channel, row and column of a patch entry.
    fn position(&self, entry: usize) -> (usize, usize, usize) {
        let area = self.kernel * self.kernel;
        (entry / area, entry % area / self.kernel, entry % self.kernel)
    }

    /// The border line that a kernel position never reads: the last for the first position, and the other way round.
    fn unread(&self, position: usize) -> Option<Side> {
        match position {
            _ if self.kernel == 1 => None,
            0 => Some(Side::Last),
            p if p + 1 == self.kernel => Some(Side::First),
            _ => None,
        }
    }

    fn region(&self, region: Region) -> &RegionSums<'a> {
        self.regions.iter().find(|part| part.region == region).expect("every region of the kernel was summed")
    }

    /// Σ `X[c](u)` · `X[c'](u + offset)` over a region.
    fn correlation(&self, region: Region, (rows, columns): (isize, isize), c: usize, other: usize) -> f64 {
        let backwards = rows < 0 || (rows == 0 && columns < 0);
        let (offset, c, other) =
            if backwards { ((rows.unsigned_abs(), -columns), other, c) } else { ((rows as usize, columns), c, other) };
        let RegionSums { offsets, correlations, .. } = self.region(region);
        let index = offsets.iter().position(|known| *known == offset).expect("every offset of the region was summed");
        correlations[(index * self.channels + other) * self.channels + c]
    }

    /// Σ p_a p_b. Only where both entries sit in the same outer row (or column) of the kernel is a border line missing.
    fn second(&self, a: usize, b: usize) -> f64 {
        let ((c, i, j), (other, k, l)) = (self.position(a), self.position(b));
        let offset = (k as isize - i as isize, l as isize - j as isize);
        let row = self.unread(i).filter(|_| i == k);
        let column = self.unread(j).filter(|_| j == l);
        without(row, column, |region| self.correlation(region, offset, c, other))
    }

    /// Σ p_a.
    fn first(&self, a: usize) -> f64 {
        let (c, i, j) = self.position(a);
        without(self.unread(i), self.unread(j), |region| self.region(region).firsts[c])
    }
}

/// One weight of a channel: index into the patch, value, and place in the layer's order of magnitude.
struct Entry {
    index: usize,
    weight: f64,
    place: usize,
}

impl PatchMoments {
    /// Moments of every channel at each of these sparsities (descending kept counts), `[sparsity][channel]`.
    pub fn channel_moments(&self, layer: &LayerWeights, kept: &[usize]) -> Vec<Vec<ChannelMoments>> {
        let mut places = vec![0; layer.weights.len()];
        for (place, index) in magnitude_order(&layer.weights).into_iter().enumerate() {
            places[index] = place;
        }
        let cross = self.cross_moments(layer);
        let of_channel = |channel: usize| {
            let row = channel * self.patch..(channel + 1) * self.patch;
            let mut entries: Vec<Entry> = layer.weights[row.clone()]
                .iter()
                .zip(&places[row.clone()])
                .enumerate()
                .map(|(index, (&weight, &place))| Entry { index, weight: f64::from(weight), place })
                .collect();
            entries.sort_unstable_by_key(|entry| entry.place);
            self.of_channel(&entries, &cross[row], layer.bias_of(channel), kept, layer.weights.len())
        };
        let channels = threads::map_range(layer.channels, of_channel);
        (0..kept.len()).map(|level| channels.iter().map(|levels| levels[level]).collect()).collect()
    }

    /// G w of each channel, `[channels, patch]`.
    fn cross_moments(&self, layer: &LayerWeights) -> Vec<f32> {
        let mut cross = vec![0.0; layer.channels * self.patch];
        let rows = 16;
        threads::for_each_chunk(&mut cross, rows * self.patch, |chunk, out| {
            let count = out.len() / self.patch;
            let weights = &layer.weights[chunk * rows * self.patch..][..count * self.patch];
            let left = Matrix::new(weights, count, self.patch);
            kernels::matmul(left, Matrix::new(&self.second, self.patch, self.patch), out, Write::Replace);
        });
        cross
    }

    fn of_channel(
        &self,
        entries: &[Entry],
        cross: &[f32],
        bias: f64,
        kept: &[usize],
        total: usize,
    ) -> Vec<ChannelMoments> {
        let with = |entry: &Entry| entry.weight * f64::from(cross[entry.index]);
        let dense_second: f64 = entries.iter().map(with).sum();
        let dense_mean: f64 = entries.iter().map(|entry| entry.weight * self.mean[entry.index]).sum();
        let variance = (dense_second - dense_mean * dense_mean).max(0.0);
        let half = ((1.0 - HALF) * total as f64).round() as usize;
        let split = entries.partition_point(|entry| entry.place < half);
        let (largest, smallest) = entries.split_at(split);
        let from_largest = self.running_squares(largest.iter());
        let from_smallest = self.running_squares(smallest.iter().rev());
        let level = |&kept: &usize| {
            let stays = entries.partition_point(|entry| entry.place < kept);
            let (kept, removed) = entries.split_at(stays);
            let cross_second: f64 = kept.iter().map(with).sum();
            let pruned_mean: f64 = kept.iter().map(|entry| entry.weight * self.mean[entry.index]).sum();
            let pruned_second = if stays <= split {
                from_largest[stays]
            } else {
                // ŵ = w − δ: ŵᵀGŵ = wᵀGw − 2δᵀGw + δᵀGδ.
                let removed_cross: f64 = removed.iter().map(with).sum();
                dense_second - 2.0 * removed_cross + from_smallest[removed.len()]
            };
            ChannelMoments {
                mean: dense_mean + bias,
                variance,
                pruned_mean: pruned_mean + bias,
                pruned_variance: (pruned_second - pruned_mean * pruned_mean).max(0.0),
                covariance: cross_second - dense_mean * pruned_mean,
            }
        };
        kept.iter().map(level).collect()
    }

    /// Σ w_a w_b G_ab over the first 0, 1, 2, … entries.
    fn running_squares<'e>(&self, entries: impl Iterator<Item = &'e Entry>) -> Vec<f64> {
        let mut taken: Vec<(usize, f32)> = Vec::new();
        let mut squares = vec![0.0];
        let mut sum = 0.0;
        for entry in entries {
            let row = &self.second[entry.index * self.patch..][..self.patch];
            let cross: f64 = taken.iter().map(|&(index, weight)| f64::from(weight * row[index])).sum();
            sum += entry.weight * (2.0 * cross + entry.weight * f64::from(row[entry.index]));
            squares.push(sum);
            taken.push((entry.index, entry.weight as f32));
        }
        squares
    }
}
