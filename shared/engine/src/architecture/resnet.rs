//! Residual networks of basic blocks for 32×32 images (He et al. 2016), with the names and
//! shortcuts of their publishers.

use rrlab_types::{NodeId, Op};

use super::builder::GraphBuilder;

/// Whose names and shortcuts a network has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// kuangliu/pytorch-cifar: 1×1 convolutions named `shortcut`, the classifier `linear`.
    Kuangliu,
    /// chenyaofo/pytorch-cifar-models: 1×1 convolutions named `downsample`, the classifier `fc`.
    Chenyaofo,
    /// akamaster/pytorch_resnet_cifar10: shortcuts without weights (option A of He et al. 2016),
    /// the classifier `linear`.
    Akamaster,
    /// weiaicunzai/pytorch-cifar100: blocks as sequences, the classifier `fc`.
    Weiaicunzai,
    /// torchvision: networks for ImageNet, in `architecture::torchvision`.
    Torchvision,
}

/// One stage per width, `blocks` basic blocks each; every stage after the first halves the image.
pub fn build(
    builder: &mut GraphBuilder,
    input: NodeId,
    origin: Origin,
    (widths, blocks): (&[usize], &[usize]),
    classes: usize,
) {
    let stem = builder.conv("conv1", input, widths[0], (3, 1), false);
    let normed = builder.batch_norm("bn1", stem);
    let mut at = builder.op("relu", Op::Relu, normed);
    for (stage, (&width, &count)) in widths.iter().zip(blocks).enumerate() {
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", stage + 1);
            at = basic_block(builder, origin, &name, at, (width, stride));
        }
    }
    let pooled = builder.op("avgpool", Op::GlobalAveragePool, at);
    let classifier = match origin {
        Origin::Chenyaofo | Origin::Torchvision | Origin::Weiaicunzai => "fc",
        Origin::Kuangliu | Origin::Akamaster => "linear",
    };
    builder.linear(classifier, pooled, classes);
}

fn basic_block(
    builder: &mut GraphBuilder,
    origin: Origin,
    name: &str,
    input: NodeId,
    (width, stride): (usize, usize),
) -> NodeId {
    let conv1 = builder.conv(format!("{name}.conv1"), input, width, (3, stride), false);
    let bn1 = builder.batch_norm(format!("{name}.bn1"), conv1);
    let relu1 = builder.op(format!("{name}.relu1"), Op::Relu, bn1);
    let conv2 = builder.conv(format!("{name}.conv2"), relu1, width, (3, 1), false);
    let bn2 = builder.batch_norm(format!("{name}.bn2"), conv2);
    let shortcut = if stride != 1 || builder.channels(input) != width {
        changed_shortcut(builder, origin, name, input, (width, stride))
    } else {
        input
    };
    let sum = builder.add(format!("{name}.add"), bn2, shortcut);
    builder.op(format!("{name}.relu2"), Op::Relu, sum)
}

/// A shortcut around a block that changes the shape.
fn changed_shortcut(
    builder: &mut GraphBuilder,
    origin: Origin,
    name: &str,
    input: NodeId,
    (width, stride): (usize, usize),
) -> NodeId {
    let module = match origin {
        Origin::Akamaster => {
            let op = Op::PadShortcut { out_channels: width, stride };
            return builder.op(format!("{name}.shortcut"), op, input);
        }
        Origin::Kuangliu | Origin::Weiaicunzai => "shortcut",
        Origin::Chenyaofo | Origin::Torchvision => "downsample",
    };
    let projection = builder.conv(format!("{name}.{module}.0"), input, width, (1, stride), false);
    builder.batch_norm(format!("{name}.{module}.1"), projection)
}
