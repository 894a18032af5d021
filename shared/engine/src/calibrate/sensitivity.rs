//! How much of what the logits say the noise of each layer drowns (`docs/method.md`, section 5).
//!
//! White noise of variance v_c in channel c of a layer's output y moves the logits z, to first
//! order, by Σ_k Var(Δz_k) = Σ_c v_c Σ_positions Σ_k (∂z_k/∂y)². For u ~ N(0, I) the mean of
//! (∂(uᵀz)/∂y)² is the inner sum, so that one backward pass serves all logits at once. The logits
//! of each image are centred, z less its mean over classes: what moves all of them alike changes no
//! probability.

use burn::tensor::{Device, ExecutionError, Tensor};
use rand::{SeedableRng, rngs::ChaCha8Rng};
use rrlab_types::{NodeId, SensitivityMeasurement};

use super::images::CalibrationImages;
use crate::kernels::{self, SquaredGradient};
use crate::model::{Model, normal_values};
use crate::network::{Activations, Network};
use crate::sums::{Rows, Sums};
use crate::transfer::upload;

/// Calibration images that gradients are taken on; fewer where there are not as many.
const IMAGES: usize = 256;
/// Forward passes that a backward pass is counted as, where images are batched: it holds every
/// activation of the network, they hold two or three.
const FORWARD_PASSES: usize = 2;
/// Keeps these draws apart from others of the same seed: "logits" in ASCII.
const COMBINATIONS: u64 = 0x6c6f_6769_7473;

/// Squared gradients of random combinations of a network's centred logits, and these logits.
pub struct LogitGradients<'a> {
    /// On the device that keeps a record for gradients.
    network: Network,
    images: &'a CalibrationImages<'a>,
    /// Σ over images and positions of (∂(uᵀz)/∂y)² of each channel of each layer, in graph order:
    /// `[layers' channels]`.
    squares: Sums,
    /// Images so far.
    count: usize,
    /// Their logits, `[images, classes]`.
    logits: Rows,
}

/// What sensitivity is measured with where so many calibration images are at hand.
pub fn measurement(images: usize) -> SensitivityMeasurement {
    SensitivityMeasurement { images: images.min(IMAGES), rounds: 1 }
}

impl<'a> LogitGradients<'a> {
    /// Before the first of these images, of a dense network in evaluation mode.
    pub fn new(model: &Model, device: &Device, images: &'a CalibrationImages<'a>) -> Self {
        let network = Network::new(model, &device.clone().autodiff());
        Self { network, images, squares: Sums::default(), count: 0, logits: Rows::default() }
    }

    /// How many images [`LogitGradients::add`] takes at once.
    pub fn batch(&self) -> usize {
        self.images.batch(self.network.graph()).div_ceil(FORWARD_PASSES)
    }

    /// The device of these batches, which keeps a record for gradients.
    pub fn device(&self) -> &Device {
        self.network.device()
    }

    /// Takes the next batch into account, with a combination drawn anew for each image. Nodes that
    /// `is_shown` names are shown with their inputs, without the record that is kept for gradients.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn add(
        &mut self,
        batch: Tensor<4>,
        is_shown: impl Fn(NodeId) -> bool,
        show: impl FnMut(NodeId, &[Tensor<4>]),
    ) -> Result<(), ExecutionError> {
        let count = batch.dims()[0];
        let (logits, watched) = forward_watched(&self.network, batch, is_shown, show);
        let combination = self.combinations(count);
        let gradients = (logits.clone() * combination).sum().backward();
        let squares = watched.iter().map(|layer| layer.sums(&gradients)).collect();
        self.squares.add(Tensor::cat(squares, 0)).await?;
        self.count += count;
        self.logits.add(logits.inner()).await
    }

    /// What these gradients say of each layer's noise.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn finish(self) -> Result<Sensitivity, ExecutionError> {
        let graph = self.network.graph();
        let logits = centred(self.logits.finish().await?, graph.classes());
        let logit_variance = summed_variance(&logits, graph.classes());
        // A variance that is no number makes S none either, which calibration refuses.
        let is_constant = logit_variance <= 0.0;
        let scale = (!is_constant).then(|| 1.0 / (self.count as f64 * logit_variance));
        let of_layers = self.squares.finish().await?;
        let mut rest = of_layers.as_slice();
        let mut squares = Vec::new();
        for layer in graph.prunable_layers() {
            let (of_layer, others) = rest.split_at(layer.weight_shape[0]);
            squares.push(of_layer.to_vec());
            rest = others;
        }
        Ok(Sensitivity { squares, scale })
    }

    /// u of the next images, `[images, classes]`: vectors of mean 0, as centred logits are, so that
    /// u is as often in any direction and E[u uᵀ] is what it is of N(0, I) without its mean.
    ///
    /// As many successive images as such vectors can be orthogonal to each other share an
    /// orthogonal basis drawn at random, all of one length: what they sum to then depends on the
    /// images alone, as far as these are alike (`docs/method.md`, section 5).
    fn combinations(&self, count: usize) -> Tensor<2> {
        let classes = self.network.graph().classes();
        // A single class has nothing but its mean.
        let size = classes.saturating_sub(1).max(1);
        let mut values = Vec::with_capacity(count * classes);
        let (mut image, end) = (self.count, self.count + count);
        while image < end {
            let (basis, from) = (image / size, image % size);
            let to = size.min(from + end - image);
            let rows = self.basis(basis, to, classes);
            values.extend_from_slice(&rows[from * classes..]);
            image += to - from;
        }
        upload(&values, [count, classes], self.network.device())
    }

    /// The first rows of a basis, `[rows, classes]`, each of the length √(classes − 1).
    fn basis(&self, index: usize, rows: usize, classes: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.images.seed() ^ COMBINATIONS);
        rng.set_stream(index as u64);
        let mut values = centred(normal_values(&mut rng, rows * classes, 1.0), classes);
        let length = (classes as f32 - 1.0).sqrt();
        for row in 0..rows {
            let (before, rest) = values.split_at_mut(row * classes);
            let row = &mut rest[..classes];
            for before in before.chunks(classes) {
                let share = dot(before, row) / (length * length);
                row.iter_mut().zip(before).for_each(|(value, before)| *value -= share * before);
            }
            let scale = length / dot(row, row).sqrt().max(f32::MIN_POSITIVE);
            row.iter_mut().for_each(|value| *value *= scale);
        }
        values
    }
}

