//! The layer graph as a drawing that a person walks, folds, and moves through.

use leptos::ev::{KeyboardEvent, PointerEvent, WheelEvent};
use leptos::prelude::*;
use rrlab_types::{Op, Role};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::drawing::{Drawing, Edge, EdgeKind, Item};
use super::layout::{Layout, Place};
use super::viewport::{Frame, Viewport};
use crate::colour::Scale;
use crate::export;
use crate::lab::{Lab, Side};
use crate::metric::{Metric, Numbers};
use crate::settings::Part;

/// Beginning of the id of the drawing's element; the side follows.
pub const GRAPH_ID: &str = "graph-";

/// Part of the window's height that a graph takes at most.
const MOST_OF_WINDOW: f64 = 0.72;
const LEAST_HEIGHT: f64 = 240.0;
/// Widths below which a row holds one residual block, with room for nothing else.
const NARROW: f64 = 620.0;
const ONE_BLOCK: f64 = 440.0;
/// Least width of a row of two blocks, and most of any.
const TWO_BLOCKS: f64 = 860.0;
const MOST_ROW: f64 = 1500.0;
/// Factor of one step of zoom.
const ZOOM_STEP: f64 = 1.25;
/// Pointers that moved less than this have clicked.
const CLICK_PIXELS: f64 = 4.0;

/// What is drawn, where, and which prunable layers each box stands for.
#[derive(Debug, Clone, PartialEq)]
struct Scene {
    drawing: Drawing,
    layout: Layout,
    layers: Vec<Vec<usize>>,
}

/// A graph with its state of view.
#[derive(Clone, Copy)]
struct Graph {
    lab: Lab,
    side: Side,
    scene: Memo<Scene>,
    frame: Memo<Frame>,
    /// What a person chose to see; nothing until they moved.
    moved_to: RwSignal<Option<Viewport>>,
    /// The box that has the keyboard's attention.
    at: RwSignal<usize>,
    /// Numbers of each box.
    numbers: Memo<Vec<Numbers>>,
    /// The chosen metric of each box.
    values: Memo<Vec<f64>>,
    scale: Memo<Scale>,
}

impl Graph {
    fn new(lab: Lab, side: Side, width: RwSignal<f64>) -> Self {
        let scene = Memo::new(move |_| {
            lab.profile.with_value(|profile| {
                let folded = lab.settings.folded.get();
                let graph = &profile.graph;
                lab.groups.with_value(|groups| {
                    let drawing = Drawing::new(graph, groups, &folded.0);
                    let layout = Layout::new(graph, &drawing, row_width(width.get()));
                    let prunable = graph.prunable_layers();
                    let layers_of = |item: &Item| {
                        let nodes = match item {
                            Item::Node(id) => std::slice::from_ref(id),
                            Item::Group(group) => &groups[*group].nodes,
                        };
                        let stands = |node| prunable.iter().position(|layer| layer.node == node);
                        nodes.iter().filter_map(|&node| stands(node)).collect()
                    };
                    let layers = drawing.items.iter().map(layers_of).collect();
                    Scene { drawing, layout, layers }
                })
            })
        });
        let frame = Memo::new(move |_| {
            scene.with(|scene| {
                let width = width.get().max(1.0);
                let zoom = (width / scene.layout.width).min(1.0);
                let window_height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(900.0);
                let most = (MOST_OF_WINDOW * window_height).max(LEAST_HEIGHT);
                Frame { width, height: (scene.layout.height * zoom).clamp(LEAST_HEIGHT, most) }
            })
        });
        let shown = lab.numbers(side);
        let sums = move |of: Memo<Vec<Numbers>>| {
            scene.with(|scene| {
                of.with(|numbers| {
                    let sum =
                        |layers: &Vec<usize>| layers.iter().filter_map(|&layer| numbers.get(layer).copied()).sum();
                    scene.layers.iter().map(sum).collect::<Vec<Numbers>>()
                })
            })
        };
        let numbers = Memo::new(move |_| sums(shown));
        let values = Memo::new(move |_| {
            let metric = lab.settings.metric.get();
            let other = if metric == Metric::Difference { sums(lab.numbers_b) } else { Vec::new() };
            let mine = if metric == Metric::Difference { sums(lab.numbers_a) } else { numbers.get() };
            let of = |(index, &numbers): (usize, &Numbers)| {
                let other = other.get(index).copied().unwrap_or_default();
                // Where there is no allocation there is no number.
                if numbers.layers == 0 { f64::NAN } else { metric.of(numbers, other) }
            };
            mine.iter().enumerate().map(of).collect::<Vec<f64>>()
        });
        let scale = Memo::new(move |_| {
            values.with(|values| {
                let real: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
                lab.settings.metric.get().scale(&real)
            })
        });
        Self { lab, side, scene, frame, moved_to: RwSignal::new(None), at: RwSignal::new(0), numbers, values, scale }
    }

