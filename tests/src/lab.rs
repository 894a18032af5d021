//! A lab server under test over a real socket, on SQLite or PostgreSQL, with workers that can be
//! killed.

use std::io::Cursor;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::artifacts::Artifacts;
use crate::clock::Clock;
use crate::{built_page, http_client, rrlab};

/// Longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(300);
/// Seconds of silence after which a worker counts as dead in tests.
const LEASE: &str = "2";

/// Takes back the migration that added hashes of stored networks and profiles.
const FORGET_HASHES: &str = "ALTER TABLE lab_artifacts DROP COLUMN model_hash, DROP COLUMN profile_hash; \
                             DELETE FROM lab_migrations WHERE version = 3";

/// Which database a lab is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite,
    /// A PostgreSQL of the tests' own.
    Postgres,
}

/// A PostgreSQL that ends with the tests.
struct Postgres {
    port: u16,
    /// While this is open it runs.
    _process: Process,
    _folder: tempfile::TempDir,
}

/// A lab: its data, and what serves it.
pub struct Lab {
    folder: tempfile::TempDir,
    database: Option<String>,
    environment: Vec<(&'static str, String)>,
    page: PathBuf,
    options: Vec<String>,
    device: &'static str,
    server: Option<Child>,
    server_clock: Option<[(&'static str, String); 5]>,
    workers: Vec<Child>,
    address: String,
    client: Client,
    token: Option<String>,
    /// In the address that it printed.
    entrance: Option<String>,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The body as JSON of an answer with this status.
    ///
    /// # Panics
    /// If it has another.
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub data: Value,
}

fn folder_of_postgres() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders =
        installed.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    folders.max().expect("the tests need PostgreSQL: apt install postgresql")
}

/// Runs this script as somebody whom PostgreSQL lets run it: not as root.
fn as_postgres(script: &str) -> Command {
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = if root {
        let mut command = Command::new("su");
        command.args(["postgres", "-s", "/bin/sh", "-c", script]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    };
    command.current_dir("/");
    command
}

fn postgres() -> &'static Postgres {
    static RUNNING: OnceLock<Postgres> = OnceLock::new();
    RUNNING.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for PostgreSQL");
        // Its own user, where the tests run as root, must be able to write there.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).expect("the folder is ours");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let (bin, at) = (folder_of_postgres(), folder.path().display().to_string());
        let bin = bin.display();
        let made = as_postgres(&format!("{bin}/initdb -D {at}/data -A trust -U rrlab")).output().expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        // It ends when this process does: then its standard input is closed.
        let script = format!(
            "{bin}/postgres -D {at}/data -p {port} -k {at} -c listen_addresses=127.0.0.1 -c max_connections=300 \
             2>{at}/log & cat >/dev/null; kill -INT $!; wait $!"
        );
        let process = as_postgres(&script).stdin(Stdio::piped()).spawn().expect("PostgreSQL starts");
        let began = Instant::now();
        while !psql(port, "SELECT 1") {
            assert!(began.elapsed() < PATIENCE, "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Postgres { port, _process: process, _folder: folder }
    })
}

fn psql(port: u16, statement: &str) -> bool {
    psql_on(port, "postgres", statement)
}

fn psql_on(port: u16, database: &str, statement: &str) -> bool {
    let bin = folder_of_postgres();
    let arguments = [
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-U",
        "rrlab",
        "-q",
        "-c",
        statement,
        database,
    ];
    let run = Command::new(bin.join("psql"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// Address of a new, empty database of PostgreSQL.
async fn new_database() -> String {
    tokio::task::spawn_blocking(make_database).await.expect("a database")
}

fn make_database() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let (name, port) = (format!("lab{}", MADE.fetch_add(1, Ordering::Relaxed)), postgres().port);
    assert!(psql(port, &format!("CREATE DATABASE {name}")), "a database for the test");
    format!("postgres://rrlab@127.0.0.1:{port}/{name}")
}

/// The address that a server printed, and the token that was in it.
pub fn without_token(line: &str) -> (String, Option<String>) {
    match line.split_once("/?token=") {
        Some((address, token)) => (address.into(), Some(token.into())),
        None => (line.into(), None),
    }
}

impl Lab {
    /// A lab for whoever started it, with a worker.
    pub async fn open(database: Database) -> Self {
        Self::with(database, &[]).await
    }

    /// A lab with more options of `rrlab serve`.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with(database: Database, options: &[&str]) -> Self {
        Self::on(database, "cpu", options).await
    }

    /// A lab that computes on this device: `cpu`, or `wgpu` on Chromium's software adapter.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn on(database: Database, device: &'static str, options: &[&str]) -> Self {
        let mut lab = Self::not_started(database, device, options).await;
        lab.page = built_page();
        lab.start().await;
        lab
    }

    /// A hosted lab on a database that another version left, with the mark of its object store.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restored(database: Database, dump: &str, mark: &str) -> Self {
        let mut lab = Self::not_started(database, "cpu", &["--hosted", "--no-worker"]).await;
        lab.page = built_page();
        let marked = lab.data().join("artifacts/rrlab");
        std::fs::create_dir_all(&marked)
            .and_then(|()| std::fs::write(marked.join("lab.json"), mark))
            .and_then(|()| std::fs::write(lab.data().join("dump.sql"), dump))
            .expect("a folder for its data");
        let mut restore = match &lab.database {
            Some(address) => {
                let mut psql = Command::new(folder_of_postgres().join("psql"));
                psql.args(["-q", "-f", "dump.sql", address]);
                psql
            }
            None => {
                let script = "import sqlite3; \
                              sqlite3.connect('lab.sqlite').executescript(open('dump.sql').read())";
                let mut python = Command::new("python3");
                python.args(["-c", script]);
                python
            }
        };
        let restored = restore.current_dir(lab.data()).output().expect("it can be restored");
        assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
        lab.start().await;
        lab
    }

    /// A lab over these artifacts, with a page that nobody looks at; it is not started yet.
    ///
    /// # Panics
    /// If there can be none.
    pub async fn over(artifacts: &Artifacts, database: Database, options: &[&str]) -> Self {
        let mut lab = Self::not_started(database, "cpu", options).await;
        std::fs::create_dir(&lab.page)
            .and_then(|()| std::fs::write(lab.page.join("index.html"), ""))
            .expect("a page");
        lab.use_artifacts(artifacts, &artifacts.address());
        lab
    }

    async fn not_started(database: Database, device: &'static str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the lab");
        let database = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(new_database().await),
        };
        Self {
            page: folder.path().join("page"),
            folder,
            database,
            environment: Vec::new(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            device,
            server: None,
            server_clock: None,
            workers: Vec::new(),
            address: String::new(),
            client: http_client(),
            token: None,
            entrance: None,
        }
    }

    /// Has the program keep artifacts at this address from its next start on.
    pub fn use_artifacts(&mut self, artifacts: &Artifacts, address: &str) {
        self.environment = artifacts.environment();
        self.environment.push(("RRLAB_ARTIFACTS", address.into()));
    }

    /// Has the program use an empty database of PostgreSQL from its next start on.
    pub async fn use_new_database(&mut self) {
        self.database = Some(new_database().await);
    }

    /// Has the program use the file in its data folder from its next start on.
    pub fn use_sqlite(&mut self) {
        self.database = None;
    }

    /// Makes the database what the version before the lab's id had.
    ///
    /// # Panics
    /// If it is not one of PostgreSQL that the program has opened.
    pub fn forget_id(&self) {
        let rest = "DROP TABLE lab_identity; DELETE FROM lab_migrations WHERE version = 2";
        self.run_sql(&format!("{rest}; {FORGET_HASHES}"));
    }

    /// Makes the database what the version before the hashes of stored networks and profiles had.
    ///
    /// # Panics
    /// If it is not one of PostgreSQL that the program has opened.
    pub fn forget_hashes(&self) {
        self.run_sql(FORGET_HASHES);
    }

    /// A command of the program on this lab's data.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rrlab(&self.data());
        if let Some(database) = &self.database {
            command.env("RRLAB_DATABASE_URL", database);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(arguments);
        command
    }

    /// What a command of the program on this lab's data says on its way out, where it is to fail.
    ///
    /// # Panics
    /// If it succeeds, or does not end.
    pub async fn refusal(&self, arguments: &[&str]) -> String {
        let (succeeded, said) = self.ends(arguments).await;
        assert!(!succeeded, "{arguments:?} is refused, but said {said}");
        said
    }

    /// Runs a command on this lab's data that ends by itself.
    ///
    /// # Panics
    /// If it fails, or does not end.
    pub async fn ends_well(&self, arguments: &[&str]) {
        let (succeeded, said) = self.ends(arguments).await;
        assert!(succeeded, "{arguments:?} said {said}");
    }

    /// Whether a command succeeded, and what it said of that.
    async fn ends(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let ended = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
        let output = ended.expect("it ends in time").expect("the program runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What `rrlab serve` says on its way out, where it is not to start.
    ///
    /// # Panics
    /// As [`Lab::refusal`].
    pub async fn refusal_to_serve(&self) -> String {
        let page = self.page.display().to_string();
        self.refusal(&["serve", "--port", "0", "--no-worker", "--page", &page]).await
    }

    /// What a command of the program on this lab's data prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn says(&self, arguments: &[&str]) -> String {
        said(self.command(arguments))
    }

    /// The same on a machine with a clock of its own.
    ///
    /// # Panics
    /// As [`Lab::says`].
    pub fn says_by(&self, clock: &Clock, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        command.envs(clock.environment());
        said(command)
    }

    /// Runs a command that must fail and say this.
    ///
    /// # Panics
    /// If it does neither.
    pub fn refuses(&self, arguments: &[&str], said: &str) {
        let output = self.command(arguments).output().expect("the program runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{arguments:?}: {error}");
    }

    /// The lab's folder of data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn spawn(&self, command: Command) -> Child {
        let mut command = tokio::process::Command::from(command);
        command.args(["--device", self.device, "--lease", LEASE, "--checkpoint", "1"]);
        if self.device != "cpu" {
            software_gpu(command.as_std_mut());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        // A server's own worker is in it too.
        command.process_group(0);
        command.spawn().expect("the program starts")
    }

    /// Starts the server, again where it was stopped.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&mut self) {
        let serve = self.serve();
        self.start_as(serve).await;
    }

    /// The same where no file can grow beyond so many KiB.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_limited(&mut self, kib: u64) {
        let serve = limited(&self.serve(), kib);
        self.start_as(serve).await;
    }