/// How much of each layer's noise reaches the logits.
pub struct Sensitivity {
    /// Sums of [`LogitGradients`], `[layer][channel]`.
    squares: Vec<Vec<f64>>,
    /// One over images times Σ_k Var(z_k); none where the logits do not vary.
    scale: Option<f64>,
}

impl Sensitivity {
    /// S of each channel of a layer whose channels have these variances.
    ///
    /// Where the logits are the same for every image (there is but one, or the network is dead)
    /// nothing tells how strong noise is beside them; all layers then count alike, with S = 1.
    pub fn of_layer(&self, layer: usize, variances: &[f64]) -> Vec<f64> {
        let Some(scale) = self.scale else {
            return vec![1.0 / variances.len() as f64; variances.len()];
        };
        let channels = self.squares[layer].iter().zip(variances);
        channels.map(|(squares, variance)| squares * variance * scale).collect()
    }
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Each row less its mean; `values` is `[rows, columns]`.
fn centred(mut values: Vec<f32>, columns: usize) -> Vec<f32> {
    for row in values.chunks_mut(columns) {
        let mean = row.iter().sum::<f32>() / columns as f32;
        row.iter_mut().for_each(|value| *value -= mean);
    }
    values
}

/// Logits of a batch, `[batch, classes]`, and for every prunable layer, in graph order, where the
/// square of its output's gradient will be.
fn forward_watched(
    network: &Network,
    batch: Tensor<4>,
    is_shown: impl Fn(NodeId) -> bool,
    mut show: impl FnMut(NodeId, &[Tensor<4>]),
) -> (Tensor<2>, Vec<SquaredGradient>) {
    let graph = network.graph();
    let mut values = Activations::new(graph, batch);
    let mut layers = Vec::new();
    for id in graph.ids().skip(1) {
        if values.is_computed(id) {
            continue;
        }
        let inputs = values.take_inputs(graph, id);
        if is_shown(id) {
            let without_record: Vec<Tensor<4>> =
                inputs.iter().map(|input| input.clone().inner()).collect();
            show(id, &without_record);
        }
        if graph.node(id).role.is_some() {
            let (output, squares) = kernels::watched(network.node_output(id, &inputs));
            values.store(id, output);
            layers.push(squares);
        } else {
            network.compute_node(id, &inputs, &is_shown, &mut values);
        }
    }
    (values.into_logits(graph), layers)
}

/// Sum over columns of their variance; `values` is `[rows, columns]`.
fn summed_variance(values: &[f32], columns: usize) -> f64 {
    let rows = (values.len() / columns) as f64;
    let column = |index: usize| values.iter().skip(index).step_by(columns).copied().map(f64::from);
    let variance = |index: usize| {
        let mean = column(index).sum::<f64>() / rows;
        column(index).map(|value| (value - mean).powi(2)).sum::<f64>() / rows
    };
    (0..columns).map(variance).sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::read_sync;

    use super::*;
    use crate::architecture::Architecture;
    use crate::data::{Dataset, Split, shapes10};
    use crate::transfer::download;

    /// Variance of the noise that is put in, in parts of the channel's: small, so that the logits
    /// follow their first derivative, and large beside rounding.
    const STRENGTH: f64 = 1e-4;

    fn model(architecture: &str) -> Model {
        Model::random(architecture.parse::<Architecture>().unwrap().graph(10).unwrap(), 5)
    }

    fn images(data: &Dataset, count: usize) -> CalibrationImages<'_> {
        CalibrationImages::draw(data, Split::Train, count, 1, data.normalization).unwrap()
    }

