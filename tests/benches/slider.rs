//! How long the page takes to follow its slider in a real browser: allocation and graph up to the
//! new layout, and the open pane, which comes right after the paint.
//!
//! `cargo bench -p rrlab-tests` after `cargo xtask page`. The aim is one frame, 16 ms, at the size
//! of a ResNet34.

use rrlab_tests::browser::Browser;
use rrlab_tests::bundled_profile;
use rrlab_tests::deepened::deepened;
use rrlab_types::ModelProfile;
use serde_json::json;

/// Blocks added to the ResNet-20, and what that makes it like.
const NETWORKS: [(usize, &str); 3] =
    [(0, "ResNet-20"), (7, "as deep as ResNet34"), (90, "202 layers")];
const STEPS: usize = 60;

/// Moves the slider and returns the milliseconds of each step, from the event until the graph is
/// laid out anew, and until the table is, which waits for the next frame.
const DRIVE: &str = "const [steps, rule] = arguments, done = arguments[arguments.length - 1]; (async () => {
    const choice = document.querySelector('#rule'); choice.value = rule; choice.dispatchEvent(new Event('change', { bubbles: true }));
    const slider = document.querySelector('#sparsity'), times = [];
    for (let step = 0; step < steps; step++) {
        const channel = new MessageChannel();
        await new Promise(resolve => requestAnimationFrame(resolve));
        const started = performance.now();
        slider.value = 200 + 10 * step;
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise(resolve => { channel.port1.onmessage = resolve; channel.port2.postMessage(0); });
        document.body.getBoundingClientRect();
        const graph = performance.now();
        await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
        document.body.getBoundingClientRect();
        times.push([graph - started, performance.now() - started]);
    }
    done(times);
})();";

#[tokio::main]
async fn main() {
    let bundled = std::fs::read_to_string(bundled_profile()).expect("the bundled profile");
    let folder = tempfile::tempdir().expect("a folder");
    println!(
        "milliseconds from the slider's event to the new layout, medians of {STEPS} steps (slowest)"
    );
    for (blocks, name) in NETWORKS {
        let profile = deepened(ModelProfile::from_json(&bundled).expect("a profile"), blocks);
        let path = folder.path().join(format!("{blocks}.json"));
        std::fs::write(&path, serde_json::to_string(&profile).expect("a profile is JSON"))
            .expect("room for it");
        let page = Browser::open().await;
        page.goto("").await;
        page.choose_file(&path).await;
        let boxes = 22 + 2 * blocks;
        page.wait_until(&format!(
            "return document.querySelectorAll('#graph-A [data-layer]').length === {boxes}"
        ))
        .await;
        for (pane, rule) in [("table", "erk"), ("table", "lamp"), ("table", "rr"), ("layer", "rr")]
        {
            page.click(&format!("#tab-{pane}")).await;
            if pane == "layer" {
                page.wait_for("[data-chart=rr] svg").await;
            }
            let times = page
                .client
                .execute_async(DRIVE, vec![json!(STEPS), json!(rule)])
                .await
                .expect("times");
            let column = |index: usize| {
                let steps = times.as_array().into_iter().flatten();
                let mut column: Vec<f64> = steps.filter_map(|step| step[index].as_f64()).collect();
                column.sort_by(f64::total_cmp);
                format!("{:6.1} ({:.1})", column[column.len() / 2], column[column.len() - 1])
            };
            println!(
                "{name:>20}  {rule:>5}  graph {}  {pane} too, a frame later {}",
                column(0),
                column(1)
            );
        }
        page.close().await;
    }
}
