//! `torchvision.models.regnet`: RegNetY of 400 million multiply-accumulates.

use rrlab_types::{Conv2d, NodeId, Op};

use super::blocks::{conv_norm, squeeze_excite};
use crate::architecture::builder::GraphBuilder;

/// Channels and blocks of each stage, as `BlockParams.from_init_params(depth=16, w_0=48, w_a=27.89,
/// w_m=2.09, group_width=8)` gives them.
const STAGES: [(usize, usize); 4] = [(48, 1), (104, 3), (208, 6), (440, 6)];
/// Channels of each group of the grouped convolutions.
const GROUP_WIDTH: usize = 8;

pub fn build(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let stem = Conv2d { stride: [2; 2], ..builder.square(image, 32, 3) };
    let mut at = conv_norm(builder, "stem", image, stem, Some(Op::Relu));
    for (index, (width, depth)) in STAGES.into_iter().enumerate() {
        let stage = index + 1;
        for block in 0..depth {
            let name = format!("trunk_output.block{stage}.block{stage}-{block}");
            at = bottleneck(builder, &name, at, width, if block == 0 { 2 } else { 1 });
        }
    }
    at = builder.op("avgpool", Op::GlobalAveragePool, at);
    builder.linear("fc", at, classes);
}

/// `ResBottleneckBlock`.
fn bottleneck(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    width: usize,
    stride: usize,
) -> NodeId {
    let in_channels = builder.channels(input);
    let a = builder.square(input, width, 1);
    let mut at = conv_norm(builder, &format!("{name}.f.a"), input, a, Some(Op::Relu));
    let square = builder.square(at, width, 3);
    let b = Conv2d { stride: [stride; 2], groups: width / GROUP_WIDTH, ..square };
    at = conv_norm(builder, &format!("{name}.f.b"), at, b, Some(Op::Relu));
    // A quarter of the block's input, rounded half to even as Python does.
    let squeeze = (0.25 * in_channels as f64).round_ties_even() as usize;
    at = squeeze_excite(builder, &format!("{name}.f.se"), at, squeeze, [Op::Relu, Op::Sigmoid]);
    let c = builder.square(at, width, 1);
    at = conv_norm(builder, &format!("{name}.f.c"), at, c, None);
    let shortcut = if stride != 1 || in_channels != width {
        let proj = Conv2d { stride: [stride; 2], ..builder.square(input, width, 1) };
        conv_norm(builder, &format!("{name}.proj"), input, proj, None)
    } else {
        input
    };
    let sum = builder.add(format!("{name}.add"), at, shortcut);
    builder.op(format!("{name}.activation"), Op::Relu, sum)
}
