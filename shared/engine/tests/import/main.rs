//! Models in PyTorch's files and of networks that others publish.

mod files;
mod onnx;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, read_sync};
use files::{Storages, Value, View, legacy_file, pickle, tensors_of, zip_file, zip_of};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, NetworkHint, TensorFile};
use rrlab_engine::data::{Dataset, Importer, Normalization, Split, shapes10};
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::import::{
    self, Hint, Imported, ModelFileError, Preprocessing, PytorchError, Unrecognised,
};
use rrlab_engine::model::{Model, TensorSpec, tensor_specs};
use rrlab_engine::network::{Network, ParameterMap};
use rrlab_engine::tensors::{HostTensor, StateDict, tensor_name};
use rrlab_engine::watch::unwatched;
use rrlab_types::{BATCH_NORM_EPSILON, RepairOperator};
use zip::CompressionMethod;

fn random(architecture: &str, classes: usize) -> Model {
    Model::random(architecture.parse::<Architecture>().unwrap().graph(classes).unwrap(), 3)
}

fn read(bytes: &[u8]) -> Result<Imported, ModelFileError> {
    import::read(bytes, Hint::default())
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).expect_err("the file is to be refused").to_string()
}

fn ordered(entries: Vec<(String, Value)>) -> Value {
    Value::OrderedDict(entries)
}

fn small() -> (Model, Vec<(String, Value)>, Storages) {
    let model = random("resnet8:width=0.125", 10);
    let (tensors, storages) = tensors_of(model.tensors(), "");
    (model, tensors, storages)
}

#[test]
fn both_layouts_nesting_and_wrappers_give_the_network() {
    let model = random("resnet8:width=0.25", 7);
    for prefix in ["", "module.", "model.", "module.net."] {
        let (tensors, storages) = tensors_of(model.tensors(), prefix);
        let nested = |key: &str| {
            let beside =
                [("epoch".to_owned(), Value::Int(90)), ("best".into(), Value::Float(91.7))];
            let inner = [(key.to_owned(), ordered(tensors.clone()))];
            Value::Dict(beside.into_iter().chain(inner).collect())
        };
        let deep = Value::Dict(vec![("model".into(), nested("state_dict"))]);
        for value in
            [ordered(tensors.clone()), nested("state_dict"), nested("net"), nested("model"), deep]
        {
            for bytes in [zip_file(&value, &storages), legacy_file(&value, &storages)] {
                let imported = read(&bytes).unwrap();
                assert_eq!(imported.model.tensors(), model.tensors());
                assert_eq!(imported.model.graph(), model.graph());
                assert_eq!(imported.notes, ["recognised resnet8:width=0.25 by its tensors"]);
            }
        }
    }
}

/// Half, brain and double floats; a transposed view, two views of one storage, a parameter; a
/// counter of batches.
#[test]
fn every_float_and_every_view_is_read() {
    let (model, mut tensors, mut storages) = small();
    let mut replace = |name: &str, value: Value| {
        let found = tensors.iter_mut().find(|(known, _)| known == name).unwrap();
        std::mem::replace(&mut found.1, value)
    };
    let values = |name: &str| model.tensors()[name].values().to_vec();
    let mut store = |key: &str, bytes: Vec<u8>| storages.push((key.into(), bytes));
    let typed = |class, key: &str, name: &str| {
        let shape = model.tensors()[name].shape();
        Value::Tensor(View { class, ..View::whole(key, shape) })
    };
    let double =
        |name: &str| values(name).iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
    let half = |name: &str| {
        values(name).iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect()
    };
    let brain = |name: &str| {
        values(name).iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect()
    };
    store("double", double("conv1.weight"));
    replace("conv1.weight", typed("DoubleStorage", "double", "conv1.weight"));
    store("half", half("layer1.0.conv1.weight"));
    replace("layer1.0.conv1.weight", typed("HalfStorage", "half", "layer1.0.conv1.weight"));
    store("brain", brain("layer1.0.conv2.weight"));
    replace("layer1.0.conv2.weight", typed("BFloat16Storage", "brain", "layer1.0.conv2.weight"));
    // The classifier's weight column by column: a view of its transpose.
    let linear = &model.tensors()["linear.weight"];
    let (rows, columns) = (linear.shape()[0], linear.shape()[1]);
    let transposed = (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c)));
    store(
        "transposed",
        transposed.flat_map(|(r, c)| linear.values()[r * columns + c].to_le_bytes()).collect(),
    );
    let strides = vec![1, rows as u64];
    replace(
        "linear.weight",
        Value::Tensor(View { strides, ..View::whole("transposed", linear.shape()) }),
    );
    // A batch norm's scale and shift behind one another in one storage, the shift as a parameter.
    let both = ["bn1.weight", "bn1.bias"].map(values).concat();
    store("both", both.iter().flat_map(|value| value.to_le_bytes()).collect());
    let channels = model.tensors()["bn1.weight"].values().len();
    let part = |offset: usize| View {
        stored: 2 * channels as u64,
        offset: offset as u64,
        ..View::whole("both", &[channels])
    };
    replace("bn1.weight", Value::Tensor(part(0)));
    replace("bn1.bias", Value::Parameter(part(channels)));
    store("batches", 4000i64.to_le_bytes().to_vec());
    let counter = View { class: "LongStorage", stored: 1, ..View::whole("batches", &[]) };
    tensors.push(("bn1.num_batches_tracked".into(), Value::Tensor(counter)));

    let read = read(&zip_file(&ordered(tensors), &storages)).unwrap().model;
    let state = read.tensors();
    for (name, expected) in model.tensors() {
        let digits = match name.as_str() {
            "layer1.0.conv1.weight" => 1e-3,
            "layer1.0.conv2.weight" => 1e-2,
            _ => 0.0,
        };
        for (ours, theirs) in state[name].values().iter().zip(expected.values()) {
            assert!(
                (ours - theirs).abs() <= digits * theirs.abs().max(1e-3),
                "{name}: {ours} against {theirs}"
            );
        }
    }
}

