//! The graph as a figure: laid out for a width on paper, with what its colours mean.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, XmlSerializer};

use super::boxes::scene_view;
use super::state::GraphState;
use super::width::ONE_BLOCK;
use crate::figure::{Drawn, Figure, FigureDialog, FigureSource, FigureWidth, PAPER};
use crate::lab::{Lab, Side};
use crate::later::ViewCode;
use crate::problem::thrown;

/// Style of the graph.
const GRAPH_STYLE: &str = include_str!("../../graph.css");
/// What stands for the page's colours in it, which not every program that reads SVG knows: variables.
const VARIABLES: [(&str, &str); 6] = [
    ("var(--ink)", PAPER.ink),
    ("var(--faint)", PAPER.faint),
    ("var(--line)", PAPER.line),
    ("var(--ground)", PAPER.ground),
    ("var(--accent)", "#1f6391"),
    ("var(--bad)", "#b3261e"),
];
/// Height of the legend above the graph, and how wide its colours are.
const LEGEND: f64 = 54.0;
const LEGEND_WIDTH: f64 = 240.0;
const MARGIN: f64 = 18.0;
/// Names the gradient inside the drawing.
const GRADIENT: &str = "colours";

/// A graph, and whether the dialog of its figure is open.
type ShownFigure = (GraphState, RwSignal<bool>);

/// The dialog of a graph's figure.
#[wasm_split(figure, wasm_split_path = leptos::wasm_split, fallible)]
pub fn fetch_figure() -> ViewCode<ShownFigure> {
    Ok(|(graph, is_open)| view! { <FigureDialog figure=figure(graph) is_open /> }.into_any())
}

/// Width of the rows, in units of the drawing: one residual block in a column, three over both, where
/// letters are some 5 points high and a ResNet-20 leaves half of the page.
fn room(width: FigureWidth) -> f64 {
    match width {
        FigureWidth::Column => ONE_BLOCK,
        FigureWidth::Page => 1130.0,
    }
}

/// The graph under one of the two allocations as a figure.
fn figure(graph: GraphState) -> Figure {
    let (lab, side) = (graph.lab, graph.side);
    let title = move || {
        let metric = lab.settings.metric.get().label();
        format!("Layer graph under {}; colours: {metric}", lab.describe(side))
    };
    Figure {
        lab,
        name: StoredValue::new(format!("graph-{side}")),
        title: Signal::derive(title),
        source: Callback::new(move |()| FigureSource::of_allocations(lab)),
        draw: Callback::new(move |width| drawn(lab, side, width)),
    }
}

/// The whole graph as SVG text, drawn outside the page.
fn drawn(lab: Lab, side: Side, width: FigureWidth) -> Drawn {
    Box::pin(async move {
        let holder = document().create_element("div").map_err(|error| thrown(&error))?;
        let holder: HtmlElement = holder.unchecked_into();
        let mounted = leptos::mount::mount_to(holder.clone(), move || {
            let graph = GraphState::new(lab, side, RwSignal::new(room(width)));
            view! { <StillGraph graph /> }
        });
        let svg = holder.query_selector("svg").ok().flatten();
        let text = svg.map(|svg| XmlSerializer::new()?.serialize_to_string(&svg));
        drop(mounted);
        text.unwrap_or_else(|| Err("there is no drawing".into())).map_err(|error| thrown(&error))
    })
}

/// Legend and graph, as they are now.
#[component]
fn StillGraph(graph: GraphState) -> impl IntoView {
    let (width, height) =
        graph.scene.with_untracked(|scene| (scene.layout.width, scene.layout.height + LEGEND));
    let hovered = RwSignal::new(None);
    let style = format!("<style>{}</style>", style());
    view! {
        <svg xmlns="http://www.w3.org/2000/svg" width=width height=height color=PAPER.ink
            font-family="Open Sans">
            <defs inner_html=style></defs>
            <rect width=width height=height fill=PAPER.ground />
            <StillLegend graph />
            <g transform=format!("translate(0 {LEGEND})")>
                {graph.scene.with_untracked(|scene| scene_view(graph, scene, hovered))}</g>
        </svg>
    }
}

/// The graph's rules without those for a pointer and a keyboard.
fn style() -> String {
    let is_still = |rule: &&str| !rule.contains(":hover") && !rule.contains(":focus");
    let rules: Vec<&str> = GRAPH_STYLE.lines().filter(is_still).collect();
    let mut style = rules.join("\n");
    for (variable, colour) in VARIABLES {
        style = style.replace(variable, colour);
    }
    style
}

/// What the colours mean.
#[component]
fn StillLegend(graph: GraphState) -> impl IntoView {
    let metric = graph.lab.settings.metric.get_untracked();
    let scale = graph.scale.get_untracked();
    let stops = scale.stops();
    let last = (stops.len() - 1) as f64;
    let stop = |(index, colour): (usize, crate::colour::Colour)| {
        view! { <stop offset=index as f64 / last stop-color=colour.hex() /> }
    };
    let right = MARGIN + LEGEND_WIDTH;
    let [first, .., end] = scale.ticks().map(|tick| metric.format(tick));
    let [low, _, high] = graph.scale_meaning();
    view! {
        <linearGradient id=GRADIENT>{stops.into_iter().enumerate().map(stop).collect_view()}</linearGradient>
        <text x=MARGIN y="20" font-size="12" font-weight="600" fill=PAPER.ink>{metric.label()}</text>
        <rect x=MARGIN y="26" width=LEGEND_WIDTH height="9" fill=format!("url(#{GRADIENT})") />
        <text x=MARGIN y="47" font-size="10" fill=PAPER.faint>{format!("{first} {low}")}</text>
        <text x=right y="47" font-size="10" fill=PAPER.faint text-anchor="end">{format!("{high} {end}")}</text>
    }
}
