//! `rrlab predict`: how well a profile foretells what a sweep measured.

use anyhow::ensure;
use rrlab_types::{
    AllocationRequest, Criterion, Evidence, ModelHash, ModelProfile, ProfileHash, Repair, Rule,
    Sparsity, SweepReport, allocate, predicted_noise, rank_correlation,
};
use serde::Serialize;

use super::context::{Context, asked_rules, note_unbound, svg_destination};
use crate::cli::PredictArgs;
use crate::figure::{Axis, COLOURS, Caption, End, Line, LineFigure, Look, Reference};
use crate::output::{Csv, NONE, Report};
use crate::progress::say;
use crate::storage::{read_profile, read_sweep};

/// What a profile predicts of a sweep's networks beside what was measured of them.
#[derive(Serialize)]
struct Prediction {
    model_hash: Option<ModelHash>,
    profile_hash: ProfileHash,
    networks: Vec<Network>,
    agreements: Vec<Agreement>,
}

/// A pruned network of the sweep.
#[derive(Serialize)]
struct Network {
    rule: Rule,
    sparsity: Sparsity,
    repair: Repair,
    /// Σ √S·r/(1 − r) over its layers.
    predicted_noise: f64,
    /// The judge's, in nats; nothing where the sweep had none.
    divergence: Option<f64>,
    accuracy: f64,
    recovery: f64,
}

/// Rank correlations with measured recovery: 1 where all are in the predicted order.
#[derive(Serialize)]
struct Agreement {
    repair: Repair,
    /// Nothing for all sparsities together.
    sparsity: Option<Sparsity>,
    networks: usize,
    /// Of the least predicted noise; nothing where all are alike.
    by_profile: Option<f64>,
    /// Of the least divergence, likewise.
    by_judge: Option<f64>,
    /// Of the least sparsity, by which nothing needs to be measured; nothing at one sparsity.
    by_sparsity: Option<f64>,
}

const CSV_COLUMNS: [&str; 9] = [
    "rule",
    "sparsity",
    "repair",
    "predicted_noise",
    "divergence",
    "accuracy",
    "recovery",
    "profile_hash",
    "model_hash",
];

pub fn run(context: &Context, args: &PredictArgs) -> anyhow::Result<()> {
    let figure = args.figure.as_deref();
    let figure = figure.map(|out| svg_destination("--figure", out, args.overwrite)).transpose()?;
    let profile = read_profile(&args.profile)?;
    let mut sweep = read_sweep(&args.sweep)?;
    note_unbound("the sweep", sweep.check_profile(&profile.hash())?);
    sweep.plan.rules = asked_rules(std::slice::from_ref(&sweep), &args.rules)?;
    sweep.entries.retain(|entry| sweep.plan.rules.contains(&entry.rule));
    check_predictable(&sweep, args)?;
    let networks = networks(&profile, &sweep)?;
    let prediction = Prediction {
        model_hash: profile.model_hash,
        profile_hash: profile.hash(),
        agreements: agreements(&sweep, &networks),
        networks,
    };
    if let Some(figure) = figure {
        ensure!(
            prediction.networks.iter().any(|network| network.predicted_noise > 0.0),
            "no network of the sweep has lost anything: there is nothing to draw"
        );
        figure.write(drawn(&sweep, &prediction).svg()?.as_bytes())?;
        say(&format!("wrote {}", figure.path().display()));
    }
    print(context, &prediction)
}

/// Refuses a sweep that tells nothing, and says where the profile is of other masks.
fn check_predictable(sweep: &SweepReport, args: &PredictArgs) -> anyhow::Result<()> {
    let file = args.sweep.display();
    ensure!(!sweep.entries.is_empty(), "{file} has no entries yet");
    ensure!(
        sweep.dense_accuracy > sweep.chance(),
        "the dense network of {file} is no better than chance: there is nothing to recover"
    );
    let rules = sweep.plan.rules.len();
    ensure!(
        args.figure.is_none() || rules <= COLOURS,
        "a figure tells {COLOURS} rules apart, and the sweep has {rules}: choose some by --rules"
    );
    if !sweep.plan.is_untrained(Criterion::Magnitude) {
        say(&format!(
            "note: the sweep is of {}; what the profile predicts is of masks by magnitude, without \
             distillation",
            sweep.title()
        ));
    }
    Ok(())
}

/// The sweep's networks, the least predicted noise first.
fn networks(profile: &ModelProfile, sweep: &SweepReport) -> anyhow::Result<Vec<Network>> {
    let plan = &sweep.plan;
    let mut networks = Vec::new();
    for entry in &sweep.entries {
        let request = AllocationRequest {
            rule: entry.rule,
            sparsity: entry.sparsity,
            settings: plan.settings,
            constraints: plan.constraints.clone(),
        };
        let allocation = allocate(Evidence::Profile(profile), &request)?;
        networks.push(Network {
            rule: entry.rule,
            sparsity: entry.sparsity,
            repair: entry.repair,
            predicted_noise: predicted_noise(profile, &allocation, entry.repair)?,
            divergence: entry.divergence,
            accuracy: entry.accuracy,
            recovery: sweep.recovery(entry.accuracy),
        });
    }
    networks.sort_by(|a, b| a.predicted_noise.total_cmp(&b.predicted_noise));
    Ok(networks)
}

