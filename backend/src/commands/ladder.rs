//! The ladder of repairs under one rule, as a page of Markdown: how accurate networks are after each
//! repair, from none over what needs no labels to fine-tuning with them.

use std::fmt::Write as _;

use anyhow::{bail, ensure};
use rrlab_types::{
    Document, FinetunePlan, FinetuneReport, Rule, Sparsity, SweepDraws, SweepPlan, SweepReport,
    epochs_in_words,
};

use super::marked::points;
use crate::markdown::table;
use crate::output::{NONE, percent};

/// One kind of repair.
struct Rung {
    name: String,
    /// Accuracies in percent over sparsities, as they are shown.
    accuracies: Vec<(Sparsity, String)>,
    transition: String,
}

/// The whole page, of sweeps and reports of fine-tuning.
///
/// # Errors
/// If they are of different networks, test images or devices, or none has the rule.
pub fn markdown(documents: Vec<Document>, rule: Rule) -> anyhow::Result<String> {
    let (mut sweeps, mut tuned) = (Vec::new(), Vec::new());
    for document in documents {
        match document {
            Document::Sweep(report) => sweeps.push(*report),
            Document::Finetune(report) => tuned.push(*report),
            other => bail!("a ladder is of sweeps and fine-tuning, not of {}", other.kind()),
        }
    }
    let Some(first) = sweeps.first().cloned() else { bail!("a ladder begins with a sweep") };
    check_alike(&first, &sweeps, &tuned)?;
    let groups = SweepDraws::group(sweeps);
    let mut rungs: Vec<Rung> = groups.iter().flat_map(|draws| of_sweep(draws, rule)).collect();
    rungs.extend(tuned.iter().map(|report| of_tuning(report, rule)));
    rungs.retain(|rung| !rung.accuracies.is_empty());
    ensure!(!rungs.is_empty(), "no sweep has {rule}");
    Ok(page(&first, &rungs, rule)?)
}

/// # Errors
/// If numbers are of another network, other images or another device than the first sweep's, or their
/// networks differ from its in more than how they were pruned inside layers, repaired and trained.
fn check_alike(
    first: &SweepReport,
    sweeps: &[SweepReport],
    tuned: &[FinetuneReport],
) -> anyhow::Result<()> {
    // Each draw has a seed of its own.
    let but_for_treatment = |plan: &SweepPlan| SweepPlan {
        criterion: first.plan.criterion,
        distillation: None,
        judge_images: 0,
        seed: 0,
        evaluation_seed: None,
        ..plan.without_lists()
    };
    let expected = but_for_treatment(&first.plan);
    let of_sweeps = sweeps.iter().map(|report| {
        (report.title(), &report.origin, but_for_treatment(&report.plan) == expected)
    });
    let of_tuning = tuned.iter().map(|report| {
        let FinetunePlan { settings, constraints, calibration_images, evaluation_images, .. } =
            &report.plan;
        let plan = SweepPlan {
            settings: *settings,
            constraints: constraints.clone(),
            calibration_images: *calibration_images,
            evaluation_images: *evaluation_images,
            ..SweepPlan::default()
        };
        ("fine-tuning".to_owned(), &report.origin, but_for_treatment(&plan) == expected)
    });
    for (what, origin, is_alike) in of_sweeps.chain(of_tuning) {
        if let Some(difference) = origin.difference_but_for_profile(&first.origin) {
            bail!("{what} {difference}: they are no rungs of one ladder");
        }
        ensure!(
            is_alike,
            "{what} has other forced layers, settings or images than {}: they are no rungs of one \
             ladder",
            first.title()
        );
    }
    Ok(())
}

fn of_sweep(draws: &SweepDraws, rule: Rule) -> impl Iterator<Item = Rung> {
    let plan = &draws.first().plan;
    plan.repairs.iter().map(move |&repair| Rung {
        name: plan.treatment(repair),
        accuracies: draws
            .line(rule, repair)
            .into_iter()
            .map(|(sparsity, entry)| (sparsity, points(draws, &entry)))
            .collect(),
        transition: draws.transition(rule, repair).to_string(),
    })
}

fn of_tuning(report: &FinetuneReport, rule: Rule) -> Rung {
    let plan = &report.plan;
    let repaired = plan.criterion.with_repair(plan.repair);
    let teacher = if plan.training.distillation.is_some() { " and the dense network" } else { "" };
    let runs = report.runs.iter().filter(|run| run.rule == rule);
    Rung {
        name: format!(
            "{repaired}, fine-tuned with labels{teacher} for {}",
            epochs_in_words(plan.training.epochs)
        ),
        accuracies: runs
            .filter_map(|run| Some((run.sparsity, format!("{:.1}", 100.0 * run.final_accuracy()?))))
            .collect(),
        transition: NONE.into(),
    }
}

fn page(first: &SweepReport, rungs: &[Rung], rule: Rule) -> Result<String, std::fmt::Error> {
    let SweepReport { architecture, origin, plan, .. } = first;
    let mut sparsities: Vec<Sparsity> =
        rungs.iter().flat_map(|rung| &rung.accuracies).map(|(sparsity, _)| *sparsity).collect();
    sparsities.sort_by(|a, b| a.get().total_cmp(&b.get()));
    sparsities.dedup();
    let mut header = vec!["repair".to_owned()];
    header.extend(sparsities.iter().map(Sparsity::to_string));
    header.push("recoverability transition".into());
    let row = |rung: &Rung| {
        let at = |sparsity: &Sparsity| {
            let found = rung.accuracies.iter().find(|(known, _)| known == sparsity);
            found.map_or_else(|| NONE.to_owned(), |(_, accuracy)| accuracy.clone())
        };
        let cells = sparsities.iter().map(at);
        [rung.name.clone()].into_iter().chain(cells).chain([rung.transition.clone()]).collect()
    };
    let mut page = String::new();
    writeln!(page, "# The ladder of repairs: {architecture} on {}, `{rule}`\n", origin.dataset)?;
    writeln!(
        page,
        "Network {}, dense {} on {} test images drawn with seed {}, chance {}; one standard error is at\n\
         most {:.1} points. Calibrated on {} training images{}{}. Computed on {} by {}. All but\n\
         fine-tuning needs no labels.\n",
        origin.model_hash.map_or_else(|| NONE.into(), |hash| hash.short()),
        percent(first.dense_accuracy),
        plan.evaluation_images,
        plan.seed_of_evaluation(),
        percent(first.chance()),
        100.0 * first.standard_error(0.5),
        plan.calibration_images,
        origin.calibration_dataset_in_words(),
        plan.calibration_class_in_words(),
        origin.device,
        origin.program,
    )?;
    writeln!(page, "{}", table(header, rungs.iter().map(row).collect(), 1))?;
    Ok(page)
}
