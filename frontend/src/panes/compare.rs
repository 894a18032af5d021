//! Two allocations, layer by layer.

use leptos::prelude::*;
use rrlab_types::Role;

use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::controls::AllocationControls;
use crate::export::{self, LayerFile};
use crate::format::{count, percent};
use crate::lab::{Lab, Side};
use crate::problem::Problem;
use crate::settings::Part;

/// What stands before the name of a projection on an axis; the font of figures has it.
const PROJECTION_MARK: &str = "◊";

/// Names of the layers in graph order, projections marked.
pub fn layer_names(lab: Lab) -> Vec<String> {
    lab.profile.with_value(|profile| {
        let layers = profile.graph.prunable_layers();
        let mark = |role| {
            if role == Role::Projection { format!("{PROJECTION_MARK} ") } else { String::new() }
        };
        layers.iter().map(|layer| format!("{}{}", mark(layer.role), layer.name)).collect()
    })
}

/// Allocation B, its settings, and how it differs from A.
#[component]
pub fn ComparePane(lab: Lab) -> impl IntoView {
    let problem = move || lab.b.with(|outcome| outcome.as_ref().err().cloned());
    let spec = Memo::new(move |_| {
        let series = |side: Side| {
            let densities: Vec<f64> =
                lab.numbers(side).get().iter().map(|numbers| numbers.density()).collect();
            Series::bars(format!("{side}: {}", lab.describe(side)), densities)
        };
        ChartSpec {
            x: Axis::names(layer_names(lab)),
            y: Axis::new("density", AxisScale::Percent).between(0.0, 1.0),
            series: [Side::A, Side::B].map(series).to_vec(),
            shade: None,
            mark: None,
            legend: true,
        }
    });
    view! {
        <p class="lead">"What B does otherwise than A: look for the layers whose bars differ."</p>
        <div class="pane-head">
            <h2>{move || format!("B: {}", lab.describe(Side::B))}</h2>
            <Show when=move || lab.settings.shows(Part::Export)>
                <div class="tools">
                    <button type="button" on:click=move |_| export::save_layers(lab, Side::B, LayerFile::Csv)>
                        "B as CSV"</button>
                    <button type="button" on:click=move |_| export::save_layers(lab, Side::B, LayerFile::Allocation)>
                        "B as allocation"</button>
                </div>
            </Show>
        </div>
        {move || source_of_b(lab)}
        <Problem problem=Signal::derive(problem) />
        <p>{move || difference(lab)}</p>
        <Chart settings=lab.settings lab name="compare"
            title=Signal::derive(|| "Density of every layer, projections marked ◊".to_owned()) spec
            height=380 />
    }
}

/// Where B comes from: a file, or settings of its own.
fn source_of_b(lab: Lab) -> AnyView {
    if lab.opened.with(Option::is_some) {
        return view! {
            <p>"B is from a file. "
                <button type="button" on:click=move |_| lab.opened.set(None)>
                    "Compute B instead"</button>
            </p>
        }
        .into_any();
    }
    view! {
        <div class="controls">
            <AllocationControls lab side=Side::B />
            <ForceText lab side=Side::B />
        </div>
    }
    .into_any()
}

/// What is forced, as text in the command line's words.
#[component]
pub fn ForceText(lab: Lab, side: Side) -> impl IntoView {
    let choice = lab.choice(side);
    let refused = RwSignal::new(None::<String>);
    let set = move |text: String| match text.parse() {
        Ok(list) => {
            refused.set(None);
            choice.force.set(list);
        }
        Err(error) => refused.set(Some(format!("{error}"))),
    };
    view! {
        <label>
            <span>"Forced layers"</span>
            <input type="text" placeholder="projection=global, stem=dense"
                prop:value=move || choice.force.get().to_string()
                data-force=side.to_string()
                on:change:target=move |event| set(event.target().value().replace(' ', "")) />
        </label>
        <Problem problem=refused />
    }
}

/// What B does otherwise than A, in a sentence.
fn difference(lab: Lab) -> String {
    let (Ok(a), Ok(b)) = (lab.a.get(), lab.b.get()) else { return String::new() };
    let differences = match a.diff(&b) {
        Ok(differences) => differences,
        Err(error) => return error.to_string(),
    };
    let [more, less] = [1, -1].map(|sign| {
        let of_layer = |kept: i64| (sign * kept).max(0);
        differences.iter().map(|layer| of_layer(layer.kept)).sum::<i64>()
    });
    let largest = differences.iter().max_by(|x, y| x.density.abs().total_cmp(&y.density.abs()));
    let largest = largest.filter(|layer| layer.kept != 0).map_or_else(String::new, |layer| {
        format!(
            " Most differs {}: {} {}.",
            layer.name,
            if layer.density > 0.0 { "B keeps more, by" } else { "B keeps less, by" },
            percent(layer.density.abs())
        )
    });
    let all = match more - less {
        0 => "as many as A in all".to_owned(),
        rest if rest > 0 => format!("{} more than A in all", count(rest as f64)),
        rest => format!("{} fewer than A in all", count(-rest as f64)),
    };
    format!(
        "B keeps {} weights more than A in some layers and {} fewer in others, {all}.{largest}",
        count(more as f64),
        count(less as f64)
    )
}
