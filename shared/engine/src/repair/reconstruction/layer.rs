//! One layer as the regression of its dense outputs on what the repaired network gives it.

use burn::tensor::{ExecutionError, Tensor};
use rrlab_types::{Affine, ChannelMoments, Op};

use crate::calibrate::{CalibrationError, InputMoments, PatchSums, flat_for_linear};
use crate::kernels;
use crate::network::{groups_of, window_of};
use crate::repair::pass::Statistics;
use crate::ridge::{Inputs, NotPositiveDefinite, RidgeFactor};
use crate::sums::Sums;
use crate::threads;
use crate::watch::{Progress, Stopped};

/// Multiplications after which the watcher hears of work on a layer: about a second's.
const WORK_BETWEEN_WATCHES: f64 = 1e10;
/// Channels that are solved before that at least, so that all threads have some.
const CHANNELS_BETWEEN_WATCHES: usize = 8;

/// Moments of a layer's inputs x̂, as the network repaired so far gives them, and of its outputs y
/// in the dense network, over the same images and positions.
pub struct LayerMoments {
    /// Name of the layer, for errors.
    name: String,
    /// `E[x̂x̂ᵀ]` and `E[x̂]` of each group of channels.
    inputs: InputMoments,
    /// cov(y, x̂), `[channels, patch]`.
    cross: Vec<f64>,
    /// Mean and variance of each channel's y.
    outputs: Statistics,
}

/// Weights to be solved: an output channel with those entries of its patch that stay, in rising
/// order.
pub struct ChannelTask {
    pub channel: usize,
    pub kept: Vec<usize>,
}

/// An output channel whose kept weights were solved.
#[derive(Debug, Clone)]
pub struct SolvedChannel {
    /// Entries of the patch that stay, in rising order.
    pub kept: Vec<usize>,
    /// Their weights.
    pub weights: Vec<f32>,
    /// By how much the channel's residual grows when each of them goes and the others make up for
    /// it: `w²/[(G_c[S,S] + λI)⁻¹]`. Empty where it was not asked for.
    pub losses: Vec<f64>,
    /// Moments of the channel's output without its bias.
    moments: ChannelMoments,
}

impl LayerMoments {
    /// Sums over all batches: what the layer takes in the repaired network, and what it gives in
    /// the dense one.
    ///
    /// # Shapes
    /// - `inputs`: `[batch, in, height, width]` each
    /// - `dense_outputs`: `[batch, out, output height, output width]` each
    /// - `dense`: of these outputs, `[out]`
    pub async fn measure(
        (name, op): (&str, Op),
        inputs: impl Iterator<Item = &Tensor<4>>,
        dense_outputs: &[Tensor<4>],
        dense: &Statistics,
    ) -> Result<Self, ExecutionError> {
        let patch = patch_of(op);
        let mut sums = PatchSums::new(op, patch);
        let mut cross = Sums::default();
        let mut count = 0;
        for (input, output) in inputs.zip(dense_outputs) {
            let [batch, _, height, width] = output.dims();
            let positions = batch * height * width;
            count += positions;
            let of_batch = sums.of_batch(op, input);
            sums.add(of_batch, positions).await?;
            let (input, output) = (flat_for_linear(op, input), output.clone());
            let products = kernels::patch_products(input, output, window_of(op), groups_of(op));
            cross.add(products).await?;
        }
        let (inputs, mut cross) = (sums.moments().await?, cross.finish().await?);
        let groups = inputs.groups();
        let of_group = dense.len() / groups.len();
        let rows = cross.chunks_mut(patch).zip(dense).enumerate();
        for (channel, (row, &(output_mean, _))) in rows {
            for (value, input_mean) in row.iter_mut().zip(groups[channel / of_group].mean()) {
                *value = *value / count as f64 - input_mean * output_mean;
            }
        }
        Ok(Self { name: name.into(), inputs, cross, outputs: dense.clone() })
    }

    /// Entries of an input patch.
    pub fn patch(&self) -> usize {
        self.cross.len() / self.outputs.len()
    }

    /// Output channels.
    pub fn channels(&self) -> usize {
        self.outputs.len()
    }

