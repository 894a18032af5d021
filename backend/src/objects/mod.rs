//! The object store: content by its SHA-256, and checkpoints of jobs, in a folder or in S3.

mod clean;
mod content;
mod key;
mod mark;

pub use clean::{GRACE, Unneeded};
pub use content::{ObjectError, Objects};
pub use mark::MarkError;
