//! The page in a real browser: what a student, a reviewer and a teacher do with it.

use std::path::{Path, PathBuf};

use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint;
use rrlab_engine::model::Model;
use rrlab_tests::browser::{Browser, Kind, file_server, plain_server};
use rrlab_tests::deepened::deepened;
use rrlab_tests::{bundled_profile, copied_page, repository, rrlab};
use rrlab_types::{
    Allocation, MatchedLayers, ModelProfile, Repair, RepairOperator, Rule, Sparsity, Story,
    SweepReport, rank_correlation,
};
use serde_json::{Value, json};
use strum::VariantArray as _;

mod channels;
mod figures;
mod views;

/// What the command line prints for the bundled profile.
fn allocated(options: &[&str]) -> Value {
    let mut command = rrlab(&std::env::temp_dir());
    command
        .args(["allocate", "--format", "json", "--profile"])
        .arg(bundled_profile())
        .args(options);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The repair that the page opens with.
const VARIANCE_MATCHING: Repair = Repair::Operator(RepairOperator::VarianceMatching);

/// The sweep of the network that the page opens.
fn bundled_sweep() -> SweepReport {
    let path = repository().join("docs/results/resnet20-cifar10.sweep.json");
    SweepReport::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Name and weights kept of each layer.
fn kept(allocation: &Value) -> Value {
    allocation["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| json!([layer["name"], layer["kept"]]))
        .collect()
}

/// Name and weights kept of each layer, as the table shows them.
async fn kept_in_table(page: &Browser) -> Value {
    let script = "return [...document.querySelectorAll('#layers tbody tr')].map(row => \
                  [row.dataset.layer, Number(row.querySelector('[data-value=kept]').textContent)]);";
    page.run(script, &[]).await
}

/// Name and weights kept of each layer, as the graph's nodes say.
async fn kept_on_nodes(page: &Browser) -> Value {
    let script = "return [...document.querySelectorAll('#graph-A [data-layer]')].map(node => \
                  [node.dataset.layer, Number(/keeps (\\d+) of/.exec(node.querySelector('title').textContent)[1])]);";
    let mut nodes = page.run(script, &[]).await;
    // Nodes are in the order of the graph, as the command line's layers are.
    assert_eq!(nodes.as_array_mut().unwrap().len(), 22);
    nodes
}

async fn alert(page: &Browser) -> String {
    page.wait_for("[role=alert]").await;
    page.text("[role=alert]").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_allocates_what_the_command_line_allocates() {
    let page = Browser::open().await;
    page.goto("").await;
    let expected = kept(&allocated(&["--rule", "rr", "--sparsity", "0.95"]));
    assert_eq!(kept_in_table(&page).await, expected);
    assert_eq!(kept_on_nodes(&page).await, expected);

    page.set("#sparsity", "120", "input").await;
    let sparsity = page.run("return document.querySelector('#sparsity-value').value", &[]).await;
    let sparsity = sparsity.as_str().unwrap().to_owned();
    assert!(sparsity.parse::<f64>().unwrap() < 0.9, "{sparsity}");
    for rule in ["rr", "erk", "lamp", "uniform", "blend"] {
        page.set("#rule", rule, "change").await;
        let expected = kept(&allocated(&["--rule", rule, "--sparsity", &sparsity]));
        assert_eq!(kept_in_table(&page).await, expected, "{rule}");
        assert_eq!(kept_on_nodes(&page).await, expected, "{rule}");
    }
    page.set("#rule", "rr", "change").await;
    page.set("#repair", "least_squares", "change").await;
    page.set("#sparsity-value", "0.973", "change").await;
    let expected =
        kept(&allocated(&["--rule", "rr", "--sparsity", "0.973", "--repair", "least_squares"]));
    assert_eq!(kept_on_nodes(&page).await, expected);

    page.set("#sparsity-value", "1.5", "change").await;
    assert!(alert(&page).await.contains("sparsity 1.5 is not possible"));
    page.set("#sparsity-value", "0.99999", "change").await;
    assert!(alert(&page).await.contains("highest sparsity possible"));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projections_are_forced_and_what_it_costs_the_others_is_seen() {
    let page = Browser::open().await;
    page.goto("?rule=erk&pane=ablation").await;
    page.click("#force-add").await;
    let (free, forced) = (
        allocated(&["--rule", "erk", "--sparsity", "0.95"]),
        allocated(&["--rule", "erk", "--sparsity", "0.95", "--force", "projection=global"]),
    );
    assert_eq!(kept_on_nodes(&page).await, kept(&forced));
    let of_projections = |allocation: &Value| -> i64 {
        let layers = allocation["layers"].as_array().unwrap();
        layers
            .iter()
            .filter(|layer| layer["role"] == "projection")
            .map(|layer| layer["kept"].as_i64().unwrap())
            .sum()
    };
    let moved = page.text("#effects [data-role=projection] [data-value=moved]").await;
    assert_eq!(moved, format!("{:+}", of_projections(&forced) - of_projections(&free)));

    page.set("#force-target", "layer3.0.conv1", "change").await;
    page.set("#force-density", "value", "change").await;
    page.set("#force-value", "7", "change").await;
    page.click("#force-add").await;
    assert!(alert(&page).await.contains("density 7 is not possible"));
    page.set("#force-value", "0.9", "change").await;
    page.click("#force-add").await;
    let options = [
        "--rule",
        "erk",
        "--sparsity",
        "0.95",
        "--force",
        "projection=global",
        "--force",
        "layer3.0.conv1=0.9",
    ];
    assert!(
        alert(&page).await.contains("the sparsity must be between"),
        "most of 18,432 weights is more than the budget"
    );
    assert!(
        !rrlab(&std::env::temp_dir())
            .args(["allocate", "--profile"])
            .arg(bundled_profile())
            .args(options)
            .output()
            .unwrap()
            .status
            .success()
    );
    page.click("#force-clear").await;

    page.click("#experiment").await;
    page.wait_for("#graph-B [data-layer]").await;
    assert_eq!(kept_on_nodes(&page).await, kept(&free));
    // Once the sweep has come.
    page.wait_until("return document.querySelector('#arms').textContent.includes('±')").await;
    let arms = page.text("#arms").await;
    let erk = bundled_sweep()
        .entry(Rule::Erk, "0.95".parse().unwrap(), VARIANCE_MATCHING)
        .unwrap()
        .accuracy;
    let erk = format!("{:.1} % ±", 100.0 * erk);
    assert!(arms.contains("ERK (capped)") && arms.contains(&erk), "{erk}: {arms}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_same_view() {
    let page = Browser::open().await;
    page.goto("").await;
    page.set("#rule", "lamp", "change").await;
    page.set("#sparsity-value", "0.9", "change").await;
    page.set("#colour", "density", "change").await;
    page.click(".stretch").await;
    page.click("#graph-A [data-layer='layer2.0.shortcut.0']").await;
    page.click("#tab-sweep").await;
    page.wait_until("return location.search.includes('pane=sweep')").await;
    let query = page.run("return location.search", &[]).await;
    let query = query.as_str().unwrap();

    let second = Browser::open().await;
    second.goto(query).await;
    let view = "return [document.querySelector('#rule').value, document.querySelector('#sparsity-value').value, \
                document.querySelector('#colour').value, document.querySelector('[role=tab][aria-selected=true]').id, \
                document.querySelector('.box.selected').dataset.layer, \
                document.querySelector('.legend-scale').getAttribute('aria-label')]";
    let mut seen = second.run(view, &[]).await;
    let legend = seen.as_array_mut().unwrap().pop().unwrap();
    assert!(legend.as_str().unwrap().contains("(least shown)"), "{legend}");
    assert_eq!(seen, json!(["lamp", "0.9", "density", "tab-sweep", "layer2.0.shortcut.0"]));
    assert_eq!(
        kept_on_nodes(&second).await,
        kept(&allocated(&["--rule", "lamp", "--sparsity", "0.9"]))
    );

    // What is out of range is refused and named; the rest is obeyed.
    second.goto("?sparsity=3&rule=erk&colour=taste").await;
    let said = alert(&second).await;
    assert!(
        said.contains("sparsity 3 is not possible") && said.contains("`taste` is none of rr, raw"),
        "{said}"
    );
    assert_eq!(
        kept_on_nodes(&second).await,
        kept(&allocated(&["--rule", "erk", "--sparsity", "0.95"]))
    );

    // A reviewer's link has nothing that changes what was sent, and still every way to look at it.
    second.goto("?rule=erk&hide=open,sparsity,rule,force,compare").await;
    let controls = "return ['#sparsity', '#rule', '#repair', '#file', '#gallery', '#tab-ablation', '#tab-compare'].filter(s => document.querySelector(s))";
    assert_eq!(second.run(controls, &[]).await, json!([]));
    second.wait_for("#colour").await;
    // Also not the pane that it was copied from, nor the menu that would bring them back.
    second.goto("?pane=ablation&hide=open,run,sparsity,rule,force,compare,menu").await;
    let controls = "return ['#force-add', '#experiment', '.menu', '#run-open'].filter(s => document.querySelector(s))";
    assert_eq!(second.run(controls, &[]).await, json!([]));
    // A teacher who hides the opening of files, or the menu itself, still has the menu.
    second.goto("").await;
    for part in ["open", "menu"] {
        second.click(&format!("[data-part={part}]")).await;
        second.wait_for(".menu").await;
    }
    second.wait_until("return location.search.includes('hide=open,menu') && !document.querySelector('#gallery')").await;
    second.click("[data-part=open]").await;
    second.wait_for("#gallery").await;
    second.close().await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_opened_saved_and_refused() {
    let page = Browser::open().await;
    page.goto("").await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let profile = std::fs::read_to_string(bundled_profile()).unwrap();
    for (name, text, said) in [
        ("torn.json", &profile[..profile.len() / 2], "torn.json: it is not JSON"),
        ("foreign.json", "{\"name\": 1}", "foreign.json: it holds neither a profile"),
        (
            "new.json",
            &profile.replacen("\"version\":3", "\"version\":99", 1),
            "version 99; this program reads versions 1 to 3",
        ),
    ] {
        page.choose_file(&file(name, text)).await;
        let found = alert(&page).await;
        assert!(found.contains(said), "{found}");
        page.click(".problems button").await;
    }
    assert_eq!(
        kept_on_nodes(&page).await,
        kept(&allocated(&["--rule", "rr", "--sparsity", "0.95"])),
        "nothing was lost"
    );

    // An allocation leaves the page as the command line writes it, and comes back as B.
    page.click("#save-allocation").await;
    let (name, bytes) = page.downloaded(".json").await;
    assert!(name.starts_with("resnet20-rr-0.95-"), "{name}");
    let saved = Allocation::from_json(std::str::from_utf8(&bytes).unwrap()).unwrap();
    assert_eq!(
        serde_json::to_value(&saved).unwrap(),
        allocated(&["--rule", "rr", "--sparsity", "0.95"])
    );
    page.set("#rule", "erk", "change").await;
    page.choose_file(&file("allocation.json", std::str::from_utf8(&bytes).unwrap())).await;
    page.wait_until(
        "return document.querySelector('#pane h2')?.textContent === 'B: RR at 0.95 from a file'",
    )
    .await;

    let mut other: Value = serde_json::from_slice(&bytes).unwrap();
    other["layers"][3]["name"] = json!("somewhere.else");
    page.choose_file(&file("other.json", &other.to_string())).await;
    assert!(alert(&page).await.contains("they are of different networks"));

    page.click("#tab-table").await;
    page.click_button("pane-head", "CSV").await;
    let (_, table) = page.downloaded(".csv").await;
    let table = String::from_utf8(table).unwrap();
    assert!(
        table.starts_with(
            "layer,role,shape,weights,macs,kept,density,raw,residual,rr,state,configuration\nconv1,stem,16x3x3x3,432,"
        ),
        "{table}"
    );
    assert_eq!(table.lines().count(), 23);
    page.click_button("pane-head", "Node data").await;
    let (_, data) = page.downloaded(".json").await;
    let data: Value = serde_json::from_slice(&data).unwrap();
    let node = &data["resnet20"]["results"]["layer2.0.shortcut.0"];
    assert!(node["value"].is_f64() && node["bgColor"].as_str().unwrap().starts_with('#'), "{node}");
    page.close().await;
}

/// The bundled profile as if it had been measured on another network of the same shape.
fn profile_of_another_network() -> ModelProfile {
    let mut profile =
        ModelProfile::from_json(&std::fs::read_to_string(bundled_profile()).unwrap()).unwrap();
    profile.model_hash = Some("ab".repeat(32).parse().unwrap());
    profile
}

#[tokio::test(flavor = "multi_thread")]
async fn accuracies_of_one_network_are_not_shown_beside_another_of_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    let other = profile_of_another_network();
    let path = folder.path().join("other.json");
    std::fs::write(&path, serde_json::to_string(&other).unwrap()).unwrap();
    let sweep = repository().join("docs/results/resnet20-cifar10.sweep.json");
    let page = Browser::open().await;
    page.goto("?pane=ablation&sparsity=0.905").await;
    page.wait_until("return /dense .*→ pruned .*→ repaired .*interpolated between 0.9 and/.test(document.querySelector('#readout-A').textContent)").await;
    page.goto("?pane=ablation&sparsity=0.9").await;
    page.wait_until(
        "return / measured on /.test(document.querySelector('#readout-A').textContent)",
    )
    .await;
    page.wait_until("return document.querySelector('#arms')?.textContent.includes('±')").await;
    page.choose_file(&path).await;
    page.wait_until(
        "return document.querySelector('#measurement').textContent.includes('abababababab')",
    )
    .await;
    let arms = page.text("#arms").await;
    assert!(arms.contains("not measured") && !arms.contains('±'), "{arms}");
    assert!(page.text("#readout-A").await.contains("Accuracy not measured"));
    page.choose_file(&sweep).await;
    let said = alert(&page).await;
    let expected = format!("but the profile here is {}", other.hash().short());
    assert!(said.contains("the sweep is of profile") && said.contains(&expected), "{said}");
    page.click(".problems button").await;

    // An allocation is of one network too.
    let allocation = allocated(&["--rule", "rr", "--sparsity", "0.9"]);
    let path = folder.path().join("allocation.json");
    std::fs::write(&path, allocation.to_string()).unwrap();
    page.choose_file(&path).await;
    let said = alert(&page).await;
    assert!(
        said.contains("the allocation is of network") && said.contains("abababababab"),
        "{said}"
    );
    page.click(".problems button").await;

    // A sweep of the version before is shown, as what it is.
    let mut old: Value = serde_json::from_str(&std::fs::read_to_string(&sweep).unwrap()).unwrap();
    old["version"] = json!(1);
    for field in ["model_hash", "profile_hash", "images_hash"] {
        old.as_object_mut().unwrap().remove(field);
    }
    let path = folder.path().join("old.json");
    std::fs::write(&path, old.to_string()).unwrap();
    page.choose_file(&path).await;
    page.wait_for("#unbound").await;
    page.click("#tab-ablation").await;
    assert!(page.text("#arms").await.contains("not measured"));

    // A link names the profile that it was copied from.
    page.goto("?of=abababababab").await;
    assert!(
        alert(&page).await.contains("this link is of profile abababababab, but what it names is")
    );
    let bundled =
        ModelProfile::from_json(&std::fs::read_to_string(bundled_profile()).unwrap()).unwrap();
    page.goto(&format!("?of={}", bundled.hash().short())).await;
    assert_eq!(
        page.run("return !!document.querySelector('[role=alert]')", &[]).await,
        json!(false)
    );
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_says_what_it_is_of_and_nothing_of_who_looked() {
    let page = Browser::open().await;
    let mut configurations = Vec::new();
    for query in
        ["?share=secret-of-a-link&theme=dark&rule=erk", "?theme=light&rule=erk", "?rule=lamp"]
    {
        page.goto(query).await;
        page.run(
            "document.querySelectorAll('.problems button').forEach(button => button.click())",
            &[],
        )
        .await;
        page.click_button("pane-head", "JSON").await;
        let (_, layers) = page.downloaded(".json").await;
        let layers = String::from_utf8(layers).unwrap();
        assert!(!layers.contains("secret") && !layers.contains("theme"), "{}", &layers[..400]);
        let layers: Value = serde_json::from_str(&layers).unwrap();
        configurations.push(layers["configuration"].as_str().unwrap().to_owned());
    }
    assert_eq!(configurations[0], configurations[1]);
    assert_ne!(configurations[1], configurations[2]);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_exhibit_is_drawn_while_its_sweeps_are_late_or_missing() {
    let folder = tempfile::tempdir().unwrap();
    let page_folder = copied_page(folder.path());
    std::fs::remove_file(page_folder.join("gallery/resnet20-cifar10.projection-global.sweep.json"))
        .unwrap();
    let page = Browser::at(file_server(page_folder).await, None, (1500, 1200)).await;
    page.goto("?pane=sweep").await;
    page.wait_for("[data-chart=sweep] svg").await;
    assert!(alert(&page).await.contains("projection-global.sweep.json can't be loaded"));
    page.wait_until("return document.querySelectorAll('#sweep option').length === 9").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_screen_leaves_other_views_to_who_opens_them() {
    let folder = tempfile::tempdir().unwrap();
    let page_folder = copied_page(folder.path());
    let parts = std::fs::read_dir(&page_folder).unwrap().flatten().map(|entry| entry.path());
    let mut parts = parts.filter(|path| path.to_string_lossy().contains("parts-"));
    let (parts, away) = (parts.next().unwrap(), folder.path().join("away"));
    let page = Browser::at(file_server(page_folder).await, None, (1500, 1200)).await;
    page.goto("").await;
    page.wait_until("return document.querySelectorAll('#graph-A [data-layer]').length > 20").await;
    let fetched = "return performance.getEntriesByType('resource').map(r => r.name).filter(n => /parts-.*wasm/.test(n))";
    assert_eq!(page.run(fetched, &[]).await, json!([]), "the first screen has what it needs");
    // A server that has another version of the page by now.
    std::fs::rename(&parts, &away).unwrap();
    page.click("#tab-compare").await;
    page.wait_until("return document.querySelector('#pane [role=alert]')?.textContent.includes('another version')").await;
    assert!(page.text("#graph-A").await.contains("conv1"), "the rest of the page lives on");
    std::fs::rename(&away, &parts).unwrap();
    page.click("#pane [role=alert] button").await;
    page.wait_for("[data-chart] svg").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_brings_the_part_of_the_graph_that_was_seen() {
    let page = Browser::open().await;
    let seen = "const box = document.querySelector('#graph-A').viewBox.baseVal; return [box.x, box.y, box.width]";
    let numbers = |value: Value| serde_json::from_value::<[f64; 3]>(value).unwrap();
    page.goto("").await;
    let whole = numbers(page.run(seen, &[]).await);
    page.goto("?seen=layer3.0.conv1*2").await;
    page.wait_until(&format!(
        "return document.querySelector('#graph-A').viewBox.baseVal.width < {}",
        0.6 * whole[2]
    ))
    .await;
    let part = numbers(page.run(seen, &[]).await);
    assert!((2.0 * part[2] / whole[2] - 1.0).abs() < 0.02, "{part:?} of {whole:?}");
    // The layer is in its middle.
    let middle = "const [graph, layer] = ['#graph-A', '#graph-A [data-layer=\"layer3.0.conv1\"] .face']\
                  .map(which => document.querySelector(which).getBoundingClientRect());\
                  return [graph, layer].map(box => box.x + box.width / 2)";
    let [of_graph, of_layer]: [f64; 2] =
        serde_json::from_value(page.run(middle, &[]).await).unwrap();
    assert!((of_graph - of_layer).abs() < 3.0, "{of_graph} {of_layer}");
    page.click_button("graph-head", "+").await;
    page.wait_until(
        "return /seen=layer3.0.conv1\\*2\\.\\d/.test(decodeURIComponent(location.search))",
    )
    .await;
    page.click_button("graph-head", "Fit").await;
    page.wait_until("return !location.search.includes('*2')").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b_goes_along_with_a_until_it_has_a_sparsity_of_its_own() {
    let page = Browser::open().await;
    page.goto("?sparsity=0.9&shown=both").await;
    let heads =
        "return [...document.querySelectorAll('.one-graph h2')].map(head => head.textContent)";
    assert_eq!(page.run(heads, &[]).await, json!(["A: RR at 0.9", "B: ERK (capped) at 0.9"]));
    page.set("#sparsity-value", "0.93", "change").await;
    page.wait_until("return document.querySelectorAll('.one-graph h2')[1].textContent === 'B: ERK (capped) at 0.93'").await;
    page.goto("?sparsity=0.9&b.sparsity=0.95&shown=both&pane=compare").await;
    assert_eq!(page.run(heads, &[]).await, json!(["A: RR at 0.9", "B: ERK (capped) at 0.95"]));
    page.set("#sparsity-value", "0.8", "change").await;
    page.wait_until("return location.search.includes('sparsity=0.8') && location.search.includes('b.sparsity=0.95')").await;
    // At A's sparsity it goes along again.
    page.set("#b-sparsity-value", "0.8", "change").await;
    page.wait_until("return !location.search.includes('b.sparsity')").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_story_has_the_file_that_they_had_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.json");
    std::fs::write(&path, serde_json::to_string(&profile_of_another_network()).unwrap()).unwrap();
    let page = Browser::open().await;
    let opened =
        "return document.querySelector('#measurement').textContent.includes('abababababab')";
    for leave in ["document.querySelector('#story-end').click()", "history.back()"] {
        page.goto("").await;
        page.choose_file(&path).await;
        page.wait_until(opened).await;
        page.click(".stories a, .stories button").await;
        page.wait_for(".story-panel h2").await;
        page.wait_until(&opened.replacen("return ", "return !", 1)).await;
        // The address follows what rests: who goes back sooner goes to what was before.
        page.wait_until("return location.search.includes('step=1')").await;
        page.run(leave, &[]).await;
        page.wait_until(opened).await;
        page.wait_until("return !document.querySelector('.story-panel')").await;
    }
    // A link holds no story from a file, and says so.
    page.goto("?step=3").await;
    assert!(alert(&page).await.contains("story from a file"));
    page.wait_until("return !location.search.includes('step')").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_whose_library_is_not_there_says_so_and_has_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let page_folder = copied_page(folder.path());
    let (library, away) = (page_folder.join("vendor/echarts.js"), folder.path().join("away.js"));
    // A server that sends packed files would send that one.
    let _ = std::fs::remove_file(page_folder.join("vendor/echarts.js.br"));
    std::fs::rename(&library, &away).unwrap();
    let page = Browser::at(file_server(page_folder).await, None, (1500, 1200)).await;
    page.goto("?pane=compare").await;
    page.wait_until("return document.querySelector('.chart-figure [role=alert]')?.textContent.includes('could not be fetched')").await;
    page.click(".chart-figure .numbers summary").await;
    page.wait_until(
        "return document.querySelectorAll('.chart-figure .numbers tbody tr').length === 22",
    )
    .await;
    std::fs::rename(&away, &library).unwrap();
    page.click(".chart-figure [role=alert] button").await;
    page.wait_for("[data-chart=compare] svg path").await;
    page.wait_until("return !document.querySelector('.chart-figure [role=alert]')").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fingers_enlarge_the_graph_and_a_map_shows_which_part_is_seen() {
    let page = Browser::open_sized((1500, 1200)).await;
    page.goto("?pane=table").await;
    let seen = "const box = document.querySelector('#graph-A').viewBox.baseVal; return [box.x, box.y, box.width]";
    let numbers = |value: Value| serde_json::from_value::<[f64; 3]>(value).unwrap();
    let before = numbers(page.run(seen, &[]).await);
    assert_eq!(page.run("return document.querySelector('.minimap')", &[]).await, Value::Null);
    let middle = "const graph = document.querySelector('#graph-A'); graph.scrollIntoView({ block: 'center' }); \
                  const at = graph.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]";
    let (x, y) = serde_json::from_value(page.run(middle, &[]).await).unwrap();
    page.touch(&[[(x - 40.0, y), (x - 160.0, y)], [(x + 40.0, y), (x + 160.0, y)]]).await;
    let pinched = numbers(page.run(seen, &[]).await);
    let enlarged = before[2] / pinched[2];
    assert!((3.5..4.5).contains(&enlarged), "four times as far apart: {enlarged}");
    page.wait_for(".minimap .map-seen").await;
    page.touch(&[[(x, y), (x - 100.0, y - 50.0)]]).await;
    let moved = numbers(page.run(seen, &[]).await);
    assert!(moved[0] > pinched[0] + 10.0 && moved[1] > pinched[1] + 5.0, "{pinched:?} {moved:?}");
    assert_eq!(moved[2], pinched[2]);
    // The map's upper left corner is the drawing's.
    let corner = "const at = document.querySelector('.minimap').getBoundingClientRect(); return [at.x + 2, at.y + 2]";
    let (x, y) = serde_json::from_value(page.run(corner, &[]).await).unwrap();
    page.touch(&[[(x, y), (x, y)]]).await;
    let at_corner = numbers(page.run(seen, &[]).await);
    assert!(at_corner[0] < 0.0 && at_corner[1] < 0.0, "{at_corner:?}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_the_graph_comes_first_and_settings_wait_below() {
    let page = Browser::open_sized((390, 844)).await;
    page.goto("").await;
    let is_shown = "return document.querySelector(arguments[0]).checkVisibility()";
    let in_window = "const at = document.querySelector(arguments[0]).getBoundingClientRect(); \
                     return at.top >= 0 && at.bottom <= innerHeight";
    assert_eq!(page.run(in_window, &[json!("#sparsity")]).await, json!(true));
    assert_eq!(page.run(in_window, &[json!("#graph-A [data-layer]")]).await, json!(true));
    assert_eq!(page.run(is_shown, &[json!("#rule")]).await, json!(false));
    page.click(".sheet-toggle").await;
    assert_eq!(page.run(is_shown, &[json!("#rule")]).await, json!(true));
    page.set("#rule", "erk", "change").await;
    page.wait_until(
        "return document.querySelector('.one-graph h2').textContent.startsWith('A: ERK')",
    )
    .await;
    page.screenshot("phone-settings.png").await;
    page.click(".sheet-toggle").await;
    assert_eq!(page.run(is_shown, &[json!("#rule")]).await, json!(false));
    // What belongs to a pane stays in it.
    for (pane, control) in [("compare", "#b-rule"), ("ablation", "#force-add")] {
        page.click(&format!("#tab-{pane}")).await;
        page.wait_for(control).await;
        assert_eq!(page.run(is_shown, &[json!(control)]).await, json!(true), "{control}");
        let place = "return getComputedStyle(document.querySelector(arguments[0]).closest('.controls')).position";
        assert_eq!(page.run(place, &[json!(control)]).await, json!("static"), "{control}");
    }
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_shows_its_curve_and_what_it_keeps() {
    let page = Browser::open().await;
    page.goto("?sparsity=0.95").await;
    let measures = "const box = document.querySelector('#graph-A [data-layer=\"layer2.0.conv2\"]'); \
                    const width = part => Number(box.querySelector(part).getAttribute('width')); \
                    return [width('.bar') / width('.bar-room'), Number(box.querySelector('.rr-now').getAttribute('x')), \
                            box.querySelectorAll('.rr-curve').length]";
    let numbers = |value: Value| serde_json::from_value::<[f64; 3]>(value).unwrap();
    let [share, now, curves] = numbers(page.run(measures, &[]).await);
    let allocation = allocated(&["--rule", "rr", "--sparsity", "0.95"]);
    let layers = allocation["layers"].as_array().unwrap();
    let layer = layers.iter().find(|layer| layer["name"] == "layer2.0.conv2").unwrap();
    let density = layer["kept"].as_f64().unwrap() / layer["weights"].as_f64().unwrap();
    assert!((share - density).abs() < 1e-3, "{share} {density}");
    assert_eq!(curves, 1.0);
    page.set("#sparsity-value", "0.99", "change").await;
    let [sparser, later, _] = numbers(page.run(measures, &[]).await);
    assert!(sparser < share && later > now, "{share} {sparser}, {now} {later}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_networks_are_compared_where_their_layers_match() {
    let page = Browser::open().await;
    page.goto("?profile=akamaster-resnet20-cifar10&pane=networks").await;
    page.set("#other", "akamaster-resnet56-cifar10", "change").await;
    page.wait_until("return document.querySelector('#networks-agree')?.textContent.startsWith('20 of 20 layers match, by their names.')")
        .await;
    let shown = page.text("#networks-agree").await;
    let gallery = |name: &str| {
        let path = repository().join(format!("frontend/gallery/{name}.profile.json"));
        ModelProfile::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let (small, deep) =
        (gallery("akamaster-resnet20-cifar10"), gallery("akamaster-resnet56-cifar10"));
    let pairs = MatchedLayers::of(&small, &deep).rr_at(
        [&small, &deep],
        RepairOperator::VarianceMatching,
        1.0 - 0.95,
    );
    let correlation = rank_correlation(&pairs).unwrap();
    assert!(shown.contains(&format!("ρ = {correlation:.2}")), "{shown} {correlation}");
    page.wait_for("[data-chart=networks-rr] svg").await;
    let lines = ["akamaster_resnet20 on cifar10", "akamaster_resnet56 on cifar10"];
    page.wait_for_lines("networks-rr", &lines).await;
    page.wait_for_lines("networks-density", &lines).await;
    assert_eq!(page.serious().await, json!([]));
    page.screenshot("networks.png").await;
    // The link holds both, and what names no profile says so.
    page.wait_until("return location.search.includes('other=akamaster-resnet56-cifar10')").await;
    page.goto("?pane=networks&other=nowhere.json").await;
    page.wait_until(
        "return document.querySelector('#pane [role=alert]')?.textContent.includes('nowhere.json')",
    )
    .await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_stands_in_another_page() {
    let page = Browser::at(plain_server().await, None, (1500, 1200)).await;
    page.goto("?rule=lamp&pane=sweep&run.seed=3").await;
    page.set("#embed", "pane", "change").await;
    let code = page.run("return document.querySelector('#embed-code').value", &[]).await;
    // The frame of a page beside it, whose text is that which a person copies.
    let script =
        "document.body.innerHTML = arguments[0]; return document.querySelector('iframe').src";
    let source = page.run(script, &[code]).await;
    for part in ["rule=lamp", "pane=sweep", "run.seed=3", "embed=pane"] {
        assert!(source.as_str().unwrap().contains(part), "{source}");
    }
    let inside = |script: &str| {
        format!("const page = document.querySelector('iframe').contentDocument; return {script}")
    };
    page.wait_until(&inside("!!page.querySelector('[data-chart=sweep] svg')")).await;
    for absent in ["header", "#graph-A", "#copy-link"] {
        let found = inside(&format!("page.querySelector('{absent}')"));
        assert_eq!(page.run(&found, &[]).await, Value::Null, "{absent}");
    }
    let way_out = page.run(&inside("page.querySelector('.way-out a').href"), &[]).await;
    assert!(way_out.as_str().unwrap().contains("rule=lamp"), "{way_out}");
    assert!(!way_out.as_str().unwrap().contains("embed"), "{way_out}");
    page.goto("?embed=graph").await;
    page.wait_for("#graph-A [data-layer]").await;
    assert_eq!(page.run("return document.querySelector('#panes')", &[]).await, Value::Null);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_sets_what_networks_are_run_with() {
    let page = Browser::open().await;
    page.goto("?run=true&run.network=resnet8&run.seed=7&run.epochs=3&run.calibration=64").await;
    page.wait_for("#run [data-number], #run input").await;
    let numbers = "return [...document.querySelectorAll('#run input[type=number]')].map(input => input.value)";
    page.wait_until("return document.querySelectorAll('#run input[type=number]').length > 3").await;
    let shown = page.run(numbers, &[]).await.to_string();
    for number in ["\"7\"", "\"3\"", "\"64\""] {
        assert!(shown.contains(number), "{shown}");
    }
    // A file of one's own is nobody else's.
    page.set("#network", "file", "change").await;
    page.wait_until("return !location.search.includes('run.network')").await;
    // Nor does the way back take it.
    page.click("#tab-layer").await;
    page.wait_until("return location.search.includes('pane=layer')").await;
    page.client.back().await.unwrap();
    page.wait_until("return !location.search.includes('pane=layer')").await;
    assert_eq!(
        page.run("return document.querySelector('#network').value", &[]).await,
        json!("file")
    );
    assert!(page.run("return location.search", &[]).await.as_str().unwrap().contains("run.seed=7"));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_a_clipboard_says_so() {
    let page = Browser::open().await;
    page.goto("").await;
    page.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })", &[]).await;
    page.click("#copy-link").await;
    page.wait_until("return document.querySelector('header [role=status]').textContent.includes('copy the address instead')").await;
    page.set("#rule", "erk", "change").await;
    page.wait_until(
        "return document.querySelector('.one-graph h2').textContent.startsWith('A: ERK')",
    )
    .await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_closed_leave_nothing_behind() {
    // Of scripts' objects some caches grow at first; a chart or a graph that stays is far more in so
    // many rounds.
    const ROUNDS: usize = 100;
    /// A script may not run longer than a browser's driver has patience.
    const AT_ONCE: usize = 20;
    const MOST_CACHED: u64 = 3_000_000;
    if Kind::asked() != Kind::Chromium {
        return;
    }
    let page = Browser::open().await;
    page.goto("?other=chenyaofo-resnet20-cifar10").await;
    let script = "const [rounds, done] = arguments; const wait = ms => new Promise(then => setTimeout(then, ms)); \
        const click = async selector => { document.querySelector(selector).click(); await wait(30); }; \
        (async () => { for (let round = 0; round < rounds; round++) { \
            for (const pane of ['compare', 'ablation', 'layer', 'sweep', 'networks', 'table']) await click('#tab-' + pane); \
            for (const shown of ['both', 'b', 'a']) await click(`input[name=shown][value=${shown}]`); \
            await click('#run-open'); await click('#run-open'); \
            await click('.graph-head [aria-haspopup=dialog]'); \
            while (!document.querySelector('.figure-dialog')) await wait(10); \
            await click('.figure-dialog .pane-head > button'); \
        } await wait(500); done(); })();";
    let open_and_close =
        async |rounds: usize| page.client.execute_async(script, vec![json!(rounds)]).await.unwrap();
    open_and_close(5).await;
    let before = page.held().await;
    for _ in 0..ROUNDS / AT_ONCE {
        open_and_close(AT_ONCE).await;
    }
    let after = page.held().await;
    assert!(after.nodes <= before.nodes + 50, "{before:?} {after:?}");
    assert!(after.listeners <= before.listeners + 5, "{before:?} {after:?}");
    assert!(after.script_bytes < before.script_bytes + MOST_CACHED, "{before:?} {after:?}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_that_cannot_be_read_says_so_and_is_begun_anew() {
    let page = Browser::open().await;
    page.goto("").await;
    page.run("localStorage.setItem('rrlab.notebook', '[{')", &[]).await;
    page.click("#run-open").await;
    page.wait_until(
        "return document.querySelector('#notebook')?.textContent.includes('can\\'t be read')",
    )
    .await;
    assert_eq!(page.run("return localStorage.getItem('rrlab.notebook')", &[]).await, json!("[{"));
    page.click("#notebook .tools button:last-child").await;
    page.wait_until("return !document.querySelector('#notebook')").await;
    assert_eq!(page.run("return localStorage.getItem('rrlab.notebook')", &[]).await, Value::Null);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_is_walked_folded_and_opened_by_keyboard() {
    let page = Browser::open().await;
    page.goto("").await;
    let at = "return document.activeElement.dataset.layer";
    page.run("document.querySelector('#graph-A [data-layer][tabindex=\"0\"]').focus()", &[]).await;
    assert_eq!(page.run(at, &[]).await, json!("conv1"));
    for (key, layer) in [
        ("ArrowRight", "layer1.0.conv1"),
        ("ArrowRight", "layer1.0.conv2"),
        ("ArrowLeft", "layer1.0.conv1"),
        ("End", "linear"),
        ("Home", "conv1"),
    ] {
        page.press(key).await;
        assert_eq!(page.run(at, &[]).await, json!(layer), "{key}");
    }
    page.press("ArrowDown").await;
    assert_eq!(page.run(at, &[]).await, json!("layer2.0.shortcut.0"));
    page.press("Enter").await;
    page.wait_until("return document.querySelector('#layer')?.value === 'layer2.0.shortcut.0'")
        .await;
    assert!(page.text("#reason").await.contains("RR keeps"));
    page.wait_for("[data-chart=rr] svg").await;

    page.run("document.querySelector('#graph-A [data-layer=\"layer1.1.conv2\"]').focus()", &[])
        .await;
    page.press("f").await;
    page.wait_for("#graph-A [data-layer='layer1.1']").await;
    let boxes = "return document.querySelectorAll('#graph-A [data-layer]').length";
    assert_eq!(page.run(boxes, &[]).await, json!(21), "two layers became one block");
    let folded = page
        .run(
            "return document.querySelector('#graph-A [data-layer=\"layer1.1\"] title').textContent",
            &[],
        )
        .await;
    let layers = kept(&allocated(&["--rule", "rr", "--sparsity", "0.95"]));
    let sum: i64 = layers
        .as_array()
        .unwrap()
        .iter()
        .filter(|layer| layer[0].as_str().unwrap().starts_with("layer1.1."))
        .map(|layer| layer[1].as_i64().unwrap())
        .sum();
    assert!(folded.as_str().unwrap().contains(&format!("keeps {sum} of 4608 weights")), "{folded}");
    let zoomed = "return document.querySelector('#graph-A').getAttribute('viewBox')";
    let before = page.run(zoomed, &[]).await;
    page.run("document.querySelector('#graph-A [data-layer=\"layer1.1\"]').focus()", &[]).await;
    page.press("+").await;
    assert_ne!(page.run(zoomed, &[]).await, before);
    page.press("Enter").await;
    assert_eq!(page.run(boxes, &[]).await, json!(22));

    // A chart is read with the arrow keys too.
    page.run("document.querySelector('[data-chart=rr]').focus()", &[]).await;
    page.press("ArrowRight").await;
    let said = page.text("#pane [aria-live]").await;
    assert!(said.starts_with("variance matching, sparsity 0.05: "), "{said}");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_runs_to_its_end() {
    let page = Browser::open().await;
    page.goto("").await;
    page.click("#tour-start").await;
    for step in 1..=8 {
        page.wait_until(&format!(
            "return document.querySelector('.story-panel p')?.textContent === '{step} of 8'"
        ))
        .await;
        page.wait_for(".spotlight").await;
        page.screenshot(&format!("tour-{step}.png")).await;
        page.click(if step < 8 { "#story-next" } else { "#story-end" }).await;
    }
    page.wait_until(
        "return !document.querySelector('.story-panel') && !document.querySelector('.spotlight')",
    )
    .await;

    // Who ends it early has their own settings back; who did something in its last step keeps that.
    page.goto("?rule=lamp").await;
    page.run(
        "window.broken = []; addEventListener('error', event => broken.push(event.message))",
        &[],
    )
    .await;
    page.click("#tour-start").await;
    page.click("#story-next").await;
    page.click("#story-end").await;
    page.wait_until("return document.querySelector('#rule').value === 'lamp'").await;
    page.click("#tour-start").await;
    for _ in 1..8 {
        page.click("#story-next").await;
    }
    page.set("#rule", "uniform", "change").await;
    page.click("#story-end").await;
    page.wait_until("return !document.querySelector('.story-panel')").await;
    assert_eq!(
        page.run("return document.querySelector('#rule').value", &[]).await,
        json!("uniform")
    );
    assert_eq!(page.run("return broken", &[]).await, json!([]), "its panel goes without a trap");
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_of_the_gallery_is_opened_with_its_sweeps() {
    let page = Browser::open().await;
    page.goto("?pane=sweep").await;
    page.wait_for("[data-chart=sweep] svg").await;
    page.set("#gallery", "vgg16_bn-w0.25-cifar10", "change").await;
    page.wait_until(
        "return document.querySelector('#measurement').textContent.startsWith('vgg16_bn')",
    )
    .await;
    // Of rules, in steps, distilled.
    page.wait_until("return document.querySelectorAll('#sweep option').length === 3").await;
    page.close().await;
}

/// Every step of the stories that come with the page sets what it says, and no answer is seen unasked.
#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_stories_ask_and_answer() {
    let page = Browser::open().await;
    let folder = repository().join("frontend/stories");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let story = Story::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap();
        page.goto(&format!("?story={name}")).await;
        for (index, step) in story.steps.iter().enumerate() {
            let heading = json!(step.title);
            page.wait_until(&format!(
                "return document.querySelector('.story-panel h2')?.textContent === {heading}"
            ))
            .await;
            page.wait_for(".spotlight").await;
            if let Some(profile) = &story.profile {
                let network = json!(profile.split('-').next());
                page.wait_until(&format!(
                    "return document.querySelector('#measurement').textContent.startsWith({network})"
                ))
                .await;
            }
            assert_eq!(
                page.run("return document.querySelectorAll('.story-panel .problem').length", &[])
                    .await,
                json!(0),
                "{name}, step {}",
                index + 1
            );
            if let Some(answer) = &step.answer {
                let shown = "return document.querySelector('.answer').open";
                assert_eq!(page.run(shown, &[]).await, json!(false));
                page.click(".answer summary").await;
                assert!(page.text(".answer").await.contains(answer));
            }
            page.screenshot(&format!("story-{name}-{}.png", index + 1)).await;
            page.click(if index + 1 < story.steps.len() { "#story-next" } else { "#story-end" })
                .await;
        }
    }
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teachers_story_is_told_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesson.json");
    let story = json!({
        "version": 1,
        "title": "Lesson",
        "steps": [
            { "title": "Layers", "text": ["First.", "Second."], "state": "rule=lamp&sparsity=0.8" },
            { "title": "Typo", "text": ["Third."], "state": "rul=erk&colour=density&sparsity=1.3" },
        ],
    });
    std::fs::write(&path, story.to_string()).unwrap();
    let page = Browser::open().await;
    page.goto("?rule=erk").await;
    page.choose_file(&path).await;
    page.wait_until("return document.querySelector('.story-panel h2')?.textContent === 'Layers'")
        .await;
    page.wait_until("return document.querySelector('#rule').value === 'lamp'").await;
    page.wait_until("return location.search.includes('step=1')").await;
    page.click("#story-next").await;
    page.wait_until("return document.querySelectorAll('.story-panel .problem').length === 2").await;
    let said = page.text(".story-panel").await;
    assert!(said.contains("`rul` in this step is no setting of the page"), "{said}");
    assert!(said.contains("`sparsity` in this step was left out"), "{said}");
    // Back within a story gives back what was set then.
    page.wait_until("return location.search.includes('step=2')").await;
    page.run("history.back()", &[]).await;
    page.wait_until("return document.querySelector('.story-panel h2')?.textContent === 'Layers'")
        .await;
    page.wait_until("return document.querySelector('#rule').value === 'lamp'").await;
    page.click("#story-end").await;
    page.wait_until("return !document.querySelector('.story-panel')").await;
    page.wait_until("return document.querySelector('#rule').value === 'erk'").await;

    // A link into the middle of a story says more than the step does.
    page.goto("?story=tour&step=2&rule=lamp").await;
    page.wait_until(
        "return document.querySelector('.story-panel h2')?.textContent === 'What pruning breaks'",
    )
    .await;
    page.wait_until("return document.querySelector('#colour').value === 'raw' && document.querySelector('#rule').value === 'lamp'").await;
    // Another story begins at its beginning.
    page.click("[data-story=repair]").await;
    page.wait_until("return document.querySelector('.story-panel p').textContent === '1 of 3'")
        .await;

    // One that is no story says what is missing.
    std::fs::write(&path, r#"{"version": 1, "title": "Empty", "steps": []}"#).unwrap();
    page.choose_file(&path).await;
    assert!(alert(&page).await.contains("lesson.json: the story `Empty` has no steps"));
    page.goto("?story=nowhere.json").await;
    assert!(alert(&page).await.contains("nowhere.json can't be loaded"));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_and_forward_undo_coarse_steps() {
    let page = Browser::open().await;
    page.goto("").await;
    let pane = |name: &str| {
        format!("return document.querySelector('#tab-{name}').classList.contains('chosen')")
    };
    for name in ["sweep", "layer"] {
        page.click(&format!("#tab-{name}")).await;
        page.wait_until(&format!("return location.search.includes('pane={name}')")).await;
    }
    // A slider moves within a step.
    page.set("#sparsity-value", "0.9", "change").await;
    page.wait_until("return location.search.includes('sparsity=0.9')").await;
    page.run("history.back()", &[]).await;
    page.wait_until(&pane("sweep")).await;
    page.run("history.forward()", &[]).await;
    page.wait_until(&pane("layer")).await;
    page.wait_until("return document.querySelector('#sparsity-value').value === '0.9'").await;
    page.run("history.go(-2)", &[]).await;
    page.wait_until(&pane("table")).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_projections_has_a_tour_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let (model, profile) =
        (folder.path().join("model.safetensors"), folder.path().join("profile.json"));
    let run = |arguments: &[&str]| {
        let output = rrlab(folder.path())
            .args(arguments)
            .args(["--dataset", "shapes10", "--images", "4"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let random =
        Model::random("vgg11_bn:width=0.1".parse::<Architecture>().unwrap().graph(10).unwrap(), 1);
    std::fs::write(&model, checkpoint::write(&random).unwrap()).unwrap();
    run(&["calibrate", "--model", model.to_str().unwrap(), "--out", profile.to_str().unwrap()]);
    let page = Browser::open().await;
    page.goto("").await;
    page.choose_file(&profile).await;
    page.wait_until(
        "return document.querySelector('#measurement').textContent.startsWith('vgg11_bn')",
    )
    .await;
    page.click("#tour-start").await;
    for step in 1..=7 {
        page.wait_until(&format!(
            "return document.querySelector('.story-panel p')?.textContent === '{step} of 7'"
        ))
        .await;
        assert!(!page.text(".story-panel h2").await.contains("shortcuts"));
        if step == 5 {
            page.wait_for("[data-chart=rr] svg").await;
        }
        page.click(if step < 7 { "#story-next" } else { "#story-end" }).await;
    }
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_network_is_drawn_and_folded() {
    let profile =
        ModelProfile::from_json(&std::fs::read_to_string(bundled_profile()).unwrap()).unwrap();
    let deep = deepened(profile, 90);
    let text = serde_json::to_string(&deep).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.json");
    std::fs::write(&path, &text).unwrap();
    let page = Browser::open().await;
    page.goto("").await;
    page.choose_file(&path).await;
    page.wait_until("return document.querySelectorAll('#graph-A [data-layer]').length === 202")
        .await;
    page.screenshot("deep.png").await;
    page.goto("?folded=layer1").await;
    page.choose_file(&path).await;
    page.wait_until("return /folded, 186 layers/.test(document.querySelector('#graph-A [data-layer=layer1]')?.querySelector('title').textContent)").await;
    page.close().await;
}

/// Sweeps of one profile on the same images, side by side; one in which layers were forced is no
/// rung of the others' ladder.
#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_of_repairs_is_a_chart_of_its_own() {
    let page = Browser::open().await;
    page.goto("?profile=resnet18-w0.25-cifar10&pane=sweep&rule=erk").await;
    page.wait_until("return document.querySelectorAll('#sweep option').length === 9").await;
    let expected = ["no repair", "variance matching", "reconstruction", "reconstruction in steps"];
    page.wait_for_lines("ladder", &expected).await;
    // Three draws of one sweep are one.
    page.wait_until(
        "return document.querySelector('#sweep option').textContent.endsWith('3 draws')",
    )
    .await;
    page.set("#sweep", "2", "change").await;
    page.wait_for_lines("ladder", &expected[..3]).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_shows_a_few_rules_and_the_others_when_asked() {
    let page = Browser::open().await;
    page.goto("?pane=sweep").await;
    // Four, and one that leads somewhere beyond noise.
    let few = ["uniform", "ERK (capped)", "global magnitude", "LAMP", "RR"];
    page.wait_for_lines("sweep", &few).await;
    // A line has the same colour as the rule's mark in the table.
    let colours = "return ['LAMP', 'RR'].map(name => { \
        const row = [...document.querySelectorAll('#leaders tbody tr')].find(row => row.querySelector('th').textContent === name); \
        const colour = row.querySelector('path').getAttribute('fill'); \
        return document.querySelector(`[data-chart=sweep] path[stroke='${colour}']`) !== null })";
    page.wait_until(&format!("return String((() => {{ {colours} }})()) === 'true,true'")).await;
    page.click("[data-rule=uniform].rule-choice").await;
    page.click("[data-rule=global_magnitude].rule-choice").await;
    page.click("[data-rule=blend].rule-choice").await;
    page.wait_for_lines("sweep", &["ERK (capped)", "LAMP", "RR", "blend"]).await;
    page.click("#before-repair").await;
    page.wait_until("return location.search.includes('before_repair=true') && location.search.includes('rules=erk')").await;
    page.click("#few-rules").await;
    let with_broken = few.map(|rule| [rule.to_owned(), format!("{rule} before repair")]).concat();
    let with_broken: Vec<&str> = with_broken.iter().map(String::as_str).collect();
    page.wait_for_lines("sweep", &with_broken).await;

    // A link says the same; A's rule has a line whatever else is shown.
    page.goto("?pane=sweep&rules=lamp&rule=residual_optimal").await;
    page.wait_for_lines("sweep", &["LAMP", "residual-optimal"]).await;
    let is_fixed =
        "return document.querySelector('[data-rule=residual_optimal].rule-choice').disabled";
    assert_eq!(page.run(is_fixed, &[]).await, json!(true));
    page.close().await;
}

/// The bundled sweep as another draw of calibration images, with a profile of its own, would have it.
fn another_draw(folder: &Path) -> PathBuf {
    let sweep = repository().join("docs/results/resnet20-cifar10.sweep.json");
    let mut draw: Value = serde_json::from_str(&std::fs::read_to_string(sweep).unwrap()).unwrap();
    draw["plan"]["seed"] = json!(1);
    draw["plan"]["evaluation_seed"] = json!(0);
    draw["profile_hash"] = json!("ab".repeat(32));
    let path = folder.join("draw.json");
    std::fs::write(&path, draw.to_string()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn draws_of_one_sweep_are_shown_as_their_means() {
    let folder = tempfile::tempdir().unwrap();
    let page = Browser::open().await;
    page.goto("?pane=sweep").await;
    page.wait_until("return document.querySelectorAll('#sweep option').length === 10").await;
    page.choose_file(&another_draw(folder.path())).await;
    page.wait_until(
        "return document.querySelector('#sweep option').textContent.includes('2 draws')",
    )
    .await;
    let pane = page.text("#pane").await;
    assert!(pane.contains("means over draws with seeds 0, 1"), "{pane}");
    assert!(page.text("#sweep-noise").await.contains("Student"));
    // Every line has a band.
    let bands = "return document.querySelectorAll('[data-chart=sweep] path[fill-opacity], \
        [data-chart=sweep] path[opacity]').length";
    page.wait_until(&format!("return (() => {{ {bands} }})() >= 4")).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worth_of_projections_is_a_curve_and_words_that_follow_from_it() {
    let page = Browser::open().await;
    page.goto("?profile=resnet18-w0.25-cifar10&pane=ablation&sparsity=0.95").await;
    page.wait_for("[data-chart=projections] svg").await;
    let accuracy = |file: &str| {
        let path = format!("docs/results/resnet18-w0.25-cifar10{file}.sweep.json");
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        let report = SweepReport::from_json(&text).unwrap();
        let repair = Repair::Operator(RepairOperator::VarianceMatching);
        report.entry(Rule::Erk, Sparsity::new(0.95).unwrap(), repair).unwrap().accuracy
    };
    let free = accuracy("");
    for (file, words) in [
        (".projection-global", "Forced to the density of the whole network"),
        (".projection-dense", "Forced dense"),
        (".projection-rr", "Forced to what RR gives"),
    ] {
        let points = format!("{:+.1} points", 100.0 * (accuracy(file) - free)).replace('-', "−");
        page.wait_until(&format!(
            "return [...document.querySelectorAll('#verdict li')].some(line => \
             line.textContent.startsWith('{words}') && line.textContent.includes('{points}'))"
        ))
        .await;
    }
    let said = page.text("#verdict").await;
    assert!(
        said.contains("with far fewer of the projections’ weights ERK does worse")
            && said.contains("with many more it does worse"),
        "{said}"
    );

    // The slider forces A's projections, and says what lies between two that were measured.
    page.set("#projection-density", "50", "input").await;
    page.wait_until("return location.search.includes('force=projection=0.525') && location.search.includes('rule=erk')").await;
    page.wait_until("return /^≈ .*, between .* of them/.test(document.querySelector('#projection-estimate').textContent)").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_file_server_under_a_sub_path_is_enough() {
    let page = Browser::at(plain_server().await, None, (1500, 1200)).await;
    page.goto("?rule=erk&pane=sweep").await;
    assert_eq!(
        kept_on_nodes(&page).await,
        kept(&allocated(&["--rule", "erk", "--sparsity", "0.95"]))
    );
    page.wait_until(&format!(
        "return document.querySelectorAll('#leaders tbody tr[data-rule]').length === {}",
        Rule::VARIANTS.len()
    ))
    .await;
    let leaders = page.text("#leaders").await;
    assert!(Rule::VARIANTS.iter().all(|rule| leaders.contains(rule.label())), "{leaders}");
    assert!(page.text("#sweep-noise").await.contains("noise"));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_serious_bars_anyone_in_light_or_dark_wide_or_narrow() {
    for (width, height) in [(1500, 1300), (390, 1300), (2560, 1400)] {
        let page = Browser::open_sized((width, height)).await;
        for theme in ["light", "dark"] {
            for pane in ["table", "compare", "ablation", "layer", "sweep", "networks"] {
                // The panel for running networks is there with one of the panes.
                let run = pane == "layer";
                let query = format!(
                    "?theme={theme}&pane={pane}&run={run}&layer=layer2.0.shortcut.0&force=projection=global&other=chenyaofo-resnet20-cifar10"
                );
                page.goto(&query).await;
                if ["compare", "sweep", "networks"].contains(&pane) {
                    page.wait_for("[data-chart] svg").await;
                }
                assert_eq!(page.serious().await, json!([]), "{width} {theme} {pane}");
                page.run("document.querySelector('#panes').scrollIntoView()", &[]).await;
                page.screenshot(&format!("{pane}-{theme}-{width}.png")).await;
                page.run("scrollTo(0, 0)", &[]).await;
            }
            page.screenshot(&format!("page-{theme}-{width}.png")).await;
            // What scrolls by itself may be wider than the page; nothing else may.
            let wider = "const most = document.documentElement.clientWidth; return [...document.querySelectorAll('body *')]\
                         .filter(e => e.getBoundingClientRect().right > most + 1 && !e.closest('.table, .graph, .chart, .tip, .sr-only, .scrolls'))\
                         .map(e => e.outerHTML.slice(0, 120));";
            assert_eq!(
                page.run(wider, &[]).await,
                json!([]),
                "nothing runs out of the page at {width}"
            );
        }
        page.close().await;
    }
}
