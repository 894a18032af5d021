//! The queue tells workers when to look for a job. What a job is, and whose turn it is, is
//! in the database's own table: a turn too many does nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::store::{QueuePool, Store};

/// How often an idle worker looks.
const POLL: Duration = Duration::from_millis(250);
/// How often a worker tells the queue that it is alive, and how often it may fail to.
const HEARTBEAT: Duration = Duration::from_secs(5);
const MISSED_HEARTBEATS: usize = 6;
/// The queue's name in its tables.
const NAME: &str = "rrlab";

/// A turn: some worker is to take up the job whose turn it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The job that it was given out for, for people who look into the queue.
    job: i64,
}

/// The queue in the same database as all else.
#[derive(Clone)]
pub enum Queue {
    /// In SQLite.
    Sqlite(SqliteStorage<Ticket>),
    /// In PostgreSQL.
    Postgres(PostgresStorage<Ticket>),
}

/// What a worker does with a turn: it computes the job whose turn it is, if any waits.
#[derive(Clone)]
pub struct TakeTurn(Arc<dyn Fn() -> BoxFuture<'static, Result<(), BoxDynError>> + Send + Sync>);

impl TakeTurn {
    /// Calls this for each turn.
    pub fn new(
        take: impl Fn() -> BoxFuture<'static, Result<(), BoxDynError>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(take))
    }
}

/// A queue that could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the queue failed: {0}")]
pub struct QueueError(String);

impl Queue {
    /// The queue of this database. Workers take one job at a time: one fetched ahead would wait
    /// while others idle.
    pub fn of(store: &Store) -> Self {
        match &store.queue_pool {
            QueuePool::Sqlite(pool) => Self::Sqlite(
                SqliteStorage::new(pool).with_config(
                    apalis_sqlite::Config::default()
                        .queue(NAME)
                        .batch_size(1)
                        .heartbeat_interval(HEARTBEAT)
                        .missed_heartbeats(MISSED_HEARTBEATS),
                ),
            ),
            QueuePool::Postgres(pool) => Self::Postgres(
                PostgresStorage::new(pool).with_config(
                    apalis_postgres::Config::default()
                        .queue(NAME)
                        .batch_size(1)
                        .heartbeat_interval(HEARTBEAT)
                        .missed_heartbeats(MISSED_HEARTBEATS),
                ),
            ),
        }
    }

    /// Gives a job its turn. One that could not be given is given later, by whoever looks after the
    /// jobs.
    pub async fn push(&self, store: &Store, job: i64) {
        let pushed = match self {
            Self::Sqlite(storage) => {
                storage.clone().push(Ticket { job }).await.map_err(|error| error.to_string())
            }
            Self::Postgres(storage) => {
                storage.clone().push(Ticket { job }).await.map_err(|error| error.to_string())
            }
        };
        let noted = match pushed {
            Ok(()) => store.job_ticketed(job).await.map_err(|error| error.to_string()),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = noted {
            tracing::warn!(job, problem, "the queue did not take a ticket");
        }
    }

    /// Removes turns that were taken, which the library keeps, and those that nobody took for so long
    /// that the jobs that still wait have newer ones: a worker that is lent a machine for one job takes
    /// none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_used_tickets(&self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(storage) => {
                sqlx::query(
                    "DELETE FROM Jobs WHERE status IN ('Done', 'Killed') OR (status = 'Pending' \
                             AND run_at < CAST(strftime('%s', 'now') AS INTEGER) - 3600)",
                )
                .execute(storage.pool())
                .await?;
            }
            Self::Postgres(storage) => {
                sqlx::query("DELETE FROM apalis.jobs WHERE status IN ('Done', 'Killed') OR (status = 'Pending' \
                             AND run_at < now() - INTERVAL '1 hour')")
                    .execute(storage.pool())
                    .await?;
            }
        }
        Ok(())
    }

    /// Calls `take_turn` for each turn, one after the other, until `stop` ends. `name` is the
    /// worker's; the queue takes no name again within half a minute.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn serve(
        &self,
        name: &str,
        take_turn: TakeTurn,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), QueueError> {
        let stop = async {
            stop.await;
            Ok::<(), WorkerError>(())
        };
        macro_rules! run {
            ($storage:expr) => {
                WorkerBuilder::new(name)
                    .backend($storage.clone().poll_with_interval(POLL))
                    .concurrency(1)
                    .data(take_turn)
                    .build(hand_over)
                    .run_until(stop)
                    .await
            };
        }
        let ended = match self {
            Self::Sqlite(storage) => run!(storage),
            Self::Postgres(storage) => run!(storage),
        };
        ended.map_err(|error| QueueError(error.to_string()))
    }
}

async fn hand_over(_: Ticket, take_turn: Data<TakeTurn>) -> Result<(), BoxDynError> {
    let TakeTurn(take) = &*take_turn;
    take().await
}
