//! Accuracy over sparsity for every rule, before and after repair, and where the recoverability
//! transition is.

use leptos::prelude::*;
use rrlab_types::{
    Crossing, RecoverabilityTransition, Repair, Rule, Sparsity, Standing, SweepEntry, SweepReport,
};

use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Mark, Series, Shade};
use crate::controls::Select;
use crate::format::percent;
use crate::glossary::Term;
use crate::lab::Lab;

/// What tells the line before repair from the one after.
const BEFORE: &str = "before repair";

/// A sweep of the opened network.
#[component]
pub fn SweepPane(lab: Lab) -> impl IntoView {
    let chosen = RwSignal::new(0usize);
    let report = Memo::new(move |_| {
        lab.sweeps.with(|sweeps| sweeps.get(chosen.get()).or(sweeps.first()).cloned())
    });
    move || match report.get() {
        None => view! {
            <p class="empty">"No sweep is open. Run "<code>
                "rrlab sweep --model … --dataset … --out sweep.json"</code>
                " and drop its file on this page."</p>
        }
        .into_any(),
        Some(report) => view! {
            <SweepChoice lab chosen />
            <SweepView lab report />
        }
        .into_any(),
    }
}

#[component]
fn SweepChoice(lab: Lab, chosen: RwSignal<usize>) -> impl IntoView {
    let titles =
        move || lab.sweeps.with(|sweeps| sweeps.iter().map(SweepReport::title).collect::<Vec<_>>());
    view! {
        <Show when=move || { lab.sweeps.with(Vec::len) > 1 }>
            <label class="inline">
                <span>"Sweep"</span>
                <select id="sweep"
                    on:change:target=move |event| if let Ok(index) = event.target().value().parse() { chosen.set(index) }>
                    {move || titles().into_iter().enumerate().map(|(index, title)| view! {
                        <option value=index selected=move || chosen.get() == index>{title}</option>
                    }).collect_view()}
                </select>
            </label>
        </Show>
    }
}

#[component]
fn SweepView(lab: Lab, report: SweepReport) -> impl IntoView {
    let settings = lab.settings;
    let network =
        report.origin.model_hash.map_or_else(|| "not named".to_owned(), |hash| hash.short());
    let measured = format!(
        "{}, network {network}: dense {} on {} test images; repaired from {} calibration images \
        without labels; seed {}, {}, {}",
        report.title(),
        percent(report.dense_accuracy),
        report.plan.evaluation_images,
        report.plan.calibration_images,
        report.plan.seed,
        report.origin.device,
        report.origin.program,
    );
    let is_unbound = report.origin.profile_hash.is_none();
    let repairs: Vec<Repair> =
        report.plan.repairs.iter().copied().filter(|repair| *repair != Repair::None).collect();
    let report = StoredValue::new(report);
    let repair = Signal::derive(move || {
        let asked = settings.sweep_repair.get();
        report.with_value(|report| {
            report
                .plan
                .repairs
                .iter()
                .copied()
                .find(|known| *known == asked)
                .or(report.plan.repairs.last().copied())
                .unwrap_or(asked)
        })
    });
    let spec = Memo::new(move |_| {
        report.with_value(|report| {
            let hidden = settings.hidden_lines.get();
            chart(report, repair.get(), settings.a.rule.get(), settings.a.sparsity.get(), &hidden.0)
        })
    });
    let on_legend = Callback::new(move |(name, shown): (String, bool)| {
        settings.hidden_lines.update(|hidden| {
            if hidden.contains(&name) == shown {
                hidden.toggle(name);
            }
        })
    });
    view! {
        <p class="faint">{measured}</p>
        {is_unbound.then(|| view! { <p class="notice" id="unbound">"This sweep was written by an \
            earlier version and does not say which network and profile it is of; only the \
            architecture is the same."</p> })}
        <label class="inline">
            <span>"After repair by"</span>
            <Select id="sweep-repair" value=repair set=settings.sweep_repair.write_only()
                choices=repairs.into_iter().map(|repair| (repair, repair.name())).collect() />
        </label>
        <Chart settings=lab.settings lab name="sweep"
            title=Signal::derive(move || format!("Accuracy over sparsity after {}, and before \
                repair (broken); grey: the transition of {}", repair.get(), settings.a.rule.get()))
            spec on_legend height=440 />
        <p class="faint">
            "Broken lines: before repair. Click a name above the lines to hide or show it. The "<Term name="recoverability transition" />" of the rule chosen at the top is grey."</p>
        <h3>"Who leads where, and where each rule's transition is"</h3>
        {move || report.with_value(|report| leaders(report, repair.get()))}
        <Ladder lab report />
    }
}

