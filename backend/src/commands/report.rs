//! `rrlab report`: a sweep, or what several say together, as a page of Markdown, every number from
//! the files.

use std::fmt::Write as _;

use anyhow::ensure;
use comfy_table::Table;
use rrlab_types::{PairedComparison, Repair, Rule, Sparsity, Standing, SweepEntry, SweepReport};

use super::context::asked_rules;
use super::standings;
use crate::cli::ReportArgs;
use crate::destination::{Destination, REPORT_BYTES};
use crate::markdown::{code, table};
use crate::output::{NONE, percent};
use crate::progress::say;
use crate::storage::read_sweep;

pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let out = Destination::check("--out", &args.out, args.overwrite.into(), REPORT_BYTES)?;
    let mut reports = Vec::new();
    for path in &args.sweeps {
        let report = read_sweep(path)?;
        ensure!(!report.entries.is_empty(), "{} has no entries yet", path.display());
        reports.push(report);
    }
    // Refused by name where no sweep has it.
    asked_rules(&reports, &[args.rule])?;
    let page = match reports.as_slice() {
        [report] => markdown(report, args.rule)?,
        several => standings::markdown(several, args.rule)?,
    };
    out.write(page.as_bytes())?;
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}

/// The whole page; `judged` is the rule whose defeats are listed.
fn markdown(report: &SweepReport, judged: Rule) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    writeln!(page, "# {} on {}\n", report.architecture, report.origin.dataset)?;
    writeln!(page, "{}\n", provenance(report))?;
    for &repair in &report.plan.repairs {
        writeln!(page, "## Accuracy after repair `{repair}`\n")?;
        writeln!(page, "{}\n", accuracies(report, repair))?;
    }
    writeln!(
        page,
        "**Bold** leads every other rule beyond noise (McNemar's test on the same images,"
    )?;
    writeln!(page, "p < 0.05); = is the most accurate, or can't be told apart from it.\n")?;
    writeln!(page, "## The recoverability transition\n")?;
    writeln!(
        page,
        "Sparsities over which recovery, (accuracy − chance)/(dense − chance), falls from"
    )?;
    writeln!(page, "0.8 to 0.2, interpolated between those above.\n")?;
    writeln!(page, "{}\n", transitions(report))?;
    writeln!(page, "## Where `{judged}` is beaten beyond noise\n")?;
    writeln!(page, "{}\n", defeats(report, judged))?;
    writeln!(page, "## What the judge chooses without labels\n")?;
    writeln!(page, "{}", judgements(report))?;
    Ok(page)
}

/// What the numbers are of.
fn provenance(report: &SweepReport) -> String {
    let (plan, origin) = (&report.plan, &report.origin);
    let hash = |hash: Option<String>| hash.unwrap_or_else(|| "not named".into());
    let forced: Vec<String> = plan.constraints.iter().map(|forced| format!("`{forced}`")).collect();
    let forced =
        if forced.is_empty() { String::new() } else { format!(" Forced: {}.", forced.join(", ")) };
    format!(
        "Network {}, profile {}. Dense: {} on {} test images drawn with seed {}, chance {}; one\n\
         standard error is at most {:.1} points. Repaired from {} training images without labels,\n\
         judged on {} others. Computed on {} by {}.{forced}",
        hash(origin.model_hash.map(|hash| hash.short())),
        hash(origin.profile_hash.map(|hash| hash.short())),
        percent(report.dense_accuracy),
        plan.evaluation_images,
        plan.seed,
        percent(report.chance()),
        100.0 * report.standard_error(0.5),
        plan.calibration_images,
        plan.judge_images,
        origin.device,
        origin.program,
    )
}

fn accuracies(report: &SweepReport, repair: Repair) -> Table {
    let mut header = vec!["rule".to_owned()];
    header.extend(report.plan.ascending_sparsities().iter().map(Sparsity::to_string));
    let mut rows = Vec::new();
    for &rule in &report.plan.rules {
        let mut row = vec![code(rule)];
        for sparsity in report.plan.ascending_sparsities() {
            let entry = report.entry(rule, sparsity, repair);
            row.push(entry.map_or_else(|| NONE.into(), |entry| accuracy(report, entry)));
        }
        rows.push(row);
    }
    table(header, rows, 1)
}

fn accuracy(report: &SweepReport, entry: &SweepEntry) -> String {
    let points = format!("{:.1}", 100.0 * entry.accuracy);
    match report.standing(entry) {
        Standing::Leads => format!("**{points}**"),
        Standing::WithinNoise => format!("= {points}"),
        Standing::Behind | Standing::Unknown => points,
    }
}

fn transitions(report: &SweepReport) -> Table {
    let mut header = vec!["rule".to_owned()];
    header.extend(report.plan.repairs.iter().map(code));
    let mut rows = Vec::new();
    for &rule in &report.plan.rules {
        let mut row = vec![code(rule)];
        for &repair in &report.plan.repairs {
            row.push(report.transition(rule, repair).to_string());
        }
        rows.push(row);
    }
    table(header, rows, 1 + report.plan.repairs.len())
}

/// Every combination in which another rule does better than `judged` by more than noise.
fn defeats(report: &SweepReport, judged: Rule) -> String {
    let mut rows = Vec::new();
    for &repair in &report.plan.repairs {
        for sparsity in report.plan.ascending_sparsities() {
            let Some(own) = report.entry(judged, sparsity, repair) else { continue };
            for &rule in report.plan.rules.iter().filter(|rule| **rule != judged) {
                let Some(other) = report.entry(rule, sparsity, repair) else { continue };
                let Some(comparison) = comparison(other, own) else { continue };
                if other.accuracy > own.accuracy && comparison.is_beyond_noise() {
                    rows.push(vec![
                        code(repair),
                        code(rule),
                        sparsity.to_string(),
                        format!("{:+.1}", 100.0 * (other.accuracy - own.accuracy)),
                        format!("{:.1e}", comparison.p_value()),
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

fn comparison(first: &SweepEntry, second: &SweepEntry) -> Option<PairedComparison> {
    first.outcomes.as_ref()?.compare(second.outcomes.as_ref()?)
}

/// The judge's choices beside the most accurate rules.
fn judgements(report: &SweepReport) -> String {
    let mut rows = Vec::new();
    for &repair in &report.plan.repairs {
        for sparsity in report.plan.ascending_sparsities() {
            let Some(chosen) = report.judged_best(sparsity, repair) else { continue };
            let rivals = report.plan.rules.iter();
            let rivals = rivals.filter_map(|&rule| report.entry(rule, sparsity, repair));
            let best = rivals.max_by(|a, b| a.accuracy.total_cmp(&b.accuracy)).unwrap_or(chosen);
            rows.push(vec![
                code(repair),
                code(chosen.rule),
                code(best.rule),
                sparsity.to_string(),
                format!("{:.3}", chosen.divergence.unwrap_or(f64::NAN)),
                format!("{:.1}", 100.0 * chosen.accuracy),
                format!("{:.1}", 100.0 * (best.accuracy - chosen.accuracy)),
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
