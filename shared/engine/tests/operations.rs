//! What each operation computes, against the plainest loop that says the same.

use burn::tensor::{Device, Distribution, Tensor, TensorData, read_sync};
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::transfer::download;
use rrlab_types::{
    AveragePool, Conv2d, FeatureShape, LayerGraph, Module, NodeId, Op, Padding, Pool, Window,
};

fn module(name: &str, op: Op, inputs: &[usize]) -> Module {
    Module { name: name.into(), op, inputs: inputs.iter().copied().map(NodeId).collect() }
}

/// A model of these modules after the input, then a linear layer of all that comes out; biases are
/// not 0, as they are before training.
fn model(image: FeatureShape, modules: Vec<Module>) -> Model {
    let mut all = vec![module("input", Op::Input, &[])];
    all.extend(modules);
    let mut shapes: Vec<FeatureShape> = vec![image];
    for module in &all[1..] {
        let inputs: Vec<_> = module.inputs.iter().map(|input| shapes[input.0]).collect();
        shapes.push(module.op.output_shape(&inputs).unwrap());
    }
    let last = all.len() - 1;
    let in_features = shapes[last].elements();
    all.push(module("linear", Op::Linear { in_features, out_features: 3, bias: true }, &[last]));
    let mut model = Model::random(LayerGraph::new("test", image, all).unwrap(), 3);
    for node in model.graph().clone().nodes().iter().filter(|node| node.op.has_bias()) {
        let count = model.tensor(&node.name, "bias").values().len();
        let values = (0..count).map(|index| 0.3 * index as f32 - 0.5).collect();
        model.set_values(&node.name, "bias", values).unwrap();
    }
    model
}

/// Output of every node for a batch of these images.
fn outputs(model: &Model, images: Tensor<4>) -> Vec<Activation> {
    let mut outputs = vec![Activation::of(images.clone())];
    Network::new(model, &Device::flex()).forward_observed(images, |_, values| {
        outputs.push(Activation::of(values.output.clone()));
    });
    outputs
}

/// An activation on the host.
struct Activation {
    /// `[batch, channels, height, width]`.
    shape: [usize; 4],
    /// Row-major.
    values: Vec<f32>,
}

impl Activation {
    fn of(tensor: Tensor<4>) -> Self {
        Self { shape: tensor.dims(), values: read_sync(download(tensor)).unwrap() }
    }

    /// The value at a place; `None` outside the image.
    fn at(&self, image: usize, channel: usize, row: isize, column: isize) -> Option<f64> {
        let [_, channels, height, width] = self.shape;
        let row = usize::try_from(row).ok().filter(|&row| row < height)?;
        let column = usize::try_from(column).ok().filter(|&column| column < width)?;
        let index = ((image * channels + channel) * height + row) * width + column;
        Some(f64::from(self.values[index]))
    }

    /// Compares every value with what a function of image, channel, row and column says.
    fn assert_is(&self, what: &str, expected: impl Fn([usize; 4]) -> f64) {
        let [batch, channels, height, width] = self.shape;
        let mut values = self.values.iter();
        for image in 0..batch {
            for channel in 0..channels {
                for row in 0..height {
                    for column in 0..width {
                        let place = [image, channel, row, column];
                        let (found, due) = (f64::from(*values.next().unwrap()), expected(place));
                        let allowed = 1e-5 * due.abs().max(1.0);
                        assert!(
                            (found - due).abs() <= allowed,
                            "{what} at {place:?}: {found} where {due} is due"
                        );
                    }
                }
            }
        }
        assert!(values.next().is_none());
    }
}

/// The pixel of the input that a window reads, from its place and the pixel of the kernel.
fn read_by(window: Window, place: [usize; 2], pixel: [usize; 2]) -> [isize; 2] {
    let padding = [window.padding.top, window.padding.left];
    [0, 1].map(|side| {
        let read = place[side] * window.stride[side] + pixel[side] * window.dilation[side];
        read as isize - padding[side] as isize
    })
}