    fn serve(&self) -> Command {
        let mut arguments = vec!["serve", "--port", "0", "--page"];
        let page = self.page.display().to_string();
        arguments.push(&page);
        arguments.extend(self.options.iter().map(String::as_str));
        let mut command = self.command(&arguments);
        command.envs(self.server_clock.iter().flatten().map(|(name, value)| (name, value)));
        command
    }

    async fn start_as(&mut self, command: Command) {
        let mut server = self.spawn(command);
        let mut lines = BufReader::new(server.stdout.take().expect("its output is piped")).lines();
        let line =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts in time");
        let line = line.expect("its output is text").expect("it prints its address");
        let (address, entrance) = without_token(&line);
        (self.address, self.entrance) = (address, entrance);
        self.server = Some(server);
    }

    /// Has its database, which is PostgreSQL, run statements.
    ///
    /// # Panics
    /// If it is another, or refuses.
    pub fn run_sql(&self, statements: &str) {
        let address = self.database.as_ref().expect("it is on PostgreSQL");
        let (_, name) = address.rsplit_once('/').expect("an address ends with a name");
        assert!(psql_on(postgres().port, name, statements), "the database runs it");
    }

    /// Has pgbench run scripts, each with its weight, so many a second in all, until this is dropped.
    ///
    /// # Panics
    /// If it is on another database than PostgreSQL, or pgbench is missing.
    pub fn pgbench(&self, scripts: &[(&str, &str)], rate: usize) -> Child {
        let address = self.database.as_ref().expect("it is on PostgreSQL");
        let mut command = tokio::process::Command::new(folder_of_postgres().join("pgbench"));
        command.args(["-n", "-T", "3600", "-c", "20", "-j", "2", "-R", &rate.to_string()]);
        for (index, (script, weight)) in scripts.iter().enumerate() {
            let path = self.data().join(format!("script{index}.sql"));
            std::fs::write(&path, script).expect("room for a script");
            command.arg("-f").arg(format!("{}@{weight}", path.display()));
        }
        command.arg(address).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command.spawn().expect("pgbench runs")
    }

