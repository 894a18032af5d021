//! Which rule leads at each sparsity, beyond noise or within it.

use leptos::prelude::*;
use rrlab_types::{DrawnEntries, Repair, Rule, Sparsity, Standing, SweepDraws};

use crate::format::percent;
use crate::glossary::Term;
use crate::rule_look::RuleMark;

/// How each rule of a sweep stands at each of its sparsities, `[rule][sparsity]`, these in ascending
/// order.
pub(super) fn standings(draws: &SweepDraws, repair: Repair) -> Vec<Vec<Standing>> {
    let plan = &draws.first().plan;
    let sparsities = plan.ascending_sparsities();
    let of_rule = |&rule: &Rule| {
        let standing = |&sparsity: &Sparsity| {
            let entry = draws.entry(rule, sparsity, repair);
            entry.map_or(Standing::Unknown, |entry| draws.standing(&entry))
        };
        sparsities.iter().map(standing).collect()
    };
    plan.rules.iter().map(of_rule).collect()
}

/// Accuracy after repair of every rule with its standing, what the judge chooses, and the
/// transitions in words.
pub(super) fn leaders(
    draws: &SweepDraws,
    repair: Repair,
    standings: &[Vec<Standing>],
) -> impl IntoView + use<> {
    let plan = &draws.first().plan;
    let sparsities = plan.ascending_sparsities();
    let row = |(&rule, standings): (&Rule, &Vec<Standing>)| {
        let cell = |(&sparsity, &standing): (&Sparsity, &Standing)| {
            cell(draws.entry(rule, sparsity, repair), standing)
        };
        let cells = sparsities.iter().zip(standings).map(cell).collect_view();
        let transition = draws.transition(rule, repair).to_string();
        view! {
            <tr data-rule=rule.name()>
                <th scope="row"><RuleMark rule />{rule.label()}</th>{cells}
                <td class="text">{transition}</td>
            </tr>
        }
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
                    {plan.rules.iter().zip(standings).map(row).collect_view()}
                    {judged_row(draws, repair, &sparsities)}
                </tbody>
            </table>
        </div>
        <p class="faint" id="sweep-noise">{noise_legend(draws)}</p>
    }
}

/// Rules that lead every other beyond noise at some sparsity.
pub(super) fn leading(draws: &SweepDraws, standings: &[Vec<Standing>]) -> Vec<Rule> {
    let rules = draws.first().plan.rules.iter().zip(standings);
    rules.filter(|(_, of)| of.contains(&Standing::Leads)).map(|(&rule, _)| rule).collect()
}

/// An accuracy, marked by how it stands among the rules.
fn cell(entry: Option<DrawnEntries<'_>>, standing: Standing) -> impl IntoView + use<> {
    let accuracy = entry.map_or_else(|| "–".to_owned(), |entry| percent(entry.accuracy()));
    let text = match standing {
        Standing::Leads => format!("★ {accuracy}"),
        Standing::WithinNoise => format!("≈ {accuracy}"),
        Standing::Behind | Standing::Alone | Standing::Unknown => accuracy,
    };
    view! { <td class:leads=standing == Standing::Leads>{text}</td> }
}

/// What the judge would have chosen at each sparsity; nothing where there was no judge.
fn judged_row(
    draws: &SweepDraws,
    repair: Repair,
    sparsities: &[Sparsity],
) -> Option<impl IntoView + use<>> {
    let mut cells = Vec::new();
    for &sparsity in sparsities {
        let chosen = draws.judged_best(sparsity, repair)?;
        let rule = chosen.rule().map_or("one in each draw", Rule::label);
        cells.push(view! { <td>{format!("{} ({rule})", percent(chosen.accuracy()))}</td> });
    }
    Some(view! { <tr id="judged"><th scope="row"><Term name="judge" /></th>{cells}<td></td></tr> })
}

/// What the marks mean, or why there are none.
fn noise_legend(draws: &SweepDraws) -> &'static str {
    let mut entries = draws.reports().iter().flat_map(|report| &report.entries);
    if entries.all(|entry| entry.outcomes.is_none()) {
        "This sweep does not say which images each network tells right, so whether one rule leads \
        another beyond noise can't be told."
    } else if draws.reports().len() > 1 {
        "★ leads every other rule beyond noise (Student's t over draws and test images, p < 0.05); ≈ \
        is the most accurate, or can't be told apart from it."
    } else {
        "★ leads every other rule beyond noise (McNemar's test on the same test images, p < 0.05); ≈ \
        is the most accurate, or can't be told apart from it."
    }
}
