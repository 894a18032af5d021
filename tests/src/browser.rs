//! A real Chromium on the page.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::actions::{Actions, InputSource as _, PointerAction, TouchActions};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::lab::without_token;
use crate::{built_page, program};

/// How long anything may take before it counts as failed: WebGPU on a software adapter takes a
/// minute to start.
const PATIENCE: Duration = Duration::from_secs(300);

/// A browser on a served page; both end with it.
pub struct Browser {
    /// The WebDriver session.
    pub client: Client,
    /// Where the page is.
    pub address: String,
    /// Where files go that the page saves.
    pub downloads: TempDir,
    /// Where the driver listens.
    driver_address: String,
    _server: Option<Child>,
    _data: Option<tempfile::TempDir>,
    _driver: Child,
}

/// Starts a program and waits for the first line of its output that `wanted` finds something in;
/// nothing where it ends without one.
async fn started(
    command: &mut Command,
    wanted: impl Fn(&str) -> Option<String>,
) -> Option<(Child, String)> {
    let mut child =
        command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    while let Some(line) = lines.next_line().await.expect("its output can be read") {
        if let Some(found) = wanted(&line) {
            // Whoever writes on must find a reader.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some((child, found));
        }
    }
    None
}

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Nodes of its documents, also of what is not shown any more.
    pub nodes: u64,
    /// Listeners to events.
    pub listeners: u64,
    /// Bytes of its scripts' objects.
    pub script_bytes: u64,
}

/// Which browser tests run in: Chromium, or what `RRLAB_BROWSER` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Debian's chromium, with chromedriver.
    Chromium,
    /// Debian's firefox-esr, with geckodriver.
    Firefox,
}

impl Kind {
    /// What the environment asks for.
    ///
    /// # Panics
    /// If that is no browser that tests know.
    pub fn asked() -> Self {
        match std::env::var("RRLAB_BROWSER").as_deref() {
            Err(_) | Ok("chromium") => Self::Chromium,
            Ok("firefox") => Self::Firefox,
            Ok(other) => panic!("RRLAB_BROWSER is {other}; chromium and firefox are known"),
        }
    }

    /// The command that starts its driver on a port of its choice.
    fn driver(self) -> Command {
        let mut command = Command::new(match self {
            Self::Chromium => "chromedriver",
            Self::Firefox => "geckodriver",
        });
        command.arg("--port=0");
        if self == Self::Firefox {
            // Else a second one that starts at once meets the first one's port.
            command.arg("--websocket-port=0");
        }
        command
    }

    /// What stands before the port in the line in which a driver says it.
    fn before_port(self) -> &'static str {
        match self {
            Self::Chromium => "started successfully on port ",
            Self::Firefox => "Listening on 127.0.0.1:",
        }
    }

    /// How a session is asked for: a window of this size, and where downloads go.
    fn capabilities(
        self,
        (width, height): (u32, u32),
        downloads: &Path,
        switches: &[&str],
    ) -> Value {
        const SCRIPT_MS: u64 = 600_000;
        let timeouts = json!({ "script": SCRIPT_MS });
        match self {
            Self::Chromium => {
                let fixed = [
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-sync",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-dev-shm-usage",
                    "--force-prefers-reduced-motion",
                ];
                let arguments: Vec<&str> = fixed.iter().chain(switches).copied().collect();
                // A window has a least width; what emulates a telephone has not.
                let metrics = json!({ "width": width, "height": height, "pixelRatio": 1.0, "touch": false, "mobile": false });
                let preferences = json!({ "download.default_directory": downloads, "download.prompt_for_download": false });
                json!({ "timeouts": timeouts, "goog:chromeOptions": {
                    "args": arguments,
                    "prefs": preferences,
                    "mobileEmulation": { "deviceMetrics": metrics },
                } })
            }
            Self::Firefox => {
                let preferences = json!({
                    "browser.download.folderList": 2,
                    "browser.download.dir": downloads,
                    "browser.helperApps.neverAsk.saveToDisk": "application/octet-stream",
                    "ui.prefersReducedMotion": 1,
                });
                json!({ "timeouts": timeouts, "moz:firefoxOptions": {
                    "binary": "firefox-esr",
                    "args": ["-headless", format!("--width={width}"), format!("--height={height}")],
                    "prefs": preferences,
                } })
            }
        }
    }
}