    /// Solves these channels, which do not depend on one another.
    ///
    /// # Errors
    /// If one can't be solved, or the watcher ends it.
    pub async fn solve(
        &self,
        tasks: Vec<ChannelTask>,
        with_losses: bool,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Vec<SolvedChannel>, CalibrationError> {
        let groups = self.inputs.groups();
        let of_group = self.channels() / groups.len();
        let mut solved = Vec::with_capacity(tasks.len());
        let mut rest = tasks.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(worth_a_watch(rest));
            let channels = threads::map_range(now.len(), |task| {
                let task = &now[task];
                self.solved(&groups[task.channel / of_group], task, with_losses)
            });
            for channel in channels {
                let unsolvable =
                    |NotPositiveDefinite| CalibrationError::Unsolvable { layer: self.name.clone() };
                solved.push(channel.map_err(unsolvable)?);
            }
            watch(Progress::Solving).await?;
            rest = later;
        }
        Ok(solved)
    }

    fn solved(
        &self,
        inputs: &Inputs<'_>,
        task: &ChannelTask,
        with_losses: bool,
    ) -> Result<SolvedChannel, NotPositiveDefinite> {
        let ChannelTask { channel, kept } = task;
        let cross = &self.cross[channel * self.patch()..][..self.patch()];
        let target: Vec<f64> = kept.iter().map(|&entry| cross[entry]).collect();
        let RidgeFactor { factor, ridge } = inputs.factor(kept)?;
        let exact = factor.solve(&target);
        let losses = if with_losses {
            let inverse = factor.inverse_diagonal();
            exact.iter().zip(inverse).map(|(weight, inverse)| weight * weight / inverse).collect()
        } else {
            Vec::new()
        };
        let (mean, variance) = self.outputs[*channel];
        let mut moments = ChannelMoments { mean, variance, ..ChannelMoments::default() };
        for ((weight, target), &entry) in exact.iter().zip(&target).zip(kept) {
            moments.pruned_mean += weight * inputs.mean()[entry];
            moments.covariance += weight * target;
            // (G_c[S,S] + λI)ŵ = t: the output's variance ŵᵀG_cŵ is tᵀŵ − λŵᵀŵ.
            moments.pruned_variance += weight * (target - ridge * weight);
        }
        moments.pruned_variance = moments.pruned_variance.max(0.0);
        let weights = exact.into_iter().map(|weight| weight as f32).collect();
        Ok(SolvedChannel { kept: kept.clone(), weights, losses, moments })
    }
}

impl SolvedChannel {
    /// Moments of the channel's output, with the layer's bias.
    pub fn moments(&self, bias: f64) -> ChannelMoments {
        let pruned_mean = self.moments.pruned_mean + bias;
        ChannelMoments { pruned_mean, ..self.moments }
    }

    /// What is added to the channel's output, bias included, for it to have the dense channel's
    /// mean: b = μ − mᵀŵ.
    pub fn shift(&self, bias: f64) -> Affine {
        let ChannelMoments { mean, pruned_mean, .. } = self.moments(bias);
        Affine { scale: 1.0, shift: mean - pruned_mean }
    }
}

/// Entries of an input patch: weights of one output channel.
fn patch_of(op: Op) -> usize {
    op.weight_shape().map_or(0, |shape| shape[1..].iter().product())
}

