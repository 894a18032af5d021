//! Uploads are read and checked in a process of their own, with bounds on memory and time: whatever
//! a file holds, the server that took it goes on.

mod process;
mod reader;
mod request;

pub use process::{IngestError, Ingested, PATIENCE, ingest};
pub use reader::{limit, read};
pub use request::{IngestRequest, UploadDescription, UploadKind};
