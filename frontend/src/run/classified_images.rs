//! Test images with what the network says of them, before and after pruning.

use leptos::prelude::*;
use rrlab_protocol::likeliest_class;

use super::files;
use super::results::{ClassifiedImages, LoadedNetwork};
use super::session::Session;
use crate::format::percent;

/// The images that were classified last.
#[component]
pub fn ClassifiedImagesView(session: Session) -> impl IntoView {
    move || {
        let images = session.classified.get()?;
        let count = images.predictions.labels.len();
        let figures = (0..count).map(|index| figure(&images, index)).collect_view();
        let network = session.network.with(|network| network.as_ref().map(LoadedNetwork::title));
        Some(view! { <p class="faint">{network}</p><div class="looks" id="looks">{figures}</div> })
    }
}

/// An image with its class, and what each network says of it.
fn figure(images: &ClassifiedImages, index: usize) -> impl IntoView + use<> {
    let predictions = &images.predictions;
    let label = predictions.labels[index] as usize;
    let name = predictions.classes[label].clone();
    let networks = [
        ("dense", Some(&predictions.dense)),
        ("pruned", predictions.pruned.as_ref()),
        ("repaired", predictions.repaired.as_ref()),
    ];
    let mut lines = Vec::new();
    for (network, logits) in networks {
        let Some(logits) = logits else { continue };
        let (class, probability) = likeliest_class(&logits[index]);
        let mark = if class == label { "✓" } else { "✗" };
        let (class, probability) = (&predictions.classes[class], percent(probability));
        lines.push(view! { <span>{format!("{mark} {network}: {class} {probability}")}</span> });
    }
    let canvas = NodeRef::<leptos::html::Canvas>::new();
    let pixels = images.pixels.clone();
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            files::paint(&canvas, &pixels, index);
        }
    });
    view! {
        <figure data-look=index>
            <canvas node_ref=canvas width="32" height="32" role="img"
                aria-label=name.clone()></canvas>
            <figcaption><strong>{name}</strong>{lines}</figcaption>
        </figure>
    }
}
