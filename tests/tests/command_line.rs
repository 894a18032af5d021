//! The command line, as stories: each test is somebody at a terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint::TensorFile;
use rrlab_engine::model::Model;
use rrlab_tests::desk::{Desk, wait_for, words};
use rrlab_tests::{assert_said, assert_transcript, insta, make_version_1};
use serde_json::Value;
use strum::VariantArray as _;

fn kept(allocation: &Value) -> Vec<u64> {
    allocation["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["kept"].as_u64().unwrap())
        .collect()
}

#[test]
fn from_images_to_a_sweep() {
    let desk = Desk::new();
    assert_eq!(desk.json(&["dataset", "list"])[1]["name"], "noise");
    desk.trained("model.safetensors");

    let calibrate =
        ["calibrate", "--model", "model.safetensors", "--dataset", "noise", "--images", "64"];
    desk.succeeds(&[calibrate.as_slice(), &["--out", "profile.json"]].concat());
    let layers =
        desk.json(&["inspect", "profile.json", "--sparsity", "0.9", "--repair", "least_squares"]);
    assert_eq!(layers["layers"].as_array().unwrap().len(), 10);
    let rr = layers["layers"][1]["rr"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&rr), "least squares never makes things worse, yet RR is {rr}");

    let allocate = ["allocate", "--profile", "profile.json", "--sparsity", "0.9", "--rule"];
    for rule in rrlab_types::Rule::VARIANTS {
        let allocation = desk.json(&[allocate.as_slice(), &[rule.name()]].concat());
        assert_eq!(
            kept(&allocation).iter().sum::<u64>(),
            allocation["budget"].as_u64().unwrap(),
            "{rule}"
        );
        assert_eq!(allocation["budget"], allocation["kept"]);
    }
    let forced =
        desk.json(&[allocate.as_slice(), &["erk", "--force", "projection=global"]].concat());
    let projection = forced["layers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|layer| layer["role"] == "projection")
        .unwrap();
    assert_eq!(
        (projection["state"].as_str(), projection["kept"].as_u64()),
        (Some("forced"), Some(51))
    );
    let by_shape =
        desk.json(&["allocate", "--arch", "resnet8", "--rule", "erk", "--sparsity", "0.9"]);
    assert_eq!(kept(&by_shape), kept(&desk.json(&[allocate.as_slice(), &["erk"]].concat())));

    std::fs::write(desk.path("a.json"), serde_json::to_vec(&by_shape).unwrap()).unwrap();
    let prune =
        words("prune --model model.safetensors --allocation a.json --dataset noise --images 64");
    desk.succeeds(
        &[prune.as_slice(), &["--out", "pruned.safetensors", "--masks", "masks.safetensors"]]
            .concat(),
    );
    let evaluation =
        desk.json(&["evaluate", "--model", "pruned.safetensors", "--dataset", "noise"]);
    assert_eq!(evaluation["nonzero_weights"], by_shape["kept"]);
    assert!(desk.path("masks.safetensors").exists());

    let sweep = words(
        "sweep --model model.safetensors --dataset noise --profile profile.json --images 32 \
        --rules uniform,rr --repairs none,variance_matching,bn_recalibration --out sweep.json \
        --sparsities",
    );
    let report = desk.json(&[sweep.as_slice(), &["0.5"]].concat());
    assert_eq!(report["entries"].as_array().unwrap().len(), 6);
    let more = desk.json(&[sweep.as_slice(), &["0.5,0.9"]].concat());
    assert_eq!(more["entries"].as_array().unwrap()[..6], report["entries"].as_array().unwrap()[..]);
    assert_eq!(more["entries"].as_array().unwrap().len(), 12);
    let other = desk.fails(1, &[sweep.as_slice(), &["0.5", "--seed", "4"]].concat());
    assert_said!(desk, other, @r#"
        6 networks: 2 rules (uniform, rr) × 1 sparsity (0.5) × 3 repairs (none, variance_matching, bn_recalibration), pruned by magnitude, each on 60 test images
        going on from sweep.json (12 entries)
        error: the sweep to go on from has another criterion, seed or calibration class, or other settings, constraints, image counts or distillation; choose another --out, or delete it
        "#);
}

#[test]
fn training_killed_in_the_middle_ends_where_it_would_have() {
    let desk = Desk::new();
    desk.trained("whole.safetensors");
    let arguments =
        [Desk::training().as_slice(), &["killed.safetensors", "--save-every", "0"]].concat();
    let mut running = desk.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
    let state = desk.path("killed.safetensors.training");
    wait_for(&mut running, &state);
    running.kill().unwrap();
    running.wait().unwrap();
    desk.succeeds(&arguments);
    assert!(!state.exists());
    let read = |name: &str| std::fs::read(desk.path(name)).unwrap();
    assert!(read("whole.safetensors") == read("killed.safetensors"), "the two models differ");
}

#[test]
fn fine_tuning_killed_in_the_middle_ends_where_it_would_have() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let finetune =
        ["finetune", "--model", "model.safetensors", "--dataset", "noise", "--images", "32"];
    let options =
        ["--rules", "erk,rr", "--sparsities", "0.9", "--epochs", "2", "--batch-size", "32"];
    let asked = |out: &'static str, models: &'static str| {
        [
            &finetune[..],
            &options,
            &["--distill", "0.5", "--save-every", "0", "--out", out, "--models", models],
        ]
        .concat()
    };
    let whole = desk.json(&asked("whole.json", "whole"));

    let arguments = asked("killed.json", "killed");
    let mut running = desk.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
    // The second rule's run has begun when the first rule's network is there.
    wait_for(&mut running, &desk.path("killed/erk-0.9.safetensors"));
    running.kill().unwrap();
    running.wait().unwrap();
    let continued = desk.json(&arguments);
    assert_eq!(continued["runs"], whole["runs"]);

    for run in whole["runs"].as_array().unwrap() {
        assert_eq!(run["epochs"].as_array().unwrap().len(), 2);
        let name = format!("{}-0.9.safetensors", run["rule"].as_str().unwrap());
        let [whole, killed] =
            ["whole", "killed"].map(|folder| std::fs::read(desk.path(folder).join(&name)).unwrap());
        assert!(whole == killed, "{name} differs");
        let tuned =
            desk.json(&["evaluate", "--model", &format!("whole/{name}"), "--dataset", "noise"]);
        assert_eq!(tuned["nonzero_weights"], run["kept"], "{name}: no weight comes back");
        assert_eq!(tuned["accuracy"], run["epochs"][1]["test_accuracy"], "{name}");
    }
    let other = desk
        .fails(1, &[&finetune[..], &options, &["--distill", "2", "--out", "other.json"]].concat());
    assert_said!(desk, other, @r#"
        error: weight of distillation is 2; it must be between 0 and 1
        "#);
}

#[test]
fn distillation_killed_in_the_middle_ends_where_it_would_have() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    desk.succeeds(&words(
        "calibrate --model model.safetensors --dataset noise --images 64 --out profile.json",
    ));
    let allocation = desk.json(&words("allocate --profile profile.json --rule rr --sparsity 0.9"));
    std::fs::write(desk.path("a.json"), serde_json::to_vec(&allocation).unwrap()).unwrap();
    desk.succeeds(&words(
        "prune --model model.safetensors --allocation a.json --dataset noise --images 64 \
        --out pruned.safetensors",
    ));
    let asked = |out: &'static str| {
        let mut arguments = words(
            "distil --model pruned.safetensors --teacher model.safetensors --dataset noise \
            --images 64 --judge-images 32 --epochs 6 --batch-size 16 --save-every 0 --out",
        );
        arguments.push(out);
        arguments
    };
    let whole = desk.json(&asked("whole.safetensors"));
    let [before, after] =
        ["before", "after"].map(|when| whole["divergence"][when].as_f64().unwrap());
    assert!(after < before, "{before} became {after}");
    assert_eq!(whole["epochs"].as_array().unwrap().len(), 6);
    assert_eq!(whole["pruned_from"]["model_hash"], whole["teacher_hash"]);
    let evaluation = desk.json(&["evaluate", "--model", "whole.safetensors", "--dataset", "noise"]);
    assert_eq!(evaluation["nonzero_weights"], allocation["kept"], "no weight comes back");
    assert_eq!(evaluation["accuracy"], whole["accuracy"]["after"]);

    let mut running =
        desk.command(&asked("killed.safetensors")).stderr(Stdio::null()).spawn().unwrap();
    let state = desk.path("killed.safetensors.training");
    wait_for(&mut running, &state);
    running.kill().unwrap();
    running.wait().unwrap();
    desk.succeeds(&asked("killed.safetensors"));
    assert!(!state.exists());
    let read = |name: &str| std::fs::read(desk.path(name)).unwrap();
    assert!(read("whole.safetensors") == read("killed.safetensors"), "the two networks differ");

    // What was begun is not gone on with otherwise, nor from another repair of the same weights.
    let mut running =
        desk.command(&asked("begun.safetensors")).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&mut running, &desk.path("begun.safetensors.training"));
    running.kill().unwrap();
    running.wait().unwrap();
    desk.succeeds(&words(
        "prune --model model.safetensors --allocation a.json --dataset noise --images 64 \
        --repair least_squares --out pruned.safetensors --force-overwrite",
    ));
    let said = desk.fails(1, &asked("begun.safetensors"));
    assert!(said.contains("is the state of a distillation with other settings"), "{said}");

    // Its teacher is the network that it was pruned from, and no other.
    let mut other = asked("other.safetensors");
    other[4] = "whole.safetensors";
    let said = desk.fails(1, &other);
    assert!(
        said.contains("name the dense network that it was pruned from with --teacher"),
        "{said}"
    );
}

