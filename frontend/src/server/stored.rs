//! What a person has stored on the server: downloaded, deleted.

use leptos::prelude::*;
use rrlab_protocol::Artifact;

use super::api;
use super::board::Board;
use super::course::bytes;

/// Everything stored, folded away.
#[component]
pub fn StoredTable(board: Board) -> impl IntoView {
    // What could not be deleted because something depends on it, as the notice says.
    let refused = RwSignal::new(None);
    let row = move |artifact: Artifact| {
        let id = artifact.id;
        let confirmed = move || refused.get() == Some(id);
        let label = move || if confirmed() { "Delete it nonetheless" } else { "Delete" };
        let delete = move |_| {
            board.delete(id, untrack(confirmed), move |deleted| refused.set((!deleted).then_some(id)));
        };
        view! {
            <tr data-artifact=id>
                <td>{id}</td>
                <td class="text">{artifact.kind.name()}</td>
                <th scope="row">{artifact.name}</th>
                <td>{bytes(artifact.bytes)}</td>
                <td class="text">{artifact.job.map_or_else(|| "uploaded".to_owned(), |job| format!("made by job {job}"))}</td>
                <td class="text"><span class="tools">
                    <a class="button" href=api::content(id, "") download="">"Download"</a>
                    <button type="button" class="stored-delete" on:click=delete>{label}</button>
                </span></td>
            </tr>
        }
    };
    let count = move || board.artifacts.with(Vec::len);
    view! {
        <Show when=move || { count() > 0 }>
            <details class="numbers">
                <summary id="stored-open">{move || format!("What is stored ({})", count())}</summary>
                <Show when=move || refused.get().is_some()><p class="problem" role="status">{move || board.notice.get()}</p></Show>
                <div class="table">
                    <table id="stored">
                        <thead><tr>
                            <th scope="col">"number"</th><th scope="col">"kind"</th><th scope="col">"name"</th>
                            <th scope="col">"size"</th><th scope="col">"from"</th>
                            <th scope="col"><span class="sr-only">"what can be done"</span></th>
                        </tr></thead>
                        <tbody>{move || board.artifacts.get().into_iter().map(row).collect_view()}</tbody>
                    </table>
                </div>
            </details>
        </Show>
    }
}
