//! The connection to one compute worker.

use js_sys::{Array, ArrayBuffer, Object, Reflect};
use leptos::prelude::window;
use rrlab_protocol::{ComputeEvent, ComputeRequest};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ErrorEvent, MessageEvent, Url, Worker, WorkerOptions, WorkerType};

use super::attachment::Attachment;

/// What a worker said, with the bytes that came along.
pub struct WorkerMessage {
    /// What happened.
    pub event: ComputeEvent,
    /// A checkpoint or pixels; `None` with events that have no bytes.
    pub bytes: Option<ArrayBuffer>,
}

/// A running worker; it ends with this.
pub struct WorkerLink {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl WorkerLink {
    /// Starts the worker of this name in a folder below the page; `receive` is given what it says.
    ///
    /// # Errors
    /// If the browser has no workers.
    pub fn open(
        folder: &str,
        name: &str,
        receive: impl FnMut(WorkerMessage) + Clone + 'static,
    ) -> Result<Self, String> {
        let worker = start(&format!("{folder}/{name}_loader.js"));
        let worker = worker.map_err(|_| "this browser lets no worker start here".to_owned())?;
        let mut receive_message = receive.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(message) = parse(&event.data()) {
                receive_message(message);
            }
        });
        let mut receive_error = receive;
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            let problem = format!("the worker broke down: {}", error_text(&event));
            receive_error(WorkerMessage { event: ComputeEvent::Lost { problem }, bytes: None });
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a request with its files.
    pub fn send(&self, request: &ComputeRequest, attachments: &[Attachment]) {
        let Ok(text) = serde_json::to_string(request) else { return };
        let parts = Array::new();
        for attachment in attachments {
            let name = attachment.name.as_str().into();
            parts.push(&object(&[("name", &name), ("data", &attachment.data)]));
        }
        let _ = self.worker.post_message(&object(&[("text", &text.into()), ("parts", &parts)]));
    }
}

/// Starts the worker of a script at an address below the page.
fn start(address: &str) -> Result<Worker, JsValue> {
    let document = window().document();
    let base = document.and_then(|document| document.base_uri().ok().flatten()).unwrap_or_default();
    let address = Url::new_with_base(address, &base)?.href();
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    Worker::new_with_options(&address, &options)
}

/// What an error says of itself: one of a script that can't be loaded says nothing.
fn error_text(event: &ErrorEvent) -> String {
    let message = Reflect::get(event, &"message".into()).ok().and_then(|text| text.as_string());
    match message {
        Some(message) if !message.is_empty() => message,
        _ => "its file can't be loaded".to_owned(),
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

/// Reads a message of the worker's `port.rs`; `None` where it is none.
fn parse(message: &JsValue) -> Option<WorkerMessage> {
    let text = Reflect::get(message, &"text".into()).ok()?.as_string()?;
    let parts = Reflect::get(message, &"parts".into()).ok()?.dyn_into::<Array>().ok()?;
    let event = serde_json::from_str(&text).ok()?;
    Some(WorkerMessage { event, bytes: parts.get(0).dyn_into().ok() })
}
