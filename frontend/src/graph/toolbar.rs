//! Above a graph: what its colours mean, and tools to search, zoom, fold and save.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::figure::fetch_figure;
use super::keyboard::ZOOM_STEP;
use super::state::GraphState;
use crate::figure::FigureButton;
use crate::later::later;
use crate::settings::Part;

/// Legend and tools.
#[component]
pub fn Toolbar(graph: GraphState) -> impl IntoView {
    let settings = graph.lab.settings;
    let figure_is_open = RwSignal::new(false);
    let fold_text = move || match settings.folded.with(|folded| folded.0.is_empty()) {
        true => "Fold stages",
        false => "Unfold all",
    };
    let search_key = move |event: KeyboardEvent| {
        if event.key() == "Enter" {
            graph.focus(graph.focused.get_untracked());
        }
    };
    view! {
        <Legend graph />
        <div class="tools">
            <input type="search" placeholder="Find a layer" aria-label="Find a layer by name"
                size="12"
                on:input:target=move |event| graph.find(&event.target().value())
                on:keydown=search_key />
            <button type="button" aria-label="Zoom in" title="Zoom in (+)"
                on:click=move |_| graph.zoom(ZOOM_STEP, None)>"+"</button>
            <button type="button" aria-label="Zoom out" title="Zoom out (−)"
                on:click=move |_| graph.zoom(1.0 / ZOOM_STEP, None)>"−"</button>
            <button type="button" title="The whole graph (space)" on:click=move |_| graph.fit()>
                "Fit"</button>
            <button type="button" title="Stages as one box each (f folds the block at the cursor)"
                on:click=move |_| graph.toggle_stages()>{fold_text}</button>
            <Show when=move || settings.shows(Part::Export)>
                <FigureButton is_open=figure_is_open />
                <Show when=move || figure_is_open.get()>
                    {later((graph, figure_is_open), fetch_figure)}</Show>
            </Show>
        </div>
    }
}

/// What the colours mean, with an axis.
#[component]
fn Legend(graph: GraphState) -> impl IntoView {
    let (metric, stretch) = (graph.lab.settings.metric, graph.lab.settings.stretch);
    let meaning = move || graph.scale_meaning();
    let label = move || {
        let metric = metric.get();
        let [low, middle, high] = meaning();
        let [first, .., last] = graph.scale.get().ticks().map(|tick| metric.format(tick));
        let middle = if middle.is_empty() { String::new() } else { format!(" over {middle}") };
        format!("Colours of {}: from {first} ({low}){middle} to {last} ({high})", metric.label())
    };
    let gradient = move || format!("background: {}", graph.scale.get().gradient());
    let ticks = move || {
        let metric = metric.get();
        let tick = |value| view! { <span>{metric.format(value)}</span> };
        graph.scale.get().ticks().map(tick).into_iter().collect_view()
    };
    let words =
        move || meaning().map(|word| view! { <span>{word}</span> }).into_iter().collect_view();
    view! {
        <div class="legend">
            <span class="legend-head">
                <span class="legend-name">{move || metric.get().label()}</span>
                <label class="inline">
                    <input type="checkbox" class="stretch" prop:checked=stretch
                        on:change=move |_| stretch.update(|stretch| *stretch = !*stretch) />
                    <span>"stretch to these values"</span>
                </label>
            </span>
            <div class="legend-scale" role="img" aria-label=label>
                <span class="bar" style=gradient></span>
                <span class="axis">{ticks}</span>
                <span class="axis words">{words}</span>
            </div>
        </div>
    }
}
