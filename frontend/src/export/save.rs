//! What `save.js` does for the page: files handed to the person.

use wasm_bindgen::prelude::*;
use web_sys::Blob;

#[wasm_bindgen(module = "/src/export/save.js")]
extern "C" {
    /// Hands a text of a media type to the person as a file.
    #[wasm_bindgen(js_name = save)]
    pub fn save_text(name: &str, text: &str, media_type: &str);

    /// Hands bytes to the person as a file.
    #[wasm_bindgen(js_name = saveBlob)]
    pub fn save_blob(name: &str, blob: &Blob);
}
