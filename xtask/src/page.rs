//! The page and its workers: what a browser fetches, in `dist`.
//!
//! The page is there before its workers, which take far longer to build. `dist/workers.json` says
//! how it stands with them; the page reads it, waits, and takes them up without being loaded again.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::page_size;
use crate::run::{Failure, Step, Steps, minutes, on_this_machine, root, target_folder};
use crate::stamp::Stamp;
use crate::tools;

/// How long the workers take two cores when nothing of them is there.
pub const WORKERS_COLD: Duration = Duration::from_secs(12 * 60);
/// The same for the page.
pub const PAGE_COLD: Duration = Duration::from_secs(3 * 60);

/// What the page is made of, from the repository's root.
const SOURCES: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    ".cargo/config.toml",
    "frontend",
    "shared/protocol",
    "shared/types",
    "docs/results",
    "xtask/src",
];
/// Flags of the page's WebAssembly. Leptos then erases the types of components, which saves a
/// seventh of the code: each combination of views is no type of its own. The workers are built
/// without: they have no views.
const PAGE_FLAGS: &str = "-C target-feature=+simd128 --cfg erase_components";
/// File of the stamp in `dist`.
const STAMP: &str = "page.stamp";
/// File that tells the page of its workers.
const WORKERS: &str = "workers.json";
/// The workers, with the features that they are built with.
const KINDS: [(&str, &[&str]); 2] = [("compute-cpu", &[]), ("compute-gpu", &["--features", "gpu"])];

/// The folder that is served.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Crates, tools and page: three steps.
///
/// # Errors
/// If one of them fails.
pub fn begin(steps: &mut Steps) -> Result<(), Failure> {
    steps.step("Fetching the crates", minutes(1), tools::fetch_crates)?;
    steps.step("Installing the page's tools", minutes(4), tools::ensure_page_tools)?;
    steps.step("Building the page", PAGE_COLD, build)
}

/// The page with its workers, into dist.
///
/// # Errors
/// If a step fails.
pub fn build_whole() -> Result<(), Failure> {
    let mut steps = Steps::new(4);
    begin(&mut steps)?;
    steps.step("Building the networks' workers", WORKERS_COLD, build_workers)?;
    steps.finish();
    Ok(())
}

/// Builds the page, unless what is in `dist` is of these very sources.
///
/// # Errors
/// If it can't be built, or is larger than a page may be.
pub fn build() -> Result<(), Failure> {
    let (dist, stamp) = (dist(), Stamp::of(&SOURCES)?);
    if stamp.is_in(&dist.join(STAMP)) {
        return Ok(());
    }
    let trunk = Step::tool("trunk", &["build", "--release", "--skip-version-check"]);
    trunk.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", PAGE_FLAGS).run()?;
    page_size::pack_and_check(&dist)?;
    say_workers(r#"{ "state": "missing" }"#)?;
    stamp.write(&dist.join(STAMP))
}

/// Builds the workers and puts them beside the page. Until they are there, the page says so.
///
/// # Errors
/// If they can't be built; the page then says that.
pub fn build_workers() -> Result<(), Failure> {
    announce_workers(Duration::ZERO)?;
    let built = KINDS
        .iter()
        .map(|(name, features)| built_worker(name, features))
        .collect::<Result<Vec<_>, _>>();
    let placed = built.and_then(|built| place(&built));
    if placed.is_err() {
        say_workers(r#"{ "state": "failed" }"#)?;
    }
    placed
}

/// Tells the page that the workers are being built, after something else that takes `first` on two
/// cores; a page that has workers keeps those.
///
/// # Errors
/// If it can't be written.
pub fn announce_workers(first: Duration) -> Result<(), Failure> {
    let ready = SystemTime::now() + on_this_machine(first + WORKERS_COLD);
    let ready_ms = ready.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let before = std::fs::read_to_string(dist().join(WORKERS)).unwrap_or_default();
    if before.contains("ready\"") {
        return Ok(());
    }
    say_workers(&format!(r#"{{ "state": "building", "ready_ms": {ready_ms} }}"#))
}

fn say_workers(text: &str) -> Result<(), Failure> {
    // What has not changed keeps its time: the program, which has the page in it, is not built
    // anew.
    if std::fs::read_to_string(dist().join(WORKERS)).is_ok_and(|before| before == text) {
        return Ok(());
    }
    write_aside(&dist().join(WORKERS), text.as_bytes())
}

/// A file is replaced whole: the page may read it at any moment.
fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let aside = path.with_extension("aside");
    std::fs::write(&aside, bytes)
        .and_then(|()| std::fs::rename(&aside, path))
        .map_err(|error| Failure::io(path, &error))
}

/// Builds a worker; returns its WebAssembly as Cargo left it.
fn built_worker(name: &str, features: &[&str]) -> Result<PathBuf, Failure> {
    let package = ["build", "--release", "--locked", "--package", "rrlab-compute", "--bin", name];
    Step::cargo(&package).args(&["--target", tools::WASM_TARGET]).args(features).run()?;
    Ok(target_folder().join(tools::WASM_TARGET).join("release").join(format!("{name}.wasm")))
}

/// Puts the workers into a folder that is named by what is in it, so that no browser mixes files of
/// two versions, and removes the folders of versions before.
fn place(workers: &[PathBuf]) -> Result<(), Failure> {
    let paths: Vec<&Path> = workers.iter().map(PathBuf::as_path).collect();
    let name = format!("workers-{}", Stamp::of_files(&paths)?);
    let folder = dist().join(&name);
    if !folder.exists() {
        let aside = dist().join("workers-aside");
        std::fs::remove_dir_all(&aside).ok();
        std::fs::create_dir(&aside).map_err(|error| Failure::io(&aside, &error))?;
        for worker in workers {
            bind(worker, &aside, &[])?;
            write_loader(worker, &aside)?;
        }
        page_size::pack_workers(&aside)?;
        std::fs::rename(&aside, &folder).map_err(|error| Failure::io(&folder, &error))?;
    }
    say_workers(&format!(r#"{{ "state": "ready", "folder": "{name}" }}"#))?;
    remove_others(&name)
}

/// Writes WebAssembly as a browser takes it, and its JavaScript.
///
/// # Errors
/// If it can't be read, bound or written.
pub fn bind(wasm: &Path, folder: &Path, more: &[&str]) -> Result<(), Failure> {
    let name = wasm.file_stem().unwrap_or_default().to_string_lossy();
    let (wasm, folder) = (wasm.to_string_lossy(), folder.to_string_lossy());
    let options =
        ["--target", "web", "--no-typescript", "--out-name", &name, "--out-dir", &folder, &wasm];
    Step::tool("wasm-bindgen", &options).args(more).run()
}

/// Writes the script that a browser starts as a worker.
fn write_loader(worker: &Path, folder: &Path) -> Result<(), Failure> {
    let name = worker.file_stem().unwrap_or_default().to_string_lossy();
    let loader = format!("import init from \"./{name}.js\";\nawait init();\n");
    let path = folder.join(format!("{name}_loader.js"));
    std::fs::write(&path, loader).map_err(|error| Failure::io(&path, &error))
}

fn remove_others(current: &str) -> Result<(), Failure> {
    let dist = dist();
    let entries = std::fs::read_dir(&dist).map_err(|error| Failure::io(&dist, &error))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("workers-") && name != current {
            std::fs::remove_dir_all(entry.path())
                .map_err(|error| Failure::io(&entry.path(), &error))?;
        }
    }
    Ok(())
}
