//! Ctrl-C and SIGTERM: the first lets work end where it can be gone on with, a second one ends the
//! program at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use rrlab_engine::watch::Stopped;

use crate::progress::say;

/// Exit code of a program that was interrupted, as shells have it: 128 and the number of SIGINT.
pub const EXIT_CODE: u8 = 130;

/// The signals that ask a program to end.
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on, in place of the platform's way to end a program.
    ///
    /// # Errors
    /// If the platform refuses.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[cfg(unix)]
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Listens from now on, in place of the platform's way to end a program.
    ///
    /// # Errors
    /// Never: a platform that refuses does so when it is waited for.
    #[cfg(not(unix))]
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether a person asked work to end, and whether it did so for that.
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    heeded: AtomicBool,
}

impl Interrupt {
    /// Listens from now on, on a thread of its own.
    ///
    /// # Errors
    /// If the platform lets no program hear of signals.
    pub fn listen() -> anyhow::Result<Self> {
        let problem = "signals can't be heard";
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().build().context(problem)?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen().context(problem)?
        };
        let asked = Arc::new(AtomicBool::new(false));
        let told = asked.clone();
        let listen = move || {
            runtime.block_on(async {
                signals.next().await;
                told.store(true, Ordering::Relaxed);
                say("stopping as soon as what was done is saved; a second Ctrl-C ends at once");
                signals.next().await;
                std::process::exit(EXIT_CODE.into());
            });
        };
        std::thread::Builder::new().name("signals".into()).spawn(listen).context(problem)?;
        Ok(Self { asked, heeded: AtomicBool::new(false) })
    }

    /// Whether work is to end.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// What a watcher returns where nothing is lost if work ends here.
    ///
    /// # Errors
    /// If work is to end.
    pub fn check(&self) -> Result<(), Stopped> {
        if !self.is_asked() {
            return Ok(());
        }
        self.heeded.store(true, Ordering::Relaxed);
        Err(Stopped)
    }

    /// What work came to. `saved` is the file from which the same command goes on, where there is
    /// one.
    ///
    /// # Errors
    /// As the work's, or [`Interrupted`] where [`Interrupt::check`] ended it.
    pub fn outcome<T, E: Into<anyhow::Error>>(
        &self,
        result: Result<T, E>,
        saved: Option<&Path>,
    ) -> anyhow::Result<T> {
        match result {
            Err(_) if self.heeded.load(Ordering::Relaxed) => Err(Interrupted::new(saved).into()),
            other => other.map_err(Into::into),
        }
    }
}

/// Work that ended because a person asked it to.
#[derive(Debug, thiserror::Error)]
pub struct Interrupted {
    saved: Option<PathBuf>,
    command: String,
}

impl Interrupted {
    fn new(saved: Option<&Path>) -> Self {
        let words: Vec<String> =
            std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        // No word of a command holds the one character that can't be quoted: it ends words.
        let command =
            shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "));
        Self { saved: saved.map(Path::to_owned), command }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.saved {
            Some(path) => write!(
                f,
                "stopped; what was done is saved in {}. This goes on from there:",
                path.display()
            )?,
            None => write!(f, "stopped before there was anything to save. This begins anew:")?,
        }
        write!(f, "\n\n    {}\n", self.command)
    }
}