#[test]
fn files_of_two_networks_of_one_shape_are_not_mixed() {
    let desk = Desk::new();
    desk.trained("one.safetensors");
    desk.succeeds(&[Desk::training().as_slice(), &["two.safetensors", "--seed", "1"]].concat());
    for network in ["one", "two"] {
        let (model, profile) = (format!("{network}.safetensors"), format!("{network}.json"));
        let calibrate = [
            "calibrate",
            "--dataset",
            "noise",
            "--images",
            "64",
            "--model",
            &model,
            "--out",
            &profile,
        ];
        desk.succeeds(&calibrate);
    }
    let hash =
        |model: &str| desk.json(&["inspect", model])["model_hash"].as_str().unwrap().to_owned();
    let (one, two) = (hash("one.safetensors"), hash("two.safetensors"));
    let names_both = |error: &str| error.contains(&one[..12]) && error.contains(&two[..12]);

    let allocation =
        desk.json(&["allocate", "--profile", "one.json", "--rule", "rr", "--sparsity", "0.9"]);
    std::fs::write(desk.path("allocation.json"), allocation.to_string()).unwrap();
    let prune = words("prune --allocation allocation.json --dataset noise --images 64 --model");
    let refused = desk.fails(
        1,
        &[prune.as_slice(), &["two.safetensors", "--out", "pruned.safetensors"]].concat(),
    );
    assert!(names_both(&refused), "{refused}");
    assert_said!(desk, refused, @"error: the allocation is of network [hash], but the network here is [hash]: allocate from the profile of this network");
    assert!(!desk.path("pruned.safetensors").exists());
    desk.succeeds(
        &[prune.as_slice(), &["one.safetensors", "--out", "pruned.safetensors"]].concat(),
    );

    let sweep =
        ["--rules", "uniform", "--sparsities", "0.9", "--images", "32", "--dataset", "noise"];
    let with =
        |command: &'static str, network: &'static str, profile: &'static str, out: &'static str| {
            [&[command, "--model", network, "--profile", profile, "--out", out], &sweep[..]]
                .concat()
        };
    for command in ["sweep", "finetune"] {
        let refused = desk.fails(1, &with(command, "two.safetensors", "one.json", "mixed.json"));
        assert!(names_both(&refused), "{command}: {refused}");
        insta::allow_duplicates! { assert_said!(desk, refused, @r#"
            error: the profile is of network [hash], but the network here is [hash]: measure this network with `rrlab calibrate`
            "#); }
        assert!(!desk.path("mixed.json").exists());
    }
    let report = desk.json(&with("sweep", "one.safetensors", "one.json", "sweep.json"));
    assert_eq!(report["model_hash"], Value::from(one.clone()));
    assert_eq!(report["profile_hash"], desk.json(&["inspect", "one.json"])["profile_hash"]);
    // Another profile of the same network: its budgets could be others, so nothing is added to what
    // was computed.
    let calibrate =
        ["calibrate", "--model", "one.safetensors", "--dataset", "noise", "--images", "32"];
    desk.succeeds(&[calibrate.as_slice(), &["--out", "fewer.json"]].concat());
    let refused = desk.fails(1, &with("sweep", "one.safetensors", "fewer.json", "sweep.json"));
    assert_said!(desk, refused, @r#"
        2 networks: 1 rule (uniform) × 1 sparsity (0.9) × 2 repairs (none, variance_matching), pruned by magnitude, each on 60 test images
        going on from sweep.json (2 entries)
        error: the sweep to go on from is by profile [hash], and this one is [hash]; choose another --out, or delete it
        "#);

    let evaluate = ["evaluate", "--model", "pruned.safetensors", "--dataset", "noise", "--profile"];
    let evaluation = desk.json(&[evaluate.as_slice(), &["one.json"]].concat());
    assert_eq!(evaluation["pruned_from"]["model_hash"], Value::from(one.clone()));
    assert_ne!(evaluation["model_hash"], Value::from(one.clone()));
    let refused = desk.fails(1, &[evaluate.as_slice(), &["two.json"]].concat());
    assert_said!(desk, refused, @"error: the pruned network is of profile [hash], but the profile here is [hash]: name the profile that it was pruned by");
    let refused = desk.fails(
        1,
        &["evaluate", "--model", "two.safetensors", "--dataset", "noise", "--profile", "one.json"],
    );
    assert!(names_both(&refused), "{refused}");

    // A profile of the version before names no network: it is used, and that is said.
    let mut old: Value =
        serde_json::from_slice(&std::fs::read(desk.path("one.json")).unwrap()).unwrap();
    make_version_1(&mut old);
    std::fs::write(desk.path("old.json"), old.to_string()).unwrap();
    let output = desk.output(&with("sweep", "one.safetensors", "old.json", "old-sweep.json"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("does not say which network it is of"),
        "{said}"
    );
}

#[test]
fn bad_usage_is_two_and_failure_is_one() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let allocate =
        |rule, sparsity| ["allocate", "--arch", "resnet20", "--rule", rule, "--sparsity", sparsity];
    assert_transcript!(
        desk,
        [
            allocate("erk", "1"),
            allocate("erk", "-0.1"),
            allocate("erk", "NaN"),
            allocate("erk", "two"),
            allocate("erk", "0.99999"),
            allocate("lamp", "0.5"),
            allocate("rrr", "0.5"),
            [&allocate("erk", "0.99")[..], &["--force", "conv=dense"]].concat(),
            [&allocate("erk", "0.5")[..], &["--force", "conv"]].concat(),
            ["allocate", "--arch", "resnet19", "--rule", "erk", "--sparsity", "0.5"],
            ["allocate", "--rule", "erk", "--sparsity", "0.5"],
            ["--device", "gpu", "dataset", "list"],
            ["evaluate", "--model", "model.safetensors", "--dataset", "none"],
        ],
        @r#"
        $ rrlab allocate --arch resnet20 --rule erk --sparsity 1
        error: invalid value '1' for '--sparsity <SPARSITY>': sparsity 1 is not possible: it is at least 0 (dense) and below 1 (nothing would be left)

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --arch resnet20 --rule erk --sparsity -0.1
        error: invalid value '-0.1' for '--sparsity <SPARSITY>': sparsity -0.1 is not possible: it is at least 0 (dense) and below 1 (nothing would be left)

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --arch resnet20 --rule erk --sparsity NaN
        error: invalid value 'NaN' for '--sparsity <SPARSITY>': sparsity NaN is not possible: it is at least 0 (dense) and below 1 (nothing would be left)

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --arch resnet20 --rule erk --sparsity two
        error: invalid value 'two' for '--sparsity <SPARSITY>': `two` is not a number

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --arch resnet20 --rule erk --sparsity 0.99999
        error: sparsity 0.99999 keeps 3 of 270896 weights, fewer than one for each of the 22 layers; the highest sparsity possible here is 0.999919
        [exit code 1]

        $ rrlab allocate --arch resnet20 --rule lamp --sparsity 0.5
        error: rule lamp needs a profile: calibrate the model first, or choose one of uniform, uniform_plus, er, erk
        [exit code 1]

        $ rrlab allocate --arch resnet20 --rule rrr --sparsity 0.5
        error: invalid value 'rrr' for '--rule <RULE>': no rule is named `rrr`; there are uniform, uniform_plus, er, erk, global_magnitude, lamp, rr, rr_ratio, rr_proportional, residual_optimal, raw_optimal, blend, blend_geometric

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --arch resnet20 --rule erk --sparsity 0.99 --force conv=dense
        error: the forced layers keep 267264 weights, which leaves -264555 for the others; they need 4 to 3632: with these constraints the sparsity must be between 0.000000 and 0.013393
        [exit code 1]

        $ rrlab allocate --arch resnet20 --rule erk --sparsity 0.5 --force conv
        error: invalid value 'conv' for '--force <LAYERS=DENSITY>': `conv` is no constraint: it has no `=`; write LAYERS=DENSITY, with a role (stem, conv, projection, classifier, hidden, squeeze_excite) or a layer's name, and dense, global, a number such as 0.2, or rule:NAME

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --arch resnet19 --rule erk --sparsity 0.5
        error: invalid value 'resnet19' for '--arch <NAME[:OPTIONS]>': no architecture is named `resnet19`; there are resnet8, resnet20, resnet18, resnet34, vgg11_bn, vgg16_bn, chenyaofo_resnet20, chenyaofo_resnet32, chenyaofo_resnet44, chenyaofo_resnet56, chenyaofo_vgg11_bn, chenyaofo_vgg13_bn, chenyaofo_vgg16_bn, chenyaofo_vgg19_bn, chenyaofo_mobilenetv2_x0_5, chenyaofo_mobilenetv2_x0_75, chenyaofo_mobilenetv2_x1_0, chenyaofo_mobilenetv2_x1_4, weiaicunzai_resnet18, weiaicunzai_resnet34, weiaicunzai_resnet50, weiaicunzai_resnet101, weiaicunzai_resnet152, weiaicunzai_vgg11_bn, weiaicunzai_vgg13_bn, weiaicunzai_vgg16_bn, weiaicunzai_vgg19_bn, akamaster_resnet20, akamaster_resnet32, akamaster_resnet44, akamaster_resnet56, akamaster_resnet110, torchvision_resnet18, torchvision_resnet34, torchvision_resnet50, torchvision_resnet101, torchvision_wide_resnet50_2, torchvision_resnext50_32x4d, torchvision_vgg11, torchvision_vgg13, torchvision_vgg16, torchvision_vgg19, torchvision_vgg11_bn, torchvision_vgg13_bn, torchvision_vgg16_bn, torchvision_vgg19_bn, torchvision_densenet121, torchvision_mobilenet_v2, torchvision_mobilenet_v3_small, torchvision_efficientnet_b0, torchvision_squeezenet1_1, torchvision_shufflenet_v2_x1_0, torchvision_regnet_y_400mf, torchvision_convnext_tiny

        For more information, try '--help'.
        [exit code 2]

        $ rrlab allocate --rule erk --sparsity 0.5
        error: name the network with --profile FILE or --arch NAME
        [exit code 1]

        $ rrlab --device gpu dataset list
        error: invalid value 'gpu' for '--device <DEVICE>': no device is named `gpu`; there are auto, cpu, wgpu, vulkan, cuda

        For more information, try '--help'.
        [exit code 2]

        $ rrlab evaluate --model model.safetensors --dataset none
        error: no data set is named `none` in [folder]/data; there are shapes10, noise. Import one with `rrlab dataset import PATH --name none`
        [exit code 1]
        "#
    );

    std::fs::write(desk.path("empty.safetensors"), b"").unwrap();
    let whole = std::fs::read(desk.path("model.safetensors")).unwrap();
    std::fs::write(desk.path("half.safetensors"), &whole[..whole.len() / 2]).unwrap();
    for model in ["missing.safetensors", "empty.safetensors", "half.safetensors"] {
        assert!(
            desk.fails(1, &["evaluate", "--model", model, "--dataset", "noise"]).contains(model)
        );
    }
    let unwritable = words(
        "calibrate --model model.safetensors --dataset noise --images 8 --out no/such/folder.json",
    );
    assert!(desk.fails(1, &unwritable).contains("there is no folder no/such"));
    assert!(desk.fails(1, &["inspect", "a.txt"]).contains("a.txt"));
    assert!(desk.fails(2, &["--device", "gpu", "dataset", "list"]).contains("vulkan"));
    assert_eq!(leftovers(desk.folder()), Vec::<PathBuf>::new());
}

/// Files that were written aside and not renamed.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".rrlab-"))
        })
        .collect()
}

