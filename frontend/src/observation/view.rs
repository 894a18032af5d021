//! A layer on images, with the button that computes it.

use js_sys::ArrayBuffer;
use leptos::prelude::*;
use rrlab_protocol::{LayerObservation, Prediction};
use rrlab_types::{AllocationRequest, NetworkState};
use strum::VariantArray as _;
use web_sys::HtmlCanvasElement;

use super::binding::{paint_difference, paint_maps, paint_weights};
use super::charts;
use super::picture::Picture;
use crate::chart::Chart;
use crate::figure::FigureSource;
use crate::format::percent;
use crate::lab::Lab;
use crate::run::{self, ObservedLayer, RunInputs, activity};
use crate::settings::Part;

/// What a layer gives for test images, dense, pruned by A, and repaired.
#[component]
pub fn ObservationView(lab: Lab, inputs: RunInputs, layer: String) -> impl IntoView {
    let session = inputs.session;
    let layer = StoredValue::new(layer);
    let look = move |_| match lab.a.get_untracked() {
        Ok(allocation) if allocation.model_hash.is_some() => {
            inputs.observe(layer.get_value(), allocation);
        }
        Ok(_) => session.report(
            "this profile does not say which network it is of: measure the network anew".into(),
        ),
        Err(problem) => session.report(problem),
    };
    let network = lab.profile.with_value(|profile| profile.model_hash);
    let is_of_layer = move |seen: &ObservedLayer| {
        let observation = &seen.observation;
        Some(observation.model) == network && layer.with_value(|name| *name == observation.layer)
    };
    let seen = move || session.observation.get().filter(is_of_layer);
    let pictures = move || seen().map(|seen| view! { <Pictures lab inputs seen /> });
    // The panel says it where it is open.
    let progress = move || match lab.settings.run.get() {
        true => String::new(),
        false => activity(session),
    };
    // Where nothing can be run, there is nothing to see.
    view! {
        <Show when=move || lab.settings.shows(Part::Run)>
            <section class="observation" id="observation" aria-label="Damage and repair, seen">
                <div class="pane-head">
                    <h3>"Damage and repair, seen"</h3>
                    <button type="button" id="observe" class="primary" on:click=look
                        disabled=move || session.is_busy()>"Look at this layer under A"</button>
                </div>
                <p class="faint">
                    "Prunes and repairs the network by A in this browser, where it takes the \
                    place of the one that runs here, and shows what this layer gives for test \
                    images. The layers before it are pruned too, so that errors add up: RR, on the \
                    graph, is of this layer pruned alone. "
                    <span role="status">{progress}</span>
                </p>
                {pictures}
            </section>
        </Show>
    }
}

/// What was done, to which network, and on which images.
fn what_was_done(seen: &ObservedLayer) -> String {
    let ObservedLayer { treatment, observation, .. } = seen;
    let allocation = &treatment.allocation;
    let images = observation.images;
    format!(
        "Network {} under {} at {}, masks by {}, repaired by {} on {} training images; channels \
        over {images} test images of {}, seed {}.",
        observation.model.short(),
        allocation.rule.label(),
        allocation.sparsity,
        treatment.criterion.label(),
        treatment.repair.label(),
        treatment.images,
        observation.dataset,
        treatment.seed,
    )
}

/// A warning where the images are of another data set than the network's own.
fn foreign_images(lab: Lab, seen: &ObservedLayer) -> Option<String> {
    let own = lab.profile.with_value(|profile| profile.measurement.dataset.clone());
    let shown = &seen.observation.dataset;
    (own != *shown).then(|| {
        format!(
            "These images are of {shown}, the network is for {own}: what it takes them for means nothing, and repair \
            on them mends little of what {own} needs. Open “Run it here” and choose {own}’s files to see its own."
        )
    })
}

/// A layer that was looked at, with the image and the channel that are chosen.
#[derive(Clone, Copy)]
struct Choice {
    seen: StoredValue<ObservedLayer, LocalStorage>,
    image: RwSignal<usize>,
    channel: RwSignal<usize>,
}

impl Choice {
    fn observation<T>(self, read: impl FnOnce(&LayerObservation) -> T) -> T {
        self.seen.with_value(|seen| read(&seen.observation))
    }

    fn bytes(self) -> ArrayBuffer {
        self.seen.with_value(|seen| seen.bytes.clone())
    }

    /// Where the map of the chosen image and channel begins.
    fn map_at(self, state: NetworkState) -> usize {
        let (image, channel) = (self.image.get(), self.channel.get());
        self.observation(|observation| observation.map_at(image, channel, state))
    }
}

/// About how many times as wide as high a sheet of several maps is.
const SHEET_SHAPE: f64 = 1.5;

