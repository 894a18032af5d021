//! `torchvision.models.vgg`.

use rrlab_types::{NodeId, Op, Pool};

use crate::architecture::builder::GraphBuilder;

/// What a VGG is made of: its convolutions before each of five pools, and whether batch norms
/// follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vgg {
    convolutions: [usize; 5],
    batch_norm: bool,
}

/// Channels of the convolutions before each pool.
const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];
/// Features of the hidden linear layers.
const HIDDEN: usize = 4096;

const fn plain(convolutions: [usize; 5]) -> Vgg {
    Vgg { convolutions, batch_norm: false }
}

pub const VGG11: Vgg = plain([1, 1, 2, 2, 2]);
pub const VGG13: Vgg = plain([2, 2, 2, 2, 2]);
pub const VGG16: Vgg = plain([2, 2, 3, 3, 3]);
pub const VGG19: Vgg = plain([2, 2, 4, 4, 4]);

impl Vgg {
    pub const fn with_batch_norm(self) -> Self {
        Self { batch_norm: true, ..self }
    }

    pub fn build(self, builder: &mut GraphBuilder, image: NodeId, classes: usize) {
        let (mut at, mut index) = (image, 0);
        let mut next = || {
            index += 1;
            format!("features.{}", index - 1)
        };
        for (channels, count) in CHANNELS.into_iter().zip(self.convolutions) {
            for _ in 0..count {
                at = builder.conv(next(), at, channels, (3, 1), true);
                if self.batch_norm {
                    at = builder.batch_norm(next(), at);
                }
                at = builder.op(next(), Op::Relu, at);
            }
            at = builder.op(next(), Op::MaxPool(Pool::tiles(2)), at);
        }
        at = builder.op("avgpool", Op::AdaptiveAveragePool { size: [7; 2] }, at);
        // Dropout has the numbers between.
        at = builder.linear("classifier.0", at, HIDDEN);
        at = builder.op("classifier.1", Op::Relu, at);
        at = builder.linear("classifier.3", at, HIDDEN);
        at = builder.op("classifier.4", Op::Relu, at);
        builder.linear("classifier.6", at, classes);
    }
}
