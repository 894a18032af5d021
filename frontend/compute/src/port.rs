//! Messages between worker and page: `{ text, parts }`, where the text is JSON and the parts are
//! files or bytes.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use rrlab_protocol::{ComputeEvent, ComputeRequest};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

/// Bytes of a file beyond which a browser's memory is in danger; larger data sets are for the
/// command line.
const LARGEST_FILE_BYTES: f64 = (256 << 20) as f64;

/// A file or bytes beside a request.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its name, with its path in the folder that was dropped.
    pub name: String,
    data: JsValue,
}

/// A request with the files or bytes that came beside it.
#[derive(Debug)]
pub struct ReceivedRequest {
    pub request: ComputeRequest,
    pub parts: Vec<Attachment>,
}

impl Attachment {
    /// What is in it.
    ///
    /// # Errors
    /// If it is too large for a browser or can't be read, for people.
    pub async fn bytes(&self) -> Result<Vec<u8>, String> {
        let buffer = match self.data.dyn_ref::<Blob>() {
            None => self.data.clone(),
            Some(blob) if blob.size() > LARGEST_FILE_BYTES => {
                let mib = |bytes: f64| bytes / f64::from(1 << 20);
                return Err(format!(
                    "{} has {:.0} MiB; the browser takes files of {:.0} MiB at most: use `rrlab` on the command line",
                    self.name,
                    mib(blob.size()),
                    mib(LARGEST_FILE_BYTES)
                ));
            }
            Some(blob) => {
                let read = JsFuture::from(blob.array_buffer()).await;
                read.map_err(|_| format!("{} can't be read; was it moved or deleted?", self.name))?
            }
        };
        Ok(Uint8Array::new(&buffer).to_vec())
    }
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Calls `receive` for every request from now on, as long as the worker lives.
pub fn listen(mut receive: impl FnMut(ReceivedRequest) + 'static) {
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(request) = parse(&event.data()) {
            receive(request);
        } else {
            let problem = "the page asked for something unknown; load it again".to_owned();
            send_event(&ComputeEvent::Failed { problem });
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
}

fn parse(message: &JsValue) -> Option<ReceivedRequest> {
    let field = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok();
    let text = field(message, "text")?.as_string()?;
    let parts = field(message, "parts")?.dyn_into::<Array>().ok()?;
    let part = |part: JsValue| {
        Some(Attachment { name: field(&part, "name")?.as_string()?, data: field(&part, "data")? })
    };
    Some(ReceivedRequest {
        request: serde_json::from_str(&text).ok()?,
        parts: parts.iter().filter_map(part).collect(),
    })
}

/// Tells the page what happened.
pub fn send_event(event: &ComputeEvent) {
    post(event, &Array::new());
}

/// Tells the page that this worker is lost: it will answer no more.
pub fn send_lost(problem: &str) {
    send_event(&ComputeEvent::Lost { problem: problem.into() });
}

/// Hands bytes to the page, with the event that says what they are.
pub fn send_bytes(event: &ComputeEvent, bytes: &[u8]) {
    let buffer: ArrayBuffer = Uint8Array::from(bytes).buffer();
    post(event, &Array::of1(&buffer));
}

fn post(event: &ComputeEvent, buffers: &Array) {
    let Ok(text) = serde_json::to_string(event) else { return };
    let message = Object::new();
    // A plain object takes any property.
    let _ = Reflect::set(&message, &"text".into(), &text.into());
    let _ = Reflect::set(&message, &"parts".into(), buffers);
    let _ = scope().post_message_with_transfer(&message, buffers);
}
