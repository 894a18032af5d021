//! `rrlab report`: a sweep, or what several say together, as a page of Markdown, every number from
//! the files.

use std::fmt::Write as _;

use anyhow::ensure;
use comfy_table::Table;
use rrlab_types::{Repair, Rule, Sparsity, SweepDraws, SweepReport};

use super::context::{asked_rules, read_document};
use super::marked::{accuracy, legend};
use super::provenance::provenance;
use super::{calibrations, claims, ladder, standings};
use crate::cli::ReportArgs;
use crate::destination::{Destination, REPORT_BYTES};
use crate::markdown::{code, table};
use crate::output::{NONE, chosen_rules};
use crate::progress::say;
use crate::storage::read_sweep;

pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let out = Destination::check("--out", &args.out, args.overwrite.into(), REPORT_BYTES)?;
    out.write(page(args)?.as_bytes())?;
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}

fn page(args: &ReportArgs) -> anyhow::Result<String> {
    if args.ladder {
        let documents = args.sweeps.iter().map(|path| read_document(path));
        let rule = args.rule.unwrap_or(Rule::Rr);
        return ladder::markdown(documents.collect::<anyhow::Result<_>>()?, rule);
    }
    let mut reports = Vec::new();
    for path in &args.sweeps {
        let report = read_sweep(path)?;
        ensure!(!report.entries.is_empty(), "{} has no entries yet", path.display());
        reports.push(report);
    }
    if args.claims {
        return claims::markdown(&reports);
    }
    if args.calibrations {
        return calibrations::markdown(reports);
    }
    let rule = judged_rule(&reports, args.rule)?;
    match SweepDraws::group(reports).as_slice() {
        [draws] => Ok(markdown(draws, rule)?),
        several => Ok(standings::markdown(several, rule)?),
    }
}

/// The rule that is held against all others: what was asked for, which some sweep must have, else
/// `rr` where one has it.
fn judged_rule(reports: &[SweepReport], asked: Option<Rule>) -> anyhow::Result<Option<Rule>> {
    match asked {
        Some(rule) => Ok(asked_rules(reports, &[rule])?.first().copied()),
        None => Ok(asked_rules(reports, &[])?.into_iter().find(|rule| *rule == Rule::Rr)),
    }
}

/// The whole page; `judged` is the rule whose defeats are listed.
fn markdown(draws: &SweepDraws, judged: Option<Rule>) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    let report = draws.first();
    writeln!(page, "# {} on {}\n", report.architecture, report.origin.dataset)?;
    writeln!(page, "{}\n", provenance(draws))?;
    for &repair in &report.plan.repairs {
        writeln!(page, "## Accuracy after repair `{repair}`\n")?;
        writeln!(page, "{}\n", accuracies(draws, repair))?;
    }
    writeln!(page, "{}\n", legend(draws))?;
    writeln!(page, "## The recoverability transition\n")?;
    writeln!(
        page,
        "Sparsities over which recovery, (accuracy − chance)/(dense − chance), falls from"
    )?;
    writeln!(page, "0.8 to 0.2, interpolated between those above.\n")?;
    writeln!(page, "{}\n", transitions(draws))?;
    if let Some(judged) = judged {
        writeln!(page, "## Where `{judged}` is beaten beyond noise\n")?;
        writeln!(page, "{}\n", defeats(draws, judged))?;
    }
    writeln!(page, "## What the judge chooses without labels\n")?;
    writeln!(page, "{}", judgements(draws))?;
    Ok(page)
}

fn accuracies(draws: &SweepDraws, repair: Repair) -> Table {
    let plan = &draws.first().plan;
    let mut header = vec!["rule".to_owned()];
    header.extend(plan.ascending_sparsities().iter().map(Sparsity::to_string));
    let mut rows = Vec::new();
    for &rule in &plan.rules {
        let mut row = vec![code(rule)];
        for sparsity in plan.ascending_sparsities() {
            let entry = draws.entry(rule, sparsity, repair);
            row.push(entry.map_or_else(|| NONE.into(), |entry| accuracy(draws, &entry)));
        }
        rows.push(row);
    }
    table(header, rows, 1)
}

fn transitions(draws: &SweepDraws) -> Table {
    let plan = &draws.first().plan;
    let mut header = vec!["rule".to_owned()];
    header.extend(plan.repairs.iter().map(code));
    let mut rows = Vec::new();
    for &rule in &plan.rules {
        let mut row = vec![code(rule)];
        for &repair in &plan.repairs {
            row.push(draws.transition(rule, repair).to_string());
        }
        rows.push(row);
    }
    table(header, rows, 1 + plan.repairs.len())
}

/// Every combination in which another rule does better than `judged` by more than noise.
fn defeats(draws: &SweepDraws, judged: Rule) -> String {
    let plan = &draws.first().plan;
    let mut rows = Vec::new();
    for &repair in &plan.repairs {
        for sparsity in plan.ascending_sparsities() {
            let Some(own) = draws.entry(judged, sparsity, repair) else { continue };
            for &rule in plan.rules.iter().filter(|rule| **rule != judged) {
                let Some(other) = draws.entry(rule, sparsity, repair) else { continue };
                let Some(difference) = other.compare(&own) else { continue };
                if difference.mean > 0.0 && difference.is_beyond_noise() {
                    rows.push(vec![
                        code(repair),
                        code(rule),
                        sparsity.to_string(),
                        format!("{:+.1}", 100.0 * difference.mean),
                        format!("{:.1e}", difference.p_value),
                    ]);
                }
            }
        }
    }
    if rows.is_empty() {
        return "Nowhere among these rules, sparsities and repairs.".into();
    }
    let header = ["repair", "by", "sparsity", "points", "p"].map(String::from).to_vec();
    table(header, rows, 2).to_string()
}

/// The judge's choices beside the most accurate rules.
fn judgements(draws: &SweepDraws) -> String {
    let plan = &draws.first().plan;
    let mut rows = Vec::new();
    for &repair in &plan.repairs {
        for sparsity in plan.ascending_sparsities() {
            let Some(chosen) = draws.judged_best(sparsity, repair) else { continue };
            let Some(best) = draws.best(sparsity, repair) else { continue };
            rows.push(vec![
                code(repair),
                code(chosen_rules(&chosen)),
                code(chosen_rules(&best)),
                sparsity.to_string(),
                format!("{:.3}", chosen.divergence().unwrap_or(f64::NAN)),
                format!("{:.1}", 100.0 * chosen.accuracy()),
                format!("{:.1}", 100.0 * (best.accuracy() - chosen.accuracy())),
            ]);
        }
    }
    if rows.is_empty() {
        return "This sweep had no judge.".into();
    }
    let header = [
        "repair",
        "judge's choice",
        "most accurate",
        "sparsity",
        "divergence (nats)",
        "accuracy",
        "points below the best",
    ];
    table(header.map(String::from).to_vec(), rows, 3).to_string()
}
