//! What the projections are worth: accuracy over their density, as open sweeps measured it.

use leptos::prelude::*;
use rrlab_types::{
    AccuracyAt, AllocationRequest, Constraint, Density, ForcedDensity, Role, Rule, Target,
};

use super::measured::{Form, Measured, measured};
use super::roles::RoleTotal;
use super::verdict::verdict;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Look, Mark, Series};
use crate::figure::FigureSource;
use crate::format::percent;
use crate::lab::Lab;
use crate::rule_look::rule_look;
use crate::settings::{List, Part};

/// How ERK with one density for every projection is drawn: a bar.
const ONE_DENSITY: Look = Look { colour: "#4f9a3a", outline: "M3.3 0H6.7V10H3.3Z" };
/// How ERK with the projections as RR has them is drawn: a star of four points.
const AS_RR: Look =
    Look { colour: "#9a5bb8", outline: "M5 0L6.5 3.5L10 5L6.5 6.5L5 10L3.5 6.5L0 5L3.5 3.5Z" };
/// Steps of the slider from the least density to 1.
const SLIDER_STEPS: f64 = 100.0;

/// The curve, the slider that goes along it, and what the numbers say.
#[component]
pub(super) fn Projections(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    // What the slider changes, A's rule and what is forced, is no part of it.
    let asked = Memo::new(move |_| AllocationRequest {
        rule: Rule::Erk,
        constraints: Vec::new(),
        ..settings.a.request()
    });
    let measured = Memo::new(move |_| asked.with(|asked| measured(lab, asked)));
    let of_a = Memo::new(move |_| {
        lab.a.with(|outcome| RoleTotal::of(outcome.as_ref().ok()?, Role::Projection).density())
    });
    let spec = Memo::new(move |_| measured.with(|measured| spec(measured, of_a.get())));
    let title = move || {
        let (sparsity, repair) = (settings.a.sparsity.get(), settings.a.repair.get().label());
        let note = if measured.with(|measured| measured.iter().all(Measured::is_exact)) {
            ""
        } else {
            ", interpolated between two sparsities"
        };
        format!("Accuracy over the density of the projections, at {sparsity} after {repair}{note}")
    };
    let is_curve = move || {
        measured.with(|measured| {
            let has = |is_one: fn(Form) -> bool| measured.iter().any(|point| is_one(point.form));
            has(|form| form == Form::Free) && has(Form::is_forced)
        })
    };
    let words = move || {
        let said = measured.with(|measured| verdict(measured));
        said.into_iter().map(|sentence| view! { <li>{sentence}</li> }).collect_view()
    };
    let source = Callback::new(move |()| {
        let of_profile = FigureSource::of_requests(lab, &[]);
        let mut commands: Vec<String> = Vec::new();
        measured.with_untracked(|measured| {
            for command in measured.iter().filter_map(|point| point.command.clone()) {
                if !commands.contains(&command) {
                    commands.push(command);
                }
            }
        });
        FigureSource { commands, ..of_profile }
    });
    view! {
        <Show when=is_curve
            fallback=|| view! { <p class="faint">"No open sweep of this profile has projections forced \
                at A’s settings: a sweep with "<code>"--force projection=0.5"</code>" gives a point of \
                the curve that would be here."</p> }>
            <Show when=move || [Part::Rule, Part::Force].into_iter().all(|part| settings.shows(part))>
                <DensitySlider lab of_a />
                <p class="faint" id="projection-estimate">{move || measured.with(|measured| estimate(lab, measured))}</p>
            </Show>
            <Chart settings lab name="projections" source title=Signal::derive(title) spec />
            <h3>"What these numbers say"</h3>
            <ul id="verdict">{words}</ul>
            <p class="faint">"Each difference is from ERK (capped) with nothing forced, on the same test \
                images (McNemar’s test, p < 0.05): one in twenty is beyond noise where nothing \
                differs."</p>
        </Show>
    }
}

