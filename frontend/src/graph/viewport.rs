//! The part of the drawing that is seen.

use super::layout::{Layout, Place};

/// Most that a person can zoom in, in pixels for each unit of the drawing.
const LARGEST_ZOOM: f64 = 4.0;
/// Room left around a box that is brought into view.
const SURROUNDINGS: f64 = 40.0;

/// A rectangle of the drawing: its upper left corner, and pixels for each of its units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    /// Left border, in units of the drawing.
    pub x: f64,
    /// Upper border, in units of the drawing.
    pub y: f64,
    /// Pixels for each unit.
    pub zoom: f64,
}

/// Size of the element that the drawing is seen in, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    pub width: f64,
    pub height: f64,
}

impl Viewport {
    /// The whole width, from the top; never larger than life.
    pub fn across(layout: &Layout, frame: Frame) -> Self {
        let zoom = (frame.width / layout.width).min(1.0);
        Self { x: (layout.width - frame.width / zoom) / 2.0, y: 0.0, zoom }
    }

    /// The whole drawing in the middle of the frame, at most one and a half times as large as life.
    pub fn whole(layout: &Layout, frame: Frame) -> Self {
        let zoom = (frame.width / layout.width).min(frame.height / layout.height).min(1.5);
        Self {
            x: (layout.width - frame.width / zoom) / 2.0,
            y: (layout.height - frame.height / zoom) / 2.0,
            zoom,
        }
    }

    /// Larger or smaller, with the point of the frame at `at` (pixels) standing still.
    pub fn zoomed(self, factor: f64, at: (f64, f64), layout: &Layout, frame: Frame) -> Self {
        let least = Self::whole(layout, frame).zoom.min(1.0) * 0.5;
        let zoom = (self.zoom * factor).clamp(least, LARGEST_ZOOM);
        Self {
            x: self.x + at.0 / self.zoom - at.0 / zoom,
            y: self.y + at.1 / self.zoom - at.1 / zoom,
            zoom,
        }
    }

    /// Moved as the drawing is dragged by so many pixels.
    pub fn moved(self, dx: f64, dy: f64) -> Self {
        Self { x: self.x - dx / self.zoom, y: self.y - dy / self.zoom, ..self }
    }

    /// Moved no further than needed for this box to be seen.
    pub fn showing(self, place: Place, frame: Frame) -> Self {
        let (width, height) = (frame.width / self.zoom, frame.height / self.zoom);
        let into = |start: f64, extent: f64, low: f64, high: f64| {
            if low < start {
                low
            } else if high > start + extent {
                high - extent
            } else {
                start
            }
        };
        let x = into(self.x, width, place.left() - SURROUNDINGS, place.right() + SURROUNDINGS);
        let (top, bottom) = (place.top() - SURROUNDINGS, place.top() + place.height + SURROUNDINGS);
        Self { x, y: into(self.y, height, top, bottom), ..self }
    }

    /// As an SVG viewBox.
    pub fn view_box(self, frame: Frame) -> String {
        format!(
            "{:.2} {:.2} {:.2} {:.2}",
            self.x,
            self.y,
            frame.width / self.zoom,
            frame.height / self.zoom
        )
    }
}
