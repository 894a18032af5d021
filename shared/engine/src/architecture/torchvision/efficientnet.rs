//! `torchvision.models.efficientnet`.

use rrlab_types::{Conv2d, NodeId, Op};

use super::blocks::{conv_norm, squeeze_excite};
use crate::architecture::builder::GraphBuilder;

/// Expansion, kernel, first stride, channels and blocks of each stage of B0 (table 1 of its paper).
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

pub fn build(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let stem = Conv2d { stride: [2; 2], ..builder.square(image, 32, 3) };
    let mut at = conv_norm(builder, "features.0", image, stem, Some(Op::Silu));
    for (index, (expand_ratio, kernel, first_stride, channels, layers)) in
        STAGES.into_iter().enumerate()
    {
        for layer in 0..layers {
            let stride = if layer == 0 { first_stride } else { 1 };
            let name = format!("features.{}.{layer}", index + 1);
            at = mb_conv(builder, &name, at, (expand_ratio, kernel), (channels, stride));
        }
    }
    let last = builder.square(at, 1280, 1);
    at = conv_norm(builder, &format!("features.{}", STAGES.len() + 1), at, last, Some(Op::Silu));
    at = builder.op("avgpool", Op::GlobalAveragePool, at);
    builder.linear("classifier.1", at, classes);
}

/// `MBConv`: expand, a depthwise convolution, squeeze and excite, project.
fn mb_conv(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    (expand_ratio, kernel): (usize, usize),
    (channels, stride): (usize, usize),
) -> NodeId {
    let in_channels = builder.channels(input);
    let expanded = in_channels * expand_ratio;
    let (mut at, mut index) = (input, 0);
    let mut next = || {
        index += 1;
        format!("{name}.block.{}", index - 1)
    };
    if expand_ratio != 1 {
        let expand = builder.square(at, expanded, 1);
        at = conv_norm(builder, &next(), at, expand, Some(Op::Silu));
    }
    let square = builder.square(at, expanded, kernel);
    let depthwise = Conv2d { stride: [stride; 2], groups: expanded, ..square };
    at = conv_norm(builder, &next(), at, depthwise, Some(Op::Silu));
    at = squeeze_excite(builder, &next(), at, in_channels / 4, [Op::Silu, Op::Sigmoid]);
    let project = builder.square(at, channels, 1);
    at = conv_norm(builder, &next(), at, project, None);
    if stride == 1 && in_channels == channels {
        at = builder.add(format!("{name}.add"), at, input);
    }
    at
}
