//! `torchvision.models.resnet`.

use rrlab_types::{Conv2d, NodeId, Op, Pool};

use crate::architecture::builder::GraphBuilder;

/// What a residual network is made of, in torchvision's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNet {
    block: Block,
    /// Blocks of each stage.
    layers: [usize; 4],
    groups: usize,
    width_per_group: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Two convolutions of 3×3.
    Basic,
    /// One of 3×3 between two of 1×1, the last of which has four times the channels.
    Bottleneck,
}

const fn plain(block: Block, layers: [usize; 4]) -> ResNet {
    ResNet { block, layers, groups: 1, width_per_group: 64 }
}

pub const RESNET18: ResNet = plain(Block::Basic, [2, 2, 2, 2]);
pub const RESNET34: ResNet = plain(Block::Basic, [3, 4, 6, 3]);
pub const RESNET50: ResNet = plain(Block::Bottleneck, [3, 4, 6, 3]);
pub const RESNET101: ResNet = plain(Block::Bottleneck, [3, 4, 23, 3]);
pub const WIDE_RESNET50_2: ResNet = ResNet { width_per_group: 128, ..RESNET50 };
pub const RESNEXT50_32X4D: ResNet = ResNet { groups: 32, width_per_group: 4, ..RESNET50 };

impl ResNet {
    pub fn build(self, builder: &mut GraphBuilder, image: NodeId, classes: usize) {
        let conv1 = builder.conv("conv1", image, 64, (7, 2), false);
        let bn1 = builder.batch_norm("bn1", conv1);
        let relu = builder.op("relu", Op::Relu, bn1);
        let mut at = builder.op("maxpool", Op::MaxPool(Pool::square(3, 2, 1)), relu);
        for (stage, planes) in [64, 128, 256, 512].into_iter().enumerate() {
            for block in 0..self.layers[stage] {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", stage + 1);
                at = self.block(builder, &name, at, planes, stride);
            }
        }
        let pooled = builder.op("avgpool", Op::GlobalAveragePool, at);
        builder.linear("fc", pooled, classes);
    }

    fn block(
        self,
        builder: &mut GraphBuilder,
        name: &str,
        input: NodeId,
        planes: usize,
        stride: usize,
    ) -> NodeId {
        // Each convolution: its channels, kernel, stride and groups.
        let (convolutions, out_channels) = match self.block {
            Block::Basic => (vec![(planes, 3, stride, 1), (planes, 3, 1, 1)], planes),
            Block::Bottleneck => {
                let width = planes * self.width_per_group / 64 * self.groups;
                let out_channels = 4 * planes;
                let middle = (width, 3, stride, self.groups);
                (vec![(width, 1, 1, 1), middle, (out_channels, 1, 1, 1)], out_channels)
            }
        };
        let mut at = input;
        for (index, &(channels, kernel, stride, groups)) in convolutions.iter().enumerate() {
            let number = index + 1;
            let square = builder.square(at, channels, kernel);
            let conv = Conv2d { stride: [stride; 2], groups, ..square };
            at = builder.conv2d(format!("{name}.conv{number}"), at, conv);
            at = builder.batch_norm(format!("{name}.bn{number}"), at);
            if number < convolutions.len() {
                at = builder.op(format!("{name}.relu{number}"), Op::Relu, at);
            }
        }
        let shortcut = if stride != 1 || builder.channels(input) != out_channels {
            let name = format!("{name}.downsample");
            let conv = builder.conv(format!("{name}.0"), input, out_channels, (1, stride), false);
            builder.batch_norm(format!("{name}.1"), conv)
        } else {
            input
        };
        let sum = builder.add(format!("{name}.add"), at, shortcut);
        builder.op(format!("{name}.relu"), Op::Relu, sum)
    }
}
