//! Tools that the project needs beside Rust, installed from the crate registry where they are
//! missing.

use std::path::Path;

use crate::run::{Failure, Step, root, tools_folder};

/// Target of everything that runs in a browser.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The last line that builds with the project's Rust.
const TRUNK_VERSION: &str = "0.21.14";
const SCHEMATHESIS_VERSION: &str = "4.32.5";
const ONNX_VERSION: &str = "1.17.0";
const MOTO_VERSION: &str = "5.2.5";
const PYTHON_CLIENT_VERSION: &str = "0.29.1";
const GECKODRIVER_VERSION: &str = "0.37.1";
const CARGO_DENY_VERSION: &str = "0.20.2";
const TYPOS_VERSION: &str = "1.52.0";

/// Every crate of the lock file: what is built offline after this finds them.
pub fn fetch_crates() -> Result<(), Failure> {
    Step::cargo(&["fetch", "--locked"]).run()
}

/// What builds a page: the compiler's target, Trunk and wasm-bindgen.
pub fn ensure_page_tools() -> Result<(), Failure> {
    ensure_wasm_target()?;
    ensure_trunk()?;
    ensure_wasm_bindgen()
}

/// The compiler's target for the page.
pub fn ensure_wasm_target() -> Result<(), Failure> {
    let installed = Step::rustup(&["target", "list", "--installed"]).output().unwrap_or_default();
    if installed.lines().any(|line| line == WASM_TARGET) {
        return Ok(());
    }
    Step::rustup(&["target", "add", WASM_TARGET]).run()
}

/// Trunk, which builds the page.
fn ensure_trunk() -> Result<(), Failure> {
    ensure(
        "trunk",
        "trunk",
        TRUNK_VERSION,
        &["--locked", "--no-default-features", "--features", "rustls"],
        Speed::Waits,
    )
}

/// The wasm-bindgen command, of exactly the version that the page links.
fn ensure_wasm_bindgen() -> Result<(), Failure> {
    let version = locked_version("wasm-bindgen")?;
    let options = &["--no-default-features", "--bin", "wasm-bindgen"];
    ensure("wasm-bindgen-cli", "wasm-bindgen", &version, options, Speed::Works)
}

/// The driver of Firefox, which Debian has not.
pub fn ensure_geckodriver() -> Result<(), Failure> {
    ensure("geckodriver", "geckodriver", GECKODRIVER_VERSION, &["--locked"], Speed::Waits)
}

/// cargo-deny, which checks licences and sources of dependencies.
pub fn ensure_cargo_deny() -> Result<(), Failure> {
    ensure("cargo-deny", "cargo-deny", CARGO_DENY_VERSION, &["--locked"], Speed::Waits)
}

/// typos, which knows words that are often misspelt.
pub fn ensure_typos() -> Result<(), Failure> {
    ensure("typos-cli", "typos", TYPOS_VERSION, &["--locked"], Speed::Waits)
}

/// Schemathesis, which makes up requests from the API's description; returns its path.
pub fn ensure_schemathesis() -> Result<String, Failure> {
    ensure_python("schemathesis", "", SCHEMATHESIS_VERSION, "schemathesis")
}

/// Moto's server, which speaks like S3; returns its path.
pub fn ensure_moto() -> Result<String, Failure> {
    ensure_python("moto", "[server]", MOTO_VERSION, "moto_server")
}

/// A program that makes a Python client from the API's description; returns its path.
pub fn ensure_python_client() -> Result<String, Failure> {
    let package = "openapi-python-client";
    ensure_python(package, "", PYTHON_CLIENT_VERSION, package)
}

/// ONNX's own tests; returns their folder.
pub fn ensure_onnx_suite() -> Result<String, Failure> {
    let environment = tools_folder().join("onnx");
    let files = environment.join("files");
    let suite = files.join("onnx/backend/test/data");
    if !(suite.is_dir() && files.join(format!("onnx-{ONNX_VERSION}.dist-info")).is_dir()) {
        make_environment(&environment)?;
        let exact = format!("onnx=={ONNX_VERSION}");
        // The tests are alike in the wheels of all platforms, and need nothing that the package
        // depends on.
        let wheel = ["--no-deps", "--only-binary=:all:", "--platform=manylinux2014_x86_64"];
        let target = ["--python-version=3.11", "--target", &files.to_string_lossy(), &exact];
        let pip = in_environment(&environment, "pip");
        Step::program(&pip, &["install", "--quiet"]).args(&wheel).args(&target).run()?;
    }
    Ok(suite.to_string_lossy().into_owned())
}

/// A program of a Python package with these extras, in an environment of its own; returns its path.
fn ensure_python(
    package: &str,
    extras: &str,
    version: &str,
    program: &str,
) -> Result<String, Failure> {
    let environment = tools_folder().join(package);
    let pip = in_environment(&environment, "pip");
    let found = Step::program(&pip, &["show", package]).output().unwrap_or_default();
    if !found.lines().any(|line| line == format!("Version: {version}")) {
        make_environment(&environment)?;
        let exact = format!("{package}{extras}=={version}");
        Step::program(&pip, &["install", "--quiet", &exact]).run()?;
    }
    Ok(in_environment(&environment, program))
}

/// An empty environment for Python packages.
fn make_environment(folder: &Path) -> Result<(), Failure> {
    let make = Step::program("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()]);
    make.run().map_err(|failure| failure.with_hint("Debian: apt install python3-venv"))
}

fn in_environment(folder: &Path, program: &str) -> String {
    folder.join("bin").join(program).to_string_lossy().into_owned()
}

/// What a tool does with its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speed {
    /// It waits for others: built without optimisation it is there sooner, and as fast.
    Waits,
    /// It works.
    Works,
}

fn ensure(
    package: &str,
    binary: &str,
    version: &str,
    options: &[&str],
    speed: Speed,
) -> Result<(), Failure> {
    let found = Step::tool(binary, &["--version"]).output().unwrap_or_default();
    if found.split_whitespace().any(|word| word == version) {
        return Ok(());
    }
    let folder = tools_folder();
    let folder = folder.to_string_lossy();
    let install =
        Step::cargo(&["install", package, "--version", version, "--root", &folder, "--force"])
            .args(options)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", if speed == Speed::Works { "2" } else { "0" });
    install.run()
}

/// Version of a package in Cargo.lock.
fn locked_version(package: &str) -> Result<String, Failure> {
    let lock = root().join("Cargo.lock");
    let text = std::fs::read_to_string(&lock)
        .map_err(|error| Failure::new(format!("{}: {error}", lock.display())))?;
    let mut lines = text.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let version =
        lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| Failure::new(format!("Cargo.lock names no {package}")))
}
