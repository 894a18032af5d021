//! Calibration by second moments against the direct way, on whole networks: strides, borders and
//! biases included.

use burn::tensor::{Device, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::data::{Split, shapes10};
use rrlab_engine::model::Model;
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::watch::unwatched;
use rrlab_types::{ChannelwiseOperator, LayerGraph, ModelProfile, Repair, RepairOperator};
use strum::VariantArray as _;

const TOLERANCE: f64 = 1e-4;
/// Parts of E[y²] below which a difference is rounding of f32 sums, in the direct way as much as in
/// the other.
const FLOOR: f64 = 5e-3;

fn profile(model: &Model, images: &CalibrationImages<'_>, method: Method) -> ModelProfile {
    read_sync(calibrate(model, &Device::flex(), "cpu", images, method, unwatched)).unwrap()
}

/// A random network whose batch norms know these images, as after training: without, deep channels
/// hardly vary and their variances are rounding of f32 in either way.
fn normalised(graph: LayerGraph, images: &CalibrationImages<'_>) -> Model {
    let random = Model::random(graph, 11);
    let device = Device::flex();
    read_sync(async {
        let statistics =
            DenseStatistics::measure(&random, images, &device, unwatched).await.unwrap();
        repair(&random, &statistics, &random, Repair::BnRecalibration, images, &device, unwatched)
            .await
            .unwrap()
    })
}

fn assert_close(what: &str, fast: &[f64], slow: &[f64]) {
    for (index, (fast, slow)) in fast.iter().zip(slow).enumerate() {
        assert!(
            (fast - slow).abs() <= TOLERANCE * slow.abs().max(FLOOR),
            "{what}[{index}]: {fast} against {slow}"
        );
    }
}

#[test]
fn second_moments_agree_with_convolution() {
    let data = shapes10(64, 10, 5);
    for (architecture, images) in [
        ("resnet8", 40),
        ("vgg11_bn:width=0.25", 40),
        ("resnet18:width=0.1", 9),
        ("akamaster_resnet20:width=0.5", 12),
    ] {
        let graph = architecture.parse::<Architecture>().unwrap().graph(10).unwrap();
        let images =
            CalibrationImages::draw(&data, Split::Train, images, 3, data.normalization).unwrap();
        let model = normalised(graph, &images);
        let [fast, slow] =
            [Method::SecondMoments, Method::Direct].map(|method| profile(&model, &images, method));
        for (fast, slow) in fast.layers.iter().zip(&slow.layers) {
            assert_close(&format!("{architecture} {} raw", fast.name), &fast.raw, &slow.raw);
            assert_close(
                &fast.name,
                &[fast.variance, fast.second_moment],
                &[slow.variance, slow.second_moment],
            );
            for operator in ChannelwiseOperator::VARIANTS.iter().copied().map(RepairOperator::from)
            {
                let what = format!("{architecture} {} {operator}", fast.name);
                assert_close(&what, &fast.residual[&operator], &slow.residual[&operator]);
            }
        }
    }
}

/// Reconstruction leaves less the more weights it has, and less than any map of the channels: but
/// for the ridge, which takes part of the variance of a layer that has all it needs.
#[test]
fn residuals_of_reconstruction_fall_with_kept_weights_and_below_all_others() {
    const RIDGE: f64 = 1e-3;
    let data = shapes10(64, 10, 5);
    for (architecture, images) in [("resnet8", 40), ("vgg11_bn:width=0.25", 8)] {
        let graph = architecture.parse::<Architecture>().unwrap().graph(10).unwrap();
        let images =
            CalibrationImages::draw(&data, Split::Train, images, 3, data.normalization).unwrap();
        let profile = profile(&normalised(graph, &images), &images, Method::SecondMoments);
        for layer in &profile.layers {
            let what = format!("{architecture} {}", layer.name);
            let solved = &layer.residual[&RepairOperator::Reconstruction];
            assert!(solved.is_sorted(), "{what}: {solved:?}");
            for operator in ChannelwiseOperator::VARIANTS.iter().copied().map(RepairOperator::from)
            {
                let pairs = solved.iter().zip(&layer.residual[&operator]);
                for (solved, mapped) in pairs {
                    let bound = mapped + RIDGE * layer.variance;
                    assert!(*solved <= bound, "{what}, {operator}: {solved} above {mapped}");
                }
            }
        }
    }
}
