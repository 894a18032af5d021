//! `rrlab`: the Repairability Lab on the command line, and its server.

mod allocation_file;
mod caretaker;
mod cli;
mod commands;
mod figure;
mod objects;
mod output;
mod progress;
mod queue;
mod secret;
mod server;
mod storage;
mod store;
mod worker;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
