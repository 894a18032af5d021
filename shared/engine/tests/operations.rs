//! What each operation computes, against the plainest loop that says the same.

use burn::tensor::{Device, Distribution, Tensor, read_sync};
use rrlab_engine::model::Model;
use rrlab_engine::network::{Network, download};
use rrlab_types::{Conv2d, FeatureShape, LayerGraph, Module, NodeId, Op, Padding, Window};

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
