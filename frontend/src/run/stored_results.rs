//! The results that the browser keeps, with what can be done with each.

use leptos::prelude::*;

use super::browser_store::{ResultKind, StoredResult};
use super::inputs::RunInputs;
use crate::export::save_blob;
use crate::format::date_time;

/// All results in the browser's store.
#[component]
pub fn StoredResults(inputs: RunInputs) -> impl IntoView {
    let stored = inputs.session.stored;
    let items = move || {
        let item = |result: StoredResult| item(inputs, result);
        stored.get().into_iter().map(item).collect_view()
    };
    view! {
        <Show when=move || stored.with(|stored| !stored.is_empty())>
            <h3>"Kept in this browser"</h3>
            <ul id="kept">{items}</ul>
        </Show>
    }
}

fn item(inputs: RunInputs, result: StoredResult) -> impl IntoView {
    let session = inputs.session;
    let verb = if result.kind == ResultKind::Training { "Go on" } else { "Open" };
    let size = result.data.size() / 1000.0;
    let (title, details) = (
        format!("{} of {}", result.kind.label(), result.name),
        format!(" {size:.0} KB, {}", date_time(result.when)),
    );
    let key = result.key();
    let delete = {
        let key = key.clone();
        move |_| session.delete_stored(key.clone())
    };
    let open = {
        let result = result.clone();
        move |_| inputs.open_stored(&result)
    };
    let save = move |_| {
        let stem = result.name.replace([' ', ':', '='], "-");
        save_blob(&format!("{stem}.{}", result.kind.ending()), &result.data);
    };
    view! {
        <li data-kept=key>
            <span>{title}<span class="faint">{details}</span></span>
            <span class="tools">
                <button type="button" disabled=move || session.is_busy() on:click=open>
                    {verb}</button>
                <button type="button" on:click=save>"Save"</button>
                <button type="button" on:click=delete>"Delete"</button>
            </span>
        </li>
    }
}
