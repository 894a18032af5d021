//! A graph with its state of view: what is drawn, which part of it is seen, and the numbers that it
//! shows.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::drawing::Item;
use super::scene::Scene;
use super::viewport::{Frame, Viewport};
use super::width::row_width;
use crate::colour::{Colour, Scale};
use crate::lab::{Lab, Side};
use crate::metric::{LayerNumbers, Metric};

/// Part of the window's height that a graph takes at most.
const MOST_OF_WINDOW: f64 = 0.72;
/// Height of a window that does not say.
const WINDOW_HEIGHT: f64 = 900.0;
const LEAST_HEIGHT: f64 = 240.0;

/// What a stretched scale's ends and middle mean.
const STRETCHED: [&str; 3] = ["least shown", "", "most shown"];

/// A graph of one allocation with its state of view.
#[derive(Clone, Copy)]
pub struct GraphState {
    /// The profile with its allocations.
    pub lab: Lab,
    /// The allocation whose numbers are shown.
    pub side: Side,
    /// Boxes and connections, laid out for the element's width.
    pub scene: Memo<Scene>,
    /// Size of the element that it is seen in.
    pub frame: Memo<Frame>,
    /// What a person chose to see; nothing until they moved.
    pub moved_to: RwSignal<Option<Viewport>>,
    /// Index of the box that has the keyboard's attention.
    pub focused: RwSignal<usize>,
    /// Numbers of each box.
    pub numbers: Memo<Vec<LayerNumbers>>,
    /// The chosen metric of each box; NaN where there is no number.
    pub values: Memo<Vec<f64>>,
    /// Colours of these values.
    pub scale: Memo<Scale>,
}

impl GraphState {
    /// The graph in an element of this width, in pixels.
    pub fn new(lab: Lab, side: Side, width: RwSignal<f64>) -> Self {
        let scene = Memo::new(move |_| {
            let (folded, row_width) = (lab.settings.folded.get(), row_width(width.get()));
            lab.profile.with_value(|profile| {
                lab.groups.with_value(|groups| Scene::new(profile, groups, &folded.0, row_width))
            })
        });
        let frame = Memo::new(move |_| {
            let (drawing_width, drawing_height) =
                scene.with(|scene| (scene.layout.width, scene.layout.height));
            frame_for(width.get().max(1.0), drawing_width, drawing_height)
        });
        let numbers = Memo::new(move |_| sums(scene, lab.numbers(side)));
        let values = Memo::new(move |_| match lab.settings.metric.get() {
            Metric::Difference => {
                let (a, b) = (sums(scene, lab.numbers_a), sums(scene, lab.numbers_b));
                metric_values(Metric::Difference, &a, &b)
            }
            metric => numbers.with(|numbers| metric_values(metric, numbers, &[])),
        });
        let scale = Memo::new(move |_| {
            let real: Vec<f64> =
                values.get().into_iter().filter(|value| value.is_finite()).collect();
            let metric = lab.settings.metric.get();
            if lab.settings.stretch.get() { metric.stretched(&real) } else { metric.scale(&real) }
        });
        let (moved_to, focused) = (RwSignal::new(None), RwSignal::new(0));
        Self { lab, side, scene, frame, moved_to, focused, numbers, values, scale }
    }

    /// The part of the drawing that is seen: its whole width until a person moved.
    pub fn viewport(self) -> Viewport {
        let frame = self.frame.get();
        match self.moved_to.get() {
            Some(viewport) => viewport,
            None => self.scene.with(|scene| Viewport::across(&scene.layout, frame)),
        }
    }

    /// Makes larger or smaller, around a point of the frame (pixels) or its middle.
    pub fn zoom(self, factor: f64, at: Option<(f64, f64)>) {
        let frame = self.frame.get_untracked();
        let at = at.unwrap_or((frame.width / 2.0, frame.height / 2.0));
        let now = untrack(|| self.viewport());
        let zoomed =
            self.scene.with_untracked(|scene| now.zoomed(factor, at, &scene.layout, frame));
        self.moved_to.set(Some(zoomed));
    }

    /// Moves the drawing by so many pixels.
    pub fn drag(self, dx: f64, dy: f64) {
        let now = untrack(|| self.viewport());
        self.moved_to.set(Some(now.moved(dx, dy)));
    }

    /// Brings a point of the drawing to the middle of the frame.
    pub fn center(self, at: (f64, f64)) {
        let (now, frame) = (untrack(|| self.viewport()), self.frame.get_untracked());
        let (x, y) = (at.0 - frame.width / now.zoom / 2.0, at.1 - frame.height / now.zoom / 2.0);
        self.moved_to.set(Some(Viewport { x, y, ..now }));
    }

    /// Shows the whole drawing.
    pub fn fit(self) {
        let frame = self.frame.get_untracked();
        let whole = self.scene.with_untracked(|scene| Viewport::whole(&scene.layout, frame));
        self.moved_to.set(Some(whole));
    }

    /// Whether part of the drawing lies above or below the frame.
    pub fn overflows(self) -> bool {
        let (now, frame) = (self.viewport(), self.frame.get());
        let height = self.scene.with(|scene| scene.layout.height);
        now.y > 1.0 || now.y + frame.height / now.zoom < height - 1.0
    }

