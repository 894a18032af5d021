//! State dicts, pruning and repair on small networks.

mod common;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData, Tolerance, read_sync};
use common::{images, model, uniform};
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, CheckpointError, NetworkHint, TensorFile};
use rrlab_engine::data::{IMAGE, Split, shapes10};
use rrlab_engine::model::{Model, StateDictError};
use rrlab_engine::network::Network;
use rrlab_engine::observe::{layer_output, observed_channels};
use rrlab_engine::prune::{magnitude_mask, masks_to_bytes, prune};
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::tensors::HostTensor;
use rrlab_engine::transfer::download;
use rrlab_engine::watch::unwatched;
use rrlab_types::{
    AllocationRequest, ChannelwiseOperator, Conv2d, Evidence, LayerGraph, ModelProfile, Module,
    NodeId, Op, Repair, RepairOperator, Rule, Sparsity, ThreeStates, allocate,
};
use strum::VariantArray as _;

#[test]
fn a_model_survives_the_way_through_a_file() {
    for name in ["resnet8", "vgg11_bn:width=0.1"] {
        let model = model(name);
        let bytes = checkpoint::write(&model).unwrap();
        assert!(checkpoint::read(&bytes, NetworkHint::default()).unwrap() == model);
        for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            assert!(matches!(
                checkpoint::read(&bytes[..length], NetworkHint::default()),
                Err(CheckpointError::Format(_))
            ));
        }
    }
}

/// What earlier versions wrote of a network, its hash and its roles, still holds.
#[test]
fn a_published_profile_is_still_of_its_network() {
    // Not as it was when this was built: another clone may have, which shares the target folder.
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let gallery = Path::new(&package).join("../../frontend/gallery");
    let network = |name: &str| {
        let bytes = std::fs::read(gallery.join(format!("{name}.safetensors"))).unwrap();
        checkpoint::read(&bytes, NetworkHint::default()).unwrap()
    };
    let model = network("resnet20-cifar10");
    let text = std::fs::read_to_string(gallery.join("resnet20-cifar10.profile.json")).unwrap();
    let profile = ModelProfile::from_json(&text).unwrap();
    assert_eq!(profile.model_hash, Some(model.hash()));
    assert_eq!(profile.graph, *model.graph());
    // As it was when convolutions were square and every network was made by name.
    let hash = "af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536";
    assert_eq!(network("resnet8-shapes10").hash().to_string(), hash);
}

/// A network that no name gives is a network all the same: its file holds its layers.
#[test]
fn a_network_without_a_name_survives_the_way_through_a_file() {
    let graph = model("resnet8").graph().clone();
    let modules = graph.nodes().iter().map(|node| Module {
        name: node.name.clone(),
        op: if node.op == Op::Relu { Op::HardSwish } else { node.op },
        inputs: node.inputs.clone(),
    });
    for name in ["mine", "resnet8"] {
        let graph = LayerGraph::new(name, graph.image(), modules.clone().collect()).unwrap();
        let model = Model::random(graph, 5);
        assert_ne!(model.hash(), self::model("resnet8").hash());
        let file = checkpoint::to_file(&model).unwrap();
        let hint = |classes| NetworkHint { architecture: None, classes };
        assert!(checkpoint::from_file(file.clone(), hint(None)).unwrap() == model);
        let error = checkpoint::from_file(file, hint(Some(7))).unwrap_err().to_string();
        assert_eq!(error, "the file holds 10 classes, but 7 classes was asked for");
    }
}

#[test]
fn wrong_tensors_are_named() {
    let model = model("resnet8");
    let hint = |classes| NetworkHint { architecture: "resnet8".parse().ok(), classes };
    let plain = |change: &dyn Fn(&mut TensorFile)| {
        let mut file =
            TensorFile { metadata: Default::default(), tensors: model.tensors().clone() };
        change(&mut file);
        checkpoint::from_file(file, hint(None))
    };
    assert!(plain(&|_| ()).unwrap().tensors() == model.tensors());
    assert!(matches!(
        checkpoint::read(
            &TensorFile { metadata: Default::default(), tensors: model.tensors().clone() }
                .to_bytes()
                .unwrap(),
            NetworkHint::default()
        ),
        Err(CheckpointError::NoArchitecture)
    ));
    let nan = plain(&|file| {
        file.tensors.get_mut("layer2.0.conv1.weight").unwrap().values_mut()[17] = f32::NAN
    })
    .unwrap_err();
    assert_eq!(
        nan.to_string(),
        "tensor `layer2.0.conv1.weight` holds NaN at index 17; a weight is a finite number"
    );
    let missing = plain(&|file| drop(file.tensors.remove("bn1.bias"))).unwrap_err();
    assert!(
        missing.to_string().starts_with("tensor `bn1.bias` of resnet8 is missing"),
        "{missing}"
    );
    let extra = plain(&|file| {
        drop(file.tensors.insert("fc.weight".into(), file.tensors["bn1.bias"].clone()))
    })
    .unwrap_err();
    assert!(matches!(extra, CheckpointError::StateDict(StateDictError::Unexpected { .. })));
    let classes =
        checkpoint::from_file(checkpoint::to_file(&model).unwrap(), hint(Some(7))).unwrap_err();
    assert_eq!(classes.to_string(), "the file holds 10 classes, but 7 classes was asked for");
}