/// For each repair, over all sparsities and at each.
fn agreements(sweep: &SweepReport, networks: &[Network]) -> Vec<Agreement> {
    let sparsities = sweep.plan.ascending_sparsities();
    let mut agreements = Vec::new();
    for &repair in &sweep.plan.repairs {
        for sparsity in [None].into_iter().chain(sparsities.iter().copied().map(Some)) {
            let of_these = |network: &&Network| {
                network.repair == repair && sparsity.is_none_or(|at| network.sparsity == at)
            };
            let these: Vec<&Network> = networks.iter().filter(of_these).collect();
            let by_noise = these.iter().map(|network| (-network.predicted_noise, network.recovery));
            let by_judge =
                these.iter().filter_map(|network| Some((-network.divergence?, network.recovery)));
            let by_sparsity =
                these.iter().map(|network| (-network.sparsity.get(), network.recovery));
            agreements.push(Agreement {
                repair,
                sparsity,
                networks: these.len(),
                by_sparsity: rank_correlation(&by_sparsity.collect::<Vec<_>>()),
                by_profile: rank_correlation(&by_noise.collect::<Vec<_>>()),
                by_judge: rank_correlation(&by_judge.collect::<Vec<_>>()),
            });
        }
    }
    agreements
}

fn print(context: &Context, prediction: &Prediction) -> anyhow::Result<()> {
    let row = |network: &Network| {
        vec![
            network.rule.to_string(),
            network.sparsity.to_string(),
            network.repair.to_string(),
            format!("{:.3}", network.predicted_noise),
            network.divergence.map_or_else(|| NONE.into(), |nats| format!("{nats:.3}")),
            format!("{:.3}", network.recovery),
        ]
    };
    let report = Report {
        value: prediction,
        csv: Csv { lines: "networks", columns: &CSV_COLUMNS },
        columns: &["rule", "sparsity", "repair", "predicted noise", "divergence", "recovery"],
        rows: prediction.networks.iter().map(row).collect(),
        summary: Some(in_words(&prediction.agreements)),
    };
    report.print(context.format)
}

fn in_words(agreements: &[Agreement]) -> String {
    let value =
        |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.2}"));
    let mut lines =
        vec!["rank correlation with recovery, 1 where the order is as predicted:".to_owned()];
    for Agreement { repair, sparsity, networks, by_profile, by_judge, by_sparsity } in agreements {
        let (at, by_sparsity) = match sparsity {
            Some(at) => (format!("at {at}"), String::new()),
            None => {
                ("all sparsities".into(), format!(", {} by sparsity alone", value(*by_sparsity)))
            }
        };
        lines.push(format!(
            "  {repair}, {at}: {} by the profile, {} by the judge{by_sparsity} ({networks} networks)",
            value(*by_profile),
            value(*by_judge)
        ));
    }
    lines.join("\n")
}

/// Recovery over predicted noise: colours are rules, marks are repairs.
fn drawn(sweep: &SweepReport, prediction: &Prediction) -> LineFigure {
    let plan = &sweep.plan;
    let mut lines = Vec::new();
    for (shape, &repair) in plan.repairs.iter().enumerate() {
        for (colour, &rule) in plan.rules.iter().enumerate() {
            let of_these = |network: &&Network| (network.repair, network.rule) == (repair, rule);
            let points: Vec<(f64, f64)> = prediction
                .networks
                .iter()
                .filter(of_these)
                .map(|network| (network.predicted_noise.log10(), network.recovery))
                .filter(|point| point.0.is_finite())
                .collect();
            if !points.is_empty() {
                let look = Look::Scattered { colour, shape };
                lines.push(Line {
                    name: format!("{repair}, {rule}"),
                    points,
                    errors: Vec::new(),
                    look,
                    dash: 0,
                });
            }
        }
    }
    let all = || lines.iter().flat_map(|line| &line.points).map(|point| point.0);
    let (from, to) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    LineFigure {
        caption: Caption {
            title: format!("{}: recovery, and what the profile predicts", sweep.architecture),
            subtitle: vec![
                format!("profile {}", prediction.profile_hash.short()),
                format!(
                    "{} test images of {}; a mark is a pruned network, after repair",
                    plan.evaluation_images, sweep.origin.dataset
                ),
            ],
        },
        x: Axis {
            name: "predicted noise over signal in the logits, Σ √S·r/(1 − r), as a power of ten"
                .into(),
            // Whole or half powers.
            from: (2.0 * (from - 0.05)).floor() / 2.0,
            to: (2.0 * (to + 0.05)).ceil() / 2.0,
            decimals: 1,
        },
        y: Axis { name: "recovery".into(), from: -0.1, to: 1.1, decimals: 1 },
        lines,
        references: vec![Reference { name: "dense".into(), value: 1.0, named_at: End::Last }],
    }
}
