//! VGG (Simonyan & Zisserman 2015), as several publish it: they share the convolutions and their
//! names, and differ in what comes after.

use rrlab_types::{NodeId, Op, Pool};

use super::builder::GraphBuilder;

/// What a VGG is made of: its convolutions before each of five pools, whether batch norms follow
/// them, and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vgg {
    convolutions: [usize; 5],
    batch_norm: bool,
    head: Head,
}

/// The end of a VGG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// The classifier alone (kuangliu/pytorch-cifar).
    Classifier,
    /// Two hidden linear layers of so many features before it (chenyaofo/pytorch-cifar-models,
    /// weiaicunzai/pytorch-cifar100).
    Hidden(usize),
    /// The same of 4,096 features, of images that were pooled to 7×7 (torchvision).
    PooledTo7,
}

/// Channels of the convolutions before each pool.
const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];
/// Features of the paper's hidden linear layers.
const HIDDEN: usize = 4096;

/// Configurations A, B, D and E of the paper's table 1.
pub const VGG11: Vgg = plain([1, 1, 2, 2, 2]);
pub const VGG13: Vgg = plain([2, 2, 2, 2, 2]);
pub const VGG16: Vgg = plain([2, 2, 3, 3, 3]);
pub const VGG19: Vgg = plain([2, 2, 4, 4, 4]);

const fn plain(convolutions: [usize; 5]) -> Vgg {
    Vgg { convolutions, batch_norm: false, head: Head::PooledTo7 }
}

impl Vgg {
    pub const fn with_batch_norm(self) -> Self {
        Self { batch_norm: true, ..self }
    }

    /// For 32×32 images, with batch norms and no hidden linear layers.
    pub const fn kuangliu(self) -> Self {
        Self { batch_norm: true, head: Head::Classifier, ..self }
    }

    /// For 32×32 images, with batch norms and hidden linear layers as narrow as the last
    /// convolutions.
    pub const fn chenyaofo(self) -> Self {
        Self { batch_norm: true, head: Head::Hidden(512), ..self }
    }

    /// For 32×32 images, with batch norms and the paper's hidden linear layers.
    pub const fn weiaicunzai(self) -> Self {
        Self { batch_norm: true, head: Head::Hidden(HIDDEN), ..self }
    }

    /// The network; `scale` is the width multiplier of its convolutions.
    pub fn build(
        self,
        builder: &mut GraphBuilder,
        image: NodeId,
        scale: impl Fn(usize) -> usize,
        classes: usize,
    ) {
        let (mut at, mut index) = (image, 0);
        let mut next = || {
            index += 1;
            format!("features.{}", index - 1)
        };
        for (channels, count) in CHANNELS.into_iter().zip(self.convolutions) {
            for _ in 0..count {
                at = builder.conv(next(), at, scale(channels), (3, 1), true);
                if self.batch_norm {
                    at = builder.batch_norm(next(), at);
                }
                at = builder.op(next(), Op::Relu, at);
            }
            at = builder.op(next(), Op::MaxPool(Pool::tiles(2)), at);
        }
        let hidden = match self.head {
            Head::Classifier => {
                builder.linear("classifier", at, classes);
                return;
            }
            Head::Hidden(features) => features,
            Head::PooledTo7 => {
                at = builder.op("avgpool", Op::AdaptiveAveragePool { size: [7; 2] }, at);
                HIDDEN
            }
        };
        // Dropout has the numbers between.
        at = builder.linear("classifier.0", at, hidden);
        at = builder.op("classifier.1", Op::Relu, at);
        at = builder.linear("classifier.3", at, hidden);
        at = builder.op("classifier.4", Op::Relu, at);
        builder.linear("classifier.6", at, classes);
    }
}
