//! Networks that run in the browser: measured, trained, evaluated in a worker, with the numbers of
//! the native engine.

use std::io::Cursor;
use std::path::Path;

use burn::tensor::{Device, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::{
    Dataset, ImageSize, ImportBudget, Importer, Sample, Split, draw_indices, images_to_device,
    shapes10,
};
use rrlab_engine::import::{self, Hint};
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::transfer::download;
use rrlab_engine::watch::unwatched;
use rrlab_tests::browser::{Browser, file_server, plain_server};
use rrlab_tests::lab::picture_folder;
use rrlab_tests::{copied_page, repository};
use rrlab_types::{AllocationRequest, Evidence, ModelProfile, Rule, Sparsity, allocate};
use serde_json::{Value, json};
use strum::VariantArray as _;

/// Largest relative difference between curves of the browser and native ones.
const TOLERANCE: f64 = 1e-3;
/// Rules whose allocations are the same to the weight, wherever the profile was measured.
const READS_WEIGHTS_ALONE: [Rule; 6] =
    [Rule::Uniform, Rule::UniformPlus, Rule::Er, Rule::Erk, Rule::GlobalMagnitude, Rule::Lamp];
/// Largest difference between logits.
const LOGITS: f64 = 1e-3;
/// Distortions below this part of the output are differences of almost equal sums.
const FLOOR: f64 = 1e-3;
const WINDOW: (u32, u32) = (1500, 1400);
/// WebGPU on Chromium's software adapter.
const SOFTWARE_GPU: [&str; 1] = ["--enable-unsafe-webgpu"];
/// No adapter at all.
const NO_GPU: [&str; 1] = ["--disable-gpu"];

fn bundled_checkpoint() -> Vec<u8> {
    std::fs::read(repository().join("frontend/gallery/resnet8-shapes10.safetensors")).unwrap()
}

/// What the native engine measures of the bundled network on the images that the worker makes.
fn native_profile(train: usize, images: usize) -> ModelProfile {
    let model = checkpoint::read(&bundled_checkpoint(), NetworkHint::default()).unwrap();
    measured(&model, &shapes10(train, (train / 2).max(100), 0), images)
}

/// What the native engine measures of a network.
fn measured(model: &Model, data: &Dataset, images: usize) -> ModelProfile {
    let normalization = model.normalization_of(data);
    let images = CalibrationImages::draw(data, Split::Train, images, 0, normalization).unwrap();
    read_sync(calibrate(model, &Device::flex(), "cpu", &images, Method::SecondMoments, unwatched))
        .unwrap()
}

/// Something that the browser keeps, as text.
async fn kept(page: &Browser, key: &str) -> String {
    let script = "const [key, done] = arguments; const open = indexedDB.open('rrlab'); \
        open.onsuccess = () => { const get = open.result.transaction('results').objectStore('results').get(key); \
        get.onsuccess = async () => done(get.result ? await get.result.data.text() : ''); };";
    let text = page.client.execute_async(script, vec![json!(key)]).await.unwrap();
    text.as_str().unwrap().to_owned()
}

fn assert_same(browser: &ModelProfile, native: &ModelProfile) {
    assert_eq!(browser.graph, native.graph);
    for (browser, native) in browser.layers.iter().zip(&native.layers) {
        let close = |what: &str, a: &[f64], b: &[f64]| {
            for (a, b) in a.iter().zip(b) {
                assert!(
                    (a - b).abs() <= TOLERANCE * b.abs().max(FLOOR),
                    "{} {what}: {a} against {b}",
                    native.name
                );
            }
        };
        close("raw", &browser.raw, &native.raw);
        assert!(browser.residual.keys().eq(native.residual.keys()), "{}", native.name);
        for (operator, residual) in &native.residual {
            close(operator.name(), &browser.residual[operator], residual);
        }
    }
    for &rule in Rule::VARIANTS {
        let request = AllocationRequest::new(rule, Sparsity::new(0.9).unwrap());
        let kept = |profile: &ModelProfile| -> Vec<usize> {
            allocate(Evidence::Profile(profile), &request)
                .unwrap()
                .layers
                .iter()
                .map(|layer| layer.kept)
                .collect()
        };
        let (ours, theirs) = (kept(browser), kept(native));
        if READS_WEIGHTS_ALONE.contains(&rule) {
            assert_eq!(ours, theirs, "{rule}");
        }
        let total: usize = theirs.iter().sum();
        for (browser, native) in ours.into_iter().zip(theirs) {
            // A rule that reads curves turns a difference in their last digits into some weights of
            // thousands.
            assert!(
                browser.abs_diff(native) as f64 <= TOLERANCE * total as f64,
                "{rule}: {browser} against {native}"
            );
        }
    }
}

/// Counts from now on how many layers are coloured while they are measured: for less time than
/// passes between two looks.
async fn watch_colouring(page: &Browser) {
    let watch = "window.coloured = 0; new MutationObserver(() => { \
        const live = document.querySelectorAll('[data-live][data-measured=true]').length; \
        window.coloured = Math.max(window.coloured, live); \
        }).observe(document.body, { subtree: true, childList: true, attributes: true });";
    page.run(watch, &[]).await;
}

async fn coloured_layers(page: &Browser) -> u64 {
    page.run("return window.coloured", &[]).await.as_u64().unwrap()
}

async fn measured_here(page: &Browser) {
    page.wait_until("return document.querySelector('#gallery').selectedOptions[0].textContent === 'measured here'")
        .await;
}

async fn activity_ends(page: &Browser) {
    page.wait_until(
        "return document.querySelector('#activity').textContent === '' && !document.querySelector('#stop')",
    )
    .await;
}

async fn problem(page: &Browser) -> String {
    page.wait_for(".problems").await;
    let text = page.text(".problems").await;
    page.click(".problems button").await;
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_measures_prunes_and_evaluates_with_nothing_installed() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?b.sparsity=0.96").await;
    page.click("#run-open").await;
    page.set("#shapes", "600", "change").await;
    page.set("#calibration", "128", "change").await;
    watch_colouring(&page).await;
    page.click("#measure").await;
    measured_here(&page).await;
    assert!(coloured_layers(&page).await > 0);
    assert!(
        page.text("#device")
            .await
            .contains("on the CPU since this browser offers no WebGPU adapter")
    );
    assert_eq!(
        page.run("return document.querySelectorAll('#graph-A [data-layer]').length", &[]).await,
        json!(native_profile(600, 128).layers.len())
    );
    page.wait_for("[data-kept='profile: resnet8 on shapes10']").await;
    let browser =
        ModelProfile::from_json(&kept(&page, "profile: resnet8 on shapes10").await).unwrap();
    assert_same(&browser, &native_profile(600, 128));

    assert_logits(&page, "compute-cpu").await;
    page.click("#look").await;
    page.wait_for("#looks [data-look='11'] figcaption").await;
    page.set("#evaluation", "200", "change").await;
    page.set("#sparsity-value", "0.8", "change").await;
    activity_ends(&page).await;
    page.click("#evaluate").await;
    page.wait_until("return document.querySelectorAll('#evaluated tbody tr').length === 2").await;
    activity_ends(&page).await;
    let first = page.text("#evaluated tbody tr").await;
    assert!(first.starts_with("RR at 0.8") && first.contains('%'), "{first}");
    page.screenshot("evaluated.png").await;

    page.click("#prune").await;
    page.wait_for("#save-pruned").await;
    activity_ends(&page).await;
    page.click("#look").await;
    let said = "const said = document.querySelector('#looks figcaption')?.textContent ?? ''; \
                return ['dense: ', 'pruned: ', 'repaired: '].every(who => said.includes(who))";
    page.wait_until(said).await;
    page.screenshot("looked.png").await;
    see_damage_and_repair(&page).await;
    page.click("#save-pruned").await;
    let (name, bytes) = page.downloaded(".safetensors").await;
    let network = checkpoint::read(&bundled_checkpoint(), NetworkHint::default()).unwrap().hash();
    assert_eq!(name, format!("resnet8-{}-rr-0.8.safetensors", network.short()));
    let pruned = checkpoint::read(&bytes, NetworkHint::default()).unwrap();
    let nonzero: usize = pruned
        .graph()
        .prunable_layers()
        .iter()
        .map(|layer| pruned.nonzero_weights(layer.name))
        .sum();
    let budget = (pruned.graph().prunable_weights() as f64 * 0.2).round() as usize;
    assert_eq!(nonzero, budget);

    // After a reload the profile is still there, and can be deleted.
    page.goto("?run=true").await;
    notebook_has_what_was_tried(&page).await;
    page.wait_for("[data-kept='profile: resnet8 on shapes10'] button").await;
    page.click("[data-kept='profile: resnet8 on shapes10'] button").await;
    page.wait_until("return document.querySelectorAll('#graph-A [data-layer]').length === 10")
        .await;
    page.click("[data-kept='profile: resnet8 on shapes10'] button:last-child").await;
    page.wait_until(
        "return !document.querySelector('[data-kept=\"profile: resnet8 on shapes10\"]')",
    )
    .await;
    page.close().await;
}

/// By one button: each rung is measured, and all are drawn together.
#[tokio::test(flavor = "multi_thread")]
async fn a_student_climbs_the_ladder_of_repairs() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?run=true&pane=sweep").await;
    for (input, amount) in
        [("#shapes", "300"), ("#calibration", "32"), ("#evaluation", "50"), ("#distil", "1")]
    {
        page.set(input, amount, "change").await;
    }
    page.click("#climb").await;
    let rungs = [
        "no repair",
        "variance matching",
        "reconstruction",
        "reconstruction in steps",
        "reconstruction in steps, distilled for 1 epoch",
    ];
    page.wait_for_lines("ladder", &rungs).await;
    activity_ends(&page).await;
    page.close().await;
}