/// A driver, and the port that it listens on. It draws one for both kinds of addresses, and ends if
/// somebody else took the second meanwhile: then another is drawn.
async fn driver(kind: Kind) -> (Child, String) {
    const TRIES: usize = 5;
    let port = |line: &str| {
        let port = line.split(kind.before_port()).nth(1)?;
        Some(port.trim_end_matches('.').to_owned())
    };
    for _ in 0..TRIES {
        if let Some(started) = started(&mut kind.driver(), port).await {
            return started;
        }
    }
    panic!("the driver of {kind:?} ended {TRIES} times without listening anywhere");
}

/// Where screenshots of the tests are kept.
pub fn screenshots() -> PathBuf {
    let folder = std::env::temp_dir().join("rrlab-screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for screenshots");
    folder
}

/// Serves the built page from a folder below the root, with nothing of ours.
///
/// # Panics
/// If no port is free.
pub async fn plain_server() -> String {
    file_server(built_page()).await
}

/// The same with the page in another folder.
///
/// # Panics
/// As [`plain_server`].
pub async fn file_server(page: PathBuf) -> String {
    let router =
        axum::Router::new().nest_service("/some/where/", tower_http::services::ServeDir::new(page));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}/some/where/", listener.local_addr().expect("it listens"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

impl Browser {
    /// A browser on the page as `rrlab serve` serves it.
    ///
    /// # Panics
    /// If program, page, browser or driver are missing.
    pub async fn open() -> Self {
        Self::open_sized((1500, 1200)).await
    }

    /// The same, in a window of this width and height, however narrow.
    ///
    /// # Panics
    /// As [`Browser::open`].
    pub async fn open_sized(size: (u32, u32)) -> Self {
        let data = tempfile::tempdir().expect("a folder for the lab");
        let mut serve = Command::new(program());
        serve
            .args(["serve", "--port", "0", "--device", "cpu", "--no-worker", "--page"])
            .arg(built_page());
        serve.env("RRLAB_DATA_DIR", data.path());
        let address = |line: &str| line.starts_with("http://").then(|| without_token(line).0);
        let (server, address) =
            started(&mut serve, address).await.expect("the server says where it listens");
        Self { _data: Some(data), ..Self::at(address, Some(server), size).await }
    }

    /// A browser on an address where somebody serves the page.
    ///
    /// # Panics
    /// If browser or driver are missing.
    pub async fn at(address: String, server: Option<Child>, size: (u32, u32)) -> Self {
        Self::with_switches(address, server, size, &["--disable-gpu"]).await
    }