    fn viewport(self) -> Viewport {
        let frame = self.frame.get();
        self.moved_to.get().unwrap_or_else(|| self.scene.with(|scene| Viewport::across(&scene.layout, frame)))
    }

    fn zoom(self, factor: f64, at: Option<(f64, f64)>) {
        let frame = self.frame.get_untracked();
        let at = at.unwrap_or((frame.width / 2.0, frame.height / 2.0));
        let now = untrack(|| self.viewport());
        self.moved_to.set(Some(self.scene.with_untracked(|scene| now.zoomed(factor, at, &scene.layout, frame))));
    }

    fn fit(self) {
        let frame = self.frame.get_untracked();
        self.moved_to.set(Some(self.scene.with_untracked(|scene| Viewport::whole(&scene.layout, frame))));
    }

    /// Whether part of the drawing lies above or below the frame.
    fn overflows(self) -> bool {
        let (now, frame) = (self.viewport(), self.frame.get());
        self.scene.with(|scene| now.y > 1.0 || now.y + frame.height / now.zoom < scene.layout.height - 1.0)
    }

    /// Scrolls up or down as far as there is something to see; false where there is not, so that the page scrolls.
    fn scroll(self, pixels: f64) -> bool {
        let (now, frame) = untrack(|| (self.viewport(), self.frame.get()));
        let last = self.scene.with_untracked(|scene| scene.layout.height) - frame.height / now.zoom;
        let y = (now.y + pixels / now.zoom).min(last.max(now.y)).max(now.y.min(0.0));
        if (y - now.y).abs() < 0.5 {
            return false;
        }
        self.moved_to.set(Some(Viewport { y, ..now }));
        true
    }

    /// Moves the keyboard's attention, and the view after it.
    fn focus(self, index: usize) {
        self.at.set(index);
        if let Some(element) = document().get_element_by_id(&self.box_id(index)) {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            if let Ok(element) = element.dyn_into::<web_sys::SvgElement>() {
                let _ = element.focus_with_options(&options);
            }
        }
        self.bring_into_view(index);
    }

    fn bring_into_view(self, index: usize) {
        let place = self.scene.with_untracked(|scene| scene.layout.places.get(index).copied());
        let frame = self.frame.get_untracked();
        let now = untrack(|| self.viewport());
        if let Some(there) = place.map(|place| now.showing(place, frame)).filter(|there| *there != now) {
            self.moved_to.set(Some(there));
        }
    }

    fn box_id(self, index: usize) -> String {
        format!("box-{}-{index}", self.side)
    }

    /// The box that an arrow key leads to: the next one in graph order, or the nearest above or below.
    fn neighbour(self, key: &str) -> Option<usize> {
        self.scene.with_untracked(|scene| {
            let at = self.at.get_untracked().min(scene.layout.places.len().checked_sub(1)?);
            let open = |index: &usize| !scene.layers[*index].is_empty();
            let here = scene.layout.places[at];
            let nearest = |above: bool| {
                let beyond = |&index: &usize| {
                    let dy = scene.layout.places[index].y - here.y;
                    if above { dy < -1.0 } else { dy > 1.0 }
                };
                let far = |index: &usize| {
                    let place = scene.layout.places[*index];
                    (place.x - here.x).powi(2) + 4.0 * (place.y - here.y).powi(2)
                };
                let boxes = (0..scene.layers.len()).filter(open).filter(beyond);
                boxes.min_by(|a, b| far(a).total_cmp(&far(b)))
            };
            match key {
                "ArrowRight" => (at + 1..scene.layers.len()).find(open),
                "ArrowLeft" => (0..at).rev().find(open),
                "ArrowUp" => nearest(true),
                "ArrowDown" => nearest(false),
                "Home" => (0..scene.layers.len()).find(open),
                "End" => (0..scene.layers.len()).rev().find(open),
                _ => None,
            }
        })
    }

