//! torchvision's networks against torchvision itself: logits of weights and images that both sides
//! compute by one formula (`golden/logits.py`).

use burn::tensor::{Device, Tensor, TensorData, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::import::{alike, recognise};
use rrlab_engine::model::{Model, ModelInfo, TensorSpec, tensor_specs};
use rrlab_engine::network::Network;
use rrlab_engine::tensors::HostTensor;
use rrlab_engine::transfer::download;

#[derive(serde::Deserialize)]
struct Case {
    network: String,
    side: usize,
    gain: f64,
    parameters: usize,
    /// By how much PyTorch's own f32 differs from its f64, in parts of the largest logit.
    rounding: f32,
    logits: Vec<Vec<f32>>,
}

/// Difference allowed in parts of the largest logit.
const TOLERANCE: f32 = 1e-4;

/// Numbers in −1..1: splitmix64 of an index counted from the FNV-1a hash of the name.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let hash = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    (1..=count as u64).map(move |index| {
        let z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

fn tensor(spec: &TensorSpec, gain: f64) -> HostTensor {
    let TensorSpec { name, shape } = spec;
    let scaled = |x: f64| match name.rsplit('.').next() {
        _ if shape.len() > 1 => x * (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt(),
        Some("running_var") => 1.0 + 0.5 * x,
        Some("weight") => gain * (1.0 + 0.25 * x),
        _ => 0.2 * x,
    };
    let values = uniform(name, shape.iter().product()).map(|x| scaled(x) as f32);
    HostTensor::new(shape.clone(), values.collect()).unwrap()
}

fn logits(model: &Model, side: usize, images: usize) -> Vec<f32> {
    let shape = [images, 3, side, side];
    let values: Vec<f32> =
        uniform("images", shape.iter().product()).map(|value| value as f32).collect();
    let device = Device::flex();
    let batch = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
    read_sync(download(Network::new(model, &device).forward(batch))).unwrap()
}

#[test]
fn logits_are_torchvisions() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/logits.json")).unwrap();
    for case in cases {
        let name = format!("torchvision_{}", case.network);
        let architecture: Architecture = format!("{name}:size={}", case.side).parse().unwrap();
        let classes = case.logits[0].len();
        let graph = architecture.graph(classes).unwrap();
        assert_eq!(graph.parameters(), case.parameters, "{name}");
        let tensors = tensor_specs(&graph)
            .into_iter()
            .map(|spec| (spec.name.clone(), tensor(&spec, case.gain)))
            .collect();
        let found = recognise(&tensors).unwrap();
        let mut names = vec![found.to_string()];
        names.extend(alike(&found, &tensors).iter().map(ToString::to_string));
        assert!(names.contains(&name), "{names:?} for {name}");
        let model = Model::new(graph, tensors, ModelInfo::default()).unwrap();
        let ours = logits(&model, case.side, case.logits.len());
        let theirs = case.logits.concat();
        // Networks that amplify rounding do so in any program of f32.
        let tolerance = TOLERANCE.max(4.0 * case.rounding);
        let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let difference = (ours - theirs).abs() / largest;
            assert!(difference <= tolerance, "{name} at {}: {ours} against {theirs}", case.side);
        }
    }
}
