//! What went wrong, where a person looks.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

/// A problem, read out at once by a screen reader; nothing where there is none.
#[component]
pub fn Problem(#[prop(into)] problem: Signal<Option<String>>) -> impl IntoView {
    move || problem.get().map(|text| view! { <p class="problem" role="alert">{text}</p> })
}

/// What a script threw, in its words.
pub fn thrown(error: &JsValue) -> String {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    message.or_else(|| error.as_string()).unwrap_or_else(|| format!("{error:?}"))
}
