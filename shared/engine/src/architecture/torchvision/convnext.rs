//! `torchvision.models.convnext`.

use rrlab_types::{Conv2d, NodeId, Op, Padding};

use crate::architecture::builder::GraphBuilder;

/// ε of all its norms.
const EPSILON: f64 = 1e-6;

/// Channels and blocks of each stage of the smallest of its paper.
const TINY: [(usize, usize); 4] = [(96, 3), (192, 3), (384, 9), (768, 3)];

pub fn build_tiny(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let mut at = patches(builder, "features.0.0", image, (TINY[0].0, 4));
    at = layer_norm(builder, "features.0.1", at);
    for (stage, (channels, blocks)) in TINY.into_iter().enumerate() {
        let index = 2 * stage;
        if stage > 0 {
            at = layer_norm(builder, &format!("features.{index}.0"), at);
            at = patches(builder, &format!("features.{index}.1"), at, (channels, 2));
        }
        for block in 0..blocks {
            at = cn_block(builder, &format!("features.{}.{block}", index + 1), at);
        }
    }
    at = builder.op("avgpool", Op::GlobalAveragePool, at);
    at = layer_norm(builder, "classifier.0", at);
    builder.linear("classifier.2", at, classes);
}

/// `CNBlock`: a depthwise convolution, then two linear layers at each position.
fn cn_block(builder: &mut GraphBuilder, name: &str, input: NodeId) -> NodeId {
    let channels = builder.channels(input);
    let square = builder.square(input, channels, 7);
    let depthwise = Conv2d { groups: channels, bias: true, ..square };
    let mut at = builder.conv2d(format!("{name}.block.0"), input, depthwise);
    at = layer_norm(builder, &format!("{name}.block.2"), at);
    at = builder.position_linear(format!("{name}.block.3"), at, 4 * channels);
    at = builder.op(format!("{name}.block.4"), Op::Gelu, at);
    at = builder.position_linear(format!("{name}.block.5"), at, channels);
    at = builder.op(name, Op::LayerScale { channels }, at);
    builder.add(format!("{name}.add"), at, input)
}

/// A convolution of squares that lie side by side.
fn patches(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    (channels, side): (usize, usize),
) -> NodeId {
    let square = builder.square(input, channels, side);
    let padding = Padding::default();
    builder.conv2d(name, input, Conv2d { stride: [side; 2], padding, bias: true, ..square })
}

fn layer_norm(builder: &mut GraphBuilder, name: &str, input: NodeId) -> NodeId {
    let channels = builder.channels(input);
    builder.op(name, Op::LayerNorm { channels, epsilon: EPSILON }, input)
}
