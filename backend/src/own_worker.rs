//! A server's own worker: a process of its own, started anew when it ends. What a job does to it, as when
//! memory runs out or the device is lost, does nothing to the server.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

use crate::this_program::this_program;

/// What such a worker prints when it computes jobs.
pub const READY: &str = "ready";
/// Shortest and longest time until it is started anew; twice as long after each start that soon fails.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

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

/// It ends, with its job saved, when its input does: also where its server was killed.
struct Process {
    child: Child,
    _input: ChildStdin,
}

impl OwnWorker {
    /// Starts it, and waits until it computes jobs.
    ///
    /// # Errors
    /// If it can't: it has said why.
    pub async fn start(command: WorkerCommand) -> anyhow::Result<Self> {
        Ok(Self { process: Process::start(&command).await?, command })
    }

    /// Has it run until `stop` becomes true, and end then.
    pub async fn keep(mut self, mut stop: watch::Receiver<bool>) {
        let mut pause = PAUSES.0;
        loop {
            let began = Instant::now();
            tokio::select! {
                ended = self.process.child.wait() => tracing::error!(ended = words(ended), "the server's worker ended; it is started anew"),
                _ = stop.wait_for(|stop| *stop) => break,
            }
            if began.elapsed() > PAUSES.1 {
                pause = PAUSES.0;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = PAUSES.1.min(pause * 2),
                _ = stop.wait_for(|stop| *stop) => break,
            }
            match Process::start(&self.command).await {
                Ok(process) => self.process = process,
                Err(error) => tracing::error!("{error:#}"),
            }
        }
        self.process.end().await;
    }
}

impl Process {
    async fn start(command: &WorkerCommand) -> anyhow::Result<Self> {
        let mut process = Command::new(this_program()?);
        process.args(&command.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(database) = &command.database_url {
            process.env("RRLAB_DATABASE_URL", database);
        }
        let mut child = process.spawn().context("can't start a worker")?;
        let input = child.stdin.take().context("its worker has no input")?;
        let output = child.stdout.take().context("its worker has no output")?;
        let said = BufReader::new(output).lines().next_line().await?;
        let is_ready = said.as_deref() == Some(READY);
        ensure!(
            is_ready,
            "the server's worker can't compute jobs; start with --no-worker to have none"
        );
        Ok(Self { child, _input: input })
    }

    async fn end(self) {
        let Self { mut child, _input: input } = self;
        drop(input);
        let ended = child.wait().await;
        tracing::info!(ended = words(ended), "the server's worker ended");
    }
}

fn words(ended: std::io::Result<ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}
