//! `rrlab choose`.

use burn::tensor::read_sync;
use rrlab_engine::data::Split;
use rrlab_engine::watch::Progress;
use rrlab_types::{
    Allocation, Candidate, PairedDifference, Refinement, Repair, Search, Selection, SelectionPlan,
};

use super::allocate::{kept_in_all, note_near_collapse};
use super::context::{Context, available_images, given_profile, listed, note_memory, read_model};
use super::setup::ExperimentSetup;
use crate::cli::ChooseArgs;
use crate::destination::{Destination, REPORT_BYTES};
use crate::interrupt::Interrupt;
use crate::output::{Csv, Report};
use crate::progress::say;

const CSV_COLUMNS: [&str; 11] = [
    "rule",
    "prior",
    "divergence",
    "behind.mean",
    "behind.standard_error",
    "selection.repair",
    "selection.criterion",
    "selection.judge_images",
    "sparsity",
    "model_hash",
    "profile_hash",
];

pub fn run(context: &Context, args: &ChooseArgs) -> anyhow::Result<()> {
    let common = &args.experiment;
    let model = read_model(&common.model.model, common.model.hint()?)?;
    let plan = plan(context, args)?;
    plan.criterion.check(plan.repair)?;
    let out = Destination::check("--out", &args.out, args.overwrite.into(), REPORT_BYTES)?;
    available_images(
        &context.data.summary(&common.dataset)?,
        Split::Train,
        plan.calibration_images,
    );
    let given = given_profile(common.profile.as_deref(), &model)?;
    let interrupt = Interrupt::listen()?;
    let setup = ExperimentSetup::load(context, common, &model)?;
    let profile = setup.profile(given, plan.calibration_images, None, context.seed, &interrupt)?;
    let experiment = setup.experiment(&profile)?;
    say(&cost(&plan));
    note_memory(&[plan.repair], &model, plan.calibration_images, 1);
    let meter = context.progress.count("judging", "networks", plan.networks());
    let selected = read_sync(experiment.select(&plan, async |progress| {
        if let Progress::Judged { rule, divergence } = progress {
            meter.advance(1);
            meter.describe(format!("{rule}: divergence {divergence:.4}"));
        }
        interrupt.check()
    }));
    drop(meter);
    let allocation = interrupt.outcome(selected, None)?;
    note_near_collapse(&allocation);
    out.write(&serde_json::to_vec_pretty(&allocation)?)?;
    print(context, args, &allocation)
}

fn plan(context: &Context, args: &ChooseArgs) -> anyhow::Result<SelectionPlan> {
    let common = &args.experiment;
    Ok(SelectionPlan {
        rules: common.rules.clone(),
        sparsity: args.sparsity,
        repair: args.repair,
        criterion: common.criterion,
        settings: common.settings.settings(common.rule_repair)?,
        constraints: common.force.clone(),
        calibration_images: common.images,
        judge_images: args.judge_images,
        seed: context.seed,
        search: args.search,
        refining_networks: args.refine,
    })
}

/// What will be computed, before it is.
fn cost(plan: &SelectionPlan) -> String {
    let search = match plan.refining_networks {
        0 => String::new(),
        most => format!(", then up to {most} in {}", search_in_words(plan.search)),
    };
    format!(
        "{} at sparsity {}{search}; each pruned by {}, {}, judged on {} unlabelled images",
        listed(("rule", "rules"), &plan.rules),
        plan.sparsity,
        plan.criterion,
        match plan.repair {
            Repair::None => "not repaired".to_owned(),
            repair => format!("repaired by {repair}"),
        },
        plan.judge_images
    )
}

fn print(context: &Context, args: &ChooseArgs, allocation: &Allocation) -> anyhow::Result<()> {
    let Some(selection) = &allocation.selection else { return Ok(()) };
    let report = Report {
        value: allocation,
        csv: Csv { lines: "selection.candidates", columns: &CSV_COLUMNS },
        columns: &["rule", "divergence", "behind the best"],
        rows: selection.candidates.iter().map(row).collect(),
        summary: Some(summary(selection, allocation, args)),
    };
    report.print(context.format)
}

fn row(candidate: &Candidate) -> Vec<String> {
    let rule = match candidate.prior {
        Some(prior) => format!("{} of {prior}", candidate.rule),
        None => candidate.rule.to_string(),
    };
    let divergence = format!("{:.4}", candidate.divergence);
    vec![rule, divergence, candidate.behind.to_string()]
}

fn summary(selection: &Selection, allocation: &Allocation, args: &ChooseArgs) -> String {
    let mut lines = vec![margin(selection)];
    lines.extend(selection.refinement.as_ref().map(searched));
    lines.push(kept_in_all(allocation));
    lines.push(format!("wrote {}", args.out.display()));
    lines.join("\n")
}

/// By how much the first leads, and whether that means anything.
fn margin(selection: &Selection) -> String {
    let [first, second, ..] = selection.candidates.as_slice() else {
        return "one candidate: nothing to choose".to_owned();
    };
    format!(
        "{} leads {} by {} nats on {} images: {}",
        first.rule,
        second.rule,
        second.behind,
        selection.judge_images,
        meaning(second.behind)
    )
}

fn search_in_words(search: Search) -> &'static str {
    match search {
        Search::Walk => "the walk from the best",
        Search::Spdy => "SPDY's search",
    }
}

fn searched(refinement: &Refinement) -> String {
    let gain = format!(
        "{} of {} networks: {} nats better on images that decided nothing",
        search_in_words(refinement.search),
        refinement.networks,
        refinement.gain
    );
    if !refinement.taken {
        return format!("{gain}: the rule's allocation stays");
    }
    format!("{gain}: {}", meaning(refinement.gain))
}

fn meaning(difference: PairedDifference) -> &'static str {
    if difference.exceeds_noise() { "beyond noise" } else { "within noise" }
}