fn images(batch: usize, shape: FeatureShape) -> Tensor<4> {
    let device = Device::flex();
    device.seed(5);
    let FeatureShape { channels, height, width } = shape;
    Tensor::random([batch, channels, height, width], Distribution::Normal(0.2, 1.0), &device)
}

#[test]
fn a_sum_may_take_one_value_twice() {
    let image = FeatureShape { channels: 2, height: 3, width: 4 };
    let modules = vec![module("relu", Op::Relu, &[0]), module("twice", Op::Add, &[1, 1])];
    let outputs = outputs(&model(image, modules), images(2, image));
    let once = &outputs[1];
    outputs[2].assert_is("x + x", |[image, channel, row, column]| {
        2.0 * once.at(image, channel, row as isize, column as isize).unwrap()
    });
}

#[test]
fn convolutions_sum_over_their_window_and_group() {
    let image = FeatureShape { channels: 4, height: 9, width: 8 };
    let rectangle = Conv2d {
        kernel: [3, 2],
        stride: [2, 3],
        padding: Padding { top: 1, left: 0, bottom: 2, right: 3 },
        dilation: [2, 1],
        bias: true,
        ..Conv2d::square(4, 6, 1)
    };
    for conv in [
        Conv2d::square(4, 5, 3),
        Conv2d { stride: [2; 2], bias: true, ..Conv2d::square(4, 5, 5) },
        rectangle,
        Conv2d { groups: 2, ..rectangle },
        Conv2d { groups: 4, ..Conv2d::square(4, 4, 3) },
        Conv2d { groups: 4, ..Conv2d::square(4, 8, 3) },
        Conv2d { dilation: [3; 2], padding: Padding::all(3), ..Conv2d::square(4, 3, 3) },
    ] {
        let model = model(image, vec![module("conv", Op::Conv2d(conv), &[0])]);
        let outputs = outputs(&model, images(3, image));
        let [of_group, rows, columns] = [1, 2, 3].map(|axis| conv.weight_shape()[axis]);
        let weight = model.tensor("conv", "weight").values();
        outputs[1].assert_is(&format!("{conv:?}"), |[image, out, row, column]| {
            let mut sum =
                if conv.bias { f64::from(model.tensor("conv", "bias").values()[out]) } else { 0.0 };
            let group = out / (conv.out_channels / conv.groups);
            for channel in 0..of_group {
                for y in 0..rows {
                    for x in 0..columns {
                        let index = ((out * of_group + channel) * rows + y) * columns + x;
                        let [read_y, read_x] = read_by(conv.window(), [row, column], [y, x]);
                        let read = outputs[0].at(image, group * of_group + channel, read_y, read_x);
                        sum += f64::from(weight[index]) * read.unwrap_or(0.0);
                    }
                }
            }
            sum
        });
    }
}

#[test]
fn batch_norms_add_their_own_epsilon() {
    let image = FeatureShape { channels: 2, height: 2, width: 3 };
    let norm = Op::BatchNorm { channels: 2, epsilon: 0.25 };
    let mut model = model(image, vec![module("norm", norm, &[0])]);
    let numbers = [("weight", [2.0, -1.0]), ("bias", [0.5, 0.0]), ("running_mean", [1.0, -2.0])];
    for (tensor, values) in numbers {
        model.set_values("norm", tensor, values.to_vec()).unwrap();
    }
    model.set_values("norm", "running_var", vec![2.0, 0.0]).unwrap();
    let outputs = outputs(&model, images(2, image));
    outputs[1].assert_is("batch norm", |[image, channel, row, column]| {
        let x = outputs[0].at(image, channel, row as isize, column as isize).unwrap();
        // √(2 + 0.25) = 1.5 and √(0 + 0.25) = 0.5.
        [2.0 * (x - 1.0) / 1.5 + 0.5, -(x + 2.0) / 0.5][channel]
    });
}

