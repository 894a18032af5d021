//! How much of the page a browser has to fetch before it shows anything.

use std::io::Write;
use std::path::Path;

use crate::run::Failure;

/// Most that the page's WebAssembly may take, compressed as a web server would.
const MOST_BYTES: usize = 600 * 1000;

/// Prints the size of the page's WebAssembly as brotli, the best that servers send, has it.
///
/// # Errors
/// If it is more than the page may take.
pub fn check(dist: &Path) -> Result<(), Failure> {
    let unread = |error: std::io::Error| Failure::new(format!("{}: {error}", dist.display()));
    let entries = std::fs::read_dir(dist).map_err(unread)?.flatten().map(|entry| entry.path());
    for file in entries.filter(|path| path.extension().is_some_and(|ending| ending == "wasm")) {
        let bytes = std::fs::read(&file).map_err(unread)?;
        let compressed = compressed_size(&bytes).map_err(unread)?;
        let (raw, most) = (bytes.len() / 1000, MOST_BYTES / 1000);
        println!("    the page's WebAssembly: {raw} KB, {} KB as brotli (at most {most} KB)", compressed / 1000);
        if compressed > MOST_BYTES {
            return Err(Failure::new(format!("{} is too large", file.display())));
        }
    }
    Ok(())
}

fn compressed_size(bytes: &[u8]) -> std::io::Result<usize> {
    let mut compressed = Vec::new();
    // Quality 11 and a window of 16 MiB: what a server that compresses once sends.
    let mut writer = brotli::CompressorWriter::new(&mut compressed, 1 << 16, 11, 24);
    writer.write_all(bytes)?;
    writer.flush()?;
    drop(writer);
    Ok(compressed.len())
}
