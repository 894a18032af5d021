//! What `chart.js` does for the page.

use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen(module = "/src/chart/chart.js")]
extern "C" {
    /// Draws a [`super::spec::ChartSpec`] (JSON) in an element.
    #[wasm_bindgen(catch)]
    pub async fn draw(element: &HtmlElement, spec: &str) -> Result<(), JsValue>;

    /// Draws again in the page's present colours.
    pub fn redraw(element: &HtmlElement);

    /// The chart as SVG text in these colours (JSON), so many pixels wide.
    #[wasm_bindgen(catch)]
    pub async fn svg(element: &HtmlElement, width: f64, colours: &str) -> Result<JsValue, JsValue>;
}