/// A server of one file that breaks off the first download and then honours ranges.
#[test]
fn a_broken_download_is_gone_on_with_and_a_wrong_one_refused() {
    use std::io::{Read, Write};
    let desk = Desk::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/file.tar.gz", listener.local_addr().unwrap());
    let body = vec![42u8; 4000];
    let server = std::thread::spawn(move || {
        let mut ranges = Vec::new();
        for (index, stream) in listener.incoming().take(2).enumerate() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
            let range =
                request.lines().find_map(|line| line.strip_prefix("range: ")).map(str::to_owned);
            ranges.push(range);
            let head = if index == 0 { "200 OK" } else { "206 Partial Content" };
            let rest = if index == 0 { &body[..] } else { &body[1500..] };
            write!(
                stream,
                "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                rest.len()
            )
            .unwrap();
            stream.write_all(if index == 0 { &rest[..1500] } else { rest }).unwrap();
        }
        ranges
    });
    let fetch = ["dataset", "fetch", "cifar10", "--from", &address];
    assert!(desk.fails(1, &fetch).contains("goes on from there"));
    assert_eq!(std::fs::metadata(desk.path("data/cifar10.tar.gz.part")).unwrap().len(), 1500);
    let wrong = desk.fails(1, &fetch);
    assert!(wrong.contains("MD5") && wrong.contains("c32a1d4ab5d03f1284b67883e8d87530"), "{wrong}");
    assert!(!desk.path("data/cifar10.tar.gz.part").exists());
    assert_eq!(server.join().unwrap(), [None, Some("bytes=1500-".to_owned())]);
}

