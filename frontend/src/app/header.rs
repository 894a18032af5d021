//! The head of the page: title, gallery, files, links, tour and colours.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::open_documents::{OpenDocuments, Origin};
use super::share_links::ShareLinks;
use crate::controls::{Select, labelled};
use crate::gallery::{self, GALLERY, GalleryNetwork};
use crate::glossary::Term;
use crate::server::ServerState;
use crate::settings::{ComputeOn, Part, Settings, Theme};
use crate::story::{STORIES, TOUR};

/// Title, gallery, files, links, tour and colours.
#[component]
pub fn Header(documents: OpenDocuments, server: ServerState) -> impl IntoView {
    let settings = documents.settings;
    // Who hides the menu itself keeps it until the page is left: only links are without it.
    let has_menu = settings.hide.with_untracked(|hidden| !hidden.contains(&Part::Menu));
    view! {
        <header>
            <div>
                <h1>"Repairability Lab"</h1>
                <p>
                    "Pruning damages every layer; a cheap repair undoes part of it. "
                    <Term name="RR" text="Relative repairability (RR)" />
                        " is the part that is left."
                </p>
            </div>
            <div class="tools scrolls">
                <Show when=move || settings.shows(Part::Tour)>
                    <button type="button" id="tour-start" class="primary"
                        on:click=move |_| settings.story.set(TOUR.to_owned())>
                        "Take the tour"</button>
                </Show>
                <Show when=move || settings.shows(Part::Run)>
                    <RunButtons settings server />
                </Show>
                <Show when=move || settings.shows(Part::Open)>
                    <OpenTools documents />
                </Show>
                <ShareLinks documents />
                <Show when=move || has_menu || settings.shows(Part::Menu)>
                    <HideMenu settings />
                </Show>
                <label class="inline">
                    <span class="sr-only">"Colours of the page"</span>
                    <Select id="theme" value=settings.theme set=settings.theme.write_only()
                        choices=labelled(Theme::ALL, Theme::label) />
                </label>
            </div>
            <Show when=move || settings.shows(Part::Tour)><Stories settings /></Show>
        </header>
    }
}

/// The stories that come with the page.
#[component]
fn Stories(settings: Settings) -> impl IntoView {
    let button = move |(name, title): (&'static str, &'static str)| {
        view! {
            <button type="button" class="link" data-story=name on:click=move |_| settings.story.set(name.to_owned())>{title}</button>
        }
    };
    view! {
        <nav class="stories scrolls" aria-label="Stories">
            <span class="faint">"Stories, with questions:"</span>
            {STORIES.map(button).collect_view()}
        </nav>
    }
}

/// Buttons that open the panels in which networks are run.
#[component]
fn RunButtons(settings: Settings, server: ServerState) -> impl IntoView {
    let open_jobs = move |_| {
        settings.compute_on.set(ComputeOn::Server);
        settings.run.set(true);
    };
    view! {
        <button type="button" id="run-open" aria-expanded=move || settings.run.get().to_string()
            on:click=move |_| settings.run.update(|run| *run = !*run)>"Run it here"</button>
        <Show when=move || server.info.with(Option::is_some)>
            <button type="button" id="jobs-open" on:click=open_jobs>"Jobs"</button>
        </Show>
    }
}

/// The gallery, and a file of the person's own.
#[component]
fn OpenTools(documents: OpenDocuments) -> impl IntoView {
    let (profile, origin) = (documents.settings.profile, documents.origin);
    let choose = move |input: HtmlInputElement| {
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            documents.open_file(file);
        }
        // The same file, chosen again, is opened again.
        input.set_value("");
    };
    let option = move |network: &GalleryNetwork| {
        let name = network.name;
        let selected = move || origin.get() == Origin::Named && profile.get() == name;
        view! { <option value=name selected=selected>{network.title}</option> }
    };
    let is_elsewhere =
        move || origin.get() != Origin::Named || gallery::find(&profile.get()).is_none();
    let elsewhere = move || match origin.get() {
        Origin::Named => profile.get(),
        Origin::File => "from a file".to_owned(),
        Origin::Measured => "measured here".to_owned(),
    };
    view! {
        <label class="inline">
            <span class="sr-only">"Gallery"</span>
            <select id="gallery"
                on:change:target=move |event| documents.open_gallery(event.target().value())>
                {GALLERY.iter().map(option).collect_view()}
                <Show when=is_elsewhere>
                    <option value="" selected=true disabled=true>{elsewhere}</option>
                </Show>
            </select>
        </label>
        <label class="button" title="A profile, a sweep or an allocation; or drop it on the page">
            "Open a file"
            <input type="file" id="file" class="sr-only" accept=".json,application/json"
                on:change:target=move |event| choose(event.target()) />
        </label>
    }
}

/// Which parts of the page are hidden, here and by the links that are copied: for teaching.
#[component]
fn HideMenu(settings: Settings) -> impl IntoView {
    let item = move |&part: &Part| {
        let toggle = move |_| settings.hide.update(|hidden| hidden.toggle(part));
        view! {
            <label>
                <input type="checkbox" data-part=part.to_string()
                    prop:checked=move || !settings.shows(part) on:change=toggle />
                {part.label()}
            </label>
        }
    };
    view! {
        <details class="menu" name="menu">
            <summary class="button">"Hide controls"</summary>
            <div class="panel">
                <p class="faint">
                    "For teaching: what is ticked is hidden here, and for whoever opens your link. "
                    "The menu itself goes from links alone."
                </p>
                {Part::ALL.iter().map(item).collect_view()}
            </div>
        </details>
    }
}
