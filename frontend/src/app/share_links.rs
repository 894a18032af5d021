//! Links to what is seen, copied to the clipboard.

use std::time::Duration;

use leptos::prelude::*;

use super::embed_code::EmbedCode;
use super::open_documents::{OpenDocuments, Origin};
use crate::address;
use crate::clipboard;
use crate::settings::Part;

/// How long it is said that a link was copied.
const NOTICE_DURATION: Duration = Duration::from_secs(6);

/// Buttons that copy links.
#[component]
pub fn ShareLinks(documents: OpenDocuments) -> impl IntoView {
    let notice = RwSignal::new("");
    let hide = documents.settings.hide;
    let hides_nothing_more =
        move || hide.with(|hidden| Part::REVIEW.iter().all(|part| hidden.contains(part)));
    view! {
        <button type="button" id="copy-link" title="The address opens this very view"
            on:click=move |_| copy_link(documents, &[], notice)>"Copy link"</button>
        <Show when=move || !hides_nothing_more()>
            <button type="button" id="copy-review"
                title="A link to this view without the controls that would change it"
                on:click=move |_| copy_link(documents, &Part::REVIEW, notice)>
                "Reviewer’s link"</button>
        </Show>
        <Show when=move || documents.settings.shows(Part::Menu)>
            <EmbedCode documents />
        </Show>
        <span role="status" class="faint">{notice}</span>
    }
}

/// Copies a link to this view that also hides these parts.
fn copy_link(documents: OpenDocuments, hide: &[Part], notice: RwSignal<&'static str>) {
    let link = address::with_query(&link_query(documents, hide));
    leptos::task::spawn_local(async move {
        let is_copied = clipboard::copy(&link).await;
        let needs_file = documents.origin.get_untracked() != Origin::Named;
        let needs_story = untrack(|| documents.story.is_from_file());
        notice.set(match (is_copied, needs_file, needs_story) {
            (false, ..) => "the browser refused; copy the address instead",
            (true, _, true) => {
                "copied; a link does not hold the story’s file, which others need too"
            }
            (true, true, false) => "copied; who opens it must open your profile’s file too",
            (true, false, false) => "copied",
        });
        set_timeout(move || notice.set(""), NOTICE_DURATION);
    });
}

/// The query that opens this view with these parts hidden, and names the profile.
fn link_query(documents: OpenDocuments, hide: &[Part]) -> String {
    let settings = documents.settings;
    let before = settings.hide.get_untracked();
    let mut hidden = before.clone();
    for part in hide {
        if !before.contains(part) {
            hidden.0.push(*part);
        }
    }
    let profile = documents.profile.get_untracked();
    let of = profile.map(|profile| profile.hash().short()).unwrap_or_default();
    // The query is made of the signals, which are as they were right after.
    untrack(|| {
        settings.hide.set(hidden);
        settings.of.set(of);
        let query = address::query(settings);
        settings.hide.set(before);
        settings.of.set(String::new());
        query
    })
}
