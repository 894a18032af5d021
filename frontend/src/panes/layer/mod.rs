//! One layer: its curves, its channels, what every rule gives it, and why.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::{
    AllocationRequest, CHANNEL_SPARSITIES, CHANNELS_FILE, ChannelProfile, LayerProfile, MODEL_FILE,
    PROFILE_FILE, Rule,
};
use strum::VariantArray as _;

use crate::after_paint::at_rest;
use crate::chart::Chart;
use crate::figure::FigureSource;
use crate::glossary::Term;
use crate::lab::{Lab, Side};
use crate::metric::LayerNumbers;
use crate::observation::ObservationView;
use crate::run::RunInputs;

mod channels;
mod curves;
mod reason;

/// The layer that is chosen here, in the graph or in the table.
#[component]
pub fn LayerPane(lab: Lab, inputs: RunInputs) -> impl IntoView {
    let chosen = lab.settings.layer;
    let chosen_index = Memo::new(move |_| chosen.with(|name| lab.layer_index(name)));
    let worst = Memo::new(move |_| lab.numbers_a.with(|numbers| worst_residual(numbers)));
    let index = Memo::new(move |_| chosen_index.get().or(worst.get()));
    let option = move |name: String| {
        let (value, text) = (name.clone(), name.clone());
        let selected = move || chosen.with(|chosen| *chosen == name);
        view! { <option value=value selected=selected>{text}</option> }
    };
    let channels = channels::of_profile(lab, inputs);
    view! {
        <p class="lead">"One layer: how far each repair mends it as it is pruned harder, and what each \
            rule makes of that."</p>
        <div class="pane-head">
            <label class="inline">
                <span>"Layer"</span>
                <select id="layer" on:change:target=move |event| chosen.set(event.target().value())>
                    <option value="" selected=move || chosen_index.get().is_none()>
                        "the one with the largest residual under A"</option>
                    {lab.layer_names().into_iter().map(option).collect_view()}
                </select>
            </label>
            <span class="faint">"Choose another here, in the graph or in the table."</span>
        </div>
        {move || index.get().map(|index| view! { <LayerView lab inputs channels index /> })}
    }
}

/// The layer whose output is distorted most after repair; none where there is no allocation.
fn worst_residual(numbers: &[LayerNumbers]) -> Option<usize> {
    let residual = |index: &usize| numbers[*index].residual;
    (0..numbers.len()).max_by(|a, b| residual(a).total_cmp(&residual(b)))
}

#[component]
fn LayerView(
    lab: Lab,
    inputs: RunInputs,
    channels: Memo<Option<Arc<ChannelProfile>>>,
    index: usize,
) -> impl IntoView {
    let layer = StoredValue::new(lab.profile.with_value(|profile| profile.layers[index].clone()));
    let operator = lab.settings.a.repair;
    let sparsity = Memo::new(move |_| {
        let of_layer =
            |allocation: &rrlab_types::Allocation| 1.0 - allocation.layers[index].density;
        lab.a.with(|outcome| outcome.as_ref().ok().map(of_layer))
    });
    let ratios = Memo::new(move |_| {
        layer.with_value(|layer| curves::ratios(layer, operator.get(), sparsity.get()))
    });
    let distortions = Memo::new(move |_| {
        layer.with_value(|layer| curves::distortions(layer, operator.get(), sparsity.get()))
    });
    let nearest = Memo::new(move |_| {
        channels::nearest_channel_sparsity(sparsity.get().unwrap_or(CHANNEL_SPARSITIES[0]))
    });
    let each = Memo::new(move |_| {
        channels.with(|channels| {
            let layer = channels.as_ref()?.channels.get(index)?;
            channels::bars(layer, operator.get(), nearest.get())
        })
    });
    let spread = Memo::new(move |_| {
        let histogram =
            || layer.with_value(|layer| channels::histogram(layer, operator.get(), nearest.get()));
        each.get().unwrap_or_else(histogram)
    });
    // An allocation by every rule: not for each step of a slider.
    let asked = at_rest(Memo::new(move |_| lab.settings.a.request()));
    let rules = Memo::new(move |_| {
        asked.with(|asked| untrack(|| curves::densities_by_rule(lab, asked.sparsity, index)))
    });
    let name = layer.with_value(|layer| layer.name.clone());
    let about = StoredValue::new(format!("Layer {name}."));
    let of_curves = Callback::new(move |()| {
        let a = untrack(|| lab.describe(Side::A));
        let source = FigureSource::of_requests(lab, &[]);
        about.with_value(|about| source.saying(about)).saying(&format!("A: {a}."))
    });
    let of_channels = Callback::new(move |()| {
        let command = lab.profile.with_value(|profile| {
            profile.command_with_channels(MODEL_FILE, PROFILE_FILE, CHANNELS_FILE)
        });
        let source =
            FigureSource { commands: vec![command], ..FigureSource::of_requests(lab, &[]) };
        about.with_value(|about| source.saying(about))
    });
    let of_rules = Callback::new(move |()| {
        let asked = asked.get_untracked();
        let of_rule =
            |&rule: &Rule| AllocationRequest { rule, constraints: Vec::new(), ..asked.clone() };
        let requests: Vec<AllocationRequest> = Rule::VARIANTS.iter().map(of_rule).collect();
        let source = FigureSource::of_requests(lab, &requests);
        about.with_value(|about| source.saying(about))
    });
    view! {
        <h2>{name.clone()}</h2>
        <p id="reason">{move || reason::reason(lab, index)}</p>
        <div class="charts">
            <Chart settings=lab.settings lab name="rr" source=of_curves spec=ratios
                title="RR over sparsity, by repair operator (A’s unbroken)" />
            <Chart settings=lab.settings lab name="distortion" source=of_curves spec=distortions
                title="Raw and residual distortion" />
            <Chart settings=lab.settings lab name="channels" source=of_channels spec=spread
                title=Signal::derive(move || channels::title(each.with(Option::is_some), nearest.get())) />
            <Chart settings=lab.settings lab name="rules" source=of_rules spec=rules
                title=Signal::derive(move || format!("Density under every rule at {}, nothing \
                    forced", asked.with(|asked| asked.sparsity))) />
        </div>
        <p class="faint">{layer.with_value(scalars)}</p>
        <ObservationView lab inputs layer=name />
    }
}

/// The layer's numbers that no curve shows.
fn scalars(layer: &LayerProfile) -> impl IntoView + use<> {
    let of_stream = format!(
        " of its residual stream: {:.3}. Variance of its output over E[y²]: {:.3}. ",
        layer.share, layer.variance
    );
    let sensitivity = layer.sensitivity().map(|sensitivity| {
        view! { <Term name="sensitivity" text="Sensitivity" />{format!(": {sensitivity:.3}.")} }
    });
    view! { <Term name="share" text="Share" />{of_stream}{sensitivity} }
}
