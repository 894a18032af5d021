//! What `chart.js` does for the page.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/chart/chart.js")]
extern "C" {
    /// Draws a [`super::ChartSpec`] (JSON) in an element; `on_legend` is told of series that are hidden or shown.
    pub fn draw(element: &web_sys::HtmlElement, spec: &str, on_legend: &Closure<dyn FnMut(String, bool)>);

    /// Draws again in the page's present colours.
    pub fn redraw(element: &web_sys::HtmlElement);

    /// The chart as SVG text on white.
    pub async fn svg(element: &web_sys::HtmlElement, description: &str) -> JsValue;

    /// A drawing of the page as SVG text on white.
    pub fn drawing(element: &web_sys::Element, style: &str, width: f64, height: f64, description: &str) -> String;

    /// Hands a text to the person as a file.
    pub fn save(name: &str, text: &str, kind: &str);

    /// Hands a drawing to the person as a PNG.
    #[wasm_bindgen(js_name = savePng)]
    pub fn save_png(name: &str, svg: &str);
}
