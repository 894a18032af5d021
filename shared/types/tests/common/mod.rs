//! Synthetic networks and profiles for the tests.

use std::collections::BTreeMap;

use rrlab_types::{
    CURVE_SPARSITIES, ContentHasher, Conv2d, FeatureShape, LayerGraph, LayerProfile, Measurement,
    ModelHash, ModelProfile, Module, NodeId, Op, RepairOperator, ScoreSketch,
    SensitivityMeasurement, lamp_scores,
};
use strum::VariantArray as _;

/// A module of a graph under test.
pub fn module(name: impl Into<String>, op: Op, inputs: &[usize]) -> Module {
    let inputs = inputs.iter().copied().map(NodeId).collect();
    Module { name: name.into(), op, inputs }
}

/// A convolution of stride 1 that keeps the size.
pub fn conv(in_channels: usize, out_channels: usize, kernel: usize) -> Op {
    Op::Conv2d(Conv2d::square(in_channels, out_channels, kernel))
}

/// A graph over images of this many channels and 8×8 pixels: these modules after the input, then a
/// pool and a classifier of `channels`.
pub fn classifying(
    image: usize,
    modules: Vec<Module>,
    channels: usize,
    classes: usize,
) -> LayerGraph {
    let mut all = vec![module("input", Op::Input, &[])];
    all.extend(modules);
    all.push(module("pool", Op::GlobalAveragePool, &[all.len() - 1]));
    let linear = Op::Linear { in_features: channels, out_features: classes, bias: true };
    all.push(module("linear", linear, &[all.len() - 1]));
    let image = FeatureShape { channels: image, height: 8, width: 8 };
    LayerGraph::new("test", image, all).expect("the modules fit")
}

/// A chain of convolutions with these channels (the first is the image's) and a classifier.
pub fn chain(channels: &[usize], classes: usize) -> LayerGraph {
    let mut modules = Vec::new();
    for (index, pair) in channels.windows(2).enumerate() {
        modules.push(module(format!("conv{index}"), conv(pair[0], pair[1], 3), &[index]));
    }
    classifying(channels[0], modules, channels[channels.len() - 1], classes)
}

/// Deterministic deviates in −1..1.
pub fn deviates(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next() * next() + 0.3 * next()).collect()
}

/// Weights of one layer of [`profile`]'s network.
pub fn layer_weights(seed: u64, index: usize, count: usize) -> Vec<f32> {
    deviates(seed ^ (index as u64 + 77), count)
}

/// Hash of a network that is told from others by its seed.
pub fn model_hash(seed: u64) -> ModelHash {
    let mut hasher = ContentHasher::new("test");
    hasher.add(&seed.to_le_bytes());
    ModelHash::of(hasher)
}

/// S of each channel of a layer: together up to 1.3, which is more than counts.
fn sensitivity(deviate: f32, channels: usize) -> Vec<f64> {
    vec![f64::from(deviate).abs() / channels as f64; channels]
}

/// A profile whose curves rise with sparsity, differently for each layer.
pub fn profile(graph: &LayerGraph, seed: u64) -> ModelProfile {
    let weights: Vec<Vec<f32>> = graph
        .prunable_layers()
        .iter()
        .enumerate()
        .map(|(index, layer)| layer_weights(seed, index, layer.weights))
        .collect();
    let magnitudes = weights
        .iter()
        .map(|weights| weights.iter().map(|w| f64::from(w.abs())).collect())
        .collect();
    let magnitudes = ScoreSketch::of_network(magnitudes);
    let lamp =
        ScoreSketch::of_network(weights.iter().map(|weights| lamp_scores(weights)).collect());
    let layers = graph.prunable_layers().into_iter().enumerate().map(|(index, layer)| {
        let numbers = deviates(seed + index as u64, 4);
        let (strength, power) =
            (0.2 + 0.4 * (f64::from(numbers[0]).abs()), 1.5 + f64::from(numbers[1]).abs());
        let raw: Vec<f64> = CURVE_SPARSITIES.iter().map(|s| s.powf(power)).collect();
        let residual =
            |factor: f64| raw.iter().map(|raw| raw * strength * factor).collect::<Vec<_>>();
        LayerProfile {
            name: layer.name.into(),
            second_moment: 1.0,
            variance: 0.9,
            share: 0.3 + 0.5 * f64::from(numbers[2]).abs(),
            channel_sensitivity: sensitivity(numbers[3], layer.weight_shape[0]),
            residual: RepairOperator::VARIANTS
                .iter()
                .enumerate()
                .map(|(i, &operator)| (operator, residual(1.0 - 0.1 * i as f64)))
                .collect(),
            raw,
            channels: BTreeMap::new(),
            magnitude: magnitudes[index].clone(),
            lamp: lamp[index].clone(),
        }
    });
    let measurement = Measurement {
        dataset: "none".into(),
        split: "train".into(),
        class: None,
        images: 1,
        seed: 0,
        images_hash: None,
        device: "cpu".into(),
        method: "second_moments".into(),
        sensitivity: Some(SensitivityMeasurement { images: 1, rounds: 1 }),
        program: "test".into(),
    };
    ModelProfile::new(model_hash(seed), graph.clone(), measurement, layers.collect())
}
