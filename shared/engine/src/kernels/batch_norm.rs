//! Batch normalisation by the batch's own statistics, two passes over the input forward, two over
//! the gradient back; and by known ones, in one pass. A rectifier that follows is computed in the same
//! pass.

use super::elementwise::{rectified, rectified_gradient};
use crate::threads;

/// Statistics of one channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelMoments {
    pub mean: f32,
    /// Divided by the count.
    pub variance: f32,
}

/// `[batch, channels, positions]` of the tensor at hand.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub batch: usize,
    pub channels: usize,
    pub positions: usize,
}

impl Extent {
    fn count(&self) -> f64 {
        (self.batch * self.positions) as f64
    }

    fn planes<'a>(
        &self,
        data: &'a [f32],
        channel: usize,
    ) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let (positions, channels) = (self.positions, self.channels);
        (0..self.batch)
            .map(move |image| &data[(image * channels + channel) * positions..][..positions])
    }
}

/// Lanes of a sum: as many f32 as the widest common vector register has (AVX's 256 bits). The
/// compiler may not reorder additions of floats by itself.
const LANES: usize = 8;

/// Mean and variance of each channel of `input` `[batch, channels, positions]`. Planes are summed
/// in f32, across images in f64.
pub fn moments(extent: &Extent, input: &[f32]) -> Vec<ChannelMoments> {
    threads::map_range(extent.channels, |channel| {
        let plane_sum = |plane: &[f32]| f64::from(sum_of(plane));
        let sum: f64 = extent.planes(input, channel).map(plane_sum).sum();
        let mean = (sum / extent.count()) as f32;
        // Squares of centred values: E[x²] − μ² would lose the variance of channels far from 0 to
        // rounding.
        let squares = |plane: &[f32]| f64::from(sum_of_squares(plane, mean));
        let square_sum: f64 = extent.planes(input, channel).map(squares).sum();
        ChannelMoments { mean, variance: (square_sum / extent.count()) as f32 }
    })
}

/// Σx of each channel of `input` `[batch, channels, positions]`. Planes are summed in f32, across
/// images in f64.
pub fn sums(extent: &Extent, input: &[f32]) -> Vec<f32> {
    threads::map_range(extent.channels, |channel| {
        let planes = extent.planes(input, channel);
        planes.map(|plane| f64::from(sum_of(plane))).sum::<f64>() as f32
    })
}

/// Σxy of each channel of two inputs `[batch, channels, positions]`, likewise.
pub fn products(extent: &Extent, one: &[f32], other: &[f32]) -> Vec<f32> {
    threads::map_range(extent.channels, |channel| {
        let planes = extent.planes(one, channel).zip(extent.planes(other, channel));
        planes.map(|(one, other)| f64::from(sum_of_products(one, other, 0.0))).sum::<f64>() as f32
    })
}

// Sums of a plane. Each adds up in lanes, which the compiler turns into vector additions, and by
// index: an iterator's adapters would be called for each number.

/// Σx.
fn sum_of(plane: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = plane.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += chunk[lane];
        }
    }
    lanes.iter().chain(rest).sum()
}

/// Σ(x − μ)².
fn sum_of_squares(plane: &[f32], mean: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = plane.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let centred = chunk[lane] - mean;
            lanes[lane] += centred * centred;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>()
}

/// Σx(y − μ).
fn sum_of_products(one: &[f32], other: &[f32], mean: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (ones, rest) = one.as_chunks::<LANES>();
    let (others, rest_of_other) = other.as_chunks::<LANES>();
    for at in 0..ones.len() {
        let (one, other) = (&ones[at], &others[at]);
        for lane in 0..LANES {
            lanes[lane] += one[lane] * (other[lane] - mean);
        }
    }
    let rest = rest.iter().zip(rest_of_other).map(|(one, other)| one * (other - mean));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// What a batch norm does with the statistics of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Of each channel.
    pub gamma: &'a [f32],
    /// Of each channel.
    pub beta: &'a [f32],
    pub epsilon: f32,
    /// Whether 0 takes the place of what is less.
    pub rectified: bool,
}

impl Norm<'_> {
    /// γ/√(v + ε) of each channel, and β − μ times that.
    fn scale_and_shift(&self, moments: &[ChannelMoments]) -> (Vec<f32>, Vec<f32>) {
        let scale_of = |(gamma, moments): (&f32, &ChannelMoments)| {
            gamma / (moments.variance + self.epsilon).sqrt()
        };
        let scale: Vec<f32> = self.gamma.iter().zip(moments).map(scale_of).collect();
        let shift_of = |channel: usize| self.beta[channel] - moments[channel].mean * scale[channel];
        let shift = (0..scale.len()).map(shift_of).collect();
        (scale, shift)
    }
}

/// `γ·(x − μ)/√(v + ε) + β`, perhaps rectified, for `input` `[batch, channels, positions]`.
pub fn forward(
    extent: &Extent,
    input: &[f32],
    moments: &[ChannelMoments],
    norm: &Norm<'_>,
) -> Vec<f32> {
    let (scale, shift) = norm.scale_and_shift(moments);
    scale_and_shift(extent, input, &scale, &shift, norm.rectified)
}

/// `x·scale + shift`, perhaps rectified, for `input` `[batch, channels, positions]`; the others are one
/// number a channel.
pub fn scale_and_shift(
    extent: &Extent,
    input: &[f32],
    scale: &[f32],
    shift: &[f32],
    is_rectified: bool,
) -> Vec<f32> {
    if is_rectified {
        scaled(extent, input, scale, shift, rectified)
    } else {
        scaled(extent, input, scale, shift, |value| value)
    }
}

