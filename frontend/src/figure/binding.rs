//! What `figure.js` does for the page.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/figure/figure.js")]
extern "C" {
    /// Fetches the fonts of figures, so that texts are measured in them.
    #[wasm_bindgen(js_name = loadFonts, catch)]
    pub async fn load_fonts() -> Result<(), JsValue>;

    /// An SVG text (a string) so wide on paper, with its fonts and a description inside.
    #[wasm_bindgen(catch)]
    pub async fn finished(
        svg: &str,
        millimetres: f64,
        description: &str,
    ) -> Result<JsValue, JsValue>;

    /// A finished drawing as a PDF (a `Blob`).
    #[wasm_bindgen(catch)]
    pub async fn pdf(svg: &str, title: &str, description: &str) -> Result<JsValue, JsValue>;

    /// A finished drawing that is so many pixels of CSS wide as a PNG (a `Blob`).
    #[wasm_bindgen(catch)]
    pub async fn png(svg: &str, width: f64) -> Result<JsValue, JsValue>;
}
