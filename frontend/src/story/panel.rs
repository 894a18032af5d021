//! The panel in which a story is told.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::{ModelProfile, StoryPlace, StoryStep};

use super::open_story::OpenStory;
use crate::address;
use crate::settings::Part;

/// The panel, while a story is told.
#[component]
pub fn StoryPanel(open: OpenStory, profile: RwSignal<Option<Arc<ModelProfile>>>) -> impl IntoView {
    let settings = open.settings;
    let steps = Memo::new(move |_| {
        let told = open.story.with(|story| story.as_ref().map(|story| story.steps.clone()));
        let mut steps = told.unwrap_or_default();
        profile.with(|profile| steps.retain(|step| has_what_it_needs(step, profile.as_deref())));
        steps
    });
    let count = Memo::new(move |_| steps.with(Vec::len));
    let at = Memo::new(move |_| settings.step.get().min(count.get()));
    let step = Memo::new(move |_| {
        steps.with(|steps| at.get().checked_sub(1).and_then(|index| steps.get(index).cloned()))
    });
    // What was refused of which step.
    let refused = RwSignal::new((0, Vec::new()));
    let show_state = move || {
        let state = step.get_untracked().map(|step| step.state);
        let problems = state.map_or_else(Vec::new, |state| address::apply_view(settings, &state));
        refused.set((at.get_untracked(), problems));
    };
    Effect::new(move |_| {
        open.story.track();
        untrack(show_state);
        if let Some(linked) = open.take_linked() {
            untrack(|| address::overlay(settings, &linked));
        }
    });
    // Not whenever the step is another: who goes back by the browser has what they had set then.
    let go = move |index: usize| {
        settings.step.set(index);
        untrack(show_state);
    };
    let heading = NodeRef::<leptos::html::H2>::new();
    Effect::new(move |_| {
        step.with(|_| ());
        request_animation_frame(move || {
            hide_answer();
            // The story may have ended since.
            if let Some(heading) = heading.try_get_untracked().flatten() {
                drop(heading.focus());
            }
        });
    });
    Effect::new(move |_| {
        // What it speaks of is there once a profile is.
        profile.track();
        let selector = step.with(|step| step.as_ref().map(|step| selector(step.at)));
        request_animation_frame(move || spotlight(selector));
    });
    let problems = move || {
        let (of, problems) = refused.get();
        let shown = problems.into_iter().filter(|_| of == at.get());
        shown.map(|problem| view! { <p class="problem">{problem}</p> }).collect_view()
    };
    let is_last = move || at.get() == count.get();
    view! {
        <Show when=move || { step.with(Option::is_some) && settings.shows(Part::Tour) }>
            <div class="story-panel" role="dialog" aria-label="Story"
                on:keydown=move |event: leptos::ev::KeyboardEvent| if event.key() == "Escape" { open.end(!is_last()) }>
                <p class="faint">{move || format!("{} of {}", at.get(), count.get())}</p>
                <h2 tabindex="-1" node_ref=heading>{move || step.get().map(|step| step.title)}</h2>
                {move || step.get().map(|step| view! { <StepText step /> })}
                {problems}
                <div class="tools">
                    <button type="button" prop:disabled=move || at.get() <= 1
                        on:click=move |_| go(at.get_untracked() - 1)>"Back"</button>
                    <Show when=move || !is_last()>
                        <button type="button" id="story-next" class="primary"
                            on:click=move |_| go(at.get_untracked() + 1)>"Next"</button>
                    </Show>
                    <button type="button" id="story-end" on:click=move |_| open.end(!is_last())>
                        {move || if is_last() { "Done" } else { "End it here" }}
                    </button>
                </div>
            </div>
        </Show>
    }
}

/// Paragraphs, and the question with its hidden answer.
#[component]
fn StepText(step: StoryStep) -> impl IntoView {
    let StoryStep { text, question, answer, .. } = step;
    view! {
        {text.into_iter().map(|paragraph| view! { <p>{paragraph}</p> }).collect_view()}
        {question.map(|question| view! { <p class="question">{question}</p> })}
        {answer.map(|answer| view! {
            <details class="answer"><summary>"Show the answer"</summary><p>{answer}</p></details>
        })}
    }
}

/// Elements are used again for the next step, whose answer nobody has asked for.
fn hide_answer() {
    if let Ok(Some(answer)) = document().query_selector(".answer") {
        let _ = answer.remove_attribute("open");
    }
}

/// Whether the network has layers of the role that a step needs; as long as none is open it may.
fn has_what_it_needs(step: &StoryStep, profile: Option<&ModelProfile>) -> bool {
    let (Some(role), Some(profile)) = (step.needs, profile) else { return true };
    profile.graph.has_role(role)
}

fn selector(place: StoryPlace) -> &'static str {
    match place {
        StoryPlace::Graph => ".one-graph .graph",
        StoryPlace::GraphB => "#graph-B",
        StoryPlace::Controls => ".controls",
        StoryPlace::Readout => ".readout",
        StoryPlace::Panes => "#panes",
    }
}

/// Frames the element that a step speaks of, and brings it into view.
fn spotlight(selector: Option<&str>) {
    const CLASS: &str = "spotlight";
    if let Ok(Some(old)) = document().query_selector(&format!(".{CLASS}")) {
        let _ = old.class_list().remove_1(CLASS);
    }
    let element = selector.and_then(|selector| document().query_selector(selector).ok().flatten());
    let Some(element) = element else { return };
    let _ = element.class_list().add_1(CLASS);
    tell_height_of_what_sticks();
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
    element.scroll_into_view_with_scroll_into_view_options(&options);
}

/// Tells the style how much of the window's top what sticks there covers: what is brought into view
/// stays below it.
fn tell_height_of_what_sticks() {
    let bars = [".on-top", ".readout"].into_iter();
    let bars = bars.filter_map(|bar| document().query_selector(bar).ok().flatten());
    let height =
        bars.map(|bar| bar.get_bounding_client_rect().height()).find(|height| *height > 0.0);
    if let (Some(height), Ok(Some(main))) = (height, document().query_selector("main")) {
        let _ = main.set_attribute("style", &format!("--sticky: {height:.0}px"));
    }
}
