//! `rrlab plot`.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use rrlab_types::{
    Allocation, Document, FinetuneReport, FinetuneRun, ModelHash, ModelProfile, ProfileHash,
    Repair, ReportOrigin, Role, Rule, SweepDraws, SweepReport,
};
use strum::VariantArray as _;

use super::context::{asked_rules, read_document, svg_destination};
use crate::cli::{PlotArgs, PointArgs, ProfileFigure};
use crate::figure::{Axis, Bar, BarFigure, Caption, End, Line, LineFigure, Look, Reference};
use crate::output::percent;
use crate::progress::say;
use crate::storage::read_sweep;

/// What an RR of 1 means.
const NOTHING_REPAIRED: &str = "1: repair does nothing";

pub fn run(args: &PlotArgs) -> anyhow::Result<()> {
    let out = svg_destination("--out", &args.out, args.overwrite)?;
    let (first, others) = args.files.split_first().context("name a file to draw")?;
    let first_document = read_document(first)?;
    ensure!(
        others.is_empty() || matches!(first_document, Document::Sweep(_)),
        "only sweeps are drawn together, and {} is none",
        first.display()
    );
    let svg = match first_document {
        Document::Profile(profile) => match args.profile_as {
            ProfileFigure::Bars => profile_bars(&profile, args.point).svg()?,
            ProfileFigure::Curves => profile_curves(&profile, args.point).svg()?,
        },
        Document::Sweep(report) => {
            let reports = with_others(*report, others)?;
            for (file, report) in args.files.iter().zip(&reports) {
                ensure!(!report.entries.is_empty(), "{} has no entries yet", file.display());
            }
            let rules = asked_rules(&reports, &args.rules)?;
            sweeps(&SweepDraws::group(reports), &rules).svg()?
        }
        Document::Finetune(report) => {
            ensure!(!report.runs.is_empty(), "{} has no runs yet", first.display());
            finetuning(&report).svg()?
        }
        Document::Allocation(allocation) => densities(&allocation).svg()?,
        Document::Channels(_) => {
            bail!("RR of channels is shown on the page (rrlab serve), beside its profile")
        }
    };
    out.write(svg.as_bytes())?;
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}