/// Looks at a layer: its maps differ where pruning did damage, and repair brings them nearer.
async fn see_damage_and_repair(page: &Browser) {
    page.click("#tab-layer").await;
    page.set("#layer", "layer2.0.conv1", "change").await;
    page.click("#observe").await;
    page.wait_for("#observation [data-picture='sheet-repaired']").await;
    activity_ends(page).await;
    let done = page.text("#observed").await;
    assert!(done.contains("under RR at 0.8") && done.contains("test images of shapes10"), "{done}");
    // How far two pictures are apart, in levels of grey.
    let script = "const [one, other] = arguments; const read = name => { \
        const canvas = document.querySelector(`[data-picture='${name}']`); \
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; }; \
        const [a, b] = [read(one), read(other)]; \
        return a.reduce((sum, level, at) => sum + Math.abs(level - b[at]), 0) / a.length";
    let apart = async |one: &str, other: &str| {
        page.run(script, &[json!(one), json!(other)]).await.as_f64().unwrap()
    };
    let raw = apart("sheet-dense", "sheet-pruned").await;
    let residual = apart("sheet-dense", "sheet-repaired").await;
    assert!(raw > residual && residual > 0.0, "{raw} before repair, {residual} after");

    // Another channel, and another image.
    let before = apart("map-dense", "map-repaired").await;
    let last = "const select = document.querySelector('#channel'); \
        select.selectedIndex = select.options.length - 1; \
        select.dispatchEvent(new Event('change', { bubbles: true })); \
        return select.selectedOptions[0].textContent";
    let channel = page.run(last, &[]).await;
    assert!(channel.as_str().unwrap().ends_with(" repaired"), "{channel}");
    assert_ne!(apart("map-dense", "map-repaired").await, before, "the channel repaired best");
    let said = page.text("#predictions").await;
    assert!(said.contains("dense") && said.contains("repaired") && said.contains('%'), "{said}");
    page.click("#observation .images button:last-child").await;
    page.screenshot("observed.png").await;
    let is_noticed = "return document.querySelectorAll('#observation .notice').length === 1";
    let is_silent = "return document.querySelectorAll('#observation .notice').length === 0";
    for (control, other, before) in
        [("#sparsity-value", "0.9", "0.8"), ("#criterion", "wanda", "magnitude")]
    {
        page.set(control, other, "change").await;
        page.wait_until(is_noticed).await;
        page.set(control, before, "change").await;
        page.wait_until(is_silent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhibit_is_looked_at_by_its_own_checkpoint() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?profile=resnet18-w0.25-cifar100&pane=layer&layer=layer2.0.conv1").await;
    page.click("#observe").await;
    page.wait_for("#observed").await;
    let done = page.text("#observed").await;
    assert!(done.contains("test images of shapes10"), "{done}");
    let warning = page.text("#foreign-images").await;
    assert!(warning.contains("the network is for cifar100"), "{warning}");
    let said = page.text("#predictions").await;
    assert!(!said.contains('✓') && !said.contains('✗'), "no drawn shape is a class of it: {said}");

    page.goto("?profile=akamaster-resnet20-cifar10&pane=layer").await;
    page.click("#observe").await;
    let said = problem(&page).await;
    assert!(said.contains("no checkpoint of the open profile’s network"), "{said}");

    // A new network is of the images that it was made for: with others there is none.
    page.goto("?run=true&pane=layer").await;
    page.set("#shapes", "200", "change").await;
    page.set("#network", "resnet8", "change").await;
    page.set("#calibration", "64", "change").await;
    page.click("#measure").await;
    measured_here(&page).await;
    activity_ends(&page).await;
    page.set("#shapes", "300", "change").await;
    page.click("#observe").await;
    let said = problem(&page).await;
    assert!(said.contains("there is no network yet"), "{said}");

    // A reviewer's link runs nothing, and has nothing to look at.
    page.goto("?pane=layer&hide=run").await;
    page.wait_for("#reason").await;
    let sections = "return document.querySelectorAll('#observation').length";
    assert_eq!(page.run(sections, &[]).await, json!(0));
    page.close().await;
}

/// Losses of each step, as the chart's table has them.
async fn losses(page: &Browser) -> Vec<f64> {
    page.run(
        "document.querySelectorAll('#course details').forEach(details => details.open = true)",
        &[],
    )
    .await;
    page.wait_for("#course .chart-figure:first-child tbody tr").await;
    let script = "return [...document.querySelectorAll('#course .chart-figure:first-child tbody tr')].map(row => Number(row.cells[1].textContent))";
    let losses = page.run(script, &[]).await;
    losses.as_array().unwrap().iter().filter_map(Value::as_f64).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_trained_paused_stopped_and_gone_on_with() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?run=true").await;
    page.set("#shapes", "640", "change").await;
    page.set("#network", "resnet8", "change").await;
    page.set("#epochs", "2", "change").await;
    page.click("#train").await;
    page.wait_until(
        "return /training: [1-9]/.test(document.querySelector('#activity').textContent)",
    )
    .await;
    page.click("#pause").await;
    page.wait_until("return document.querySelector('#activity').textContent.endsWith('paused')")
        .await;
    page.click("#pause").await;
    page.wait_until(
        "return /training: [3-9]/.test(document.querySelector('#activity').textContent)",
    )
    .await;
    page.click("#stop").await;
    activity_ends(&page).await;
    page.wait_for("[data-kept='unfinished training: resnet8 on shapes10']").await;

    // What is there now is the network as it was then, not the untrained one.
    assert!(page.text("#history").await.contains("then stopped"));
    page.wait_until("return document.querySelector('#network').value === 'held'").await;
    page.set("#calibration", "64", "change").await;
    page.click("#measure").await;
    page.wait_for("[data-kept='profile: resnet8 on shapes10']").await;
    let measured =
        ModelProfile::from_json(&kept(&page, "profile: resnet8 on shapes10").await).unwrap();
    let graph = "resnet8".parse::<Architecture>().unwrap().graph(10).unwrap();
    let untrained = Model::untrained(graph, &shapes10(640, 320, 0), 0);
    assert_ne!(measured.model_hash, Some(untrained.hash()));
    assert!(page.text("#history").await.contains(&measured.model_hash.unwrap().short()));
    activity_ends(&page).await;

    // Another page goes on where this one stopped.
    page.goto("?run=true").await;
    page.set("#shapes", "640", "change").await;
    page.click("[data-kept='unfinished training: resnet8 on shapes10'] button").await;
    page.wait_until(
        "return /training: [3-9]/.test(document.querySelector('#activity').textContent)",
    )
    .await;
    page.wait_for("[data-kept='network: resnet8 on shapes10']").await;
    activity_ends(&page).await;
    let losses = losses(&page).await;
    assert!(losses.len() < 10, "what was trained before is not trained again: {losses:?}");
    page.screenshot("trained.png").await;
    assert!(page.text("#history").await.contains("trained for 2 epochs on shapes10"));

    page.set("#network", "resnet8", "change").await;
    page.set("#epochs", "2", "change").await;
    page.click("#train").await;
    page.wait_until(
        "return /training: [1-9]/.test(document.querySelector('#activity').textContent)",
    )
    .await;
    activity_ends(&page).await;
    let losses = self::losses(&page).await;
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert_eq!(losses.len(), 10);
    assert!(mean(&losses[5..]) < mean(&losses[..5]), "{losses:?}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_named_and_the_page_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut broken = bundled_checkpoint();
    let last = broken.len() - 4;
    broken[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let nan = file("nan.safetensors", &broken);
    let short = file("short.safetensors", &bundled_checkpoint()[..1000]);
    let huge = folder.path().join("huge.safetensors");
    std::fs::File::create(&huge).unwrap().set_len(300 << 20).unwrap();
    let notes = file("notes.zip", b"not an archive");

    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?run=true&compute_on=webgpu").await;
    page.set("#shapes", "200", "change").await;
    page.set("#network", "file", "change").await;
    for (path, says) in [
        (&nan, "NaN at index"),
        (&short, "not a whole safetensors file"),
        (&huge, "huge.safetensors has 300 MiB; the browser takes files of 256 MiB at most"),
    ] {
        choose(&page, "#checkpoint", path).await;
        page.click("#measure").await;
        let said = problem(&page).await;
        assert!(said.contains(says), "{said}");
        activity_ends(&page).await;
    }
    assert!(
        page.text("#device")
            .await
            .contains("on the CPU because this browser offers no WebGPU adapter")
    );
    page.set("#source", "files", "change").await;
    choose(&page, "#image-files", &notes).await;
    page.click("#measure").await;
    let said = problem(&page).await;
    assert!(said.contains("notes.zip: not a readable zip archive"), "{said}");

    // A worker that dies in the middle of its work.
    page.goto("?run=true").await;
    page.run("const Real = Worker; window.Worker = function(...all) { return window.last = new Real(...all); }", &[])
        .await;
    page.set("#shapes", "600", "change").await;
    page.set("#network", "resnet8", "change").await;
    page.set("#epochs", "2", "change").await;
    page.click("#train").await;
    page.wait_until(
        "return /training: [2-9]/.test(document.querySelector('#activity').textContent)",
    )
    .await;
    page.run(
        "window.last.terminate(); window.last.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }))",
        &[],
    )
    .await;
    let said = problem(&page).await;
    assert!(said.contains("the worker broke down: out of memory"), "{said}");
    page.click("#go-on").await;
    page.wait_for("[data-kept='network: resnet8 on shapes10']").await;
    activity_ends(&page).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_students_own_images_and_checkpoint_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    // CIFAR-10's official layout: a label, then three planes.
    let records = |count: usize| -> Vec<u8> {
        (0..count)
            .flat_map(|image| {
                (0..3073).map(move |byte| if byte == 0 { image % 10 } else { (image * 31 + byte * 7) % 251 } as u8)
            })
            .collect()
    };
    let [train, test] = [("data_batch_1.bin", 80), ("test_batch.bin", 40)].map(|(name, count)| {
        let path = folder.path().join(name);
        std::fs::write(&path, records(count)).unwrap();
        path
    });
    // As another framework writes it, and as ONNX.
    let ours = repository().join("frontend/gallery/resnet20-cifar10.safetensors");
    let ours = std::fs::read(ours).unwrap();
    let model = checkpoint::read(&ours, NetworkHint::default()).unwrap();
    let files = [
        ("plain.safetensors", without_metadata(&ours)),
        ("net.onnx", import::onnx::write(&model).unwrap()),
    ];
    let [plain, onnx] = files.map(|(name, bytes)| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?run=true").await;
    page.set("#source", "files", "change").await;
    page.set("#network", "file", "change").await;
    let both = format!("{}\n{}", train.display(), test.display());
    choose(&page, "#image-files", Path::new(&both)).await;
    choose(&page, "#checkpoint", &plain).await;
    page.set("#calibration", "32", "change").await;
    page.click("#measure").await;
    measured_here(&page).await;
    assert!(
        page.text("#images").await.contains("cifar10: 80 training and 40 test images, 10 classes")
    );
    let layers = "return document.querySelectorAll('#graph-A [data-layer]').length";
    assert_eq!(page.run(layers, &[]).await, json!(22));
    let said = page.text("#history").await;
    let network = format!("network {}", model.hash().short());
    assert!(said.contains(&network) && said.contains("recognised resnet20"), "{said}");

    // The same network in another form is the same network, and is measured alike.
    activity_ends(&page).await;
    choose(&page, "#checkpoint", &onnx).await;
    page.click("#measure").await;
    page.wait_until(
        "return !document.querySelector('#history').textContent.includes('recognised')",
    )
    .await;
    activity_ends(&page).await;
    measured_here(&page).await;
    assert_eq!(page.run(layers, &[]).await, json!(22));
    let said = page.text("#history").await;
    assert!(said.contains(&network), "{said}");

    // Pictures of a folder, scaled and cut as asked, normalised as a file beside the network says.
    let pictures = picture_folder();
    let about = r#"{ "normalization": { "mean": [0.3, 0.4, 0.5], "std": [0.2, 0.3, 0.4] } }"#;
    let [archive, preprocessing] =
        [("pictures.tar.gz", &pictures[..]), ("preprocessing.json", about.as_bytes())].map(
            |(name, bytes)| {
                let path = folder.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                path
            },
        );
    choose(&page, "#image-files", &archive).await;
    page.set("#image-size", "24", "change").await;
    page.set("#image-resize", "28", "change").await;
    let both = format!("{}\n{}", plain.display(), preprocessing.display());
    choose(&page, "#checkpoint", Path::new(&both)).await;
    page.screenshot("own-files.png").await;
    page.click("#measure").await;
    page.wait_for("[data-kept='profile: resnet20 on pictures']").await;
    let kept = kept(&page, "profile: resnet20 on pictures").await;
    let browser = ModelProfile::from_json(&kept).unwrap();
    let size = ImageSize::new(24, Some(28)).unwrap();
    let mut importer = Importer::new(size, Cursor::default(), ImportBudget::OWN);
    importer.add_archive("pictures.tar.gz", &pictures, |_| {}).unwrap();
    let data = importer.finish("pictures").unwrap().into_dataset();
    let hint = Hint { preprocessing: about.parse().unwrap(), ..Hint::default() };
    let model = import::read(&without_metadata(&ours), hint).unwrap().model;
    assert_same(&browser, &measured(&model, &data, 32));
    page.close().await;
}

/// A safetensors file without what is said about its tensors.
fn without_metadata(file: &[u8]) -> Vec<u8> {
    let (length, rest) = file.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let (header, tensors) = rest.split_at(length);
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(header).unwrap();
    header.remove("__metadata__");
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), tensors].concat()
}

async fn choose(page: &Browser, selector: &str, path: &Path) {
    let input = page.client.find(fantoccini::Locator::Css(selector)).await.unwrap();
    input.send_keys(&path.display().to_string()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webgpu_measures_what_the_cpu_measures() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &SOFTWARE_GPU).await;
    page.goto("?run=true&compute_on=webgpu").await;
    page.set("#shapes", "200", "change").await;
    page.set("#calibration", "16", "change").await;
    watch_colouring(&page).await;
    page.click("#measure").await;
    measured_here(&page).await;
    assert!(
        page.text("#device").await.contains("Computing by WebGPU as chosen, on a software adapter")
    );
    assert!(coloured_layers(&page).await > 0);
    page.wait_for("[data-kept='profile: resnet8 on shapes10']").await;
    let browser =
        ModelProfile::from_json(&kept(&page, "profile: resnet8 on shapes10").await).unwrap();
    assert!(browser.measurement.device.starts_with("webgpu"), "{}", browser.measurement.device);
    assert_same(&browser, &native_profile(200, 16));
    assert_logits(&page, "compute-gpu").await;

    // Two epochs of two steps lower the loss.
    page.set("#shapes", "256", "change").await;
    page.set("#network", "resnet8", "change").await;
    page.set("#epochs", "2", "change").await;
    page.click("#train").await;
    page.wait_for("[data-kept='network: resnet8 on shapes10']").await;
    activity_ends(&page).await;
    assert!(page.text("#device").await.contains("Computing by WebGPU"), "all of it was done there");
    let losses = losses(&page).await;
    assert_eq!(losses.len(), 4);
    assert!(losses[2] + losses[3] < losses[0] + losses[1], "{losses:?}");
    page.close().await;
}

/// Lets a test take the GPU away from a worker, as a driver that crashes does.
const LOSABLE: &str = "const Real = Worker; window.Worker = function(address, options) { \
    const code = `const request = GPUAdapter.prototype.requestDevice; \
        GPUAdapter.prototype.requestDevice = async function(...all) { const device = await request.apply(this, all); \
        new BroadcastChannel('lose').onmessage = () => device.destroy(); return device; }; \
        await import(${JSON.stringify(String(address))});`; \
    return new Real(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), options); };";

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_gpu_is_named_and_the_cpu_goes_on() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &SOFTWARE_GPU).await;
    page.goto("?run=true&compute_on=webgpu").await;
    page.run(LOSABLE, &[]).await;
    page.set("#shapes", "260", "change").await;
    page.set("#network", "resnet8", "change").await;
    page.set("#epochs", "2", "change").await;
    page.click("#train").await;
    page.wait_until(
        "return /training: [1-5]/.test(document.querySelector('#activity').textContent)",
    )
    .await;
    page.run("new BroadcastChannel('lose').postMessage('now')", &[]).await;
    let said = problem(&page).await;
    assert!(said.contains("Going on with the CPU"), "{said}");
    page.wait_until("return document.querySelector('#device').textContent.startsWith('Computing on the CPU because')")
        .await;
    page.wait_for("[data-kept='network: resnet8 on shapes10']").await;
    activity_ends(&page).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_computed_of_one_network_is_not_shown_beside_another() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    page.goto("?run=true").await;
    page.set("#shapes", "200", "change").await;
    page.set("#calibration", "64", "change").await;
    page.set("#evaluation", "50", "change").await;
    page.set("#sparsity-value", "0.8", "change").await;
    page.click("#evaluate").await;
    page.wait_until("return document.querySelectorAll('#evaluated tbody tr').length === 2").await;
    activity_ends(&page).await;
    let bundled = checkpoint::read(&bundled_checkpoint(), NetworkHint::default()).unwrap().hash();
    assert!(page.text("#evaluated caption").await.contains(&bundled.short()));
    assert!(page.text("#measurement").await.contains(&bundled.short()));
    page.click("#look").await;
    page.wait_for("#looks [data-look='11'] figcaption").await;
    activity_ends(&page).await;

    // A new network is measured before it is pruned: never by the allocation of the one before.
    page.set("#network", "resnet8", "change").await;
    page.click("#prune").await;
    page.wait_for("#save-pruned").await;
    activity_ends(&page).await;
    let gone = "return !document.querySelector('#evaluated') && !document.querySelector('#looks')";
    assert_eq!(page.run(gone, &[]).await, json!(true));
    page.click("#save-pruned").await;
    let (_, bytes) = page.downloaded(".safetensors").await;
    let pruned = checkpoint::read(&bytes, NetworkHint::default()).unwrap();
    let graph = "resnet8".parse::<Architecture>().unwrap().graph(10).unwrap();
    let new = Model::untrained(graph, &shapes10(200, 100, 0), 0).hash();
    let from = pruned.info.pruned_from.unwrap();
    assert_eq!(from.model_hash, new);
    page.wait_for("[data-kept='profile: resnet8 on shapes10']").await;
    let measured =
        ModelProfile::from_json(&kept(&page, "profile: resnet8 on shapes10").await).unwrap();
    assert_eq!((measured.model_hash, from.profile_hash), (Some(new), Some(measured.hash())));

    // Other images: the profile that is open is said not to be of them, and nothing is evaluated by
    // it.
    assert_eq!(page.run("return !!document.querySelector('#past')", &[]).await, json!(false));
    page.set("#network", "bundled", "change").await;
    page.click("#measure").await;
    page.wait_until(&format!(
        "return document.querySelector('#measurement').textContent.includes('{}')",
        bundled.short()
    ))
    .await;
    activity_ends(&page).await;
    page.set("#shapes", "240", "change").await;
    page.click("#look").await;
    page.wait_for("#past").await;
    activity_ends(&page).await;
    page.screenshot("past.png").await;
    page.click("#evaluate").await;
    page.wait_until("return !document.querySelector('#past')").await;
    page.wait_until("return document.querySelectorAll('#evaluated tbody tr').length === 2").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_keeps_nothing_says_why_and_results_are_there_all_the_same() {
    let page = Browser::with_switches(plain_server().await, None, WINDOW, &NO_GPU).await;
    let says = |what: &str| {
        format!(
            "return [...document.querySelectorAll('.problems p')].some(p => p.textContent.includes('{what}'))"
        )
    };
    // No room, which a browser may say at any time.
    page.goto("").await;
    page.run("IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); }", &[]).await;
    page.click("#run-open").await;
    page.set("#shapes", "200", "change").await;
    page.set("#calibration", "64", "change").await;
    page.click("#measure").await;
    page.wait_until(&says("no room for more results: delete some")).await;
    activity_ends(&page).await;
    assert!(page.text("#measurement").await.contains("measured on 64 train images"));
    // Kept by a version of the page that is yet to come.
    page.goto("").await;
    let newer = "const done = arguments[arguments.length - 1]; const asked = indexedDB.open('rrlab', 9);\
                 asked.onsuccess = () => { asked.result.close(); done(true); }; asked.onerror = () => done(String(asked.error));";
    assert_eq!(page.run_until_done(newer).await, json!(true));
    page.goto("?run=true").await;
    page.wait_until(&says("newer version of this page")).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_workers_are_being_built_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let page_folder = copied_page(folder.path());
    let state = page_folder.join("workers.json");
    let ready = std::fs::read(&state).unwrap();
    let page =
        Browser::with_switches(file_server(page_folder.clone()).await, None, WINDOW, &NO_GPU).await;
    let in_four_minutes = std::time::SystemTime::now() + std::time::Duration::from_secs(240);
    let ready_ms = in_four_minutes.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    std::fs::write(&state, json!({ "state": "building", "ready_ms": ready_ms as u64 }).to_string())
        .unwrap();
    page.goto("?run=true").await;
    page.wait_until("return document.querySelector('#obstacle')?.textContent === 'Networks in the browser: being built, about 4 minutes.'").await;
    page.screenshot("building.png").await;
    page.set("#shapes", "200", "change").await;
    page.set("#calibration", "64", "change").await;
    page.click("#measure").await;
    page.wait_until(
        "return document.querySelector('#activity').textContent === 'Starting the worker …'",
    )
    .await;
    std::fs::write(&state, ready).unwrap();
    measured_here(&page).await;
    page.wait_until("return !document.querySelector('#obstacle')").await;

    std::fs::write(&state, json!({ "state": "missing" }).to_string()).unwrap();
    page.goto("?run=true").await;
    page.wait_until(
        "return document.querySelector('#obstacle')?.textContent.startsWith('This page was built without')",
    )
    .await;
    page.click("#measure").await;
    assert!(problem(&page).await.contains("cargo xtask page"));
    page.close().await;
}

/// Logits of the bundled network in a worker, and natively, on the same images.
async fn assert_logits(page: &Browser, worker: &str) {
    let script = "const [name, done] = arguments; (async () => { \
        const checkpoint = await (await fetch('gallery/resnet8-shapes10.safetensors')).arrayBuffer(); \
        const { folder } = await (await fetch('workers.json')).json(); \
        const worker = new Worker(`${folder}/${name}_loader.js`, { type: 'module' }); \
        const ask = (request, parts = []) => worker.postMessage({ text: JSON.stringify(request), parts }); \
        worker.onmessage = ({ data }) => { const event = JSON.parse(data.text); \
            if (event.ready) { ask({ shapes: { train: 100, test: 100, seed: 4 } }); \
                ask({ open: { name: 'bundled', architecture: null } }, [{ name: 'bundled', data: checkpoint }]); } \
            else if (event.model) ask({ predict: { model: event.model.hash, images: 16, seed: 2 } }); \
            else if (event.predictions) { worker.terminate(); done(event.predictions.predictions.dense); } \
            else if (event.failed || event.lost) { worker.terminate(); done(event); } }; })();";
    let browser = page.client.execute_async(script, vec![json!(worker)]).await.unwrap();
    let browser: Vec<f64> = browser
        .as_array()
        .unwrap_or_else(|| panic!("{browser}"))
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .filter_map(Value::as_f64)
        .collect();
    let model = checkpoint::read(&bundled_checkpoint(), NetworkHint::default()).unwrap();
    let data = shapes10(100, 100, 4);
    let drawn: Vec<Sample> = draw_indices(&data.test, 16, 2).into_iter().map(Into::into).collect();
    let images =
        images_to_device(&data.test, &drawn, &model.normalization_of(&data), &Device::flex());
    let native =
        read_sync(download(Network::new(&model, &Device::flex()).forward(images))).unwrap();
    assert_eq!(browser.len(), native.len());
    for (browser, native) in browser.iter().zip(&native) {
        assert!(
            (browser - f64::from(*native)).abs() <= LOGITS,
            "{browser} in the browser, {native} natively"
        );
    }
}

/// The notebook outlasts the visit; its rows lead to the page with their settings, and are saved.
async fn notebook_has_what_was_tried(page: &Browser) {
    page.wait_until("return document.querySelectorAll('#notebook tbody tr').length === 2").await;
    page.click("#notebook summary").await;
    page.run("document.querySelector('#notebook').open = true", &[]).await;
    page.click("#notebook th:nth-child(4) button").await;
    let first = page.text("#notebook tbody tr").await;
    assert!(first.contains("RR at 0.8") && first.contains("variance matching"), "{first}");
    page.click("#notebook th:nth-child(4) button").await;
    let first = page.text("#notebook tbody tr").await;
    assert!(first.contains("ERK (capped) at 0.96"), "the largest sparsity first: {first}");
    page.run("document.querySelector('#notebook').scrollIntoView()", &[]).await;
    page.screenshot("notebook.png").await;
    assert_eq!(page.serious().await, json!([]));
    let link = page.run("return document.querySelector('#notebook a').search", &[]).await;
    let link = link.as_str().unwrap();
    assert!(link.contains("rule=erk&") || link.ends_with("rule=erk"), "{link}");
    assert!(link.contains("sparsity=0.96") && link.contains("run.test_images=200"), "{link}");
    page.click("#notebook .tools button").await;
    let (name, bytes) = page.downloaded(".csv").await;
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(name, "rrlab-notebook.csv");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.starts_with("when,network,images,allocation,repair,dense,pruned,repaired"),
        "{text}"
    );
}
