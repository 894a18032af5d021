//! Controls of an allocation: budget, rule and their settings.

use std::fmt::Display;
use std::str::FromStr;

use leptos::prelude::*;
use rrlab_types::{Criterion, Prior, RepairOperator, Rule, Sparsity};
use strum::VariantArray as _;

use crate::glossary::Term;
use crate::lab::{Lab, Side};
use crate::metric::Metric;
use crate::problem::Problem;
use crate::settings::{AllocationSettings, Part, Shown};

/// Sparsities that the slider reaches.
const SLIDER: (f64, f64) = (0.5, 0.995);
/// Steps of the slider: equal ratios of what is left, so that it is finer near the top.
const SLIDER_STEPS: f64 = 1000.0;

/// Where a sparsity lies on the slider.
fn slider_position(sparsity: f64) -> f64 {
    let along = |sparsity: f64| -(1.0 - sparsity).ln();
    SLIDER_STEPS * (along(sparsity.clamp(SLIDER.0, SLIDER.1)) - along(SLIDER.0))
        / (along(SLIDER.1) - along(SLIDER.0))
}

/// The sparsity at a place of the slider, rounded to what a person would type there.
fn slider_sparsity(position: f64) -> f64 {
    let ratio = (1.0 - SLIDER.1) / (1.0 - SLIDER.0);
    let sparsity = 1.0 - (1.0 - SLIDER.0) * ratio.powf(position / SLIDER_STEPS);
    let step = if sparsity < 0.9 { 0.005 } else { 0.001 };
    ((sparsity / step).round() * step * 1e4).round() / 1e4
}

/// Values to choose from, each with its label.
pub fn labelled<T: Copy>(values: &[T], label: fn(T) -> &'static str) -> Vec<(T, &'static str)> {
    values.iter().map(|&value| (value, label(value))).collect()
}

/// A choice among values with names, kept in a signal.
#[component]
pub fn Select<T>(
    #[prop(into)] id: String,
    /// What is chosen.
    #[prop(into)]
    value: Signal<T>,
    /// Told of another choice.
    set: WriteSignal<T>,
    /// What there is to choose from, and how each is called.
    choices: Vec<(T, &'static str)>,
) -> impl IntoView
where
    T: Display + FromStr + PartialEq + Copy + Send + Sync + 'static,
{
    let choose = move |value: String| {
        if let Ok(chosen) = value.parse() {
            set.set(chosen);
        }
    };
    let option = move |(choice, name): (T, &'static str)| {
        let chosen = move || value.get() == choice;
        view! { <option value=choice.to_string() selected=chosen>{name}</option> }
    };
    view! {
        <select id=id on:change:target=move |event| choose(event.target().value())>
            {choices.into_iter().map(option).collect_view()}
        </select>
    }
}

/// A number that may be left out: its field is empty then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optional(pub Option<usize>);

impl Display for Optional {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |number| number.fmt(f))
    }
}

impl FromStr for Optional {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { Ok(Self(Some(text.parse()?))) }
    }
}

/// Rows and columns of images of a folder, and what they are scaled to before.
#[derive(Clone, Copy)]
pub struct ImageSizeInputs {
    pub side: RwSignal<usize>,
    pub resize: RwSignal<Optional>,
}

impl ImageSizeInputs {
    /// CIFAR's.
    pub fn new() -> Self {
        Self { side: RwSignal::new(32), resize: RwSignal::new(Optional(None)) }
    }
}

/// A number kept in a signal.
#[component]
pub fn Number<T>(
    #[prop(into)] id: String,
    label: &'static str,
    signal: RwSignal<T>,
) -> impl IntoView
where
    T: Copy + std::fmt::Display + std::str::FromStr + Send + Sync + 'static,
{
    let read = move |text: String| {
        if let Ok(value) = text.parse() {
            signal.set(value);
        }
    };
    view! {
        <label class="inline"><span>{label}</span>
            <input type="number" id=id min="0" step="any"
                prop:value=move || signal.get().to_string()
                on:change:target=move |event| read(event.target().value()) />
        </label>
    }
}

/// Rows and columns of images of a folder.
#[component]
pub fn ImageSize(
    /// What ids begin with.
    id: &'static str,
    inputs: ImageSizeInputs,
) -> impl IntoView {
    view! {
        <Number id=format!("{id}-size") label="pixels" signal=inputs.side />
        <Number id=format!("{id}-resize") label="scaled to" signal=inputs.resize />
    }
}

/// Budget, rule and settings of A, and how the graph is coloured.
#[component]
pub fn Controls(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    // On narrow screens, where all but the slider waits.
    let is_open = RwSignal::new(false);
    view! {
        <section class="panel controls sheet" class:open=is_open aria-label="Allocation A">
            <button type="button" class="sheet-toggle"
                aria-expanded=move || is_open.get().to_string()
                on:click=move |_| is_open.update(|open| *open = !*open)>
                {move || if is_open.get() { "Close settings" } else { "Settings" }}
            </button>
            <AllocationControls lab side=Side::A />
            <label>
                <span>"Colour by"</span>
                <Select id="colour" value=settings.metric set=settings.metric.write_only()
                    choices=labelled(Metric::ALL, Metric::label) />
            </label>
            <Show when=move || settings.shows(Part::Compare)>
                <fieldset class="segments">
                    <legend>"Graph of"</legend>
                    {Shown::ALL.iter().map(|&shown| view! {
                        <label>
                            <input type="radio" name="shown" value=shown.to_string()
                                prop:checked=move || settings.shown.get() == shown
                                on:change=move |_| settings.shown.set(shown) />
                            <span>{shown.label()}</span>
                        </label>
                    }).collect_view()}
                </fieldset>
            </Show>
        </section>
    }
}

