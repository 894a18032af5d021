//! What `maps.js` draws for the page.

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

#[wasm_bindgen(module = "/src/observation/maps.js")]
extern "C" {
    /// Draws maps in grey, each of which begins at one of `offsets`.
    #[wasm_bindgen(js_name = paintMaps)]
    pub fn paint_maps(
        canvas: &HtmlCanvasElement,
        buffer: &ArrayBuffer,
        offsets: &[u32],
        per_row: usize,
        rows: usize,
        columns: usize,
        chosen: i32,
    );

    /// Draws how far the map at `to` is from that at `from`: orange above, blue below.
    #[wasm_bindgen(js_name = paintDifference)]
    pub fn paint_difference(
        canvas: &HtmlCanvasElement,
        buffer: &ArrayBuffer,
        from: usize,
        to: usize,
        rows: usize,
        columns: usize,
    );

    /// Draws the weights of a channel, a tile for each of its inputs; what was removed stays clear.
    #[wasm_bindgen(js_name = paintWeights)]
    pub fn paint_weights(
        canvas: &HtmlCanvasElement,
        buffer: &ArrayBuffer,
        at: usize,
        inputs: usize,
        per_row: usize,
        rows: usize,
        columns: usize,
    );
}
