//! Processes of this very program.

use std::io;
use std::path::PathBuf;

/// The program's own file, also where another was put in its place since it was started.
///
/// # Errors
/// If the platform does not tell.
pub fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