#[test]
fn what_is_no_state_dict_is_refused_with_what_to_do() {
    let (_, tensors, storages) = small();
    let module = Value::Object("torchvision.models.resnet.ResNet", tensors.clone());
    for value in [module.clone(), Value::Dict(vec![("model".into(), module)])] {
        for bytes in [zip_file(&value, &storages), legacy_file(&value, &storages)] {
            let text = refusal(&bytes);
            assert!(
                text.contains("`torchvision.models.resnet.ResNet`")
                    && text.contains("model.state_dict()"),
                "{text}"
            );
        }
    }
    let optimiser =
        Value::Dict(vec![("lr".into(), Value::Float(0.1)), ("epoch".into(), Value::Int(3))]);
    assert!(refusal(&zip_file(&optimiser, &storages)).contains("its keys are lr, epoch"));
    assert!(refusal(&zip_file(&Value::Dict(Vec::new()), &storages)).contains("its dict is empty"));
    assert!(refusal(&pickle(&optimiser)).contains("not one of torch.save"));
    let deflated = zip_of(&pickle(&ordered(tensors)), &storages, CompressionMethod::Deflated);
    assert!(refusal(&deflated).contains("is compressed"));
    // Objects of classes beside the state dict are nobody's business.
    let (model, tensors, storages) = small();
    let arguments = Value::Object("argparse.Namespace", vec![("lr".into(), Value::Float(0.1))]);
    let value =
        Value::Dict(vec![("args".into(), arguments), ("state_dict".into(), ordered(tensors))]);
    assert_eq!(read(&zip_file(&value, &storages)).unwrap().model.tensors(), model.tensors());
}

#[test]
fn tensors_beyond_their_storage_or_the_file_are_refused() {
    let claims = |change: &dyn Fn(&mut View)| {
        let (_, mut tensors, storages) = small();
        let Some((_, Value::Tensor(view))) = tensors.first_mut() else {
            unreachable!("the first is a tensor")
        };
        change(view);
        let value = ordered(tensors);
        let texts = [zip_file(&value, &storages), legacy_file(&value, &storages)]
            .map(|bytes| refusal(&bytes));
        assert!(texts[0].starts_with("tensor `bn1.bias`"), "{}", texts[0]);
        texts
    };
    // A terabyte; one value told to be a terabyte by strides of 0; sizes that overflow when
    // multiplied.
    claims(&|view| (view.shape, view.strides) = (vec![1 << 38], vec![1]));
    claims(&|view| (view.shape, view.strides) = (vec![1 << 19, 1 << 19], vec![0, 0]));
    claims(&|view| (view.shape, view.strides) = (vec![1 << 40, 1 << 40], vec![1, 1]));
    claims(&|view| (view.shape, view.strides) = (vec![2, 2], vec![u64::MAX / 4, 1]));
    claims(&|view| view.offset = u64::MAX / 2);
    claims(&|view| view.offset = 1);
    claims(&|view| view.strides = Vec::new());
    claims(&|view| (view.shape, view.strides) = (vec![1; 100], vec![1; 100]));
    assert!(claims(&|view| view.key = "nowhere".into())[0].contains("data/nowhere"));
    assert!(claims(&|view| view.class = "ComplexFloatStorage")[0].contains("ComplexFloatStorage"));
}

