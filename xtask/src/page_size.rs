//! How much a browser has to fetch: of the page before it shows anything, and of a worker before it computes.

use std::io::Write;
use std::path::Path;

use crate::run::Failure;

/// Most that the page's WebAssembly may take, compressed as a web server would.
const MOST_BYTES: usize = 600 * 1000;
/// Beginning of the names of the workers' files.
const WORKER: &str = "compute-";
/// Compression as of a server that compresses once; of a worker's tens of megabytes, as of one that is in a hurry.
const PAGE_QUALITY: u32 = 11;
const WORKER_QUALITY: u32 = 5;

/// Prints the sizes of the WebAssembly of page and workers as brotli, the best that servers send, has it.
///
/// # Errors
/// If the page's is more than it may take.
pub fn check(dist: &Path) -> Result<(), Failure> {
    let unread = |error: std::io::Error| Failure::new(format!("{}: {error}", dist.display()));
    let mut files: Vec<_> = std::fs::read_dir(dist).map_err(unread)?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "wasm")) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_worker = name.starts_with(WORKER);
        let bytes = std::fs::read(file).map_err(unread)?;
        let quality = if is_worker { WORKER_QUALITY } else { PAGE_QUALITY };
        let compressed = compressed_size(&bytes, quality).map_err(unread)?;
        let (raw, small) = (bytes.len() / 1000, compressed / 1000);
        println!("    {name}: {raw} KB, {small} KB as brotli of quality {quality}");
        if !is_worker && compressed > MOST_BYTES {
            return Err(Failure::new(format!("{name} is too large: the page may take {} KB", MOST_BYTES / 1000)));
        }
    }
    Ok(())
}

fn compressed_size(bytes: &[u8], quality: u32) -> std::io::Result<usize> {
    let mut compressed = Vec::new();
    // A window of 16 MiB, the largest that browsers take.
    let mut writer = brotli::CompressorWriter::new(&mut compressed, 1 << 16, quality, 24);
    writer.write_all(bytes)?;
    writer.flush()?;
    drop(writer);
    Ok(compressed.len())
}