#[test]
fn a_data_set_is_fetched_and_ready() {
    use std::io::{Read, Write};
    let desk = Desk::new();
    let packed = Command::new("tar")
        .args(["czf", "cifar.tar.gz", "cifar"])
        .current_dir(desk.folder())
        .status();
    assert!(packed.unwrap().success());
    let body = std::fs::read(desk.path("cifar.tar.gz")).unwrap();
    let sum = Command::new("md5sum").arg(desk.path("cifar.tar.gz")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let md5 = sum.split_whitespace().next().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/cifar.tar.gz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )
        .unwrap();
        stream.write_all(&body).unwrap();
    });
    desk.succeeds(&["dataset", "fetch", "cifar10", "--from", &address, "--md5", md5]);
    let sets = desk.json(&["dataset", "list"]);
    let fetched = sets.as_array().unwrap().iter().find(|set| set["name"] == "cifar10").unwrap();
    assert_eq!((&fetched["train"], &fetched["test"]), (&160.into(), &60.into()));
    let files =
        std::fs::read_dir(desk.path("data")).unwrap().map(|entry| entry.unwrap().file_name());
    let archives = files.filter(|name| name.to_string_lossy().contains(".tar")).count();
    assert_eq!(archives, 0, "what was downloaded is not kept twice");
}

