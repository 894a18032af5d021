//! Residual networks of weiaicunzai/pytorch-cifar100 (He et al. 2016, for 32×32 images).

use rrlab_types::{NodeId, Op};

use super::builder::GraphBuilder;

/// Blocks of each of four stages, and what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNet {
    blocks: [usize; 4],
    /// Whether a block is 1×1, 3×3 and 1×1, rather than 3×3 twice.
    bottleneck: bool,
}

pub const RESNET18: ResNet = ResNet { blocks: [2, 2, 2, 2], bottleneck: false };
pub const RESNET34: ResNet = ResNet { blocks: [3, 4, 6, 3], bottleneck: false };
pub const RESNET50: ResNet = ResNet { blocks: [3, 4, 6, 3], bottleneck: true };
pub const RESNET101: ResNet = ResNet { blocks: [3, 4, 23, 3], bottleneck: true };
pub const RESNET152: ResNet = ResNet { blocks: [3, 8, 36, 3], bottleneck: true };

/// Channels of each stage.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// Channels that come out of a bottleneck, in its width.
const EXPANSION: usize = 4;

impl ResNet {
    pub fn build(
        self,
        builder: &mut GraphBuilder,
        image: NodeId,
        scale: impl Fn(usize) -> usize,
        classes: usize,
    ) {
        let mut at = conv_norm(builder, "conv1", 0, image, (scale(WIDTHS[0]), 3, 1));
        at = builder.op("conv1.2", Op::Relu, at);
        for (stage, (width, count)) in WIDTHS.into_iter().zip(self.blocks).enumerate() {
            for block in 0..count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("conv{}_x.{block}", stage + 2);
                at = self.block(builder, &name, at, (scale(width), stride));
            }
        }
        let pooled = builder.op("avg_pool", Op::GlobalAveragePool, at);
        builder.linear("fc", pooled, classes);
    }

    fn block(
        self,
        builder: &mut GraphBuilder,
        name: &str,
        input: NodeId,
        (width, stride): (usize, usize),
    ) -> NodeId {
        let out = if self.bottleneck { EXPANSION * width } else { width };
        // Channels, kernel and stride of each convolution.
        let convolutions = if self.bottleneck {
            vec![(width, 1, 1), (width, 3, stride), (out, 1, 1)]
        } else {
            vec![(width, 3, stride), (out, 3, 1)]
        };
        let branch = format!("{name}.residual_function");
        let mut at = input;
        for (index, convolution) in convolutions.into_iter().enumerate() {
            if index > 0 {
                at = builder.op(format!("{branch}.{}", 3 * index - 1), Op::Relu, at);
            }
            at = conv_norm(builder, &branch, 3 * index, at, convolution);
        }
        let shortcut = if stride != 1 || builder.channels(input) != out {
            conv_norm(builder, &format!("{name}.shortcut"), 0, input, (out, 1, stride))
        } else {
            input
        };
        let sum = builder.add(format!("{name}.add"), at, shortcut);
        builder.op(format!("{name}.relu"), Op::Relu, sum)
    }
}

/// A convolution and its batch norm, at this place of a sequence and the next.
fn conv_norm(
    builder: &mut GraphBuilder,
    sequence: &str,
    index: usize,
    input: NodeId,
    (channels, kernel, stride): (usize, usize, usize),
) -> NodeId {
    let conv =
        builder.conv(format!("{sequence}.{index}"), input, channels, (kernel, stride), false);
    builder.batch_norm(format!("{sequence}.{}", index + 1), conv)
}
