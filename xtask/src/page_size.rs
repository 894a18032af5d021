//! How much a browser has to fetch: of the page before it shows anything, and of a worker before it computes. What is
//! measured is kept beside the files, for servers to send.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::run::Failure;

/// Most that the page's WebAssembly may take, compressed as a web server would.
const MOST_BYTES: usize = 600 * 1000;
/// Endings of files that are worth compressing.
const PACKED: [&str; 3] = ["wasm", "js", "css"];
/// Beginning of the names of the workers' files.
const WORKER: &str = "compute-";
/// Compression as of a server that compresses once; of a worker's tens of megabytes, as of one that is in a hurry.
const PAGE_QUALITY: u32 = 11;
const WORKER_QUALITY: u32 = 5;

/// Writes a compressed `.br` beside each file of WebAssembly, script and style of the built page, and prints the sizes of
/// the WebAssembly.
///
/// # Errors
/// If the page's is more than it may take.
pub fn compress(dist: &Path) -> Result<(), Failure> {
    let unread = |error: std::io::Error| Failure::new(format!("{}: {error}", dist.display()));
    let mut files: Vec<_> = std::fs::read_dir(dist).map_err(unread)?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let packed = |path: &&PathBuf| path.extension().is_some_and(|ending| PACKED.iter().any(|known| ending == *known));
    for file in files.iter().filter(packed) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_worker = name.starts_with(WORKER);
        let bytes = std::fs::read(file).map_err(unread)?;
        let quality = if is_worker { WORKER_QUALITY } else { PAGE_QUALITY };
        let compressed = compressed(&bytes, quality).map_err(unread)?;
        std::fs::write(dist.join(format!("{name}.br")), &compressed).map_err(unread)?;
        if !name.ends_with(".wasm") {
            continue;
        }
        let (raw, small) = (bytes.len() / 1000, compressed.len() / 1000);
        println!("    {name}: {raw} KB, {small} KB as brotli of quality {quality}");
        if !is_worker && compressed.len() > MOST_BYTES {
            return Err(Failure::new(format!("{name} is too large: the page may take {} KB", MOST_BYTES / 1000)));
        }
    }
    Ok(())
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
