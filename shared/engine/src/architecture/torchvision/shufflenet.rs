//! `torchvision.models.shufflenetv2`, of width 1.

use rrlab_types::{Conv2d, NodeId, Op, Pool};

use super::blocks::conv_norm;
use crate::architecture::builder::GraphBuilder;

/// Blocks and channels of each stage.
const STAGES: [(usize, usize); 3] = [(4, 116), (8, 232), (4, 464)];

pub fn build(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let stem = Conv2d { stride: [2; 2], ..builder.square(image, 24, 3) };
    let mut at = conv_norm(builder, "conv1", image, stem, Some(Op::Relu));
    at = builder.op("maxpool", Op::MaxPool(Pool::square(3, 2, 1)), at);
    for (index, (repeats, channels)) in STAGES.into_iter().enumerate() {
        for block in 0..repeats {
            let name = format!("stage{}.{block}", index + 2);
            let joined = if block == 0 {
                halving(builder, &name, at, channels / 2)
            } else {
                keeping(builder, &name, at, channels / 2)
            };
            at = builder.op(format!("{name}.shuffle"), Op::ChannelShuffle { groups: 2 }, joined);
        }
    }
    let last = builder.square(at, 1024, 1);
    at = conv_norm(builder, "conv5", at, last, Some(Op::Relu));
    at = builder.op("mean", Op::GlobalAveragePool, at);
    builder.linear("fc", at, classes);
}

/// Two branches of the whole input, each of stride 2.
fn halving(builder: &mut GraphBuilder, name: &str, input: NodeId, channels: usize) -> NodeId {
    let branch1 = format!("{name}.branch1");
    let conv = depthwise(builder, &format!("{branch1}.0"), input, 2);
    let norm = builder.batch_norm(format!("{branch1}.1"), conv);
    let first = pointwise(builder, &branch1, 2, norm, channels);
    let second = branch2(builder, name, input, (channels, 2));
    builder.concat(format!("{name}.concat"), first, second)
}

/// Half of the channels as they are, the other half through a branch.
fn keeping(builder: &mut GraphBuilder, name: &str, input: NodeId, channels: usize) -> NodeId {
    let [first, second] =
        [("chunk1", 0, channels), ("chunk2", channels, 2 * channels)].map(|(chunk, start, end)| {
            builder.op(format!("{name}.{chunk}"), Op::ChannelSlice { start, end }, input)
        });
    let second = branch2(builder, name, second, (channels, 1));
    builder.concat(format!("{name}.concat"), first, second)
}

fn branch2(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    (channels, stride): (usize, usize),
) -> NodeId {
    let name = format!("{name}.branch2");
    let at = pointwise(builder, &name, 0, input, channels);
    let at = depthwise(builder, &format!("{name}.3"), at, stride);
    let at = builder.batch_norm(format!("{name}.4"), at);
    pointwise(builder, &name, 5, at, channels)
}

fn depthwise(builder: &mut GraphBuilder, name: &str, input: NodeId, stride: usize) -> NodeId {
    let channels = builder.channels(input);
    let square = builder.square(input, channels, 3);
    builder.conv2d(name, input, Conv2d { stride: [stride; 2], groups: channels, ..square })
}

/// A 1×1 convolution, a batch norm and a ReLU, numbered from `first` on.
fn pointwise(
    builder: &mut GraphBuilder,
    name: &str,
    first: usize,
    input: NodeId,
    channels: usize,
) -> NodeId {
    let conv = builder.conv(format!("{name}.{first}"), input, channels, (1, 1), false);
    let norm = builder.batch_norm(format!("{name}.{}", first + 1), conv);
    builder.op(format!("{name}.{}", first + 2), Op::Relu, norm)
}
