//! Another network beside the open one, layer by layer where their layers match.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::{
    Document, MODEL_FILE, MatchedLayers, ModelProfile, PROFILE_FILE, rank_correlation,
};
use web_sys::HtmlInputElement;

use super::compare::layer_names;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::export;
use crate::figure::{FigureSource, numbered};
use crate::files::{self, Opened};
use crate::gallery::{self, GALLERY, GalleryNetwork};
use crate::lab::{Lab, allocate_on};
use crate::problem::Problem;
use crate::settings::Part;

/// Fewer pairs have no order to speak of.
const LEAST_PAIRS: usize = 3;

/// Another network, once it is loaded, or why it can't be.
type Loaded = Option<Result<Arc<ModelProfile>, String>>;

/// The choice of the other network, and how it compares.
#[component]
pub fn NetworksPane(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let loaded = load_other(lab);
    let problem = move || loaded.with(|loaded| loaded.as_ref()?.as_ref().err().cloned());
    let compared = move || {
        loaded.with(|loaded| match loaded {
            Some(Ok(other)) => comparison(lab, other.clone()),
            Some(Err(_)) => ().into_any(),
            None if settings.other.with(String::is_empty) => {
                view! { <p class="empty">"Choose a network to compare with."</p> }.into_any()
            }
            None => view! { <p class="faint" role="status">"Loading …"</p> }.into_any(),
        })
    };
    let option = move |network: &GalleryNetwork| {
        let name = network.name;
        let selected = move || settings.other.with(|other| other == name);
        view! { <option value=name selected=selected>{network.title}</option> }
    };
    let is_elsewhere =
        move || settings.other.with(|other| !other.is_empty() && gallery::find(other).is_none());
    view! {
        <p class="lead">"Two networks, one pruning: do they break in the same layers, and does the rule \
            share out the same?"</p>
        <Show when=move || settings.shows(Part::Open)>
            <label class="inline"><span>"Compare with"</span>
                <select id="other"
                    on:change:target=move |event| settings.other.set(event.target().value())>
                    <option value="" selected=move || settings.other.with(String::is_empty)>
                        "no other network"</option>
                    {GALLERY.iter().map(option).collect_view()}
                    <Show when=is_elsewhere>
                        <option value="" selected=true disabled=true>
                            {move || settings.other.get()}</option>
                    </Show>
                </select>
            </label>
            " "
            <label class="button" title="A profile, as rrlab calibrate writes it">"From a file"
                <input type="file" id="other-file" class="sr-only" accept=".json,application/json"
                    on:change:target=move |event| read_other(lab, loaded, event.target()) />
            </label>
        </Show>
        <Problem problem=Signal::derive(problem) />
        {compared}
    }
}

/// Compares with the profile that a person chose among their files, which no address names.
fn read_other(lab: Lab, loaded: RwSignal<Loaded>, input: HtmlInputElement) {
    let file = input.files().and_then(|files| files.get(0));
    // Choosing the same file again is a change too.
    input.set_value("");
    let Some(file) = file else { return };
    lab.settings.other.set(String::new());
    leptos::task::spawn_local(async move {
        let name = file.name();
        let read = files::read(file).await.and_then(|opened| match opened {
            Opened::Document(Document::Profile(profile)) => Ok(Arc::from(profile)),
            Opened::Document(document) => {
                Err(format!("{name} holds {}, not a profile", document.kind()))
            }
            Opened::Story(_) => Err(format!("{name} holds a story, not a profile")),
        });
        // Another may be chosen in the gallery by now.
        if lab.settings.other.with_untracked(String::is_empty) {
            loaded.try_set(Some(read));
        }
    });
}

/// The network that the settings name, loaded whenever they name another.
fn load_other(lab: Lab) -> RwSignal<Loaded> {
    let other = lab.settings.other;
    let loaded = RwSignal::new(None);
    Effect::new(move |_| {
        let name = other.get();
        loaded.set(None);
        if name.is_empty() {
            return;
        }
        leptos::task::spawn_local(async move {
            let profile = files::profile(&name).await.map(Arc::new);
            // Another may be asked for by now, or the pane may be closed.
            if other.try_get_untracked().is_some_and(|now| now == name) {
                loaded.try_set(Some(profile));
            }
        });
    });
    loaded
}

/// What numbers of the open network and another are of.
fn of_both(lab: Lab, other: &ModelProfile) -> FigureSource {
    let mut source = FigureSource::of_requests(lab, &[]);
    let [model, profile] = [MODEL_FILE, PROFILE_FILE].map(|file| numbered(file, 1));
    source.commands.push(other.command(&model, &profile));
    source.saying(&format!("Beside it: {}.", export::measured(other)))
}

