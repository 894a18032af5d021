//! Accuracy over sparsity for every rule, before and after repair, and where the recoverability
//! transition is.

use leptos::prelude::*;
use rrlab_types::{Repair, Rule, SweepDraws};

use crate::chart::Chart;
use crate::controls::{Select, labelled};
use crate::figure::FigureSource;
use crate::format::percent;
use crate::glossary::Term;
use crate::lab::Lab;
use crate::rule_look::RuleMark;
use crate::settings::{FEW_RULES, List, Settings};

mod figures;
mod leaders;

/// A sweep of the opened network.
#[component]
pub fn SweepPane(lab: Lab) -> impl IntoView {
    let chosen = lab.settings.shown_sweep;
    let draws = Memo::new(move |_| {
        lab.draws.with(|sweeps| sweeps.get(chosen.get()).or(sweeps.first()).cloned())
    });
    move || match draws.get() {
        None => view! {
            <p class="empty">"No sweep is open. Run "<code>
                "rrlab sweep --model … --dataset … --out sweep.json"</code>
                " and drop its file on this page."</p>
        }
        .into_any(),
        Some(draws) => view! {
            <p class="lead">"How far each rule can prune before accuracy is lost, and what \
                repair gives back. Look for where a line falls: that is the "
                <Term name="recoverability transition" />"."</p>
            <SweepChoice lab chosen />
            <SweepView lab draws />
        }
        .into_any(),
    }
}

