//! The page before there is a program that serves it: files of `dist`, from a process of its own,
//! so that no connection of a browser outlives it and the program takes its place at the same
//! address.

use std::fs::File;
use std::path::Path;
use std::process::Child;

use tiny_http::{Header, Request, Response, Server};

use crate::page;
use crate::run::{Failure, Step};

/// Word by which this program is told to be that process.
pub const COMMAND: &str = "serve-page";

/// The process; ends when it is dropped.
pub struct EarlyServer(Child);

impl EarlyServer {
    /// Serves the page on 127.0.0.1.
    ///
    /// # Errors
    /// If the process can't be started.
    pub fn start(port: &str) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(format!("this program's path: {error}")))?;
        Step::program(&program.to_string_lossy(), &[COMMAND, port]).start().map(Self)
    }
}

impl Drop for EarlyServer {
    fn drop(&mut self) {
        // One that has ended needs no end.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Serves the page until the process is ended.
///
/// # Errors
/// If the address can't be had.
pub fn serve(port: &str) -> Result<(), Failure> {
    let server = Server::http(format!("127.0.0.1:{port}"))
        .map_err(|error| Failure::new(format!("port {port} can't be served: {error}")))?;
    for request in server.incoming_requests() {
        // A browser that does not wait for its answer is no reason to end.
        answer(request).ok();
    }
    Ok(())
}

fn answer(request: Request) -> std::io::Result<()> {
    let path = request.url().split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let plain = path.split('/').all(|part| part != ".." && !part.contains(['\\', ':']));
    let file = if plain { File::open(page::dist().join(path)).ok() } else { None };
    match file.filter(|file| file.metadata().is_ok_and(|about| about.is_file())) {
        Some(file) => {
            let response = content_headers(path)
                .into_iter()
                .fold(Response::from_file(file), Response::with_header);
            request.respond(response)
        }
        None => request.respond(Response::from_string("not found").with_status_code(404)),
    }
}

/// What kind of file it is, and that it is to be asked for again: it may be another one by then.
fn content_headers(path: &str) -> Vec<Header> {
    let kind = mime_guess::from_path(Path::new(path)).first_or_octet_stream();
    let headers = [("Content-Type", kind.essence_str()), ("Cache-Control", "no-cache")];
    headers.iter().filter_map(|(name, value)| Header::from_bytes(*name, *value).ok()).collect()
}
