//! Files that travel with a request to a worker.

use js_sys::{Array, ArrayBuffer, Uint8Array};
use web_sys::Blob;

/// A file or bytes that go along with a request: a handle, which costs nothing to copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// Name, with its path in the folder that was dropped.
    pub name: String,
    /// What is in it.
    pub data: Blob,
}

impl Attachment {
    /// These bytes under a name; `None` where the browser has no memory left for them.
    pub fn of_buffer(name: &str, buffer: &ArrayBuffer) -> Option<Self> {
        let bytes = Array::of1(&Uint8Array::new(buffer));
        let data = Blob::new_with_u8_array_sequence(&bytes).ok()?;
        Some(Self { name: name.into(), data })
    }
}
