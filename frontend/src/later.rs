//! Views whose code a browser fetches when they are first shown. A function that `wasm_split` marks is
//! where the page's WebAssembly is cut: what only it calls is a part of its own.

use std::future::Future;

use leptos::prelude::*;
use leptos::wasm_split::SplitLoaderError;

/// Makes a view. A plain function: the only thing of a part that the rest of the page holds.
pub type MakeView<Input> = fn(Input) -> AnyView;

/// What a marked function returns.
pub type ViewCode<Input> = Result<MakeView<Input>, NotFetched>;

/// The code of a view could not be fetched; the browser's console says why.
#[derive(Debug, Clone, Copy)]
pub struct NotFetched;

impl std::fmt::Display for NotFetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "A part of the page could not be fetched: the server does not answer, or has another version \
             of the page by now, which loading the page anew brings.",
        )
    }
}

impl From<SplitLoaderError> for NotFetched {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// A view of `input`, as soon as its code is there, which `fetch` fetches.
pub fn later<Input, Fetched>(input: Input, fetch: fn() -> Fetched) -> impl IntoView
where
    Input: Copy + Send + Sync + 'static,
    Fetched: Future<Output = ViewCode<Input>> + 'static,
{
    let code = RwSignal::new(None::<ViewCode<Input>>);
    let fetch_code = move || {
        code.set(None);
        leptos::task::spawn_local(async move {
            let fetched = fetch().await;
            // Its place may be gone by then.
            code.try_set(Some(fetched));
        });
    };
    fetch_code();
    move || match code.get() {
        None => view! { <p class="faint" role="status">"Fetching …"</p> }.into_any(),
        Some(Ok(make)) => make(input),
        Some(Err(problem)) => view! {
            <p class="notice" role="alert">
                {problem.to_string()}" "
                <button type="button" on:click=move |_| fetch_code()>"Try again"</button>
            </p>
        }
        .into_any(),
    }
}
