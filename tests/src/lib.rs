//! The program under test, as its users have it: a binary, a built page, and a browser.

#[cfg(unix)]
pub mod artifacts;
pub mod browser;
pub mod clock;
pub mod deepened;
pub mod desk;
#[cfg(unix)]
pub mod lab;
pub mod pictures;
pub mod provider;
pub mod relay;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use insta;
use rrlab_types::CURVE_SPARSITIES;
use serde_json::Value;

/// The `rrlab` binary that `cargo xtask test` built beside the tests.
///
/// # Panics
/// If it is not there.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test.ancestors().nth(2).expect("tests lie in the deps folder of a profile");
    let program = folder.join(format!("rrlab{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --release --package rrlab` first",
        program.display()
    );
    program
}

/// A command of the program with its own data folder.
pub fn rrlab(data: &Path) -> Command {
    let mut command = Command::new(program());
    command.env("RRLAB_DATA_DIR", data);
    command
}

/// A client for plain HTTP that uses no connection twice: a server that refuses a body closes its
/// own.
///
/// # Panics
/// Never: it needs nothing.
pub fn http_client() -> reqwest::Client {
    // As it is built beside the program it has no cryptography unless some is installed, and will
    // not be made without.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client")
}

/// The repository, as Cargo says when it runs the tests: what was known when they were built may be
/// another clone that shares the target folder.
pub fn repository() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(package).parent().map(PathBuf::from).unwrap_or_default()
}

/// The built page.
///
/// # Panics
/// If it is not there.
pub fn built_page() -> PathBuf {
    let dist =
        std::env::var_os("RRLAB_DIST").map_or_else(|| repository().join("dist"), PathBuf::from);
    assert!(
        dist.join("index.html").exists(),
        "no page in {}: run `cargo xtask page` first",
        dist.display()
    );
    dist
}

/// A copy of the built page in a folder, which a test may change.
///
/// # Panics
/// If there is no page, or no room.
pub fn copied_page(folder: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() {
                copy(&from, &to)?;
            } else {
                std::fs::copy(&from, &to)?;
            }
        }
        Ok(())
    }
    let page = folder.join("page");
    copy(&built_page(), &page).expect("a copy of the page");
    page
}

/// Makes a profile one of version 1: it names no network, has no sensitivity, and its curves are
/// over 0.3 to 0.998 alone.
///
/// # Panics
/// If it is no profile of this version.
pub fn make_version_1(profile: &mut Value) {
    let without = |value: &mut Value, field: &str| {
        value.as_object_mut().expect("an object").remove(field);
    };
    profile["version"] = 1.into();
    without(profile, "model_hash");
    without(&mut profile["measurement"], "sensitivity");
    for layer in profile["layers"].as_array_mut().expect("a list of layers") {
        without(layer, "channel_sensitivity");
        let residual = layer["residual"].as_object().expect("curves by operator").clone();
        for (operator, curve) in residual {
            layer["residual"][operator] = earlier_points(&curve);
        }
        layer["raw"] = earlier_points(&layer["raw"]);
    }
}

fn earlier_points(curve: &Value) -> Value {
    let points = CURVE_SPARSITIES.iter().zip(curve.as_array().expect("a curve"));
    let earlier = points.filter(|(sparsity, _)| (0.3..=0.998).contains(*sparsity));
    earlier.map(|(_, value)| value.clone()).collect()
}

/// The profile that comes with the page.
pub fn bundled_profile() -> PathBuf {
    repository().join("frontend/gallery/resnet20-cifar10.profile.json")
}