    fn key(self, event: &KeyboardEvent) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let key = event.key();
        match key.as_str() {
            " " => self.fit(),
            "+" | "=" => self.zoom(ZOOM_STEP, None),
            "-" => self.zoom(1.0 / ZOOM_STEP, None),
            "Enter" => self.open(self.at.get_untracked()),
            "f" => self.fold_at(self.at.get_untracked()),
            _ => match self.neighbour(&key) {
                Some(index) => self.focus(index),
                None => return,
            },
        }
        event.prevent_default();
    }

    /// Opens the inspector of a layer, or unfolds a group.
    fn open(self, index: usize) {
        match self.scene.with_untracked(|scene| scene.drawing.items.get(index).copied()) {
            Some(Item::Node(id)) => {
                let name = self.lab.profile.with_value(|profile| profile.graph.node(id).name.clone());
                if self.lab.layer_index(&name).is_some() {
                    self.lab.settings.inspect(&name);
                }
            }
            Some(Item::Group(group)) => self.toggle(group),
            None => {}
        }
    }

    fn toggle(self, group: usize) {
        let name = self.lab.groups.with_value(|groups| groups[group].name.clone());
        self.lab.settings.folded.update(|folded| folded.toggle(name));
    }

    /// Folds the innermost group that a box is in; unfolds a group.
    fn fold_at(self, index: usize) {
        let group = match self.scene.with_untracked(|scene| scene.drawing.items.get(index).copied()) {
            Some(Item::Group(group)) => Some(group),
            Some(Item::Node(id)) => {
                self.lab.groups.with_value(|groups| groups.iter().rposition(|group| group.nodes.contains(&id)))
            }
            None => None,
        };
        if let Some(group) = group {
            self.toggle(group);
        }
    }

    /// Puts the attention on the first layer or group whose name contains a text.
    fn find(self, text: &str) {
        let named = |scene: &Scene| {
            (0..scene.layers.len()).find(|&index| {
                let name = self.name(scene.drawing.items[index]);
                !scene.layers[index].is_empty() && name.contains(text.trim())
            })
        };
        if let Some(index) = self.scene.with_untracked(named).filter(|_| !text.trim().is_empty()) {
            self.at.set(index);
            self.bring_into_view(index);
        }
    }

    fn name(self, item: Item) -> String {
        match item {
            Item::Node(id) => self.lab.profile.with_value(|profile| profile.graph.node(id).name.clone()),
            Item::Group(group) => self.lab.groups.with_value(|groups| groups[group].name.clone()),
        }
    }

    /// A box in words: what a screen reader says of it, and what is shown of it under the graph.
    fn describe(self, index: usize) -> String {
        let Some(item) = self.scene.with(|scene| scene.drawing.items.get(index).copied()) else { return String::new() };
        let Some(numbers) = self.numbers.with(|numbers| numbers.get(index).copied()) else { return String::new() };
        let what = self.lab.profile.with_value(|profile| match item {
            Item::Node(id) => {
                let node = profile.graph.node(id);
                let shape: Vec<String> =
                    node.op.weight_shape().unwrap_or_default().iter().map(ToString::to_string).collect();
                format!("{}, {}", node.role.map_or("", Role::name), shape.join("×"))
            }
            Item::Group(_) => format!("folded, {} layers", numbers.layers),
        });
        if numbers.layers == 0 {
            return format!("{} ({what})", self.name(item));
        }
        format!(
            "{} ({what}): keeps {} of {} weights, density {}, RR {:.3}, raw distortion {:.3}, residual {:.3}",
            self.name(item),
            numbers.kept,
            numbers.weights,
            Metric::Density.format(numbers.density()),
            numbers.rr(),
            Metric::Raw.of(numbers, numbers),
            Metric::Residual.of(numbers, numbers),
        )
    }
}

