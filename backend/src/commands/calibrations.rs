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
    let mut page = String::new();
    writeln!(page, "# Which calibration images: {} on {dataset}\n", first.architecture)?;
    writeln!(
        page,
        "Network {network}, dense {} on {} test images drawn with seed {}, chance {}. Computed on\n\
         {device} by {program}. Means over the draws of calibration images, ± a standard error, of draws\n\
         and test images together.\n\
         {}\n",
        percent(first.dense_accuracy),
        first.plan.evaluation_images,
        first.plan.seed_of_evaluation(),
        percent(first.chance()),
        legend(&all[0]),
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
        let known = ReportOrigin {
            profile_hash: report.origin.profile_hash,
            calibration_dataset: report.origin.calibration_dataset.clone(),
            ..first.origin.clone()
        };
        if let Some(difference) = report.origin.difference(&known) {
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
