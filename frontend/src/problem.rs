//! What went wrong, where a person looks.

use leptos::prelude::*;

/// A problem, read out at once by a screen reader; nothing where there is none.
#[component]
pub fn Problem(#[prop(into)] problem: Signal<Option<String>>) -> impl IntoView {
    move || problem.get().map(|text| view! { <p class="problem" role="alert">{text}</p> })
}