/// A limit on the size of files stands in for a disk that fills up: writing fails in the middle.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_what_was_there() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let before = std::fs::read(desk.path("model.safetensors")).unwrap();
    let program = rrlab_tests::program();
    let limited = |arguments: &str| {
        // 32 KiB; the signal is ignored so that the write itself reports it.
        let script = format!("trap '' XFSZ; ulimit -f 32; exec {} {arguments}", program.display());
        let mut bash = Command::new("bash");
        bash.args(["-c", &script])
            .env("RRLAB_DATA_DIR", desk.path("data"))
            .current_dir(desk.folder());
        bash.output().unwrap()
    };
    for command in [
        "train --arch resnet8 --dataset noise --epochs 1 --batch-size 32 --out model.safetensors --force-overwrite",
        "calibrate --model model.safetensors --dataset noise --images 16 --out model.safetensors --force-overwrite",
        "dataset import cifar --name more",
    ] {
        let output = limited(command);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {error}");
        assert!(
            error.contains("can't write") && error.contains("File too large"),
            "{command}: {error}"
        );
        assert!(
            std::fs::read(desk.path("model.safetensors")).unwrap() == before,
            "{command} harmed what was there"
        );
    }
    assert_eq!(leftovers(desk.folder()), Vec::<PathBuf>::new());
    assert_eq!(leftovers(&desk.path("data")), Vec::<PathBuf>::new());
    assert_eq!(desk.json(&["dataset", "list"]).as_array().unwrap().len(), 2);
}