#[test]
fn a_model_that_exists_is_valid() {
    let before = model("resnet8");
    let count = before.tensor("bn1", "running_var").values().len();
    let mut changed = before.clone();
    for wrong in [vec![f32::NAN; count], vec![-1.0; count], vec![1.0; count + 1]] {
        assert!(changed.set_values("bn1", "running_var", wrong).is_err());
        assert!(changed == before, "what was refused changes nothing");
    }
    changed.set_values("bn1", "running_var", vec![2.0; count]).unwrap();
    assert!(changed != before);
    let cut = HostTensor::new(vec![2, 3], vec![0.0; 5]).unwrap_err();
    assert_eq!(cut.to_string(), "a tensor of shape [2, 3] has 6 values, not 5");
}

#[test]
fn masks_keep_the_largest_and_of_equals_the_first() {
    assert_eq!(magnitude_mask(&[0.5, -2.0, 0.5, 0.1], 2), [true, true, false, false]);
    let model = model("resnet8");
    let allocation = uniform(&model, 0.9);
    let (pruned, masks) = prune(&model, &allocation).unwrap();
    for layer in &allocation.layers {
        let stays = masks[&layer.name].iter().filter(|stays| **stays).count();
        assert_eq!(stays, layer.kept);
        let nonzero =
            pruned.tensor(&layer.name, "weight").values().iter().filter(|w| **w != 0.0).count();
        assert_eq!(nonzero, layer.kept);
    }
    assert!(masks_to_bytes(&model, &masks).is_ok());
    assert!(prune(&self::model("resnet20"), &allocation).is_err());
}

fn variance_matched(dense: &Model, pruned: &Model, images: &CalibrationImages<'_>) -> Model {
    let (device, how) = (Device::flex(), Repair::Operator(RepairOperator::VarianceMatching));
    read_sync(async {
        let statistics = DenseStatistics::measure(dense, images, &device, unwatched).await?;
        repair(dense, &statistics, pruned, how, images, &device, unwatched).await
    })
    .unwrap()
}

/// After variance matching every pruned layer's output has the dense network's mean and variance on
/// the same images.
#[test]
fn repair_brings_statistics_back() {
    let data = shapes10(48, 10, 4);
    let images = images(&data, 48);
    let device = Device::flex();
    for name in ["resnet8", "vgg11_bn:width=0.1"] {
        let dense = model(name);
        let (pruned, _) = prune(&dense, &uniform(&dense, 0.8)).unwrap();
        let repaired = variance_matched(&dense, &pruned, &images);
        // The map is folded into what follows the layer: compare there.
        let outputs = |model: &Model| {
            let network = Network::new(model, &device);
            let mut moments = Vec::new();
            for batch in images.batches(network.graph(), &device) {
                network.forward_observed(batch, |id, values| {
                    let follows = network
                        .graph()
                        .node(id)
                        .inputs
                        .iter()
                        .any(|&input| network.graph().node(input).role.is_some());
                    if follows
                        || network.graph().node(id).role == Some(rrlab_types::Role::Classifier)
                    {
                        let [_, channels, ..] = values.output.dims();
                        let mean = values.output.clone().swap_dims(0, 1).flatten::<2>(1, 3);
                        moments.push(mean.clone().mean_dim(1).reshape([channels]));
                        moments.push(mean.var(1).reshape([channels]));
                    }
                });
            }
            read_sync(download(Tensor::cat(moments, 0))).unwrap()
        };
        for (ours, dense) in outputs(&repaired).iter().zip(outputs(&dense)) {
            assert!(
                (ours - dense).abs() <= 2e-3 * dense.abs().max(1.0),
                "{name}: {ours} against {dense}"
            );
        }
    }
}

