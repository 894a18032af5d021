//! Boxes and connections of a graph as SVG.

use leptos::prelude::*;
use rrlab_types::{Op, Role};

use super::drawing::{Drawing, Edge, EdgeKind, Item};
use super::inset::inset;
use super::layout::{Layout, Place};
use super::scene::Scene;
use super::state::GraphState;
use crate::colour::Colour;
use crate::metric::Metric;

/// Radius of the corners of a layer's box, and of a projection's, whose ends are round.
const CORNER: f64 = 6.0;
const ROUND_CORNER: f64 = 26.0;
/// How far the sheets behind a folded group stand out.
const SHEETS: [f64; 2] = [8.0, 4.0];

/// Characters that have room in a box.
const WHOLE_NAME: usize = 17;
/// Bytes of a name that can be read when it is pressed together.
const LONGEST_NAME: usize = 24;
/// Room on both sides of a name that is pressed together.
const NAME_MARGIN: f64 = 10.0;

/// How far the centre of the mark of a layer near collapse is from the sides of its box.
const MARK: f64 = 10.0;

/// All that is drawn; `hovered` is told of the box under the pointer.
pub fn scene_view(
    graph: GraphState,
    scene: &Scene,
    hovered: RwSignal<Option<usize>>,
) -> impl IntoView + use<> {
    let edges = edges_view(&scene.drawing, &scene.layout);
    let mut boxes: Vec<AnyView> = Vec::with_capacity(scene.len());
    for (index, &item) in scene.drawing.items.iter().enumerate() {
        let place = scene.layout.places[index];
        boxes.push(match item {
            _ if scene.has_layers(index) => layer_box(graph, item, index, place, hovered),
            Item::Node(id) => {
                let op = graph.lab.profile.with_value(|profile| profile.graph.node(id).op);
                small_box(small_text(op), place)
            }
            Item::Group(_) => small_box("", place),
        });
    }
    view! { {edges} {boxes} }
}

/// Connections of a drawing.
pub fn edges_view(drawing: &Drawing, layout: &Layout) -> impl IntoView + use<> {
    let edge = |&edge: &Edge| {
        let class = match edge.kind {
            EdgeKind::Trunk => "edge",
            EdgeKind::Residual => "edge residual",
            EdgeKind::Projection => "edge projection",
        };
        view! { <path class=class d=layout.path(edge) /> }
    };
    drawing.edges.iter().map(edge).collect_view()
}

/// The face of a layer's box, with a second border where it is a projection.
pub fn face(
    place: Place,
    is_projection: bool,
    colour: impl Fn() -> Option<Colour> + Send + 'static,
) -> impl IntoView {
    let corner = if is_projection { ROUND_CORNER } else { CORNER };
    let inner = is_projection.then(|| {
        view! {
            <rect class="inner" x=place.left() + 3.0 y=place.top() + 3.0
                width=place.width - 6.0 height=place.height - 6.0 rx=corner - 3.0 />
        }
    });
    let fill = move || colour().map_or_else(|| "none".to_owned(), Colour::css);
    view! {
        <rect class="face" x=place.left() y=place.top() width=place.width height=place.height
            rx=corner fill=fill />
        {inner}
    }
}

/// Colour of what is written on a box of this colour.
pub fn text_colour(colour: Option<Colour>) -> &'static str {
    colour.map_or("currentColor", Colour::text)
}

/// A box that stands for layers: coloured by the chosen metric, to be focused and opened.
fn layer_box(
    graph: GraphState,
    item: Item,
    index: usize,
    place: Place,
    hovered: RwSignal<Option<usize>>,
) -> AnyView {
    let name = graph.name(item);
    let role = match item {
        Item::Node(id) => graph.lab.profile.with_value(|profile| profile.graph.node(id).role),
        Item::Group(_) => None,
    };
    let is_projection = role == Some(Role::Projection);
    let is_group = matches!(item, Item::Group(_));
    let value = Memo::new(move |_| {
        graph.values.with(|values| values.get(index).copied().unwrap_or(f64::NAN))
    });
    let colour = move || graph.colour(value.get());
    let kind = match item {
        Item::Group(_) => "box group",
        Item::Node(_) if is_projection => "box projection",
        Item::Node(_) => "box",
    };
    let near_collapse = Memo::new(move |_| {
        graph
            .numbers
            .with(|numbers| numbers.get(index).is_some_and(|of_box| of_box.near_collapse > 0))
    });
    let class = {
        let (settings, name) = (graph.lab.settings, name.clone());
        move || {
            let selected = settings.layer.with(|layer| *layer == name);
            let selected = if selected { " selected" } else { "" };
            let collapse = if near_collapse.get() { " near-collapse" } else { "" };
            format!("{kind}{selected}{collapse}")
        }
    };
    let tab_index = move || {
        let focused = graph.focused.get();
        let is_first = || graph.scene.with(Scene::first_with_layers) == index;
        if focused == index || (focused == 0 && is_first()) { "0" } else { "-1" }
    };
    let focus = move |_| {
        graph.focused.set(index);
        graph.bring_into_view(index);
    };
    let click = move |_| {
        graph.focused.set(index);
        graph.open(index);
    };
    let top = place.top();
    let sheets =
        is_group.then(|| SHEETS.into_iter().map(|shift| sheet(place, shift)).collect_view());
    view! {
        <g id=graph.box_id(index) class=class fill=move || text_colour(colour()) role="button"
            data-layer=name.clone()
            tabindex=tab_index on:focus=focus on:click=click
            on:pointerenter=move |_| hovered.set(Some(index))>
            <title>{move || graph.describe(index)}</title>
            {sheets}
            {face(place, is_projection, colour)}
            {name_text(&name, place, top + 17.0)}
            <text class="strong" text-anchor="middle" x=place.x y=top + 34.0 data-value="metric">
                {move || first_line(graph, value.get())}
            </text>
            <text text-anchor="middle" x=place.x y=top + 50.0 data-value="second">
                {move || second_line(graph, index)}
            </text>
            {inset(graph, index, place, is_projection)}
            {move || near_collapse.get().then(|| collapse_mark(place))}
        </g>
    }
    .into_any()
}

