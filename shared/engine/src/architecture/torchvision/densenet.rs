//! `torchvision.models.densenet`: each layer sees the outputs of all before it in its block.

use rrlab_types::{AveragePool, NodeId, Op, Pool};

use crate::architecture::builder::GraphBuilder;

/// Layers of each block of densenet121.
const BLOCK_CONFIG: [usize; 4] = [6, 12, 24, 16];
/// Channels that each layer adds.
const GROWTH_RATE: usize = 32;
/// Channels between a layer's two convolutions, in growth rates.
const BN_SIZE: usize = 4;

pub fn build(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let conv0 = builder.conv("features.conv0", image, 64, (7, 2), false);
    let norm0 = builder.batch_norm("features.norm0", conv0);
    let relu0 = builder.op("features.relu0", Op::Relu, norm0);
    let mut at = builder.op("features.pool0", Op::MaxPool(Pool::square(3, 2, 1)), relu0);
    for (index, layers) in BLOCK_CONFIG.into_iter().enumerate() {
        let block = index + 1;
        for layer in 1..=layers {
            at = dense_layer(builder, &format!("features.denseblock{block}.denselayer{layer}"), at);
        }
        if block < BLOCK_CONFIG.len() {
            at = transition(builder, &format!("features.transition{block}"), at);
        }
    }
    let norm5 = builder.batch_norm("features.norm5", at);
    let relu5 = builder.op("features.relu5", Op::Relu, norm5);
    let pooled = builder.op("avgpool", Op::GlobalAveragePool, relu5);
    builder.linear("classifier", pooled, classes);
}

/// The channels so far, and those that the layer adds.
fn dense_layer(builder: &mut GraphBuilder, name: &str, input: NodeId) -> NodeId {
    let norm1 = builder.batch_norm(format!("{name}.norm1"), input);
    let relu1 = builder.op(format!("{name}.relu1"), Op::Relu, norm1);
    let bottleneck = BN_SIZE * GROWTH_RATE;
    let conv1 = builder.conv(format!("{name}.conv1"), relu1, bottleneck, (1, 1), false);
    let norm2 = builder.batch_norm(format!("{name}.norm2"), conv1);
    let relu2 = builder.op(format!("{name}.relu2"), Op::Relu, norm2);
    let conv2 = builder.conv(format!("{name}.conv2"), relu2, GROWTH_RATE, (3, 1), false);
    builder.concat(format!("{name}.concat"), input, conv2)
}

/// Half the channels, and half the image along each side.
fn transition(builder: &mut GraphBuilder, name: &str, input: NodeId) -> NodeId {
    let norm = builder.batch_norm(format!("{name}.norm"), input);
    let relu = builder.op(format!("{name}.relu"), Op::Relu, norm);
    let half = builder.channels(input) / 2;
    let conv = builder.conv(format!("{name}.conv"), relu, half, (1, 1), false);
    let pool = AveragePool { pool: Pool::tiles(2), counts_padding: true };
    builder.op(format!("{name}.pool"), Op::AveragePool(pool), conv)
}