    /// Puts a file in place of its object store's folder: neither checkpoints nor results can be
    /// stored.
    ///
    /// # Panics
    /// If its artifacts are elsewhere, or away already.
    pub fn take_store_away(&self) {
        let (artifacts, aside) = (self.data().join("artifacts"), self.data().join("aside"));
        std::fs::rename(&artifacts, &aside).expect("its folder");
        std::fs::write(&artifacts, b"").expect("a file in its place");
    }

    /// Puts the folder back.
    ///
    /// # Panics
    /// If it was not taken away.
    pub fn bring_store_back(&self) {
        let (artifacts, aside) = (self.data().join("artifacts"), self.data().join("aside"));
        std::fs::remove_file(&artifacts).expect("the file in its place");
        std::fs::rename(&aside, &artifacts).expect("its folder");
    }

    /// Breaks every connection to its database, as a restart of that would; nothing on SQLite,
    /// which has none.
    ///
    /// # Panics
    /// If the database refuses.
    pub fn cut_connections(&self) {
        let Some(name) = self.database.as_ref().and_then(|address| address.rsplit('/').next())
        else {
            return;
        };
        let statement = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        assert!(psql(postgres().port, &statement), "the database cuts its connections");
    }

    /// Starts one more worker.
    pub fn start_worker(&mut self) {
        self.start_worker_with(&[]);
    }

