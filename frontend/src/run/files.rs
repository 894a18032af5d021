//! Files that come from a person and go to one, beyond texts.

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, DataTransfer, File, HtmlInputElement};

pub use super::link::Attachment;

#[wasm_bindgen(module = "/src/run/files.js")]
extern "C" {
    #[wasm_bindgen(js_name = dropped, catch)]
    async fn walk(transfer: &DataTransfer) -> Result<JsValue, JsValue>;

    /// Paints one of several images, given as three planes each, on a canvas.
    pub fn paint(canvas: &web_sys::HtmlCanvasElement, planes: &js_sys::ArrayBuffer, index: usize);

    #[wasm_bindgen(js_name = saveBlob)]
    fn save_blob(name: &str, blob: &Blob);
}

/// Hands bytes to the person as a file.
pub fn save(name: &str, blob: &Blob) {
    save_blob(name, blob);
}

/// Files chosen in an input, which can then choose the same ones again.
pub fn chosen(input: &HtmlInputElement) -> Vec<Attachment> {
    let Some(files) = input.files() else { return Vec::new() };
    let attachment = |file: File| {
        let path = Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        let name = path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name());
        Attachment { name, data: file.into() }
    };
    let attachments = (0..files.length()).filter_map(|index| files.get(index)).map(attachment).collect();
    input.set_value("");
    attachments
}

/// Every file that was dropped, folders walked through.
pub async fn dropped(transfer: &DataTransfer) -> Vec<Attachment> {
    let files = walk(transfer).await.ok().and_then(|files| files.dyn_into::<Array>().ok()).unwrap_or_default();
    let attachment = |entry: JsValue| {
        let field = |name: &str| Reflect::get(&entry, &name.into()).ok();
        Some(Attachment { name: field("name")?.as_string()?, data: field("file")?.dyn_into().ok()? })
    };
    files.iter().filter_map(attachment).collect()
}
