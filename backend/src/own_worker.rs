//! A server's own worker: a process of its own, started anew when it ends. What a job does to it, as when
//! memory runs out or the device is lost, does nothing to the server.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

use crate::this_program::this_program;

/// What such a worker prints when it computes jobs.
pub const READY: &str = "ready";
/// Shortest and longest time until it is started anew; twice as long after each start that soon fails.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Longest that it may take to start, which may mean to wait for a database, and to save what it is at.
const PATIENCE: Duration = Duration::from_secs(300);

/// How the process is started.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The address of the database, which may hold a password and so is no argument; where none is named,
    /// that of the data folder.
    pub database_url: Option<String>,
}

/// A server's own worker.
pub struct OwnWorker {
    command: WorkerCommand,
    process: Process,
}

/// It ends, with its job saved, when its input does: also where its server was killed. Dropped, it is killed.
struct Process {
    child: Child,
    _input: ChildStdin,
}

impl OwnWorker {
    /// Starts it, and waits until it computes jobs.
    ///
    /// # Errors
    /// If it can't: it has said why; or if `stop` becomes true before.
    pub async fn start(
        command: WorkerCommand,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let process = tokio::select! {
            process = Process::start(&command) => process?,
            _ = stop.wait_for(|stop| *stop) => bail!("stopped before its worker was ready"),
        };
        Ok(Self { process, command })
    }

    /// Has it run until `stop` becomes true, and end then.
    pub async fn keep(self, mut stop: watch::Receiver<bool>) {
        let Self { command, process } = self;
        let (mut process, mut pause) = (Some(process), PAUSES.0);
        while !*stop.borrow() {
            let began = Instant::now();
            if let Some(running) = &mut process {
                tokio::select! {
                    ended = running.child.wait() => {
                        tracing::error!(ended = words(ended), "the server's worker ended; it is started anew");
                        process = None;
                    }
                    _ = stop.wait_for(|stop| *stop) => continue,
                }
            }
            if began.elapsed() > PAUSES.1 {
                pause = PAUSES.0;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = PAUSES.1.min(pause * 2),
                _ = stop.wait_for(|stop| *stop) => continue,
            }
            tokio::select! {
                started = Process::start(&command) => match started {
                    Ok(started) => process = Some(started),
                    Err(error) => tracing::error!("{error:#}"),
                },
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        if let Some(process) = process {
            process.end().await;
        }
    }
}

impl Process {
    async fn start(command: &WorkerCommand) -> anyhow::Result<Self> {
        let mut process = Command::new(this_program()?);
        process.args(&command.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        process.kill_on_drop(true);
        if let Some(database) = &command.database_url {
            process.env("RRLAB_DATABASE_URL", database);
        }
        let mut child = process.spawn().context("can't start a worker")?;
        let input = child.stdin.take().context("its worker has no input")?;
        let output = child.stdout.take().context("its worker has no output")?;
        let mut lines = BufReader::new(output).lines();
        let said = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let is_ready = matches!(said, Ok(Ok(Some(line))) if line == READY);
        ensure!(
            is_ready,
            "the server's worker can't compute jobs; start with --no-worker to have none"
        );
        Ok(Self { child, _input: input })
    }

    async fn end(self) {
        let Self { mut child, _input: input } = self;
        drop(input);
        match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(ended) => tracing::info!(ended = words(ended), "the server's worker ended"),
            Err(_) => tracing::error!("the server's worker does not end; it is killed"),
        }
    }
}

fn words(ended: std::io::Result<ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}
