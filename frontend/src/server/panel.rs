//! Where a person starts, watches and cancels jobs on the server, and opens their results.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use rrlab_protocol::ServerInfo;

use super::artifact_table::ArtifactTable;
use super::form::JobForm;
use super::inputs::JobInputs;
use super::job_table::JobTable;
use super::state::ServerState;
use super::watched_job::WatchedJob;

/// Sign-in, form, jobs, and the job that is watched.
#[component]
pub fn ServerPanel(server: ServerState) -> impl IntoView {
    server.follow_jobs();
    server.follow_watched_job();
    let inputs = JobInputs::new(server);
    let user_text = move || server.info.with(|info| user_text(info.as_ref()));
    let hosted = move || server.info.with(|info| info.as_ref().is_some_and(|info| info.hosted));
    view! {
        <p class="faint" id="server">{user_text}
            <Show when=move || hosted() && server.is_signed_in()>
                " "<button type="button" id="sign-out" on:click=move |_| server.sign_out()>
                "Sign out"</button>
            </Show>
        </p>
        <p id="notice" role="status"
            class:problem=move || server.notice.with(|notice| !notice.is_empty())>
            {move || server.notice.get()}
        </p>
        <Show when=move || server.answers() && !server.is_signed_in()><SignIn server /></Show>
        <Show when=move || server.is_signed_in() && !server.has_jobs()>
            <p>"A reviewer reads what is shared by a link: open the link that you were given."</p>
        </Show>
        <Show when=move || server.has_jobs()>
            <JobForm inputs />
            <JobTable server />
            <WatchedJob server />
            <ArtifactTable server />
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
        None if info.hosted => format!("{}: sign in with your token.", info.program),
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
    view! {
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