/// Matching layers of the open network and another.
fn comparison(lab: Lab, other: Arc<ModelProfile>) -> AnyView {
    let matched = lab.profile.with_value(|profile| MatchedLayers::of(profile, &other));
    let matched = StoredValue::new(matched);
    let other = StoredValue::new(other);
    let names =
        [lab.profile.with_value(|profile| title(profile)), other.with_value(|other| title(other))];
    let names = StoredValue::new(names);
    let (sparsity, repair) = (lab.settings.a.sparsity, lab.settings.a.repair);
    let ratios = Memo::new(move |_| {
        let density = sparsity.get().density().get();
        matched.with_value(|matched| {
            lab.profile.with_value(|profile| {
                other.with_value(|other| matched.rr_at([profile, other], repair.get(), density))
            })
        })
    });
    let densities = Memo::new(move |_| densities(lab, matched, other));
    let sentence = move || {
        let all = lab.profile.with_value(|profile| profile.layers.len());
        let (count, by) = matched.with_value(|matched| (matched.pairs.len(), matched.matching));
        let found = format!("{count} of {all} layers match, {by}.");
        match ratios.with(|ratios| agreement(ratios)) {
            None => found,
            Some(correlation) => format!(
                "{found} At sparsity {} in every layer their order by RR agrees with ρ = {correlation:.2} \
                 (Spearman; 1: the same order, 0: none).",
                sparsity.get()
            ),
        }
    };
    let rr = Memo::new(move |_| {
        let y = Axis::new("RR", AxisScale::Linear);
        pair_chart(lab, matched, names, y, &ratios.get())
    });
    let difference = Memo::new(move |_| {
        let y = Axis::new("RR, other − open", AxisScale::Linear);
        let values = ratios.get().into_iter().map(|(open, other)| other - open);
        ChartSpec::new(
            Axis::names(matched_names(lab, matched)),
            y,
            vec![Series::bars("difference", values)],
        )
    });
    let shared_out = Memo::new(move |_| {
        let y = Axis::new("density", AxisScale::Percent);
        pair_chart(lab, matched, names, y, &densities.get().unwrap_or_default())
    });
    let refused = move || densities.with(|densities| densities.as_ref().err().cloned());
    let source = Callback::new(move |()| other.with_value(|other| of_both(lab, other)));
    let rr_title = move || format!("RR of matching layers, each at sparsity {}", sparsity.get());
    let rule_title = move || format!("Density of matching layers: {}", lab.settings.a.describe());
    if matched.with_value(|matched| matched.pairs.is_empty()) {
        let [open, other] = names.get_value();
        let nothing = format!(
            "No layer of {open} matches one of {other}: neither their places nor their names are alike, so that \
            there is nothing to compare layer by layer. Networks of one family match."
        );
        return view! { <p id="networks-agree">{nothing}</p> }.into_any();
    }
    view! {
        <p id="networks-agree">{sentence}</p>
        <Chart settings=lab.settings lab name="networks-rr" source title=Signal::derive(rr_title) spec=rr height=340 />
        <div class="columns">
            <Chart settings=lab.settings lab name="networks-difference" source
                title=Signal::derive(|| "Where the other network is harder to repair (above 0), or easier".to_owned())
                spec=difference height=300 />
            <div>
                <Problem problem=Signal::derive(refused) />
                <Chart settings=lab.settings lab name="networks-density" source title=Signal::derive(rule_title)
                    spec=shared_out height=300 />
            </div>
        </div>
    }
    .into_any()
}

/// How far the orders of two networks' layers agree, where there are enough of them.
fn agreement(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < LEAST_PAIRS { None } else { rank_correlation(pairs) }
}

/// A network with what it was measured on, in few words.
fn title(profile: &ModelProfile) -> String {
    format!("{} on {}", profile.graph.architecture(), profile.measurement.dataset)
}

/// Names of the open network's layers that match.
fn matched_names(lab: Lab, matched: StoredValue<MatchedLayers>) -> Vec<String> {
    let names = layer_names(lab);
    matched
        .with_value(|matched| matched.pairs.iter().map(|&(open, _)| names[open].clone()).collect())
}

/// A bar for each of the two at each pair of layers.
fn pair_chart(
    lab: Lab,
    matched: StoredValue<MatchedLayers>,
    names: StoredValue<[String; 2]>,
    y: Axis,
    pairs: &[(f64, f64)],
) -> ChartSpec {
    let [open, other] = names.get_value();
    let series = vec![
        Series::bars(open, pairs.iter().map(|pair| pair.0)),
        Series::bars(other, pairs.iter().map(|pair| pair.1)),
    ];
    ChartSpec {
        legend: true,
        ..ChartSpec::new(Axis::names(matched_names(lab, matched)), y, series)
    }
}

/// What A's rule gives each pair of layers, in the open network and in the other.
fn densities(
    lab: Lab,
    matched: StoredValue<MatchedLayers>,
    other: StoredValue<Arc<ModelProfile>>,
) -> Result<Vec<(f64, f64)>, String> {
    let open = lab.a.get()?;
    let other = other.with_value(|other| allocate_on(other, &lab.settings.a.request()))?;
    let of_pair = |&(a, b): &(usize, usize)| (open.layers[a].density, other.layers[b].density);
    Ok(matched.with_value(|matched| matched.pairs.iter().map(of_pair).collect()))
}