#[test]
fn pickles_that_are_traps_end_in_an_error() {
    let (_, _, storages) = small();
    let refuse = |pickle: Vec<u8>| {
        let whole = [&[0x80, 2], pickle.as_slice()].concat();
        assert!(matches!(
            read(&zip_of(&whole, &storages, CompressionMethod::Stored)),
            Err(ModelFileError::Pytorch(
                PytorchError::Pickle(_) | PytorchError::NoStateDict { .. }
            ))
        ));
    };
    // A million tuples, lists and marks inside each other.
    refuse([b"N".as_slice(), &[0x85; 1_000_000], b"."].concat());
    refuse([vec![b']'; 1_000_000], vec![b'a'; 999_999], vec![b'.']].concat());
    refuse([vec![b'('; 2_000_000], vec![b'.']].concat());
    // A list that holds itself.
    refuse(b"]q\x00h\x00a.".to_vec());
    // Lengths that no memory has; an empty stack; a memo that was never written; an opcode that is
    // none.
    refuse(b"X\xff\xff\xff\x7f".to_vec());
    refuse(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.".to_vec());
    refuse(b"\x8b\xff\xff\xff\xff.".to_vec());
    for broken in [
        &b"."[..],
        b"R.",
        b"u.",
        b"(u.",
        b"}(Nu.",
        b"N(a.",
        b"h\x07.",
        b"\xff.",
        b"c",
        b"cos\nsystem",
        b"\x93.",
    ] {
        refuse(broken.to_vec());
    }
    // The classic: os.system is named, and nothing comes of it.
    let run = b"cos\nsystem\n(X\x05\x00\x00\x00touchtR.".to_vec();
    let text = refusal(&zip_of(
        &[b"\x80\x02".to_vec(), run].concat(),
        &storages,
        CompressionMethod::Stored,
    ));
    assert!(text.contains("`os.system`"), "{text}");
}

#[test]
fn cut_and_changed_files_give_an_error_or_a_network_and_nothing_else() {
    let (_, tensors, storages) = small();
    let value = Value::Dict(vec![("state_dict".into(), ordered(tensors))]);
    let files = [zip_file(&value, &storages), legacy_file(&value, &storages)];
    for bytes in &files {
        for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
            assert!(read(&bytes[..length]).is_err(), "cut to {length} bytes of {}", bytes.len());
        }
    }
    files.iter().for_each(|bytes| mutate(bytes, 0..3_000));
}

/// The same for as many changes as `RRLAB_FUZZ` says, of files for each of the three readers: an
/// hour or a night.
#[test]
#[ignore = "needs RRLAB_FUZZ, a number of changes of each file"]
fn every_reader_takes_whatever_comes() {
    let changes: u64 = std::env::var("RRLAB_FUZZ").unwrap().parse().unwrap();
    let (model, tensors, storages) = small();
    let value = Value::Dict(vec![("state_dict".into(), ordered(tensors))]);
    let mut files = vec![
        zip_file(&value, &storages),
        legacy_file(&value, &storages),
        checkpoint::write(&model).unwrap(),
        import::onnx::write(&model).unwrap(),
    ];
    for name in onnx::names_in(&onnx::golden("")) {
        files.push(onnx::bytes_of(&onnx::golden(&name)));
        // With its graph, which a named architecture's file leaves out.
        if let Ok(Imported { model, .. }) = read(&onnx::bytes_of(&onnx::golden(&name))) {
            files.push(checkpoint::write(&model).unwrap());
        }
    }
    for (index, bytes) in files.iter().enumerate() {
        mutate(bytes, 10_000..10_000 + changes);
        println!("{changes} changes of file {index}, of {} bytes", bytes.len());
    }
}

