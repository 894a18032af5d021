//! How long the page takes to follow its slider in a real browser: allocation, graph and table, up to the new layout.
//!
//! `cargo bench -p rrlab-tests` after `cargo xtask page`. The aim is one frame, 16 ms, at the size of a ResNet34.

use rrlab_tests::browser::Browser;
use rrlab_tests::bundled_profile;
use rrlab_tests::deepened::deepened;
use rrlab_types::ModelProfile;
use serde_json::json;

/// Blocks added to the ResNet-20, and what that makes it like.
const NETWORKS: [(usize, &str); 3] = [(0, "ResNet-20"), (7, "as deep as ResNet34"), (90, "202 layers")];
const STEPS: usize = 60;

/// Moves the slider and returns the milliseconds that each step took, from the event until the page is laid out anew.
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
        times.push(performance.now() - started);
    }
    done(times);
})();";

#[tokio::main]
async fn main() {
    let bundled = std::fs::read_to_string(bundled_profile()).expect("the bundled profile");
    let folder = tempfile::tempdir().expect("a folder");
    println!("milliseconds from the slider's event to the new layout: median (slowest) of {STEPS} steps");
    for (blocks, name) in NETWORKS {
        let profile = deepened(ModelProfile::from_json(&bundled).expect("a profile"), blocks);
        let path = folder.path().join(format!("{blocks}.json"));
        std::fs::write(&path, serde_json::to_string(&profile).expect("a profile is JSON")).expect("room for it");
        let page = Browser::open().await;
        page.goto("").await;
        page.choose_file(&path).await;
        let boxes = 22 + 2 * blocks;
        page.wait_until(&format!("return document.querySelectorAll('#graph-A [data-layer]').length === {boxes}")).await;
        for rule in ["erk", "lamp", "rr"] {
            let times = page.client.execute_async(DRIVE, vec![json!(STEPS), json!(rule)]).await.expect("times");
            let mut times: Vec<f64> = times.as_array().into_iter().flatten().filter_map(|time| time.as_f64()).collect();
            times.sort_by(f64::total_cmp);
            println!("{name:>20}  {rule:>5}  {:6.1} ({:.1})", times[times.len() / 2], times[times.len() - 1]);
        }
        page.close().await;
    }
}
