//! Charts by ECharts: what is drawn is a [`ChartSpec`]; hover, keyboard, a table for reading and export are the same for all.

use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use crate::after_paint::after_paint;
use crate::export;
use crate::lab::Lab;
use crate::settings::{Part, Settings};

pub mod binding;

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisScale {
    /// Sparsity: by the logarithm of what is left, so that the range near 1 opens up.
    Sparsity,
    /// Plain numbers.
    Linear,
    /// Fractions, written in per cent.
    Percent,
    /// Names.
    Category,
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// What it measures.
    pub title: String,
    /// How.
    pub scale: AxisScale,
    /// Least value shown; that of the data where there is none.
    pub min: Option<f64>,
    /// Largest value shown.
    pub max: Option<f64>,
    /// Values that are written; chosen by the chart where there are none.
    pub ticks: Vec<f64>,
    /// Names, for [`AxisScale::Category`].
    pub categories: Vec<String>,
}

impl Axis {
    /// An axis of numbers.
    pub fn new(title: &str, scale: AxisScale) -> Self {
        Self { title: title.into(), scale, min: None, max: None, ticks: Vec::new(), categories: Vec::new() }
    }

    /// From here to there.
    pub fn between(self, min: f64, max: f64) -> Self {
        Self { min: Some(min), max: Some(max), ..self }
    }

    /// Sparsity between these two.
    pub fn sparsity(min: f64, max: f64) -> Self {
        const WRITTEN: [f64; 12] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998];
        let ticks = WRITTEN.into_iter().filter(|tick| (min..=max).contains(tick)).collect();
        Self { ticks, ..Self::new("sparsity", AxisScale::Sparsity).between(min, max) }
    }

    /// Names.
    pub fn names(names: Vec<String>) -> Self {
        Self { categories: names, ..Self::new("", AxisScale::Category) }
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A line with points.
    Line,
    /// Bars.
    Bar,
}

/// A line or a row of bars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Its name in the legend; series of one name are hidden and shown together.
    pub name: String,
    /// What tells it from others of its name; empty where nothing must.
    pub note: &'static str,
    /// How it is drawn.
    pub kind: Kind,
    /// Where its points are; for names, the first number is their index.
    pub points: Vec<(f64, f64)>,
    /// Whether the line is broken.
    pub dashed: bool,
    /// Whether it waits to be shown.
    pub hidden: bool,
    /// Number of its colour and symbol; its place among the series where there is none.
    pub style: Option<usize>,
}

impl Series {
    /// A line.
    pub fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), note: "", kind: Kind::Line, points, dashed: false, hidden: false, style: None }
    }

    fn full_name(&self) -> String {
        [self.name.as_str(), self.note].join(" ").trim().to_owned()
    }

    /// Bars over names.
    pub fn bars(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let points = values.into_iter().enumerate().map(|(index, value)| (index as f64, value)).collect();
        Self { kind: Kind::Bar, ..Self::line(name, points) }
    }
}

/// A stretch of the horizontal axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shade {
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// What it is.
    pub label: String,
}

/// A place on the horizontal axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// Where.
    pub at: f64,
    /// What it is.
    pub label: String,
}

/// All that a chart shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChartSpec {
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Lines and bars.
    pub series: Vec<Series>,
    /// A stretch that stands out.
    pub shade: Option<Shade>,
    /// A place that stands out.
    pub mark: Option<Mark>,
    /// Whether names of series are listed, to be hidden and shown.
    pub legend: bool,
}

impl ChartSpec {
    /// The numbers as a table: a head, and a row for each place on the horizontal axis.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut places: Vec<f64> =
            self.series.iter().flat_map(|series| series.points.iter().map(|point| point.0)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let first = if self.x.title.is_empty() { "layer" } else { &self.x.title };
        let head = [first.to_owned()].into_iter().chain(self.series.iter().map(Series::full_name)).collect();
        let place_name = |place: f64| match self.x.scale {
            AxisScale::Category => self.x.categories.get(place as usize).cloned().unwrap_or_default(),
            _ => format!("{place}"),
        };
        let value = |series: &Series, place: f64| {
            series
                .points
                .iter()
                .find(|point| point.0 == place)
                .map_or_else(String::new, |point| format!("{:.5}", point.1))
        };
        let row = |&place: &f64| {
            [place_name(place)].into_iter().chain(self.series.iter().map(|series| value(series, place))).collect()
        };
        (head, places.iter().map(row).collect())
    }
}