    /// The same with options.
    pub fn start_worker_with(&mut self, options: &[&str]) {
        let worker = self.spawn(self.command(&[&["worker"], options].concat()));
        self.workers.push(worker);
    }

    /// Starts one more worker that can let no file grow beyond so many KiB.
    pub fn start_worker_limited(&mut self, kib: u64) {
        let worker = self.spawn(limited(&self.command(&["worker"]), kib));
        self.workers.push(worker);
    }

    /// Starts one more worker, on a machine with a clock of its own.
    pub fn start_worker_by(&mut self, clock: &Clock) {
        let mut command = self.command(&["worker"]);
        command.envs(clock.environment());
        let worker = self.spawn(command);
        self.workers.push(worker);
    }

    /// From its next start on the server's machine has a clock of its own.
    pub fn serve_by(&mut self, clock: &Clock) {
        self.server_clock = Some(clock.environment());
    }

    /// Process numbers of the workers that were started.
    pub fn workers(&self) -> Vec<u32> {
        self.workers.iter().filter_map(Child::id).collect()
    }

    /// Kills the server as a power failure would, its own worker with it.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn kill(&mut self) {
        let mut server = self.server.take().expect("it runs");
        signal_group(server.id().expect("it runs"), "KILL");
        server.wait().await.expect("it can be waited for");
    }

    /// Kills the server and not its own worker.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn kill_server_alone(&mut self) {
        self.server.take().expect("it runs").kill().await.expect("it can be killed");
    }

    /// Asks the server to end, and waits until it has.
    ///
    /// # Panics
    /// If it does not end well.
    pub async fn stop(&mut self) {
        let mut server = self.server.take().expect("it runs");
        signal(server.id().expect("it runs"), "TERM");
        let ended = tokio::time::timeout(PATIENCE, server.wait()).await.expect("it ends in time");
        assert!(ended.expect("it can be waited for").success(), "it ends well");
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on this token is shown.
    pub fn sign_in(&mut self, token: Option<&str>) {
        self.token = token.map(Into::into);
    }

    /// A token of a new person.
    pub fn person(&self, name: &str, role: &str) -> String {
        self.says(&["user", "add", name, "--role", role]);
        self.says(&["token", "create", name])
    }

    /// A request below /api/v1.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_at_root(method, &format!("/api/v1{path}"))
    }

    /// A request below the address itself, with the token that is shown.
    pub fn request_at_root(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.address));
        match self.token.as_ref().or(self.entrance.as_ref()) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The token in the address that it printed, where it is not hosted.
    pub fn entrance(&self) -> Option<&str> {
        self.entrance.as_deref()
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        // A stream of events has no end.
        let endless = headers.get("content-type").is_some_and(|media| media == "text/event-stream");
        let bytes = if endless {
            Vec::new()
        } else {
            answer.bytes().await.expect("a whole answer").to_vec()
        };
        Answer { status, headers, bytes }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Uploads a file.
    pub async fn upload(&self, kind: &str, name: &str, bytes: Vec<u8>) -> Answer {
        self.upload_as(&[("kind", kind), ("name", name)], bytes).await
    }

    /// Uploads a file with all that a query says of it.
    pub async fn upload_as(&self, query: &[(&str, &str)], bytes: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, "/artifacts").query(query);
        self.send(request.header("content-type", "application/octet-stream").body(bytes)).await
    }

    /// Uploads a file and returns its number.
    pub async fn uploaded(&self, kind: &str, bytes: Vec<u8>) -> i64 {
        number(&self.upload(kind, kind, bytes).await.expect(StatusCode::CREATED))
    }

    /// Asks for a job and returns its number.
    pub async fn submit(&self, request: &Value) -> i64 {
        number(&self.post("/jobs", request).await.expect(StatusCode::CREATED))
    }

    /// A job as it is now.
    pub async fn job(&self, id: i64) -> Value {
        self.get(&format!("/jobs/{id}")).await.expect(StatusCode::OK)
    }

    /// Listens to a job from its beginning until an event is as wanted, or the job ends; returns
    /// all events.
    ///
    /// # Panics
    /// If neither happens.
    pub async fn listen(&self, id: i64, until: impl Fn(&Value) -> bool) -> Vec<Event> {
        self.listen_after(id, 0, until).await
    }

    /// The same after an event.
    ///
    /// # Panics
    /// As that.
    pub async fn listen_after(
        &self,
        id: i64,
        after: i64,
        until: impl Fn(&Value) -> bool,
    ) -> Vec<Event> {
        let request =
            self.request(Method::GET, &format!("/jobs/{id}/events")).header("last-event-id", after);
        let answer = request.send().await.expect("the server answers");
        let mut events = Vec::new();
        if answer.status() == StatusCode::NO_CONTENT {
            return events;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        let (mut stream, mut text) = (answer.bytes_stream(), String::new());
        let listening = async {
            while let Some(Ok(bytes)) = stream.next().await {
                text.push_str(&String::from_utf8_lossy(&bytes));
                while let Some((block, rest)) = text.split_once("\n\n") {
                    let event = parsed(block);
                    text = rest.to_owned();
                    if let Some(event) = event {
                        let ends = until(&event.data["event"]) || is_end(&event.data["event"]);
                        events.push(event);
                        if ends {
                            return;
                        }
                    }
                }
            }
            panic!("the stream of job {id} broke off after {events:?}");
        };
        tokio::time::timeout(PATIENCE, listening).await.expect("what is waited for happens");
        events
    }

    /// Waits until a job has ended, and returns it.
    pub async fn ended(&self, id: i64) -> Value {
        self.listen(id, |_| false).await;
        self.job(id).await
    }

    /// Waits until a job is done, and returns what it made by kind.
    ///
    /// # Panics
    /// If it ended otherwise.
    pub async fn results(&self, id: i64) -> Vec<(String, Value)> {
        let job = self.ended(id).await;
        assert_eq!(job["state"], "done", "{job}");
        let kind = |result: &Value| {
            (result["kind"].as_str().unwrap_or_default().to_owned(), result.clone())
        };
        job["results"].as_array().into_iter().flatten().map(kind).collect()
    }

    /// Number of the one result of this kind.
    ///
    /// # Panics
    /// If there is none.
    pub async fn result(&self, id: i64, kind: &str) -> i64 {
        let results = self.results(id).await;
        number(&results.iter().find(|(known, _)| known == kind).expect("there is such a result").1)
    }

    /// Content of an artifact.
    pub async fn content(&self, id: i64) -> Vec<u8> {
        let answer = self.get(&format!("/artifacts/{id}/content")).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.bytes
    }
}