/// How many of so many tiles stand in a row of a sheet.
fn tiles_per_row(tiles: usize) -> usize {
    (tiles as f64 * SHEET_SHAPE).sqrt().ceil() as usize
}

#[component]
fn Pictures(lab: Lab, inputs: RunInputs, seen: ObservedLayer) -> impl IntoView {
    let worst_first = seen.observation.worst_first();
    let text = what_was_done(&seen);
    let foreign = foreign_images(lab, &seen);
    let words = StoredValue::new(text.clone());
    let allocation = &seen.treatment.allocation;
    let request = StoredValue::new(AllocationRequest {
        rule: allocation.rule,
        sparsity: allocation.sparsity,
        settings: allocation.settings,
        constraints: allocation.constraints.clone(),
    });
    let source = Callback::new(move |()| FigureSource {
        words: words.get_value(),
        ..FigureSource::of_requests(lab, &[request.get_value()])
    });
    let choice = Choice {
        seen: StoredValue::new_local(seen),
        image: RwSignal::new(0),
        channel: RwSignal::new(worst_first[0]),
    };
    let is_old = move || {
        let now = lab.a.get().ok().map(|allocation| inputs.treatment(allocation));
        choice.seen.with_value(|seen| now.as_ref() != Some(&seen.treatment))
    };
    let order = StoredValue::new(worst_first);
    let errors = Signal::derive(move || choice.observation(charts::errors));
    let spread = Signal::derive(move || {
        let channel = choice.channel.get();
        choice.observation(|observation| charts::spread(&observation.channels[channel]))
    });
    let sheet = move |state| view! { <Sheet choice state order /> };
    view! {
        <p class="faint" id="observed">{text}</p>
        {foreign.map(|text| view! { <p class="notice" id="foreign-images" role="status">{text}</p> })}
        <Show when=is_old>
            <p class="notice" role="status">"A, or how many images it is repaired on, has changed since: look again to see it."</p>
        </Show>
        <Images choice />
        <div class="pictures">
            {NetworkState::VARIANTS.iter().map(|&state| sheet(state)).collect_view()}
        </div>
        <ChannelChoice choice order />
        <ChannelPictures choice />
        <div class="charts">
            <Chart settings=lab.settings lab name="observed-spread" source spec=spread
                title=Signal::derive(move || format!("Values of channel {}", choice.channel.get())) />
            <Chart settings=lab.settings lab name="observed-channels" source spec=errors
                title="Every channel: how far off it is, pruned and repaired" />
        </div>
    }
}

/// The images, one of which is chosen, and what the networks make of it.
#[component]
fn Images(choice: Choice) -> impl IntoView {
    let count = choice.observation(|observation| observation.shown.len());
    let image = move |index: usize| {
        let chosen = move || choice.image.get() == index;
        let (class, side) = choice.observation(|observation| {
            (observation.shown[index].class.clone(), observation.side as u32)
        });
        let paint = move |canvas: &HtmlCanvasElement| {
            canvas.set_width(side);
            canvas.set_height(side);
            run::paint(canvas, &choice.bytes(), index);
        };
        view! {
            <button type="button" class="image" class:chosen=chosen
                aria-pressed=move || chosen().to_string()
                on:click=move |_| choice.image.set(index)>
                <Picture caption=class.into() name=format!("image-{index}") paint=Box::new(paint) />
            </button>
        }
    };
    let said = move || {
        let image = choice.image.get();
        let lines = choice.observation(|observation| {
            let shown = &observation.shown[image];
            shown.predictions.map(|prediction| {
                let Prediction { class, name, right, probability } = prediction;
                let mark = match right {
                    Some(true) => "✓ ",
                    Some(false) => "✗ ",
                    None => "",
                };
                let name = name.clone().unwrap_or_else(|| format!("class {class}"));
                format!("{mark}{name} {}", percent(*probability))
            })
        });
        let line = |(network, text): (NetworkState, String)| {
            view! { <span><b>{network.to_string()}</b>" "{text}</span> }
        };
        lines.each().map(line).collect_view()
    };
    view! {
        <div class="images">{(0..count).map(image).collect_view()}</div>
        <p class="predictions" id="predictions">{said}</p>
    }
}

