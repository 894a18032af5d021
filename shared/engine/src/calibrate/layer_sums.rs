//! From a layer's second moments to the moments of its channels at every sparsity
//! (`docs/method.md`, section 3).
//!
//! Every mask keeps the largest weights, so that those of two sparsities are nested: with a
//! channel's weights in the order of magnitude, `E[ŷ²]` = ŵᵀGŵ grows by one weight at a time, whose
//! products with all before it are one sum over a part of one column of G. G of a wide layer is larger
//! than any cache; so its columns are gone through once, some at a time, and serve all channels.

use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};
use rrlab_types::{ChannelMoments, magnitude_order};

use super::second_moments::{InputMoments, PatchMoments};
use super::weights::LayerWeights;
use crate::kernels::{self, Matrix, WriteMode};
use crate::threads;

/// Sparsity from which `E[ŷ²]` is summed over kept weights; below it, over removed ones. Either sum
/// takes the square of its weights, so the fewer are summed.
const HALF: f64 = 0.5;
/// Output channels whose product with G is one task: enough that each read of G, which does not fit
/// the cache, serves many channels, and few enough that a layer of 512 channels, where it takes
/// time, keeps eight threads busy.
const CHANNELS_PER_PRODUCT: usize = 64;
/// Weights whose products are summed in f32 before they are added in f64: as many as lose no more than
/// the products of their own rounding.
const WEIGHTS_IN_F32: usize = 128;
/// Columns of G that one task goes through for all channels: few enough that those of the widest
/// layers about fit the second cache, and that their sums stay in vector registers.
const COLUMNS_PER_TASK: usize = 48;

/// One weight of a channel. Small, since a layer has millions.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    index: u32,
    place: u32,
    weight: f32,
}

impl Entry {
    /// Index into the patch.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Place in the order of magnitude of the whole layer, the largest first: a mask that keeps k
    /// weights keeps the places below k.
    pub fn place(self) -> usize {
        self.place as usize
    }

    /// Its value.
    pub fn weight(self) -> f64 {
        f64::from(self.weight)
    }
}

/// A layer's weights with the second moments of what they are multiplied with.
pub struct LayerSums<'a> {
    layer: &'a LayerWeights,
    moments: &'a InputMoments,
    /// `[channels, patch]`: each channel's weights, the largest first.
    entries: Vec<Entry>,
    /// G w of each channel, `[channels, patch]`.
    products: Vec<f32>,
}

/// Index or place of a weight.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("a layer has fewer than 2³² weights")
}

/// Each channel's weights, the largest first.
fn sorted(layer: &LayerWeights) -> Vec<Entry> {
    let mut next: Vec<usize> = (0..layer.channels).map(|channel| channel * layer.patch()).collect();
    let mut entries = vec![Entry { index: 0, place: 0, weight: 0.0 }; layer.weights.len()];
    for (place, at) in magnitude_order(&layer.weights).into_iter().enumerate() {
        let next = &mut next[at / layer.patch()];
        let (index, weight) = (narrow(at % layer.patch()), layer.weights[at]);
        entries[*next] = Entry { index, place: narrow(place), weight };
        *next += 1;
    }
    entries
}

/// G w of each channel, `[channels, patch]`.
fn products(layer: &LayerWeights, moments: &InputMoments) -> Vec<f32> {
    let groups = moments.of_groups();
    let patch = layer.patch();
    let of_group = layer.channels / groups.len() * patch;
    let mut products = vec![0.0; layer.channels * patch];
    let parts = products.chunks_mut(of_group).zip(layer.weights.chunks(of_group));
    for (group, (products, weights)) in groups.iter().zip(parts) {
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

impl<'a> LayerSums<'a> {
    /// Of a layer whose inputs have these moments.
    pub fn new(layer: &'a LayerWeights, moments: &'a InputMoments) -> Self {
        let (entries, products) = threads::join(|| sorted(layer), || products(layer, moments));
        Self { layer, moments, entries, products }
    }

    /// The layer.
    pub fn layer(&self) -> &'a LayerWeights {
        self.layer
    }

    /// Moments of its inputs.
    pub fn moments(&self) -> &'a InputMoments {
        self.moments
    }

    /// Weights of a channel, the largest first.
    pub fn entries(&self, channel: usize) -> &[Entry] {
        let patch = self.layer.patch();
        &self.entries[channel * patch..][..patch]
    }

    /// G w of a channel, `[patch]`.
    pub fn product(&self, channel: usize) -> &[f32] {
        let patch = self.layer.patch();
        &self.products[channel * patch..][..patch]
    }

    /// `E[y]` and `E[y²]` of a channel of the dense layer, without its bias: mᵀw and wᵀGw.
    pub fn dense(&self, channel: usize) -> (f64, f64) {
        let groups = self.moments.of_groups();
        let group = &groups[channel / (self.layer.channels / groups.len())];
        let entries = self.entries(channel);
        (group.mean_of(entries), cross(entries, self.product(channel)))
    }

    /// Moments of every channel where the layer keeps so many weights.
    ///
    /// # Shapes
    /// - `kept`: a count for each sparsity, in any order
    /// - output: `[sparsity][channel]`
    pub fn channel_moments(&self, kept: &[usize]) -> Vec<Vec<ChannelMoments>> {
        let groups = self.moments.of_groups();
        let of_group = self.layer.channels / groups.len();
        let half = ((1.0 - HALF) * self.layer.weights.len() as f64).round() as usize;
        let mut channels = Vec::with_capacity(self.layer.channels);
        for (group, moments) in groups.iter().enumerate() {
            let first = group * of_group;
            let entries = (first..first + of_group).map(|channel| self.entries(channel));
            let halved: Vec<Halved> = entries.map(|entries| Halved::new(entries, half)).collect();
            let earlier = moments.earlier(&halved);
            channels.extend(threads::map_range(of_group, |channel| {
                let earlier = earlier.iter().skip(channel).step_by(of_group).copied();
                let (entries, channel) = (halved[channel], first + channel);
                let sums = ChannelSums::new(self, moments, channel, entries, earlier.collect());
                let at = |&kept: &usize| self.layer.moments_of(channel, sums.means(kept));
                kept.iter().map(at).collect::<Vec<_>>()
            }));
        }
        let level_of_all = |level: usize| channels.iter().map(|levels| levels[level]).collect();
        (0..kept.len()).map(level_of_all).collect()
    }
}