/// A model of one norm of six channels, its scales and shifts not 1 and 0, and its outputs.
fn normed(op: Op, image: FeatureShape) -> (Vec<Activation>, [Vec<f64>; 2]) {
    let mut model = model(image, vec![module("norm", op, &[0])]);
    let values = |from: f32| (0..6).map(|index| from - 0.4 * index as f32).collect::<Vec<f32>>();
    model.set_values("norm", "weight", values(1.5)).unwrap();
    model.set_values("norm", "bias", values(0.3)).unwrap();
    let outputs = outputs(&model, images(3, image));
    (outputs, [values(1.5), values(0.3)].map(|values| values.into_iter().map(f64::from).collect()))
}

/// (x − mean)/√(variance + ε) of one of these values.
fn standardised(x: f64, values: &[f64], epsilon: f64) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (x - mean) / (variance + epsilon).sqrt()
}

#[test]
fn norms_standardise_what_they_say() {
    let image = FeatureShape { channels: 6, height: 3, width: 4 };
    for groups in [1, 2, 6] {
        let (outputs, [scales, shifts]) =
            normed(Op::GroupNorm { channels: 6, groups, epsilon: 0.1 }, image);
        outputs[1].assert_is("group norm", |[image, channel, row, column]| {
            let of_group = 6 / groups;
            let first = channel / of_group * of_group;
            let mut values = Vec::new();
            for channel in first..first + of_group {
                for y in 0..3 {
                    values.extend((0..4).filter_map(|x| outputs[0].at(image, channel, y, x)));
                }
            }
            let x = outputs[0].at(image, channel, row as isize, column as isize).unwrap();
            scales[channel] * standardised(x, &values, 0.1) + shifts[channel]
        });
    }
    let (outputs, [scales, shifts]) = normed(Op::LayerNorm { channels: 6, epsilon: 0.1 }, image);
    outputs[1].assert_is("layer norm", |[image, channel, row, column]| {
        let at = |channel| outputs[0].at(image, channel, row as isize, column as isize).unwrap();
        let values: Vec<f64> = (0..6).map(at).collect();
        scales[channel] * standardised(at(channel), &values, 0.1) + shifts[channel]
    });
    let (outputs, [scales, shifts]) = normed(Op::ChannelAffine { channels: 6 }, image);
    outputs[1].assert_is("affine map", |[image, channel, row, column]| {
        let x = outputs[0].at(image, channel, row as isize, column as isize).unwrap();
        scales[channel] * x + shifts[channel]
    });
}

#[test]
fn a_linear_layer_of_positions_sees_one_after_the_other() {
    let image = FeatureShape { channels: 4, height: 2, width: 3 };
    let linear = Op::PositionLinear { in_channels: 4, out_channels: 3, bias: true };
    let modules =
        vec![module("it", linear, &[0]), module("scale", Op::LayerScale { channels: 3 }, &[1])];
    let mut model = model(image, modules);
    let factors = [0.5, -2.0, 3.0];
    model.set_values("scale", "layer_scale", factors.to_vec()).unwrap();
    let (weight, bias) = (model.tensor("it", "weight"), model.tensor("it", "bias"));
    assert_eq!(weight.shape(), [3, 4], "as PyTorch's");
    let outputs = outputs(&model, images(2, image));
    let at_position = |[image, channel, row, column]: [usize; 4]| {
        let x = |of| outputs[0].at(image, of, row as isize, column as isize).unwrap();
        let products = (0..4).map(|of| f64::from(weight.values()[channel * 4 + of]) * x(of));
        products.sum::<f64>() + f64::from(bias.values()[channel])
    };
    outputs[1].assert_is("linear layer", at_position);
    outputs[2].assert_is("layer scale", |place| f64::from(factors[place[1]]) * at_position(place));
}