/// A chart, with its title, a way to read it with the keyboard, its numbers as a table, and export.
#[component]
pub fn Chart(
    settings: Settings,
    /// The lab that saved files speak of; without, nothing can be saved.
    #[prop(optional)]
    lab: Option<Lab>,
    /// Beginning of the names of saved files.
    name: &'static str,
    /// What is shown.
    #[prop(into)]
    title: Signal<String>,
    /// What is drawn.
    #[prop(into)]
    spec: Signal<ChartSpec>,
    /// Told of a series that a person hid (false) or showed.
    #[prop(optional)]
    on_legend: Option<Callback<(String, bool)>>,
    /// Height in pixels.
    #[prop(default = 320)]
    height: u32,
) -> impl IntoView {
    let holder = NodeRef::<leptos::html::Div>::new();
    let spec = after_paint(Memo::new(move |_| spec.get()));
    let told = StoredValue::new_local(Closure::<dyn FnMut(String, bool)>::new(move |name, shown| {
        if let Some(on_legend) = on_legend {
            on_legend.run((name, shown));
        }
    }));
    Effect::new(move |_| {
        let Some(element) = holder.get() else { return };
        settings.theme.track();
        if let Ok(json) = serde_json::to_string(&spec.get()) {
            told.with_value(|told| binding::draw(&element, &json, told));
        }
    });
    on_scheme_change(move || holder.get_untracked().iter().for_each(|element| binding::redraw(element)));
    let with_svg = move |lab: Lab, then: fn(String, String), ending: &'static str| {
        let Some(element) = holder.get_untracked() else { return };
        let (name, description) = (export::file_name(lab, name, ending), export::description(lab));
        leptos::task::spawn_local(async move {
            if let Some(text) = binding::svg(&element, &description).await.as_string() {
                then(name, text);
            }
        });
    };
    let save_csv = move |lab: Lab| {
        let (head, rows) = spec.get_untracked().table();
        binding::save(&export::file_name(lab, name, "csv"), &export::csv(&head, &rows), "text/csv");
    };
    let table = move || {
        let (head, rows) = spec.get().table();
        view! {
            <table>
                <thead><tr>{head.into_iter().map(|cell| view! { <th scope="col">{cell}</th> }).collect_view()}</tr></thead>
                <tbody>
                    {rows.into_iter().map(|row| view! {
                        <tr>{row.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr>
                    }).collect_view()}
                </tbody>
            </table>
        }
    };
    let read = RwSignal::new(false);
    view! {
        <figure class="chart-figure">
            <figcaption>
                <span>{title}</span>
                {lab.map(|lab| view! {
                    <Show when=move || settings.shows(Part::Export)>
                        <span class="tools">
                            <button type="button" on:click=move |_| with_svg(lab, |name, text| binding::save(&name, &text, "image/svg+xml"), "svg")>"SVG"</button>
                            <button type="button" on:click=move |_| with_svg(lab, |name, text| binding::save_png(&name, &text), "png")>"PNG"</button>
                            <button type="button" on:click=move |_| save_csv(lab)>"CSV"</button>
                        </span>
                    </Show>
                })}
            </figcaption>
            <div class="chart" data-chart=name node_ref=holder tabindex="0" role="group" style=format!("height: {height}px")
                aria-label=move || format!("{}. Arrow keys read its values.", title.get())></div>
            <p class="sr-only" aria-live="polite"></p>
            <details class="numbers" on:toggle=move |_| read.update(|read| *read = !*read)>
                <summary>"Numbers"</summary>
                <div class="table" tabindex="0" role="group" aria-label="Numbers of the chart">{move || read.get().then(table)}</div>
            </details>
        </figure>
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