/// The graph of a profile under one allocation.
#[component]
pub fn GraphView(lab: Lab, side: Side) -> impl IntoView {
    let width = RwSignal::new(1000.0);
    let graph = Graph::new(lab, side, width);
    let holder = NodeRef::<leptos::html::Div>::new();
    Effect::new(move |_| {
        if let Some(holder) = holder.get() {
            observe_width(&holder, width);
        }
    });
    let drag = RwSignal::new(None::<(f64, f64)>);
    let down = move |event: PointerEvent| {
        if event.button() == 0 {
            drag.set(Some((f64::from(event.client_x()), f64::from(event.client_y()))));
        }
    };
    let drag_on = move |event: PointerEvent| {
        let Some((x, y)) = drag.get_untracked() else { return };
        let (dx, dy) = (f64::from(event.client_x()) - x, f64::from(event.client_y()) - y);
        if dx.abs() + dy.abs() < CLICK_PIXELS {
            return;
        }
        let svg = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        svg.inspect(|svg| drop(svg.set_pointer_capture(event.pointer_id())));
        let now = untrack(|| graph.viewport());
        graph.moved_to.set(Some(now.moved(dx, dy)));
        drag.set(Some((x + dx, y + dy)));
    };
    let wheel = move |event: WheelEvent| {
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
            graph.zoom((-event.delta_y() / 300.0).exp(), Some(at));
        } else if graph.scroll(event.delta_y()) {
            event.prevent_default();
        }
    };
    let touch = move || if graph.overflows() { "touch-action: none" } else { "touch-action: pan-y" };
    let label = move || {
        format!("Layer graph under allocation {}. Arrow keys walk, Enter opens a layer, space fits, f folds.", side)
    };
    let hovered = RwSignal::new(None::<usize>);
    view! {
        <div class="graph-head">
            <GraphTools graph />
        </div>
        <div class="graph" node_ref=holder>
            <svg id=format!("{GRAPH_ID}{side}") role="application" aria-label=label xmlns="http://www.w3.org/2000/svg"
                width=move || graph.frame.get().width height=move || graph.frame.get().height
                data-width=move || graph.scene.with(|scene| scene.layout.width)
                data-height=move || graph.scene.with(|scene| scene.layout.height)
                viewBox=move || graph.viewport().view_box(graph.frame.get())
                on:pointerdown=down on:pointermove=drag_on
                on:pointerup=move |_| drag.set(None) on:pointercancel=move |_| drag.set(None)
                style=touch on:wheel=wheel on:keydown=move |event| graph.key(&event)
                on:pointerleave=move |_| hovered.set(None)>
                {move || graph.scene.with(|scene| scene_view(graph, scene, hovered))}
            </svg>
        </div>
        <p class="faint preview">
            {move || {
                let index = hovered.get().unwrap_or_else(|| graph.at.get());
                let text = graph.describe(index);
                if text.is_empty() || graph.scene.with(|scene| scene.layers.get(index).is_none_or(Vec::is_empty)) {
                    "Point at a layer, or walk the graph with the arrow keys: its numbers stand here. Click opens its curves.".to_owned()
                } else {
                    text
                }
            }}
        </p>
    }
}

/// Width of the rows in a frame of this width.
pub fn row_width(width: f64) -> f64 {
    if width < NARROW { width.max(ONE_BLOCK) } else { width.clamp(TWO_BLOCKS, MOST_ROW) }
}

/// Width and height of the whole drawing in an element of a graph.
pub fn whole_size(element: &web_sys::Element) -> Option<(f64, f64)> {
    let number = |name| element.get_attribute(name)?.parse().ok();
    Some((number("data-width")?, number("data-height")?))
}

/// Keeps a signal equal to an element's width, for as long as the component lives.
pub fn observe_width(element: &web_sys::Element, width: RwSignal<f64>) {
    let observed = element.clone();
    let measure = Closure::<dyn FnMut()>::new(move || {
        let now = f64::from(observed.client_width());
        if (width.get_untracked() - now).abs() >= 1.0 && now > 0.0 {
            // In the next frame: the drawing's height follows, which the observer must not see within one.
            request_animation_frame(move || {
                let _ = width.try_set(now);
            });
        }
    });
    let Ok(observer) = web_sys::ResizeObserver::new(measure.as_ref().unchecked_ref()) else { return };
    observer.observe(element);
    let held = StoredValue::new_local((observer, measure));
    on_cleanup(move || held.with_value(|(observer, _)| observer.disconnect()));
}