/// Queries of one size of image, keys and values of another.
#[test]
fn attention_weighs_values_by_what_keys_have_of_queries() {
    let image = FeatureShape { channels: 4, height: 2, width: 3 };
    let (heads, scale) = (2, 0.7);
    let linear = |out_channels| Op::PositionLinear { in_channels: 4, out_channels, bias: true };
    let modules = vec![
        module("queries", linear(4), &[0]),
        module(
            "smaller",
            Op::MaxPool(Pool { size: [1, 2], stride: [1, 1], ..Pool::tiles(1) }),
            &[0],
        ),
        module("keys", linear(4), &[2]),
        module("values", linear(6), &[2]),
        module("it", Op::Attention { heads, scale }, &[1, 3, 4]),
    ];
    let outputs = outputs(&model(image, modules), images(2, image));
    let at = |node: usize, [image, channel, position]: [usize; 3]| {
        let columns = outputs[node].shape[3];
        let (row, column) = ((position / columns) as isize, (position % columns) as isize);
        outputs[node].at(image, channel, row, column).unwrap()
    };
    outputs[5].assert_is("attention", |[image, channel, row, column]| {
        let (query, head) = (row * 3 + column, channel / 3);
        let product = |key| {
            let channels = 2 * head..2 * head + 2;
            let terms = channels.map(|c| at(1, [image, c, query]) * at(3, [image, c, key]));
            (scale * terms.sum::<f64>()).exp()
        };
        let weighed = (0..4).map(|key| product(key) * at(4, [image, channel, key]));
        weighed.sum::<f64>() / (0..4).map(product).sum::<f64>()
    });
}

#[test]
fn positions_are_put_in_a_row_taken_and_told_apart() {
    let image = FeatureShape { channels: 2, height: 2, width: 3 };
    let embedding = Op::Embedding { channels: 2, height: 1, width: 6 };
    let modules = vec![
        module("row", Op::FlattenPositions, &[0]),
        module("embedding", embedding, &[1]),
        module("one", Op::TakePosition { index: 4 }, &[2]),
    ];
    let mut model = model(image, modules);
    let values: Vec<f32> = (0..12).map(|index| 0.5 * index as f32 - 2.0).collect();
    model.set_values("embedding", "embedding", values.clone()).unwrap();
    let outputs = outputs(&model, images(2, image));
    let in_row = |[image, channel, _, column]: [usize; 4]| {
        outputs[0].at(image, channel, (column / 3) as isize, (column % 3) as isize).unwrap()
    };
    outputs[1].assert_is("row", in_row);
    let told_apart = |place: [usize; 4]| in_row(place) + f64::from(values[place[1] * 6 + place[3]]);
    outputs[2].assert_is("embedding", told_apart);
    outputs[3].assert_is("one position", |[image, channel, ..]| told_apart([image, channel, 0, 4]));
}

#[test]
fn softmax_shares_one_out_among_channels() {
    let image = FeatureShape { channels: 4, height: 2, width: 3 };
    let outputs = outputs(&model(image, vec![module("it", Op::Softmax, &[0])]), images(2, image));
    outputs[1].assert_is("softmax", |[image, channel, row, column]| {
        let at = |channel| outputs[0].at(image, channel, row as isize, column as isize).unwrap();
        at(channel).exp() / (0..4).map(|channel| at(channel).exp()).sum::<f64>()
    });
}

#[test]
fn zeros_stand_around_the_image() {
    let image = FeatureShape { channels: 2, height: 2, width: 3 };
    let padding = Padding { top: 1, left: 3, bottom: 2, right: 0 };
    let op = Op::ZeroPad { padding };
    let outputs = outputs(&model(image, vec![module("it", op, &[0])]), images(2, image));
    assert_eq!(outputs[1].shape, [2, 2, 5, 6]);
    outputs[1].assert_is("pad", |[image, channel, row, column]| {
        outputs[0].at(image, channel, row as isize - 1, column as isize - 3).unwrap_or(0.0)
    });
}

