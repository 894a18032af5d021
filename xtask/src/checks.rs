//! What is checked: everything, as CI does it, and the parts that [`crate::quick`] picks from.

use crate::page;
use crate::run::{Failure, Step, Steps, minutes};
use crate::tools;

/// Packages and features of every check of native code: one set, so that each dependency is built
/// once.
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

/// Packages of every check of the code in the browser.
const IN_BROWSER: [&str; 7] = [
    "--release",
    "--package",
    "rrlab-frontend",
    "--package",
    "rrlab-compute",
    "--target",
    tools::WASM_TARGET,
];

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// Everything that CI checks, the quick things first.
///
/// # Errors
/// If one of them fails.
pub fn test() -> Result<(), Failure> {
    let mut steps = Steps::new(13);
    steps.step("Formatting", minutes(1), formatting)?;
    page::begin(&mut steps)?;
    steps.step("Lints", minutes(8), lints)?;
    steps.step("Lints of the page and its workers", minutes(3), lints_in_browser)?;
    steps.step("Documentation", minutes(1), documentation)?;
    steps.step("Dependencies", minutes(4), dependencies)?;
    steps.step("Building the networks' workers", page::WORKERS_COLD, page::build_workers)?;
    steps.step("The program and its tests", minutes(15), || {
        tested("build", &["--bins", "--tests"]).run()
    })?;
    steps.step("Tests", minutes(10), all_tests)?;
    steps.step("The page in Firefox", minutes(6), page_in_firefox)?;
    steps.step("Examples in the documentation", minutes(1), documentation_tests)?;
    steps.finish();
    Ok(())
}

/// Layout of the code.
///
/// # Errors
/// If a file is laid out otherwise.
pub fn formatting() -> Result<(), Failure> {
    Step::cargo(&["fmt", "--all", "--check"]).run()
}

/// Lints of native code.
///
/// # Errors
/// If one finds something.
pub fn lints() -> Result<(), Failure> {
    Step::cargo(&["clippy", "--all-targets"]).args(&NATIVE).args(&DENY_WARNINGS).run()
}

/// Lints of what runs in a browser.
///
/// # Errors
/// If one finds something.
pub fn lints_in_browser() -> Result<(), Failure> {
    Step::cargo(&["clippy"]).args(&IN_BROWSER).args(&DENY_WARNINGS).run()
}

/// The named targets' tests, such as `["--test", "allocation"]`; all of them run though one fails.
///
/// # Errors
/// If a test fails.
pub fn tests(targets: &[&str]) -> Result<(), Failure> {
    tested("test", targets).args(&["--no-fail-fast"]).run()
}

/// Examples in the documentation.
///
/// # Errors
/// If one fails.
pub fn documentation_tests() -> Result<(), Failure> {
    tests(&["--doc"])
}

/// Spelling of code and texts.
///
/// # Errors
/// If a word is misspelt.
pub fn spelling() -> Result<(), Failure> {
    tools::ensure_typos()?;
    Step::tool("typos", &[]).run()
}

/// Known weaknesses of dependencies. No part of [`test()`]: what is known changes from day to day,
/// and the same commit must pass or fail whenever it is tested.
///
/// # Errors
/// If there is one, or the database can't be downloaded.
pub fn advisories() -> Result<(), Failure> {
    tools::ensure_cargo_deny()?;
    Step::tool("cargo-deny", &["check", "advisories"]).run()
}

fn documentation() -> Result<(), Failure> {
    let docs = Step::cargo(&["doc", "--no-deps", "--document-private-items"]).args(&NATIVE);
    docs.env("RUSTDOCFLAGS", "-D warnings").run()
}

fn dependencies() -> Result<(), Failure> {
    tools::ensure_cargo_deny()?;
    Step::tool("cargo-deny", &["check", "bans", "licenses", "sources"]).run()
}

fn all_tests() -> Result<(), Failure> {
    let schemathesis = tools::ensure_schemathesis()?;
    let moto = tools::ensure_moto()?;
    let python_client = tools::ensure_python_client()?;
    let onnx = tools::ensure_onnx_suite()?;
    let tests = tested("test", &["--bins", "--tests", "--no-fail-fast"]);
    tests
        .env("RRLAB_DIST", &page::dist().to_string_lossy())
        .env("RRLAB_TEST_GPU", "1")
        .env("RRLAB_SCHEMATHESIS", &schemathesis)
        .env("RRLAB_MOTO", &moto)
        .env("RRLAB_PYTHON_CLIENT", &python_client)
        .env("RRLAB_ONNX_SUITE", &onnx)
        .run()
}

/// The tests of the page once more, in the other browser.
fn page_in_firefox() -> Result<(), Failure> {
    tools::ensure_geckodriver()?;
    let tests = tested("test", &["--test", "page"]);
    tests
        .with_tools()
        .env("RRLAB_DIST", &page::dist().to_string_lossy())
        .env("RRLAB_BROWSER", "firefox")
        .run()
}

/// Program and tests in one build: alone, each would have other features of the same dependencies.
fn tested(command: &str, targets: &[&str]) -> Step {
    Step::cargo(&[command]).args(targets).args(&NATIVE).args(&["--exclude", "xtask"])
}
