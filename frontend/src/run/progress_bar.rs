//! How far the work is, with pause and stop, and with what can be done after a loss.

use leptos::prelude::*;
use rrlab_protocol::Phase;

use super::results::RequestProgress;
use super::session::Session;
use crate::format::time_left;

/// The work under way.
#[component]
pub fn ProgressBar(session: Session) -> impl IntoView {
    let bar = move || {
        let progress = session.progress.get();
        match progress.and_then(|progress| progress.fraction()) {
            Some(share) => {
                view! { <progress max="1" value=share aria-labelledby="activity"></progress> }
                    .into_any()
            }
            None => view! { <progress aria-labelledby="activity"></progress> }.into_any(),
        }
    };
    let stopping = move || session.phase.get() == Phase::Stopping;
    let toggle_pause = move |_| session.set_paused(!untrack(|| session.is_paused()));
    let pause_label = move || if session.is_paused() { "Go on" } else { "Pause" };
    let needs_person = move || session.phase.get() == Phase::Broken || session.silent.get();
    let silence = move || if session.silent.get() { "No sign of life for 30 seconds." } else { "" };
    view! {
        <div class="activity">
            <span id="activity" role="status">{move || activity(session)}</span>
            <Show when=move || session.is_busy()>
                {bar}
                <button type="button" id="pause" disabled=stopping on:click=toggle_pause>
                    {pause_label}</button>
                <button type="button" id="stop" disabled=stopping
                    on:click=move |_| session.stop()>"Stop"</button>
            </Show>
            <Show when=needs_person>
                <span class="problem">{silence}</span>
                <button type="button" id="go-on" class="primary"
                    on:click=move |_| session.restart()>"Go on in a new worker"</button>
                <button type="button" on:click=move |_| session.give_up()>"Give up"</button>
            </Show>
        </div>
    }
}

/// What is under way and how far it is, in words; follows it. Empty where nothing is.
pub fn activity(session: Session) -> String {
    match session.phase.get() {
        Phase::Starting { paused: false } => "Starting the worker …".to_owned(),
        Phase::Starting { paused: true } => "Starting the worker, which is to pause …".to_owned(),
        Phase::Stopping => "Stopping …".to_owned(),
        Phase::Broken => "The worker was lost with work to do.".to_owned(),
        _ => match session.progress.get() {
            Some(progress) => progress_text(&progress, session.is_paused()),
            None => String::new(),
        },
    }
}

fn progress_text(progress: &RequestProgress, is_paused: bool) -> String {
    let RequestProgress { title, what, done, total, .. } = progress;
    if *total == 0 {
        return format!("{title} …");
    }
    let left = match progress.seconds_left() {
        _ if is_paused => ", paused".to_owned(),
        Some(seconds) => format!(", {}", time_left(seconds)),
        None => String::new(),
    };
    format!("{title}: {done} of {total} {what}{left}")
}