#[test]
fn activations_are_their_formulas() {
    let image = FeatureShape { channels: 2, height: 5, width: 4 };
    let hard_sigmoid = |x: f64| (x / 6.0 + 0.5).clamp(0.0, 1.0);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let cases: [(Op, &dyn Fn(f64) -> f64); 10] = [
        (Op::Relu, &|x| x.max(0.0)),
        (Op::Relu6, &|x| x.clamp(0.0, 6.0)),
        (Op::Clip { low: -1.5, high: 2.0 }, &|x| x.clamp(-1.5, 2.0)),
        (Op::ScaleShift { scale: -0.5, shift: 3.0 }, &|x| 3.0 - 0.5 * x),
        (Op::LeakyRelu { slope: 0.2 }, &|x| if x > 0.0 { x } else { 0.2 * x }),
        (Op::Sigmoid, &sigmoid),
        (Op::HardSigmoid, &hard_sigmoid),
        (Op::Silu, &|x| x * sigmoid(x)),
        (Op::HardSwish, &|x| x * hard_sigmoid(x)),
        (Op::Gelu, &|x| x * normal_distribution(x)),
    ];
    for (op, formula) in cases {
        assert!(op.is_activation());
        // Values out to where the straight pieces begin and end.
        let images = images(3, image).mul_scalar(4.0);
        let outputs = outputs(&model(image, vec![module("it", op, &[0])]), images);
        outputs[1].assert_is(&format!("{op:?}"), |[image, channel, row, column]| {
            formula(outputs[0].at(image, channel, row as isize, column as isize).unwrap())
        });
    }
}

/// Φ(x) by Simpson's rule: the density's integral from 0, and a half.
fn normal_distribution(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let steps = 2000;
    let step = x / f64::from(steps);
    let weight = |index: i32| match index {
        _ if index == 0 || index == steps => 1.0,
        _ if index % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=steps).map(|i| weight(i) * density(f64::from(i) * step)).sum();
    0.5 + sum * step / 3.0
}

/// Windows that overlap, leave pixels out, stand out beyond the image, and are padded on all sides
/// or on some.
fn pools() -> Vec<Pool> {
    let uneven = Padding { top: 1, left: 0, bottom: 0, right: 1 };
    vec![
        Pool::tiles(2),
        Pool::square(3, 2, 1),
        Pool { ceil: true, ..Pool::square(3, 2, 0) },
        Pool { ceil: true, ..Pool::square(2, 2, 1) },
        Pool { ceil: true, ..Pool::square(3, 2, 1) },
        Pool { size: [3, 2], stride: [1, 3], ..Pool::tiles(2) },
        Pool { padding: uneven, ..Pool::square(2, 2, 0) },
        Pool { padding: uneven, ceil: true, ..Pool::square(3, 3, 0) },
    ]
}

#[test]
fn pools_take_maxima_and_means_of_their_windows() {
    let image = FeatureShape { channels: 3, height: 7, width: 8 };
    for pool in pools() {
        let Pool { size, stride, padding, .. } = pool;
        let window = Window { kernel: size, stride, padding, dilation: [1; 2] };
        let average = |counts_padding| Op::AveragePool(AveragePool { pool, counts_padding });
        for op in [Op::MaxPool(pool), average(true), average(false)] {
            let outputs = outputs(&model(image, vec![module("it", op, &[0])]), images(2, image));
            outputs[1].assert_is(&format!("{op:?}"), |[image, channel, row, column]| {
                let (mut inside, mut counted) = (Vec::new(), 0);
                for y in 0..size[0] {
                    for x in 0..size[1] {
                        let [read_y, read_x] = read_by(window, [row, column], [y, x]);
                        inside.extend(outputs[0].at(image, channel, read_y, read_x));
                        // What stands out beyond the padding is not counted even as padding.
                        let is_padded = read_y < (7 + padding.bottom) as isize
                            && read_x < (8 + padding.right) as isize;
                        counted += usize::from(is_padded);
                    }
                }
                let sum: f64 = inside.iter().sum();
                match op {
                    Op::MaxPool(_) => inside.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    _ if op == average(true) => sum / counted as f64,
                    _ => sum / inside.len() as f64,
                }
            });
        }
    }
}

#[test]
fn adaptive_and_global_pools_take_means_of_parts() {
    let image = FeatureShape { channels: 2, height: 7, width: 5 };
    for size in [[1, 1], [3, 2], [7, 5], [4, 10]] {
        let op =
            if size == [1, 1] { Op::GlobalAveragePool } else { Op::AdaptiveAveragePool { size } };
        let outputs = outputs(&model(image, vec![module("it", op, &[0])]), images(2, image));
        outputs[1].assert_is(&format!("{op:?}"), |[image, channel, row, column]| {
            // Part i of n is of the pixels from ⌊i·pixels/n⌋ to ⌈(i + 1)·pixels/n⌉.
            let part = |index: usize, parts: usize, pixels: usize| {
                index * pixels / parts..((index + 1) * pixels).div_ceil(parts)
            };
            let mut values = Vec::new();
            for y in part(row, size[0], 7) {
                for x in part(column, size[1], 5) {
                    values.extend(outputs[0].at(image, channel, y as isize, x as isize));
                }
            }
            values.iter().sum::<f64>() / values.len() as f64
        });
    }
}

