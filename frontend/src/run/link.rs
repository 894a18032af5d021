//! The connection to one compute worker.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use leptos::prelude::window;
use rrlab_protocol::{ComputeEvent, ComputeRequest};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

#[wasm_bindgen(module = "/src/run/gpu.js")]
extern "C" {
    #[wasm_bindgen(js_name = adapter)]
    async fn find_adapter() -> JsValue;
}

/// The WebGPU adapter that the browser offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapter {
    /// A graphics card.
    Hardware,
    /// A program that stands for one, and is slower than the CPU worker.
    Software,
    /// None.
    Missing,
}

/// Asks the browser for an adapter.
pub async fn adapter() -> Adapter {
    match find_adapter().await.as_string().as_deref() {
        Some("hardware") => Adapter::Hardware,
        Some("software") => Adapter::Software,
        _ => Adapter::Missing,
    }
}

/// A file or bytes that go along with a request: a handle, which costs nothing to copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// Name, with its path in the folder that was dropped.
    pub name: String,
    /// The file.
    pub data: Blob,
}

impl Attachment {
    /// Of bytes.
    pub fn of_buffer(name: &str, buffer: &ArrayBuffer) -> Option<Self> {
        let data = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::new(buffer))).ok()?;
        Some(Self { name: name.into(), data })
    }
}

/// What a worker told, with the bytes that came along.
pub struct Told {
    /// The event.
    pub event: ComputeEvent,
    /// Bytes.
    pub bytes: Option<ArrayBuffer>,
}

/// A running worker; it ends with this.
pub struct Link {
    worker: Worker,
    _heard: Closure<dyn FnMut(MessageEvent)>,
    _failed: Closure<dyn FnMut(ErrorEvent)>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Link {
    /// Starts the worker of this name in a folder below the page, and hears it.
    ///
    /// # Errors
    /// If the browser has no workers.
    pub fn open(folder: &str, name: &str, hear: impl FnMut(Told) + Clone + 'static) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let base = window().document().and_then(|document| document.base_uri().ok().flatten()).unwrap_or_default();
        let address = web_sys::Url::new_with_base(&format!("{folder}/{name}_loader.js"), &base).map(|url| url.href());
        let worker = address.and_then(|address| Worker::new_with_options(&address, &options));
        let worker = worker.map_err(|_| "this browser lets no worker start here".to_owned())?;
        let mut tell = hear.clone();
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(told) = told(&event.data()) {
                tell(told);
            }
        });
        let mut tell = hear;
        let failed = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
            let message = message.filter(|message| !message.is_empty());
            let problem = message.unwrap_or_else(|| "its file can't be loaded".to_owned());
            tell(Told {
                event: ComputeEvent::Lost { problem: format!("the worker broke down: {problem}") },
                bytes: None,
            });
        });
        worker.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        worker.set_onerror(Some(failed.as_ref().unchecked_ref()));
        Ok(Self { worker, _heard: heard, _failed: failed })
    }

    /// Asks the worker.
    pub fn ask(&self, request: &ComputeRequest, attachments: &[Attachment]) {
        let Ok(text) = serde_json::to_string(request) else { return };
        let parts = Array::new();
        for attachment in attachments {
            parts.push(&object(&[("name", &attachment.name.as_str().into()), ("data", &attachment.data)]));
        }
        let _ = self.worker.post_message(&object(&[("text", &text.into()), ("parts", &parts)]));
    }
}

fn object(fields: &[(&str, &JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // A plain object takes any property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

fn told(message: &JsValue) -> Option<Told> {
    let text = Reflect::get(message, &"text".into()).ok()?.as_string()?;
    let parts = Reflect::get(message, &"parts".into()).ok()?.dyn_into::<Array>().ok()?;
    let event = serde_json::from_str(&text).ok()?;
    Some(Told { event, bytes: parts.get(0).dyn_into().ok() })
}