/// Evaluation computes convolutions with the norm, the sum and the rectifier after them, up to the next
/// node that is looked at; who watches sees node after node. Networks with and without projections, norms and biases, repaired so that
/// norms do something.
#[test]
fn evaluation_in_chains_equals_node_after_node() {
    let data = shapes10(40, 10, 4);
    for name in ["resnet8", "resnet18:width=0.1", "vgg11_bn:width=0.1"] {
        let dense = model(name);
        let (pruned, _) = prune(&dense, &uniform(&dense, 0.5)).unwrap();
        let images = images(&data, 40);
        assert_chains_equal_nodes(&variance_matched(&dense, &pruned, &images), &images);
    }
    assert_chains_equal_nodes(&model("torchvision_squeezenet1_1"), &images(&data, 2));
}

/// A norm and a sum that a rectifier takes, and another node too: neither is computed with it.
#[test]
fn what_others_take_too_is_not_rectified_for_them() {
    let conv = |channels| Op::Conv2d(Conv2d::square(channels, 8, 3));
    let norm = Op::batch_norm(8);
    let linear =
        Op::Linear { in_features: 8 * IMAGE.height * IMAGE.width, out_features: 10, bias: true };
    let modules = [
        ("input", Op::Input, vec![]),
        ("conv1", conv(3), vec![0]),
        ("norm1", norm, vec![1]),
        ("relu1", Op::Relu, vec![2]),
        ("conv2", conv(8), vec![3]),
        ("sum1", Op::Add, vec![4, 2]),
        ("relu2", Op::Relu, vec![5]),
        ("conv3", conv(8), vec![6]),
        ("sum2", Op::Add, vec![7, 5]),
        ("relu3", Op::Relu, vec![8]),
        ("linear", linear, vec![9]),
    ];
    let modules = modules.map(|(name, op, inputs)| Module {
        name: name.into(),
        op,
        inputs: inputs.into_iter().map(NodeId).collect(),
    });
    let graph = LayerGraph::new("shared", IMAGE, modules.into()).unwrap();
    let data = shapes10(40, 10, 4);
    assert_chains_equal_nodes(&Model::random(graph, 3), &images(&data, 8));
}

/// With and without a record for gradients, whatever is looked at.
fn assert_chains_equal_nodes(model: &Model, images: &CalibrationImages<'_>) {
    let close = |ours: TensorData, expected: &TensorData| {
        ours.assert_approx_eq::<f32>(expected, Tolerance::rel_abs(1e-4, 1e-5));
    };
    for device in [Device::flex(), Device::flex().autodiff()] {
        let network = Network::new(model, &device);
        let is_input_of = |id: NodeId| {
            let node = network.graph().node(id);
            node.role.is_some() || node.op == Op::Add
        };
        for batch in images.batches(network.graph(), &device) {
            let mut of_nodes = Vec::new();
            let logits = network.forward_observed(batch.clone(), |id, values| {
                let inputs = values.inputs.iter().map(|input| input.clone().into_data());
                of_nodes.push((id, inputs.collect::<Vec<_>>()));
            });
            let logits = logits.into_data();
            close(network.forward(batch.clone()).into_data(), &logits);
            for is_shown in [&is_input_of as &dyn Fn(NodeId) -> bool, &|_| true] {
                let mut expected = of_nodes.iter().filter(|(id, _)| is_shown(*id));
                let shown = network.forward_showing(batch.clone(), is_shown, |id, inputs| {
                    let (node, of_node) = expected.next().expect("as many nodes");
                    assert_eq!(id, *node, "in the order of the nodes");
                    for (input, expected) in inputs.iter().zip(of_node) {
                        close(input.clone().into_data(), expected);
                    }
                });
                close(shown.into_data(), &logits);
                assert!(expected.next().is_none(), "not all were shown");
            }
        }
    }
}

