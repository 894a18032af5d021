//! What a person copies into a page of their own to have this view in it.

use leptos::prelude::*;

use super::open_documents::{OpenDocuments, Origin};
use crate::address;
use crate::controls::{Select, labelled};
use crate::settings::Embed;

/// Height of the frame, in pixels, which its page may change.
const HEIGHT: u32 = 720;

/// A menu with the HTML of a frame with this view.
#[component]
pub fn EmbedCode(documents: OpenDocuments) -> impl IntoView {
    let what = RwSignal::new(Embed::Both);
    let mut choices = labelled(Embed::ALL, Embed::label);
    choices.retain(|(embed, _)| *embed != Embed::No);
    let code = move || {
        let Some(profile) = documents.profile.get() else { return String::new() };
        let query = address::query_of_profile(documents.settings, &profile);
        let query = format!("{query}&embed={}", what.get());
        // The query has no quotation marks, only `&`.
        let source = address::with_query(&query).replace('&', "&amp;");
        format!(
            r#"<iframe src="{source}" title="Repairability Lab" width="100%" height="{HEIGHT}" loading="lazy"></iframe>"#
        )
    };
    view! {
        <details class="menu" name="menu">
            <summary class="button">"Embed"</summary>
            <div class="panel">
                <p class="faint">"For a course’s page: this view in a frame. A page on a plain file server may be framed by anybody’s; \
                    one that rrlab serves, by the sites that it was started with: "<code>"rrlab serve --embed-in https://course.example"</code>"."</p>
                <Show when=move || documents.origin.get() != Origin::Named>
                    <p class="problem">"What is open here is from a file or measured here: a frame can’t show it."</p>
                </Show>
                <label><span>"Show"</span>
                    <Select id="embed" value=what set=what.write_only() choices /></label>
                <textarea id="embed-code" readonly=true rows="8" aria-label="HTML of the frame">{code}</textarea>
            </div>
        </details>
    }
}
