//! What a node computes, and what follows from it: shapes, weights and multiply-accumulates.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::pool::{AveragePool, Pool};
use super::shape::{FeatureShape, ShapeError, checked_product};
use super::window::{Conv2d, Padding, Window, sides};

/// ε under the square root of a norm where a file says nothing else (PyTorch's default).
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// What a node computes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// The normalised image, the first node of every graph.
    Input,
    /// A convolution.
    Conv2d(Conv2d),
    /// Normalisation of each channel, then a learned affine map.
    BatchNorm {
        /// Channels in and out.
        channels: usize,
        /// ε, which is added to the variance.
        #[serde(default = "batch_norm_epsilon", skip_serializing_if = "is_batch_norm_epsilon")]
        epsilon: f64,
    },
    /// Normalisation of each group of channels over all their positions, image by image, then a
    /// learned affine map of each channel. One group is a layer norm of the whole image, as many as
    /// channels an instance norm.
    GroupNorm {
        /// Channels in and out.
        channels: usize,
        /// Groups that they are in.
        groups: usize,
        /// ε, which is added to the variance.
        #[serde(default = "batch_norm_epsilon", skip_serializing_if = "is_batch_norm_epsilon")]
        epsilon: f64,
    },
    /// Normalisation of all channels of each position, then a learned affine map of each channel.
    LayerNorm {
        /// Channels in and out.
        channels: usize,
        /// ε, which is added to the variance.
        #[serde(default = "batch_norm_epsilon", skip_serializing_if = "is_batch_norm_epsilon")]
        epsilon: f64,
    },
    /// A learned affine map of each channel.
    ChannelAffine {
        /// Channels in and out.
        channels: usize,
    },
    /// A learned factor of each channel (layer scale, Touvron et al. 2021).
    LayerScale {
        /// Channels in and out.
        channels: usize,
    },
    /// max(x, 0), element by element.
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// min(max(x, low), high).
    Clip {
        /// Least value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// scale·x + shift, both the same for all values and fixed.
    ScaleShift {
        /// Factor.
        scale: f64,
        /// What is added after that.
        shift: f64,
    },
    /// x above 0, `slope`·x below.
    LeakyRelu {
        /// Slope below 0.
        slope: f64,
    },
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// min(max(x/6 + 1/2, 0), 1): a sigmoid of straight lines.
    HardSigmoid,
    /// x·sigmoid(x).
    Silu,
    /// x·hard_sigmoid(x).
    HardSwish,
    /// x·Φ(x), with the distribution function Φ of the normal distribution.
    Gelu,
    /// Element-wise sum of two inputs: where a residual branch meets its shortcut.
    Add,
    /// Element-wise product of two inputs; one of a single position is stretched over the other's,
    /// as in squeeze and excite.
    Mul,
    /// The channels of several inputs, one after the other.
    Concat,
    /// Channels from one up to another.
    ChannelSlice {
        /// First channel.
        start: usize,
        /// Channel after the last.
        end: usize,
    },
    /// Channels in another order: the first of each group, then the second of each.
    ChannelShuffle {
        /// Groups that the channels are in before.
        groups: usize,
    },
    /// eˣ over the sum of the eˣ of all channels of a position.
    Softmax,
    /// Attention between positions (Vaswani et al. 2017): queries, keys and values go in, and for
    /// each head, which has its share of the channels, softmax(scale·qᵀk) over the keys weighs the
    /// values of each query.
    Attention {
        /// Heads that channels are shared out among.
        heads: usize,
        /// What products are multiplied by, 1/√(channels of a head) as a rule.
        scale: f64,
    },
    /// A learned value for each channel and position, which is added.
    Embedding {
        /// Channels in and out.
        channels: usize,
        /// Rows in and out.
        height: usize,
        /// Columns in and out.
        width: usize,
    },
    /// All positions in one row, one row after the other.
    FlattenPositions,
    /// One position alone.
    TakePosition {
        /// Its index, rows before columns.
        index: usize,
    },
    /// Zeros around the image.
    ZeroPad {
        /// Pixels added on each side.
        padding: Padding,
    },
    /// All values as one vector: channels before rows before columns.
    Flatten,
    /// Maximum of each window.
    MaxPool(Pool),
    /// Mean of each window.
    AveragePool(AveragePool),
    /// Means over windows that cut the image into this many parts, which overlap where it can't be
    /// cut evenly (PyTorch's `AdaptiveAvgPool2d`).
    AdaptiveAveragePool {
        /// Rows and columns of the output.
        #[serde(with = "sides")]
        size: [usize; 2],
    },
    /// Mean over all positions of each channel.
    GlobalAveragePool,
    /// A residual shortcut without weights: every `stride`-th pixel, and channels of zeros before
    /// and after the input's, one more after where they are odd (option A of He et al. 2016).
    PadShortcut {
        /// Channels out, not fewer than in.
        out_channels: usize,
        /// Step between the pixels that stay.
        stride: usize,
    },
    /// A matrix product with the channels of each position: PyTorch's `Linear` where channels come
    /// last.
    PositionLinear {
        /// Channels in.
        in_channels: usize,
        /// Channels out.
        out_channels: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// A matrix product with the features of a vector.
    Linear {
        /// Elements of the input, channels before rows before columns.
        in_features: usize,
        /// Elements of the output vector.
        out_features: usize,
        /// Whether a bias is added.
        bias: bool,
    },
}

fn batch_norm_epsilon() -> f64 {
    BATCH_NORM_EPSILON
}

fn is_batch_norm_epsilon(epsilon: &f64) -> bool {
    *epsilon == BATCH_NORM_EPSILON
}

impl Op {
    /// A batch norm with the usual ε.
    pub fn batch_norm(channels: usize) -> Self {
        Self::BatchNorm { channels, epsilon: BATCH_NORM_EPSILON }
    }

    /// Numbers of inputs that the operation takes.
    pub fn arity(self) -> RangeInclusive<usize> {
        match self {
            Self::Input => 0..=0,
            Self::Add | Self::Mul => 2..=2,
            Self::Attention { .. } => 3..=3,
            Self::Concat => 2..=usize::MAX,
            _ => 1..=1,
        }
    }

    /// Whether it changes each value by itself, without parameters.
    pub fn is_activation(self) -> bool {
        use Op::*;
        matches!(
            self,
            Relu | Relu6
                | Clip { .. }
                | ScaleShift { .. }
                | LeakyRelu { .. }
                | Sigmoid
                | HardSigmoid
                | Silu
                | HardSwish
                | Gelu
        )
    }

    /// Whether it scales and shifts channels, normalised or as they are.
    pub fn is_norm(self) -> bool {
        use Op::*;
        matches!(
            self,
            BatchNorm { .. }
                | GroupNorm { .. }
                | LayerNorm { .. }
                | ChannelAffine { .. }
                | LayerScale { .. }
        )
    }

    /// Shape of the weight of a prunable layer, `[out, in / groups, kh, kw]` or `[out, in]`.
    pub fn weight_shape(self) -> Option<Vec<usize>> {
        match self {
            Self::Conv2d(conv) => Some(conv.weight_shape().to_vec()),
            Self::Linear { in_features, out_features, .. } => Some(vec![out_features, in_features]),
            Self::PositionLinear { in_channels, out_channels, .. } => {
                Some(vec![out_channels, in_channels])
            }
            _ => None,
        }
    }

    /// Whether the operation adds a bias to its weighted inputs.
    pub fn has_bias(self) -> bool {
        match self {
            Self::Conv2d(Conv2d { bias, .. })
            | Self::PositionLinear { bias, .. }
            | Self::Linear { bias, .. } => bias,
            _ => false,
        }
    }

    /// Shape of the output for inputs of these shapes, as many as [`Op::arity`] says; an input
    /// node has none of its own.
    ///
    /// # Errors
    /// If the operation does not take such inputs, or one of its sizes is 0 or absurdly large.
    pub fn output_shape(self, inputs: &[FeatureShape]) -> Result<FeatureShape, ShapeError> {
        let first = inputs.first().copied().ok_or(ShapeError::Zero)?;
        let output = match self {
            Self::Input | Self::Softmax => first,
            op if op.is_activation() => {
                op.check_constants()?;
                first
            }
            Self::Conv2d(conv) => {
                conv.checked_weight_shape()?;
                expect_channels(conv.in_channels, first)?;
                placed(conv.window(), first, conv.out_channels)?
            }
            Self::BatchNorm { channels, epsilon } => {
                expect_channels(channels, first)?;
                check_epsilon(epsilon)?;
                first
            }
            Self::LayerNorm { channels, epsilon } => {
                expect_channels(channels, first)?;
                check_epsilon(epsilon)?;
                first
            }
            Self::GroupNorm { channels, groups, epsilon } => {
                expect_channels(channels, first)?;
                check_epsilon(epsilon)?;
                check_groups(channels, groups)?;
                first
            }
            Self::ChannelAffine { channels } | Self::LayerScale { channels } => {
                expect_channels(channels, first)?;
                first
            }
            Self::Add => match inputs.get(1) {
                Some(&second) if second != first => {
                    return Err(ShapeError::Unequal { first, second });
                }
                _ => first,
            },
            Self::Mul => broadcast(first, inputs.get(1).copied().unwrap_or(first))?,
            Self::Concat => concatenated(inputs)?,
            Self::ChannelSlice { start, end } => {
                let channels = first.channels;
                if start >= end || end > channels {
                    return Err(ShapeError::Slice { start, end, channels });
                }
                FeatureShape { channels: end - start, ..first }
            }
            Self::ChannelShuffle { groups } => {
                check_groups(first.channels, groups)?;
                first
            }
            Self::Attention { heads, scale } => attention(heads, scale, inputs)?,
            Self::Embedding { channels, height, width } => {
                let second = FeatureShape { channels, height, width };
                if first != second {
                    return Err(ShapeError::Unequal { first, second });
                }
                first
            }
            Self::FlattenPositions => FeatureShape { height: 1, width: first.positions(), ..first },
            Self::TakePosition { index } => {
                let positions = first.positions();
                if index >= positions {
                    return Err(ShapeError::Position { index, positions });
                }
                FeatureShape::vector(first.channels)
            }
            Self::Flatten => FeatureShape::vector(first.elements()),
            Self::ZeroPad { padding: Padding { top, left, bottom, right } } => {
                let side = |pixels: usize, before: usize, after: usize| {
                    let padded = pixels.checked_add(before).and_then(|sum| sum.checked_add(after));
                    padded.ok_or(ShapeError::TooLarge)
                };
                let height = side(first.height, top, bottom)?;
                FeatureShape { height, width: side(first.width, left, right)?, ..first }
            }
            Self::MaxPool(pool) | Self::AveragePool(AveragePool { pool, .. }) => {
                let [height, width] = pool.places([first.height, first.width])?;
                FeatureShape { height, width, ..first }
            }
            Self::AdaptiveAveragePool { size: [height, width] } => {
                FeatureShape { height, width, ..first }
            }
            Self::GlobalAveragePool => FeatureShape::vector(first.channels),
            Self::PadShortcut { out_channels, stride } => {
                if out_channels < first.channels {
                    return Err(ShapeError::Fewer { found: out_channels, least: first.channels });
                }
                checked_product(&[stride])?;
                FeatureShape {
                    channels: out_channels,
                    height: first.height.div_ceil(stride),
                    width: first.width.div_ceil(stride),
                }
            }
            Self::PositionLinear { in_channels, out_channels, .. } => {
                checked_product(&[in_channels, out_channels])?;
                expect_channels(in_channels, first)?;
                FeatureShape { channels: out_channels, ..first }
            }
            Self::Linear { in_features, out_features, .. } => {
                checked_product(&[in_features, out_features])?;
                let found = first.elements();
                if found != in_features {
                    return Err(ShapeError::Features { expected: in_features, found });
                }
                FeatureShape::vector(out_features)
            }
            // The activations, which the guard above took.
            _ => first,
        };
        output.checked()
    }

    /// Whether the constants of an activation's formula are numbers that it has a result for.
    fn check_constants(self) -> Result<(), ShapeError> {
        let problem = match self {
            Self::LeakyRelu { slope } if !slope.is_finite() => "a slope that is not finite",
            Self::Clip { low, high } if !(low <= high && low.is_finite() && high.is_finite()) => {
                "limits that are not finite, the least before the largest"
            }
            Self::ScaleShift { scale, shift } if !(scale.is_finite() && shift.is_finite()) => {
                "a scale or shift that is not finite"
            }
            _ => return Ok(()),
        };
        Err(ShapeError::Number { what: problem })
    }

    /// Multiply-accumulates that produce an output of this shape.
    pub fn macs(self, output: FeatureShape) -> u64 {
        let weights: usize = self.weight_shape().map_or(0, |shape| shape.iter().product());
        // Neither factor passes 32 bits: shapes were checked.
        weights as u64 * output.positions() as u64
    }

    /// Values of all its parameters: weight, bias, or the scale and shift of a batch norm.
    pub fn parameters(self) -> usize {
        let weights = self.weight_shape().map_or(0, |shape| shape.iter().product());
        match self {
            Self::Conv2d(Conv2d { out_channels, bias: true, .. }) => weights + out_channels,
            Self::PositionLinear { out_channels, bias: true, .. } => weights + out_channels,
            Self::Linear { out_features, bias: true, .. } => weights + out_features,
            Self::LayerScale { channels } => channels,
            // Neither factor passes 32 bits where the shape was checked.
            Self::Embedding { channels, height, width } => {
                channels.saturating_mul(height).saturating_mul(width)
            }
            Self::BatchNorm { channels, .. }
            | Self::GroupNorm { channels, .. }
            | Self::LayerNorm { channels, .. }
            | Self::ChannelAffine { channels } => 2 * channels,
            _ => weights,
        }
    }
}

/// The shape of a product of inputs of one shape, or of one that has a single position.
fn broadcast(first: FeatureShape, second: FeatureShape) -> Result<FeatureShape, ShapeError> {
    match (first, second) {
        _ if first == second => Ok(first),
        _ if first.channels != second.channels => Err(ShapeError::Unequal { first, second }),
        _ if second.positions() == 1 => Ok(first),
        _ if first.positions() == 1 => Ok(second),
        _ => Err(ShapeError::Unequal { first, second }),
    }
}

/// The shape of what attention makes of queries, keys and values.
fn attention(
    heads: usize,
    scale: f64,
    inputs: &[FeatureShape],
) -> Result<FeatureShape, ShapeError> {
    let &[queries, keys, values] = inputs else { return Err(ShapeError::Zero) };
    if !scale.is_finite() {
        return Err(ShapeError::Number { what: "a scale that is not finite" });
    }
    check_groups(queries.channels, heads)?;
    check_groups(values.channels, heads)?;
    expect_channels(queries.channels, keys)?;
    if (keys.height, keys.width) != (values.height, values.width) {
        return Err(ShapeError::Unequal { first: keys, second: values });
    }
    checked_product(&[heads, queries.positions(), keys.positions()])?;
    Ok(FeatureShape { channels: values.channels, ..queries })
}

/// The shape of several inputs' channels, one after the other.
fn concatenated(inputs: &[FeatureShape]) -> Result<FeatureShape, ShapeError> {
    let mut sum = inputs[0];
    for &input in &inputs[1..] {
        if (input.height, input.width) != (sum.height, sum.width) {
            return Err(ShapeError::Unequal { first: sum, second: input });
        }
        let channels = sum.channels.checked_add(input.channels).ok_or(ShapeError::TooLarge)?;
        sum = FeatureShape { channels, ..sum };
    }
    Ok(sum)
}

fn check_epsilon(epsilon: f64) -> Result<(), ShapeError> {
    if epsilon.is_finite() && epsilon > 0.0 {
        return Ok(());
    }
    Err(ShapeError::Number { what: "an ε that is not finite and above 0" })
}

fn check_groups(channels: usize, groups: usize) -> Result<(), ShapeError> {
    checked_product(&[groups])?;
    if channels.is_multiple_of(groups) {
        return Ok(());
    }
    Err(ShapeError::Groups { channels, groups })
}

fn expect_channels(expected: usize, input: FeatureShape) -> Result<(), ShapeError> {
    if input.channels == expected {
        return Ok(());
    }
    Err(ShapeError::Channels { expected, found: input.channels })
}

/// Shape of `channels` maps with a value for each place of a window in the input.
fn placed(
    window: Window,
    input: FeatureShape,
    channels: usize,
) -> Result<FeatureShape, ShapeError> {
    let [height, width] = window.places([input.height, input.width])?;
    Ok(FeatureShape { channels, height, width })
}
