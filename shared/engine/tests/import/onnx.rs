//! ONNX: files of PyTorch's exporters against PyTorch (`golden/onnx_files.py`), ONNX's own suite,
//! the way there and back, and files that are refused.

#[path = "../../src/import/onnx/proto.rs"]
#[allow(dead_code, reason = "the reader's messages, of which some fields are of no use here")]
mod proto;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData, read_sync};
use prost::Message;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::{Split, shapes10};
use rrlab_engine::import::onnx::{self, Options};
use rrlab_engine::import::{self, Hint, Imported, ModelFileError, OnnxError, Preprocessing};
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::tensors::tensor_name;
use rrlab_engine::transfer::download;
use rrlab_engine::watch::unwatched;
use rrlab_types::{Op, RepairOperator};

use super::mutate;
use proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, data_type};

/// Difference allowed in parts of the largest value.
const TOLERANCE: f32 = 1e-4;

/// The engine's folder, as Cargo says when it runs the tests: another clone may have built them, which
/// shares the target folder.
fn package() -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
}

pub fn golden(name: &str) -> PathBuf {
    package().join("tests/golden/onnx").join(name)
}

pub fn bytes_of(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("model.onnx")).unwrap()
}

fn read_in(folder: &Path, hint: Hint) -> Result<Imported, ModelFileError> {
    let beside = |name: &str, bytes: std::ops::Range<u64>| {
        let file = std::fs::read(folder.join(name)).map_err(|error| error.to_string())?;
        Ok(file[bytes.start as usize..bytes.end as usize].to_vec())
    };
    import::read_beside(&bytes_of(folder), hint, &beside)
}

fn model(name: &str) -> Model {
    read_in(&golden(name), Hint::default()).unwrap().model
}

fn message(path: &Path) -> TensorProto {
    TensorProto::decode(&*std::fs::read(path).unwrap()).unwrap()
}

fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != data_type::FLOAT {
        return None;
    }
    let raw =
        tensor.raw_data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    Some(if tensor.raw_data.is_empty() { tensor.float_data.clone() } else { raw.collect() })
}

fn logits(model: &Model, images: Vec<f32>) -> Vec<f32> {
    let shape = model.graph().image();
    let batch = images.len() / shape.elements();
    let data = TensorData::new(images, [batch, shape.channels, shape.height, shape.width]);
    let device = Device::flex();
    let output = Network::new(model, &device).forward(Tensor::from_data(data, &device));
    read_sync(download(output)).unwrap()
}

/// By how much values differ from those expected, in parts of the largest.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
    let apart = found.iter().zip(expected).map(|(found, due)| match found == due {
        true => 0.0,
        false => (found - due).abs(),
    });
    apart.fold(0.0f32, f32::max) / largest
}

fn assert_gives_its_logits(folder: &Path, model: &Model) {
    let test = folder.join("test_data_set_0");
    let [images, expected] = ["input_0.pb", "output_0.pb"].map(|name| message(&test.join(name)));
    let found = logits(model, floats(&images).unwrap());
    let difference = difference(&found, &floats(&expected).unwrap());
    assert!(difference <= TOLERANCE, "{}: off by {difference}", folder.display());
}

pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn pytorchs_exports_give_pytorchs_logits() {
    for name in names_in(&golden("")) {
        if name != "external" {
            assert_gives_its_logits(&golden(&name), &model(&name));
        }
    }
}

/// Networks too large for the repository, such as `onnx_files.py --large` writes.
#[test]
#[ignore = "needs RRLAB_ONNX_FOLDER, a folder of networks with their first tests"]
fn exports_of_a_folder_give_their_logits() {
    let folder = PathBuf::from(std::env::var("RRLAB_ONNX_FOLDER").unwrap());
    for name in names_in(&folder) {
        let model = read_in(&folder.join(&name), Hint::default()).unwrap().model;
        println!("{name}: {} nodes", model.graph().nodes().len());
        assert_gives_its_logits(&folder.join(&name), &model);
    }
}

#[test]
fn names_are_those_of_the_network() {
    let graph_of = |name: &str| model(name).graph().clone();
    let graph = graph_of("residual");
    let names: Vec<&str> = graph.nodes().iter().map(|node| node.name.as_str()).collect();
    let expected = [
        "input",
        "conv1",
        "bn1",
        "Relu",
        "MaxPool",
        "layer1.0.conv1",
        "layer1.0.bn1",
        "layer1.0.Relu",
        "layer1.0.conv2",
        "layer1.0.bn2",
        "layer1.0.Add",
        "layer1.0.Relu_1",
        "layer1.1.conv1",
        "layer1.1.bn1",
        "layer1.1.Relu",
        "layer1.1.conv2",
        "layer1.1.bn2",
        "layer1.1.downsample.0",
        "layer1.1.downsample.1",
        "layer1.1.Add",
        "layer1.1.Relu_1",
        "GlobalAveragePool",
        "fc",
    ];
    assert_eq!(names, expected);
    // Batch norms were folded away, and with them the names of weights: those of nodes tell.
    let folded = graph_of("residual_folded");
    let layers: Vec<&str> = folded.prunable_layers().iter().map(|layer| layer.name).collect();
    let expected = [
        "conv1",
        "layer1.0.conv1",
        "layer1.0.conv2",
        "layer1.1.conv1",
        "layer1.1.conv2",
        "layer1.1.downsample.0",
        "fc",
    ];
    assert_eq!(layers, expected);
}

