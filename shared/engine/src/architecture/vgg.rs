//! VGG with batch norm for 32×32 images (Simonyan & Zisserman 2015), named as in
//! kuangliu/pytorch-cifar.

use rrlab_types::{self as types, NodeId, Op};

use super::builder::GraphBuilder;

/// A step of the feature extractor.
#[derive(Clone, Copy)]
pub enum Step {
    /// Convolution, batch norm and ReLU with this many channels.
    Conv(usize),
    /// Max pooling over 2×2 pixels, which halves the image.
    Pool,
}

use Step::{Conv, Pool};

/// Configuration A of the paper's table 1, without its hidden linear layers.
pub const VGG11: [Step; 13] = [
    Conv(64),
    Pool,
    Conv(128),
    Pool,
    Conv(256),
    Conv(256),
    Pool,
    Conv(512),
    Conv(512),
    Pool,
    Conv(512),
    Conv(512),
    Pool,
];

/// Configuration D of the paper's table 1, likewise.
pub const VGG16: [Step; 18] = [
    Conv(64),
    Conv(64),
    Pool,
    Conv(128),
    Conv(128),
    Pool,
    Conv(256),
    Conv(256),
    Conv(256),
    Pool,
    Conv(512),
    Conv(512),
    Conv(512),
    Pool,
    Conv(512),
    Conv(512),
    Conv(512),
    Pool,
];

/// The network of these steps; `scale` is the width multiplier.
pub fn build(
    builder: &mut GraphBuilder,
    input: NodeId,
    steps: &[Step],
    scale: impl Fn(usize) -> usize,
    classes: usize,
) {
    let mut at = input;
    let mut index = 0;
    for step in steps {
        match *step {
            Conv(channels) => {
                let width = scale(channels);
                at = builder.conv(format!("features.{index}"), at, width, (3, 1), true);
                at = builder.batch_norm(format!("features.{}", index + 1), at);
                at = builder.op(format!("features.{}", index + 2), Op::Relu, at);
                index += 3;
            }
            Pool => {
                at =
                    builder.op(format!("features.{index}"), Op::MaxPool(types::Pool::tiles(2)), at);
                index += 1;
            }
        }
    }
    builder.linear("classifier", at, classes);
}
