//! Every layer's numbers: sorted, filtered, walked with the keyboard, saved.

use std::cmp::Ordering;

use leptos::prelude::*;

use crate::export::{self, LayerRow};
use crate::lab::{Lab, Side};
use crate::metric::percent;
use crate::settings::{Column, Part, Sort};

/// The table of layers under A.
#[component]
pub fn TablePane(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let rows = Memo::new(move |_| {
        let filter = settings.filter.get().to_lowercase();
        let mut rows = export::layer_rows(lab, Side::A);
        rows.retain(|row| words(row).contains(&filter));
        let Sort { column, descending } = settings.sort.get();
        rows.sort_by(|a, b| if descending { compare(b, a, column) } else { compare(a, b, column) });
        Rows(rows)
    });
    let summary = move || {
        lab.a.with(|outcome| {
            outcome.as_ref().map_or_else(
                |_| "No allocation".to_owned(),
                |allocation| {
                    format!("{} keeps {} of {} weights", allocation.rule, allocation.kept, allocation.weights())
                },
            )
        })
    };
    view! {
        <div class="pane-head">
            <h2>{summary}</h2>
            <div class="tools">
                <input type="search" id="filter" placeholder="Filter, such as projection" aria-label="Filter layers by name, role or state"
                    prop:value=move || settings.filter.get() on:input:target=move |event| settings.filter.set(event.target().value()) />
                <Show when=move || settings.shows(Part::Export)>
                    <button type="button" on:click=move |_| export::layers_csv(lab, Side::A)>"CSV"</button>
                    <button type="button" on:click=move |_| export::layers_json(lab, Side::A)>"JSON"</button>
                    <button type="button" id="save-allocation" title="Read by rrlab prune, and by this page"
                        on:click=move |_| export::allocation_json(lab, Side::A)>"Allocation"</button>
                    <button type="button" title="The colours of the graph as node data for Model Explorer"
                        on:click=move |_| export::node_data(lab, Side::A)>"Node data"</button>
                </Show>
            </div>
        </div>
        <div class="table" tabindex="0" role="group" aria-label="Layers, scrolls sideways">
            <table id="layers">
                <thead><tr>{Column::ALL.iter().map(|&column| view! { <Head lab column /> }).collect_view()}</tr></thead>
                <tbody>
                    <For each=move || rows.get().0 key=|row| row.allocation.name.clone() children=move |row| row_view(lab, rows, row) />
                </tbody>
            </table>
        </div>
        <Show when=move || rows.with(|rows| rows.0.is_empty())>
            <p class="faint">"No layer matches the filter."</p>
        </Show>
    }
}

/// Rows that are equal when their numbers are.
#[derive(Clone)]
struct Rows(Vec<LayerRow>);

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(a, b)| a.allocation == b.allocation && (a.raw, a.residual, a.rr) == (b.raw, b.residual, b.rr))
    }
}

/// A column's head, which sorts by it.
#[component]
fn Head(lab: Lab, column: Column) -> impl IntoView {
    let sort = lab.settings.sort;
    let by_this = move || sort.get().column == column;
    let order = move || match (by_this(), sort.get().descending) {
        (false, _) => "none",
        (true, false) => "ascending",
        (true, true) => "descending",
    };
    let arrow = move || match order() {
        "ascending" => " ▲",
        "descending" => " ▼",
        _ => "",
    };
    let click =
        move |_| sort.update(|sort| *sort = Sort { column, descending: sort.column == column && !sort.descending });
    view! {
        <th scope="col" aria-sort=order>
            <button type="button" data-sort=column.to_string() on:click=click>{column.label()}<span aria-hidden="true">{arrow}</span></button>
        </th>
    }
}

/// A row whose cells follow its layer's numbers, so that moving the slider changes texts, not elements.
fn row_view(lab: Lab, rows: Memo<Rows>, row: LayerRow) -> impl IntoView {
    let name = row.allocation.name.clone();
    let (role, weights, macs, order) = (row.allocation.role, row.allocation.weights, row.macs, row.order);
    let now = {
        let name = name.clone();
        Memo::new(move |_| {
            rows.with(|rows| {
                let row = rows.0.iter().find(|row| row.allocation.name == name).unwrap_or(&row);
                (
                    row.allocation.kept,
                    row.allocation.density,
                    row.raw,
                    row.residual,
                    row.rr,
                    row.allocation.state.name(),
                )
            })
        })
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
    view! {
        <tr data-layer=name class:selected=selected>
            <td>{order}</td>
            <td class="text"><button type="button" class="link" on:click=open>{text}</button></td>
            <td class="text">{role.name()}</td>
            <td>{weights}</td>
            <td>{macs}</td>
            <td data-value="kept">{move || now.get().0}</td>
            <td>
                {move || percent(now.get().1)}
                <span class="density" aria-hidden="true"><span style=move || format!("width: {:.1}%", 100.0 * now.get().1)></span></span>
            </td>
            <td>{move || format!("{:.4}", now.get().2)}</td>
            <td>{move || format!("{:.4}", now.get().3)}</td>
            <td data-value="rr">{move || format!("{:.3}", now.get().4)}</td>
            <td class="text">{move || now.get().5}</td>
        </tr>
    }
}

fn words(row: &LayerRow) -> String {
    format!("{} {} {}", row.allocation.name, row.allocation.role, row.allocation.state.name()).to_lowercase()
}

fn compare(a: &LayerRow, b: &LayerRow, column: Column) -> Ordering {
    let (left, right) = (&a.allocation, &b.allocation);
    match column {
        Column::Order => a.order.cmp(&b.order),
        Column::Name => left.name.cmp(&right.name),
        Column::Role => left.role.cmp(&right.role),
        Column::Weights => left.weights.cmp(&right.weights),
        Column::Macs => a.macs.cmp(&b.macs),
        Column::Kept => left.kept.cmp(&right.kept),
        Column::Density => left.density.total_cmp(&right.density),
        Column::Raw => a.raw.total_cmp(&b.raw),
        Column::Residual => a.residual.total_cmp(&b.residual),
        Column::Rr => a.rr.total_cmp(&b.rr),
        Column::State => left.state.name().cmp(right.state.name()),
    }
}
