//! How much a browser has to fetch: of the page before it shows anything, and of a worker before it
//! computes. What is measured is kept beside the files, for servers to send.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::run::Failure;

/// Most that the page's WebAssembly may take, compressed as it is served.
const MOST_CODE: usize = 350 * 1000;
/// Most that all may take that a visitor of the first screen fetches.
const MOST_FIRST_SCREEN: usize = 600 * 1000;
/// Endings of files that are worth compressing.
const PACKED: [&str; 5] = ["wasm", "js", "css", "json", "html"];
/// Files and folders that are fetched only by who opens more than the page opens with, or by nobody.
const LATER: [&str; 6] =
    ["/split_", "/chunk_", ".safetensors", ".channels.json", "vendor/", "stories/"];
/// Folders that [`pack_workers`] packs.
const WORKERS: &str = "workers-";
/// Files of the network that the page opens; those of others are fetched by who chooses them.
const FIRST_NETWORK: &str = "gallery/resnet20-cifar10.";
/// Compression as of a server that compresses once; of a worker's tens of megabytes, as of one that
/// is in a hurry.
const PAGE_QUALITY: u32 = 11;
const WORKER_QUALITY: u32 = 5;

/// Writes a compressed `.br` beside each file of the built page that is worth it, and prints what a
/// visitor fetches.
///
/// # Errors
/// If that is more than a page may take.
pub fn pack_and_check(dist: &Path) -> Result<(), Failure> {
    let (mut code, mut all) = (0, 0);
    for file in files_below(dist)? {
        let name = file.strip_prefix(dist).unwrap_or(&file).to_string_lossy().into_owned();
        if name.starts_with(WORKERS) {
            continue;
        }
        let bytes = served(&file, PAGE_QUALITY)?;
        let is_of_other_network = name.starts_with("gallery/") && !name.starts_with(FIRST_NETWORK);
        if is_of_other_network || LATER.iter().any(|part| name.contains(part)) {
            continue;
        }
        all += bytes;
        if name.ends_with(".wasm") {
            code += bytes;
        }
        println!("    {:>7.1} KB  {name}", bytes as f64 / 1000.0);
    }
    println!("    {:>7.1} KB  all that the first screen fetches, as served", all as f64 / 1000.0);
    let limits = [("WebAssembly", code, MOST_CODE), ("first screen", all, MOST_FIRST_SCREEN)];
    for (what, bytes, most) in limits {
        if bytes > most {
            let (bytes, most) = (bytes / 1000, most / 1000);
            return Err(Failure::new(format!(
                "the page's {what} takes {bytes} KB; it may take {most} KB"
            )));
        }
    }
    Ok(())
}

/// Compresses the files of the workers, and prints the sizes of their WebAssembly.
///
/// # Errors
/// If one can't be read or written.
pub fn pack_workers(folder: &Path) -> Result<(), Failure> {
    for file in files_below(folder)? {
        let bytes = served(&file, WORKER_QUALITY)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".wasm") {
            println!("    {:>7.1} KB  {name}", bytes as f64 / 1000.0);
        }
    }
    Ok(())
}

/// Compresses a file beside itself; returns the bytes of that.
fn pack(file: &Path, quality: u32) -> Result<usize, Failure> {
    let failed = |error: std::io::Error| Failure::io(file, &error);
    let packed = compressed(&std::fs::read(file).map_err(failed)?, quality).map_err(failed)?;
    let mut name = file.as_os_str().to_owned();
    name.push(".br");
    std::fs::write(PathBuf::from(name), &packed).map_err(failed)?;
    Ok(packed.len())
}

/// Bytes of a file as it is served: compressed where that is worth it.
fn served(file: &Path, quality: u32) -> Result<usize, Failure> {
    if file.extension().is_some_and(|ending| PACKED.iter().any(|known| ending == *known)) {
        return pack(file, quality);
    }
    std::fs::metadata(file)
        .map(|metadata| metadata.len() as usize)
        .map_err(|error| Failure::io(file, &error))
}

/// Every file below a folder, but for those that were written compressed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::io(folder, &error))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.extension().is_none_or(|ending| ending != "br") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn compressed(bytes: &[u8], quality: u32) -> std::io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    // A window of 16 MiB, the largest that browsers take.
    let mut writer = brotli::CompressorWriter::new(&mut compressed, 1 << 16, quality, 24);
    writer.write_all(bytes)?;
    writer.flush()?;
    drop(writer);
    Ok(compressed)
}
