//! Files that a person chose or dropped, and images painted on the page.

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{DataTransfer, File, HtmlInputElement};

use super::attachment::Attachment;

#[wasm_bindgen(module = "/src/run/files.js")]
extern "C" {
    #[wasm_bindgen(js_name = dropped, catch)]
    async fn walk(transfer: &DataTransfer) -> Result<JsValue, JsValue>;

    /// Paints one of several images, given as three planes each, on a canvas.
    pub fn paint(canvas: &web_sys::HtmlCanvasElement, planes: &js_sys::ArrayBuffer, index: usize);
}

/// Files chosen in an input, which can then choose the same ones again.
pub fn chosen(input: &HtmlInputElement) -> Vec<Attachment> {
    let Some(files) = input.files() else { return Vec::new() };
    let files: Vec<File> = (0..files.length()).filter_map(|index| files.get(index)).collect();
    input.set_value("");
    files.into_iter().map(of_file).collect()
}

/// A file under its path in the folder that was chosen, or its name.
fn of_file(file: File) -> Attachment {
    let path = Reflect::get(&file, &"webkitRelativePath".into()).ok();
    let path = path.and_then(|path| path.as_string()).unwrap_or_default();
    let name = if path.is_empty() { file.name() } else { path };
    Attachment { name, data: file.into() }
}

/// Every file that was dropped, folders walked through.
pub async fn dropped(transfer: &DataTransfer) -> Vec<Attachment> {
    let Ok(entries) = walk(transfer).await else { return Vec::new() };
    let entries = entries.dyn_into::<Array>().unwrap_or_default();
    entries.iter().filter_map(|entry| of_entry(&entry)).collect()
}

/// Of what `files.js` gives for a file.
fn of_entry(entry: &JsValue) -> Option<Attachment> {
    let name = Reflect::get(entry, &"name".into()).ok()?.as_string()?;
    let file = Reflect::get(entry, &"file".into()).ok()?;
    Some(Attachment { name, data: file.dyn_into().ok()? })
}
