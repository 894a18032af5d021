//! What keys, clicks and the search field do to a graph: walk, open, fold, find.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::drawing::Item;
use super::scene::Scene;
use super::state::GraphState;

/// Factor of one step of zoom.
pub const ZOOM_STEP: f64 = 1.25;
/// How much farther a box seems that is above or below than one that is as far to the side.
const VERTICAL_WEIGHT: f64 = 4.0;

impl GraphState {
    /// Does what a key stands for; keys that mean nothing here are left to the browser.
    pub fn press(self, event: &KeyboardEvent) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let key = event.key();
        match key.as_str() {
            " " => self.fit(),
            "+" | "=" => self.zoom(ZOOM_STEP, None),
            "-" => self.zoom(1.0 / ZOOM_STEP, None),
            "Enter" => self.open(self.focused.get_untracked()),
            "f" => self.fold_at(self.focused.get_untracked()),
            _ => {
                let focused = self.focused.get_untracked();
                let Some(index) =
                    self.scene.with_untracked(|scene| neighbour(scene, focused, &key))
                else {
                    return;
                };
                self.focus(index);
            }
        }
        event.prevent_default();
    }

    /// Opens the inspector of a layer, or unfolds a group.
    pub fn open(self, index: usize) {
        match untrack(|| self.item(index)) {
            Some(Item::Group(group)) => self.toggle(group),
            Some(item @ Item::Node(_)) => {
                let name = self.name(item);
                if self.lab.layer_index(&name).is_some() {
                    self.lab.settings.inspect(&name);
                    request_animation_frame(show_panes);
                }
            }
            None => {}
        }
    }

    /// Folds a group, or unfolds it.
    fn toggle(self, group: usize) {
        let name = self.name(Item::Group(group));
        self.lab.settings.folded.update(|folded| folded.toggle(name));
    }

    /// Folds the innermost group that a box is in; unfolds a group.
    fn fold_at(self, index: usize) {
        let group = match untrack(|| self.item(index)) {
            Some(Item::Group(group)) => Some(group),
            Some(Item::Node(id)) => self.lab.groups.with_value(|groups| {
                // Blocks come after the stages that they are in.
                groups.iter().rposition(|group| group.nodes.contains(&id))
            }),
            None => None,
        };
        if let Some(group) = group {
            self.toggle(group);
        }
    }

    /// Folds all stages, or unfolds whatever is folded.
    pub fn toggle_stages(self) {
        let folded = self.lab.settings.folded;
        if folded.with_untracked(|folded| !folded.0.is_empty()) {
            folded.update(|folded| folded.0.clear());
            return;
        }
        let stages = self.lab.groups.with_value(|groups| {
            let stages = groups.iter().filter(|group| group.stage.is_none());
            stages.map(|group| group.name.clone()).collect()
        });
        folded.update(|folded| folded.0 = stages);
    }

    /// Puts the attention on the first layer or group whose name contains a text.
    pub fn find(self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let found = self.scene.with_untracked(|scene| {
            let is_named = |index: &usize| self.name(scene.drawing.items[*index]).contains(text);
            (0..scene.len()).filter(|&index| scene.has_layers(index)).find(is_named)
        });
        if let Some(index) = found {
            self.focused.set(index);
            self.bring_into_view(index);
        }
    }
}

/// The box that a key leads to: the next one in graph order, the nearest above or below, the first
/// or the last.
fn neighbour(scene: &Scene, focused: usize, key: &str) -> Option<usize> {
    let at = focused.min(scene.len().checked_sub(1)?);
    let has_layers = |index: &usize| scene.has_layers(*index);
    match key {
        "ArrowRight" => (at + 1..scene.len()).find(has_layers),
        "ArrowLeft" => (0..at).rev().find(has_layers),
        "ArrowUp" => nearest(scene, at, |dy| dy < -1.0),
        "ArrowDown" => nearest(scene, at, |dy| dy > 1.0),
        "Home" => (0..scene.len()).find(has_layers),
        "End" => (0..scene.len()).rev().find(has_layers),
        _ => None,
    }
}

/// The nearest box that stands for layers, among those whose vertical distance from `at` is as
/// asked.
fn nearest(scene: &Scene, at: usize, is_beyond: fn(f64) -> bool) -> Option<usize> {
    let here = scene.layout.places[at];
    let mut nearest = None;
    let mut least = f64::INFINITY;
    for (index, place) in scene.layout.places.iter().enumerate() {
        let (dx, dy) = (place.x - here.x, place.y - here.y);
        let distance = dx.powi(2) + VERTICAL_WEIGHT * dy.powi(2);
        if scene.has_layers(index) && is_beyond(dy) && distance < least {
            (nearest, least) = (Some(index), distance);
        }
    }
    nearest
}

/// Part of the window's height below which panes hardly show that they changed.
const HARDLY_SEEN: f64 = 0.8;

/// Brings the panes' beginning into view where next to nothing of them is seen.
fn show_panes() {
    let height = window().inner_height().ok().and_then(|height| height.as_f64());
    let Some(panes) = document().get_element_by_id("panes") else { return };
    if panes.get_bounding_client_rect().top() > HARDLY_SEEN * height.unwrap_or(f64::INFINITY) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Center);
        panes.scroll_into_view_with_scroll_into_view_options(&options);
    }
}
