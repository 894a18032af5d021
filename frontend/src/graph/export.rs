//! The graph as a file.

use leptos::prelude::document;

use crate::export::{description, drawing, file_name, save_png, save_text};
use crate::lab::{Lab, Side};

/// Beginning of the id of the drawing's element; the side follows.
pub const GRAPH_ID: &str = "graph-";
/// Style of the graph, which a saved drawing takes along.
const GRAPH_STYLE: &str = include_str!("../../graph.css");
/// Colours that it refers to, as on white paper.
const PAPER: &str = "\
svg { --ink: #1c2126; --faint: #59636d; --line: #d9dee2; --ground: #fff; --accent: #1f6391; --bad: #b3261e; \
color: #1c2126; font-family: system-ui, sans-serif; }\n";

/// Width and height of the whole drawing in an element of a graph, in the drawing's units.
fn whole_size(element: &web_sys::Element) -> Option<(f64, f64)> {
    let number = |name| element.get_attribute(name)?.parse().ok();
    Some((number("data-width")?, number("data-height")?))
}

/// The drawing on the page as SVG text.
fn graph_text(lab: Lab, side: Side) -> Option<String> {
    let element = document().get_element_by_id(&format!("{GRAPH_ID}{side}"))?;
    let (width, height) = whole_size(&element)?;
    let style = format!("{PAPER}{GRAPH_STYLE}");
    Some(drawing(&element, &style, width, height, &description(lab)))
}

/// Saves the graph as SVG.
pub fn graph_svg(lab: Lab, side: Side) {
    if let Some(text) = graph_text(lab, side) {
        let name = file_name(lab, &format!("graph-{side}"), "svg");
        save_text(&name, &text, "image/svg+xml");
    }
}

/// Saves the graph as PNG.
pub fn graph_png(lab: Lab, side: Side) {
    if let Some(text) = graph_text(lab, side) {
        save_png(&file_name(lab, &format!("graph-{side}"), "png"), &text);
    }
}
