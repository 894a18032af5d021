//! Every layer's numbers: sorted, filtered, walked with the keyboard, saved.

use std::cmp::Ordering;

use leptos::prelude::*;
use rrlab_types::{LayerState, ModelProfile};

use crate::after_paint::after_paint;
use crate::export::{self, LayerFile};
use crate::format::percent;
use crate::lab::{Lab, Side};
use crate::metric::LayerNumbers;
use crate::settings::{Column, Part, Sort, aria_sort};

/// The table of layers under A.
#[component]
pub fn TablePane(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let names = lab.profile.with_value(|profile| words_of_layers(profile));
    let cells = after_paint(Memo::new(move |_| cells(lab)));
    let shown = Memo::new(move |_| {
        let filter = settings.filter.get().to_lowercase();
        let mut rows: Vec<(usize, Cells)> = cells.get().into_iter().enumerate().collect();
        rows.retain(|(index, cells)| {
            filter.is_empty()
                || format!("{} {}", names[*index], cells.state_name()).contains(&filter)
        });
        let Sort { column, descending } = settings.sort.get();
        if column != Column::Order {
            let by = |a: &(usize, Cells), b: &(usize, Cells)| compare(lab, a, b, column);
            rows.sort_by(|a, b| if descending { by(b, a) } else { by(a, b) });
        } else if descending {
            rows.reverse();
        }
        rows.into_iter().map(|(index, _)| index).collect::<Vec<usize>>()
    });
    let summary = move || {
        lab.a.with(|outcome| {
            outcome.as_ref().map_or_else(
                |_| "No allocation".to_owned(),
                |allocation| {
                    let near =
                        allocation.layers.iter().filter(|layer| layer.is_near_collapse()).count();
                    let collapse = match near {
                        0 => String::new(),
                        1 => "; 1 layer is near collapse".to_owned(),
                        several => format!("; {several} layers are near collapse"),
                    };
                    format!(
                        "{} keeps {} of {} weights{collapse}",
                        allocation.rule.label(),
                        allocation.kept,
                        allocation.weights()
                    )
                },
            )
        })
    };
    view! {
        <p class="lead">"Every layer under A. Sort by a column to find where the damage goes; click a \
            layer to see why."</p>
        <div class="pane-head">
            <h2>{summary}</h2>
            <div class="tools">
                <input type="search" id="filter" placeholder="Filter, such as projection"
                    aria-label="Filter layers by name, role or state"
                    prop:value=move || settings.filter.get()
                    on:input:target=move |event| settings.filter.set(event.target().value()) />
                <Show when=move || settings.shows(Part::Export)>
                    <button type="button" on:click=move |_| export::save_layers(lab, Side::A, LayerFile::Csv)>
                        "CSV"</button>
                    <button type="button" on:click=move |_| export::save_layers(lab, Side::A, LayerFile::Json)>
                        "JSON"</button>
                    <button type="button" id="save-allocation"
                        title="Read by rrlab prune, and by this page"
                        on:click=move |_| export::save_layers(lab, Side::A, LayerFile::Allocation)>
                        "Allocation"</button>
                    <button type="button"
                        title="The colours of the graph as node data for Model Explorer"
                        on:click=move |_| export::save_layers(lab, Side::A, LayerFile::NodeData)>"Node data"</button>
                </Show>
            </div>
        </div>
        <div class="table" tabindex="0" role="group" aria-label="Layers, scrolls sideways">
            <table id="layers">
                <thead><tr>{Column::ALL.iter().map(|&column| view! { <Head lab column /> }).collect_view()}</tr></thead>
                <tbody>
                    <For each=move || shown.get() key=|index| *index
                        children=move |index| row_view(lab, cells, index) />
                </tbody>
            </table>
        </div>
        <Show when=move || shown.with(Vec::is_empty)>
            <p class="faint">"No layer matches the filter."</p>
        </Show>
    }
}

/// What moves in a row when the allocation does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cells {
    numbers: LayerNumbers,
    state: LayerState,
}

impl Cells {
    /// What stands in the column of states.
    fn state_name(self) -> &'static str {
        if self.numbers.near_collapse > 0 { "near collapse" } else { self.state.name() }
    }
}

