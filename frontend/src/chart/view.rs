//! A chart on the page, with its title, a way to read it with the keyboard, its numbers as a table,
//! and export.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::binding;
use super::spec::ChartSpec;
use crate::after_paint::after_paint;
use crate::export;
use crate::figure::{
    Draw, Drawn, Figure, FigureButton, FigureDialog, FigureSource, FigureWidth, PAPER,
};
use crate::lab::Lab;
use crate::problem::thrown;
use crate::settings::{Part, Settings};

/// A chart, with its title, a way to read it with the keyboard, its numbers as a table, and export.
#[component]
pub fn Chart(
    settings: Settings,
    /// The lab that saved files speak of; without, nothing can be saved.
    #[prop(optional)]
    lab: Option<Lab>,
    /// What the numbers of a saved figure are of; both allocations of the lab where it is not told.
    #[prop(optional, into)]
    source: Option<Callback<(), FigureSource>>,
    /// Beginning of the names of saved files.
    name: &'static str,
    /// Stands above it.
    #[prop(into)]
    title: Signal<String>,
    /// What is drawn; follows a paint later.
    #[prop(into)]
    spec: Signal<ChartSpec>,
    /// Height in pixels.
    #[prop(default = 320)]
    height: u32,
) -> impl IntoView {
    let holder = NodeRef::<leptos::html::Div>::new();
    let spec = after_paint(Memo::new(move |_| spec.get()));
    let problem = RwSignal::new(None::<String>);
    let attempts = RwSignal::new(0);
    Effect::new(move |_| {
        let Some(element) = holder.get() else { return };
        settings.theme.track();
        attempts.track();
        let Ok(json) = serde_json::to_string(&spec.get()) else { return };
        leptos::task::spawn_local(async move {
            let failure = binding::draw(&element, &json).await.err();
            // The chart may be gone by then.
            problem.try_set(failure.map(|error| thrown(&error)));
        });
    });
    on_scheme_change(move || {
        if let Some(element) = holder.get_untracked() {
            binding::redraw(&element);
        }
    });
    let tools = lab.map(|lab| {
        view! {
            <Show when=move || settings.shows(Part::Export)>
                <ExportTools lab holder name title source spec />
            </Show>
        }
    });
    let is_open = RwSignal::new(false);
    let numbers = move || is_open.get().then(|| number_table(&spec.get()));
    view! {
        <figure class="chart-figure">
            <figcaption><span>{title}</span>{tools}</figcaption>
            {move || problem.get().map(|problem| view! {
                <p class="notice" role="alert">
                    {format!("The chart can’t be drawn: {problem}. Its numbers are below. ")}
                    <button type="button" on:click=move |_| attempts.update(|attempts| *attempts += 1)>
                        "Try again"</button>
                </p>
            })}
            <div class="chart" data-chart=name node_ref=holder tabindex="0" role="group"
                style=format!("height: {height}px")
                aria-label=move || format!("{}. Arrow keys read its values.", title.get())></div>
            <p class="sr-only" aria-live="polite"></p>
            <details class="numbers"
                on:toggle=move |_| is_open.update(|is_open| *is_open = !*is_open)>
                <summary>"Numbers"</summary>
                <div class="table" tabindex="0" role="group" aria-label="Numbers of the chart">
                    {numbers}</div>
            </details>
        </figure>
    }
}

/// Buttons that save the chart.
#[component]
fn ExportTools(
    lab: Lab,
    holder: NodeRef<leptos::html::Div>,
    name: &'static str,
    title: Signal<String>,
    source: Option<Callback<(), FigureSource>>,
    spec: Signal<ChartSpec>,
) -> impl IntoView {
    let of_allocations = Callback::new(move |()| FigureSource::of_allocations(lab));
    let draw: Draw = Callback::new(move |width: FigureWidth| -> Drawn {
        let element = holder.get_untracked();
        Box::pin(async move {
            let element = element.ok_or("the chart is not there any more")?;
            let paper = serde_json::to_string(&PAPER).unwrap_or_default();
            let svg = binding::svg(&element.into(), width.pixels(), &paper).await;
            let svg = svg.map_err(|error| thrown(&error))?;
            svg.as_string().ok_or_else(|| "the chart was not drawn".to_owned())
        })
    });
    let figure = Figure {
        lab,
        name: StoredValue::new(name.to_owned()),
        title,
        source: source.unwrap_or(of_allocations),
        draw,
    };
    let is_open = RwSignal::new(false);
    let save_csv = move |_| {
        let (head, rows) = spec.get_untracked().table();
        export::save_text(
            &export::file_name(lab, name, "csv"),
            &export::csv(&head, &rows),
            "text/csv",
        );
    };
    view! {
        <div class="tools">
            <FigureButton is_open />
            <Show when=move || is_open.get()><FigureDialog figure is_open /></Show>
            <button type="button" on:click=save_csv>"CSV"</button>
        </div>
    }
}

fn number_table(spec: &ChartSpec) -> impl IntoView + use<> {
    let (head, rows) = spec.table();
    let head = head.into_iter().map(|cell| view! { <th scope="col">{cell}</th> }).collect_view();
    let row = |row: Vec<String>| {
        let cells = row.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view();
        view! { <tr>{cells}</tr> }
    };
    view! {
        <table>
            <thead><tr>{head}</tr></thead>
            <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}

/// Calls back when the system turns light or dark, for as long as the component lives.
fn on_scheme_change(changed: impl FnMut() + 'static) {
    let Ok(Some(query)) = window().match_media("(prefers-color-scheme: dark)") else { return };
    let listener = Closure::<dyn FnMut()>::new(changed);
    query.set_onchange(Some(listener.as_ref().unchecked_ref()));
    let held = StoredValue::new_local((query, listener));
    on_cleanup(move || held.with_value(|(query, _)| query.set_onchange(None)));
}
