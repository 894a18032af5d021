//! The page's WebAssembly in parts: what the first screen needs, and what views that not every visitor
//! opens need besides. The page marks where it may be cut (`frontend/src/later.rs`).
//!
//! It must be cut before wasm-bindgen has been at it, which Trunk calls itself. So Trunk calls this when
//! it is done (Trunk.toml), and what it bound in one piece is replaced.

use std::fs;
use std::path::{Path, PathBuf};

use wasm_encoder::RawSection;
use wasm_split_cli_support::{Options, transform};
use wasmparser::Parser;

use crate::page::bind;
use crate::run::{Failure, target_folder};
use crate::tools::WASM_TARGET;

/// The command, with which Trunk.toml names it.
pub const COMMAND: &str = "split-page";
/// What the page's program is called.
const PROGRAM: &str = "rrlab-frontend";
/// The profile that Trunk builds it with.
const PROFILE: &str = "page";
/// The script that fetches parts.
const FETCHING: &str = "parts.js";

/// Cuts the page that Trunk has in its staging folder.
///
/// # Errors
/// If Trunk did not call this, or a file can't be read, cut, bound or written.
pub fn split_staged() -> Result<(), Failure> {
    let staging = std::env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from);
    let staging = staging.ok_or_else(|| {
        Failure::usage(&format!("{COMMAND} is for Trunk to call: run `cargo xtask page`"))
    })?;
    let bound = staged_name(&staging)?;
    let version = bound.trim_start_matches(PROGRAM).trim_start_matches('-');
    // Named by what is in it, as Trunk names its own files: no browser mixes two versions.
    let folder = format!("parts-{version}");
    let parts = cut(&staging.join(&folder), &bound)?;
    let aside = staging.join("bound-aside");
    bind(&parts.main, &aside, &["--keep-lld-exports"])?;
    fs::remove_file(&parts.main).map_err(|error| Failure::io(&parts.main, &error))?;
    let script = format!("{bound}.js");
    place_script(&aside.join(&script), &staging.join(&script), &folder)?;
    let code = format!("{bound}_bg.wasm");
    place_code(&aside.join(&code), &staging.join(&code))?;
    for part in parts.later {
        place_code(&part, &part)?;
    }
    fs::remove_dir_all(&aside).map_err(|error| Failure::io(&aside, &error))
}

/// What Trunk called the page's script, without its ending.
fn staged_name(staging: &Path) -> Result<String, Failure> {
    let entries = fs::read_dir(staging).map_err(|error| Failure::io(staging, &error))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut scripts = names.filter_map(|name| name.strip_suffix(".js").map(str::to_owned));
    scripts
        .find(|name| name.starts_with(PROGRAM))
        .ok_or_else(|| Failure::new(format!("{}: no {PROGRAM}-….js", staging.display())))
}

/// Files of WebAssembly.
struct Parts {
    /// Of the first screen, for wasm-bindgen.
    main: PathBuf,
    /// The others.
    later: Vec<PathBuf>,
}

/// Cuts what Cargo built into a folder, with the script that fetches the parts.
fn cut(folder: &Path, bound: &str) -> Result<Parts, Failure> {
    let built = target_folder().join(WASM_TARGET).join(PROFILE).join(format!("{PROGRAM}.wasm"));
    let wasm = fs::read(&built).map_err(|error| Failure::io(&built, &error))?;
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder, &error))?;
    let main = folder.join(format!("{bound}.wasm"));
    let (link_name, main_module) = (format!("./{FETCHING}"), format!("../{bound}.js"));
    let mut options = Options::new(&wasm);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.link_name = &link_name;
    options.main_module = &main_module;
    let cut = transform(options)
        .map_err(|error| Failure::new(format!("{}: {error:#}", built.display())))?;
    Ok(Parts { main, later: cut.split_modules })
}

/// Moves the page's script to where it is served, beside the folder of the script that it imports.
fn place_script(from: &Path, to: &Path, folder: &str) -> Result<(), Failure> {
    let script = fs::read_to_string(from).map_err(|error| Failure::io(from, &error))?;
    let placed = script
        .replace(&format!("from \"./{FETCHING}\""), &format!("from \"./{folder}/{FETCHING}\""));
    if placed == script {
        return Err(Failure::new(format!("{} imports no {FETCHING}", from.display())));
    }
    fs::write(to, placed).map_err(|error| Failure::io(to, &error))
}

/// Writes WebAssembly to where it is served, without names of functions and the like: more than a third
/// of it, and nothing on the page reads them.
fn place_code(from: &Path, to: &Path) -> Result<(), Failure> {
    let wasm = fs::read(from).map_err(|error| Failure::io(from, &error))?;
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        let payload =
            payload.map_err(|error| Failure::new(format!("{}: {error}", from.display())))?;
        let is_custom = matches!(payload, wasmparser::Payload::CustomSection(_));
        if let Some((id, range)) = payload.as_section().filter(|_| !is_custom) {
            module
                .section(&RawSection { id, data: &wasm[range.start as usize..range.end as usize] });
        }
    }
    fs::write(to, module.finish()).map_err(|error| Failure::io(to, &error))
}
