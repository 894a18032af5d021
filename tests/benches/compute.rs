//! How long a first visit takes, from the click to a measured, coloured ResNet-8, and how fast the
//! worker is from then on, on the CPU and by WebGPU; and the longest task that the page's own
//! thread had meanwhile.
//!
//! `cargo bench -p rrlab-tests --bench compute` after `cargo xtask page`. Chromium's WebGPU adapter
//! here is software.

use rrlab_tests::browser::{Browser, plain_server};

/// Images of a first visit: the panel's own numbers.
const CPU: (usize, usize) = (2000, 256);
/// A software adapter is slow.
const SOFTWARE_GPU: (usize, usize) = (200, 16);

/// Watches tasks, and the time at which each progress was first seen.
const WATCH: &str = "window.tasks = []; new PerformanceObserver(list => tasks.push(...list.getEntries().map(entry => entry.duration))) \
    .observe({ type: 'longtask' }); window.seen = []; window.began = performance.now(); \
    new MutationObserver(() => { const text = document.querySelector('#activity').textContent; \
    if (text) seen.push([performance.now() - began, text]); }) \
    .observe(document.querySelector('#activity'), { childList: true, characterData: true, subtree: true });";

#[tokio::main]
async fn main() {
    for (switch, on, (shapes, images)) in
        [("--disable-gpu", "cpu", CPU), ("--enable-unsafe-webgpu", "webgpu", SOFTWARE_GPU)]
    {
        let page =
            Browser::with_switches(plain_server().await, None, (1500, 1200), &[switch]).await;
        page.goto(&format!("?run=true&compute_on={on}")).await;
        page.set("#shapes", &shapes.to_string(), "change").await;
        page.set("#calibration", &images.to_string(), "change").await;
        for visit in ["first", "second"] {
            page.run(WATCH, &[]).await;
            page.click("#measure").await;
            page.wait_until(
                "return document.querySelector('#activity').textContent === '' && !document.querySelector('#stop')",
            )
            .await;
            let script = "return [performance.now() - began, Math.max(0, ...tasks), seen.map(([at, text]) => Math.round(at) + ' ms ' + text)];";
            let result = page.run(script, &[]).await;
            println!(
                "{on}, {visit} measurement of ResNet-8 on {images} of {shapes} images: {:.1} s; longest task of the page {:.0} ms",
                result[0].as_f64().unwrap_or_default() / 1000.0,
                result[1].as_f64().unwrap_or_default()
            );
            for line in result[2].as_array().into_iter().flatten() {
                println!("    {}", line.as_str().unwrap_or_default());
            }
        }
        page.close().await;
    }
}
