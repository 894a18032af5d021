//! What depends on which calibration images there are: sweeps of one network that differ by these
//! alone, as a page of Markdown.

use std::fmt::Write as _;

use anyhow::{bail, ensure};
use comfy_table::Table;
use rrlab_types::{Repair, ReportOrigin, SweepDraws, SweepPlan, SweepReport};

use super::marked::{accuracy, legend};
use crate::markdown::{code, table};
use crate::output::{NONE, percent};

/// The whole page.
///
/// # Errors
/// If the sweeps differ in more than their calibration images.
pub fn markdown(reports: Vec<SweepReport>) -> anyhow::Result<String> {
    check_alike(&reports)?;
    let all = SweepDraws::group(reports);
    let first = all[0].first();
    let ReportOrigin { ref dataset, ref device, ref program, .. } = first.origin;
    let network = first.origin.model_hash.map_or_else(|| NONE.into(), |hash| hash.short());
    let several = all
        .iter()
        .filter(|draws| draws.reports().len() > 1)
        .max_by_key(|draws| draws.reports().len());
    let errors = match several {
        Some(_) => "Means over the draws of calibration images, ± a standard error, of draws\n\
                    and test images together."
            .into(),
        None => format!(
            "One standard error, of test images alone, is at most {:.1} points.",
            100.0 * first.standard_error(0.5)
        ),
    };
    let mut page = String::new();
    writeln!(page, "# Which calibration images: {} on {dataset}\n", first.architecture)?;
    writeln!(
        page,
        "Network {network}, dense {} on {} test images drawn with seed {}, chance {}. Computed on\n\
         {device} by {program}. {errors}\n\
         {}\n",
        percent(first.dense_accuracy),
        first.plan.evaluation_images,
        first.plan.seed_of_evaluation(),
        percent(first.chance()),
        legend(several.unwrap_or(&all[0])),
    )?;
    for &repair in &first.plan.repairs {
        writeln!(page, "## Accuracy after repair `{repair}`\n")?;
        writeln!(page, "{}\n", accuracies(&all, repair))?;
    }
    Ok(page)
}

/// # Errors
/// If the numbers of two sweeps are of other networks or test images, or of networks that were pruned
/// or repaired in another way.
fn check_alike(reports: &[SweepReport]) -> anyhow::Result<()> {
    let [first, others @ ..] = reports else { bail!("no sweep was given") };
    let but_for_calibration = |plan: &SweepPlan| SweepPlan {
        calibration_images: 0,
        calibration_class: None,
        seed: 0,
        evaluation_seed: None,
        ..plan.clone()
    };
    for report in others {
        if let Some(difference) = report.origin.difference_but_for_calibration(&first.origin) {
            bail!("the sweep by {} {difference}: they can't be compared", images(report));
        }
        ensure!(
            but_for_calibration(&report.plan) == but_for_calibration(&first.plan),
            "the sweep by {} has other rules, sparsities, repairs or settings than the first: only \
             calibration images may differ",
            images(report)
        );
    }
    Ok(())
}

/// `1024 images of shapes10, cat alone`.
fn images(report: &SweepReport) -> String {
    let SweepReport { plan, origin, .. } = report;
    format!(
        "{} images{}{}",
        plan.calibration_images,
        origin.calibration_dataset_in_words(),
        plan.calibration_class_in_words()
    )
}

/// A line for each set of calibration images, the rules beside each other at each sparsity.
fn accuracies(all: &[SweepDraws], repair: Repair) -> Table {
    let plan = &all[0].first().plan;
    let mut header = vec!["calibrated on".to_owned(), "seeds".to_owned()];
    for sparsity in plan.ascending_sparsities() {
        header.extend(plan.rules.iter().map(|rule| format!("{} {sparsity}", code(rule))));
    }
    let mut rows = Vec::new();
    for draws in all {
        let mut row = vec![images(draws.first()), draws.seeds()];
        for sparsity in plan.ascending_sparsities() {
            for &rule in &plan.rules {
                let entry = draws.entry(rule, sparsity, repair);
                row.push(entry.map_or_else(|| NONE.into(), |entry| accuracy(draws, &entry)));
            }
        }
        rows.push(row);
    }
    table(header, rows, 2)
}
