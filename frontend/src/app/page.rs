//! The whole page, from the title to the panes.

use leptos::ev::DragEvent;
use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use wasm_bindgen::JsCast;

use super::header::Header;
use super::lab_view::LabView;
use super::open_documents::{OpenDocuments, Origin};
use super::run_section::RunSection;
use crate::address;
use crate::files::is_of_network;
use crate::later::{ViewCode, later};
use crate::run::{self, Attachment, RunInputs, Session};
use crate::server::{ServerState, SharedJob};
use crate::settings::{Part, Theme};
use crate::story::StoryPanel;

/// How names of data sets and images end.
const IMAGE_ENDINGS: [&str; 9] =
    [".zip", ".tar", ".tar.gz", ".tgz", ".bin", ".png", ".jpg", ".jpeg", ".webp"];

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let documents = OpenDocuments::new();
    let settings = documents.settings;
    address::follow(settings);
    documents.follow_settings();
    Effect::new(move |_| set_colour_scheme(settings.theme.get()));
    let show = Callback::new(move |update| documents.show_update(update));
    let session = Session::new(settings, show);
    let is_named = Signal::derive(move || documents.origin.get() == Origin::Named);
    let inputs = RunInputs::new(session, is_named);
    let server = ServerState::new(settings, show);
    let has_link = Memo::new(move |_| settings.share.with(|secret| !secret.is_empty()));
    let is_told = Memo::new(move |_| documents.story.story.with(Option::is_some));
    let is_over = RwSignal::new(false);
    let can_open = move || settings.shows(Part::Open);
    // A browser would leave the page for the file.
    let drag_over = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(can_open());
    };
    let drop_files = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(false);
        if let Some(data) = event.data_transfer().filter(|_| can_open()) {
            leptos::task::spawn_local(async move {
                take_files(documents, inputs, run::dropped(&data).await);
            });
        }
    };
    let lab = move || match documents.profile.get() {
        Some(profile) => view! { <LabView documents inputs profile /> }.into_any(),
        None => {
            let text = move || match documents.problems.with(Vec::is_empty) {
                true => "Loading the profile …",
                false => "No profile is open. Drop one on this page, or choose one of the gallery.",
            };
            view! { <p class="panel loading" role="status">{text}</p> }.into_any()
        }
    };
    view! {
        <main class:over=is_over on:dragover=drag_over on:dragleave=move |_| is_over.set(false)
            on:drop=drop_files>
            <Show when=move || !settings.is_embedded() fallback=move || view! { <WayOut documents /> }>
                <Header documents server />
            </Show>
            <Problems problems=documents.problems />
            <Show when=move || has_link.get()>{later(server, fetch_shared_job)}</Show>
            <Show when=move || settings.run.get() && settings.shows(Part::Run)>
                <RunSection inputs server settings />
            </Show>
            {lab}
            <Show when=move || is_told.get()>{later(documents, fetch_story_panel)}</Show>
        </main>
    }
}

/// In another page's frame: the way to this one.
#[component]
fn WayOut(documents: OpenDocuments) -> impl IntoView {
    let whole = move || {
        let query = address::exported_query(documents.settings);
        address::with_query(&query)
    };
    view! {
        <p class="way-out"><a target="_blank" rel="noopener" href=whole>"Open in the Repairability Lab ↗"</a></p>
    }
}

/// What the page's link shows.
#[wasm_split(server, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_shared_job() -> ViewCode<ServerState> {
    Ok(|server| view! { <SharedJob server /> }.into_any())
}

/// The panel of the story that is told.
#[wasm_split(documents, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_story_panel() -> ViewCode<OpenDocuments> {
    Ok(|documents| {
        view! { <StoryPanel open=documents.story profile=documents.profile /> }.into_any()
    })
}

fn set_colour_scheme(theme: Theme) {
    let scheme = match theme {
        Theme::System => "light dark",
        Theme::Light => "light",
        Theme::Dark => "dark",
    };
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("style", &format!("color-scheme: {scheme}"));
    }
}

/// Opens what the lab itself wrote; checkpoints and images are for running networks.
fn take_files(documents: OpenDocuments, inputs: RunInputs, files: Vec<Attachment>) {
    let mut to_run = Vec::new();
    for file in files {
        let name = file.name.to_lowercase();
        if is_of_network(&name) || IMAGE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            to_run.push(file);
        } else if let Ok(file) = file.data.dyn_into() {
            documents.open_file(file);
        }
    }
    if !to_run.is_empty() && documents.settings.shows(Part::Run) {
        inputs.take_files(to_run);
    }
}

#[component]
fn Problems(problems: RwSignal<Vec<String>>) -> impl IntoView {
    let list = move || {
        let problem = |problem: String| view! { <p>{problem}</p> };
        problems.get().into_iter().map(problem).collect_view()
    };
    view! {
        <Show when=move || problems.with(|problems| !problems.is_empty())>
            <div class="panel problems" role="alert">
                {list}
                <button type="button" on:click=move |_| problems.set(Vec::new())>"Close"</button>
            </div>
        </Show>
    }
}
