//! Work that takes long, on the command line: what is checked before it, shown meanwhile, and left
//! when it is ended.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};

use rrlab_tests::desk::{Desk, wait_for, words};
use rrlab_types::{
    AllocationRequest, ChannelProfile, ModelProfile, RepairOperator, Rule, RuleSettings,
    SweepReport,
};

/// Starts a command whose standard error is read.
fn started(desk: &Desk, arguments: &[&str]) -> Child {
    desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal of this name.
fn signal(running: &Child, name: &str) {
    let sent =
        std::process::Command::new("kill").args(["-s", name, &running.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// The command that an interrupted one printed last, to go on with.
fn printed_command(interrupted: &Output) -> String {
    let error = String::from_utf8_lossy(&interrupted.stderr).into_owned();
    let command = error.lines().rev().find(|line| !line.is_empty()).unwrap_or_default();
    assert!(command.starts_with("    "), "{error}");
    command.trim().to_owned()
}

/// Runs what was printed, as a person does who copies it.
fn paste(desk: &Desk, command: &str) {
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", command]).env("RRLAB_DATA_DIR", desk.path("data")).current_dir(desk.folder());
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

fn same_bytes(desk: &Desk, one: &str, other: &str) {
    let [one_bytes, other_bytes] = [one, other].map(|name| std::fs::read(desk.path(name)).unwrap());
    assert!(one_bytes == other_bytes, "{one} and {other} differ");
}

#[test]
fn what_can_not_be_written_is_said_before_anything_is_computed() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("folder")).unwrap();
    std::fs::write(desk.path("there.json"), "mine").unwrap();
    let model = "model.safetensors";
    desk.trained(model);
    // A data set that is damaged: whoever looks at its images says so, and not what is wrong with
    // --out.
    let stored = desk.path("data/noise.dataset.safetensors");
    let mut bytes = std::fs::read(&stored).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    // Labels come before pixels: numbers of four bytes before those of one.
    bytes[8 + header..][..4].fill(255);
    std::fs::write(&stored, bytes).unwrap();

    let commands: [&[&str]; 5] = [
        &["train", "--arch", "resnet8"],
        &["calibrate", "--model", model],
        &["sweep", "--model", model],
        &["finetune", "--model", model],
        &["finetune", "--model", model, "--models", "there.json/networks"],
    ];
    for command in &commands[..4] {
        let with =
            |out: &'static str| [command, &["--dataset", "noise", "--out", out][..]].concat();
        assert!(desk.fails(1, &with("folder")).contains("--out folder is a folder"), "{command:?}");
        assert!(
            desk.fails(1, &with("none/x.json")).contains("there is no folder none"),
            "{command:?}"
        );
        assert!(desk.fails(1, &with("new/")).contains("is a folder"), "{command:?}");
        let refused = desk.fails(1, &with("there.json"));
        assert!(
            refused.contains("there.json") && refused.contains("--force-overwrite"),
            "{command:?}: {refused}"
        );
        #[cfg(target_os = "linux")]
        {
            assert!(
                desk.fails(1, &with("/proc/x.json")).contains("can't be written to"),
                "{command:?}"
            );
            assert!(desk.fails(1, &with("/dev/null")).contains("no plain file"), "{command:?}");
        }
        let reached = desk.fails(1, &[&with("there.json"), &["--force-overwrite"][..]].concat());
        assert!(reached.contains("noise.dataset.safetensors"), "{command:?}: {reached}");
    }
    assert_eq!(std::fs::read(desk.path("there.json")).unwrap(), b"mine");
    let refused =
        desk.fails(1, &[commands[4], &["--dataset", "noise", "--out", "new.json"]].concat());
    assert!(refused.contains("there.json/networks"), "{refused}");
}

#[test]
fn a_result_is_replaced_only_where_that_was_asked_for() {
    let desk = Desk::new();
    let arguments = [Desk::training().as_slice(), &["model.safetensors"]].concat();
    desk.succeeds(&arguments);
    let first = std::fs::read(desk.path("model.safetensors")).unwrap();
    let refused = desk.fails(1, &arguments);
    assert!(
        refused.contains("--out model.safetensors exists; --force-overwrite replaces it"),
        "{refused}"
    );
    desk.succeeds(&[arguments.as_slice(), &["--force-overwrite", "--seed", "1"]].concat());
    assert!(std::fs::read(desk.path("model.safetensors")).unwrap() != first);

    let import = ["dataset", "import", "cifar", "--name", "noise"];
    assert!(desk.fails(1, &import).contains("--force-overwrite"));
    desk.succeeds(&[import.as_slice(), &["--force-overwrite"]].concat());

    let sweep =
        words("sweep --model model.safetensors --dataset noise --images 32 --out sweep.json");
    let small = ["--rules", "uniform", "--repairs", "none", "--sparsities", "0.5"];
    desk.succeeds(&[&sweep[..], &small].concat());
    let other = [&sweep[..], &small, &["--seed", "4"]].concat();
    assert!(desk.fails(1, &other).contains("the sweep to go on from"));
    let output = desk.output(&[&other[..], &["--force-overwrite"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("it is replaced"), "{said}");
}

#[test]
fn a_training_that_is_interrupted_says_how_it_goes_on_and_ends_where_it_would_have() {
    let desk = Desk::new();
    // It says how far it is after a second, and is far from its end then.
    let options = ["--epochs", "10", "--save-every", "1000"];
    let training =
        ["train", "--arch", "resnet8", "--dataset", "noise", "--batch-size", "4", "--out"];
    desk.succeeds(&[&training[..], &["whole.safetensors"], &options].concat());
    for name in ["INT", "TERM"] {
        let out = format!("after a {name}.safetensors");
        let mut running = started(
            &desk,
            &[&training[..], &[&out], &options, &["--progress-every", "1"]].concat(),
        );
        // It has begun when it says how far it is.
        let mut error = BufReader::new(running.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("training:") {
            line.clear();
            assert!(error.read_line(&mut line).unwrap() > 0, "it ended before it said anything");
        }
        signal(&running, name);
        let said = std::io::read_to_string(error).unwrap();
        let status = running.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{said}");
        assert!(said.contains(&format!("saved in {out}.training")), "{said}");
        assert!(desk.path(&format!("{out}.training")).exists() && !desk.path(&out).exists());
        let output = Output { status, stdout: Vec::new(), stderr: said.into_bytes() };
        paste(&desk, &printed_command(&output));
        same_bytes(&desk, "whole.safetensors", &out);
    }
}

#[test]
fn sweeps_and_fine_tuning_that_are_interrupted_go_on() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let common = ["--model", "model.safetensors", "--dataset", "noise", "--images", "32", "--out"];
    let sweep = ["--rules", "uniform,erk,lamp", "--sparsities", "0.5,0.8,0.9"];
    let finetune =
        ["--rules", "erk,rr", "--sparsities", "0.9", "--epochs", "2", "--batch-size", "4"];
    // Whether several networks are computed at once is nothing that is seen of a sweep.
    let together: &[&str] = &["--at-once", "3"];
    for (command, options, written, at_once) in [
        ("sweep", &sweep[..], "ended.json", &[][..]),
        ("sweep", &sweep[..], "ended.json", together),
        ("finetune", &finetune[..], "ended.json.training", &[][..]),
    ] {
        let asked = |out: &'static str| {
            [
                &[command],
                &common[..],
                &[out],
                options,
                &["--save-every", "0"][..usize::from(command == "finetune") * 2],
            ]
            .concat()
        };
        let whole = desk.json(&asked("whole.json"));
        let mut running = started(&desk, &[&asked("ended.json")[..], at_once].concat());
        wait_for(&mut running, &desk.path(written));
        signal(&running, "INT");
        let output = running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{command}: {said}");
        assert!(said.contains(&format!("saved in {written}")), "{command}: {said}");
        paste(&desk, &printed_command(&output));
        let ended: serde_json::Value =
            serde_json::from_slice(&std::fs::read(desk.path("ended.json")).unwrap()).unwrap();
        assert_eq!(ended, whole, "{command} {at_once:?}");
        for name in ["whole.json", "ended.json"] {
            std::fs::remove_file(desk.path(name)).unwrap();
        }
    }
}

#[test]
fn networks_at_once_come_to_what_they_do_one_by_one() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let common = words("sweep --model model.safetensors --dataset noise --images 32");
    let swept = |options: &[&'static str]| [&common[..], options].concat();
    let together = ["--at-once", "2"];

    // One that can't be computed ends the others.
    let impossible = words("--rules erk,lamp --sparsities 0.5,0.9 --floor 0.2 --out impossible");
    let said = desk.fails(1, &swept(&[&impossible[..], &together].concat()));
    assert!(said.contains("at sparsity 0.9: a floor of 0.2 keeps"), "{said}");

    // Everything, some of it, a single one and none are still to be computed.
    for (sparsities, rules) in
        [("0.5,0.8", "erk,lamp"), ("0.5,0.8", "erk,rr,lamp"), ("0.5,0.7", "rr"), ("0.5", "erk")]
    {
        let asked = ["--sparsities", sparsities, "--rules", rules, "--repairs", "none", "--out"];
        let alone = desk.json(&swept(&[&asked[..], &["alone.json"]].concat()));
        let beside = desk.json(&swept(&[&asked[..], &["beside.json"], &together].concat()));
        assert_eq!(beside, alone, "{sparsities} {rules}");
        let written = std::fs::read(desk.path("beside.json")).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written, alone, "{sparsities} {rules}");
    }
}

#[test]
fn a_second_interruption_ends_at_once() {
    let desk = Desk::new();
    let training =
        words("train --arch resnet18 --dataset noise --batch-size 160 --out x.safetensors");
    let mut running = started(&desk, &[&training[..], &["--progress-every", "1"]].concat());
    let mut error = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    // Steps of this network take seconds, so that both signals come within one.
    while !line.starts_with("training:") {
        line.clear();
        assert!(error.read_line(&mut line).unwrap() > 0, "it ended before it said anything");
    }
    signal(&running, "INT");
    while !line.contains("a second Ctrl-C ends at once") {
        line.clear();
        assert!(error.read_line(&mut line).unwrap() > 0, "it ended before it answered");
    }
    signal(&running, "INT");
    assert_eq!(running.wait().unwrap().code(), Some(130));
}

#[test]
fn a_calibration_that_is_interrupted_leaves_nothing_and_says_so() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let calibrate = ["calibrate", "--model", "model.safetensors", "--dataset", "noise", "--direct"];
    let mut running =
        started(&desk, &[&calibrate[..], &["--out", "p.json", "--progress-every", "1"]].concat());
    let mut error = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("calibrating:") {
        line.clear();
        assert!(error.read_line(&mut line).unwrap() > 0, "it ended before it said anything");
    }
    signal(&running, "INT");
    let said = std::io::read_to_string(error).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{said}");
    assert!(
        said.contains("before there was anything to save") && said.contains("calibrate --model"),
        "{said}"
    );
    assert!(!desk.path("p.json").exists());
}

#[test]
fn a_log_file_hears_how_far_work_is() {
    let desk = Desk::new();
    let training = words("train --arch resnet8 --dataset noise --epochs 100 --batch-size 4");
    let mut running = started(
        &desk,
        &[&training[..], &["--out", "x.safetensors", "--progress-every", "1"]].concat(),
    );
    let error = BufReader::new(running.stderr.take().unwrap());
    let lines: Vec<String> = error
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("training:"))
        .take(2)
        .collect();
    running.kill().unwrap();
    running.wait().unwrap();
    let line = lines.last().unwrap();
    for part in
        [" of 4000 steps (", " so far", ", about ", " left; epoch ", ", loss ", ", accuracy "]
    {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
}

/// What a command says of a wrong file: in one line, and each thing once.
fn says_once(desk: &Desk, arguments: &[&str], parts: &[&str]) {
    let error = desk.fails(1, arguments);
    assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
    for part in parts {
        assert_eq!(error.matches(part).count(), 1, "`{part}` in {arguments:?}: {error}");
    }
}

#[test]
fn a_wrong_kind_of_file_is_named() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let calibrate =
        ["calibrate", "--model", "model.safetensors", "--dataset", "noise", "--images", "32"];
    desk.succeeds(&[&calibrate[..], &["--out", "profile.json"]].concat());
    let sweep = words("sweep --model model.safetensors --dataset noise --profile profile.json");
    let small =
        ["--images", "32", "--rules", "uniform", "--repairs", "none", "--sparsities", "0.5"];
    desk.succeeds(&[&sweep[..], &small, &["--out", "sweep.json"]].concat());
    std::fs::write(desk.path("x.pth"), b"PK\x03\x04\x00\x00\x08\x08archive/data.pkl\x80\x02}")
        .unwrap();
    std::fs::write(desk.path("x.pkl"), b"\x80\x04\x95\x00").unwrap();
    std::fs::write(desk.path("x.onnx"), b"\x08\x08\x12\x07pyt").unwrap();
    std::fs::write(desk.path("table.csv"), "layer,density\nconv1,0.5\n").unwrap();
    std::fs::write(desk.path("broken.json"), "{\"graph\": 1}").unwrap();

    let allocate = ["allocate", "--rule", "rr", "--sparsity", "0.9", "--profile"];
    let wants_profile = "--profile wants a profile: `rrlab calibrate` makes one";
    says_once(
        &desk,
        &[&allocate[..], &["sweep.json"]].concat(),
        &["sweep.json is a sweep", wants_profile],
    );
    says_once(
        &desk,
        &[&allocate[..], &["model.safetensors"]].concat(),
        &["is a network", wants_profile],
    );
    says_once(
        &desk,
        &[&allocate[..], &["table.csv"]].concat(),
        &["is a text that is not JSON", wants_profile],
    );
    says_once(
        &desk,
        &[&allocate[..], &["broken.json"]].concat(),
        &["broken.json", "not a profile", "missing field"],
    );
    let evaluate = ["evaluate", "--dataset", "noise", "--model"];
    says_once(
        &desk,
        &[&evaluate[..], &["x.pth"]].concat(),
        &["x.pth", "not a whole zip archive of torch.save", "cut short"],
    );
    says_once(
        &desk,
        &[&evaluate[..], &["x.pkl"]].concat(),
        &["is a Python pickle", "--model wants"],
    );
    says_once(&desk, &[&evaluate[..], &["x.onnx"]].concat(), &["x.onnx", "not a whole ONNX file"]);
    says_once(
        &desk,
        &[&evaluate[..], &["profile.json"]].concat(),
        &["profile.json is a profile", "--model wants"],
    );
    let stored = "data/noise.dataset.safetensors";
    says_once(
        &desk,
        &[&evaluate[..], &[stored]].concat(),
        &["is a stored data set", "--model wants"],
    );
    let prune = ["prune", "--model", "model.safetensors", "--out", "p.safetensors", "--allocation"];
    says_once(
        &desk,
        &[&prune[..], &["profile.json"]].concat(),
        &["is a profile", "--allocation wants an allocation"],
    );
    says_once(&desk, &["inspect", "x.pth"], &["x.pth", "not a whole zip archive of torch.save"]);
    says_once(&desk, &["inspect", "sweep.json"], &["is a sweep", "`rrlab inspect` shows"]);
    let onto_profile = [&sweep[..], &small, &["--out", "profile.json"]].concat();
    says_once(&desk, &onto_profile, &["profile.json is a profile", "a sweep can't go on from it"]);
}

fn is_drawn(desk: &Desk) -> bool {
    Path::exists(&desk.path("data/cache"))
}

#[test]
fn no_image_is_drawn_before_the_arguments_are_checked() {
    let desk = Desk::new();
    assert_eq!(desk.json(&["dataset", "list"])[0]["train"], 10_000);
    let train = ["train", "--arch", "resnet8", "--dataset", "shapes10", "--out"];
    assert!(
        desk.fails(1, &[&train[..], &["x.safetensors", "--epochs", "0"]].concat())
            .contains("epochs")
    );
    assert!(desk.fails(1, &[&train[..], &["none/x.safetensors"]].concat()).contains("no folder"));
    desk.trained("model.safetensors");
    let with = ["--model", "model.safetensors", "--dataset", "shapes10"];
    desk.fails(1, &[&["finetune"], &with[..], &["--out", "x.json", "--epochs", "0"]].concat());
    desk.fails(
        1,
        &[&["sweep"], &with[..], &["--out", "x.json", "--profile", "none.json"]].concat(),
    );
    desk.fails(1, &[&["calibrate"], &with[..], &["--out", "model.safetensors"]].concat());
    assert!(!is_drawn(&desk), "images were drawn for a command that could not succeed");
    desk.succeeds(&[&["evaluate"], &with[..], &["--images", "8"]].concat());
    assert!(is_drawn(&desk), "what was drawn is kept");
}

/// Standard error of a command that succeeds.
fn said(desk: &Desk, arguments: &[&str]) -> String {
    let output = desk.output(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[test]
fn what_was_chosen_and_what_there_was_too_little_of_is_said() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let evaluate =
        ["evaluate", "--model", "model.safetensors", "--dataset", "noise", "--images", "99999"];
    let note = said(&desk, &evaluate);
    assert!(
        note.contains("note: noise has 60 test images, not 99999; all of them are used"),
        "{note}"
    );

    let allocation =
        desk.succeeds(&words("allocate --arch resnet8 --rule erk --sparsity 0.5 --format json"));
    std::fs::write(desk.path("a.json"), allocation).unwrap();
    let prune =
        ["prune", "--model", "model.safetensors", "--allocation", "a.json", "--images", "32"];
    let note = said(&desk, &[&prune[..], &["--out", "pruned.safetensors"]].concat());
    assert!(
        note.contains(
            "note: using noise, which the network was trained on; --dataset names another"
        ),
        "{note}"
    );

    let sweep =
        words("sweep --model model.safetensors --dataset noise --images 32 --out sweep.json");
    let lists = ["--rules", "uniform,erk", "--sparsities", "0.5,0.9", "--repairs", "none"];
    let note = said(&desk, &[&sweep[..], &lists].concat());
    let plan = "4 networks: 2 rules (uniform, erk) × 2 sparsities (0.5, 0.9) × 1 repair (none), pruned by magnitude, each on 60 test images";
    assert!(note.contains(plan), "{note}");
}

#[test]
fn the_papers_experiments_are_one_command_that_goes_on() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let reproduce = words(
        "reproduce --model model.safetensors --dataset noise --images 32 --sparsities 0.8,0.9 \
        --distil 2 --out paper",
    );
    let output = desk.output(&reproduce);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.matches("using cpu").count() <= 1, "the device is opened once: {told}");
    let sweeps = [
        "rules",
        "steps",
        "distilled",
        "erk-projection-global",
        "erk-projection-0.5",
        "erk-projection-dense",
        "erk-projection-rr",
    ];
    let read = |name: &str| std::fs::read(desk.path(&format!("paper/{name}"))).unwrap();
    let before = sweeps.map(|name| {
        assert!(read(&format!("{name}.svg")).starts_with(b"<svg"));
        [read(&format!("{name}.md")), read(&format!("{name}.sweep.json"))]
    });
    let ladder = String::from_utf8(read("ladder.svg")).unwrap();
    assert!(ladder.contains("reconstruction in steps, distilled for 2 epochs"), "{ladder}");
    // Fine-tuning with labels is the last rung of the same page.
    desk.succeeds(&words(
        "finetune --model model.safetensors --profile paper/profile.json --dataset noise --images 32 \
        --rules rr --sparsities 0.9 --epochs 1 --out tuned.json",
    ));
    let rungs = ["rules", "steps", "distilled"].map(|name| format!("paper/{name}.sweep.json"));
    let rungs = rungs.iter().map(String::as_str).chain(["tuned.json", "--out", "ladder.md"]);
    desk.succeeds(&["report", "--ladder"].into_iter().chain(rungs).collect::<Vec<_>>());
    let ladder = std::fs::read_to_string(desk.path("ladder.md")).unwrap();
    let names: Vec<&str> = ladder
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| ")?.split('|').next()?.trim()))
        .collect();
    assert_eq!(
        names,
        [
            "repair",
            "no repair",
            "variance matching",
            "reconstruction",
            "reconstruction in steps",
            "reconstruction in steps, distilled for 2 epochs",
            "variance matching, fine-tuned with labels for 1 epoch",
        ]
    );
    assert!(ladder.starts_with(&String::from_utf8(read("ladder.md")).unwrap()[..40]), "{ladder}");
    let forced = ["paper/rules.sweep.json", "paper/erk-projection-dense.sweep.json"];
    let options = ["--ladder", "--rule", "erk", "--out", "no.md"];
    let refused = desk.fails(1, &[&["report"][..], &forced, &options].concat());
    assert!(refused.contains("has other forced layers, settings or images"), "{refused}");
    let claims = String::from_utf8(read("claims.md")).unwrap();
    for text in
        ["# The paper's claims on resnet8 and noise", "`projection=rule:rr`", "what came out"]
    {
        assert!(claims.contains(text), "`{text}` is not in {claims}");
    }
    // What is there is not computed again, and a page that was lost is written anew.
    std::fs::remove_file(desk.path("paper/rules.md")).unwrap();
    desk.succeeds(&reproduce);
    let after =
        sweeps.map(|name| [read(&format!("{name}.md")), read(&format!("{name}.sweep.json"))]);
    assert!(before == after, "the same bytes");
}