#[component]
fn GraphTools(graph: Graph) -> impl IntoView {
    let settings = graph.lab.settings;
    let side = graph.side;
    let fold_all = move |_| {
        let stages = graph
            .lab
            .groups
            .with_value(|groups| groups.iter().filter(|g| g.stage.is_none()).map(|g| g.name.clone()).collect());
        settings.folded.update(|folded| folded.0 = if folded.0.is_empty() { stages } else { Vec::new() });
    };
    let fold_text =
        move || if settings.folded.with(|folded| folded.0.is_empty()) { "Fold stages" } else { "Unfold all" };
    view! {
        <Legend graph />
        <div class="tools">
            <input type="search" placeholder="Find a layer" aria-label="Find a layer by name" size="12"
                on:input:target=move |event| graph.find(&event.target().value())
                on:keydown=move |event: KeyboardEvent| if event.key() == "Enter" { graph.focus(graph.at.get_untracked()) } />
            <button type="button" on:click=move |_| graph.zoom(ZOOM_STEP, None) aria-label="Zoom in" title="Zoom in (+)">"+"</button>
            <button type="button" on:click=move |_| graph.zoom(1.0 / ZOOM_STEP, None) aria-label="Zoom out" title="Zoom out (−)">"−"</button>
            <button type="button" on:click=move |_| graph.fit() title="The whole graph (space)">"Fit"</button>
            <button type="button" on:click=fold_all title="Stages as one box each (f folds the block at the cursor)">{fold_text}</button>
            <Show when=move || settings.shows(Part::Export)>
                <button type="button" on:click=move |_| export::graph_svg(graph.lab, side)>"SVG"</button>
                <button type="button" on:click=move |_| export::graph_png(graph.lab, side)>"PNG"</button>
            </Show>
        </div>
    }
}

/// What the colours mean, with an axis.
#[component]
fn Legend(graph: Graph) -> impl IntoView {
    let metric = graph.lab.settings.metric;
    let label = move || {
        let [low, middle, high] = metric.get().meaning();
        let [first, .., last] = graph.scale.get().ticks();
        let middle = if middle.is_empty() { String::new() } else { format!(" over {middle}") };
        format!(
            "Colours of {}: from {} ({low}){middle} to {} ({high})",
            metric.get().label(),
            metric.get().format(first),
            metric.get().format(last)
        )
    };
    view! {
        <div class="legend" role="img" aria-label=label>
            <span class="legend-name">{move || metric.get().label()}</span>
            <span class="bar" style=move || format!("background: {}", graph.scale.get().gradient())></span>
            <span class="axis">
                {move || graph.scale.get().ticks().map(|tick| view! { <span>{metric.get().format(tick)}</span> }).into_iter().collect_view()}
            </span>
            <span class="axis words">{move || metric.get().meaning().map(|word| view! { <span>{word}</span> }).into_iter().collect_view()}</span>
        </div>
    }
}