#[test]
fn what_exporters_take_apart_is_put_together() {
    let count = |name: &str, is_it: fn(Op) -> bool| {
        model(name).graph().nodes().iter().filter(|node| is_it(node.op)).count()
    };
    for name in ["channels_last", "channels_last_gelu"] {
        assert_eq!(count(name, |op| op == Op::Gelu), 1, "{name}");
        assert_eq!(count(name, |op| matches!(op, Op::ScaleShift { .. })), 0, "{name}");
        assert_eq!(count(name, |op| matches!(op, Op::PositionLinear { .. })), 2);
        assert_eq!(count(name, |op| matches!(op, Op::LayerScale { .. })), 1);
    }
    assert_eq!(count("mobile", |op| op == Op::Silu), 1);
    assert_eq!(count("mobile", |op| op == Op::HardSwish), 2);
    assert_eq!(count("branching", |op| matches!(op, Op::ChannelShuffle { groups: 3 })), 1);
    assert_eq!(count("zero_padded", |op| matches!(op, Op::PadShortcut { stride: 2, .. })), 1);
    let grouped = read_in(&golden("grouped"), Hint::default()).unwrap();
    assert_eq!(grouped.notes, ["left out the softmax at the end: the lab works with logits"]);
    assert!(count("grouped", |op| matches!(op, Op::GroupNorm { groups: 4, .. })) == 1);
}

/// Weights of half precision that lie in a file of their own.
#[test]
fn weights_beside_the_file_are_read() {
    let (inside, outside) = (model("residual"), model("external"));
    assert_eq!(inside.graph(), outside.graph());
    let [inside, outside] = [inside, outside].map(|it| it.tensor("fc", "weight").values().to_vec());
    assert!(difference(&outside, &inside) < 1e-3);
    assert_ne!(outside, inside);
    let refused = import::read(&bytes_of(&golden("external")), Hint::default()).unwrap_err();
    assert!(refused.to_string().contains("`weights.bin`"), "{refused}");
}

/// By both ways of calibration, over several batches of which the last is partial.
#[test]
fn what_was_read_is_measured_as_any_network() {
    let data = shapes10(20, 10, 1);
    for name in [
        "residual_folded",
        "mobile",
        "branching",
        "channels_last",
        "grouped",
        "transformer",
        "attentive",
    ] {
        let model = model(name);
        let images =
            CalibrationImages::draw(&data, Split::Train, 20, 1, data.normalization).unwrap();
        let [moments, direct] = [Method::SecondMoments, Method::Direct].map(|method| {
            let device = Device::flex();
            read_sync(calibrate(&model, &device, "cpu", &images, method, unwatched)).unwrap()
        });
        assert_eq!(moments.layers.len(), model.graph().prunable_layers().len());
        for (fast, slow) in moments.layers.iter().zip(&direct.layers) {
            // Means over positions hardly vary where weights are random: what would be compared is
            // how f32 rounds.
            let node = model.graph().find(&fast.name).unwrap();
            if model.graph().node(node).shape.positions() == 1 {
                continue;
            }
            for density in [0.5, 0.1] {
                let raw = [fast, slow].map(|layer| layer.raw_at(density) / layer.variance);
                let operator = RepairOperator::VarianceMatching;
                let residual =
                    [fast, slow].map(|layer| layer.residual_at(operator, density) / layer.variance);
                for [ours, due] in [raw, residual] {
                    let is_near = (ours - due).abs() <= 1e-4 * due.max(1.0);
                    assert!(is_near, "{name}, {}: {ours} {due}", fast.name);
                }
            }
        }
    }
}

/// Import, export, import: the same network.
#[test]
fn a_network_written_as_onnx_is_the_same_when_it_is_read() {
    for name in names_in(&golden("")) {
        let model = model(&name);
        let bytes = onnx::write(&model).unwrap();
        let again = import::read(&bytes, Hint::default()).unwrap().model;
        assert_eq!(again.graph().nodes(), model.graph().nodes(), "{name}");
        assert_eq!(again.hash(), model.hash(), "{name}");
        // So is what the lab's own form gives.
        let stored = checkpoint::write(&again).unwrap();
        assert_eq!(checkpoint::read(&stored, NetworkHint::default()).unwrap().hash(), model.hash());
    }
}

fn options() -> Options<'static> {
    Options { size: None, beside: &|_, _| Err("there is none".into()) }
}

/// Weights that stay the same leave the file as it is, to the byte; those that change are found
/// where they were, and nothing else is touched.
#[test]
fn pruned_weights_go_back_into_their_file() {
    for name in [
        "residual",
        "residual_folded",
        "residual_dynamo",
        "mobile",
        "channels_last",
        "transformer",
        "attentive_dynamo",
    ] {
        let source = bytes_of(&golden(name));
        let mut pruned = model(name);
        assert_eq!(onnx::replace_weights(&source, &pruned, options()).unwrap(), source, "{name}");
        let layers: Vec<String> =
            pruned.graph().prunable_layers().iter().map(|layer| layer.name.to_owned()).collect();
        for layer in &layers {
            let weights = pruned.tensor(layer, "weight").values().len();
            let mask: Vec<bool> = (0..weights).map(|index| index % 3 == 0).collect();
            pruned.apply_mask(layer, &mask);
        }
        let replaced = onnx::replace_weights(&source, &pruned, options()).unwrap();
        let again = import::read(&replaced, Hint::default()).unwrap().model;
        assert_eq!(again.hash(), pruned.hash(), "{name}");
        let [before, after] =
            [&source, &replaced].map(|bytes| ModelProto::decode(&**bytes).unwrap());
        let [before, after] = [before, after].map(|file| file.graph.unwrap());
        assert_eq!(before.node, after.node);
        assert_eq!(before.initializer.len(), after.initializer.len());
    }
}