#[test]
fn channels_are_joined_cut_shuffled_and_weighed() {
    let image = FeatureShape { channels: 6, height: 2, width: 3 };
    let modules = vec![
        module("slice", Op::ChannelSlice { start: 1, end: 3 }, &[0]),
        module("concat", Op::Concat, &[1, 0, 1]),
        module("shuffle", Op::ChannelShuffle { groups: 5 }, &[2]),
        module("mean", Op::GlobalAveragePool, &[3]),
        module("mul", Op::Mul, &[4, 3]),
        module("square", Op::Mul, &[5, 5]),
        module("flatten", Op::Flatten, &[6]),
    ];
    let outputs = outputs(&model(image, modules), images(2, image));
    let at = |node: usize, [image, channel, row, column]: [usize; 4]| {
        outputs[node].at(image, channel, row as isize, column as isize).unwrap()
    };
    outputs[1].assert_is("slice", |[image, channel, row, column]| {
        at(0, [image, channel + 1, row, column])
    });
    outputs[2].assert_is("concat", |[image, channel, row, column]| match channel {
        0 | 1 => at(1, [image, channel, row, column]),
        8 | 9 => at(1, [image, channel - 8, row, column]),
        _ => at(0, [image, channel - 2, row, column]),
    });
    // Ten channels in five groups of two: 0, 2, 4, 6, 8, then 1, 3, 5, 7, 9.
    outputs[3].assert_is("shuffle", |[image, channel, row, column]| {
        at(2, [image, channel % 5 * 2 + channel / 5, row, column])
    });
    outputs[5].assert_is("mul", |[image, channel, row, column]| {
        at(3, [image, channel, row, column]) * at(4, [image, channel, 0, 0])
    });
    outputs[6].assert_is("square", |place| at(5, place) * at(5, place));
    outputs[7].assert_is("flatten", |[image, feature, ..]| {
        at(6, [image, feature / 6, feature % 6 / 3, feature % 3])
    });
    assert_eq!(outputs[7].shape, [2, 60, 1, 1]);
}

/// The gradient of each operation with respect to its input is the slope that small steps show.
#[test]
fn gradients_are_slopes() {
    let image = FeatureShape { channels: 4, height: 5, width: 6 };
    let group = Conv2d { groups: 2, stride: [2, 1], ..Conv2d::square(4, 4, 3) };
    let mut operations = vec![
        Op::Conv2d(group),
        Op::Conv2d(Conv2d { groups: 4, dilation: [2; 2], ..Conv2d::square(4, 8, 3) }),
        Op::LeakyRelu { slope: 0.1 },
        Op::Sigmoid,
        Op::Silu,
        Op::HardSwish,
        Op::Gelu,
        Op::Softmax,
        Op::ZeroPad { padding: Padding { top: 1, left: 0, bottom: 2, right: 1 } },
        Op::ScaleShift { scale: 1.5, shift: -0.25 },
        Op::GroupNorm { channels: 4, groups: 2, epsilon: 0.1 },
        Op::LayerNorm { channels: 4, epsilon: 0.1 },
        Op::ChannelAffine { channels: 4 },
        Op::LayerScale { channels: 4 },
        Op::PositionLinear { in_channels: 4, out_channels: 6, bias: true },
        Op::Embedding { channels: 4, height: 5, width: 6 },
        Op::FlattenPositions,
        Op::TakePosition { index: 3 },
        Op::Relu6,
        Op::HardSigmoid,
        Op::AdaptiveAveragePool { size: [2, 4] },
        Op::GlobalAveragePool,
        Op::ChannelShuffle { groups: 2 },
        Op::ChannelSlice { start: 1, end: 3 },
    ];
    for pool in pools() {
        operations.push(Op::MaxPool(pool));
        operations.push(Op::AveragePool(AveragePool { pool, counts_padding: false }));
    }
    for op in operations {
        assert_gradient_is_slope(vec![module("it", op, &[0])], image);
    }
    let linear = Op::PositionLinear { in_channels: 4, out_channels: 6, bias: true };
    let values = Op::PositionLinear { in_channels: 4, out_channels: 2, bias: false };
    let attention = vec![
        module("queries", linear, &[0]),
        module("keys", linear, &[0]),
        module("values", values, &[0]),
        module("attention", Op::Attention { heads: 2, scale: 0.4 }, &[1, 2, 3]),
    ];
    assert_gradient_is_slope(attention, image);
}

