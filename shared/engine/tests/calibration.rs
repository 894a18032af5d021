//! Calibration by second moments against the direct way, on whole networks: strides, borders and
//! biases included.

use burn::tensor::{Device, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{
    BATCHES_PER_READ, CalibrationImages, CalibrationPool, InputNorms, Method, calibrate,
};
use rrlab_engine::data::{EVALUATION_BATCH, IMAGE, Split, shapes10};
use rrlab_engine::evaluate::outcomes;
use rrlab_engine::judge::Judge;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::transfer::reads;
use rrlab_engine::watch::unwatched;
use rrlab_types::{
    ChannelwiseOperator, Conv2d, LayerGraph, ModelProfile, Module, NodeId, Op, Padding, Repair,
    RepairOperator,
};
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

/// Asserts that both ways give the same profile of a network.
fn assert_ways_agree(what: &str, model: &Model, images: &CalibrationImages<'_>) {
    let [fast, slow] =
        [Method::SecondMoments, Method::Direct].map(|method| profile(model, images, method));
    for (fast, slow) in fast.layers.iter().zip(&slow.layers) {
        assert_close(&format!("{what} {} raw", fast.name), &fast.raw, &slow.raw);
        assert_close(
            &fast.name,
            &[fast.variance, fast.second_moment],
            &[slow.variance, slow.second_moment],
        );
        for operator in ChannelwiseOperator::VARIANTS.iter().copied().map(RepairOperator::from) {
            let what = format!("{what} {} {operator}", fast.name);
            assert_close(&what, &fast.residual[&operator], &slow.residual[&operator]);
        }
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
        assert_ways_agree(architecture, &normalised(graph, &images), &images);
    }
}

/// A chain of these layers, each with a batch norm and a ReLU, then of these linear layers.
fn chain(layers: Vec<Op>, features: &[usize]) -> LayerGraph {
    let mut modules = vec![("input".to_owned(), Op::Input)];
    let mut shape = IMAGE;
    for (index, op) in layers.into_iter().enumerate() {
        shape = op.output_shape(&[shape]).unwrap();
        modules.push((format!("layer{index}"), op));
        modules.push((format!("norm{index}"), Op::batch_norm(shape.channels)));
        modules.push((format!("relu{index}"), Op::Relu));
    }
    for (index, &out_features) in features.iter().enumerate() {
        let op = Op::Linear { in_features: shape.elements(), out_features, bias: true };
        shape = op.output_shape(&[shape]).unwrap();
        modules.push((format!("linear{index}"), op));
    }
    let chained = modules.into_iter().enumerate().map(|(index, (name, op))| Module {
        name,
        op,
        inputs: index.checked_sub(1).map(NodeId).into_iter().collect(),
    });
    LayerGraph::new("chain", IMAGE, chained.collect()).unwrap()
}

/// Every kind of layer, over batches that are not all of one size: kernels of any shape, stride,
/// padding and dilation, channels in groups down to one each, linear layers of each position, and
/// those with more inputs than there are images and with fewer.
#[test]
fn every_kind_of_layer_agrees_over_several_batches() {
    let square = Conv2d::square;
    let convolutions = vec![
        Conv2d { stride: [2; 2], padding: Padding::all(2), ..square(3, 8, 7) },
        Conv2d { groups: 8, ..square(8, 8, 3) },
        Conv2d { groups: 2, ..square(8, 12, 1) },
        Conv2d { groups: 4, bias: true, ..square(12, 8, 3) },
        Conv2d { kernel: [1, 5], padding: Padding::symmetric([0, 2]), ..square(8, 8, 1) },
        Conv2d {
            kernel: [3, 2],
            stride: [1, 2],
            padding: Padding { top: 0, left: 1, bottom: 2, right: 0 },
            ..square(8, 8, 1)
        },
        Conv2d { dilation: [2; 2], padding: Padding::all(2), ..square(8, 8, 3) },
        Conv2d { stride: [2; 2], ..square(8, 16, 1) },
        Conv2d { padding: Padding::all(2), ..square(16, 8, 3) },
        Conv2d { stride: [2; 2], groups: 8, ..square(8, 8, 5) },
        square(8, 32, 1),
    ];
    let mut layers: Vec<Op> = convolutions.into_iter().map(Op::Conv2d).collect();
    layers.push(Op::PositionLinear { in_channels: 32, out_channels: 40, bias: true });
    let graph = chain(layers, &[24, 10]);
    let images = 2 * EVALUATION_BATCH + 33;
    let linear = graph.nodes().iter().find(|node| node.name == "linear0").unwrap();
    let Op::Linear { in_features, .. } = linear.op else { panic!("a linear layer") };
    assert!(in_features > images, "{in_features} inputs are fewer than images");
    let data = shapes10(images, 10, 6);
    let images =
        CalibrationImages::draw(&data, Split::Train, images, 3, data.normalization).unwrap();
    assert_ways_agree("chain", &normalised(graph, &images), &images);
}

/// Sums and rows are read from the device for several batches at once: what is left over, too.
#[test]
fn ways_agree_over_more_batches_than_one_read_is_for() {
    let images = (BATCHES_PER_READ + 1) * EVALUATION_BATCH + 5;
    let thin = Op::Conv2d(Conv2d { stride: [2; 2], ..Conv2d::square(3, 6, 3) });
    let graph = chain(vec![thin], &[4]);
    let inputs = graph.nodes().iter().find_map(|node| match node.op {
        Op::Linear { in_features, .. } => Some(in_features),
        _ => None,
    });
    assert!(inputs > Some(images), "{inputs:?} inputs are fewer than images");
    let data = shapes10(images, 10, 6);
    let images =
        CalibrationImages::draw(&data, Split::Train, images, 3, data.normalization).unwrap();
    assert_ways_agree("thin chain", &normalised(graph, &images), &images);
}

/// Reconstruction leaves less the more weights it has, and no more than any map of the channels.
#[test]
fn residuals_of_reconstruction_fall_with_kept_weights_and_below_all_others() {
    let data = shapes10(64, 10, 5);
    for (architecture, images) in [("resnet8", 40), ("vgg11_bn:width=0.25", 8)] {
        let graph = architecture.parse::<Architecture>().unwrap().graph(10).unwrap();
        let images =
            CalibrationImages::draw(&data, Split::Train, images, 3, data.normalization).unwrap();
        let profile = profile(&normalised(graph, &images), &images, Method::SecondMoments);
        for layer in &profile.layers {
            let what = format!("{architecture} {}", layer.name);
            // A linear layer with more inputs than images has no second moments of them.
            let Some(solved) = layer.residual.get(&RepairOperator::Reconstruction) else {
                assert!(matches!(layer.name.as_str(), "linear" | "classifier"), "{what}");
                continue;
            };
            assert!(solved.is_sorted(), "{what}: {solved:?}");
            for operator in ChannelwiseOperator::VARIANTS.iter().copied().map(RepairOperator::from)
            {
                let pairs = solved.iter().zip(&layer.residual[&operator]);
                for (solved, mapped) in pairs {
                    assert!(solved <= mapped, "{what}, {operator}: {solved} above {mapped}");
                }
            }
        }
    }
}

#[test]
fn images_of_one_class_are_of_that_class_and_the_others_too() {
    let data = shapes10(60, 10, 5);
    let class = data.classes[3].as_str();
    let pool = CalibrationPool::all(&data, Split::Train).of_class(Some(class)).unwrap();
    let drawn = pool.draw(4, 1, data.normalization).unwrap();
    let others = drawn.others(100).unwrap();
    let of_class = (0..data.train.len()).filter(|&index| data.train.labels_of(&[index]) == [3]);
    let mut both = [drawn.indices(), others.indices()].concat();
    both.sort_unstable();
    assert_eq!(drawn.len(), 4);
    assert_eq!(both, of_class.collect::<Vec<_>>());
    let measured = profile(
        &normalised(
            "resnet8:width=0.25".parse::<Architecture>().unwrap().graph(10).unwrap(),
            &drawn,
        ),
        &drawn,
        Method::SecondMoments,
    );
    assert_eq!(measured.measurement.class.as_deref(), Some(class));
}

#[test]
fn a_class_that_is_not_there_is_named_with_those_that_are() {
    let data = shapes10(10, 10, 5);
    let error = CalibrationPool::all(&data, Split::Train).of_class(Some("zebra")).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`zebra`") && text.contains(&data.classes[9]), "{text}");
}

/// Everything that goes over calibration or test images, each with how often it reads the device.
async fn reads_of_each_pass(model: &Model, images: &CalibrationImages<'_>) -> Vec<(String, usize)> {
    let device = Device::flex();
    let mut counts = Vec::new();
    let mut before = reads();
    let mut note = |what: &str| {
        counts.push((what.to_owned(), reads() - before));
        before = reads();
    };
    for method in [Method::SecondMoments, Method::Direct] {
        calibrate(model, &device, "cpu", images, method, unwatched).await.unwrap();
        note(method.name());
    }
    InputNorms::measure(model, images, &device, unwatched).await.unwrap();
    note("input norms");
    let statistics = DenseStatistics::measure(model, images, &device, unwatched).await.unwrap();
    note("dense statistics");
    for how in [
        Repair::BnRecalibration,
        Repair::Operator(RepairOperator::VarianceMatching),
        Repair::Operator(RepairOperator::Reconstruction),
    ] {
        repair(model, &statistics, model, how, images, &device, unwatched).await.unwrap();
        note(&how.to_string());
    }
    let judge = Judge::new(model, images.clone(), &device, unwatched).await.unwrap();
    judge.divergence(model, &device, unwatched).await.unwrap();
    note("judge");
    counts
}

/// A GPU computes while the host gives it more, unless the host waits for what it computed.
#[test]
fn the_device_is_not_read_for_each_batch() {
    let data = shapes10(4 * EVALUATION_BATCH, 10, 5);
    let graph = "resnet8:width=0.25".parse::<Architecture>().unwrap().graph(10).unwrap();
    let model = Model::untrained(graph, &data, 1);
    let [two, four] = [2, 4].map(|batches| {
        let count = batches * EVALUATION_BATCH;
        let images =
            CalibrationImages::draw(&data, Split::Train, count, 1, data.normalization).unwrap();
        assert_eq!(images.batch_count(model.graph()), batches);
        read_sync(reads_of_each_pass(&model, &images))
    });
    assert_eq!(two, four);
    assert!(two.iter().all(|&(_, reads)| reads > 0), "{two:?}");

    let before = reads();
    let network = Network::new(&model, &Device::flex());
    let all: Vec<usize> = (0..data.train.len()).collect();
    read_sync(outcomes(&network, &data.train, &all, &data.normalization, unwatched)).unwrap();
    assert_eq!(reads() - before, 1, "evaluation");
}