/// Sweeps that are drawn together: of one network on the same images, those of one seed by one
/// profile.
fn with_others(first: SweepReport, others: &[PathBuf]) -> anyhow::Result<Vec<SweepReport>> {
    let mut reports = vec![first];
    for file in others {
        let report = read_sweep(file)?;
        let of_this_seed = reports.iter().find(|known| known.plan.seed == report.plan.seed);
        let difference = match of_this_seed {
            Some(known) => report.origin.difference(&known.origin),
            None => report.origin.difference_but_for_profile(&reports[0].origin),
        };
        if let Some(difference) = difference {
            bail!("{} {difference}: they are not drawn together", file.display());
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Accuracy over sparsity, a line for each rule and repair: colours are rules and dashes repairs. Of
/// one rule alone it is the ladder of its repairs, and colours are these.
/// Means over draws of calibration images have whiskers of a standard error.
fn sweeps(sweeps: &[SweepDraws], rules: &[Rule]) -> LineFigure {
    let mut treatments: Vec<(&SweepDraws, Repair)> = Vec::new();
    for draws in sweeps {
        treatments.extend(draws.first().plan.repairs.iter().map(|&repair| (draws, repair)));
    }
    // What was not repaired is the control: its line is broken, the first repair's is not.
    treatments.sort_by_key(|&(_, repair)| repair == Repair::None);
    let mut lines = Vec::new();
    for (rule_index, &rule) in rules.iter().enumerate() {
        for (index, &(draws, repair)) in treatments.iter().enumerate() {
            let (colour, dash) = if rules.len() == 1 { (index, 0) } else { (rule_index, index) };
            let (mut points, mut errors) = (Vec::new(), Vec::new());
            for (sparsity, entry) in draws.line(rule, repair) {
                points.push((sparsity.get(), 100.0 * entry.accuracy()));
                let error = entry.standard_error().map(|error| 100.0 * error);
                errors.push(error.filter(|_| draws.reports().len() > 1));
            }
            if !points.is_empty() {
                let treatment = draws.first().plan.treatment(repair);
                let name = format!("{}, {treatment}", rule.label());
                lines.push(Line { name, points, errors, look: Look::Distinct(colour), dash });
            }
        }
    }
    let report = sweeps[0].first();
    let plan = &report.plan;
    let all_sparsities = sweeps.iter().flat_map(|draws| &draws.first().plan.sparsities);
    let sparsities = all_sparsities.map(|sparsity| sparsity.get());
    LineFigure {
        caption: Caption {
            title: format!("{}: accuracy of pruned networks", report.architecture),
            subtitle: vec![
                network_and_profiles(sweeps),
                format!(
                    "{} test images of {}; calibrated on {} training images{}{}; {}",
                    plan.evaluation_images,
                    report.origin.dataset,
                    plan.calibration_images,
                    report.origin.calibration_dataset_in_words(),
                    plan.calibration_class_in_words(),
                    seeds(sweeps)
                ),
            ],
        },
        x: padded("sparsity (fraction of weights removed)", sparsities),
        y: accuracy_axis(),
        lines,
        references: vec![
            dense(report.dense_accuracy, End::Last),
            chance(report.classes, End::First),
        ],
    }
}

/// What the figure is of; draws may have profiles of their own.
fn network_and_profiles(sweeps: &[SweepDraws]) -> String {
    let ReportOrigin { model_hash, profile_hash, .. } = sweeps[0].first().origin;
    let mut reports = sweeps.iter().flat_map(SweepDraws::reports);
    if reports.all(|report| report.origin.profile_hash == profile_hash) {
        of(model_hash, profile_hash)
    } else {
        format!("{}, a profile for each draw", network(model_hash))
    }
}

fn seeds(sweeps: &[SweepDraws]) -> String {
    let mut seeds: Vec<String> = Vec::new();
    for draws in sweeps {
        let of_these = match draws.reports().len() {
            1 => format!("seed {}", draws.seeds()),
            _ => format!("means of draws with seeds {}", draws.seeds()),
        };
        if !seeds.contains(&of_these) {
            seeds.push(of_these);
        }
    }
    seeds.join("; ")
}

/// Accuracy over epochs, a line for each rule and sparsity: colours are rules, dashes sparsities.
fn finetuning(report: &FinetuneReport) -> LineFigure {
    let plan = &report.plan;
    let mut lines = Vec::new();
    for (index, &rule) in plan.rules.iter().enumerate() {
        for (dash, &sparsity) in plan.sparsities.iter().enumerate() {
            let Some(run) = report.run(rule, sparsity) else { continue };
            let name = format!("{} at {sparsity}", rule.label());
            let (points, look) = (accuracies(run), Look::Distinct(index));
            lines.push(Line { name, points, errors: Vec::new(), look, dash });
        }
    }
    let start = match plan.repair {
        Repair::None => "pruned".to_owned(),
        repair => format!("repaired by {}", repair.label()),
    };
    LineFigure {
        caption: Caption {
            title: format!("{}: fine-tuning of pruned networks", report.architecture),
            subtitle: vec![
                of(report.origin.model_hash, report.origin.profile_hash),
                format!(
                    "{} test images of {}; epoch 0: {start}; seed {}",
                    plan.evaluation_images, report.origin.dataset, plan.training.seed
                ),
            ],
        },
        x: Axis {
            name: "epoch".into(),
            from: 0.0,
            to: plan.training.epochs.max(1) as f64,
            decimals: 0,
        },
        y: accuracy_axis(),
        lines,
        references: vec![
            dense(report.dense_accuracy, End::First),
            chance(report.classes, End::Last),
        ],
    }
}

fn accuracies(run: &FinetuneRun) -> Vec<(f64, f64)> {
    let epochs = run
        .epochs
        .iter()
        .filter_map(|epoch| Some((epoch.epoch as f64, 100.0 * epoch.test_accuracy?)));
    [(0.0, 100.0 * run.start_accuracy)].into_iter().chain(epochs).collect()
}

/// RR of each layer at one sparsity: colours are roles.
fn profile_bars(profile: &ModelProfile, point: PointArgs) -> BarFigure {
    let density = point.sparsity.density().get();
    let layers = profile.graph.prunable_layers().into_iter().zip(&profile.layers);
    let bars = layers.map(|(shape, layer)| Bar {
        name: layer.name.clone(),
        value: layer.rr_at(point.repair, density),
        group: group(shape.role),
    });
    let bars: Vec<Bar> = bars.collect();
    let what = format!("relative repairability at sparsity {}", point.sparsity);
    BarFigure {
        caption: profile_caption(profile, point, &what),
        x: rr_axis(bars.iter().map(|bar| bar.value)),
        bars,
        groups: groups(),
        reference: (NOTHING_REPAIRED.into(), 1.0),
    }
}

/// RR of each layer over sparsity: colours are the order of the layers.
fn profile_curves(profile: &ModelProfile, point: PointArgs) -> LineFigure {
    let sparsities = || profile.layers.iter().flat_map(|layer| layer.sparsities()).copied();
    let last = profile.layers.len().saturating_sub(1).max(1) as f64;
    let mut lines = Vec::new();
    for (index, layer) in profile.layers.iter().enumerate() {
        let point_at = |&sparsity: &f64| (sparsity, layer.rr_at(point.repair, 1.0 - sparsity));
        lines.push(Line {
            name: layer.name.clone(),
            points: layer.sparsities().iter().map(point_at).collect(),
            errors: Vec::new(),
            look: Look::Ordered(index as f64 / last),
            dash: 0,
        });
    }
    LineFigure {
        caption: profile_caption(profile, point, "relative repairability"),
        x: padded("sparsity of the layer (fraction of its weights removed)", sparsities()),
        y: rr_axis(lines.iter().flat_map(|line| &line.points).map(|point| point.1)),
        lines,
        references: vec![Reference {
            name: NOTHING_REPAIRED.into(),
            value: 1.0,
            named_at: End::First,
        }],
    }
}

/// Density of each layer: colours are roles.
fn densities(allocation: &Allocation) -> BarFigure {
    let bars = allocation.layers.iter().map(|layer| Bar {
        name: layer.name.clone(),
        value: layer.density,
        group: group(layer.role),
    });
    let density = allocation.sparsity.density().get();
    BarFigure {
        caption: Caption {
            title: format!(
                "density of each layer by {} at sparsity {}",
                allocation.rule, allocation.sparsity
            ),
            subtitle: vec![of(allocation.model_hash, allocation.profile_hash)],
        },
        x: Axis {
            name: "density (fraction of the layer's weights kept)".into(),
            from: 0.0,
            to: 1.1,
            decimals: 1,
        },
        bars: bars.collect(),
        groups: groups(),
        reference: (format!("all layers: {density:.3}"), density),
    }
}

fn profile_caption(profile: &ModelProfile, point: PointArgs, what: &str) -> Caption {
    let measurement = &profile.measurement;
    Caption {
        title: format!("{}: {what}", profile.graph.architecture()),
        subtitle: vec![
            of(profile.model_hash, Some(profile.hash())),
            format!(
                "repair operator {}; {}; seed {}",
                point.repair,
                measurement.images_in_words(),
                measurement.seed
            ),
        ],
    }
}

/// Which network and profile.
fn of(model: Option<ModelHash>, profile: Option<ProfileHash>) -> String {
    let profile =
        profile.map_or_else(|| "no profile".into(), |hash| format!("profile {}", hash.short()));
    format!("{}, {profile}", network(model))
}

fn network(model: Option<ModelHash>) -> String {
    model.map_or_else(|| "network not named".into(), |hash| format!("network {}", hash.short()))
}

/// An axis around these values.
fn padded(name: &str, values: impl Iterator<Item = f64> + Clone) -> Axis {
    let from = values.clone().fold(f64::INFINITY, f64::min);
    let to = values.fold(f64::NEG_INFINITY, f64::max);
    let padding = (0.04 * (to - from)).max(0.01);
    Axis { name: name.into(), from: from - padding, to: to + padding, decimals: 2 }
}

fn accuracy_axis() -> Axis {
    Axis { name: "accuracy (%)".into(), from: 0.0, to: 100.0, decimals: 0 }
}

/// To a little beyond 1, where repair does nothing, or beyond the largest value.
fn rr_axis(values: impl Iterator<Item = f64>) -> Axis {
    let to = 1.1 * values.fold(1.0, f64::max);
    Axis { name: "RR (residual distortion / raw distortion)".into(), from: 0.0, to, decimals: 1 }
}

fn dense(accuracy: f64, named_at: End) -> Reference {
    Reference { name: format!("dense {}", percent(accuracy)), value: 100.0 * accuracy, named_at }
}

fn chance(classes: usize, named_at: End) -> Reference {
    Reference { name: "chance".into(), value: 100.0 / classes as f64, named_at }
}

fn groups() -> Vec<String> {
    Role::VARIANTS.iter().map(Role::to_string).collect()
}

fn group(role: Role) -> usize {
    Role::VARIANTS.iter().position(|&known| known == role).unwrap_or_default()
}