/// What `finish` makes of `x·scale + shift`.
fn scaled(
    extent: &Extent,
    input: &[f32],
    scale: &[f32],
    shift: &[f32],
    finish: impl Fn(f32) -> f32 + Sync + Send,
) -> Vec<f32> {
    threads::filled(input.len(), extent.channels * extent.positions, |image, out| {
        let input = &input[image * out.len()..][..out.len()];
        let planes = out.chunks_mut(extent.positions).zip(input.chunks(extent.positions));
        for (channel, (out, input)) in planes.enumerate() {
            let (scale, shift) = (scale[channel], shift[channel]);
            for at in 0..extent.positions {
                out[at] = finish(input[at] * scale + shift);
            }
        }
    })
}

/// Gradients with respect to input, γ and β.
pub struct Gradients {
    /// `[batch, channels, positions]`.
    pub input: Vec<f32>,
    /// `[channels]`.
    pub gamma: Vec<f32>,
    /// `[channels]`.
    pub beta: Vec<f32>,
}

/// Gradients of the loss from `gradient` = dy `[batch, channels, positions]`.
///
/// With x̂ = (x − μ)/√(v + ε): ∂β = Σ dy, ∂γ = Σ dy·x̂, ∂x = γ/√(v + ε) · (dy − mean(dy) −
/// x̂·mean(dy·x̂)). Where the output is rectified, dy is 0 wherever that is; the output is computed anew,
/// which takes less time than reading it.
pub fn backward(
    extent: &Extent,
    input: &[f32],
    moments: &[ChannelMoments],
    norm: &Norm<'_>,
    gradient: &[f32],
) -> Gradients {
    let (scale, shift) = norm.scale_and_shift(moments);
    let rectifier = |channel: usize| {
        norm.rectified.then(|| Rectifier { scale: scale[channel], shift: shift[channel] })
    };
    let sums = threads::map_range(extent.channels, |channel| {
        let planes = extent.planes(gradient, channel).zip(extent.planes(input, channel));
        gradient_sums(planes, moments[channel].mean, rectifier(channel))
    });
    let count = extent.count() as f32;
    let (mut gamma, mut beta, mut channels) = (Vec::new(), Vec::new(), Vec::new());
    for (channel, &(sum, weighted)) in sums.iter().enumerate() {
        let ChannelMoments { mean, variance } = moments[channel];
        let inverse = 1.0 / (variance + norm.epsilon).sqrt();
        let of_gamma = weighted as f32 * inverse;
        let (scale, sum) = (scale[channel], sum as f32);
        let slope = -scale * inverse * of_gamma / count;
        let offset = -scale * sum / count - slope * mean;
        channels.push(ChannelGradient { scale, slope, offset, rectifier: rectifier(channel) });
        gamma.push(of_gamma);
        beta.push(sum);
    }
    let image = extent.channels * extent.positions;
    let input_gradient = threads::filled(input.len(), image, |index, out| {
        let (input, gradient) = (&input[index * image..], &gradient[index * image..]);
        let planes = gradient.chunks(extent.positions).zip(input.chunks(extent.positions));
        let outs = out.chunks_mut(extent.positions).zip(&channels);
        for ((out, channel), (dy, x)) in outs.zip(planes) {
            channel.write(dy, x, out);
        }
    });
    Gradients { input: input_gradient, gamma, beta }
}

/// A rectifier behind `x·scale + shift`.
#[derive(Debug, Clone, Copy)]
struct Rectifier {
    scale: f32,
    shift: f32,
}

impl Rectifier {
    /// What it lets pass of the gradient of what it gives, at this `x`.
    #[inline]
    fn gradient(self, of_output: f32, x: f32) -> f32 {
        rectified_gradient(x * self.scale + self.shift, of_output)
    }
}

/// Σ dy and Σ dy(x − μ) over a channel's planes of dy and x, of what the rectifier lets pass.
fn gradient_sums<'a>(
    planes: impl Iterator<Item = (&'a [f32], &'a [f32])>,
    mean: f32,
    rectifier: Option<Rectifier>,
) -> (f64, f64) {
    let (mut sum, mut weighted, mut passed) = (0.0f64, 0.0f64, Vec::new());
    for (mut dy, x) in planes {
        if let Some(rectifier) = rectifier {
            passed.clear();
            passed.extend(dy.iter().zip(x).map(|(&dy, &x)| rectifier.gradient(dy, x)));
            dy = &passed;
        }
        sum += f64::from(sum_of(dy));
        weighted += f64::from(sum_of_products(dy, x, mean));
    }
    (sum, weighted)
}

/// ∂x of a channel, sorted by its powers of dy and x, so that each value costs two multiplications.
struct ChannelGradient {
    scale: f32,
    slope: f32,
    offset: f32,
    rectifier: Option<Rectifier>,
}

impl ChannelGradient {
    /// Of one plane.
    fn write(&self, dy: &[f32], x: &[f32], out: &mut [f32]) {
        let Self { scale, slope, offset, rectifier } = *self;
        let pairs = out.iter_mut().zip(dy).zip(x);
        match rectifier {
            Some(rectifier) => pairs.for_each(|((out, &dy), &x)| {
                *out = rectifier.gradient(dy, x) * scale + x * slope + offset;
            }),
            None => pairs.for_each(|((out, &dy), &x)| *out = dy * scale + x * slope + offset),
        }
    }
}
