//! Calibration beside one dense forward pass over the same images, and the CPU kernels beside
//! burn's own.

use burn::tensor::{Device, Distribution, Tensor, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::data::{Dataset, Split, shapes10};
use rrlab_engine::kernels;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::transfer::download;
use rrlab_engine::watch::unwatched;
use rrlab_types::Window;

const NETWORKS: [&str; 2] = ["resnet20", "resnet18:width=0.25"];
const IMAGES: usize = 256;

fn main() {
    divan::main();
}

fn prepared(architecture: &str) -> (Model, Dataset) {
    let graph = architecture.parse::<Architecture>().unwrap().graph(10).unwrap();
    (Model::random(graph, 1), shapes10(IMAGES, 10, 1))
}

fn images(data: &Dataset) -> CalibrationImages<'_> {
    CalibrationImages::draw(data, Split::Train, IMAGES, 1, data.normalization).unwrap()
}

#[divan::bench(args = NETWORKS, sample_count = 5)]
fn dense_forward(bencher: divan::Bencher, architecture: &str) {
    let (model, data) = prepared(architecture);
    let (images, device) = (images(&data), Device::flex());
    let network = Network::new(&model, &device);
    bencher.bench_local(|| {
        for batch in images.batches(network.graph(), &device) {
            read_sync(download(network.forward(batch))).unwrap();
        }
    });
}

#[divan::bench(args = NETWORKS, sample_count = 5)]
fn calibrate_by_second_moments(bencher: divan::Bencher, architecture: &str) {
    calibration(bencher, architecture, Method::SecondMoments);
}

#[divan::bench(args = NETWORKS, sample_count = 1)]
fn calibrate_directly(bencher: divan::Bencher, architecture: &str) {
    calibration(bencher, architecture, Method::Direct);
}

fn calibration(bencher: divan::Bencher, architecture: &str, method: Method) {
    let (model, data) = prepared(architecture);
    let images = images(&data);
    bencher.bench_local(|| {
        read_sync(calibrate(&model, &Device::flex(), "cpu", &images, method, unwatched)).unwrap()
    });
}

/// Channels and image sides of ResNet-20's stages.
const STAGES: [(usize, usize); 3] = [(16, 32), (32, 16), (64, 8)];

#[divan::bench(args = STAGES, sample_count = 5)]
fn convolution_step_ours(bencher: divan::Bencher, stage: (usize, usize)) {
    convolution_step(bencher, stage, kernels::conv2d);
}

#[divan::bench(args = STAGES, sample_count = 5)]
fn convolution_step_burn(bencher: divan::Bencher, stage: (usize, usize)) {
    convolution_step(bencher, stage, kernels::conv2d_by_burn);
}

fn convolution_step(
    bencher: divan::Bencher,
    (channels, side): (usize, usize),
    convolve: fn(Tensor<4>, Tensor<4>, Window) -> Tensor<4>,
) {
    let device = Device::flex().autodiff();
    let random = |shape: [usize; 4]| {
        Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device).require_grad()
    };
    let (input, weight) = (random([128, channels, side, side]), random([channels, channels, 3, 3]));
    bencher.bench_local(|| {
        let output = convolve(input.clone(), weight.clone(), Window::square(3, 1, 1));
        weight.grad(&output.sum().backward()).unwrap()
    });
}
