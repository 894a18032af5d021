//! The paper's experiments: a fine sweep of the rules, and ERK with forced projections.

use rrlab_types::{Criterion, RepairOperator, Rule, SweepPlan};

use super::step::{Files, Step, derived, listed, sweep};
use crate::cli::ReproduceArgs;

/// The sweep of every rule, masks by magnitude.
const RULES: &str = "rules";
/// The sweep of the networks that are pruned in steps.
const STEPS: &str = "steps";
/// The sweep of those that learn from the dense network behind that, by `rr` alone: the last rung of
/// the ladder of repairs.
const DISTILLED: &str = "distilled";

/// What projections are forced to under ERK, and how the sweep of it is called.
const FORCED: [(&str, &str); 3] =
    [("global", "projection=global"), ("dense", "projection=dense"), ("rr", "projection=rule:rr")];
/// Densities between the first two, of which the paper claims nothing: the page draws accuracy over
/// them.
const BETWEEN: [(&str, &str); 3] =
    [("0.25", "projection=0.25"), ("0.5", "projection=0.5"), ("0.75", "projection=0.75")];

/// Rules whose networks are pruned in steps, too, which takes longest: the paper's, and those that
/// come closest to `rr`.
const IN_STEPS: [Rule; 4] = [Rule::Erk, Rule::Lamp, Rule::GlobalMagnitude, Rule::Rr];

/// What is swept: the paper's, but for the sparsities and repairs that were asked for.
fn asked(args: &ReproduceArgs) -> SweepPlan {
    let mut plan = SweepPlan::paper();
    if !args.sparsities.is_empty() {
        plan.sparsities.clone_from(&args.sparsities);
    }
    if !args.repairs.is_empty() {
        plan.repairs.clone_from(&args.repairs);
    }
    plan
}

/// The sweeps and what is drawn from them; with forced projections where the network has some.
pub fn sweeps(args: &ReproduceArgs, files: &Files, has_projections: bool) -> Vec<Step> {
    let SweepPlan { rules, sparsities, repairs, .. } = asked(args);
    let sweep_file = |name: &str| args.out.join(format!("{name}.sweep.json"));
    let sweep = |name: &str, rules: &[Rule]| {
        sweep(args, files, (rules, &sparsities), args.images, sweep_file(name))
            .with("--profile", &files.profile)
    };
    let by_magnitude =
        |name: &str, rules: &[Rule]| sweep(name, rules).with("--repairs", listed(&repairs));
    let rules = by_magnitude(RULES, &rules);
    let in_steps = |name: &str, rules: &[Rule]| {
        sweep(name, rules)
            .with("--repairs", RepairOperator::Reconstruction.name())
            .with("--criterion", Criterion::Obs.name())
    };
    let mut sweeps =
        vec![(RULES.to_owned(), rules), (STEPS.to_owned(), in_steps(STEPS, &IN_STEPS))];
    let mut rungs = vec![sweep_file(RULES), sweep_file(STEPS)];
    if args.distil > 0 {
        let distilled = in_steps(DISTILLED, &[Rule::Rr]).with("--distil", args.distil.to_string());
        sweeps.push((DISTILLED.to_owned(), distilled));
        rungs.push(sweep_file(DISTILLED));
    }
    let mut by_free_and_forced = vec![sweep_file(RULES)];
    let claimed = FORCED.map(|forced| (forced, true));
    let between = BETWEEN.map(|forced| (forced, false));
    let all_forced = claimed.into_iter().chain(between).filter(|_| has_projections);
    for ((name, constraint), is_claimed) in all_forced {
        let name = format!("erk-projection-{name}");
        if is_claimed {
            by_free_and_forced.push(sweep_file(&name));
        }
        let forced = by_magnitude(&name, &[Rule::Erk]).with("--force", constraint);
        sweeps.push((name, forced));
    }
    let mut steps = Vec::new();
    for (name, sweep) in sweeps {
        let page = args.out.join(format!("{name}.md"));
        let figure = args.out.join(format!("{name}.svg"));
        let file = sweep.out.clone();
        steps.push(sweep);
        steps.push(derived("report", std::slice::from_ref(&file), &page));
        steps.push(derived("plot", &[file], &figure));
    }
    let mut claims = derived("report", &by_free_and_forced, &args.out.join("claims.md"));
    claims.arguments.push("--claims".into());
    steps.push(claims);
    let figure = derived("plot", &rungs, &args.out.join("ladder.svg"));
    steps.push(figure.with("--rules", Rule::Rr.name()));
    let mut page = derived("report", &rungs, &args.out.join("ladder.md"));
    page.arguments.push("--ladder".into());
    steps.push(page);
    steps
}
