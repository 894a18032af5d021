//! What a person has stored on the server: downloaded, deleted.

use leptos::prelude::*;
use rrlab_protocol::Artifact;

use super::api;
use super::state::ServerState;
use crate::format::file_size;

/// Everything stored, folded away.
#[component]
pub fn ArtifactTable(server: ServerState) -> impl IntoView {
    // What could not be deleted because something depends on it, as the notice says.
    let refused = RwSignal::new(None);
    let row = move |artifact: Artifact| artifact_row(server, artifact, refused);
    let count = move || server.artifacts.with(Vec::len);
    let notice =
        move || view! { <p class="problem" role="status">{move || server.notice.get()}</p> };
    view! {
        <Show when=move || { count() > 0 }>
            <details class="numbers">
                <summary id="stored-open">
                    {move || format!("What is stored ({})", count())}</summary>
                <Show when=move || refused.get().is_some()>{notice}</Show>
                <div class="table">
                    <table id="stored">
                        <thead><tr>
                            <th scope="col">"number"</th><th scope="col">"kind"</th>
                            <th scope="col">"name"</th>
                            <th scope="col">"size"</th><th scope="col">"from"</th>
                            <th scope="col"><span class="sr-only">"what can be done"</span></th>
                        </tr></thead>
                        <tbody>{move || server.artifacts.get().into_iter().map(row).collect_view()}</tbody>
                    </table>
                </div>
            </details>
        </Show>
    }
}

fn artifact_row(
    server: ServerState,
    artifact: Artifact,
    refused: RwSignal<Option<i64>>,
) -> impl IntoView {
    let id = artifact.id;
    let is_confirmed = move || refused.get() == Some(id);
    let label = move || if is_confirmed() { "Delete it nonetheless" } else { "Delete" };
    let delete = move |_| {
        let then = move |deleted: bool| refused.set((!deleted).then_some(id));
        server.delete(id, untrack(is_confirmed), then);
    };
    let source = match artifact.job {
        Some(job) => format!("made by job {job}"),
        None => "uploaded".to_owned(),
    };
    view! {
        <tr data-artifact=id>
            <td>{id}</td>
            <td class="text">{artifact.kind.name()}</td>
            <th scope="row">{artifact.name}</th>
            <td>{file_size(artifact.bytes)}</td>
            <td class="text">{source}</td>
            <td class="text"><span class="tools">
                <a class="button" href=api::content(id, "") download="">"Download"</a>
                <button type="button" class="stored-delete" on:click=delete>{label}</button>
            </span></td>
        </tr>
    }
}
