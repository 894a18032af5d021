//! Messages between worker and page: `{ text, parts }`, where the text is JSON and the parts are files or bytes.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use rrlab_protocol::{ComputeEvent, ComputeRequest};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

/// Bytes of a file beyond which a browser's memory is in danger; larger data sets are for the command line.
const LARGEST_FILE_BYTES: f64 = (256 << 20) as f64;

/// A file or bytes beside a request.
#[derive(Debug, Clone)]
pub struct Part {
    /// Name, with its path in the folder that was dropped.
    pub name: String,
    data: JsValue,
}

/// A request with what came beside it.
#[derive(Debug)]
pub struct Incoming {
    /// What is asked.
    pub request: ComputeRequest,
    /// Files or bytes.
    pub parts: Vec<Part>,
}

impl Part {
    /// Its bytes.
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

/// Hears every request from now on, as long as the worker lives.
pub fn listen(mut hear: impl FnMut(Incoming) + 'static) {
    let heard =
        Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            match incoming(&event.data()) {
                Some(incoming) => hear(incoming),
                None => tell(&ComputeEvent::Failed {
                    problem: "the page asked for something unknown; load it again".into(),
                }),
            }
        });
    scope().set_onmessage(Some(heard.as_ref().unchecked_ref()));
    heard.forget();
}

fn incoming(message: &JsValue) -> Option<Incoming> {
    let field = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok();
    let text = field(message, "text")?.as_string()?;
    let parts = field(message, "parts")?.dyn_into::<Array>().ok()?;
    let part = |part: JsValue| {
        Some(Part { name: field(&part, "name")?.as_string()?, data: field(&part, "data")? })
    };
    Some(Incoming {
        request: serde_json::from_str(&text).ok()?,
        parts: parts.iter().filter_map(part).collect(),
    })
}

/// Tells the page.
pub fn tell(event: &ComputeEvent) {
    post(event, &Array::new());
}

/// Tells the page that this worker will answer no more.
pub fn tell_lost(problem: &str) {
    tell(&ComputeEvent::Lost { problem: problem.into() });
}

/// Hands bytes to the page, with what they are.
pub fn hand_over(event: &ComputeEvent, bytes: &[u8]) {
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