/// Every channel's map of the chosen image in one network, the worst after repair first.
#[component]
fn Sheet(choice: Choice, state: NetworkState, order: StoredValue<Vec<usize>>) -> impl IntoView {
    let channels = order.with_value(Vec::len);
    let per_row = tiles_per_row(channels);
    let paint = move |canvas: &HtmlCanvasElement| {
        let image = choice.image.get();
        let offset = |channel: &usize| {
            choice.observation(|observation| observation.map_at(image, *channel, state) as u32)
        };
        let offsets: Vec<u32> = order.with_value(|order| order.iter().map(offset).collect());
        let chosen = choice.channel.get();
        let chosen = order.with_value(|order| order.iter().position(|&at| at == chosen));
        let [rows, columns] = choice.observation(|observation| observation.map);
        let chosen = chosen.map_or(-1, |place| place as i32);
        paint_maps(canvas, &choice.bytes(), &offsets, per_row, rows, columns, chosen);
    };
    let choose = Callback::new(move |(across, down): (f64, f64)| {
        let tall = channels.div_ceil(per_row);
        let place = (down * tall as f64) as usize * per_row + (across * per_row as f64) as usize;
        if let Some(channel) = order.with_value(|order| order.get(place).copied()) {
            choice.channel.set(channel);
        }
    });
    view! { <Picture caption=state.to_string().into() name=format!("sheet-{state}")
    paint=Box::new(paint) on_click=choose /> }
}

#[component]
fn ChannelChoice(choice: Choice, order: StoredValue<Vec<usize>>) -> impl IntoView {
    let text =
        |error: Option<f64>| error.map_or_else(|| "–".to_owned(), |error| format!("{error:.2}"));
    let option = move |channel: usize| {
        let words = choice.observation(|observation| {
            let of = &observation.channels[channel];
            let (pruned, repaired) = (text(of.pruned_error), text(of.repaired_error));
            format!("channel {channel}: {pruned} pruned, {repaired} repaired")
        });
        let selected = move || choice.channel.get() == channel;
        view! { <option value=channel.to_string() selected=selected>{words}</option> }
    };
    let choose =
        move |event: leptos::ev::Targeted<leptos::ev::Event, web_sys::HtmlSelectElement>| {
            if let Ok(channel) = event.target().value().parse() {
                choice.channel.set(channel);
            }
        };
    view! {
        <label class="inline">
            <span>"Channel, worst after repair first"</span>
            <select id="channel" on:change:target=choose>
                {order.get_value().into_iter().map(option).collect_view()}
            </select>
        </label>
    }
}

/// The chosen channel's map in each network, what pruning and repair changed, and its weights.
#[component]
fn ChannelPictures(choice: Choice) -> impl IntoView {
    use NetworkState::{Dense, Pruned, Repaired};
    let [rows, columns] = choice.observation(|observation| observation.map);
    let map = move |state: NetworkState| {
        let paint = move |canvas: &HtmlCanvasElement| {
            let at = choice.map_at(state) as u32;
            paint_maps(canvas, &choice.bytes(), &[at], 1, rows, columns, -1);
        };
        let caption = Signal::derive(move || {
            let channel = choice.channel.get();
            choice.observation(|observation| {
                let spread = observation.channels[channel].spread.of(state);
                format!("{state}: {:.2} ± {:.2}", spread.mean, spread.deviation)
            })
        });
        view! { <Picture caption name=format!("map-{state}") paint=Box::new(paint) /> }
    };
    let difference = move |state: NetworkState| {
        let paint = move |canvas: &HtmlCanvasElement| {
            let (from, to) = (choice.map_at(Dense), choice.map_at(state));
            paint_difference(canvas, &choice.bytes(), from, to, rows, columns);
        };
        let caption = format!("{state} − dense").into();
        view! { <Picture caption name=format!("difference-{state}") paint=Box::new(paint) /> }
    };
    let weights = move |repaired: bool| {
        let paint = move |canvas: &HtmlCanvasElement| {
            let channel = choice.channel.get();
            let (at, [inputs, rows, columns]) = choice.observation(|observation| {
                (observation.weights_at(channel, repaired), observation.kernel)
            });
            let per_row = tiles_per_row(inputs);
            paint_weights(canvas, &choice.bytes(), at, inputs, per_row, rows, columns);
        };
        let state = if repaired { Repaired } else { Dense };
        let caption = format!("weights, {state}").into();
        view! { <Picture caption name=format!("weights-{state}") paint=Box::new(paint) /> }
    };
    view! {
        <div class="pictures">
            {map(Dense)}{map(Pruned)}{map(Repaired)}
            {difference(Pruned)}{difference(Repaired)}
            {weights(false)}{weights(true)}
        </div>
        <p class="faint">
            "Errors are squared, over the channel’s dense variance; layers before this one are \
            pruned too. Grey reaches three standard deviations of the dense channel to either \
            side of its mean. Orange is above, blue below, by the root: full where a difference \
            spans all of the grey, or a weight is the layer’s largest. Removed weights are left \
            out."
        </p>
    }
}