/// Forces all projections in A to one density, under ERK.
#[component]
fn DensitySlider(lab: Lab, of_a: Memo<Option<f64>>) -> impl IntoView {
    let a = lab.settings.a;
    let least = move || a.sparsity.get().density().get();
    let position = move || {
        let along = (of_a.get().unwrap_or(1.0) - least()) / (1.0 - least());
        (SLIDER_STEPS * along.clamp(0.0, 1.0)).round().to_string()
    };
    let slide = move |text: &str| {
        let Ok(position) = text.parse::<f64>() else { return };
        let density = least() + (1.0 - least()) * position / SLIDER_STEPS;
        let Ok(density) = Density::new((density * 1e3).round() / 1e3) else { return };
        let constraint = Constraint {
            target: Target::Role(Role::Projection),
            density: ForcedDensity::Value(density),
        };
        a.rule.set(Rule::Erk);
        a.force.set(List(vec![constraint]));
    };
    view! {
        <label class="inline density-slider" for="projection-density">
            <span>"Density of A’s projections; dragging forces them under ERK, from the whole network’s \
                density to dense"</span>
            <input type="range" id="projection-density" min="0" max=SLIDER_STEPS step="1"
                aria-valuetext=move || of_a.get().map(percent)
                prop:value=position
                on:input:target=move |event| slide(&event.target().value()) />
            <b>{move || of_a.get().map(percent)}</b>
        </label>
    }
}

/// What A is worth where it lies on the line of one density, between two that were measured.
fn estimate(lab: Lab, measured: &[Measured]) -> String {
    let a = lab.settings.a;
    let forced = a.force.with(|force| match force.0.as_slice() {
        [Constraint { target: Target::Role(Role::Projection), density }]
            if a.rule.get() == Rule::Erk =>
        {
            match density {
                ForcedDensity::Dense => Some(1.0),
                ForcedDensity::Global => Some(a.sparsity.get().density().get()),
                ForcedDensity::Value(density) => Some(density.get()),
                ForcedDensity::Rule(_) => None,
            }
        }
        _ => None,
    });
    let Some(at) = forced else {
        return "Drag to force every projection of A to one density under ERK.".to_owned();
    };
    let line: Vec<&Measured> = on_line(measured).collect();
    if let Some(here) = line.iter().find(|point| (point.density - at).abs() < 5e-4) {
        let (sign, note) = match here.accuracy {
            AccuracyAt::Measured(_) => ("", "measured"),
            AccuracyAt::Interpolated { .. } => ("≈ ", "interpolated between two sparsities"),
        };
        return format!("{sign}{}, {note}.", percent(here.accuracy.accuracy()));
    }
    let Some(around) =
        line.windows(2).find(|pair| (pair[0].density..pair[1].density).contains(&at))
    else {
        return "Not measured here.".to_owned();
    };
    let share = (at - around[0].density) / (around[1].density - around[0].density);
    let [from, to] = [around[0], around[1]].map(|point| point.accuracy.accuracy());
    let [low, high] = [around[0], around[1]].map(|point| percent(point.density));
    format!("≈ {}, between {low} and {high} of them.", percent(from + share * (to - from)))
}

/// ERK with one density for every projection, in order of density.
fn on_line(measured: &[Measured]) -> impl Iterator<Item = &Measured> {
    measured.iter().filter(|point| matches!(point.form, Form::OneDensity(_)))
}

fn spec(measured: &[Measured], of_a: Option<f64>) -> ChartSpec {
    // How far what is interpolated may be off is not told.
    let errors = |points: &[&Measured]| match points.iter().all(|point| point.is_exact()) {
        true => points.iter().map(|point| point.standard_error).collect(),
        false => Vec::new(),
    };
    let series = |name: &str, points: Vec<&Measured>, look: Look| Series {
        errors: errors(&points),
        look: Some(look),
        ..Series::line(
            name,
            points.iter().map(|point| (point.density, point.accuracy.accuracy())).collect(),
        )
    };
    let single = |form: Form| measured.iter().filter(|point| point.form == form).collect();
    let mut all = vec![
        series("ERK, one density for every projection", on_line(measured).collect(), ONE_DENSITY),
        series("ERK (capped)", single(Form::Free), rule_look(Rule::Erk)),
        series("ERK, projections as RR has them", single(Form::OfRr), AS_RR),
        series("RR", single(Form::Rr), rule_look(Rule::Rr)),
    ];
    all.retain(|series| !series.points.is_empty());
    let accuracies = || measured.iter().map(|point| point.accuracy.accuracy());
    let low = (accuracies().fold(1.0, f64::min) * 10.0 - 0.5).floor().max(0.0) / 10.0;
    let high = (accuracies().fold(0.0, f64::max) * 10.0 + 0.5).ceil().min(10.0) / 10.0;
    ChartSpec {
        mark: of_a.map(|at| Mark { at, label: "A".into() }),
        legend: true,
        ..ChartSpec::new(
            Axis::new("density of all projections together", AxisScale::Percent).between(0.0, 1.0),
            Axis::new("accuracy", AxisScale::Percent).between(low, high),
            all,
        )
    }
}