/// What each repair is worth to A's rule, where this sweep and those that differ from it in repairs
/// and criterion alone have two or more.
#[component]
fn Ladder(lab: Lab, report: StoredValue<SweepReport>) -> impl IntoView {
    let spec = Memo::new(move |_| {
        let rule = lab.settings.a.rule.get();
        report.with_value(|report| {
            lab.sweeps.with(|sweeps| {
                let others = sweeps.iter().filter(|sweep| report.differs_in_treatment_alone(sweep));
                // A way that several sweeps have is drawn as the chosen one tells it.
                ladder([report].into_iter().chain(others), rule)
            })
        })
    });
    let title = move || format!("The ladder of repairs under {}", lab.settings.a.rule.get());
    view! {
        <Show when=move || { spec.with(|spec| spec.series.len() > 1) }>
            <h3>"What repair is worth"</h3>
            <Chart settings=lab.settings lab name="ladder" title=Signal::derive(title) spec />
            <p class="faint">
                "The farther to the right a line falls, the more sparsity its repair bears. \
                Choose another rule at the top."
            </p>
        </Show>
    }
}

/// Accuracy over sparsity under one rule, a line for each way in which sweeps pruned and repaired.
fn ladder<'a>(sweeps: impl Iterator<Item = &'a SweepReport>, rule: Rule) -> ChartSpec {
    let mut series: Vec<Series> = Vec::new();
    for sweep in sweeps {
        for &repair in &sweep.plan.repairs {
            let name = sweep.plan.criterion.with_repair(repair);
            let points = points(sweep, rule, repair);
            if !points.is_empty() && series.iter().all(|series| series.name != name) {
                series.push(Series::line(name, points));
            }
        }
    }
    let sparsities = || series.iter().flat_map(|series| &series.points).map(|point| point.0);
    let (low, high) = (sparsities().fold(1.0, f64::min), sparsities().fold(0.0, f64::max));
    let y = Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0);
    ChartSpec { legend: true, ..ChartSpec::new(Axis::sparsity(low, high), y, series) }
}

/// Sparsity and accuracy of a rule's entries after a repair.
fn points(report: &SweepReport, rule: Rule, repair: Repair) -> Vec<(f64, f64)> {
    let line = report.line(rule, repair);
    line.into_iter().map(|entry| (entry.sparsity.get(), entry.accuracy)).collect()
}

fn chart(
    report: &SweepReport,
    repair: Repair,
    rule: Rule,
    sparsity: Sparsity,
    hidden: &[String],
) -> ChartSpec {
    let after = report.plan.rules.iter().enumerate().map(|(style, &rule)| Series {
        style: Some(style),
        hidden: hidden.contains(&rule.to_string()),
        ..Series::line(rule.name(), points(report, rule, repair))
    });
    let is_measured_before = report.plan.repairs.contains(&Repair::None);
    let before = after.clone().filter(|_| is_measured_before).zip(&report.plan.rules).map(
        |(series, &rule)| Series {
            note: BEFORE,
            dashed: true,
            points: points(report, rule, Repair::None),
            ..series
        },
    );
    let sparsities = report.plan.ascending_sparsities();
    let sparsities: Vec<f64> = sparsities.into_iter().map(Sparsity::get).collect();
    let (low, high) =
        (sparsities.first().copied().unwrap_or(0.5), sparsities.last().copied().unwrap_or(0.99));
    let RecoverabilityTransition { begin, end } = report.transition(rule, repair);
    ChartSpec {
        x: Axis { ticks: sparsities, ..Axis::sparsity(low, high) },
        y: Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0),
        series: after.clone().chain(before).collect(),
        shade: shade(begin, end, (low, high)).map(|(from, to)| Shade {
            from,
            to,
            label: format!("transition of {rule}"),
        }),
        mark: Some(sparsity.get())
            .filter(|at| (low..=high).contains(at))
            .map(|at| Mark { at, label: "A".into() }),
        legend: true,
    }
}

