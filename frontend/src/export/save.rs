//! What `save.js` does for the page: files handed to the person.

use wasm_bindgen::prelude::*;
use web_sys::{Blob, Element};

#[wasm_bindgen(module = "/src/export/save.js")]
extern "C" {
    /// A drawing of the page as SVG text on white, `width` by `height` units large, with the CSS
    /// that it needs.
    pub fn drawing(
        element: &Element,
        style: &str,
        width: f64,
        height: f64,
        description: &str,
    ) -> String;

    /// Hands a text of a media type to the person as a file.
    #[wasm_bindgen(js_name = save)]
    pub fn save_text(name: &str, text: &str, media_type: &str);

    /// Hands a drawing to the person as a PNG, at twice its size.
    #[wasm_bindgen(js_name = savePng)]
    pub fn save_png(name: &str, svg: &str);

    /// Hands bytes to the person as a file.
    #[wasm_bindgen(js_name = saveBlob)]
    pub fn save_blob(name: &str, blob: &Blob);
}
