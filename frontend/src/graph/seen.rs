//! The part of a graph that is seen and the settings, each kept equal to the other.

use leptos::prelude::*;

use super::layout::Place;
use super::scene::Scene;
use super::state::GraphState;
use super::viewport::{Frame, Viewport};
use crate::lab::Side;
use crate::settings::{Seen, SeenPart};

impl GraphState {
    /// Keeps the settings equal to the part of A's graph that is seen, and that to the settings.
    pub(super) fn follow_seen(self) {
        if self.side != Side::A {
            return;
        }
        let setting = self.lab.settings.seen;
        // Also where the frame is another: the same layer stays in the middle.
        Effect::new(move |before: Option<Frame>| {
            let (seen, frame) = (setting.get(), self.frame.get());
            if seen != untrack(|| self.seen()) || before.is_some_and(|before| before != frame) {
                match seen.0 {
                    None => self.moved_to.set(None),
                    // Of a layer that this network has not, nothing.
                    Some(part) => {
                        if let Some(viewport) = self.showing(&part) {
                            self.moved_to.set(Some(viewport));
                        }
                    }
                }
            }
            frame
        });
        Effect::new(move |before: Option<()>| {
            self.moved_to.track();
            let seen = untrack(|| self.seen());
            // At first the settings say what is seen.
            if before.is_some() && setting.with_untracked(|known| *known != seen) {
                setting.set(seen);
            }
        });
    }

    /// What is seen.
    fn seen(self) -> Seen {
        let Some(viewport) = self.moved_to.get() else { return Seen(None) };
        let frame = self.frame.get();
        let middle = (
            viewport.x + frame.width / viewport.zoom / 2.0,
            viewport.y + frame.height / viewport.zoom / 2.0,
        );
        self.scene.with(|scene| {
            let place = |index: &usize| scene.layout.places[*index];
            let far = |index: &usize| {
                let Place { x, y, .. } = place(index);
                (x - middle.0).hypot(y - middle.1)
            };
            let boxes = (0..scene.len()).filter(|&index| scene.has_layers(index));
            let nearest = boxes.min_by(|a, b| far(a).total_cmp(&far(b)));
            let whole = Viewport::across(&scene.layout, frame).zoom;
            Seen(nearest.map(|index| SeenPart {
                layer: self.name(scene.drawing.items[index]),
                percent: (100.0 * viewport.zoom / whole).round() as u32,
            }))
        })
    }

    /// The view of a part; nothing where the graph has no such layer.
    fn showing(self, part: &SeenPart) -> Option<Viewport> {
        let frame = self.frame.get_untracked();
        self.scene.with_untracked(|scene| {
            let place = scene.layout.places[self.box_of(scene, &part.layer)?];
            let zoom =
                Viewport::across(&scene.layout, frame).zoom * f64::from(part.percent) / 100.0;
            let (x, y) = (place.x - frame.width / zoom / 2.0, place.y - frame.height / zoom / 2.0);
            Some(Viewport { x, y, zoom })
        })
    }

    /// The box of a layer or a group, or that of the group that a layer is folded into.
    fn box_of(self, scene: &Scene, name: &str) -> Option<usize> {
        let layer = self.lab.layer_index(name);
        let holds = |index: usize| layer.is_some_and(|layer| scene.layers[index].contains(&layer));
        let is_named = |index: usize| self.name(scene.drawing.items[index]) == name;
        (0..scene.len()).find(|&index| scene.has_layers(index) && (holds(index) || is_named(index)))
    }
}
