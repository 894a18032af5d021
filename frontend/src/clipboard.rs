//! The clipboard, which a browser gives only to pages that it holds for secure.

use leptos::prelude::window;
use wasm_bindgen_futures::JsFuture;
use web_sys::Clipboard;

/// Puts a text there; says whether it is there.
pub async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    let clipboard = js_sys::Reflect::get(&navigator, &"clipboard".into());
    let Some(clipboard) = clipboard.ok().filter(|found| !found.is_undefined() && !found.is_null())
    else {
        return false;
    };
    let clipboard: Clipboard = wasm_bindgen::JsCast::unchecked_into(clipboard);
    JsFuture::from(clipboard.write_text(text)).await.is_ok()
}