/// Changes some bytes of a file again and again: whatever comes of it must come in an orderly way.
fn mutate(bytes: &[u8], seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut changed = bytes.to_vec();
        for _ in 0..rng.random_range(1..6) {
            // Half of the changes near the beginning or the end, where structure lies.
            let window = if rng.random::<bool>() { changed.len() } else { changed.len().min(4096) };
            if window == 0 {
                break;
            }
            let from_end = rng.random::<bool>();
            let at = rng.random_range(0..window);
            let at = if from_end { changed.len() - 1 - at } else { at };
            match rng.random_range(0..4) {
                0 => changed[at] = rng.random::<u32>() as u8,
                1 => changed[at] ^= 1 << rng.random_range(0..8),
                2 => drop(changed.remove(at)),
                _ => changed.truncate(at.max(1)),
            }
        }
        // A panic or an abort fails the test; which error it is, or whether a weight merely
        // differs, does not matter.
        let _ = read(&changed);
    }
}

/// The length of a header of 640 bytes is written as a pickle of protocol 2 begins.
#[test]
fn safetensors_of_every_length_are_told_from_pickles() {
    let tensors: StateDict = [("weight".to_owned(), HostTensor::vector(vec![1.0]))].into();
    for padding in (0..1500).step_by(8) {
        let metadata = [("note".to_owned(), "x".repeat(padding))].into();
        let bytes = TensorFile { metadata, tensors: tensors.clone() }.to_bytes().unwrap();
        assert!(matches!(read(&bytes), Err(ModelFileError::Unrecognised(_))), "{:?}", &bytes[..8]);
    }
}

#[test]
fn every_architecture_is_recognised_by_its_tensors() {
    for architecture in Architecture::all() {
        for (width, classes) in [(1.0, 10), (0.25, 100)] {
            // Some have but one width.
            let Some(architecture) = architecture.with_width(width) else { continue };
            let graph = architecture.graph(classes).unwrap();
            let zeros = |TensorSpec { name, shape }| {
                let values = vec![0.0; shape.iter().product()];
                (name, HostTensor::new(shape, values).unwrap())
            };
            let state: StateDict = tensor_specs(&graph).into_iter().map(zeros).collect();
            let found = import::recognise(&state).unwrap();
            // MobileNetV2 has the same tensors for images of either size.
            assert!(
                found == architecture || import::alike(&found, &state).contains(&architecture),
                "{found} for {architecture}"
            );
        }
    }
}

#[test]
fn what_nearly_fits_is_explained() {
    let mut state = random("akamaster_resnet20", 10).tensors().clone();
    state.remove("layer3.2.conv2.weight");
    let text = import::recognise(&state).unwrap_err().to_string();
    assert_eq!(
        text,
        "the tensors are nearly those of akamaster_resnet20 with 10 classes, but `layer3.2.conv2.weight` is missing"
    );
    let foreign = HostTensor::vector(vec![0.0]);
    let other: StateDict =
        ["a.weight", "b.weight"].into_iter().map(|name| (name.into(), foreign.clone())).collect();
    assert!(matches!(import::recognise(&other), Err(Unrecognised::Unknown { tensors: 2, .. })));
    // Asked for one network while the file holds another.
    let (tensors, storages) = tensors_of(random("chenyaofo_resnet20:width=0.25", 10).tensors(), "");
    let hint = Hint {
        network: NetworkHint { architecture: "resnet20".parse().ok(), classes: None },
        ..Hint::default()
    };
    let text = import::read(&zip_file(&ordered(tensors), &storages), hint).unwrap_err().to_string();
    assert_eq!(text, "the file holds chenyaofo_resnet20:width=0.25, but resnet20 was asked for");
}

