//! `rrlab`: the Repairability Lab on the command line, and its server.

mod allocation_file;
mod caretaker;
mod cli;
mod commands;
mod cost;
mod destination;
mod embedder;
mod facts;
mod figure;
mod file_kind;
mod hex;
mod ingest;
mod interrupt;
mod markdown;
mod model_file;
mod objects;
mod output;
mod own_worker;
mod progress;
mod readiness;
mod recorder;
mod secret;
mod server;
mod storage;
mod store;
mod this_program;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::interrupt::Interrupted;
use crate::progress::say;

fn main() -> ExitCode {
    rrlab_engine::memory::keep_freed();
    // Clients that speak TLS take what is installed, and panic where nothing is.
    rustls::crypto::ring::default_provider().install_default().ok();
    let cli = cli::Cli::parse();
    let Err(error) = commands::run(cli) else { return ExitCode::SUCCESS };
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        say(&interrupted.to_string());
        return ExitCode::from(interrupt::EXIT_CODE);
    }
    say(&format!("error: {}", described(&error)));
    ExitCode::FAILURE
}

/// An error and its causes, each said once: many errors state their cause in their own words.
fn described(error: &anyhow::Error) -> String {
    let mut description = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if description.contains(&cause) {
            continue;
        }
        if !description.is_empty() {
            description.push_str(": ");
        }
        description.push_str(&cause);
    }
    description
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::described;

    #[test]
    fn a_cause_is_said_once() {
        let broken = serde_json::from_str::<u8>("x").unwrap_err();
        let cause = broken.to_string();
        let error = Err::<(), _>(broken)
            .context(format!("not a profile: {cause}"))
            .context("profile.json")
            .unwrap_err();
        assert_eq!(described(&error), format!("profile.json: not a profile: {cause}"));
    }
}