/// Has a program find Chromium's software adapter.
pub fn software_gpu(command: &mut Command) {
    let chromium = Path::new("/usr/lib/chromium");
    command
        .env("VK_ICD_FILENAMES", chromium.join("vk_swiftshader_icd.json"))
        .env("LD_LIBRARY_PATH", chromium);
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Its own worker would still write to folders that are gone.
        if let Some(server) = self.server.as_ref().and_then(Child::id) {
            signal_group(server, "KILL");
        }
    }
}

/// A command whose files can't grow beyond so many KiB, until [`unlimit`] lets them.
fn limited(command: &Command, kib: u64) -> Command {
    let mut limited = Command::new("sh");
    // Whoever passes the limit gets an error; the signal is not heard.
    let script = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\" \"$@\"", kib * 2);
    limited.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    limited
}

/// Lets the files of a process grow as they like.
///
/// # Panics
/// If that can't be done.
pub fn unlimit(process: u32) {
    let arguments = ["--pid", &process.to_string(), "--fsize=unlimited:unlimited"];
    let done = Command::new("prlimit").args(arguments).status();
    assert!(done.expect("prlimit runs").success(), "the limit of {process} goes");
}

/// Sends a signal to a process.
///
/// # Panics
/// If that can't be done.
pub fn signal(process: u32, name: &str) {
    send(name, &process.to_string());
}

/// The same to all processes of its group.
fn signal_group(leader: u32, name: &str) {
    send(name, &format!("-{leader}"));
}

fn send(name: &str, target: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), "--", target]).status();
    assert!(sent.expect("kill runs").success(), "signal {name} to {target}");
}

