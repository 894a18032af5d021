//! The page in a real browser, served by the program.

use std::process::Stdio;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rrlab_tests::{program, repository, rrlab};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Programs that end with the test.
struct Running {
    client: Client,
    address: String,
    _server: Child,
    _driver: Child,
    screenshots: std::path::PathBuf,
}

/// Starts a program and waits for the first line of its output that `wanted` finds something in.
async fn started(command: &mut Command, wanted: impl Fn(&str) -> Option<String>) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(found) = wanted(&line) {
            // Whoever writes on must find a reader.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, found);
        }
    }
    panic!("the program ended without saying what was waited for");
}

async fn open() -> Running {
    let dist = repository().join("dist");
    let dist = std::env::var_os("RRLAB_DIST").map_or(dist, Into::into);
    assert!(dist.join("index.html").exists(), "no page in {}: run `cargo xtask page` first", dist.display());
    let mut serve = Command::new(program());
    serve.args(["serve", "--port", "0", "--page"]).arg(&dist);
    let (server, address) = started(&mut serve, |line| line.starts_with("http://").then(|| line.to_owned())).await;
    let (driver, port) = started(Command::new("chromedriver").arg("--port=0"), |line| {
        Some(line.split("started successfully on port ").nth(1)?.trim_end_matches('.').to_owned())
    })
    .await;
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
    ];
    let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities.as_object().unwrap().clone())
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .expect("a browser");
    let screenshots = std::env::temp_dir().join("rrlab-screenshots");
    std::fs::create_dir_all(&screenshots).unwrap();
    Running { client, address, _server: server, _driver: driver, screenshots }
}

impl Running {
    async fn goto(&self) {
        self.client.goto(&self.address).await.unwrap();
        self.client.wait().at_most(Duration::from_secs(60)).for_element(Locator::Css("tbody tr")).await.unwrap();
    }

    /// Sets a control to a value as a person would.
    async fn set(&self, selector: &str, value: &str, event: &str) {
        let script = "const [selector, value, event] = arguments; const control = document.querySelector(selector);\
                      control.value = value; control.dispatchEvent(new Event(event, { bubbles: true }));";
        self.client.execute(script, vec![json!(selector), json!(value), json!(event)]).await.unwrap();
    }

    /// Weights kept of each layer, as the table shows them.
    async fn kept(&self) -> Value {
        let script = "return [...document.querySelectorAll('tbody tr')].map(row => \
                      [row.dataset.layer, Number(row.querySelector('[data-value=kept]').textContent)]);";
        self.client.execute(script, vec![]).await.unwrap()
    }

    async fn screenshot(&self, name: &str) {
        std::fs::write(self.screenshots.join(name), self.client.screenshot().await.unwrap()).unwrap();
    }
}

/// What the command line keeps of each layer for the bundled profile.
fn allocated(rule: &str, sparsity: &str) -> Value {
    let profile = repository().join("frontend/gallery/resnet20-cifar10.profile.json");
    let output = rrlab(&std::env::temp_dir())
        .args(["allocate", "--rule", rule, "--sparsity", sparsity, "--format", "json", "--profile"])
        .arg(profile)
        .output()
        .unwrap();
    let allocation: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = allocation["layers"].as_array().unwrap();
    layers.iter().map(|layer| json!([layer["name"], layer["kept"]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_allocates_what_the_command_line_allocates() {
    let page = open().await;
    page.goto().await;
    assert_eq!(page.kept().await, allocated("rr", "0.95"));
    page.set("#sparsity", "0.8", "input").await;
    assert_eq!(page.kept().await, allocated("rr", "0.8"));
    for rule in ["erk", "lamp", "uniform"] {
        page.set("#rule", rule, "change").await;
        assert_eq!(page.kept().await, allocated(rule, "0.8"), "{rule}");
    }
    page.set("#sparsity-value", "0.973", "change").await;
    assert_eq!(page.kept().await, allocated("uniform", "0.973"));

    // Every layer of the table is a node of the graph with a number on it.
    let script = "return [...document.querySelectorAll('.graph [data-layer]')].filter(node => \
                  /^RR \\d/.test(node.querySelector('[data-value=rr]').textContent.trim())).length;";
    assert_eq!(page.client.execute(script, vec![]).await.unwrap(), json!(22));

    page.set("#sparsity-value", "1.5", "change").await;
    let alert = page.client.find(Locator::Css("[role=alert]")).await.unwrap().text().await.unwrap();
    assert!(alert.contains("sparsity 1.5 is not possible"), "{alert}");
    page.set("#sparsity-value", "0.95", "change").await;
    page.set("#rule", "rr", "change").await;

    for (name, width) in [("wide", 1500), ("narrow", 420)] {
        page.client.set_window_size(width, 1100).await.unwrap();
        for scheme in ["light", "dark"] {
            let script = format!("document.documentElement.style.colorScheme = '{scheme}'");
            page.client.execute(&script, vec![]).await.unwrap();
            page.screenshot(&format!("{name}-{scheme}.png")).await;
        }
    }
    page.client.clone().close().await.unwrap();
}