/// LayerNumbers of every layer under A, where there is one.
fn cells(lab: Lab) -> Vec<Cells> {
    lab.a.with(|outcome| {
        let layers = outcome.as_ref().map_or(&[][..], |allocation| &allocation.layers);
        let numbers = lab.numbers_a.get();
        layers
            .iter()
            .zip(numbers)
            .map(|(layer, numbers)| Cells { numbers, state: layer.state })
            .collect()
    })
}

/// Name and role of every layer, to be searched.
fn words_of_layers(profile: &ModelProfile) -> Vec<String> {
    let layers = profile.graph.prunable_layers();
    layers.iter().map(|layer| format!("{} {}", layer.name, layer.role).to_lowercase()).collect()
}

/// A column's head, which sorts by it.
#[component]
fn Head(lab: Lab, column: Column) -> impl IntoView {
    let sort = lab.settings.sort;
    let order = move || aria_sort(sort.get().column == column, sort.get().descending);
    let arrow = move || match order() {
        "ascending" => " ▲",
        "descending" => " ▼",
        _ => "",
    };
    let click = move |_| {
        sort.update(|sort| {
            *sort = Sort { column, descending: sort.column == column && !sort.descending }
        })
    };
    view! {
        <th scope="col" aria-sort=order>
            <button type="button" data-sort=column.to_string() on:click=click>{column.label()}<span
                aria-hidden="true">{arrow}</span></button>
        </th>
    }
}

/// A row whose cells follow its layer's numbers, so that moving the slider changes texts, not
/// elements.
fn row_view(lab: Lab, cells: Signal<Vec<Cells>>, index: usize) -> impl IntoView {
    let (name, role, weights, macs) = lab.profile.with_value(|profile| {
        let layer = &profile.graph.prunable_layers()[index];
        (layer.name.to_owned(), layer.role, layer.weights, layer.macs)
    });
    let now = Memo::new(move |_| cells.with(|cells| cells.get(index).copied()));
    let number = move |of: fn(LayerNumbers) -> String| {
        move || now.get().map_or_else(String::new, |cells| of(cells.numbers))
    };
    let open = {
        let name = name.clone();
        move |_| lab.settings.inspect(&name)
    };
    let selected = {
        let name = name.clone();
        move || lab.settings.layer.with(|layer| *layer == name)
    };
    let text = name.clone();
    let width = number(|numbers| format!("width: {:.1}%", 100.0 * numbers.density()));
    view! {
        <tr data-layer=name class:selected=selected>
            <td>{index + 1}</td>
            <td class="text"><button type="button" class="link" on:click=open>{text}</button></td>
            <td class="text">{role.name()}</td>
            <td>{weights}</td>
            <td>{macs}</td>
            <td data-value="kept">{number(|numbers| numbers.kept.to_string())}</td>
            <td>
                {number(|numbers| percent(numbers.density()))}
                <span class="density" aria-hidden="true"><span style=width></span></span>
            </td>
            <td>{number(|numbers| format!("{:.4}", numbers.raw))}</td>
            <td>{number(|numbers| format!("{:.4}", numbers.residual))}</td>
            <td data-value="rr">{number(|numbers| format!("{:.3}", numbers.rr()))}</td>
            <td class="text">{move || now.get().map_or("", Cells::state_name)}</td>
        </tr>
    }
}

fn compare(
    lab: Lab,
    (left, a): &(usize, Cells),
    (right, b): &(usize, Cells),
    column: Column,
) -> Ordering {
    let by = |of: fn(LayerNumbers) -> f64| of(a.numbers).total_cmp(&of(b.numbers));
    match column {
        Column::Order => left.cmp(right),
        Column::Name => lab
            .profile
            .with_value(|profile| profile.layers[*left].name.cmp(&profile.layers[*right].name)),
        Column::Role => lab.profile.with_value(|profile| {
            let layers = profile.graph.prunable_layers();
            layers[*left].role.cmp(&layers[*right].role)
        }),
        Column::Weights => a.numbers.weights.cmp(&b.numbers.weights),
        Column::Macs => a.numbers.macs.cmp(&b.numbers.macs),
        Column::Kept => a.numbers.kept.cmp(&b.numbers.kept),
        Column::Density => by(LayerNumbers::density),
        Column::Raw => by(|numbers| numbers.raw),
        Column::Residual => by(|numbers| numbers.residual),
        Column::Rr => by(LayerNumbers::rr),
        Column::State => a.state_name().cmp(b.state_name()),
    }
}