#[test]
fn normalisation_is_the_authors_unless_said_and_stays_with_the_network() {
    let file = |architecture: &str, classes| {
        let (tensors, storages) = tensors_of(random(architecture, classes).tensors(), "");
        zip_file(&ordered(tensors), &storages)
    };
    let mean =
        |bytes: &[u8]| read(bytes).unwrap().model.info.normalization.map(|normal| normal.mean[0]);
    assert_eq!(mean(&file("chenyaofo_resnet20", 10)), Some(0.4914));
    assert_eq!(mean(&file("chenyaofo_resnet20", 100)), Some(0.5071));
    assert_eq!(mean(&file("akamaster_resnet20", 10)), Some(0.485));
    assert_eq!(mean(&file("akamaster_resnet20", 7)), None);
    assert_eq!(mean(&file("resnet20", 10)), None);

    let own = Normalization { mean: [0.5; 3], std: [0.25; 3] };
    let said = hint(Preprocessing { normalization: Some(own), ..Preprocessing::default() });
    let model = import::read(&file("akamaster_resnet20", 10), said.clone()).unwrap().model;
    assert_eq!(model.info.normalization, Some(own));
    let stored = checkpoint::write(&model).unwrap();
    assert_eq!(read(&stored).unwrap().model, model);
    assert!(import::read(&stored, said).is_ok());
    let other = Normalization { mean: [0.4; 3], std: [0.25; 3] };
    let other = hint(Preprocessing { normalization: Some(other), ..Preprocessing::default() });
    let message = import::read(&stored, other).unwrap_err().to_string();
    let words = "the file says that its images are normalised by mean 0.5,0.5,0.5 and deviation 0.25,0.25,0.25, \
                 but mean 0.4,0.4,0.4 and deviation 0.25,0.25,0.25 was asked for";
    assert_eq!(message, words);
}

fn hint(preprocessing: Preprocessing) -> Hint {
    Hint { preprocessing, ..Hint::default() }
}

