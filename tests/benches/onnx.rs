//! A forward pass of ResNet-8 in the browser, by this project's worker and by onnxruntime-web, in
//! turns in one page.
//!
//!     npm pack onnxruntime-web && tar xzf onnxruntime-web-*.tgz
//!     python tests/benches/onnx/export.py frontend/gallery/resnet8-shapes10.safetensors resnet8.onnx
//!     RRLAB_ORT=$PWD/package RRLAB_ONNX=$PWD/resnet8.onnx cargo bench -p rrlab-tests --bench onnx
//!
//! Ours is timed from the page's request to its answer: messages, normalisation of the images and
//! upload of the weights included. WebGPU is Chromium's software adapter where there is no other.

use std::path::PathBuf;

use axum::Router;
use rrlab_tests::browser::Browser;
use rrlab_tests::{built_page, repository};
use serde_json::json;
use tower_http::services::{ServeDir, ServeFile};

fn named(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("set {variable}, as the head of this file says"))
}

#[tokio::main]
async fn main() {
    if std::env::var_os("RRLAB_ORT").is_none() {
        println!("not run: RRLAB_ORT is not set (see the head of tests/benches/onnx.rs)");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("index.html"), "<!doctype html><title>forward</title>")
        .expect("room for it");
    let router = Router::new()
        .nest_service("/page", ServeDir::new(built_page()))
        .nest_service("/ort", ServeDir::new(named("RRLAB_ORT")))
        .route_service("/resnet8.onnx", ServeFile::new(named("RRLAB_ONNX")))
        .route_service(
            "/compare.mjs",
            ServeFile::new(repository().join("tests/benches/onnx/compare.mjs")),
        )
        .fallback_service(ServeDir::new(folder.path()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}/", listener.local_addr().expect("it listens"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    for (switch, worker, provider, images, rounds) in [
        ("--disable-gpu", "compute-cpu", "wasm", 128, 15),
        ("--enable-unsafe-webgpu", "compute-gpu", "webgpu", 16, 5),
    ] {
        let page = Browser::with_switches(address.clone(), None, (800, 600), &[switch]).await;
        page.client.goto(&address).await.expect("the page");
        let script = "const [worker, provider, images, rounds, done] = arguments; import('/compare.mjs') \
                      .then(({ compare }) => compare(worker, provider, images, rounds)).then(done, error => done({ error: String(error) }));";
        let arguments = vec![json!(worker), json!(provider), json!(images), json!(rounds)];
        let result = page.client.execute_async(script, arguments).await.expect("a result");
        match (result["ours"].as_f64(), result["theirs"].as_f64(), result["difference"].as_f64()) {
            (Some(ours), Some(theirs), Some(difference)) => println!(
                "{provider}, {images} images: ours {ours:.0} ms, onnxruntime-web {theirs:.0} ms, ratio {:.2}; logits differ by {difference:.1e}",
                ours / theirs
            ),
            _ => println!("{provider}: {result}"),
        }
        page.close().await;
    }
}
