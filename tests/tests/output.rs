//! What the command line prints and draws: tables for people, JSON and CSV for programs, figures.

use rrlab_tests::assert_transcript;
use rrlab_tests::desk::{Desk, words};
use rrlab_tests::repository;
use serde_json::{Value, json};

/// A desk with a network, `model.safetensors`, and its profile, `profile.json`.
fn measured() -> Desk {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    calibrated(&desk, "model.safetensors", "profile.json");
    desk
}

fn calibrated(desk: &Desk, model: &str, profile: &str) {
    desk.succeeds(&[
        "calibrate",
        "--model",
        model,
        "--dataset",
        "noise",
        "--images",
        "64",
        "--out",
        profile,
    ]);
}

/// Writes what a command prints in a format to a file.
fn kept(desk: &Desk, arguments: &[&str], format: &str, file: &str) {
    let printed = desk.succeeds(&[arguments, &["--format", format]].concat());
    std::fs::write(desk.path(file), printed).unwrap();
}

fn read(desk: &Desk, file: &str) -> String {
    std::fs::read_to_string(desk.path(file)).unwrap()
}

/// Cells of CSV by the names of their columns. No cell that is asked for here has a comma.
fn csv_rows(text: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

const RR: &str =
    "allocate --profile profile.json --sparsity 0.9 --force projection=dense --rule rr";

#[test]
fn an_allocation_prunes_the_same_from_json_and_from_csv() {
    let desk = measured();
    let prune = |allocation: &str, out: &str| {
        let arguments =
            ["prune", "--model", "model.safetensors", "--images", "32", "--dataset", "noise"];
        let report =
            desk.json(&[&arguments[..], &["--allocation", allocation, "--out", out]].concat());
        (report["model_hash"].clone(), std::fs::read(desk.path(out)).unwrap())
    };
    for format in ["json", "csv"] {
        kept(&desk, &words(RR), format, &format!("allocation.{format}"));
    }
    let (hash, network) = prune("allocation.json", "one.safetensors");
    assert!(
        prune("allocation.csv", "two.safetensors") == (hash, network),
        "the two networks differ"
    );
    let compared = desk.json(&["compare", "allocation.json", "allocation.csv"]);
    assert_eq!(
        compared["settings"],
        Value::Array(Vec::new()),
        "CSV says everything that JSON does"
    );

    // Columns in another order, and the mark that a spreadsheet puts first, change nothing.
    let text = read(&desk, "allocation.csv");
    let mut rows: Vec<csv::StringRecord> = Vec::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    rows.extend(
        reader.records().map(|record| record.unwrap().iter().rev().map(str::to_owned).collect()),
    );
    let mut writer = csv::Writer::from_writer(Vec::from("\u{feff}"));
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    std::fs::write(desk.path("turned.csv"), writer.into_inner().unwrap()).unwrap();
    assert_eq!(
        prune("turned.csv", "three.safetensors").0,
        prune("allocation.json", "four.safetensors").0
    );
}

#[test]
fn an_allocation_that_lost_something_is_refused() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    let allocate =
        |sparsity| ["allocate", "--arch", "resnet8", "--rule", "erk", "--sparsity", sparsity];
    kept(&desk, &allocate("0.9"), "csv", "whole.csv");
    kept(&desk, &allocate("0.8"), "csv", "other.csv");
    kept(&desk, &allocate("0.9"), "table", "table.txt");
    let whole = read(&desk, "whole.csv");
    let lines: Vec<&str> = whole.lines().collect();
    let other = read(&desk, "other.csv");
    let second_of_other = other.lines().nth(2).unwrap();
    let files = [
        ("short.csv", lines[..lines.len() - 1].join("\n")),
        ("mixed.csv", [&lines[..2], &[second_of_other], &lines[3..]].concat().join("\n")),
        ("cell.csv", whole.replacen(",432,", ",many,", 1)),
        ("role.csv", whole.replacen(",stem,", ",stern,", 1)),
        ("header.csv", lines[0].to_owned()),
    ];
    for (name, text) in &files {
        assert_ne!(*text, whole, "{name}");
        std::fs::write(desk.path(name), text).unwrap();
    }
    let prune = |allocation| {
        let arguments =
            words("prune --model model.safetensors --repair none --out out.safetensors");
        [&arguments[..], &["--allocation", allocation]].concat()
    };
    assert_transcript!(
        desk,
        [
            prune("table.txt"),
            prune("short.csv"),
            prune("mixed.csv"),
            prune("cell.csv"),
            prune("role.csv"),
            prune("header.csv"),
        ],
        @r#"
        $ rrlab prune --model model.safetensors --repair none --out out.safetensors --allocation table.txt
        error: table.txt: this is the table that `rrlab allocate` prints for people, which does not say what it is of; write `rrlab allocate … --format json > allocation.json` (or --format csv)
        [exit code 1]

        $ rrlab prune --model model.safetensors --repair none --out out.safetensors --allocation short.csv
        error: short.csv: the allocation contradicts itself: its layers keep 7096 weights, but the budget is 7736
        [exit code 1]

        $ rrlab prune --model model.safetensors --repair none --out out.safetensors --allocation mixed.csv
        error: mixed.csv: line 3 is of another allocation than the lines before it: they differ in more than the layer
        [exit code 1]

        $ rrlab prune --model model.safetensors --repair none --out out.safetensors --allocation cell.csv
        error: cell.csv: line 2: `many` in column weights is not a number or a list
        [exit code 1]

        $ rrlab prune --model model.safetensors --repair none --out out.safetensors --allocation role.csv
        error: role.csv: line 2: unknown variant `stern`, expected one of `stem`, `conv`, `projection`, `classifier`, `hidden`, `squeeze_excite`
        [exit code 1]

        $ rrlab prune --model model.safetensors --repair none --out out.safetensors --allocation header.csv
        error: header.csv: it has no layers
        [exit code 1]
        "#
    );
    assert!(!desk.path("out.safetensors").exists());
}

