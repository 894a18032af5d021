//! Where a person starts, watches and cancels jobs on the server, and opens their results.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use rrlab_protocol::ServerInfo;

use super::admin_panel::AdminPanel;
use super::artifact_table::ArtifactTable;
use super::course_panel::{CoursePanel, Enrol};
use super::form::JobForm;
use super::inputs::JobInputs;
use super::job_table::JobTable;
use super::state::ServerState;
use super::watched_job::WatchedJob;
use crate::address;

/// Sign-in, form, jobs, and the job that is watched.
#[component]
pub fn ServerPanel(server: ServerState) -> impl IntoView {
    server.follow_jobs();
    server.follow_watched_job();
    let inputs = JobInputs::new(server);
    // Stays after the link was used: it says so.
    let has_link = server.settings.enrol.with_untracked(|secret| !secret.is_empty());
    let enrol = has_link.then(|| view! { <Enrol server /> });
    let user_text = move || server.info.with(|info| user_text(info.as_ref()));
    let hosted = move || server.info.with(|info| info.as_ref().is_some_and(|info| info.hosted));
    view! {
        <p class="faint" id="server">{user_text}
            <Show when=move || hosted() && server.is_signed_in()>
                " "<button type="button" id="sign-out" on:click=move |_| server.sign_out()>
                "Sign out"</button>
                " "<button type="button" id="sign-out-everywhere"
                title="Of this and every other browser; tokens stay"
                on:click=move |_| server.sign_out_everywhere()>"Sign out everywhere"</button>
            </Show>
        </p>
        <p id="notice" role="status"
            class:problem=move || server.notice.with(|notice| !notice.is_empty())>
            {move || server.notice.get()}
        </p>
        {enrol}
        <Show when=move || server.answers() && !server.is_signed_in()><SignIn server /></Show>
        <Show when=move || server.is_signed_in() && !server.has_jobs()>
            <p>"A reviewer reads what is shared by a link: open the link that you were given."</p>
        </Show>
        <Show when=move || server.has_jobs()>
            <JobForm inputs />
            <JobTable server />
            <WatchedJob server />
            <ArtifactTable server />
            <CoursePanel server />
            {move || server.admin().map(|me| view! { <AdminPanel me /> })}
        </Show>
    }
}

/// Which server it is, on what it computes, and who is signed in.
fn user_text(info: Option<&ServerInfo>) -> String {
    let Some(info) = info else { return "No server answers beside this page.".to_owned() };
    let devices = match info.devices.as_slice() {
        [] => "no worker is there yet".to_owned(),
        devices => format!("computes on {}", devices.join(", ")),
    };
    match &info.user {
        Some(user) if info.hosted => {
            format!("{}: {devices}. You are {} ({}).", info.program, user.name, user.role)
        }
        Some(_) => format!("{} on this machine: {devices}.", info.program),
        None if info.hosted => format!("{}: sign in to compute on it.", info.program),
        None => format!("{}: open the address that it printed, or sign in.", info.program),
    }
}

#[component]
fn SignIn(server: ServerState) -> impl IntoView {
    let token = RwSignal::new(String::new());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        server.sign_in(token.get_untracked().trim().to_owned());
        token.set(String::new());
    };
    let provider = move || {
        let address = server.info.get()?.sign_in_address?;
        let go = move |_| address::go_and_come_back(&address, server.settings);
        Some(view! {
            <p><button type="button" class="primary" id="sign-in-by-provider" on:click=go>"Sign in"</button>
            <span class="faint">" or with a token of yours:"</span></p>
        })
    };
    view! {
        {provider}
        <form class="tools" on:submit=submit>
            <label class="inline"><span>"Token"</span>
                <input type="password" id="token" autocomplete="current-password"
                    placeholder="rrlab_…"
                    prop:value=token
                    on:input:target=move |event| token.set(event.target().value()) />
            </label>
            <button type="submit" id="sign-in" class="primary">"Sign in"</button>
        </form>
    }
}