    /// The same, started with more switches.
    ///
    /// # Panics
    /// As [`Browser::at`].
    pub async fn with_switches(
        address: String,
        server: Option<Child>,
        size: (u32, u32),
        switches: &[&str],
    ) -> Self {
        let kind = Kind::asked();
        let (driver, port) = driver(kind).await;
        let downloads = tempfile::tempdir().expect("a folder for downloads");
        let capabilities = kind.capabilities(size, downloads.path(), switches);
        let driver_address = format!("http://127.0.0.1:{port}");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().cloned().unwrap_or_default())
            .connect(&driver_address)
            .await
            .expect("a browser");
        Self {
            client,
            address,
            downloads,
            driver_address,
            _server: server,
            _driver: driver,
            _data: None,
        }
    }

    /// Opens the page with this query and waits until its layers are there.
    ///
    /// # Panics
    /// If they don't come.
    pub async fn goto(&self, query: &str) {
        let address = format!("{}{query}", self.address);
        self.client.goto(&address).await.expect("the page");
        self.wait_for(".graph [data-layer]").await;
        // The graph is drawn once more when it knows how wide it is.
        self.settle().await;
    }

    /// Waits for an element.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn wait_for(&self, selector: &str) {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("no {selector}: {error}"));
    }

    /// Runs a script and gives what it returns.
    ///
    /// # Panics
    /// If it throws.
    pub async fn run(&self, script: &str, arguments: &[Value]) -> Value {
        let result = self.client.execute(script, arguments.to_vec()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a chart's table of numbers has these lines, in this order, whatever it says of their
    /// errors.
    ///
    /// # Panics
    /// If it never has.
    pub async fn wait_for_lines(&self, chart: &str, lines: &[&str]) {
        let found = format!(
            "const figure = document.querySelector('[data-chart={chart}]')?.closest('figure'); \
             if (!figure) return ''; figure.querySelector('details').open = true; \
             return JSON.stringify([...figure.querySelectorAll('thead th')].slice(1).map(cell => cell.textContent).filter(head => !head.endsWith(', ±')))"
        );
        let lines = serde_json::json!(lines);
        self.wait_until(&format!("return (() => {{ {found} }})() === '{lines}'")).await;
    }

    /// Waits until a script returns true. One that throws does so before what it looks for is there.
    ///
    /// # Panics
    /// If it never does.
    pub async fn wait_until(&self, script: &str) {
        let started = std::time::Instant::now();
        loop {
            let outcome = self.client.execute(script, vec![]).await;
            if outcome.as_ref().is_ok_and(|value| *value == json!(true)) {
                return;
            }
            if started.elapsed() > PATIENCE {
                // What a defect that shows only on a busy machine leaves to go by.
                let stands = "return [location.href, ...[...document.querySelectorAll('[role=alert], #measurement, .story-panel')].map(part => part.textContent)].join('\\n')";
                let stands = self.run(stands, &[]).await;
                panic!(
                    "never true: {script}\nthe last time {outcome:?}, where the page says\n{stands}"
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sets a control to a value as a person would, and lets the page follow.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn set(&self, selector: &str, value: &str, event: &str) {
        self.wait_for(selector).await;
        let script = "const [selector, value, event] = arguments; const control = document.querySelector(selector);\
                      control.value = value; control.dispatchEvent(new Event(event, { bubbles: true }));";
        self.run(script, &[json!(selector), json!(value), json!(event)]).await;
        self.settle().await;
    }

    /// Clicks an element, and lets the page follow.
    ///
    /// # Panics
    /// If it is not there.
    pub async fn click(&self, selector: &str) {
        self.wait_for(selector).await;
        let script = "const element = document.querySelector(arguments[0]); element.scrollIntoView({ block: 'center' });\
                      element.dispatchEvent(new MouseEvent('click', { bubbles: true }));";
        self.run(script, &[json!(selector)]).await;
        self.settle().await;
    }

    /// Clicks the first button with this text inside an element of this class, as a person's mouse
    /// does.
    ///
    /// # Panics
    /// If there is none.
    pub async fn click_button(&self, inside: &str, text: &str) {
        let path = format!("//*[contains(@class, '{inside}')]//button[normalize-space()='{text}']");
        let button = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path));
        let button = button.await.expect("a button");
        self.client
            .execute("arguments[0].scrollIntoView({ block: 'center' })", vec![json!(button)])
            .await
            .expect("a view");
        button.click().await.expect("a button");
    }

    /// Presses a key where the keyboard's attention is.
    pub async fn press(&self, key: &str) {
        let script = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], bubbles: true, cancelable: true }));";
        self.run(script, &[json!(key)]).await;
        self.settle().await;
    }

    /// Moves fingers over the page, each from one point of the window to another, all at once, and lifts
    /// them.
    ///
    /// # Panics
    /// If the browser takes no touches.
    pub async fn touch(&self, fingers: &[[(f64, f64); 2]]) {
        const BUTTON: u64 = 0;
        let duration = Some(Duration::from_millis(200));
        let mut all = Actions::default();
        for (finger, &[from, to]) in fingers.iter().enumerate() {
            let moves = TouchActions::new(format!("finger {finger}"))
                .then(PointerAction::MoveTo { duration: None, x: from.0, y: from.1 })
                .then(PointerAction::Down { button: BUTTON })
                .then(PointerAction::MoveTo { duration, x: to.0, y: to.1 })
                .then(PointerAction::Up { button: BUTTON });
            all = all.and(moves);
        }
        self.client.perform_actions(all).await.expect("a touch");
        self.settle().await;
    }

    /// Waits for the page to draw what changed.
    async fn settle(&self) {
        // Frame, timer, frame: the page's own timers of the first frame come before this one.
        let script = "const done = arguments[arguments.length - 1]; \
                      requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => done())));";
        let _ = self.client.execute_async(script, vec![]).await;
    }

    /// Text of an element.
    pub async fn text(&self, selector: &str) -> String {
        let text = self
            .run(
                "return document.querySelector(arguments[0])?.textContent ?? '';",
                &[json!(selector)],
            )
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Chooses a file to open.
    ///
    /// # Panics
    /// If the page has no place for it.
    pub async fn choose_file(&self, file: &Path) {
        self.choose_file_in("#file", file).await;
    }

    /// Waits for the one file that the page saves, reads it and takes it away.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn downloaded(&self, ending: &str) -> (String, Vec<u8>) {
        let started = std::time::Instant::now();
        loop {
            let files = std::fs::read_dir(self.downloads.path()).expect("the folder for downloads");
            let file =
                files.flatten().find(|file| file.file_name().to_string_lossy().ends_with(ending));
            if let Some(file) = file {
                // Browsers write aside and rename: the final name means that it is whole, but for
                // Firefox, which keeps it free with an empty file until then.
                let bytes = std::fs::read(file.path()).expect("the download");
                if !bytes.is_empty() {
                    std::fs::remove_file(file.path()).expect("the download is ours");
                    return (file.file_name().to_string_lossy().into_owned(), bytes);
                }
            }
            assert!(started.elapsed() < PATIENCE, "no download ends with {ending}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What axe-core finds that is serious.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn serious(&self) -> Value {
        let axe = std::fs::read_to_string(crate::repository().join("tests/vendor/axe.min.js"))
            .expect("axe-core");
        self.run(&axe, &[]).await;
        let script = "const done = arguments[arguments.length - 1]; axe.run(document, { resultTypes: ['violations'] }).then(found => \
                      done(found.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => \
                      [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? ''))])), error => done(String(error)));";
        self.run_until_done(script).await
    }

    /// Chooses a file in a place for files.
    ///
    /// # Panics
    /// If the page has no such place.
    pub async fn choose_file_in(&self, selector: &str, file: &Path) {
        let input = self.client.find(Locator::Css(selector)).await.expect("a place for files");
        input.send_keys(&file.display().to_string()).await.expect("a file that is there");
    }

    /// Presses keys as a person does, where the keyboard's attention is brought by `focus`.
    ///
    /// # Panics
    /// If there is nothing to press them on.
    pub async fn type_into(&self, focus: &str, keys: &str) {
        let element = self.client.find(Locator::Css(focus)).await.expect("an element");
        element.send_keys(keys).await.expect("an element that takes keys");
    }

    /// What the page holds once the garbage is collected. Chromium alone tells.
    ///
    /// # Panics
    /// If the browser does not tell.
    pub async fn held(&self) -> Held {
        self.devtools("Performance.enable").await;
        // What one collection finalises the next one frees.
        for _ in 0..3 {
            self.devtools("HeapProfiler.collectGarbage").await;
        }
        let metrics = self.devtools("Performance.getMetrics").await;
        let metrics = metrics["value"]["metrics"].as_array().expect("metrics");
        let metric = |name: &str| {
            let found = metrics.iter().find(|metric| metric["name"] == name);
            found.and_then(|metric| metric["value"].as_f64()).expect("a metric") as u64
        };
        Held {
            nodes: metric("Nodes"),
            listeners: metric("JSEventListeners"),
            script_bytes: metric("JSHeapUsedSize"),
        }
    }

    /// Has Chromium's developer tools do something.
    async fn devtools(&self, command: &str) -> Value {
        let session = self.client.session_id().await.ok().flatten().expect("a session");
        let address = format!("{}/session/{session}/goog/cdp/execute", self.driver_address);
        let body = json!({ "cmd": command, "params": {} });
        let answer = crate::http_client().post(address).json(&body).send().await;
        answer.expect("the driver answers").json().await.expect("the driver answers in JSON")
    }

    /// Runs a script that ends by calling its last argument, and gives what it calls it with.
    ///
    /// # Panics
    /// If it throws, or never ends.
    pub async fn run_until_done(&self, script: &str) -> Value {
        self.client.execute_async(script, vec![]).await.expect("the script ends")
    }

    /// A picture of what is seen, as PNG.
    ///
    /// # Panics
    /// If it can't be taken.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a picture")
    }

    /// Keeps a picture of what is seen, or of the whole page.
    ///
    /// # Panics
    /// If it can't be taken.
    pub async fn screenshot(&self, name: &str) {
        let picture = self.picture().await;
        let name = match Kind::asked() {
            Kind::Chromium => name.to_owned(),
            Kind::Firefox => format!("firefox-{name}"),
        };
        std::fs::write(screenshots().join(name), picture).expect("a place for the picture");
    }

    /// Ends the session; a browser that is dropped without is killed with its driver.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}