/// A layer's name in its box: pressed together where it is a little too long, without its first
/// parts where it is longer.
pub fn name_text(name: &str, place: Place, y: f64) -> impl IntoView + use<> {
    let mut shown = name;
    while shown.len() > LONGEST_NAME
        && let Some((_, rest)) = shown.split_once(['.', '/'])
    {
        shown = rest;
    }
    let start = if shown.len() < name.len() { "…" } else { "" };
    let written = format!("{start}{shown}");
    let pressed = (written.chars().count() > WHOLE_NAME).then_some(place.width - 2.0 * NAME_MARGIN);
    view! {
        <text class="name" text-anchor="middle" x=place.x y=y textLength=pressed
            lengthAdjust=pressed.map(|_| "spacingAndGlyphs")>{written}</text>
    }
}

/// The mark at the corner of a box that stands for a layer near collapse.
fn collapse_mark(place: Place) -> impl IntoView {
    let (x, y) = (place.left() + place.width - MARK, place.top() + MARK);
    view! {
        <g class="mark">
            <circle cx=x cy=y r=MARK - 2.0 />
            <text text-anchor="middle" x=x y=y + 4.0>"!"</text>
        </g>
    }
}

/// The border of another sheet behind a folded group.
fn sheet(place: Place, shift: f64) -> impl IntoView {
    view! {
        <rect class="sheet" x=place.left() + shift y=place.top() - shift
            width=place.width height=place.height rx=CORNER />
    }
}

/// The chosen metric of a box.
fn first_line(graph: GraphState, value: f64) -> String {
    let metric = graph.lab.settings.metric.get();
    if value.is_finite() {
        format!("{} {}", metric.short(), metric.format(value))
    } else {
        "–".to_owned()
    }
}

/// What a box keeps; where that is the metric already, its weights.
fn second_line(graph: GraphState, index: usize) -> String {
    let numbers = graph.numbers.with(|numbers| numbers.get(index).copied().unwrap_or_default());
    match graph.lab.settings.metric.get() {
        _ if numbers.layers == 0 => String::new(),
        Metric::Density => format!("of {}", Metric::Weights.format(numbers.weights as f64)),
        _ => format!("keeps {}", Metric::Density.format(numbers.density())),
    }
}

/// What stands in the box of a node that nothing is pruned of.
pub fn small_text(op: Op) -> &'static str {
    match op {
        Op::Input => "image",
        Op::Add => "+",
        Op::Mul => "×",
        Op::Concat => "join",
        Op::ChannelSlice { .. } => "part",
        Op::ChannelShuffle { .. } => "shuffle",
        Op::Attention { .. } => "attention",
        Op::Embedding { .. } => "places",
        Op::FlattenPositions => "row",
        Op::TakePosition { .. } => "one",
        Op::MaxPool(_) => "max",
        Op::AveragePool(_) | Op::AdaptiveAveragePool { .. } | Op::GlobalAveragePool => "mean",
        Op::PadShortcut { .. } | Op::ZeroPad { .. } => "0-pad",
        Op::Softmax => "softmax",
        _ => "",
    }
}

/// The box of a node that nothing is pruned of.
pub fn small_box(text: &'static str, place: Place) -> AnyView {
    view! {
        <g>
            <rect class="small" x=place.left() y=place.top() width=place.width height=place.height
                rx=14 />
            <text class="small-text" text-anchor="middle" x=place.x y=place.y + 4.0>{text}</text>
        </g>
    }
    .into_any()
}