/// Accuracy after repair of every rule with its standing, what the judge chooses, and the
/// transitions in words.
fn leaders(report: &SweepReport, repair: Repair) -> impl IntoView + use<> {
    let sparsities = report.plan.ascending_sparsities();
    let row = |&rule: &Rule| {
        let cell = |&sparsity: &Sparsity| leader_cell(report, report.entry(rule, sparsity, repair));
        let cells = sparsities.iter().map(cell).collect_view();
        let transition = report.transition(rule, repair).to_string();
        view! { <tr><th scope="row">{rule.name()}</th>{cells}<td class="text">{transition}</td></tr> }
    };
    view! {
        <div class="table" tabindex="0" role="group"
            aria-label="Accuracy after repair, scrolls sideways">
            <table id="leaders">
                <thead><tr>
                    <th scope="col">"rule"</th>
                    {sparsities.iter().map(|sparsity| view! { <th scope="col">{sparsity.to_string()}</th> }).collect_view()}
                    <th scope="col">"transition"</th>
                </tr></thead>
                <tbody>
                    {report.plan.rules.iter().map(row).collect_view()}
                    {judged_row(report, repair, &sparsities)}
                </tbody>
            </table>
        </div>
        <p class="faint" id="sweep-noise">{noise_legend(report)}</p>
    }
}

/// An accuracy, marked by how it stands among the rules.
fn leader_cell(report: &SweepReport, entry: Option<&SweepEntry>) -> impl IntoView + use<> {
    let standing = entry.map_or(Standing::Unknown, |entry| report.standing(entry));
    let accuracy = entry.map_or_else(|| "–".to_owned(), |entry| percent(entry.accuracy));
    let text = match standing {
        Standing::Leads => format!("★ {accuracy}"),
        Standing::WithinNoise => format!("≈ {accuracy}"),
        Standing::Behind | Standing::Unknown => accuracy,
    };
    view! { <td class:leads=standing == Standing::Leads>{text}</td> }
}

/// What the judge would have chosen at each sparsity; nothing where there was no judge.
fn judged_row(
    report: &SweepReport,
    repair: Repair,
    sparsities: &[Sparsity],
) -> Option<impl IntoView + use<>> {
    let mut cells = Vec::new();
    for &sparsity in sparsities {
        let chosen = report.judged_best(sparsity, repair)?;
        let text = format!("{} ({})", percent(chosen.accuracy), chosen.rule);
        cells.push(view! { <td>{text}</td> });
    }
    Some(view! { <tr id="judged"><th scope="row"><Term name="judge" /></th>{cells}<td></td></tr> })
}

/// What the marks mean, or why there are none.
fn noise_legend(report: &SweepReport) -> String {
    if report.entries.iter().all(|entry| entry.outcomes.is_none()) {
        return "This sweep does not say which images each network tells right, so whether one rule \
            leads another beyond noise can't be told."
            .into();
    }
    "★ leads every other rule beyond noise (McNemar's test on the same test images, p < 0.05); \
     ≈ is the most accurate, or can't be told apart from it."
        .into()
}

/// The part of a transition between the least and the largest sparsity.
fn shade(begin: Crossing, end: Crossing, (low, high): (f64, f64)) -> Option<(f64, f64)> {
    let from = match begin {
        Crossing::Before => low,
        Crossing::At(sparsity) => sparsity,
        Crossing::NotReached => return None,
    };
    match end {
        Crossing::Before => None,
        Crossing::At(to) => Some((from, to)),
        Crossing::NotReached => Some((from, high)),
    }
}