#[test]
fn what_depends_on_calibration_images_is_one_command_that_goes_on() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let reproduce = words(
        "reproduce calibration --model model.safetensors --dataset noise --images 16 \
        --image-counts 8,16 --calibration-seeds 0,1 --calibration-classes 1 --sparsities 0.8 \
        --repairs variance_matching --test-images 20 --out study",
    );
    desk.succeeds(&reproduce);
    let read = |name: &str| std::fs::read(desk.path(&format!("study/{name}"))).unwrap();
    let page = String::from_utf8(read("calibration.md")).unwrap();
    for row in
        ["| 8 images  ", "| 16 images  ", "| 16 images, 1 alone ", "| 16 images of shapes10 "]
    {
        assert_eq!(page.matches(row).count(), 1, "`{row}` in {page}");
    }
    let sweep = "of-shapes10.draw-1.sweep.json";
    let found: serde_json::Value = serde_json::from_slice(&read(sweep)).unwrap();
    assert_eq!(found["dataset"], "noise");
    assert_eq!(found["calibration_dataset"], "shapes10");
    let own: serde_json::Value =
        serde_json::from_slice(&read("images-16.draw-1.sweep.json")).unwrap();
    assert_eq!(own["images_hash"], found["images_hash"], "the same test images");
    assert!(own["profile_hash"] != found["profile_hash"], "each has a profile of its own images");
    let before = read(sweep);
    desk.succeeds(&reproduce);
    assert!(read(sweep) == before, "the same bytes");

    // What was calibrated on other images is another sweep.
    let shapes = "sweep --model model.safetensors --dataset noise --images 16 --judge-images 0 \
                  --sparsities 0.8 --rules lamp,rr --repairs variance_matching --test-images 20 \
                  --calibration-seeds 1 --out study/of-shapes10.draw-1.sweep.json";
    let refused = desk.output(&words(shapes));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("is by profile"), "{said}");
    let plans = ["study/images-8.draw-0.sweep.json", "study/images-16.draw-0.sweep.json"];
    let page = ["--calibrations", "--out", "page.md"];
    desk.succeeds(&[&["report"][..], &plans, &page].concat());
    desk.succeeds(&words(&format!(
        "{} --rules rr --out other.json",
        shapes
            .replace(" --rules lamp,rr", "")
            .replace(" --out study/of-shapes10.draw-1.sweep.json", "")
    )));
    let unlike = [&["report", "other.json"][..], &plans, &["--calibrations", "--out", "no.md"]];
    let refused = desk.output(&unlike.concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("only calibration images may differ"), "{said}");
}

