//! Object stores under test: a folder, or a bucket of a server that speaks like S3; with what lies
//! in them, to the byte.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Client, Method, StatusCode};

use crate::http_client;

/// Longest that the server may take to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// How old the files are that a test puts into a folder.
const AGE: Duration = Duration::from_secs(5 * 24 * 3600);
/// Whose requests the server takes is not looked into, only that they say so.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, \
                             SignedHeaders=host, Signature=0";

/// What an object store holds: bytes by key.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// An object store that ends with the test.
pub struct Artifacts {
    at: Place,
}

enum Place {
    Folder(tempfile::TempDir),
    Bucket { server: &'static Server, name: String, client: Client },
}

/// A server that speaks like S3 and ends with the tests.
struct Server {
    endpoint: String,
    /// While this is open it runs.
    _process: Child,
}

/// The server, where `RRLAB_MOTO` names its program.
fn server() -> Option<&'static Server> {
    static RUNNING: OnceLock<Server> = OnceLock::new();
    let program = std::env::var_os("RRLAB_MOTO")?;
    Some(RUNNING.get_or_init(|| {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a free port")
            .port();
        // It ends when this process does: then its standard input is closed.
        let script = "\"$0\" -H 127.0.0.1 -p \"$1\" >/dev/null 2>&1 & cat >/dev/null; kill $!";
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .arg(program)
            .arg(port.to_string())
            .current_dir("/")
            .stdin(Stdio::piped());
        let process = command.spawn().expect("a shell");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "the server that RRLAB_MOTO names does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Server { endpoint: format!("http://127.0.0.1:{port}"), _process: process }
    }))
}

impl Artifacts {
    /// An empty folder.
    ///
    /// # Panics
    /// If there can be none.
    pub fn in_folder() -> Self {
        Self { at: Place::Folder(tempfile::tempdir().expect("a folder for artifacts")) }
    }

    /// An empty bucket; `None` where `RRLAB_MOTO` names no server to have it on.
    ///
    /// # Panics
    /// If it can't be made.
    pub async fn in_bucket() -> Option<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let server = tokio::task::spawn_blocking(server).await.expect("the server starts")?;
        let name = format!("bucket{}", MADE.fetch_add(1, Ordering::Relaxed));
        let bucket = Self { at: Place::Bucket { server, name, client: http_client() } };
        bucket.ask(Method::PUT, "", Vec::new()).await;
        Some(bucket)
    }

    /// What `--artifacts` is to be given.
    pub fn address(&self) -> String {
        match &self.at {
            Place::Folder(folder) => folder.path().display().to_string(),
            Place::Bucket { name, .. } => format!("s3://{name}"),
        }
    }

    /// Variables that the program needs to reach it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let Place::Bucket { server, .. } = &self.at else { return Vec::new() };
        vec![
            ("AWS_ENDPOINT", server.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ]
    }

    /// Everything in it but what is written to learn its time.
    ///
    /// # Panics
    /// If it can't be read.
    pub async fn contents(&self) -> Contents {
        let mut contents = self.all_contents().await;
        contents.remove("rrlab/clock");
        contents
    }

    async fn all_contents(&self) -> Contents {
        match &self.at {
            Place::Folder(folder) => files_below(folder.path()),
            Place::Bucket { .. } => {
                let mut contents = Contents::new();
                for key in self.keys().await {
                    let bytes = self.ask(Method::GET, &key, Vec::new()).await;
                    contents.insert(key, bytes);
                }
                contents
            }
        }
    }

    /// Puts something there; in a folder it is days old.
    ///
    /// # Panics
    /// If it can't be written.
    pub async fn put(&self, key: &str, bytes: &[u8]) {
        match &self.at {
            Place::Folder(folder) => {
                let path = folder.path().join(key);
                std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                    .expect("its folder");
                std::fs::write(&path, bytes).expect("the file");
                let file = std::fs::File::options().append(true).open(&path).expect("the file");
                file.set_modified(SystemTime::now() - AGE).expect("its time");
            }
            Place::Bucket { .. } => drop(self.ask(Method::PUT, key, bytes.to_vec()).await),
        }
    }

    /// Removes something.
    ///
    /// # Panics
    /// If it is not there.
    pub async fn remove(&self, key: &str) {
        match &self.at {
            Place::Folder(folder) => {
                std::fs::remove_file(folder.path().join(key)).expect("the file is there")
            }
            Place::Bucket { .. } => drop(self.ask(Method::DELETE, key, Vec::new()).await),
        }
    }

    async fn keys(&self) -> Vec<String> {
        let answer = self.ask(Method::GET, "?list-type=2", Vec::new()).await;
        let answer = String::from_utf8(answer).expect("a list is text");
        assert!(answer.contains("<IsTruncated>false</IsTruncated>"), "a whole list: {answer}");
        let keys = answer.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    async fn ask(&self, method: Method, key: &str, body: Vec<u8>) -> Vec<u8> {
        let Place::Bucket { server, name, client } = &self.at else {
            unreachable!("only buckets are asked")
        };
        let request = client.request(method, format!("{}/{name}/{key}", server.endpoint));
        let request = request
            .header("authorization", AUTHORIZATION)
            .header("content-type", "application/octet-stream");
        let answer = request.body(body).send().await.expect("the server answers");
        assert!(
            matches!(answer.status(), StatusCode::OK | StatusCode::NO_CONTENT),
            "{key}: {}",
            answer.status()
        );
        answer.bytes().await.expect("a whole answer").to_vec()
    }
}

/// Every file below a folder, by its path from there.
fn files_below(folder: &Path) -> Contents {
    let mut contents = Contents::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let key = path.strip_prefix(folder).expect("it lies below").display().to_string();
            contents.insert(key, std::fs::read(&path).expect("a file"));
        }
    }
    contents
}