fn scene_view(graph: Graph, scene: &Scene, hovered: RwSignal<Option<usize>>) -> impl IntoView + use<> {
    let edges = edges_view(&scene.drawing, &scene.layout);
    let boxes: Vec<AnyView> = (0..scene.drawing.items.len())
        .map(|index| {
            let place = scene.layout.places[index];
            if scene.layers[index].is_empty() {
                small_view(graph, scene.drawing.items[index], place)
            } else {
                box_view(graph, scene.drawing.items[index], index, place, hovered)
            }
        })
        .collect();
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

fn box_view(graph: Graph, item: Item, index: usize, place: Place, hovered: RwSignal<Option<usize>>) -> AnyView {
    let name = graph.name(item);
    let is_projection = matches!(item, Item::Node(id) if graph.lab.profile.with_value(|p| p.graph.node(id).role == Some(Role::Projection)));
    let is_group = matches!(item, Item::Group(_));
    let settings = graph.lab.settings;
    let value = Memo::new(move |_| graph.values.with(|values| values.get(index).copied().unwrap_or(f64::NAN)));
    let colour = move || Some(graph.scale.get().colour(value.get())).filter(|_| value.get().is_finite());
    let ink = move || colour().map_or("currentColor", |colour| colour.text());
    let first_line = move || {
        let metric = settings.metric.get();
        if value.get().is_finite() {
            format!("{} {}", metric.short(), metric.format(value.get()))
        } else {
            "–".to_owned()
        }
    };
    let second_line = move || {
        graph.numbers.with(|numbers| {
            numbers.get(index).filter(|n| n.layers > 0).map_or_else(String::new, |numbers| {
                if settings.metric.get() == Metric::Density {
                    format!("of {}", Metric::Weights.format(numbers.weights as f64))
                } else {
                    format!("keeps {}", Metric::Density.format(numbers.density()))
                }
            })
        })
    };
    let selected = {
        let name = name.clone();
        move || settings.layer.with(|layer| *layer == name)
    };
    let kind = if is_group {
        "box group"
    } else if is_projection {
        "box projection"
    } else {
        "box"
    };
    let class = move || if selected() { format!("{kind} selected") } else { kind.to_owned() };
    let corner = if is_projection { place.height / 2.0 } else { 6.0 };
    let top = place.top() + if is_group { 7.0 } else { 0.0 };
    let behind = is_group.then(|| {
        [8.0, 4.0].map(|shift| view! {
        <rect class="sheet" x=place.left() + shift y=place.top() - shift width=place.width height=place.height rx=6 />
    }).to_vec()
    });
    let inner = is_projection.then(|| view! {
        <rect class="inner" x=place.left() + 3.0 y=place.top() + 3.0 width=place.width - 6.0 height=place.height - 6.0 rx=corner - 3.0 />
    });
    let written = name.clone();
    view! {
        <g id=graph.box_id(index) class=class fill=ink role="button" data-layer=name
            tabindex=move || if graph.at.get() == index || (graph.at.get() == 0 && index == first_open(graph)) { "0" } else { "-1" }
            on:focus=move |_| { graph.at.set(index); graph.bring_into_view(index) }
            on:pointerenter=move |_| hovered.set(Some(index))
            on:click=move |_| { graph.at.set(index); graph.open(index) }>
            <title>{move || graph.describe(index)}</title>
            {behind}
            <rect class="face" x=place.left() y=place.top() width=place.width height=place.height rx=corner
                fill=move || colour().map_or_else(|| "none".to_owned(), |colour| colour.css()) />
            {inner}
            <text class="name" text-anchor="middle" x=place.x y=top + 17.0>{written}</text>
            <text class="strong" text-anchor="middle" x=place.x y=top + 34.0 data-value="metric">{first_line}</text>
            <text text-anchor="middle" x=place.x y=top + 50.0 data-value="second">{second_line}</text>
        </g>
    }
    .into_any()
}

fn first_open(graph: Graph) -> usize {
    graph.scene.with(|scene| scene.layers.iter().position(|layers| !layers.is_empty()).unwrap_or(0))
}

fn small_view(graph: Graph, item: Item, place: Place) -> AnyView {
    let text = match item {
        Item::Node(id) => small_text(graph.lab.profile.with_value(|profile| profile.graph.node(id).op)),
        Item::Group(_) => "",
    };
    small_box(text, place)
}

/// What stands in the box of a node that nothing is pruned of.
pub fn small_text(op: Op) -> &'static str {
    match op {
        Op::Input => "image",
        Op::Add => "+",
        Op::MaxPool { .. } => "max",
        Op::GlobalAveragePool => "mean",
        Op::PadShortcut { .. } => "0-pad",
        _ => "",
    }
}

/// The box of a node that nothing is pruned of.
pub fn small_box(text: &'static str, place: Place) -> AnyView {
    view! {
        <g>
            <rect class="small" x=place.left() y=place.top() width=place.width height=place.height rx=14 />
            <text class="small-text" text-anchor="middle" x=place.x y=place.y + 4.0>{text}</text>
        </g>
    }
    .into_any()
}
