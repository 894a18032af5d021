//! `torchvision.models.mobilenetv2` and `mobilenetv3`.

use rrlab_types::{Conv2d, NodeId, Op};

use super::blocks::{conv_norm, conv_then, divisible_by_8, squeeze_excite};
use crate::architecture::builder::GraphBuilder;

/// Expansion, channels, blocks and first stride of each stage of version 2 (table 2 of its paper).
const V2_SETTING: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Version 2, for one size of images and at one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MobileNetV2 {
    /// Strides of the first convolution, and of the first stage that changes the size.
    strides: [usize; 2],
    /// Width multiplier, in hundredths.
    width: usize,
}

impl MobileNetV2 {
    pub const FOR_IMAGENET: Self = Self { strides: [2, 2], width: 100 };

    /// As in chenyaofo/pytorch-cifar-models, of a width in hundredths: the first two steps to half
    /// the size are left out.
    pub const fn for_cifar(width: usize) -> Self {
        Self { strides: [1, 1], width }
    }

    pub fn build(self, builder: &mut GraphBuilder, image: NodeId, classes: usize) {
        let scaled = |channels: usize| divisible_by_8(channels * self.width / 100);
        let [stem_stride, second_stride] = self.strides;
        let stem = Conv2d { stride: [stem_stride; 2], ..builder.square(image, scaled(32), 3) };
        let mut at = conv_norm(builder, "features.0", image, stem, Some(Op::Relu6));
        let mut index = 1;
        for (stage, (expand_ratio, channels, blocks, stage_stride)) in
            V2_SETTING.into_iter().enumerate()
        {
            let first_stride = if stage == 1 { second_stride } else { stage_stride };
            for block in 0..blocks {
                let stride = if block == 0 { first_stride } else { 1 };
                let name = format!("features.{index}");
                let shape = (scaled(channels), stride);
                at = inverted_residual_v2(builder, &name, at, expand_ratio, shape);
                index += 1;
            }
        }
        // The last convolution gets no narrower.
        let last = builder.square(at, divisible_by_8(1280 * self.width.max(100) / 100), 1);
        at = conv_norm(builder, &format!("features.{index}"), at, last, Some(Op::Relu6));
        at = builder.op("avgpool", Op::GlobalAveragePool, at);
        builder.linear("classifier.1", at, classes);
    }
}

fn inverted_residual_v2(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    expand_ratio: usize,
    (channels, stride): (usize, usize),
) -> NodeId {
    let hidden = builder.channels(input) * expand_ratio;
    let (mut at, mut index) = (input, 0);
    if expand_ratio != 1 {
        let expand = builder.square(at, hidden, 1);
        at = conv_norm(builder, &format!("{name}.conv.0"), at, expand, Some(Op::Relu6));
        index = 1;
    }
    let square = builder.square(at, hidden, 3);
    let depthwise = Conv2d { stride: [stride; 2], groups: hidden, ..square };
    at = conv_norm(builder, &format!("{name}.conv.{index}"), at, depthwise, Some(Op::Relu6));
    at = builder.conv(format!("{name}.conv.{}", index + 1), at, channels, (1, 1), false);
    at = builder.batch_norm(format!("{name}.conv.{}", index + 2), at);
    if stride == 1 && builder.channels(input) == channels {
        at = builder.add(format!("{name}.add"), at, input);
    }
    at
}

/// ε of version 3's batch norms.
const V3_EPSILON: f64 = 1e-3;

/// Kernel, expanded channels, channels, squeeze and excite, activation and stride of each block of
/// version 3, small (table 2 of its paper).
const V3_SMALL_SETTING: [(usize, usize, usize, bool, Op, usize); 11] = [
    (3, 16, 16, true, Op::Relu, 2),
    (3, 72, 24, false, Op::Relu, 2),
    (3, 88, 24, false, Op::Relu, 1),
    (5, 96, 40, true, Op::HardSwish, 2),
    (5, 240, 40, true, Op::HardSwish, 1),
    (5, 240, 40, true, Op::HardSwish, 1),
    (5, 120, 48, true, Op::HardSwish, 1),
    (5, 144, 48, true, Op::HardSwish, 1),
    (5, 288, 96, true, Op::HardSwish, 2),
    (5, 576, 96, true, Op::HardSwish, 1),
    (5, 576, 96, true, Op::HardSwish, 1),
];

pub fn build_v3_small(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let stem = Conv2d { stride: [2; 2], ..builder.square(image, 16, 3) };
    let mut at = conv_norm_v3(builder, "features.0", image, stem, Some(Op::HardSwish));
    for (index, setting) in V3_SMALL_SETTING.into_iter().enumerate() {
        at = inverted_residual_v3(builder, &format!("features.{}", index + 1), at, setting);
    }
    let last = builder.square(at, 576, 1);
    let name = format!("features.{}", V3_SMALL_SETTING.len() + 1);
    at = conv_norm_v3(builder, &name, at, last, Some(Op::HardSwish));
    at = builder.op("avgpool", Op::GlobalAveragePool, at);
    at = builder.linear("classifier.0", at, 1024);
    at = builder.op("classifier.1", Op::HardSwish, at);
    builder.linear("classifier.3", at, classes);
}

fn inverted_residual_v3(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    setting: (usize, usize, usize, bool, Op, usize),
) -> NodeId {
    let (kernel, expanded, channels, use_se, activation, stride) = setting;
    let (mut at, mut index) = (input, 0);
    let mut next = || {
        index += 1;
        format!("{name}.block.{}", index - 1)
    };
    if expanded != builder.channels(input) {
        let expand = builder.square(at, expanded, 1);
        at = conv_norm_v3(builder, &next(), at, expand, Some(activation));
    }
    let square = builder.square(at, expanded, kernel);
    let depthwise = Conv2d { stride: [stride; 2], groups: expanded, ..square };
    at = conv_norm_v3(builder, &next(), at, depthwise, Some(activation));
    if use_se {
        let squeeze = divisible_by_8(expanded / 4);
        at = squeeze_excite(builder, &next(), at, squeeze, [Op::Relu, Op::HardSigmoid]);
    }
    let project = builder.square(at, channels, 1);
    at = conv_norm_v3(builder, &next(), at, project, None);
    if stride == 1 && builder.channels(input) == channels {
        at = builder.add(format!("{name}.add"), at, input);
    }
    at
}

fn conv_norm_v3(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    conv: Conv2d,
    activation: Option<Op>,
) -> NodeId {
    let norm = Op::BatchNorm { channels: conv.out_channels, epsilon: V3_EPSILON };
    conv_then(builder, name, input, conv, [Some(norm), activation])
}