/// The `id` of an answer.
///
/// # Panics
/// If it has none.
pub fn number(answer: &Value) -> i64 {
    answer["id"].as_i64().expect("an answer with a number")
}

fn is_end(event: &Value) -> bool {
    ["done", "failed", "cancelled"].iter().any(|state| event["state"]["state"] == *state)
}

fn parsed(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let id = field("id: ")?.parse().ok()?;
    Some(Event { id, data: serde_json::from_str(field("data: ")?).ok()? })
}

/// Bytes of noise, the same each time.
fn noise() -> impl FnMut() -> u8 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }
}

/// A small data set in CIFAR-10's official layout, as a .tar.gz.
///
/// # Panics
/// Never: it is written to memory.
pub fn small_dataset() -> Vec<u8> {
    let mut noise = noise();
    let mut file = |count: usize| {
        let record = |index: usize| {
            let label = (index % 10) as u8;
            let image: Vec<u8> = (0..3072).map(|_| noise() / 2 + label * 12).collect();
            [vec![label], image].concat()
        };
        (0..count).map(record).collect::<Vec<_>>().concat()
    };
    tar_gz(&[("data_batch_1.bin", file(160)), ("test_batch.bin", file(60))])
}

/// An archive of a folder of pictures of noise, 30 rows of 40 pixels: of ten classes four training
/// images and two test images each.
///
/// # Panics
/// Never: it is written to memory.
pub fn picture_folder() -> Vec<u8> {
    let mut noise = noise();
    let mut files = Vec::new();
    for (split, count) in [("train", 4), ("test", 2)] {
        for (class, image) in (0..10).flat_map(|class| (0..count).map(move |image| (class, image)))
        {
            let picture = RgbImage::from_fn(40, 30, |_, _| Rgb([noise(), noise(), class * 25]));
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, ImageFormat::Png).expect("memory takes it");
            files.push((format!("pictures/{split}/{class}/{image}.png"), bytes.into_inner()));
        }
    }
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    tar_gz(&files)
}

/// Files in a .tar.gz, under whatever names.
///
/// # Panics
/// Never: it is written to memory.
pub fn tar_gz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // The library's own way would refuse names that lead upwards.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, bytes.as_slice()).expect("memory takes it");
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory takes it")
}

/// A trained ResNet-8 for ten classes that comes with the page.
///
/// # Panics
/// If it is not there.
pub fn bundled_model() -> Vec<u8> {
    let path = crate::repository().join("frontend/gallery/resnet8-shapes10.safetensors");
    std::fs::read(path).expect("the bundled model")
}

/// Requests of each kind of job that take some seconds on the small data set; each says what
/// differs from the defaults alone.
pub fn requests(model: i64, dataset: i64) -> [(&'static str, Value); 6] {
    let dataset = json!({ "stored": dataset });
    let train = json!({
        "kind": "train", "architecture": "resnet8", "dataset": dataset, "plan": {
            "epochs": 4, "batch_size": 16, "learning_rate": 0.05, "schedule": "cosine", "label_smoothing": 0.0,
            "seed": 5,
        },
    });
    let calibrate = json!({ "kind": "calibrate", "model": model, "dataset": dataset, "images": 160, "seed": 1 });
    let choose = json!({
        "kind": "choose", "model": model, "dataset": dataset, "plan": {
            "rules": ["uniform", "erk", "rr"], "sparsity": 0.9, "calibration_images": 64, "judge_images": 32,
            "seed": 6, "refining_networks": 4,
        },
    });
    let sweep = json!({
        "kind": "sweep", "model": model, "dataset": dataset, "plan": {
            "rules": ["uniform", "erk", "rr"], "sparsities": [0.8, 0.9], "calibration_images": 64,
            "evaluation_images": 60, "seed": 2,
        },
    });
    let finetune = json!({
        "kind": "finetune", "model": model, "dataset": dataset, "plan": {
            "rules": ["erk", "rr"], "sparsities": [0.9], "calibration_images": 64, "evaluation_images": 60,
            "training": { "distillation": {}, "epochs": 2, "batch_size": 16, "seed": 3 },
        },
    });
    let evaluate =
        json!({ "kind": "evaluate", "model": model, "dataset": dataset, "images": 60, "seed": 4 });
    [
        ("train", train),
        ("calibrate", calibrate),
        ("sweep", sweep),
        ("finetune", finetune),
        ("evaluate", evaluate),
        ("choose", choose),
    ]
}

/// What a command that succeeds writes to its standard output.
fn said(mut command: Command) -> String {
    let output = command.output().expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