/// Somebody else's network, saved from a parallel wrapper: recognised, measured, pruned, and given
/// back under its names.
#[test]
fn a_network_of_others_goes_in_and_out_under_its_own_names() {
    let desk = Desk::new();
    let graph = "akamaster_resnet20:width=0.25".parse::<Architecture>().unwrap().graph(10).unwrap();
    let model = Model::random(graph, 1);
    let theirs = model.tensors();
    let wrapped =
        theirs.iter().map(|(name, tensor)| (format!("module.{name}"), tensor.clone())).collect();
    let file = TensorFile { tensors: wrapped, ..TensorFile::default() };
    std::fs::write(desk.path("theirs.safetensors"), file.to_bytes().unwrap()).unwrap();

    let calibrate =
        ["calibrate", "--model", "theirs.safetensors", "--dataset", "noise", "--images", "16"];
    let output = desk.output(&[calibrate.as_slice(), &["--out", "profile.json"]].concat());
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    assert!(
        notes.contains("note: recognised akamaster_resnet20:width=0.25 by its tensors"),
        "{notes}"
    );
    assert!(notes.contains("note: normalising images by mean 0.485,0.456,0.406"), "{notes}");
    let allocate = words("allocate --profile profile.json --rule rr --sparsity 0.8 --format json");
    std::fs::write(desk.path("allocation.json"), desk.succeeds(&allocate)).unwrap();
    let prune =
        words("prune --model theirs.safetensors --allocation allocation.json --dataset noise");
    let said = words(
        "--images 16 --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 --out pruned.safetensors --torch-prune torch.safetensors",
    );
    desk.succeeds(&[prune.as_slice(), &said].concat());

    let pruned =
        TensorFile::from_bytes(&std::fs::read(desk.path("pruned.safetensors")).unwrap()).unwrap();
    assert!(pruned.tensors.keys().eq(theirs.keys()));
    // As torch.nn.utils.prune multiplies them: the mask times the original is the weight.
    let torch =
        TensorFile::from_bytes(&std::fs::read(desk.path("torch.safetensors")).unwrap()).unwrap();
    let values = |name: &str| torch.tensors[name].values().to_vec();
    let both = values("conv1.weight_orig").into_iter().zip(values("conv1.weight_mask"));
    let product: Vec<f32> = both.map(|(original, mask)| original * mask).collect();
    assert_eq!(product, pruned.tensors["conv1.weight"].values());
    assert!(product.contains(&0.0) && !values("conv1.weight_orig").contains(&0.0));
    assert!(!torch.tensors.contains_key("conv1.weight"));
    let evaluate = ["evaluate", "--model", "pruned.safetensors", "--dataset", "noise"];
    desk.succeeds(&evaluate);
    let other = desk.fails(
        1,
        &[evaluate.as_slice(), &["--mean", "0.4,0.4,0.4", "--std", "0.25,0.25,0.25"]].concat(),
    );
    assert!(
        other.contains("normalised by mean 0.5,0.5,0.5 and deviation 0.25,0.25,0.25"),
        "{other}"
    );
    // What a small file says of it stays with it.
    let of_classes = (0..10).map(|class| format!("{:?}", format!("class{class}")));
    let of_classes = of_classes.collect::<Vec<_>>().join(", ");
    std::fs::write(
        desk.path("about.json"),
        format!(r#"{{ "resize": 36, "class_names": [{of_classes}] }}"#),
    )
    .unwrap();
    let export =
        words("export --model theirs.safetensors --preprocessing about.json --out own.onnx");
    desk.succeeds(&export);
    let inspected = desk.succeeds(&words("inspect own.onnx"));
    assert!(inspected.contains("images: 3×32×32, of images scaled to 36 pixels"), "{inspected}");
    assert!(inspected.contains("classes: class0, class1"), "{inspected}");
    let note = desk.output(&words("evaluate --model own.onnx --dataset noise"));
    let note = String::from_utf8(note.stderr).unwrap();
    assert!(note.contains("note: the network is for images scaled to 36 pixels"), "{note}");
    std::fs::write(desk.path("about.json"), r#"{ "crop": 32 }"#).unwrap();
    let unknown = desk.fails(1, &words("inspect own.onnx --preprocessing about.json"));
    assert!(unknown.contains("about.json") && unknown.contains("`crop`"), "{unknown}");

    for wrong in [["--mean", "0.4,0.4", "--std", "1,1,1"], ["--mean", "0,0,0", "--std", "1,0,1"]] {
        desk.fails(2, &[evaluate.as_slice(), &wrong].concat());
    }
    desk.fails(2, &[evaluate.as_slice(), &["--mean", "0.4,0.4,0.4"]].concat());
}

/// A network as ONNX goes the whole way, comes back into its own file, and is the same network as
/// in the lab's form.
#[test]
fn a_network_as_onnx_goes_the_whole_way() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    desk.succeeds(&words("export --model model.safetensors --out model.onnx"));
    let hash = |model: &str| desk.json(&["inspect", model])["model_hash"].clone();
    assert_eq!(hash("model.onnx"), hash("model.safetensors"));

    let small = words("--dataset noise --images 16");
    let run = |command: &str| desk.succeeds(&[&words(command)[..], &small].concat());
    run("calibrate --model model.onnx --out profile.json");
    let sweep = "sweep --model model.onnx --profile profile.json --rules rr --sparsities 0.8 \
                 --repairs variance_matching --out sweep.json";
    run(sweep);
    let allocate = words("allocate --profile profile.json --rule rr --sparsity 0.8 --format json");
    std::fs::write(desk.path("allocation.json"), desk.succeeds(&allocate)).unwrap();
    for out in ["pruned.onnx", "pruned.safetensors"] {
        run(&format!("prune --model model.onnx --allocation allocation.json --out {out}"));
    }
    assert_eq!(hash("pruned.onnx"), hash("pruned.safetensors"));
    assert_ne!(hash("pruned.onnx"), hash("model.onnx"));
    // What is known of the network came along.
    let view = desk.json(&["inspect", "pruned.onnx"]);
    assert_eq!(view["pruned_from"]["rule"], "rr");
    let pickle = desk.fails(1, &words("export --model model.onnx --out model.pth"));
    assert!(pickle.contains("the lab writes no pickles"), "{pickle}");
}

/// Residual and raw distortions of every layer.
fn distortions(desk: &Desk, profile: &str) -> Vec<f64> {
    let layers = desk.json(&["inspect", profile, "--sparsity", "0.9"])["layers"].take();
    let of = |layer: &Value| ["raw", "residual"].map(|key| layer[key].as_f64().unwrap());
    layers.as_array().unwrap().iter().flat_map(of).collect()
}

/// On Chromium's software adapter, which the browser tests bring along; asked for by
/// `RRLAB_TEST_GPU`, since it needs a program that was built with the feature `wgpu`.
#[test]
fn a_gpu_measures_what_the_cpu_measures() {
    if std::env::var_os("RRLAB_TEST_GPU").is_none() {
        eprintln!("not run: RRLAB_TEST_GPU is not set");
        return;
    }
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let calibrate = words("calibrate --model model.safetensors --dataset noise --images 16 --out");
    desk.succeeds(&[calibrate.as_slice(), &["cpu.json", "--device", "cpu"]].concat());
    let mut on_gpu =
        desk.command(&[calibrate.as_slice(), &["gpu.json", "--device", "wgpu"]].concat());
    rrlab_tests::lab::software_gpu(&mut on_gpu);
    let output = on_gpu.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (cpu, gpu) in distortions(&desk, "cpu.json").into_iter().zip(distortions(&desk, "gpu.json"))
    {
        assert!(
            (cpu - gpu).abs() <= 1e-3 * cpu.abs().max(1e-3),
            "{cpu} on the CPU, {gpu} on the GPU"
        );
    }
}