/// A channel's weights in two parts: the larger ones are summed from the largest on, the others
/// from the smallest on. Fewer kept weights than there are larger ones follow from the first sums,
/// more from what the second say of the removed ones.
#[derive(Debug, Clone, Copy)]
struct Halved<'a> {
    larger: &'a [Entry],
    /// The largest of them first, too.
    smaller: &'a [Entry],
}

impl<'a> Halved<'a> {
    /// Weights of a channel, the largest first, of which those among the layer's `half` largest are
    /// the larger ones.
    fn new(entries: &'a [Entry], half: usize) -> Self {
        let (larger, smaller) =
            entries.split_at(entries.partition_point(|entry| entry.place() < half));
        Self { larger, smaller }
    }

    /// The weights in the order in which they are summed.
    fn order(self) -> SummingOrder {
        let summed = self.larger.iter().chain(self.smaller.iter().rev());
        let weights: Vec<_> = summed.map(|entry| (entry.index, entry.weight)).collect();
        let mut places = vec![0; weights.len()];
        for (place, (index, _)) in weights.iter().enumerate() {
            places[*index as usize] = narrow(place);
        }
        SummingOrder { weights, places, restart: self.larger.len() }
    }
}

/// A channel's weights in the order in which they are summed.
struct SummingOrder {
    /// Index into the patch and value of each.
    weights: Vec<(u32, f32)>,
    /// Where in `weights` each entry of the patch is, `[patch]`. Small, as [`Entry`] is.
    places: Vec<u32>,
    /// Where sums begin anew, with the smallest weight.
    restart: usize,
}

impl SummingOrder {
    /// Calls `visit(index, Σ w_b G_ab over the weights summed before)` for each of these entries of the
    /// patch; `columns` are theirs of G.
    fn for_each(
        &self,
        entries: Range<usize>,
        columns: &[[f32; COLUMNS_PER_TASK]],
        mut visit: impl FnMut(usize, f64),
    ) {
        let mut visited: Vec<_> =
            entries.clone().map(|index| (self.places[index] as usize, index)).collect();
        visited.sort_unstable();
        let (mut sums, mut summed) = ([0.0; COLUMNS_PER_TASK], 0);
        for (place, index) in visited {
            if (summed..=place).contains(&self.restart) {
                (sums, summed) = ([0.0; COLUMNS_PER_TASK], self.restart);
            }
            for weights in self.weights[summed..place].chunks(WEIGHTS_IN_F32) {
                let added = Arch::new().dispatch(WeightedSum { columns, weights });
                for (sum, added) in sums.iter_mut().zip(added) {
                    *sum += f64::from(added);
                }
            }
            summed = place;
            visit(index, sums[index - entries.start]);
        }
    }
}

/// Σ of weights times their rows of some columns of G, in the widest vectors that the processor has.
struct WeightedSum<'a> {
    /// `[patch]`
    columns: &'a [[f32; COLUMNS_PER_TASK]],
    /// Index into the patch and value of each.
    weights: &'a [(u32, f32)],
}

impl NullaryFnOnce for WeightedSum<'_> {
    type Output = [f32; COLUMNS_PER_TASK];

    #[inline(always)]
    fn call(self) -> Self::Output {
        let mut sums = [0.0; COLUMNS_PER_TASK];
        for &(index, weight) in self.weights {
            let row = &self.columns[index as usize];
            for column in 0..COLUMNS_PER_TASK {
                sums[column] += weight * row[column];
            }
        }
        sums
    }
}

