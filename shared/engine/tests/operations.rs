//! What each operation computes, against the plainest loop that says the same.

use burn::tensor::{Device, Distribution, Tensor, read_sync};
use rrlab_engine::model::Model;
use rrlab_engine::network::{Network, download};
use rrlab_types::{FeatureShape, LayerGraph, Module, NodeId, Op};

fn module(name: &str, op: Op, inputs: &[usize]) -> Module {
    Module { name: name.into(), op, inputs: inputs.iter().copied().map(NodeId).collect() }
}

/// A network of these modules after the input, then a linear layer of all that comes out.
fn network(image: FeatureShape, modules: Vec<Module>) -> Network {
    let mut all = vec![module("input", Op::Input, &[])];
    all.extend(modules);
    // The linear layer takes as many features as there are, which a graph without it tells.
    let last = all.len() - 1;
    let mut shapes: Vec<FeatureShape> = vec![image];
    for module in &all[1..] {
        let inputs: Vec<_> = module.inputs.iter().map(|input| shapes[input.0]).collect();
        shapes.push(module.op.output_shape(&inputs).unwrap());
    }
    let in_features = shapes[last].elements();
    all.push(module("linear", Op::Linear { in_features, out_features: 3, bias: true }, &[last]));
    let graph = LayerGraph::new("test", image, all).unwrap();
    Network::new(&Model::random(graph, 3), &Device::flex())
}

/// Values of every node's output, row-major, for a batch of these images.
fn outputs(network: &Network, images: Tensor<4>) -> Vec<Vec<f32>> {
    let mut outputs = vec![read_sync(download(images.clone())).unwrap()];
    network.forward_observed(images, |_, values| {
        outputs.push(read_sync(download(values.output.clone())).unwrap());
    });
    outputs
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
    let outputs = outputs(&network(image, modules), images(2, image));
    for (once, twice) in outputs[1].iter().zip(&outputs[2]) {
        assert_eq!(2.0 * once, *twice);
    }
}