/// How many of these channels are solved before the watcher hears of it.
fn worth_a_watch(tasks: &[ChannelTask]) -> usize {
    let mut work = 0.0;
    let enough = tasks.iter().enumerate().position(|(index, task)| {
        work += (task.kept.len() as f64).powi(3);
        index + 1 >= CHANNELS_BETWEEN_WATCHES && work >= WORK_BETWEEN_WATCHES
    });
    enough.map_or(tasks.len(), |last| last + 1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, read_sync};
    use rrlab_types::{Conv2d, Padding};
    use serde::Deserialize;

    use super::*;
    use crate::repair::pass::statistics;
    use crate::transfer::upload;
    use crate::watch::unwatched;

    /// What `tests/golden/reconstruction.py` computed.
    #[derive(Deserialize)]
    struct Golden {
        name: String,
        linear: bool,
        kernel: usize,
        stride: usize,
        padding: usize,
        groups: usize,
        input_shape: [usize; 4],
        input: Vec<f32>,
        output_shape: [usize; 4],
        output: Vec<f32>,
        kept: Vec<u8>,
        weights: Vec<f64>,
        shifts: Vec<f64>,
        residuals: Vec<f64>,
    }

    impl Golden {
        fn op(&self) -> Op {
            let ([_, in_channels, height, width], [_, out_channels, ..]) =
                (self.input_shape, self.output_shape);
            if self.linear {
                let in_features = in_channels * height * width;
                return Op::Linear { in_features, out_features: out_channels, bias: true };
            }
            let Self { kernel, stride, padding, groups, .. } = *self;
            Op::Conv2d(Conv2d {
                stride: [stride; 2],
                padding: Padding::all(padding),
                groups,
                ..Conv2d::square(in_channels, out_channels, kernel)
            })
        }

        /// Moments of the layer where the images come in batches of so many.
        fn layer(&self, batch: usize) -> LayerMoments {
            let device = Device::flex();
            let input = upload(&self.input, self.input_shape, &device);
            let output = upload(&self.output, self.output_shape, &device);
            let split = |tensor: Tensor<4>| tensor.split(batch, 0);
            let (inputs, outputs) = (split(input), split(output));
            read_sync(async {
                let dense = statistics(&outputs).await.unwrap();
                let named = (self.name.as_str(), self.op());
                LayerMoments::measure(named, inputs.iter(), &outputs, &dense).await.unwrap()
            })
        }

        fn tasks(&self) -> Vec<ChannelTask> {
            let rows = self.kept.chunks(self.kept.len() / self.output_shape[1]);
            let entries = |row: &[u8]| (0..row.len()).filter(|&entry| row[entry] == 1).collect();
            let tasks =
                rows.enumerate().map(|(channel, row)| ChannelTask { channel, kept: entries(row) });
            tasks.collect()
        }
    }

    fn assert_close(what: &str, found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found} against {expected}");
    }

    #[test]
    fn solved_weights_are_those_of_a_direct_least_squares_solver() {
        let text = include_str!("../../../tests/golden/reconstruction.json");
        let cases: Vec<Golden> = serde_json::from_str(text).unwrap();
        for case in &cases {
            let layer = case.layer(2);
            let solved = read_sync(layer.solve(case.tasks(), false, unwatched)).unwrap();
            for (channel, solved) in solved.iter().enumerate() {
                let what = format!("{}, channel {channel}", case.name);
                let expected = &case.weights[channel * layer.patch()..][..layer.patch()];
                for (&entry, &weight) in solved.kept.iter().zip(&solved.weights) {
                    assert_close(&what, f64::from(weight), expected[entry], 1e-3);
                }
                assert_close(&what, solved.shift(0.0).shift, case.shifts[channel], 1e-3);
                let moments = solved.moments(0.0);
                let residual = moments.distortion(solved.shift(0.0));
                assert_close(&what, residual, case.residuals[channel], 1e-4 * moments.variance);
            }
        }
    }

    #[test]
    fn a_loss_is_what_solving_without_the_weight_loses() {
        let text = include_str!("../../../tests/golden/reconstruction.json");
        let cases: Vec<Golden> = serde_json::from_str(text).unwrap();
        // Variance that a channel's solution accounts for, the ridge's part taken off.
        let accounted = |solved: &SolvedChannel| solved.moments(0.0).covariance;
        for case in &cases {
            let layer = case.layer(case.input_shape[0]);
            for task in case.tasks() {
                let ChannelTask { channel, kept } = task;
                let solve = |kept: Vec<usize>| {
                    let tasks = vec![ChannelTask { channel, kept }];
                    read_sync(layer.solve(tasks, true, unwatched)).unwrap().swap_remove(0)
                };
                let all = solve(kept.clone());
                for (at, loss) in all.losses.iter().enumerate() {
                    let mut others = kept.clone();
                    others.remove(at);
                    let without = accounted(&all) - accounted(&solve(others));
                    let what = format!("{}, channel {channel}, weight {at}", case.name);
                    assert_close(&what, *loss, without, 1e-8 * accounted(&all).max(1e-3));
                }
            }
        }
    }

    #[test]
    fn a_layer_whose_inputs_never_vary_gives_its_mean() {
        let device = Device::flex();
        let inputs = [Tensor::ones([1, 4, 1, 1], &device)];
        let outputs = [upload(&[2.5, -1.0], [1, 2, 1, 1], &device)];
        let op = Op::Linear { in_features: 4, out_features: 2, bias: true };
        let solved = read_sync(async {
            let dense = statistics(&outputs).await.unwrap();
            let layer =
                LayerMoments::measure(("constant", op), inputs.iter(), &outputs, &dense).await;
            let tasks = [0, 1].map(|channel| ChannelTask { channel, kept: vec![0, 2] });
            layer.unwrap().solve(tasks.into(), true, unwatched).await.unwrap()
        });
        for (solved, mean) in solved.iter().zip([2.5, -1.0]) {
            assert_eq!(solved.weights, [0.0, 0.0]);
            assert!(solved.losses.iter().all(|loss| loss.is_finite()), "{:?}", solved.losses);
            assert_close("shift", solved.shift(0.5).shift + 0.5, mean, 1e-6);
        }
    }
}