impl PatchMoments {
    /// For each weight `w_a` of each channel Σ `w_b G_ab` over the weights that are summed before
    /// it, `[patch, channels]`.
    fn earlier(&self, channels: &[Halved<'_>]) -> Vec<f32> {
        let orders = threads::map_range(channels.len(), |channel| channels[channel].order());
        let of_task = COLUMNS_PER_TASK * channels.len();
        threads::filled(self.patch * channels.len(), of_task, |task, earlier| {
            let first = task * COLUMNS_PER_TASK;
            let entries = first..first + earlier.len() / channels.len();
            let columns = self.columns(entries.clone());
            for (channel, order) in orders.iter().enumerate() {
                order.for_each(entries.clone(), &columns, |index, sum| {
                    earlier[(index - first) * channels.len() + channel] = sum as f32;
                });
            }
        })
    }

    /// These columns of G beside each other, and zeros where they are too few, `[patch]`.
    fn columns(&self, which: Range<usize>) -> Vec<[f32; COLUMNS_PER_TASK]> {
        let mut columns = vec![[0.0; COLUMNS_PER_TASK]; self.patch];
        for (columns, row) in columns.iter_mut().zip(self.second.chunks(self.patch)) {
            columns[..which.len()].copy_from_slice(&row[which.clone()]);
        }
        columns
    }

    /// Σ `w_a w_b G_ab` over the first 0, 1, 2, … entries: one more adds its products with those
    /// before it, twice, since G is symmetric, and its own square.
    fn running_squares<'e>(
        &self,
        entries: impl Iterator<Item = &'e Entry>,
        earlier: &[f32],
    ) -> Vec<f64> {
        let mut squares = vec![0.0];
        let mut sum = 0.0;
        for entry in entries {
            let index = entry.index();
            let own = f64::from(self.second[index * self.patch + index]);
            sum += entry.weight() * (2.0 * f64::from(earlier[index]) + entry.weight() * own);
            squares.push(sum);
        }
        squares
    }

    /// mᵀδ, where δ has these entries of w.
    fn mean_of(&self, entries: &[Entry]) -> f64 {
        entries.iter().map(|entry| entry.weight() * self.mean[entry.index()]).sum()
    }
}

/// δᵀGw, where δ has these entries of w.
fn cross(entries: &[Entry], product: &[f32]) -> f64 {
    entries.iter().map(|entry| entry.weight() * f64::from(product[entry.index()])).sum()
}

/// One channel's sums, from which its moments at any sparsity follow.
struct ChannelSums<'a> {
    entries: Halved<'a>,
    moments: &'a PatchMoments,
    /// G w, `[patch]`.
    product: &'a [f32],
    /// wᵀGw.
    dense_second: f64,
    /// mᵀw.
    dense_mean: f64,
    /// Σ `w_a w_b G_ab` over the largest 0, 1, … of the larger entries.
    from_largest: Vec<f64>,
    /// The same over the smallest 0, 1, … of the smaller ones.
    from_smallest: Vec<f64>,
}

impl<'a> ChannelSums<'a> {
    /// Sums of a channel of the layer, with its group's moments; `earlier` is the channel's column of
    /// [`PatchMoments::earlier`].
    fn new(
        layer: &'a LayerSums<'_>,
        moments: &'a PatchMoments,
        channel: usize,
        entries: Halved<'a>,
        earlier: Vec<f32>,
    ) -> Self {
        let Halved { larger, smaller } = entries;
        let (dense_mean, dense_second) = layer.dense(channel);
        Self {
            entries,
            moments,
            product: layer.product(channel),
            dense_second,
            dense_mean,
            from_largest: moments.running_squares(larger.iter(), &earlier),
            from_smallest: moments.running_squares(smaller.iter().rev(), &earlier),
        }
    }

    /// `[E[y], E[y²], E[ŷ], E[ŷ²], E[yŷ]]` without the bias where the layer keeps its `kept` largest
    /// weights.
    fn means(&self, kept: usize) -> [f64; 5] {
        let Self { moments, product, dense_second, dense_mean, .. } = *self;
        let stays = |entries: &'a [Entry]| {
            entries.split_at(entries.partition_point(|entry| entry.place() < kept))
        };
        let (larger, smaller) = (stays(self.entries.larger), stays(self.entries.smaller));
        let pruned_mean = moments.mean_of(larger.0) + moments.mean_of(smaller.0);
        let covered = cross(larger.0, product) + cross(smaller.0, product);
        let pruned_second = if smaller.0.is_empty() {
            self.from_largest[larger.0.len()]
        } else {
            // ŵ = w − δ: ŵᵀGŵ = wᵀGw − 2δᵀGw + δᵀGδ.
            let removed = smaller.1;
            dense_second - 2.0 * cross(removed, product) + self.from_smallest[removed.len()]
        };
        [dense_mean, dense_second, pruned_mean, pruned_second, covered]
    }
}