#[test]
fn the_judge_chooses_an_allocation_that_prune_takes() {
    let desk = measured();
    let choose = words(
        "choose --model model.safetensors --profile profile.json --dataset noise --sparsity 0.8 \
        --rules uniform,erk,rr --judge-images 40 --refine 4 --device cpu",
    );
    let enough = [&choose[..], &["--images", "64", "--out", "chosen.json"]].concat();
    let chosen = desk.json(&enough);
    assert_eq!(serde_json::from_str::<Value>(&read(&desk, "chosen.json")).unwrap(), chosen);
    let selection = &chosen["selection"];
    let divergences: Vec<f64> = selection["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| candidate["divergence"].as_f64().unwrap())
        .collect();
    assert_eq!(divergences.len(), 3);
    assert!(divergences.is_sorted(), "{divergences:?}");
    assert_eq!(selection["candidates"][0]["rule"], chosen["rule"]);
    assert_eq!(
        (&selection["judge_images"], &selection["refinement"]["networks"]),
        (&40.into(), &4.into())
    );
    assert!(desk.fails(1, &enough).contains("--force-overwrite"));

    let prune = words(
        "prune --model model.safetensors --allocation chosen.json --dataset noise --images 64 \
        --out pruned.safetensors",
    );
    let pruned = desk.json(&prune);
    assert_eq!(pruned["kept"], chosen["kept"]);
    assert_eq!(pruned["pruned_from"]["rule"], chosen["rule"]);
    let refined = selection["refinement"]["taken"].as_bool().unwrap();
    assert_eq!(pruned["pruned_from"]["refined"].as_bool().unwrap_or(false), refined);
    let search = if refined { Value::from("walk") } else { Value::Null };
    assert_eq!(pruned["pruned_from"]["search"], search);

    let all = desk.fails(1, &[&choose[..], &["--images", "160", "--out", "none.json"]].concat());
    assert!(all.contains("0 images are left for the judge, who needs"), "{all}");
    let steps = ["--criterion", "obs", "--images", "64", "--out", "none.json"];
    let refused = desk.fails(1, &[&choose[..], &steps].concat());
    assert!(refused.contains("reconstruction"), "{refused}");
    assert!(!desk.path("none.json").exists());
}

#[test]
fn columns_of_csv_bear_the_names_that_json_has() {
    let desk = measured();
    let sweep = words("sweep --model model.safetensors --dataset noise --profile profile.json");
    let sweep = [&sweep[..], &["--rules", "erk", "--sparsities", "0.5", "--images", "32"]].concat();
    let finetune =
        words("finetune --model model.safetensors --dataset noise --profile profile.json");
    let finetune = [
        &finetune[..],
        &["--rules", "erk", "--sparsities", "0.5", "--images", "32", "--epochs", "2"],
    ]
    .concat();
    let commands: [(Vec<&str>, &str); 8] = [
        (vec!["dataset", "list"], ""),
        (vec!["evaluate", "--model", "model.safetensors", "--dataset", "noise"], ""),
        (vec!["inspect", "profile.json"], "layers"),
        (vec!["inspect", "model.safetensors"], "layers"),
        (words(RR), "layers"),
        ([Desk::training().as_slice(), &["again.safetensors"]].concat(), "epochs"),
        (sweep, "entries"),
        (finetune, "runs"),
    ];
    for (index, (arguments, lines)) in commands.iter().enumerate() {
        let out = |format: &str| format!("{index}.{format}");
        let command = |format: &str| {
            let written = ["sweep", "finetune"].contains(&arguments[0]);
            let out = if written { vec!["--out".to_owned(), out(format)] } else { Vec::new() };
            let options = ["--format".to_owned(), format.to_owned()];
            let arguments = arguments.iter().map(|&text| text.to_owned());
            arguments
                .map(|text| text.replace("again", &format!("again-{format}")))
                .chain(options)
                .chain(out)
                .collect::<Vec<String>>()
        };
        let printed = |format: &str| {
            let arguments = command(format);
            desk.succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let json: Value = serde_json::from_str(&printed("json")).unwrap();
        let csv = printed("csv");
        assert!(!csv.contains('%'), "{arguments:?}: {csv}");
        let rows = csv_rows(&csv);
        let first = if lines.is_empty() { &json } else { &json[*lines] };
        let first = if first.is_array() { &first[0] } else { first };
        for (column, cell) in &rows[0] {
            let pointer = format!("/{}", column.replace('.', "/"));
            let nested = [
                first.pointer(&format!("/epochs/0{pointer}")),
                first.pointer(&pointer),
                json.pointer(&pointer),
            ];
            let Some(found) = nested.into_iter().flatten().next() else {
                assert!(cell.is_empty(), "{arguments:?}: no {column} in JSON");
                continue;
            };
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            assert_eq!(if found.is_null() { "" } else { &text }, cell, "{arguments:?}: {column}");
        }
    }
}

#[test]
fn pruning_says_what_it_did() {
    let desk = Desk::new();
    desk.trained("model.safetensors");
    // By shapes alone: what is kept is the same on every machine.
    let allocate = ["allocate", "--arch", "resnet8", "--rule", "erk", "--sparsity", "0.9"];
    kept(&desk, &allocate, "json", "allocation.json");
    let prune = |repair: &'static str, out: &'static str| {
        let arguments =
            words("prune --model model.safetensors --images 32 --allocation allocation.json");
        [&arguments[..], &["--repair", repair, "--out", out]].concat()
    };
    let matched =
        [&prune("variance_matching", "matched.safetensors")[..], &["--device", "cpu"]].concat();
    assert_transcript!(desk, [matched], @r#"
        $ rrlab prune --model model.safetensors --images 32 --allocation allocation.json --repair variance_matching --out matched.safetensors --device cpu
        note: allocation.json does not say which network it is of; only its layers are compared
        note: using noise, which the network was trained on; --dataset names another
         layer                role        weights  kept  density  repair folded into
         conv1                stem            432   294   0.6806  batch norm bn1
         layer1.0.conv1       conv           2304   448   0.1944  batch norm layer1.0.bn1
         layer1.0.conv2       conv           2304   448   0.1944  batch norm layer1.0.bn2
         layer2.0.conv1       conv           4608   636   0.1380  batch norm layer2.0.bn1
         layer2.0.conv2       conv           9216   825   0.0895  batch norm layer2.0.bn2
         layer2.0.shortcut.0  projection      512   512   1.0000  batch norm layer2.0.shortcut.1
         layer3.0.conv1       conv          18432  1201   0.0652  batch norm layer3.0.bn1
         layer3.0.conv2       conv          36864  1578   0.0428  batch norm layer3.0.bn2
         layer3.0.shortcut.0  projection     2048  1154   0.5635  batch norm layer3.0.shortcut.1
         linear               classifier      640   640   1.0000  its weight and bias
        erk at sparsity 0.9: 7736 of 77360 weights kept
        multiply-accumulates 12.5 → 2.0 million (a theoretical speed-up of 6.3), 304.85 KiB dense → 42.19 KiB sparse
        repaired by variance_matching on 32 images of noise
        accuracy [percent] on 60 test images of noise
        wrote matched.safetensors (network [hash])

        density: The fraction of a layer's weights that is kept. d = kept / weights
        projection: A 1×1 convolution on the shorter side of a residual sum. Few weights, but all of the shortcut's signal.
        stem: The first convolution, which sees the image.
        classifier: The last layer, which gives a number for each class.
        "#);

    let folded = |report: &Value| -> Vec<(Value, Value)> {
        let layers = report["layers"].as_array().unwrap();
        layers
            .iter()
            .map(|layer| (layer["folded_into"].clone(), layer["folded_as"].clone()))
            .collect()
    };
    let report = desk.json(&prune("least_squares", "least.safetensors"));
    let layers = folded(&report);
    assert_eq!(layers.first().unwrap(), &("bn1".into(), "batch_norm".into()));
    assert_eq!(layers.last().unwrap(), &("linear".into(), "weight_and_bias".into()));
    let recalibrated = folded(&desk.json(&prune("bn_recalibration", "recalibrated.safetensors")));
    assert_eq!(recalibrated.first().unwrap(), &("bn1".into(), "batch_norm_statistics".into()));
    assert_eq!(
        recalibrated.last().unwrap(),
        &(Value::Null, Value::Null),
        "there is no batch norm behind it"
    );
    let unrepaired = desk.json(&prune("none", "unrepaired.safetensors"));
    assert!(folded(&unrepaired).iter().all(|layer| *layer == (Value::Null, Value::Null)));
    assert_eq!(unrepaired["calibration"], Value::Null);

    for (report, out) in [(&report, "least.safetensors"), (&unrepaired, "unrepaired.safetensors")] {
        let evaluation = desk.json(&["evaluate", "--model", out, "--dataset", "noise"]);
        assert_eq!(report["evaluation"], evaluation, "what `rrlab evaluate` finds");
        assert_eq!(report["kept"], evaluation["nonzero_weights"]);
    }
    // Without images nothing can be repaired, but pruned.
    std::fs::remove_file(desk.path("data/noise.dataset.safetensors")).unwrap();
    let alone = desk.json(&prune("none", "alone.safetensors"));
    assert_eq!(
        (&alone["evaluation"], &alone["model_hash"]),
        (&Value::Null, &unrepaired["model_hash"])
    );
    let refused = desk.fails(1, &prune("shrunk", "shrunk.safetensors"));
    assert!(
        refused.contains("repair needs images") && !desk.path("shrunk.safetensors").exists(),
        "{refused}"
    );
}

fn swept(desk: &Desk, network: &str, out: &str, options: &[&str]) {
    let (model, profile) = (format!("{network}.safetensors"), format!("{network}.json"));
    let sweep =
        ["sweep", "--model", &model, "--profile", &profile, "--dataset", "noise", "--images", "32"];
    let options =
        [&["--sparsities", "0.5,0.8", "--rules", "uniform,erk", "--out", out], options].concat();
    desk.succeeds(&[&sweep[..], &options].concat());
}

#[test]
fn two_results_are_compared_cell_by_cell() {
    let desk = Desk::new();
    desk.trained("one.safetensors");
    desk.succeeds(&[Desk::training().as_slice(), &["two.safetensors", "--seed", "1"]].concat());
    for network in ["one", "two"] {
        calibrated(&desk, &format!("{network}.safetensors"), &format!("{network}.json"));
    }
    swept(&desk, "one", "a.json", &[]);
    swept(&desk, "one", "b.json", &["--repairs", "none"]);
    swept(&desk, "two", "c.json", &["--test-images", "40"]);

    let itself = desk.json(&["compare", "a.json", "a.json"]);
    assert!(itself["identity"].as_array().unwrap().iter().all(|check| check["verdict"] == "same"));
    assert_eq!(itself["settings"], Value::Array(Vec::new()));
    assert!(itself["cells"].as_array().unwrap().iter().all(|cell| cell["difference"] == 0));

    let fewer = desk.json(&["compare", "a.json", "b.json"]);
    let missing = fewer["cells"].as_array().unwrap().iter().filter(|cell| cell["b"].is_null());
    assert!(
        missing.clone().all(|cell| cell["repair"] == "variance_matching") && missing.count() == 4
    );
    assert_eq!(fewer["settings"][0]["name"], "plan.repairs");

    let other = desk.json(&["compare", "a.json", "c.json"]);
    let verdicts: Vec<&str> = other["identity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["different", "different", "different"]);
    let settings: Vec<&str> = other["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|setting| setting["name"].as_str().unwrap())
        .collect();
    assert!(settings.contains(&"plan.evaluation_images"), "{settings:?}");
    let cell = &other["cells"][0];
    let difference = cell["b"].as_f64().unwrap() - cell["a"].as_f64().unwrap();
    assert!((cell["difference"].as_f64().unwrap() - difference).abs() < 1e-12);

    kept(
        &desk,
        &["allocate", "--arch", "resnet8", "--rule", "erk", "--sparsity", "0.9"],
        "json",
        "erk.json",
    );
    kept(
        &desk,
        &["allocate", "--arch", "resnet8", "--rule", "uniform", "--sparsity", "0.9"],
        "csv",
        "uniform.csv",
    );
    assert_transcript!(
        desk,
        [
            ["compare", "erk.json", "uniform.csv"],
            ["compare", "a.json", "one.json"],
            ["compare", "one.json", "one.safetensors"],
        ],
        @r#"
        $ rrlab compare erk.json uniform.csv
         name                 quantity       A       B    B − A
         conv1                kept         294      43     -251
         conv1                density   0.6806  0.0995  -0.5810
         layer1.0.conv1       kept         448     230     -218
         layer1.0.conv1       density   0.1944  0.0998  -0.0946
         layer1.0.conv2       kept         448     230     -218
         layer1.0.conv2       density   0.1944  0.0998  -0.0946
         layer2.0.conv1       kept         636     461     -175
         layer2.0.conv1       density   0.1380  0.1000  -0.0380
         layer2.0.conv2       kept         825     922      +97
         layer2.0.conv2       density   0.0895  0.1000  +0.0105
         layer2.0.shortcut.0  kept         512      51     -461
         layer2.0.shortcut.0  density   1.0000  0.0996  -0.9004
         layer3.0.conv1       kept        1201    1843     +642
         layer3.0.conv1       density   0.0652  0.1000  +0.0348
         layer3.0.conv2       kept        1578    3687    +2109
         layer3.0.conv2       density   0.0428  0.1000  +0.0572
         layer3.0.shortcut.0  kept        1154     205     -949
         layer3.0.shortcut.0  density   0.5635  0.1001  -0.4634
         linear               kept         640      64     -576
         linear               density   1.0000  0.1000  -0.9000
        A is erk.json, B is uniform.csv: each is an allocation
        network: can't be checked, neither says which
        profile: can't be checked, neither says which
        rule: erk in A, uniform in B
        20 of 20 numbers differ; those that are equal are not shown

        density: The fraction of a layer's weights that is kept. d = kept / weights

        $ rrlab compare a.json one.json
        error: a.json is a sweep and one.json is a profile: only results of one kind can be compared
        [exit code 1]

        $ rrlab compare one.json one.safetensors
        error: one.safetensors is not text: invalid utf-8 sequence of 1 bytes from index 0
        [exit code 1]
        "#
    );
    let rows = csv_rows(&desk.succeeds(&["compare", "one.json", "two.json", "--format", "csv"]));
    assert_eq!(rows.len(), 30, "raw, residual and RR of ten layers");
    assert!(
        rows.iter().all(|row| row["a"].parse::<f64>().is_ok() && row["b"].parse::<f64>().is_ok())
    );
}

#[test]
fn figures_name_what_they_are_of() {
    let desk = measured();
    std::fs::rename(desk.path("profile.json"), desk.path("model.json")).unwrap();
    swept(&desk, "model", "sweep.json", &[]);
    let in_steps = ["--criterion", "obs", "--repairs", "reconstruction"];
    swept(&desk, "model", "steps.json", &in_steps);
    let finetune = words("finetune --model model.safetensors --profile model.json --dataset noise");
    let options =
        ["--images", "32", "--rules", "uniform,erk", "--sparsities", "0.5,0.9", "--epochs", "2"];
    desk.succeeds(&[&finetune[..], &options, &["--out", "tuned.json"]].concat());
    let allocate = ["allocate", "--profile", "model.json", "--rule", "rr", "--sparsity", "0.9"];
    kept(&desk, &allocate, "csv", "allocation.csv");
    let hash = desk.json(&["inspect", "model.safetensors"])["model_hash"].as_str().unwrap()[..12]
        .to_owned();

    let sweep_says = [
        "resnet8",
        "60 test images of noise",
        "accuracy (%)",
        "sparsity (fraction",
        "ERK (capped), no repair",
        "dense ",
    ];
    let figures: [(&[&str], &str, &[&str]); 7] = [
        (&["sweep.json"], "sweep.svg", &sweep_says),
        (
            &["sweep.json", "--rules", "erk"],
            "ladder.svg",
            &["ERK (capped), no repair", "ERK (capped), variance matching"],
        ),
        (
            &["sweep.json", "steps.json", "--rules", "erk"],
            "steps.svg",
            &[
                "ERK (capped), no repair",
                "ERK (capped), variance matching",
                "ERK (capped), reconstruction in steps",
            ],
        ),
        (&["tuned.json"], "tuned.svg", &["epoch", "accuracy (%)", "uniform at 0.9", "dense "]),
        (
            &["model.json"],
            "bars.svg",
            &["at sparsity 0.95", "layer1.0.conv1", "projection", "repair does nothing"],
        ),
        (
            &["model.json", "--profile-as", "curves"],
            "curves.svg",
            &["fraction of its weights removed", "layer3.0.conv2"],
        ),
        (
            &["allocation.csv"],
            "allocation.svg",
            &["by rr at sparsity 0.9", "fraction of the layer&apos;s weights kept"],
        ),
    ];
    for (arguments, out, says) in figures {
        desk.succeeds(&[&["plot"], arguments, &["--out", out]].concat());
        let svg = read(&desk, out);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{out}");
        for text in says.iter().copied().chain([hash.as_str()]) {
            assert!(svg.contains(text), "{out} does not say `{text}`");
        }
    }
    assert!(!read(&desk, "ladder.svg").contains("uniform"), "only what was asked for is drawn");
    let before = read(&desk, "sweep.svg");
    let over = ["plot", "model.json", "--out", "sweep.svg"];
    let mixed = ["plot", "sweep.json", "model.json", "--out", "mixed.svg"];
    assert!(desk.fails(1, &mixed).contains("model.json"), "only sweeps are drawn together");
    assert_transcript!(desk, [over, ["plot", "model.json", "--out", "figure.png"]], @r#"
        $ rrlab plot model.json --out sweep.svg
        error: --out sweep.svg exists; --force-overwrite replaces it, or choose another name
        [exit code 1]

        $ rrlab plot model.json --out figure.png
        error: figure.png does not end in .svg, and figures are SVG
        [exit code 1]
        "#);
    assert_eq!(read(&desk, "sweep.svg"), before);
    desk.succeeds(&[&over[..], &["--force-overwrite"]].concat());
    assert_ne!(read(&desk, "sweep.svg"), before);
    if let Some(folder) = std::env::var_os("RRLAB_FIGURES") {
        for name in ["tuned.svg", "bars.svg", "curves.svg", "allocation.svg"] {
            std::fs::copy(desk.path(name), std::path::Path::new(&folder).join(name)).unwrap();
        }
        std::fs::write(std::path::Path::new(&folder).join("sweep.svg"), before).unwrap();
    }
}

#[test]
fn a_sweep_becomes_a_page_of_markdown() {
    let desk = measured();
    desk.succeeds(&words(
        "sweep --model model.safetensors --profile profile.json --dataset noise --images 32 \
        --rules uniform,erk --sparsities 0.9,0.5 --out sweep.json",
    ));
    desk.succeeds(&["report", "sweep.json", "--rule", "erk", "--out", "sweep.md"]);
    let page = read(&desk, "sweep.md");
    let report: Value = serde_json::from_str(&read(&desk, "sweep.json")).unwrap();
    let hash = &report["model_hash"].as_str().unwrap()[..12];
    for text in [
        "# resnet8 on noise",
        hash,
        "## Accuracy after repair `variance_matching`",
        "| rule | 0.5 | 0.9 |",
        "## Where `erk` is beaten beyond noise",
        "| judge's choice | most accurate |",
    ] {
        let squeezed = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(text), "`{text}` is not in {page}");
    }
    // It has no `rr`, which is judged where nothing else is asked for.
    desk.succeeds(&["report", "sweep.json", "--out", "plain.md"]);
    assert!(!read(&desk, "plain.md").contains("is beaten beyond noise"));
    let refused = desk.fails(1, &words("report sweep.json --rule rr --out refused.md"));
    assert!(refused.contains("the sweep has no rr; it has 2 rules (uniform, erk)"), "{refused}");
    assert_transcript!(desk, [["report", "profile.json", "--out", "other.md"]], @r#"
        $ rrlab report profile.json --out other.md
        error: profile.json is a profile; a sweep is wanted here: `rrlab sweep` makes one
        [exit code 1]
        "#);
}

#[test]
fn several_draws_of_calibration_images_are_one_page_of_means() {
    let desk = measured();
    let sweep = words(
        "sweep --model model.safetensors --dataset noise --images 16 --judge-images 8 --rules erk,rr \
        --sparsities 0.8 --repairs variance_matching --calibration-seeds 0,1,2 --out draw-{seed}.json",
    );
    let reports = desk.json(&sweep);
    let files = ["draw-0.json", "draw-1.json", "draw-2.json"];
    let written: Vec<Value> =
        files.iter().map(|file| serde_json::from_str(&read(&desk, file)).unwrap()).collect();
    assert_eq!(reports, Value::Array(written.clone()));
    let same = |key: &str| written.iter().all(|report| report[key] == written[0][key]);
    assert!(same("images_hash") && same("model_hash") && same("dense_accuracy"));
    assert!(!same("profile_hash"), "each draw measures its own profile");
    assert_eq!(written[2]["plan"]["seed"], 2);
    assert_eq!(written[2]["plan"]["evaluation_seed"], 0);
    // The first draw is the sweep that there is without others.
    let alone = words(
        "sweep --model model.safetensors --dataset noise --images 16 --judge-images 8 --rules erk,rr \
        --sparsities 0.8 --repairs variance_matching --out alone.json",
    );
    assert_eq!(desk.json(&alone), written[0]);
    let table = desk.succeeds(&sweep);
    assert!(table.contains("means of 3 draws of calibration images"), "{table}");
    let mean = |rule: usize| {
        let accuracies = written.iter().map(|r| r["entries"][rule]["accuracy"].as_f64().unwrap());
        100.0 * accuracies.sum::<f64>() / 3.0
    };
    assert!(table.contains(&format!("{:.2}%", mean(0))), "{table}");

    desk.succeeds(&[&["report"], &files[..], &["--out", "draws.md"]].concat());
    let page = read(&desk, "draws.md");
    for text in [
        "Means of 3 draws of calibration images, with seeds 0, 1, 2".to_owned(),
        format!("{:.1} ± ", mean(1)),
        "Student's t over draws and test images".to_owned(),
    ] {
        assert!(page.contains(&text), "`{text}` is not in {page}");
    }

    // Each mean has a whisker.
    desk.succeeds(&[&["plot"], &files[..], &["--out", "draws.svg"]].concat());
    desk.succeeds(&["plot", files[0], "--out", "draw.svg"]);
    let lines = |figure: &str| read(&desk, figure).matches("<polyline").count();
    assert_eq!(lines("draws.svg"), lines("draw.svg") + 2, "one for each rule at the one sparsity");
    assert!(read(&desk, "draws.svg").contains("means of draws with seeds 0, 1, 2"));

    let refused = |arguments: &str| desk.fails(1, &words(arguments));
    let common = "sweep --model model.safetensors --dataset noise --calibration-seeds";
    for (arguments, said) in [
        ("0,1 --out draw.json", "--out names a file for each: write {seed} where the seed goes"),
        ("0,1 --profile profile.json --out d-{seed}.json", "--profile names a file for each"),
        ("1,1 --out d-{seed}.json", "--calibration-seeds names 1 twice"),
    ] {
        let error = refused(&format!("{common} {arguments}"));
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn calibration_on_one_class_is_said_wherever_its_numbers_are() {
    let desk = measured();
    let sweep = "sweep --model model.safetensors --dataset noise --images 4 --judge-images 2 --rules erk,rr \
        --sparsities 0.8 --repairs variance_matching --profile profile.json --out class.json";
    let unknown = desk.fails(1, &words(&format!("{sweep} --calibration-class zebra")));
    assert!(unknown.contains("noise has no class `zebra`; its classes are"), "{unknown}");
    let report = desk.json(&words(&format!("{sweep} --calibration-class 1")));
    assert_eq!(report["plan"]["calibration_class"], "1");
    desk.succeeds(&words("report class.json --out class.md"));
    let page = read(&desk, "class.md");
    assert!(page.contains("4 training images without labels, 1 alone"), "{page}");
    desk.succeeds(&words("report class.json class.json --out standings.md"));
    let standings = read(&desk, "standings.md");
    assert!(standings.contains("| 4, 1 alone "), "{standings}");
    let refused = desk.fails(1, &words(sweep));
    assert!(refused.contains("another criterion, seed or calibration class"), "{refused}");

    let calibrate = "calibrate --model model.safetensors --dataset noise --images 4 --class 1";
    desk.succeeds(&words(&format!("{calibrate} --out of-class.json")));
    let shown = desk.succeeds(&words("inspect of-class.json"));
    assert!(shown.contains("4 train images of noise, 1 alone"), "{shown}");
}

#[test]
fn the_papers_claims_are_held_against_sweeps_of_one_condition() {
    let desk = measured();
    let sweep = |of: &str, out: &str| {
        let common = "sweep --model model.safetensors --profile profile.json --dataset noise \
            --sparsities 0.8 --repairs variance_matching --judge-images 0 --out";
        desk.succeeds(&words(&format!("{common} {out} {of}")));
    };
    sweep("--images 32 --rules uniform,erk,rr", "free.json");
    sweep("--images 32 --rules erk --force projection=global", "global.json");
    sweep("--images 32 --rules erk --force stem=dense", "stem.json");
    sweep("--images 16 --rules erk --force projection=dense", "fewer.json");
    desk.succeeds(&words("report --claims free.json global.json --out claims.md"));
    let page = read(&desk, "claims.md");
    let squeezed = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("| `variance_matching` | `projection=global` | more |"), "{page}");
    for (files, said) in [
        ("free.json stem.json", "not of stem=dense"),
        ("free.json fewer.json", "other settings or image counts"),
        ("global.json", "of one sweep without forced layers, and 0 were given"),
    ] {
        let refused = desk.fails(1, &words(&format!("report --claims {files} --out no.md")));
        assert!(refused.contains(said), "{refused}");
    }
}

/// The page of all exhibits is what the program says of their sweeps.
#[test]
fn several_sweeps_become_a_page_of_standings() {
    let desk = Desk::new();
    let results = repository().join("docs/results");
    let mut arguments = vec!["report".to_owned()];
    for name in STANDINGS {
        arguments.push(results.join(format!("{name}.sweep.json")).display().to_string());
    }
    arguments.extend(["--out", "standings.md"].map(String::from));
    desk.succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let page = read(&desk, "standings.md");
    // What that network's own page says: 45.5 after reconstruction at 0.95, where the best has 56.5.
    let row = page.lines().filter(|line| line.contains("akamaster_resnet20 on cifar10 "));
    assert!(row.clone().any(|line| line.contains("-11.0")), "{page}");
    let committed = std::fs::read_to_string(results.join("standings.md")).unwrap();
    assert!(
        page == committed,
        "docs/results/standings.md is of other sweeps, or of another program: `rrlab report` with \
         the sweeps above, in their order, writes it anew"
    );
}

#[test]
fn committed_ladders_are_of_the_committed_sweeps() {
    let desk = Desk::new();
    let results = repository().join("docs/results");
    const SHORT: &[&str] = &["", ".steps", ".distilled"];
    for (network, rungs) in [
        ("resnet20-cifar10", ["", ".reconstruction", ".steps", ".distilled"].as_slice()),
        ("resnet18-w0.25-cifar10", SHORT),
        ("resnet18-w0.25-cifar100", SHORT),
        ("resnet34-w0.25-cifar10", SHORT),
        ("vgg16_bn-w0.25-cifar10", SHORT),
        ("akamaster-resnet20-cifar10", SHORT),
    ] {
        let rung = |ending: &&str| results.join(format!("{network}{ending}.sweep.json"));
        let rungs: Vec<String> =
            rungs.iter().map(|ending| rung(ending).display().to_string()).collect();
        let page = format!("{network}.ladder.md");
        let rungs = rungs.iter().map(String::as_str).chain(["--out", &page]);
        desk.succeeds(&["report", "--ladder"].into_iter().chain(rungs).collect::<Vec<_>>());
        let committed = std::fs::read_to_string(results.join(&page)).unwrap();
        assert!(
            read(&desk, &page) == committed,
            "docs/results/{page} is of other sweeps, or of another program"
        );
    }
}

/// Sweeps of `docs/results/standings.md`.
const STANDINGS: [&str; 15] = [
    "resnet20-cifar10",
    "resnet18-w0.25-cifar10",
    "resnet18-w0.25-cifar10.steps",
    "resnet18-w0.25-cifar100",
    "resnet18-w0.25-cifar100.steps",
    "resnet34-w0.25-cifar10",
    "resnet34-w0.25-cifar10.steps",
    "vgg16_bn-w0.25-cifar10",
    "vgg16_bn-w0.25-cifar10.steps",
    "akamaster-resnet20-cifar10",
    "akamaster-resnet20-cifar10.steps",
    "akamaster-resnet56-cifar10",
    "chenyaofo-resnet20-cifar10",
    "chenyaofo-resnet20-cifar100",
    "chenyaofo-resnet56-cifar100",
];

#[test]
fn what_a_profile_predicts_is_held_against_a_sweep() {
    let desk = Desk::new();
    let files = [
        ("profile.json", "frontend/gallery/akamaster-resnet20-cifar10.profile.json"),
        ("sweep.json", "docs/results/akamaster-resnet20-cifar10.sweep.json"),
        ("other.json", "frontend/gallery/chenyaofo-resnet20-cifar10.profile.json"),
    ];
    for (name, file) in files {
        std::fs::copy(repository().join(file), desk.path(name)).unwrap();
    }
    let predict = words("predict --profile profile.json --sweep sweep.json --figure figure.svg");
    let found = desk.json(&predict);
    let sweep: Value = serde_json::from_str(&read(&desk, "sweep.json")).unwrap();
    assert_eq!(found["profile_hash"], sweep["profile_hash"]);
    let networks = found["networks"].as_array().unwrap();
    assert_eq!(networks.len(), sweep["entries"].as_array().unwrap().len());
    let noise: Vec<f64> =
        networks.iter().map(|network| network["predicted_noise"].as_f64().unwrap()).collect();
    assert!(noise.is_sorted() && noise[0] > 0.0, "{noise:?}");
    // As docs/results/prediction.md has them: right before the transition, turned round beyond it.
    let agreements = found["agreements"].as_array().unwrap();
    for (repair, sparsity, by_profile, by_judge) in [
        ("variance_matching", json!(0.85), 1.0, 1.0),
        ("variance_matching", json!(0.95), -0.8, 0.6),
        ("reconstruction", json!(0.95), -0.8, 1.0),
        ("reconstruction", Value::Null, 0.97, 1.0),
    ] {
        let of_these =
            |agreement: &&Value| agreement["repair"] == repair && agreement["sparsity"] == sparsity;
        let agreement = agreements.iter().find(of_these).unwrap();
        let near =
            |name: &str, value: f64| (agreement[name].as_f64().unwrap() - value).abs() < 6e-3;
        assert!(near("by_profile", by_profile) && near("by_judge", by_judge), "{agreement}");
        assert_eq!(agreement["by_sparsity"].is_null(), !sparsity.is_null());
    }
    let two = desk.json(&[&predict[..5], &["--rules", "rr,erk"]].concat());
    assert_eq!(two["networks"].as_array().unwrap().len(), 42);
    let svg = read(&desk, "figure.svg");
    for text in ["recovery", "reconstruction, global_magnitude", "2000 test images of cifar10"] {
        assert!(svg.contains(text), "the figure does not say `{text}`");
    }
    let other = words("predict --profile other.json --sweep sweep.json");
    let said = desk.fails(1, &other);
    assert!(said.contains("open the profile that it was made with"), "{said}");
    // Nothing measured yet, nothing lost, nothing to recover.
    let mut changed = sweep.clone();
    for (change, says) in [
        (json!({ "entries": [] }), "has no entries yet"),
        (json!({ "dense_accuracy": 0.1 }), "no better than chance"),
    ] {
        for (name, value) in change.as_object().unwrap() {
            changed[name] = value.clone();
        }
        std::fs::write(desk.path("changed.json"), changed.to_string()).unwrap();
        let said = desk.fails(1, &words("predict --profile profile.json --sweep changed.json"));
        assert!(said.contains(says), "{said}");
        changed = sweep.clone();
    }
    let wrong = words("predict --profile profile.json --sweep profile.json");
    let said = desk.fails(1, &wrong);
    assert!(said.contains("profile.json is a profile"), "{said}");
}

#[test]
fn words_are_explained_where_they_stand() {
    let desk = Desk::new();
    let erk = ["allocate", "--arch", "resnet8", "--rule", "erk", "--sparsity"];
    let [tight, loose] =
        ["0.98", "0.5"].map(|sparsity| desk.succeeds(&[&erk[..], &[sparsity]].concat()));
    assert!(loose.contains("capped: The rule wanted more") && loose.contains("free: "), "{loose}");
    assert!(!tight.contains("capped") && tight.contains("density: "), "{tight}");
    assert!(!desk.succeeds(&["dataset", "list"]).contains(": "), "nothing to explain");
    for (command, word) in
        [("finetune", "distillation: "), ("sweep", "recovery: "), ("inspect", "residual stream: ")]
    {
        assert!(desk.succeeds(&["help", command]).contains(word), "{command}");
    }
}