#[test]
fn what_a_small_file_says_of_images_and_classes_stays_with_the_network() {
    let (tensors, storages) = tensors_of(random("resnet8", 3).tensors(), "");
    let file = zip_file(&ordered(tensors), &storages);
    let said = r#"{
        "resize": 40, "class_names": ["cat", "dog", "owl"],
        "normalization": { "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25] }
    }"#;
    let said: Preprocessing = serde_json::from_str(said).unwrap();
    let model = import::read(&file, hint(said.clone())).unwrap().model;
    assert_eq!((model.info.resize, model.info.class_names.len()), (Some(40), 3));
    let stored = checkpoint::write(&model).unwrap();
    assert_eq!(import::read(&stored, hint(said.clone())).unwrap().model, model);
    let as_onnx = import::onnx::write(&model).unwrap();
    assert_eq!(read(&as_onnx).unwrap().model.info, model.info);

    let refused = |bytes: &[u8], said| import::read(bytes, hint(said)).unwrap_err().to_string();
    let other = Preprocessing { resize: Some(36), ..said.clone() };
    let message = refused(&stored, other);
    assert!(message.contains("scaled to 40 pixels, but 36 pixels was"), "{message}");
    let mut names = said.clone();
    names.class_names.swap(0, 1);
    let message = refused(&stored, names);
    assert!(message.contains("cat, dog, owl") && message.contains("dog, cat"), "{message}");
    let few = Preprocessing { class_names: vec!["cat".into()], ..Preprocessing::default() };
    let words = "there are 1 names of classes, but the network tells 3 classes apart";
    assert_eq!(refused(&file, few), words);
    assert!(serde_json::from_str::<Preprocessing>(r#"{ "crop": 32 }"#).is_err());
    let without_deviation = r#"{ "normalization": { "mean": [0, 0, 0], "std": [0, 1, 1] } }"#;
    assert!(serde_json::from_str::<Preprocessing>(without_deviation).is_err());
    let small = Preprocessing { resize: Some(31), ..Preprocessing::default() };
    let words = "the network sees 32 pixels of images, which can't be scaled to 31 before";
    assert_eq!(refused(&file, small), words);

    let mut data = shapes10(3, 3, 1);
    let with = |names: [&str; 3]| names.map(str::to_owned).to_vec();
    data.classes = with(["cat", "dog", "owl"]);
    assert_eq!(model.check_classes(&data), Ok(()));
    data.classes = with(["Katze", "Hund", "Eule"]);
    assert_eq!(model.check_classes(&data), Ok(()), "other words for the same");
    data.classes = with(["cat", "owl", "dog"]);
    assert_eq!(
        model.check_classes(&data).unwrap_err().to_string(),
        "shapes10 has the network's classes in another order: its class 1 is `owl`, the network's `dog`"
    );
    let note = model.note_on_images(&data).unwrap();
    assert!(note.contains("scaled to 40 pixels"), "{note}");
    data.resize = Some(40);
    assert_eq!(model.note_on_images(&data), None);
}

#[test]
fn torchvisions_networks_are_for_the_middle_of_larger_images() {
    let file = |architecture: &str| {
        let (tensors, storages) = tensors_of(random(architecture, 10).tensors(), "");
        read(&zip_file(&ordered(tensors), &storages)).unwrap().model
    };
    let model = file("torchvision_squeezenet1_1");
    assert_eq!(model.info.resize, Some(256));
    let note = model.note_on_images(&shapes10(1, 1, 1)).unwrap();
    assert_eq!(note, "images of 32×32 pixels are resized to the network's 224×224");
    assert_eq!(file("resnet8").info.resize, None);
}

/// The same network with projections that pass channel c on as the channel that padding makes of
/// it.
fn projected_instead(padded: &Model) -> Model {
    let mut projected = random("resnet20:width=0.25", 10);
    for node in padded.graph().nodes() {
        for tensor in ["weight", "bias", "running_mean", "running_var"] {
            if let Some(found) = padded.tensors().get(&tensor_name(&node.name, tensor)) {
                projected.set_values(&node.name, tensor, found.values().to_vec()).unwrap();
            }
        }
    }
    for stage in ["layer2.0", "layer3.0"] {
        let projection = format!("{stage}.shortcut.0");
        let weight = projected.tensor(&projection, "weight");
        let (out, channels) = (weight.shape()[0], weight.shape()[1]);
        let before = (out - channels) / 2;
        let mut values = vec![0.0; out * channels];
        for channel in 0..channels {
            values[(before + channel) * channels + channel] = 1.0;
        }
        projected.set_values(&projection, "weight", values).unwrap();
        // A batch norm that does nothing.
        let variances = vec![1.0 - BATCH_NORM_EPSILON as f32; out];
        projected.set_values(&format!("{stage}.shortcut.1"), "running_var", variances).unwrap();
    }
    projected
}

/// What a projection computes whose weight passes channel c on as channel c + offset: outputs and
/// gradients.
#[test]
fn a_shortcut_of_zeros_is_a_projection_that_passes_channels_on() {
    let padded = random("akamaster_resnet20:width=0.25", 10);
    let projected = projected_instead(&padded);
    let device = Device::flex().autodiff();
    device.seed(4);
    let images: Tensor<4> =
        Tensor::random([3, 3, 32, 32], burn::tensor::Distribution::Normal(0.0, 1.0), &device);
    let [ours, theirs] = [&padded, &projected].map(|model| {
        let mut network = Network::new(model, &device);
        let mut stem = Stem(None);
        network.map_trainable(&mut stem);
        let logits = network.forward(images.clone());
        let gradients = (logits.clone() * logits.clone()).sum().backward();
        (logits.inner().into_data(), stem.0.unwrap().grad(&gradients).unwrap().into_data())
    });
    let close = burn::tensor::Tolerance::rel_abs(1e-3, 1e-3);
    ours.0.assert_approx_eq::<f32>(&theirs.0, close);
    ours.1.assert_approx_eq::<f32>(&theirs.1, close);
}

/// Asks for the gradient of the first convolution's weight.
struct Stem(Option<Tensor<4>>);

impl ParameterMap for Stem {
    fn map<const D: usize>(&mut self, name: &str, _decays: bool, tensor: Tensor<D>) -> Tensor<D> {
        if name != "conv1.weight" {
            return tensor;
        }
        let leaf = tensor.reshape([0, 0, 0, 0]).require_grad();
        self.0 = Some(leaf.clone());
        let shape: [i32; D] = [0; D];
        leaf.reshape(shape)
    }
}

/// Networks as others published them: a folder of this name in `RRLAB_PUBLISHED` (CONTRIBUTING.md
/// says what it holds).
fn published() -> Option<PathBuf> {
    let folder = std::env::var_os("RRLAB_PUBLISHED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: RRLAB_PUBLISHED names no folder with published networks");
    }
    folder
}

/// File, data set, and accuracy in per cent that its authors state.
const PUBLISHED: [(&str, &str, f64); 5] = [
    ("models/akamaster/resnet20-12fca82f.th", "cifar-10-batches-bin", 91.73),
    ("models/akamaster/resnet56-4bfd9763.th", "cifar-10-batches-bin", 93.39),
    ("models/chenyaofo/cifar10_resnet20.pth", "cifar-10-batches-bin", 92.60),
    ("models/chenyaofo/cifar100_resnet20.pth", "cifar-100-binary", 68.83),
    ("models/chenyaofo/cifar100_resnet56.pth", "cifar-100-binary", 72.61),
];

#[test]
fn published_networks_reach_their_published_accuracy() {
    let Some(folder) = published() else { return };
    for (file, images, expected) in PUBLISHED {
        let model = read(&std::fs::read(folder.join(file)).unwrap()).unwrap().model;
        let data = cifar(&folder.join(images));
        let everything: Vec<usize> = (0..data.test.len()).collect();
        let network = Network::new(&model, &Device::flex());
        let normalization = model.normalization_of(&data);
        let reached =
            read_sync(accuracy(&network, &data.test, &everything, &normalization, unwatched))
                .unwrap();
        assert!(
            (100.0 * reached - expected).abs() < 0.1,
            "{file}: {:.2} against {expected}",
            100.0 * reached
        );
    }
}

#[test]
fn published_files_may_be_changed_at_will() {
    let Some(folder) = published() else { return };
    for (file, ..) in PUBLISHED {
        mutate(&std::fs::read(folder.join(file)).unwrap(), 0..300);
    }
}

/// What an independent PyTorch program measured of a published network's layers.
#[derive(serde::Deserialize)]
struct MeasuredElsewhere {
    densities: Vec<f64>,
    layers: Vec<LayerElsewhere>,
}

#[derive(serde::Deserialize)]
struct LayerElsewhere {
    name: String,
    logit_sensitivity: f64,
    raw_over_variance: Vec<f64>,
    variance_matching_over_variance: Vec<f64>,
    least_squares_over_variance: Vec<f64>,
}

/// Curves, where they are measured and not interpolated, and sensitivity, of which that program's
/// random draws leave about 2 % uncertain and ours as much.
#[test]
fn layers_measure_as_in_pytorch() {
    let reference = std::env::var_os("RRLAB_REFERENCE").map(PathBuf::from);
    let (Some(folder), Some(reference)) = (published(), reference) else { return };
    let text = std::fs::read_to_string(reference.join("akamaster-resnet20-layers.json")).unwrap();
    let elsewhere: MeasuredElsewhere = serde_json::from_str(&text).unwrap();
    let model = read(&std::fs::read(folder.join(PUBLISHED[0].0)).unwrap()).unwrap().model;
    let mut importer = Importer::default();
    for (name, images) in [("data_batch_1.bin", 512), ("test_batch.bin", 1)] {
        let bytes = std::fs::read(folder.join("cifar-10-batches-bin").join(name)).unwrap();
        importer.add(name, &bytes[..images * 3073]).unwrap();
    }
    let data = importer.finish("cifar").unwrap().into_dataset();
    let normalization = model.normalization_of(&data);
    let images = CalibrationImages::draw(&data, Split::Train, 512, 0, normalization).unwrap();
    let method = Method::SecondMoments;
    let profile =
        read_sync(calibrate(&model, &Device::flex(), "cpu", &images, method, unwatched)).unwrap();
    for (ours, theirs) in profile.layers.iter().zip(&elsewhere.layers) {
        assert_eq!(ours.name, theirs.name);
        let (sensitivity, expected) = (ours.sensitivity().unwrap(), theirs.logit_sensitivity);
        println!("{:20} {sensitivity:.4} against {expected:.4}", ours.name);
        assert!((sensitivity / expected - 1.0).abs() < 0.08, "{}: {sensitivity}", ours.name);
        for (index, &density) in elsewhere.densities.iter().enumerate() {
            let measured = |sparsity: &f64| (1.0 - sparsity - density).abs() < 1e-9;
            if !ours.sparsities().iter().any(measured) {
                continue;
            }
            for (curve, ours) in [
                (&theirs.raw_over_variance, ours.raw_at(density)),
                (
                    &theirs.variance_matching_over_variance,
                    ours.residual_at(RepairOperator::VarianceMatching, density),
                ),
                (
                    &theirs.least_squares_over_variance,
                    ours.residual_at(RepairOperator::LeastSquares, density),
                ),
            ]
            .map(|(curve, of_second_moment)| (curve, of_second_moment / ours.variance))
            {
                let theirs = curve[index];
                let allowed = 1e-3 + 0.01 * theirs;
                assert!((ours - theirs).abs() < allowed, "{density}: {ours} against {theirs}");
            }
        }
    }
}

fn cifar(folder: &Path) -> Dataset {
    let mut importer = Importer::default();
    for name in ["data_batch_1.bin", "test_batch.bin", "train.bin", "test.bin"] {
        if let Ok(bytes) = std::fs::read(folder.join(name)) {
            importer.add(name, &bytes).unwrap();
        }
    }
    importer.finish("cifar").unwrap().into_dataset()
}
