//! Where networks are run: in this browser, or as jobs on the server.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;

use crate::controls::Select;
use crate::later::{ViewCode, later};
use crate::run::{RunInputs, RunPanel};
use crate::server::{ServerPanel, ServerState};
use crate::settings::{ComputeOn, Settings};

/// The choice of where to compute, and the panel of what was chosen.
#[component]
pub fn RunSection(inputs: RunInputs, server: ServerState, settings: Settings) -> impl IntoView {
    let compute_on = settings.compute_on;
    let on_server = move || compute_on.get() == ComputeOn::Server;
    let head = move || match on_server() {
        true => "Run it on the server",
        false => "Run it here, in your browser",
    };
    let select = move || {
        // Jobs need a server; a link may ask for one where there is none.
        let has_server = server.info.with(Option::is_some) || on_server();
        let choices = ComputeOn::ALL.iter().filter(|on| has_server || **on != ComputeOn::Server);
        let choices = choices.map(|&on| (on, on.label())).collect();
        view! { <Select id="compute-on" value=compute_on set=compute_on.write_only() choices /> }
    };
    let run_panel = move || later(inputs, fetch_run_panel);
    view! {
        <section class="panel run" id="run" aria-label="Run networks">
            <div class="pane-head">
                <h2>{head}</h2>
                <span class="tools">
                    <label class="inline"><span>"Compute on"</span>{select}</label>
                    <button type="button" on:click=move |_| settings.run.set(false)>"Close"</button>
                </span>
            </div>
            <Show when=on_server fallback=run_panel>{later(server, fetch_server_panel)}</Show>
        </section>
    }
}

#[wasm_split(run, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_run_panel() -> ViewCode<RunInputs> {
    Ok(|inputs| view! { <RunPanel inputs /> }.into_any())
}

#[wasm_split(server, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_server_panel() -> ViewCode<ServerState> {
    Ok(|server| view! { <ServerPanel server /> }.into_any())
}
