//! `rrlab ingest`: the process in which a server reads what was uploaded.

use std::fs::File;
use std::io::stdout;

use super::context::Context;
use crate::cli::IngestArgs;
use crate::ingest::{self, IngestRequest};
use crate::progress::say;
use crate::storage::map_file;

/// Reads the upload, a file, from standard input, writes what is to be stored to standard output,
/// and says in the last line of standard error how it ended.
pub fn run(context: &Context, args: &IngestArgs) -> anyhow::Result<()> {
    let request: IngestRequest = serde_json::from_str(&args.request)?;
    ingest::limit(request.memory_bytes, ingest::PATIENCE)?;
    let upload = map_file(&standard_input()?)?;
    let answer = ingest::read(&request, &upload, context.data.path(), stdout().lock());
    say(&serde_json::to_string(&answer)?);
    Ok(())
}

#[cfg(unix)]
fn standard_input() -> std::io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(std::io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_input() -> std::io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(std::io::stdin().as_handle().try_clone_to_owned()?.into())
}
