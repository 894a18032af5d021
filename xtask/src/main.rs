//! The project's commands: `cargo xtask lab` runs the lab, `cargo xtask test` checks everything
//! that CI checks.

mod checks;
mod early;
mod lab;
mod page;
mod page_size;
mod quick;
mod run;
mod split;
mod stamp;
mod tools;

use std::process::ExitCode;

use run::Failure;

const HELP: &str = "cargo xtask lab [--gpu] [--port PORT]
    Installs what is missing, builds page and program, and serves the lab on 127.0.0.1. The first time the page is
    there before the program, and networks that run in the browser are built while it serves.
    --gpu   builds the program with GPU support (wgpu and Vulkan); adds about 15 minutes the first time
cargo xtask test
    Formatting, lints, dependencies, documentation, every test, and the page in a browser.
cargo xtask quick [REVISION]
    The checks that what changed since REVISION calls for; without one, what is not committed, or else the last commit.
cargo xtask page
    Builds the page with its workers, into dist.
cargo xtask spelling
    Looks for misspelt words.
cargo xtask advisories
    Looks for known weaknesses of dependencies in RustSec's database, which it downloads.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result: Result<(), Failure> = match words.as_slice() {
        ["lab", options @ ..] => lab::lab(options),
        ["test"] => checks::test(),
        ["quick"] => quick::quick(None),
        ["quick", revision] => quick::quick(Some(revision)),
        ["page"] => page::build_whole(),
        ["spelling"] => checks::spelling(),
        ["advisories"] => checks::advisories(),
        [split::COMMAND] => split::split_staged(),
        [early::COMMAND, port] => early::serve(port),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}