#[component]
fn SweepChoice(lab: Lab, chosen: RwSignal<usize>) -> impl IntoView {
    let titles = move || lab.draws.with(|sweeps| sweeps.iter().map(title).collect::<Vec<_>>());
    view! {
        <Show when=move || { lab.draws.with(Vec::len) > 1 }>
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

/// What a sweep, or several draws of it, is called.
fn title(draws: &SweepDraws) -> String {
    let title = draws.first().title();
    match draws.reports().len() {
        1 => title,
        count => format!("{title}, {count} draws"),
    }
}

/// Of which network, images and seeds the numbers are.
fn measured(draws: &SweepDraws) -> String {
    let report = draws.first();
    let network =
        report.origin.model_hash.map_or_else(|| "not named".to_owned(), |hash| hash.short());
    let seeds = match draws.reports().len() {
        1 => format!("seed {}", draws.seeds()),
        _ => format!("means over draws with seeds {}", draws.seeds()),
    };
    format!(
        "{}, network {network}: dense {} on {} test images; repaired from {} calibration images \
        without labels; {seeds}, {}, {}",
        report.title(),
        percent(report.dense_accuracy),
        report.plan.evaluation_images,
        report.plan.calibration_images,
        report.origin.device,
        report.origin.program,
    )
}

#[component]
fn SweepView(lab: Lab, draws: SweepDraws) -> impl IntoView {
    let settings = lab.settings;
    let words = measured(&draws);
    let plan = &draws.first().plan;
    let is_unbound = draws.first().origin.profile_hash.is_none();
    let is_measured_before = plan.repairs.contains(&Repair::None);
    let repairs = plan.repairs.iter().copied().filter(|repair| *repair != Repair::None);
    let repairs = StoredValue::new(repairs.collect::<Vec<Repair>>());
    let rules = plan.rules.clone();
    let draws = StoredValue::new(draws);
    let repair = Signal::derive(move || {
        let asked = settings.sweep_repair.get();
        repairs.with_value(|repairs| {
            let known = repairs.iter().copied().find(|known| *known == asked);
            known.or(repairs.last().copied()).unwrap_or(Repair::None)
        })
    });
    // Tests of every pair of rules: for the lines and for the table.
    let standings =
        Memo::new(move |_| draws.with_value(|draws| leaders::standings(draws, repair.get())));
    let shown = Memo::new(move |_| {
        let chosen = settings.rules.get().0;
        if chosen != FEW_RULES {
            return chosen;
        }
        // Nobody chose: those that lead somewhere are not left out.
        let leading = draws.with_value(|draws| standings.with(|of| leaders::leading(draws, of)));
        FEW_RULES
            .into_iter()
            .chain(leading.into_iter().filter(|rule| !FEW_RULES.contains(rule)))
            .collect()
    });
    // Means and errors over draws take a while: a slider of sparsity moves the mark alone.
    let lines = Memo::new(move |_| {
        draws.with_value(|draws| {
            figures::Lines {
                repair: repair.get(),
                before_repair: settings.before_repair.get() && is_measured_before,
                of_a: settings.a.rule.get(),
            }
            .spec(draws, |rule| is_shown(settings, shown, rule))
        })
    });
    let spec = Memo::new(move |_| figures::marked(lines.get(), settings.a.sparsity.get()));
    let heading = move || {
        let (repair, shade) = (repair.get().label(), lines.with(|lines| lines.shade.clone()));
        let shade = shade.map_or_else(String::new, |shade| format!("; grey: the {}", shade.label));
        format!("Accuracy over sparsity after {repair}{shade}")
    };
    let choices = repairs.with_value(|repairs| labelled(repairs, Repair::label));
    let source = Callback::new(move |()| {
        draws.with_value(|draws| FigureSource::of_sweeps(lab, measured(draws), [draws]))
    });
    view! {
        <p class="faint">{words}</p>
        {is_unbound.then(|| view! { <p class="notice" id="unbound">"This sweep was written by an \
            earlier version and does not say which network and profile it is of; only the \
            architecture is the same."</p> })}
        <div class="inline-controls">
            {(!choices.is_empty()).then(|| view! {
                <label class="inline">
                    <span>"After repair by"</span>
                    <Select id="sweep-repair" value=repair
                        set=settings.sweep_repair.write_only() choices />
                </label>
            })}
            {is_measured_before.then(|| view! {
                <label class="inline">
                    <input type="checkbox" id="before-repair"
                        prop:checked=move || settings.before_repair.get()
                        on:change:target=move |event| settings.before_repair.set(event.target().checked()) />
                    <span>"before repair too (broken lines)"</span>
                </label>
            })}
        </div>
        <RuleChoice settings shown rules />
        <Chart settings=lab.settings lab name="sweep" source title=Signal::derive(heading) spec height=440 />
        <p class="faint">{draws.with_value(figures::bands_legend)}</p>
        <h3>"Who leads where, and where each rule's transition is"</h3>
        {move || draws.with_value(|draws| {
            standings.with(|of| leaders::leaders(draws, repair.get(), of))
        })}
        <Ladder lab draws />
    }
}

/// Whether a rule has a line: if it is among those shown, or is A's.
fn is_shown(settings: Settings, shown: Memo<Vec<Rule>>, rule: Rule) -> bool {
    shown.with(|rules| rules.contains(&rule)) || settings.a.rule.get() == rule
}

/// Buttons that show and hide the lines of rules.
#[component]
fn RuleChoice(settings: Settings, shown: Memo<Vec<Rule>>, rules: Vec<Rule>) -> impl IntoView {
    let chosen = settings.rules;
    let toggle = move |rule: Rule| {
        let mut rules = List(shown.get_untracked());
        rules.toggle(rule);
        chosen.set(rules);
    };
    let button = move |rule: Rule| {
        let is_of_a = move || settings.a.rule.get() == rule;
        let hint = move || if is_of_a() { "A's rule, always shown" } else { rule.name() };
        view! {
            <button type="button" class="rule-choice" data-rule=rule.name() title=hint
                aria-pressed=move || is_shown(settings, shown, rule).to_string()
                disabled=is_of_a
                on:click=move |_| toggle(rule)>
                <RuleMark rule />{rule.label()}
            </button>
        }
    };
    let all = rules.clone();
    view! {
        <div class="rule-choices" role="group" aria-label="Rules that are shown">
            {rules.into_iter().map(button).collect_view()}
            <button type="button" class="link" id="all-rules"
                on:click=move |_| chosen.set(List(all.clone()))>"all"</button>
            <button type="button" class="link" id="few-rules"
                on:click=move |_| chosen.set(List(FEW_RULES.to_vec()))>"a few"</button>
        </div>
    }
}

/// A sweep, and those of others that differ from it in repairs, criterion and distillation alone.
fn of_one_ladder<'d>(
    draws: &'d SweepDraws,
    sweeps: &'d [SweepDraws],
) -> impl Iterator<Item = &'d SweepDraws> {
    let is_rung = |sweep: &&SweepDraws| draws.first().differs_in_treatment_alone(sweep.first());
    std::iter::once(draws).chain(sweeps.iter().filter(is_rung))
}

/// What each repair is worth to A's rule, where this sweep and those that differ from it in repairs,
/// criterion and distillation alone have two or more.
#[component]
fn Ladder(lab: Lab, draws: StoredValue<SweepDraws>) -> impl IntoView {
    let spec = Memo::new(move |_| {
        let rule = lab.settings.a.rule.get();
        draws.with_value(|draws| {
            // A way that several sweeps have is drawn as the chosen one tells it.
            lab.draws.with(|sweeps| figures::ladder(of_one_ladder(draws, sweeps), rule))
        })
    });
    let source = Callback::new(move |()| {
        draws.with_value(|draws| {
            let of_ladder = |sweeps: &Vec<SweepDraws>| {
                FigureSource::of_sweeps(lab, measured(draws), of_one_ladder(draws, sweeps))
            };
            lab.draws.with_untracked(of_ladder)
        })
    });
    let title =
        move || format!("The ladder of repairs under {}", lab.settings.a.rule.get().label());
    view! {
        <Show when=move || { spec.with(|spec| spec.series.len() > 1) }>
            <h3>"What repair is worth"</h3>
            <Chart settings=lab.settings lab name="ladder" source title=Signal::derive(title) spec />
            <p class="faint">
                "The farther to the right a line falls, the more sparsity its repair bears. \
                Choose another rule at the top."
            </p>
        </Show>
    }
}
