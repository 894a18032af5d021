//! What every command that works with a lab's database does first.

use std::future::Future;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::cli::{LabArgs, LogFormat};
use crate::objects::Objects;
use crate::storage::DataFolder;
use crate::store::{Store, sqlite_address};

/// What is logged where RUST_LOG does not say.
const LOG: &str = "info,sqlx=warn,tower_http=info";

/// Writes the log to standard error from now on.
pub fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would say them where it could not write: on a full disk that ends the program.
        .log_internal_errors(false)
        .with_ansi(colours);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Runs to the end on threads of its own.
pub fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// So many days.
pub fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 24 * 60 * 60)
}

/// Opens the database.
pub async fn open_store(args: &LabArgs, data: &DataFolder) -> anyhow::Result<Store> {
    let address = match &args.database_url {
        Some(address) => address.clone(),
        None => sqlite_address(&in_data_folder(data, "lab.sqlite")?),
    };
    // The address can hold a password.
    Store::open_with(&address, args.connections).await.context("can't open the database")
}

/// Address of the object store: a folder's path, or `s3://…`.
pub fn objects_address(args: &LabArgs, data: &DataFolder) -> anyhow::Result<String> {
    match &args.artifacts {
        Some(address) => Ok(address.clone()),
        None => Ok(in_data_folder(data, "artifacts")?.display().to_string()),
    }
}

/// Opens the object store that belongs to this database.
pub async fn open_objects(
    args: &LabArgs,
    data: &DataFolder,
    store: &Store,
) -> anyhow::Result<Objects> {
    let address = objects_address(args, data)?;
    let unbound = Objects::open(&address)
        .with_context(|| format!("can't open the object store {address}"))?;
    unbound.bind(store).await.with_context(|| format!("can't use the object store {address}"))
}

fn in_data_folder(data: &DataFolder, name: &str) -> anyhow::Result<PathBuf> {
    data.make()?;
    Ok(data.path().join(name))
}
