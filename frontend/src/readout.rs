//! What it comes to: accuracy dense, pruned and repaired, beside the controls.

use leptos::prelude::*;
use rrlab_types::{AccuracyAt, AllocationRequest, Criterion, Repair, SweepReport};

use crate::format::percent;
use crate::lab::{Lab, Side};
use crate::settings::{Part, Shown};

/// Accuracies of one allocation, as far as open sweeps tell them.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracies {
    dense: f64,
    pruned: Option<AccuracyAt>,
    repaired: AccuracyAt,
    repair: Repair,
    criterion: Criterion,
    /// Of the accuracy after repair.
    standard_error: f64,
    test_images: usize,
    seed: u64,
}

impl Accuracies {
    /// What a sweep tells of an allocation; nothing where it is of others, or does not reach the
    /// sparsity.
    fn from_sweep(
        report: &SweepReport,
        request: &AllocationRequest,
        criterion: Criterion,
    ) -> Option<Self> {
        if !report.plan.is_of(request) || !report.plan.is_untrained(criterion) {
            return None;
        }
        let repair = Repair::Operator(request.settings.repair);
        let (rule, sparsity) = (request.rule, request.sparsity);
        let repaired = report.accuracy_at(rule, repair, sparsity)?;
        Some(Self {
            dense: report.dense_accuracy,
            pruned: report.accuracy_at(rule, Repair::None, sparsity),
            repaired,
            repair,
            criterion,
            standard_error: report.standard_error(repaired.accuracy()),
            test_images: report.plan.evaluation_images,
            seed: report.plan.seed,
        })
    }

    /// The best that sweeps of the open profile tell: what was measured before what lies between.
    pub fn of(lab: Lab, request: &AllocationRequest, criterion: Criterion) -> Option<Self> {
        let profile = lab.profile.with_value(|profile| profile.hash());
        lab.sweeps.with(|sweeps| {
            let mut interpolated = None;
            for sweep in sweeps.iter().filter(|sweep| sweep.origin.profile_hash == Some(profile)) {
                let Some(found) = Self::from_sweep(sweep, request, criterion) else { continue };
                if matches!(found.repaired, AccuracyAt::Measured(_)) {
                    return Some(found);
                }
                interpolated = Some(found);
            }
            interpolated
        })
    }

    /// Accuracy after repair, `34.1 % ± 0.9`; with ≈ before it where it is interpolated.
    pub fn after_repair(&self) -> String {
        let sign = match self.repaired {
            AccuracyAt::Measured(_) => "",
            AccuracyAt::Interpolated { .. } => "≈ ",
        };
        format!("{sign}{} ± {:.1}", percent(self.repaired.accuracy()), 100.0 * self.standard_error)
    }

    /// `by variance matching, masks by magnitude, interpolated between 0.93 and 0.95 on 2000 test
    /// images, seed 0; ± one standard error`.
    fn note(&self) -> String {
        let known = match self.repaired {
            AccuracyAt::Measured(_) => "measured".to_owned(),
            AccuracyAt::Interpolated { between: (from, to), .. } => {
                format!("interpolated between {from} and {to}")
            }
        };
        format!(
            "by {}, masks by {}, {known} on {} test images, seed {}; ± one standard error",
            self.repair.label(),
            self.criterion.label(),
            self.test_images,
            self.seed
        )
    }
}

/// Accuracies of the allocations that are shown.
#[component]
pub fn AccuracyReadout(
    lab: Lab,
    /// Opens what measures accuracies that no sweep tells.
    measure: Callback<()>,
) -> impl IntoView {
    let sides = move || match lab.settings.shown.get() {
        Shown::A => vec![Side::A],
        Shown::B => vec![Side::B],
        Shown::Both => vec![Side::A, Side::B],
    };
    let lines =
        move || sides().into_iter().map(|side| view! { <Line lab measure side /> }).collect_view();
    view! { <section class="readout panel" aria-label="Accuracy" aria-live="polite">{lines}</section> }
}

/// Accuracies of one allocation, or what would give them.
#[component]
fn Line(lab: Lab, measure: Callback<()>, side: Side) -> impl IntoView {
    let accuracies = Memo::new(move |_| {
        let settings = match side {
            Side::A => lab.settings.a,
            // What a file allocates is no rule's work here.
            Side::B if lab.opened.with(Option::is_some) => return None,
            Side::B => lab.settings.b,
        };
        Accuracies::of(lab, &settings.request(), settings.criterion.get())
    });
    let text = move || match accuracies.get() {
        Some(accuracies) => view! { <Numbers accuracies /> }.into_any(),
        None => view! { <NotMeasured lab measure /> }.into_any(),
    };
    view! { <div class="readout-line" id=format!("readout-{side}")><b>{side.to_string()}</b>{text}</div> }
}

#[component]
fn NotMeasured(lab: Lab, measure: Callback<()>) -> impl IntoView {
    let settings = lab.settings;
    view! {
        <span class="faint">"Accuracy not measured"</span>
        <Show when=move || settings.shows(Part::Run)>
            <button type="button" class="link" on:click=move |_| measure.run(())>
                "Measure it here"</button>
        </Show>
    }
}

#[component]
fn Numbers(accuracies: Accuracies) -> impl IntoView {
    let (note, after_repair) = (accuracies.note(), accuracies.after_repair());
    let Accuracies { dense, pruned, repaired, .. } = accuracies;
    let repaired = repaired.accuracy();
    let pruned = pruned.map(AccuracyAt::accuracy);
    let width = |accuracy: f64| format!("width: {:.2}%", 100.0 * accuracy);
    view! {
        <span>"dense "<b>{percent(dense)}</b></span>
        {pruned.map(|pruned| view! { <span>"→ pruned "<b>{percent(pruned)}</b></span> })}
        <span>"→ repaired "<b>{after_repair}</b></span>
        <span class="accuracy-bar" aria-hidden="true">
            <span class="dense" style=width(dense)></span>
            <span class="repaired" style=width(repaired)></span>
            {pruned.map(|pruned| view! { <span class="pruned" style=width(pruned)></span> })}
        </span>
        <span class="faint">{note}</span>
    }
}