/// Controls of one of the two allocations.
#[component]
pub fn AllocationControls(lab: Lab, side: Side) -> impl IntoView {
    let settings = lab.settings;
    let choice = lab.choice(side);
    let prefix = match side {
        Side::A => "",
        Side::B => "b-",
    };
    let set_alpha = move |text: String| {
        if let Ok(alpha) = text.parse() {
            choice.alpha.set(alpha);
        }
    };
    let set_floor = move |text: String| {
        if let Ok(floor) = text.parse() {
            choice.floor.set(floor);
        }
    };
    let blends = move || matches!(choice.rule.get(), Rule::Blend | Rule::BlendGeometric);
    let has_power = move || matches!(choice.rule.get(), Rule::Blend | Rule::RrProportional);
    view! {
        <Show when=move || settings.shows(Part::Sparsity)>
            <SparsityControl choice prefix />
        </Show>
        <Show when=move || settings.shows(Part::Rule)>
            <label>
                <span><Term name="rule" text="Rule" />" that shares out the budget "<code>{move || choice.rule.get().name()}</code></span>
                <Select id=format!("{prefix}rule") value=choice.rule set=choice.rule.write_only()
                    choices=Rule::VARIANTS.iter().map(|rule| (*rule, rule.label())).collect() />
            </label>
            <label>
                <span><Term name="repair operator" text="Repair operator" />" "<code>{move || choice.repair.get().name()}</code></span>
                <Select id=format!("{prefix}repair") value=choice.repair
                    set=choice.repair.write_only()
                    choices=RepairOperator::VARIANTS.iter().map(|repair| (*repair, repair.label())).collect() />
            </label>
            <label>
                <span><Term name="criterion" text="Criterion" />" inside layers "<code>{move || choice.criterion.get().name()}</code></span>
                <Select id=format!("{prefix}criterion") value=choice.criterion
                    set=choice.criterion.write_only()
                    choices=Criterion::VARIANTS.iter().map(|criterion| (*criterion, criterion.label())).collect() />
            </label>
            <Show when=move || choice.criterion.get() != Criterion::default()>
                <p class="faint criterion-note">"What a pruned network keeps, and its accuracy, follow the criterion. RR, \
                    distortions and densities were measured with masks by magnitude, and stay as they are."</p>
            </Show>
            <Show when=blends>
                <label>
                    <span>"Prior of the blend"</span>
                    <Select id=format!("{prefix}prior") value=choice.prior
                        set=choice.prior.write_only() choices=priors() />
                </label>
            </Show>
            <Show when=has_power>
                <label>
                    <span>"α, power of RR"</span>
                    <input type="number" id=format!("{prefix}alpha") step="0.1"
                        prop:value=move || choice.alpha.get().to_string()
                        on:change:target=move |event| set_alpha(event.target().value()) />
                </label>
            </Show>
            <label>
                <span><Term name="floor" text="Floor" />": least density of a layer"</span>
                <input type="number" id=format!("{prefix}floor") min="0" max="1" step="0.005"
                    prop:value=move || choice.floor.get().to_string()
                    on:change:target=move |event| set_floor(event.target().value()) />
            </label>
        </Show>
    }
}

/// Rules that a blend may start from.
fn priors() -> Vec<(Prior, &'static str)> {
    Rule::VARIANTS
        .iter()
        .filter_map(|rule| Some((Prior::try_from(*rule).ok()?, rule.label())))
        .collect()
}

#[component]
fn SparsityControl(choice: AllocationSettings, prefix: &'static str) -> impl IntoView {
    let refused = RwSignal::new(None::<String>);
    let set = move |text: &str| match text.parse::<Sparsity>() {
        Ok(sparsity) => {
            refused.set(None);
            choice.sparsity.set(sparsity);
        }
        Err(error) => refused.set(Some(error.to_string())),
    };
    let slide = move |text: &str| {
        if let Ok(position) = text.parse() {
            set(&slider_sparsity(position).to_string());
        }
    };
    view! {
        <div class="sparsity">
            <label for=format!("{prefix}sparsity-value")><Term name="sparsity" text="Sparsity" />
                " of the whole network"</label>
            <span class="slider">
                <input type="range" id=format!("{prefix}sparsity") min="0" max=SLIDER_STEPS step="1"
                    aria-label="Sparsity"
                    aria-valuetext=move || choice.sparsity.get().to_string()
                    prop:value=move || slider_position(choice.sparsity.get().get()).to_string()
                    on:input:target=move |event| slide(&event.target().value()) />
                <input type="number" id=format!("{prefix}sparsity-value") min="0" max="0.9999"
                    step="0.001"
                    prop:value=move || choice.sparsity.get().to_string()
                    on:change:target=move |event| set(&event.target().value()) />
            </span>
            <Problem problem=refused />
        </div>
    }
}