fn assert_gradient_is_slope(modules: Vec<Module>, image: FeatureShape) {
    let what = format!("{modules:?}");
    let device = Device::flex().autodiff();
    let model = model(image, modules);
    let network = Network::new(&model, &device);
    let at = Tensor::<4>::from_data(images(1, image).into_data(), &device).require_grad();
    // Of one number, a smooth function of all logits.
    let loss = |images: Tensor<4>| network.forward(images).sin().sum();
    let gradient = at.grad(&loss(at.clone()).backward()).unwrap();
    let gradient = read_sync(download(gradient)).unwrap();
    let values = read_sync(download(at.clone().inner())).unwrap();
    let step = 1e-2;
    for index in [0, 7, 31, 64, 119] {
        let loss_with = |change: f32| {
            let mut moved = values.clone();
            moved[index] += change;
            let moved = TensorData::new(moved, at.dims());
            loss(Tensor::from_data(moved, &device)).into_scalar::<f32>()
        };
        let slope = (loss_with(step) - loss_with(-step)) / (2.0 * step);
        assert!(
            (slope - gradient[index]).abs() <= 2e-2 * slope.abs().max(0.1),
            "{what} at {index}: a gradient of {} where the slope is {slope}",
            gradient[index]
        );
    }
}

#[test]
fn images_of_another_size_are_resized() {
    let image = FeatureShape { channels: 2, height: 4, width: 6 };
    let smaller = images(2, FeatureShape { height: 2, width: 2, ..image });
    let model = model(image, vec![module("relu", Op::Relu, &[0])]);
    let outputs = outputs(&model, smaller.clone());
    let smaller = Activation::of(smaller);
    outputs[1].assert_is("resized", |[image, channel, row, column]| {
        // Each pixel's centre on the smaller image, and the weight of its second line or column.
        let on = |place: usize, scale: f64| ((place as f64 + 0.5) / scale - 0.5).clamp(0.0, 1.0);
        let (y, x) = (on(row, 2.0), on(column, 3.0));
        let at = |row, column| smaller.at(image, channel, row, column).unwrap();
        let along = |row| (1.0 - x) * at(row, 0) + x * at(row, 1);
        ((1.0 - y) * along(0) + y * along(1)).max(0.0)
    });
}

#[test]
fn a_network_of_one_channel_sees_coloured_images_in_grey() {
    let image = FeatureShape { channels: 1, height: 5, width: 4 };
    let conv = Op::Conv2d(Conv2d { bias: true, ..Conv2d::square(1, 2, 1) });
    let model = model(image, vec![module("conv", conv, &[0])]);
    let coloured = images(2, FeatureShape { channels: 3, ..image });
    let seen = Activation::of(coloured.clone());
    let weight = model.tensor("conv", "weight").values().to_vec();
    let bias = model.tensor("conv", "bias").values().to_vec();
    outputs(&model, coloured)[1].assert_is("grey", |[image, channel, row, column]| {
        let (row, column) = (row as isize, column as isize);
        let colour = |colour| seen.at(image, colour, row, column).unwrap();
        let grey = 0.299 * colour(0) + 0.587 * colour(1) + 0.114 * colour(2);
        f64::from(weight[channel]) * grey + f64::from(bias[channel])
    });
}
