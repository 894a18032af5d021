//! The project's two commands: `cargo xtask lab` runs the lab, `cargo xtask test` checks everything that CI checks.

mod page_size;
mod run;
mod tools;

use std::process::ExitCode;

use run::{Failure, Step, root, step};

const HELP: &str = "cargo xtask lab [--gpu] [--port PORT]
    Installs what is missing, builds page and program, and serves the lab on 127.0.0.1.
    --gpu   builds the program with GPU support (wgpu and Vulkan); adds about 15 minutes the first time
cargo xtask test
    Formatting, lints, dependencies, documentation, every test, and the page in a browser.
cargo xtask page
    Builds the page alone, into dist.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["lab", options @ ..] => lab(options),
        ["test"] => test(),
        ["page"] => page(),
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

/// Installs what is missing, builds, serves.
fn lab(options: &[&str]) -> Result<(), Failure> {
    let mut port = "7878";
    let mut features: &[&str] = &[];
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--gpu" => features = &["--features", "wgpu,vulkan"],
            "--port" => port = rest.next().ok_or_else(|| Failure::usage("--port needs a number"))?,
            other => return Err(Failure::usage(&format!("`{other}` is not an option of cargo xtask lab"))),
        }
    }
    page()?;
    step("Building the program", Step::cargo(&["build", "--release", "--package", "rrlab"]).args(features))?;
    let serve = Step::cargo(&["run", "--quiet", "--release", "--package", "rrlab"]).args(features);
    step("Serving the lab", serve.args(&["--", "serve", "--port", port]))
}

/// The page, into dist.
fn page() -> Result<(), Failure> {
    tools::ensure_wasm_target()?;
    tools::ensure_trunk()?;
    tools::ensure_wasm_bindgen()?;
    let trunk = Step::tool("trunk", &["build", "--release", "--skip-version-check"]);
    step("Building the page and its workers", trunk)?;
    page_size::compress(&root().join("dist"))
}

/// What every check of native code builds: one set of packages and features, so that each dependency is built once.
const NATIVE: [&str; 8] = [
    "--release",
    "--workspace",
    "--exclude",
    "rrlab-frontend",
    "--exclude",
    "rrlab-compute",
    "--features",
    "rrlab/wgpu",
];

/// Everything that CI checks, the quick things first.
fn test() -> Result<(), Failure> {
    step("Formatting", Step::cargo(&["fmt", "--all", "--check"]))?;
    step("Lints", Step::cargo(&["clippy", "--all-targets"]).args(&NATIVE).args(&["--", "-D", "warnings"]))?;
    tools::ensure_wasm_target()?;
    let wasm = "wasm32-unknown-unknown";
    let in_browser = ["--release", "--package", "rrlab-frontend", "--package", "rrlab-compute", "--target", wasm];
    let page_lints = Step::cargo(&["clippy"]).args(&in_browser).args(&["--", "-D", "warnings"]);
    step("Lints of the page and its workers", page_lints)?;
    let docs = Step::cargo(&["doc", "--no-deps", "--document-private-items"]).args(&NATIVE);
    step("Documentation", docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    tools::ensure_cargo_deny()?;
    step("Dependencies", Step::tool("cargo-deny", &["check", "bans", "licenses", "sources"]))?;
    page()?;
    // Program and tests in one build: alone, each would have other features of the same dependencies.
    let members = [&NATIVE[..], &["--exclude", "xtask"]].concat();
    step("The program and its tests", Step::cargo(&["build", "--bins", "--tests"]).args(&members))?;
    let schemathesis = tools::ensure_schemathesis()?;
    let dist = root().join("dist");
    let tests = Step::cargo(&["test", "--bins", "--tests"]).args(&members);
    step(
        "Tests",
        tests
            .env("RRLAB_DIST", &dist.to_string_lossy())
            .env("RRLAB_TEST_GPU", "1")
            .env("RRLAB_SCHEMATHESIS", &schemathesis),
    )
}