#[test]
fn what_a_network_has_no_layers_for_is_left_out_of_the_papers_experiments() {
    let desk = Desk::new();
    let train =
        words("train --arch vgg11_bn:width=0.125 --dataset noise --epochs 1 --out vgg.safetensors");
    desk.succeeds(&train);
    let reproduce = words(
        "reproduce --model vgg.safetensors --dataset noise --images 16 --sparsities 0.8 \
        --repairs variance_matching --test-images 20 --distil 0 --out paper",
    );
    let output = desk.output(&reproduce);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("the network has no projections"), "{told}");
    assert!(!desk.path("paper/distilled.sweep.json").exists(), "0 epochs leave it out");
    let claims = std::fs::read_to_string(desk.path("paper/claims.md")).unwrap();
    assert!(claims.contains("Not comparable: no sweep of `erk` with forced layers"), "{claims}");
}

/// The command that a result tells, run in place of the one that made it.
#[test]
fn what_computes_a_result_again_is_told_with_it() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let again = |command: &str, option: &str| {
        let arguments = command.strip_prefix("rrlab ").unwrap();
        desk.succeeds(&words(&format!("{arguments} {option}")))
    };
    let read = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();

    desk.succeeds(&words(
        "calibrate --model model.safetensors --dataset noise --images 24 --split test --seed 5 --direct --out first.json",
    ));
    let profile = ModelProfile::from_json(&read("first.json")).unwrap();
    again(&profile.command("model.safetensors", "again.json"), "");
    same_bytes(&desk, "first.json", "again.json");
    let with_channels =
        profile.command_with_channels("model.safetensors", "profile.json", "channels.json");
    again(&with_channels, "");
    same_bytes(&desk, "first.json", "profile.json");
    let channels = ChannelProfile::from_json(&read("channels.json")).unwrap();
    channels.check_profile(&profile).unwrap();

    let allocate = "allocate --profile profile.json --rule blend --prior lamp --sparsity 0.9 --alpha -0.5 \
                    --repair least_squares --floor 0.01 --force stem=dense --format json";
    let allocated = desk.succeeds(&words(allocate));
    let request = AllocationRequest {
        settings: RuleSettings {
            prior: Rule::Lamp.try_into().unwrap(),
            alpha: -0.5,
            repair: RepairOperator::LeastSquares,
            floor: 0.01,
            ..RuleSettings::default()
        },
        constraints: vec!["stem=dense".parse().unwrap()],
        ..AllocationRequest::new(Rule::Blend, "0.9".parse().unwrap())
    };
    assert_eq!(again(&request.command("profile.json"), "--format json"), allocated);

    desk.succeeds(&words(
        "sweep --model model.safetensors --dataset noise --rules erk,rr --sparsities 0.8 --repairs none,least_squares \
         --images 24 --test-images 16 --judge-images 8 --seed 2 --calibration-seeds 4 --out other.json",
    ));
    let report = SweepReport::from_json(&read("other.json")).unwrap();
    again(&report.command("model.safetensors", "sweep.json").unwrap(), "");
    same_bytes(&desk, "other.json", "sweep.json");
}
