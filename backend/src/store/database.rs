//! The connection to the database, SQLite or PostgreSQL, and what every statement needs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AnyPool, Executor as _};

/// How long a statement waits for another that writes to the same SQLite file.
const BUSY_SECONDS: u64 = 10;
/// What every connection to PostgreSQL is told. A statement waits for another as long as one of
/// SQLite does; and where a machine dies within a transaction, what it holds is free in seconds, not
/// when the network gives up after hours.
const SESSION: &str = "SET lock_timeout = '10s'; SET statement_timeout = '60s'; \
                       SET idle_in_transaction_session_timeout = '15s'; SET tcp_keepalives_idle = 5; \
                       SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; \
                       SET tcp_user_timeout = '15s'";
/// Most connections where nothing else is said.
pub const CONNECTIONS: u32 = 8;
/// How the library calls PostgreSQL.
const POSTGRES: &str = "PostgreSQL";
/// Where the program keeps note of the migrations that were run; the queue keeps its own.
const MIGRATIONS_TABLE: &str = "lab_migrations";

/// What the database can't do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be reached, or refused a statement.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Its tables could not be made.
    #[error("the database's tables can't be brought up to date: {0}")]
    Migrate(#[from] MigrateError),
    /// It holds what this version of the program does not know.
    #[error("the database holds {what} `{value}`, which this version of the program can't read")]
    Content {
        /// What it should be.
        what: &'static str,
        /// The text that is there instead.
        value: String,
    },
    /// The worker was silent for so long that its job was given to another.
    #[error("the job was given to another worker")]
    LostJob,
    /// An address of no database that the program knows.
    #[error("`{0}` is no database: give sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME")]
    Address(String),
}

/// Result of a statement.
pub type StoreResult<T> = Result<T, StoreError>;

/// Connections to the database; clones share them.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) pool: AnyPool,
    /// Whether it is a file of SQLite, which the programs of one machine share.
    is_file: bool,
}

/// Address of the database in a file.
pub fn sqlite_address(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Now, in milliseconds since 1970 UTC, by this machine's clock.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
impl Store {
    /// [`Store::open_with`] as many connections as where nothing is said.
    pub async fn open(address: &str) -> StoreResult<Self> {
        Self::open_with(address, CONNECTIONS).await
    }
}

impl Store {
    /// Opens the database at this address, makes it where it is a file that is not there, and
    /// brings its tables up to date; with so many connections at most.
    ///
    /// # Errors
    /// If it can't be reached or is of a later version.
    pub async fn open_with(address: &str, connections: u32) -> StoreResult<Self> {
        sqlx::any::install_default_drivers();
        let is_file = address.starts_with("sqlite:");
        if is_file {
            // Durable: a job that was accepted is there after a power failure. Write-ahead: readers
            // do not wait.
            let options = SqliteConnectOptions::from_str(address)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(BUSY_SECONDS));
            let _alone = alone_at(options.get_filename().with_added_extension("lock")).await;
            let migrating =
                SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            migrated(sqlx::migrate!("migrations/sqlite")).run(&migrating).await?;
            migrating.close().await;
        } else if address.starts_with("postgres:") || address.starts_with("postgresql:") {
            // Without the session's limits: a migration takes as long as it takes, and others wait.
            let migrating = PgPoolOptions::new().max_connections(1).connect(address).await?;
            migrated(sqlx::migrate!("migrations/postgres")).run(&migrating).await?;
            migrating.close().await;
        } else {
            return Err(StoreError::Address(address.into()));
        }
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .after_connect(|connection, _| {
                async move {
                    if connection.backend_name() == POSTGRES {
                        connection.execute(SESSION).await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .connect(address)
            .await?;
        Ok(Self { pool, is_file })
    }

    /// Now, in milliseconds since 1970 UTC, by the database's clock: leases are of machines whose own
    /// clocks may differ.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn clock_ms(&self) -> StoreResult<i64> {
        if self.is_file {
            return Ok(now_ms());
        }
        let statement = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        let (now,): (i64,) = sqlx::query_as(statement).fetch_one(&self.pool).await?;
        Ok(now)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> StoreResult<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

/// Waits until no other program of this machine brings the tables of the same file up to date: of
/// SQLite's two migrations at once the second fails. Where files can't be locked, goes on.
async fn alone_at(path: PathBuf) -> Option<File> {
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).append(true).open(path)?;
        file.lock()?;
        std::io::Result::Ok(file)
    });
    locked.await.ok()?.inspect_err(|error| tracing::debug!(%error, "no lock")).ok()
}

fn migrated(mut migrator: sqlx::migrate::Migrator) -> sqlx::migrate::Migrator {
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator
}

/// A value by the name that a column holds.
pub(super) fn named<T: FromStr>(what: &'static str, value: &str) -> StoreResult<T> {
    value.parse().map_err(|_| StoreError::Content { what, value: value.into() })
}

/// A value from the JSON that a column holds.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    value: &str,
) -> StoreResult<T> {
    serde_json::from_str(value).map_err(|_| StoreError::Content { what, value: value.into() })
}

/// JSON for a column.
pub(super) fn to_json(value: &impl serde::Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Content {
        what: "a value without JSON",
        value: error.to_string(),
    })
}
