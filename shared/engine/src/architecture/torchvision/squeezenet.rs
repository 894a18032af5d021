//! `torchvision.models.squeezenet`, version 1.1.

use rrlab_types::{Conv2d, NodeId, Op, Padding, Pool};

use crate::architecture::builder::GraphBuilder;

/// Number of a fire module, its squeezed channels and those of each of its expansions.
const FIRES: [(usize, usize, usize); 8] = [
    (3, 16, 64),
    (4, 16, 64),
    (6, 32, 128),
    (7, 32, 128),
    (9, 48, 192),
    (10, 48, 192),
    (11, 64, 256),
    (12, 64, 256),
];
/// Numbers of the modules that a pool comes before.
const POOLED: [usize; 3] = [3, 6, 9];

pub fn build(builder: &mut GraphBuilder, image: NodeId, classes: usize) {
    let square = builder.square(image, 64, 3);
    let stem = Conv2d { stride: [2; 2], padding: Padding::all(0), bias: true, ..square };
    let conv = builder.conv2d("features.0", image, stem);
    let mut at = builder.op("features.1", Op::Relu, conv);
    for (index, squeezed, expanded) in FIRES {
        if POOLED.contains(&index) {
            let pool = Pool { ceil: true, ..Pool::square(3, 2, 0) };
            at = builder.op(format!("features.{}", index - 1), Op::MaxPool(pool), at);
        }
        at = fire(builder, &format!("features.{index}"), at, (squeezed, expanded));
    }
    at = builder.conv("classifier.1", at, classes, (1, 1), true);
    at = builder.op("classifier.2", Op::Relu, at);
    builder.op("classifier.3", Op::GlobalAveragePool, at);
}

fn fire(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    (squeezed, expanded): (usize, usize),
) -> NodeId {
    let mut conv = |module: &str, input: NodeId, channels: usize, kernel: usize| {
        let conv = builder.conv(format!("{name}.{module}"), input, channels, (kernel, 1), true);
        builder.op(format!("{name}.{module}_activation"), Op::Relu, conv)
    };
    let squeeze = conv("squeeze", input, squeezed, 1);
    let expand1x1 = conv("expand1x1", squeeze, expanded, 1);
    let expand3x3 = conv("expand3x3", squeeze, expanded, 3);
    builder.concat(format!("{name}.concat"), expand1x1, expand3x3)
}