/// A repair gives layers a bias that had none; the file's layers then have it too.
#[test]
fn biases_that_a_repair_adds_go_into_the_file() {
    let source = bytes_of(&golden("branching"));
    let mut model = model("branching").with_room_for_repair();
    assert!(model.graph().nodes().iter().any(|node| node.name == "right" && node.op.has_bias()));
    model.set_values("right", "bias", vec![0.5, -1.0, 2.0, 0.25]).unwrap();
    let replaced = onnx::replace_weights(&source, &model, options()).unwrap();
    let again = import::read(&replaced, Hint::default()).unwrap().model;
    assert_eq!(again.hash(), model.hash());
}

#[test]
fn all_operations_of_the_lab_can_be_written() {
    for architecture in [
        "resnet20",
        "akamaster_resnet20",
        "vgg11_bn",
        "torchvision_densenet121:size=64",
        "torchvision_mobilenet_v3_small:size=64",
        "torchvision_shufflenet_v2_x1_0:size=64",
        "torchvision_efficientnet_b0:size=64",
        "torchvision_squeezenet1_1:size=64",
        "torchvision_convnext_tiny:size=64",
    ] {
        let graph = architecture.parse::<rrlab_engine::architecture::Architecture>().unwrap();
        let model = Model::random(graph.graph(10).unwrap(), 5);
        let again = import::read(&onnx::write(&model).unwrap(), Hint::default()).unwrap().model;
        let shape = model.graph().image();
        let images: Vec<f32> =
            (0..shape.elements()).map(|index| ((index * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let difference = difference(&logits(&again, images.clone()), &logits(&model, images));
        assert!(difference <= TOLERANCE, "{architecture}: off by {difference}");
        assert_eq!(again.graph().architecture(), architecture);
    }
}

// --- Files that are refused.

fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        op_type: op_type.into(),
        input: texts(input),
        output: texts(&[output]),
        ..NodeProto::default()
    }
}

fn value(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |&length: &Option<i64>| proto::DimensionProto {
        dim_value: length,
        dim_param: length.is_none().then(|| "open".into()),
    };
    let shape = proto::TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = proto::TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(shape) };
    let kind = proto::TypeProto { tensor_type: Some(tensor) };
    ValueInfoProto { name: name.into(), r#type: Some(kind) }
}

/// A file of these nodes, from `x` to `y`.
fn file(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>, input: &[Option<i64>]) -> ModelProto {
    ModelProto {
        ir_version: 8,
        producer_name: "test".into(),
        opset_import: vec![proto::OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(GraphProto {
            node: nodes,
            initializer,
            input: vec![value("x", input)],
            output: vec![value("y", &[])],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

const IMAGES: [Option<i64>; 4] = [None, Some(3), Some(4), Some(4)];

fn refusal(file: &ModelProto) -> String {
    let error = import::read(&file.encode_to_vec(), Hint::default());
    error.expect_err("the file is to be refused").to_string()
}

#[test]
fn what_the_lab_has_not_is_named() {
    let loops = vec![
        node("Loop", &["x"], "a"),
        node("Relu", &["a"], "b"),
        node("Loop", &["b"], "c"),
        NodeProto { domain: "com.example".into(), ..node("Fancy", &["c"], "y") },
    ];
    let text = refusal(&file(loops, vec![], &IMAGES));
    assert!(text.contains("Loop (2 nodes, first `a`), com.example.Fancy (node `y`)"), "{text}");
    let erf = vec![node("Erf", &["x"], "e"), node("GlobalAveragePool", &["e"], "y")];
    assert!(refusal(&file(erf, vec![], &IMAGES)).contains("GELU"));
    let transposed = vec![node("Transpose", &["x"], "t"), node("GlobalAveragePool", &["t"], "y")];
    let text = refusal(&file(transposed, vec![], &IMAGES));
    assert!(text.contains("node `y` (GlobalAveragePool)") && text.contains("4×4×3×1"), "{text}");
}

#[test]
fn open_sizes_are_asked_for() {
    let nodes = || vec![node("Relu", &["x"], "r"), node("GlobalAveragePool", &["r"], "y")];
    let open = file(nodes(), vec![], &[None, Some(3), None, None]);
    let text = refusal(&open);
    assert!(text.contains("`x` is ?×3×?×?") && text.contains("--size 224"), "{text}");
    let preprocessing = Preprocessing { size: Some(32), ..Preprocessing::default() };
    let hint = Hint { preprocessing, ..Hint::default() };
    let model = import::read(&open.encode_to_vec(), hint.clone()).unwrap().model;
    assert_eq!(model.graph().image().width, 32);
    let other = import::read(&file(nodes(), vec![], &IMAGES).encode_to_vec(), hint);
    assert!(matches!(other, Err(ModelFileError::OtherSize { asked: 32, .. })));
}

#[test]
fn images_are_grey_or_coloured() {
    let read = |channels| {
        let nodes = vec![node("Relu", &["x"], "r"), node("GlobalAveragePool", &["r"], "y")];
        let dims = [None, Some(channels), Some(8), Some(8)];
        import::read(&file(nodes, vec![], &dims).encode_to_vec(), Hint::default())
    };
    assert_eq!(read(1).unwrap().model.graph().image().channels, 1);
    let words = "the network takes images of 4 channels; the lab's have three, or one of grey";
    assert_eq!(read(4).unwrap_err().to_string(), words);
}

#[test]
fn graphs_that_go_nowhere_or_in_circles_are_refused() {
    let circle =
        vec![node("Relu", &["b"], "a"), node("Add", &["x", "a"], "b"), node("Relu", &["b"], "y")];
    assert!(refusal(&file(circle, vec![], &IMAGES)).contains("which nothing before it gives"));
    let mut none = file(vec![], vec![], &IMAGES);
    assert!(refusal(&none).contains("`y` does not depend on its images"));
    none.graph = None;
    assert!(refusal(&none).contains("no graph"));
    let mut old = file(vec![node("Relu", &["x"], "y")], vec![], &IMAGES);
    old.opset_import[0].version = 5;
    assert!(refusal(&old).contains("opset 5"));
    let mut two = file(vec![node("Add", &["x", "z"], "y")], vec![], &IMAGES);
    two.graph.as_mut().unwrap().input.push(value("z", &IMAGES));
    assert!(refusal(&two).contains("`x` of ?×3×4×4, `z` of ?×3×4×4"));
    // x + x is a network like any other.
    let twice = vec![node("Add", &["x", "x"], "a"), node("GlobalAveragePool", &["a"], "y")];
    assert!(import::read(&file(twice, vec![], &IMAGES).encode_to_vec(), Hint::default()).is_ok());
}

/// What a tensor claims is compared with what is there before memory is taken.
#[test]
fn tensors_that_claim_too_much_are_refused() {
    let claims = |dims: &[i64], raw: usize| {
        let weight = TensorProto {
            name: "w".into(),
            dims: dims.to_vec(),
            data_type: data_type::FLOAT,
            raw_data: vec![0; raw].into(),
            ..TensorProto::default()
        };
        refusal(&file(vec![node("Conv", &["x", "w"], "y")], vec![weight], &IMAGES))
    };
    assert!(claims(&[1 << 20, 1 << 20, 1, 1], 16).contains("claims the lengths"));
    assert!(claims(&[8, 3, -1, 1], 16).contains("claims the lengths"));
    assert!(
        claims(&[8, 3, 1, 1], 16).contains("has 4 values where its lengths [8, 3, 1, 1] say 24")
    );
    let shape = TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: data_type::INT64,
        int64_data: vec![1 << 40, 1 << 40],
        ..TensorProto::default()
    };
    let fill = vec![node("ConstantOfShape", &["w"], "f"), node("Conv", &["x", "f"], "y")];
    assert!(refusal(&file(fill, vec![shape], &IMAGES)).contains("claims the lengths"));
    let nan = TensorProto {
        name: "w".into(),
        dims: vec![1, 3, 1, 1],
        data_type: data_type::FLOAT,
        float_data: vec![1.0, f32::NAN, 1.0],
        ..TensorProto::default()
    };
    let nodes = vec![node("Conv", &["x", "w"], "c"), node("GlobalAveragePool", &["c"], "y")];
    assert!(refusal(&file(nodes, vec![nan], &IMAGES)).contains("NaN"));
}

#[test]
fn damaged_files_are_read_or_refused() {
    for name in ["residual_folded", "mobile_decomposed", "grouped", "zero_padded"] {
        mutate(&bytes_of(&golden(name)), 0..400);
    }
}

/// A tensor of floats.
fn constant(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A list of integers.
fn list(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A node with attributes of integers: a list of one is a single number too.
fn with(node: NodeProto, attributes: &[(&str, &[i64])]) -> NodeProto {
    let attribute = |(name, values): &(&str, &[i64])| proto::AttributeProto {
        name: (*name).into(),
        i: values[0],
        ints: values.to_vec(),
        ..proto::AttributeProto::default()
    };
    NodeProto { attribute: attributes.iter().map(attribute).collect(), ..node }
}

/// What a graph gives for one image of 3×4×4 values 0, 1, 2, …
fn given(nodes: Vec<NodeProto>, initializers: Vec<TensorProto>) -> Vec<f32> {
    let bytes = file(nodes, initializers, &IMAGES).encode_to_vec();
    let model = import::read(&bytes, Hint::default()).unwrap().model;
    logits(&model, (0..48).map(|value| value as f32).collect())
}

fn pooled(input: &str) -> NodeProto {
    node("GlobalAveragePool", &[input], "y")
}

#[test]
fn what_is_remembered_is_not_lost() {
    let slice = || {
        vec![
            list("starts", &[0, 0]),
            list("ends", &[9, 9]),
            list("axes", &[2, 3]),
            list("steps", &[2, 2]),
        ]
    };
    let sliced = || node("Slice", &["x", "starts", "ends", "axes", "steps"], "s");
    // Of rows and columns 0 and 2: values 0, 2, 8, 10, whose mean is 5.
    let half = constant("half", &[], &[0.5]);
    let nodes = vec![sliced(), node("Add", &["s", "half"], "a"), pooled("a")];
    assert_eq!(given(nodes, [slice(), vec![half.clone()]].concat()), [5.5, 21.5, 37.5]);
    let nodes = vec![sliced(), node("Mul", &["s", "half"], "a"), pooled("a")];
    assert_eq!(given(nodes, [slice(), vec![half]].concat()), [2.5, 10.5, 18.5]);
    // Steps far beyond the image keep its first row and column, one after the other.
    let far = |axis: i64, from: &str, to: &str| {
        let inputs = [from, "start", "end", &format!("axis{axis}"), "far"];
        node("Slice", &inputs, to)
    };
    let lists = vec![
        list("start", &[0]),
        list("end", &[9]),
        list("axis2", &[2]),
        list("axis3", &[3]),
        list("far", &[1 << 40]),
    ];
    let nodes = vec![far(2, "x", "a"), far(3, "a", "b"), far(2, "b", "c"), pooled("c")];
    assert_eq!(given(nodes, lists), [0.0, 16.0, 32.0]);
}

#[test]
fn constants_of_floats_are_joined_as_floats() {
    let weight = constant("w", &[2, 3, 1, 1], &[0.0; 6]);
    let parts = [constant("a", &[1], &[0.25]), constant("b", &[1], &[-1.5])];
    let nodes = vec![
        with(node("Concat", &["a", "b"], "bias"), &[("axis", &[0])]),
        with(node("Conv", &["x", "w", "bias"], "c"), &[("kernel_shape", &[1, 1])]),
        pooled("c"),
    ];
    let [a, b] = parts.clone();
    assert_eq!(given(nodes, vec![weight.clone(), a, b]), [0.25, -1.5]);
    let [a, b] = parts;
    let both = TensorProto { dims: vec![2], float_data: vec![0.25, -1.5], ..a };
    let nodes = vec![
        with(node("Gather", &["a", "order"], "bias"), &[("axis", &[0])]),
        with(node("Conv", &["x", "w", "bias"], "c"), &[("kernel_shape", &[1, 1])]),
        pooled("c"),
    ];
    assert_eq!(given(nodes, vec![weight, both, b, list("order", &[1, 0])]), [-1.5, 0.25]);
}

#[test]
fn the_graphs_own_output_is_taken() {
    let pool = node("GlobalAveragePool", &["x"], "p");
    let split = |outputs: [&str; 2]| NodeProto {
        output: outputs.map(str::to_owned).to_vec(),
        ..with(node("Split", &["p", "sizes"], "a"), &[("axis", &[1])])
    };
    let nodes = vec![pool.clone(), split(["a", "y"])];
    assert_eq!(given(nodes, vec![list("sizes", &[1, 2])]), [23.5, 39.5]);
    let softmax = with(node("Softmax", &["b"], "y"), &[("axis", &[1])]);
    let nodes = vec![pool.clone(), split(["a", "b"]), softmax];
    assert_eq!(given(nodes, vec![list("sizes", &[1, 2])]), [23.5, 39.5]);
    // Over positions, of which there is one, a softmax is 1: that is no end to be left out.
    let wrong = with(node("Softmax", &["p"], "y"), &[("axis", &[-1])]);
    assert!(refusal(&file(vec![pool, wrong], vec![], &IMAGES)).contains("softmax over channels"));
}

#[test]
fn channels_of_zeros_are_where_they_were_put() {
    let pad = |from: &str, to: &str| node("Pad", &[from, "pads"], to);
    let nodes = vec![pad("x", "a"), pad("a", "b"), pooled("b")];
    let pads = list("pads", &[0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(given(nodes, vec![pads]), [7.5, 23.5, 39.5, 0.0, 0.0]);
}

/// Positions of images in a row, as attention has them.
#[test]
fn positions_are_joined_told_apart_and_taken() {
    let row = || node("Reshape", &["x", "row"], "r");
    let lengths = || list("row", &[0, 3, 16]);
    let mean = |from: &str, axis: i64| {
        with(node("ReduceMean", &[from], "y"), &[("axes", &[axis]), ("keepdims", &[0])])
    };
    // Sums are 120, 376 and 632.
    let token = |dims: &[i64]| constant("token", dims, &[16.0, 15.0, 14.0]);
    let joined =
        |value: &str, axis: i64| with(node("Concat", &["token", value], "j"), &[("axis", &[axis])]);
    let nodes = vec![row(), joined("r", 2), mean("j", 2)];
    assert_eq!(given(nodes, vec![lengths(), token(&[1, 3, 1])]), [8.0, 23.0, 38.0]);
    let last = with(node("Transpose", &["r"], "t"), &[("perm", &[0, 2, 1])]);
    let nodes = vec![row(), last.clone(), joined("t", 1), mean("j", 1)];
    assert_eq!(given(nodes, vec![lengths(), token(&[1, 1, 3])]), [8.0, 23.0, 38.0]);

    let one = |index: i64| TensorProto { dims: vec![], ..list("place", &[index]) };
    let taken = with(node("Gather", &["r", "place"], "y"), &[("axis", &[2])]);
    for (index, due) in [(5, [5.0, 21.0, 37.0]), (-1, [15.0, 31.0, 47.0])] {
        assert_eq!(given(vec![row(), taken.clone()], vec![lengths(), one(index)]), due);
    }

    let mut places = [0.0; 16];
    places[3] = 16.0;
    let nodes = vec![node("Add", &["x", "places"], "a"), pooled("a")];
    let embedding = constant("places", &[4, 4], &places);
    assert_eq!(given(nodes, vec![embedding]), [8.5, 24.5, 40.5]);

    // One number a channel, once a dimension behind is gone and not before.
    let thrice = constant("three", &[3, 1, 1, 1], &[1.0, 2.0, 3.0]);
    let nodes =
        vec![node("Squeeze", &["three", "axes"], "s"), node("Add", &["x", "s"], "a"), pooled("a")];
    assert_eq!(given(nodes, vec![thrice, list("axes", &[3])]), [8.5, 25.5, 42.5]);

    let refused = |nodes: Vec<NodeProto>, initializers: Vec<TensorProto>| {
        refusal(&file(nodes, initializers, &IMAGES))
    };
    for dims in [[1, 2, 1], [1, 1, 1], [1, 3, 0]] {
        let values = vec![1.0; dims.iter().product::<i64>() as usize];
        let short = constant("token", &dims, &values);
        let text = refused(vec![row(), joined("r", 2), mean("j", 2)], vec![lengths(), short]);
        assert!(text.contains("one position before the others"), "{text}");
    }
    let behind = with(node("Concat", &["r", "token"], "j"), &[("axis", &[2])]);
    let text = refused(vec![row(), behind, mean("j", 2)], vec![lengths(), token(&[1, 3, 1])]);
    assert!(text.contains("joins a constant"), "{text}");
    let nested = TensorProto { dims: vec![1, 1], ..list("place", &[5]) };
    assert!(refused(vec![row(), taken], vec![lengths(), nested]).contains("some places of it"));
    // Nothing, in two thousand million rows.
    let nothing = constant("nothing", &[i64::from(i32::MAX), 0], &[]);
    let nodes =
        vec![node("Expand", &["nothing", "to"], "e"), node("Add", &["x", "e"], "a"), pooled("a")];
    let to = list("to", &[i64::from(i32::MAX), 0]);
    let text = refused(nodes, vec![nothing, to]);
    assert!(text.contains("`e` (Expand)") && text.contains("[2147483647, 0]"), "{text}");
}

/// Attention of two heads whose values come in another order than queries and keys, or whose
/// weights are made whole numbers on the way.
#[test]
fn other_products_of_two_values_are_refused() {
    let heads = |from: &str, to: &str, perm: &'static [i64]| {
        let reshaped = format!("{to}_reshaped");
        let split = node("Reshape", &[from, "split"], &reshaped);
        vec![split, with(node("Transpose", &[&reshaped], to), &[("perm", perm)])]
    };
    let attention = |values: &'static [i64], between: Vec<NodeProto>, shares: &str| {
        let mut nodes = heads("w", "q", &[0, 1, 3, 2]);
        nodes.extend(heads("w", "k", &[0, 1, 2, 3]));
        nodes.extend(heads("w", "v", values));
        nodes.push(node("MatMul", &["q", "k"], "p"));
        nodes.push(with(node("Softmax", &["p"], "s"), &[("axis", &[3])]));
        nodes.extend(between);
        nodes.push(node("MatMul", &[shares, "v"], "o"));
        nodes.push(with(node("Transpose", &["o"], "t"), &[("perm", &[0, 1, 3, 2])]));
        nodes.push(node("Reshape", &["t", "image"], "i"));
        nodes.push(pooled("i"));
        let mut all = vec![node("Conv", &["x", "widen"], "w")];
        all.extend(nodes);
        let widen = constant("widen", &[4, 3, 1, 1], &[0.1; 12]);
        let initializers = vec![widen, list("split", &[0, 2, 2, 16]), list("image", &[0, 4, 4, 4])];
        import::read(&file(all, initializers, &IMAGES).encode_to_vec(), Hint::default())
    };
    let model = attention(&[0, 1, 3, 2], vec![], "s").unwrap().model;
    let is_it = |op: Op| matches!(op, Op::Attention { heads: 2, scale } if scale == 1.0);
    assert!(model.graph().nodes().iter().any(|node| is_it(node.op)));
    let exchanged = attention(&[1, 0, 3, 2], vec![], "s").unwrap_err().to_string();
    assert!(exchanged.contains("softmax(qᵀk)v"), "{exchanged}");
    let whole = with(node("Cast", &["s"], "c"), &[("to", &[7])]);
    let whole = attention(&[0, 1, 3, 2], vec![whole], "c").unwrap_err().to_string();
    assert!(whole.contains("has to = 7"), "{whole}");
    let added = attention(&[0, 1, 3, 2], vec![node("Add", &["s", "s"], "a")], "a");
    assert!(added.unwrap_err().to_string().contains("softmax(scale·qᵀk)v"), "a sum of weights");
}

/// What looks like something that the lab has, and is not.
#[test]
fn what_would_be_computed_otherwise_is_refused() {
    let refused = |nodes: Vec<NodeProto>, initializers: Vec<TensorProto>| {
        refusal(&file(nodes, initializers, &IMAGES))
    };
    let numbers = || {
        vec![
            constant("root", &[], &[std::f32::consts::FRAC_1_SQRT_2]),
            constant("one", &[], &[1.0]),
            constant("three", &[3], &[1.0, 2.0, 3.0]),
        ]
    };
    // x·(1 − erf(x/√2)).
    let nodes = vec![
        node("Mul", &["x", "root"], "r"),
        node("Erf", &["r"], "e"),
        node("Sub", &["one", "e"], "d"),
        node("Mul", &["x", "d"], "m"),
        pooled("m"),
    ];
    assert!(refused(nodes, numbers()).contains("error function"));
    for operation in ["Sum", "Max"] {
        let nodes = vec![node(operation, &["x", "one", "root"], "s"), pooled("s")];
        assert!(refused(nodes, numbers()).contains("more than two inputs"), "{operation}");
    }
    let cast = with(node("Cast", &["x"], "c"), &[("to", &[6])]);
    assert!(refused(vec![cast, pooled("c")], vec![]).contains("has to = 6"));
    let four = || constant("four", &[4], &[1.0; 4]);
    let last = with(node("Transpose", &["x"], "t"), &[("perm", &[0, 2, 3, 1])]);
    let norm = node("BatchNormalization", &["t", "four", "four", "four", "four"], "n");
    let back = with(node("Transpose", &["n"], "b"), &[("perm", &[0, 3, 1, 2])]);
    let text = refused(vec![last, norm, back, pooled("b")], vec![four()]);
    assert!(text.contains("norms of channels"), "{text}");
    let three = ["x", "three", "three", "three", "three"];
    let outputs = ["n", "mean", "variance"].map(str::to_owned).to_vec();
    let training = NodeProto { output: outputs, ..node("BatchNormalization", &three, "n") };
    assert!(refused(vec![training, pooled("n")], numbers()).contains("running statistics"));
    let twice = node("Squeeze", &["p", "axes"], "s");
    let nodes = vec![node("GlobalAveragePool", &["x"], "p"), twice, node("Relu", &["s"], "y")];
    assert!(refused(nodes, vec![list("axes", &[3, 3])]).contains("Squeeze"));
    let mut integers = file(vec![pooled("x")], vec![], &IMAGES);
    let input = &mut integers.graph.as_mut().unwrap().input[0];
    input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = 2;
    assert!(refusal(&integers).contains("as integers"));
    let column = constant("column", &[3, 1], &[1.0; 3]);
    let nodes = vec![
        node("GlobalAveragePool", &["x"], "p"),
        with(node("Flatten", &["p"], "f"), &[("axis", &[1])]),
        node("Gemm", &["f", "w", "column"], "y"),
    ];
    let weight = constant("w", &[3, 3], &[1.0; 9]);
    assert!(refused(nodes, vec![weight, column]).contains("one number for each channel"));
}

#[test]
fn constants_do_not_grow_without_bound() {
    let conv = || node("Conv", &["x", "last"], "y");
    let mut doubled = vec![];
    for step in 0..40 {
        let from = format!("c{step}");
        let to = if step == 39 { "last".into() } else { format!("c{}", step + 1) };
        doubled.push(with(node("Concat", &[&from, &from], &to), &[("axis", &[0])]));
    }
    let seed = constant("c0", &[4], &[1.0; 4]);
    doubled.push(conv());
    assert!(refusal(&file(doubled, vec![seed], &IMAGES)).contains("more constants"));
    let empty = TensorProto { dims: vec![0, 1 << 62, 1], ..constant("w", &[0], &[]) };
    let turned = with(node("Transpose", &["w"], "last"), &[("perm", &[2, 1, 0])]);
    let text = refusal(&file(vec![turned, conv()], vec![empty], &IMAGES));
    assert!(text.contains("claims the lengths"), "{text}");
    let filled = vec![node("ConstantOfShape", &["n"], "last"), conv()];
    let text = refusal(&file(filled, vec![list("n", &[i32::MAX.into()])], &IMAGES));
    assert!(text.contains("claims the lengths"), "{text}");
}

/// One weight of two layers can't hold two masks.
#[test]
fn shared_weights_go_back_where_the_layers_agree() {
    let nodes = vec![
        node("Conv", &["x", "w"], "a"),
        node("Relu", &["a"], "r"),
        node("Conv", &["r", "w"], "c"),
        pooled("c"),
    ];
    let values: Vec<f32> = (1..=9).map(|value| value as f32).collect();
    let weight = constant("w", &[3, 3, 1, 1], &values);
    let source = file(nodes, vec![weight], &IMAGES).encode_to_vec();
    let mut model = import::read(&source, Hint::default()).unwrap().model;
    let layers: Vec<String> =
        model.graph().prunable_layers().iter().map(|layer| layer.name.to_owned()).collect();
    let mask: Vec<bool> = (0..9).map(|index| index % 2 == 0).collect();
    model.apply_mask(&layers[0], &mask);
    let error = onnx::replace_weights(&source, &model, options()).unwrap_err();
    assert!(matches!(error, OnnxError::NoPlace { .. }), "{error}");
    model.apply_mask(&layers[1], &mask);
    let replaced = onnx::replace_weights(&source, &model, options()).unwrap();
    assert_eq!(import::read(&replaced, Hint::default()).unwrap().model.hash(), model.hash());
}

// --- ONNX's own tests.

/// What came of a test of the suite.
enum Outcome {
    Passed,
    /// The reason, without what differs from test to test.
    Refused(String),
}

/// Operations on each value by itself.
const BY_VALUE: [&str; 10] = [
    "Relu",
    "Clip",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Gelu",
    "Neg",
    "Identity",
    "Dropout",
];

/// The suite's node tests have their weights as inputs and any shape of output: a file of the same
/// node with weights as initializers and its output as a vector.
fn as_network(mut file: ModelProto, inputs: &[TensorProto]) -> Option<ModelProto> {
    let graph = file.graph.as_mut()?;
    let names: Vec<String> = graph.input.iter().map(|input| input.name.clone()).collect();
    for (name, tensor) in names.iter().zip(inputs).skip(1) {
        graph.initializer.push(TensorProto { name: name.clone(), ..tensor.clone() });
    }
    let mut rank = dims_of(graph.output.first()?).len();
    let by_value = graph.node.len() == 1 && BY_VALUE.contains(&&*graph.node[0].op_type);
    if by_value && [1, 3].contains(&rank) {
        // Each value by itself is the same as an image of one column, or as a vector.
        let mut dims = dims_of(graph.input.first()?);
        dims.insert(if rank == 1 { 0 } else { 3 }, Some(1));
        graph.input[0] = value(&names[0], &dims);
        rank += 1;
    }
    if rank != 2 {
        let output = graph.output.first()?.name.clone();
        graph.node.push(node("Flatten", &[&output], "rrlab_flat"));
        graph.output = vec![value("rrlab_flat", &[])];
    }
    Some(file)
}

fn dims_of(value: &ValueInfoProto) -> Vec<Option<i64>> {
    let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    shape.map_or(vec![], |shape| shape.dim.iter().map(|dim| dim.dim_value).collect())
}

fn outcome(folder: &Path) -> Outcome {
    let refused = |reason: &str| Outcome::Refused(reason.into());
    let Ok(file) = ModelProto::decode(&*bytes_of(folder)) else {
        return refused("the suite's own file is of a format that ONNX files are not");
    };
    let test = folder.join("test_data_set_0");
    let mut inputs = Vec::new();
    while let Ok(bytes) = std::fs::read(test.join(format!("input_{}.pb", inputs.len()))) {
        match TensorProto::decode(&*bytes) {
            Ok(tensor) => inputs.push(tensor),
            Err(_) => return refused("sequences and the like"),
        }
    }
    let Some(images) = inputs.first().and_then(floats) else {
        return refused("an input that is not of single-precision floats");
    };
    let expected = message(&test.join("output_0.pb"));
    let Some(expected) = floats(&expected) else {
        return refused("an output that is not of single-precision floats");
    };
    let Some(file) = as_network(file, &inputs) else { return refused("no graph") };
    // Without `import::read`, which takes networks of images alone: three channels or one.
    let onnx::Onnx { model, notes, .. } = match onnx::read(&file.encode_to_vec(), options()) {
        Ok(read) => read,
        Err(error) => return Outcome::Refused(reason(error.into())),
    };
    if !notes.is_empty() {
        return refused("a softmax at the end, which the lab leaves out");
    }
    let found = logits(&model, images);
    assert_eq!(found.len(), expected.len(), "{}", folder.display());
    let difference = difference(&found, &expected);
    // The suite's own tolerance is 1e-3 of each value.
    assert!(difference <= 1e-3, "{}: off by {difference}", folder.display());
    Outcome::Passed
}

/// Why a file was refused, without names and numbers.
fn reason(error: ModelFileError) -> String {
    match error {
        ModelFileError::Onnx(OnnxError::Operations { .. }) => "another operation".into(),
        ModelFileError::Onnx(OnnxError::Opset { .. }) => "an opset before 6".into(),
        ModelFileError::Onnx(OnnxError::Inputs { .. }) => {
            "inputs that are no batch of images or vectors".into()
        }
        ModelFileError::Onnx(OnnxError::Node { problem, .. }) => {
            let text = problem.to_string();
            let kind = format!("{problem:?}");
            let kind = kind.split(['(', ' ']).next().unwrap_or_default();
            match text.split("; the lab has ").nth(1) {
                Some(supported) => format!("not of the form that the lab has: {supported}"),
                None if kind == "Shape" => "shapes that the lab's operation has not".into(),
                None => text,
            }
        }
        ModelFileError::Onnx(OnnxError::Tensor { .. }) => "a tensor of another type".into(),
        ModelFileError::Onnx(OnnxError::Output { .. }) => "no output that depends on images".into(),
        other => other.to_string(),
    }
}

/// The table in `docs/onnx.md` is what this run gives: `RRLAB_UPDATE=1` writes it anew.
#[test]
fn onnxs_own_suite() {
    let suite = std::env::var("RRLAB_ONNX_SUITE").expect(
        "RRLAB_ONNX_SUITE names onnx/backend/test/data of the Python package onnx 1.17.0; `cargo xtask test` installs it",
    );
    let mut rows: BTreeMap<String, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    let mut elsewhere = (0, 0);
    for part in ["node", "simple", "pytorch-converted", "pytorch-operator"] {
        for name in names_in(&Path::new(&suite).join(part)) {
            let folder = Path::new(&suite).join(part).join(&name);
            let operations = match ModelProto::decode(&*bytes_of(&folder)) {
                Ok(file) => operations_of(&file),
                Err(_) => Vec::new(),
            };
            let is_ours = !operations.is_empty()
                && operations.iter().all(|operation| onnx::OPERATIONS.contains(&&**operation));
            if !is_ours {
                elsewhere.0 += 1;
                continue;
            }
            let main = main_operation(&operations);
            let row = rows.entry(main).or_default();
            match outcome(&folder) {
                Outcome::Passed => row.0 += 1,
                Outcome::Refused(reason) => *row.1.entry(reason).or_default() += 1,
            }
            elsewhere.1 += 1;
        }
    }
    let table = table(&rows, elsewhere);
    let path = package().join("../../docs/onnx.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- suite -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let due = format!("{before}<!-- suite -->\n{table}<!-- end -->{after}");
    if std::env::var("RRLAB_UPDATE").is_ok() {
        std::fs::write(&path, &due).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap();
    assert!(current == due, "docs/onnx.md is not what the suite gives:\n{table}");
}

fn operations_of(file: &ModelProto) -> Vec<String> {
    let nodes = file.graph.iter().flat_map(|graph| &graph.node);
    let mut operations: Vec<String> = nodes.map(|node| node.op_type.clone()).collect();
    operations.sort();
    operations.dedup();
    operations
}

/// What a test is of: its one operation, or several.
fn main_operation(operations: &[String]) -> String {
    match operations {
        [only] => only.clone(),
        _ => "several".into(),
    }
}

fn table(
    rows: &BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    (of_others, of_ours): (usize, usize),
) -> String {
    let passed: usize = rows.values().map(|row| row.0).sum();
    let mut text = format!(
        "Of {} tests, {of_others} have an operation that the lab has not. Of the other {of_ours}, {passed} pass.\n\n\
         | operation | passed | refused, and why |\n|---|---|---|\n",
        of_others + of_ours
    );
    for (operation, (passed, refused)) in rows {
        let reasons: Vec<String> =
            refused.iter().map(|(reason, count)| format!("{count}: {reason}")).collect();
        text.push_str(&format!("| {operation} | {passed} | {} |\n", reasons.join("; ")));
    }
    text
}

/// The name of a tensor in a network is that in the lab's files.
#[test]
fn tensors_keep_the_names_of_the_source() {
    let model = model("residual");
    for tensor in ["weight", "bias", "running_mean", "running_var"] {
        assert!(model.tensors().contains_key(&tensor_name("layer1.1.downsample.1", tensor)));
    }
}