    /// Whether part of the drawing is out of sight, on any side.
    pub fn is_cut(self) -> bool {
        let (now, frame) = (self.viewport(), self.frame.get());
        let width = self.scene.with(|scene| scene.layout.width);
        self.overflows() || now.x > 1.0 || now.x + frame.width / now.zoom < width - 1.0
    }

    /// What the ends and the middle of the colours mean.
    pub fn scale_meaning(self) -> [&'static str; 3] {
        let settings = self.lab.settings;
        if settings.stretch.get() { STRETCHED } else { settings.metric.get().meaning() }
    }

    /// Colour of a value; `None` where there is no number.
    pub fn colour(self, value: f64) -> Option<Colour> {
        value.is_finite().then(|| self.scale.get().colour(value))
    }

    /// Scrolls up or down as far as there is something to see; false where there is not, so that
    /// the page scrolls.
    pub fn scroll(self, pixels: f64) -> bool {
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
    pub fn focus(self, index: usize) {
        self.focused.set(index);
        let element = document().get_element_by_id(&self.box_id(index));
        if let Some(element) =
            element.and_then(|element| element.dyn_into::<web_sys::SvgElement>().ok())
        {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            let _ = element.focus_with_options(&options);
        }
        self.bring_into_view(index);
    }

    /// Moves the view no further than needed for a box to be seen.
    pub fn bring_into_view(self, index: usize) {
        let place = self.scene.with_untracked(|scene| scene.layout.places.get(index).copied());
        let Some(place) = place else { return };
        let now = untrack(|| self.viewport());
        let moved = now.showing(place, self.frame.get_untracked());
        if moved != now {
            self.moved_to.set(Some(moved));
        }
    }

    /// Id of a box's element.
    pub fn box_id(self, index: usize) -> String {
        format!("box-{}-{index}", self.side)
    }

    /// What a box stands for; `None` where a fold made it go. Follows the scene.
    pub fn item(self, index: usize) -> Option<Item> {
        self.scene.with(|scene| scene.drawing.items.get(index).copied())
    }

    /// Name of the layer or group.
    pub fn name(self, item: Item) -> String {
        match item {
            Item::Node(id) => {
                self.lab.profile.with_value(|profile| profile.graph.node(id).name.clone())
            }
            Item::Group(group) => self.lab.groups.with_value(|groups| groups[group].name.clone()),
        }
    }

    /// A box in words: what a screen reader says of it, and what is shown of it under the graph.
    pub fn describe(self, index: usize) -> String {
        let Some(item) = self.item(index) else { return String::new() };
        let numbers = self.numbers.with(|numbers| numbers.get(index).copied());
        let Some(numbers) = numbers else { return String::new() };
        let (name, kind) = (self.name(item), self.kind(item, numbers.layers));
        if numbers.layers == 0 {
            return format!("{name} ({kind})");
        }
        let collapse = match (numbers.near_collapse, numbers.layers) {
            (0, _) => String::new(),
            (_, 1) => "; near collapse".to_owned(),
            (some, _) => format!("; {some} near collapse"),
        };
        format!(
            "{name} ({kind}): keeps {} of {} weights, density {}, RR {:.3}, raw distortion {:.3}, \
            residual {:.3}{collapse}",
            numbers.kept,
            numbers.weights,
            Metric::Density.format(numbers.density()),
            numbers.rr(),
            Metric::Raw.of(numbers, numbers),
            Metric::Residual.of(numbers, numbers),
        )
    }

    /// Role and shape of a layer, size of a group.
    fn kind(self, item: Item, layers: usize) -> String {
        let Item::Node(id) = item else { return format!("folded, {layers} layers") };
        self.lab.profile.with_value(|profile| {
            let node = profile.graph.node(id);
            let shape = node.op.weight_shape().unwrap_or_default();
            let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
            format!("{}, {}", node.role.map_or("", |role| role.name()), shape.join("×"))
        })
    }
}

/// The frame for a drawing in an element of this width: as high as the drawing is then, within
/// bounds.
fn frame_for(width: f64, drawing_width: f64, drawing_height: f64) -> Frame {
    let window_height = window().inner_height().ok().and_then(|height| height.as_f64());
    let most = (MOST_OF_WINDOW * window_height.unwrap_or(WINDOW_HEIGHT)).max(LEAST_HEIGHT);
    let zoom = (width / drawing_width).min(1.0);
    Frame { width, height: (drawing_height * zoom).clamp(LEAST_HEIGHT, most) }
}

/// Numbers of each box: sums over the layers that it stands for.
fn sums(scene: Memo<Scene>, layers: Memo<Vec<LayerNumbers>>) -> Vec<LayerNumbers> {
    let sum_of = |indices: &Vec<usize>, numbers: &[LayerNumbers]| {
        indices.iter().filter_map(|&index| numbers.get(index).copied()).sum()
    };
    scene.with(|scene| {
        layers.with(|numbers| scene.layers.iter().map(|indices| sum_of(indices, numbers)).collect())
    })
}

/// The metric of each box, where `b` has B's numbers of the same boxes; NaN where there is no
/// allocation.
fn metric_values(metric: Metric, numbers: &[LayerNumbers], b: &[LayerNumbers]) -> Vec<f64> {
    let mut values = Vec::with_capacity(numbers.len());
    for (index, &numbers) in numbers.iter().enumerate() {
        let b = b.get(index).copied().unwrap_or_default();
        values.push(if numbers.layers == 0 { f64::NAN } else { metric.of(numbers, b) });
    }
    values
}
