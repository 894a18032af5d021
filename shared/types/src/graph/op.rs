//! What a node computes, and what follows from it: shapes, weights and multiply-accumulates.

use serde::{Deserialize, Serialize};

use super::shape::{FeatureShape, ShapeError, checked_product};
use super::window::{Conv2d, Window};

/// ε under the square root of a batch norm where a file says nothing else (PyTorch's default).
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
    /// max(x, 0), element by element.
    Relu,
    /// Element-wise sum of two inputs: where a residual branch meets its shortcut.
    Add,
    /// Maximum over square windows that do not overlap.
    MaxPool {
        /// Side of the window and step between windows.
        size: usize,
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

    /// Number of inputs that the operation takes.
    pub fn arity(self) -> usize {
        match self {
            Self::Input => 0,
            Self::Add => 2,
            _ => 1,
        }
    }

    /// Shape of the weight of a prunable layer, `[out, in / groups, kh, kw]` or `[out, in]`.
    pub fn weight_shape(self) -> Option<Vec<usize>> {
        match self {
            Self::Conv2d(conv) => Some(conv.weight_shape().to_vec()),
            Self::Linear { in_features, out_features, .. } => Some(vec![out_features, in_features]),
            _ => None,
        }
    }

    /// Whether the operation adds a bias to its weighted inputs.
    pub fn has_bias(self) -> bool {
        match self {
            Self::Conv2d(Conv2d { bias, .. }) | Self::Linear { bias, .. } => bias,
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
            Self::Input | Self::Relu => first,
            Self::Conv2d(conv) => {
                conv.checked_weight_shape()?;
                expect_channels(conv.in_channels, first)?;
                placed(conv.window(), first, conv.out_channels)?
            }
            Self::BatchNorm { channels, epsilon } => {
                expect_channels(channels, first)?;
                if !(epsilon.is_finite() && epsilon > 0.0) {
                    return Err(ShapeError::Number { what: "an ε" });
                }
                first
            }
            Self::Add => match inputs.get(1) {
                Some(&second) if second != first => {
                    return Err(ShapeError::Unequal { first, second });
                }
                _ => first,
            },
            Self::MaxPool { size } => placed(Window::square(size, size, 0), first, first.channels)?,
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
            Self::Linear { in_features, out_features, .. } => {
                checked_product(&[in_features, out_features])?;
                let found = first.elements();
                if found != in_features {
                    return Err(ShapeError::Features { expected: in_features, found });
                }
                FeatureShape::vector(out_features)
            }
        };
        output.checked()
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
            Self::Linear { out_features, bias: true, .. } => weights + out_features,
            Self::BatchNorm { channels, .. } => 2 * channels,
            _ => weights,
        }
    }
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