    /// Of all images, so many times.
    fn measured<'a>(
        model: &Model,
        images: &'a CalibrationImages<'a>,
        rounds: usize,
    ) -> LogitGradients<'a> {
        let mut gradients = LogitGradients::new(model, &Device::flex(), images);
        let device = gradients.device().clone();
        for _ in 0..rounds {
            for batch in images.batches_of(images.indices(), gradients.batch(), &device) {
                read_sync(gradients.add(batch, |_| false, |_, _| ())).unwrap();
            }
        }
        gradients
    }

    /// Centred logits of a batch with something added to the output of one prunable layer.
    fn logits(network: &Network, batch: Tensor<4>, layer: usize, added: Tensor<4>) -> Vec<f32> {
        let graph = network.graph();
        let disturbed = graph.prunable_layers()[layer].node;
        let mut values = Activations::new(graph, batch);
        for id in graph.ids().skip(1) {
            let output = network.node_output(id, &values.take_inputs(graph, id));
            values.store(id, if id == disturbed { output + added.clone() } else { output });
        }
        centred(read_sync(download(values.into_logits(graph))).unwrap(), graph.classes())
    }

    /// What white noise of [`STRENGTH`] times these variances does to the logits, over
    /// [`STRENGTH`] and the logits' variance: S without any derivative.
    fn by_noise(model: &Model, images: &CalibrationImages<'_>, layer: usize, of: &[f64]) -> f64 {
        let device = Device::flex();
        let network = Network::new(model, &device);
        let graph = network.graph();
        let shape = graph.node(graph.prunable_layers()[layer].node).shape;
        let (batch, positions) = (images.len(), shape.positions());
        let input = || images.batches_of(images.indices(), batch, &device).next().unwrap();
        let dims = [batch, shape.channels, shape.height, shape.width];
        let dense = logits(&network, input(), layer, Tensor::zeros(dims, &device));
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let (draws, mut squares) = (48, 0.0);
        for _ in 0..draws {
            let mut noise = normal_values(&mut rng, batch * shape.elements(), 1.0);
            for (index, value) in noise.iter_mut().enumerate() {
                let channel = index / positions % shape.channels;
                *value *= (STRENGTH * of[channel]).sqrt() as f32;
            }
            let moved = logits(&network, input(), layer, upload(&noise, dims, &device));
            squares += dense
                .iter()
                .zip(&moved)
                .map(|(dense, moved)| f64::from(moved - dense).powi(2))
                .sum::<f64>();
        }
        let variance = summed_variance(&dense, graph.classes());
        squares / (draws * batch) as f64 / STRENGTH / variance
    }

    #[test]
    fn it_is_what_injected_noise_does_to_the_logits() {
        let data = shapes10(24, 10, 5);
        let images = images(&data, 24);
        let model = model("resnet8:width=0.25");
        let sensitivity = read_sync(measured(&model, &images, 64).finish()).unwrap();
        for (index, layer) in model.graph().prunable_layers().iter().enumerate() {
            let channels = layer.weight_shape[0];
            let all: Vec<f64> = (0..channels).map(|c| 0.5 + 0.1 * c as f64).collect();
            let mut one = vec![0.0; channels];
            one[channels / 2] = 1.0;
            for variances in [all, one] {
                let ours: f64 = sensitivity.of_layer(index, &variances).iter().sum();
                let theirs = by_noise(&model, &images, index, &variances);
                assert!(
                    (ours - theirs).abs() <= 0.1 * theirs,
                    "{}: {ours} against {theirs}",
                    layer.name
                );
            }
        }
    }

    #[test]
    fn a_single_image_makes_all_layers_count_alike() {
        let data = shapes10(8, 10, 5);
        let images = images(&data, 1);
        let measured = measured(&model("resnet8:width=0.25"), &images, 1);
        let sensitivity = read_sync(measured.finish()).unwrap();
        for variances in [vec![1.0; 4], vec![0.0, 2.0]] {
            let sum: f64 = sensitivity.of_layer(0, &variances).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let data = shapes10(100, 10, 5);
        let (model, images) = (model("resnet8:width=0.25"), images(&data, 80));
        let [first, second, more] = [1, 1, 2].map(|rounds| measured(&model, &images, rounds));
        assert_eq!(more.count, 160);
        let [first, second, more] =
            [first, second, more].map(|measured| read_sync(measured.finish()).unwrap().squares);
        assert_eq!(first, second);
        assert_ne!(first[0][0], 0.5 * more[0][0]);
    }
}