/// What is shown of a layer after variance matching has the dense mean and deviation, and every
/// value is in one bin of its histogram.
#[test]
fn a_repaired_layer_looks_like_the_dense_one() {
    let data = shapes10(48, 10, 4);
    let images = images(&data, 48);
    let device = Device::flex();
    let dense = model("resnet8");
    let (pruned, _) = prune(&dense, &uniform(&dense, 0.8)).unwrap();
    let repaired = variance_matched(&dense, &pruned, &images);
    let batch = images.batches(dense.graph(), &device).next().unwrap();
    for layer in dense.graph().prunable_layers() {
        let output =
            |model| read_sync(layer_output(model, layer.node, batch.clone(), &device)).unwrap();
        let outputs = ThreeStates {
            dense: output(&dense),
            pruned: output(&pruned),
            repaired: output(&repaired),
        };
        let channels = observed_channels(&outputs);
        assert_eq!(channels.len(), layer.weight_shape[0]);
        for channel in channels {
            let (dense, repaired) = (&channel.spread.dense, &channel.spread.repaired);
            let close = |a: f64, b: f64| (a - b).abs() <= 2e-3 * a.abs().max(1.0);
            assert!(close(dense.mean, repaired.mean), "{}: {channel:?}", layer.name);
            assert!(close(dense.deviation, repaired.deviation), "{}: {channel:?}", layer.name);
            for (_, spread) in channel.spread.map(|spread| spread.histogram.clone()).each() {
                assert!((spread.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
            assert!(channel.pruned_error > Some(0.0), "{channel:?}");
            assert!(channel.repaired_error > Some(0.0), "{channel:?}");
        }
        if layer.role == rrlab_types::Role::Classifier {
            assert_eq!(outputs.dense.values, outputs.dense.logits);
        }
    }
}

#[test]
fn every_repair_of_a_dense_network_changes_nothing() {
    let data = shapes10(40, 10, 4);
    let images = images(&data, 40);
    let device = Device::flex();
    let dense = model("resnet8");
    let statistics =
        read_sync(DenseStatistics::measure(&dense, &images, &device, unwatched)).unwrap();
    let logits = |model: &Model| {
        let network = Network::new(model, &device);
        read_sync(download(
            network.forward(images.batches(network.graph(), &device).next().unwrap()),
        ))
        .unwrap()
    };
    for operator in ChannelwiseOperator::VARIANTS.iter().copied().map(RepairOperator::from) {
        let repaired = read_sync(repair(
            &dense,
            &statistics,
            &dense,
            Repair::Operator(operator),
            &images,
            &device,
            unwatched,
        ))
        .unwrap();
        for (ours, dense) in logits(&repaired).iter().zip(logits(&dense)) {
            assert!((ours - dense).abs() < 2e-3, "{operator}: {ours} against {dense}");
        }
    }
}

#[test]
fn layers_without_variance_and_single_images_give_finite_profiles() {
    let data = shapes10(10, 10, 4);
    let device = Device::flex();
    let mut dead = model("resnet8");
    let weights = dead.tensor("layer1.0.conv1", "weight").values().len();
    dead.apply_mask("layer1.0.conv1", &vec![false; weights]);
    let images = images(&data, 1);
    let profile =
        read_sync(calibrate(&dead, &device, "cpu", &images, Method::SecondMoments, unwatched))
            .unwrap();
    let text = serde_json::to_string(&profile).unwrap();
    let read = rrlab_types::ModelProfile::from_json(&text).unwrap();
    for &rule in Rule::VARIANTS {
        let request = AllocationRequest::new(rule, Sparsity::new(0.9).unwrap());
        allocate(Evidence::Profile(&read), &request).unwrap().check().unwrap();
    }
    assert!(CalibrationImages::draw(&data, Split::Train, 0, 1, data.normalization).is_err());
}

/// Logits of a network that an independent PyTorch program trained (`RRLAB_REFERENCE`: the folder
/// of its files).
#[test]
fn pytorch_logits_are_met() {
    let Some(folder) = std::env::var_os("RRLAB_REFERENCE").map(std::path::PathBuf::from) else {
        eprintln!("skipped: RRLAB_REFERENCE names no folder with PyTorch's files");
        return;
    };
    let read = |name: &str| std::fs::read(Path::new(&folder).join(name)).unwrap();
    let hint = NetworkHint { architecture: "resnet20".parse().ok(), classes: None };
    let model = checkpoint::read(&read("resnet20-pytorch.safetensors"), hint).unwrap();
    let parity = read("resnet20-parity.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&parity).unwrap();
    let pixels = tensors.tensor("images_nhwc_u8").unwrap();
    let count = pixels.shape()[0];
    let (mean, std) = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);
    let mut values = vec![0.0f32; count * 3 * 1024];
    for (index, &pixel) in pixels.data().iter().enumerate() {
        let (image, position, colour) = (index / 3072, index % 3072 / 3, index % 3);
        values[(image * 3 + colour) * 1024 + position] =
            (f32::from(pixel) / 255.0 - mean[colour]) / std[colour];
    }
    let device = Device::flex();
    let batch = Tensor::from_data(TensorData::new(values, [count, 3, 32, 32]), &device);
    let logits = read_sync(download(Network::new(&model, &device).forward(batch))).unwrap();
    let expected = TensorFile::from_bytes(&parity).unwrap().tensors["logits"].values().to_vec();
    for (ours, theirs) in logits.iter().zip(&expected) {
        assert!((ours - theirs).abs() < 1e-4, "{ours} against {theirs}");
    }
}
