//! Modules that several networks are made of, from `torchvision.ops.misc`.

use rrlab_types::{Conv2d, NodeId, Op};

use crate::architecture::builder::GraphBuilder;

/// Rounds channels to a multiple of 8, and not down by more than a tenth (`_make_divisible`).
pub fn divisible_by_8(channels: usize) -> usize {
    let rounded = ((channels + 4) / 8 * 8).max(8);
    if 10 * rounded < 9 * channels { rounded + 8 } else { rounded }
}

/// `Conv2dNormActivation`: a convolution, a batch norm and an activation, where there is one.
pub fn conv_norm(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    conv: Conv2d,
    activation: Option<Op>,
) -> NodeId {
    let norm = Op::batch_norm(conv.out_channels);
    conv_then(builder, name, input, conv, [Some(norm), activation])
}

/// The same with any two operations after the convolution: `{name}.0`, `{name}.1`, `{name}.2`.
pub fn conv_then(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    conv: Conv2d,
    then: [Option<Op>; 2],
) -> NodeId {
    let mut at = builder.conv2d(format!("{name}.0"), input, conv);
    for (index, op) in then.into_iter().flatten().enumerate() {
        at = builder.op(format!("{name}.{}", index + 1), op, at);
    }
    at
}

/// `SqueezeExcitation`: channels weighed by what two convolutions make of their means.
pub fn squeeze_excite(
    builder: &mut GraphBuilder,
    name: &str,
    input: NodeId,
    squeeze_channels: usize,
    [activation, scale_activation]: [Op; 2],
) -> NodeId {
    let channels = builder.channels(input);
    let mean = builder.op(format!("{name}.avgpool"), Op::GlobalAveragePool, input);
    let fc1 = builder.conv(format!("{name}.fc1"), mean, squeeze_channels, (1, 1), true);
    let active = builder.op(format!("{name}.activation"), activation, fc1);
    let fc2 = builder.conv(format!("{name}.fc2"), active, channels, (1, 1), true);
    let scale = builder.op(format!("{name}.scale_activation"), scale_activation, fc2);
    builder.mul(format!("{name}.scale"), input, scale)
}
