//! `rrlab reproduce`: the paper's experiments on one network, as the commands that a person would
//! type, each printed before it runs. What is there already is gone on with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use rrlab_types::{Criterion, RepairOperator, Role, Rule, SweepPlan};

use super::context::Context;
use crate::cli::{Cli, Command, ReproduceArgs};
use crate::progress::say;
use crate::storage::read_profile;

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

/// Runs any command.
type RunCommand = fn(&Context, &Command) -> anyhow::Result<()>;

/// `run_command` is what runs a command that was typed.
pub fn run(context: &Context, args: &ReproduceArgs, run_command: RunCommand) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("can't create {}", args.out.display()))?;
    let run_all = |steps: Vec<Step>| -> anyhow::Result<()> {
        for step in steps {
            if step.once && step.out.exists() {
                say(&format!("{} is there", step.out.display()));
                continue;
            }
            run_command(context, &typed(step.arguments)?)?;
        }
        Ok(())
    };
    let files = Files::of(args);
    run_all(dense_and_profile(args, &files))?;
    let graph = read_profile(&files.profile)?.graph;
    let has_projections = graph.has_role(Role::Projection);
    if !has_projections {
        say("the network has no projections: ERK with forced ones is left out");
    }
    run_all(sweeps(args, &files, has_projections))
}

/// What the sweeps are of.
struct Files {
    dense: PathBuf,
    profile: PathBuf,
}

impl Files {
    fn of(args: &ReproduceArgs) -> Self {
        Self {
            dense: args.model.clone().unwrap_or_else(|| args.out.join("dense.safetensors")),
            profile: args.out.join("profile.json"),
        }
    }
}

/// A command with the file that it writes.
struct Step {
    arguments: Vec<OsString>,
    out: PathBuf,
    /// Whether a file that is there is the whole result. A sweep looks for itself what is missing.
    once: bool,
}

impl Step {
    fn new(command: &[&str], out: PathBuf) -> Self {
        let arguments = command.iter().map(OsString::from).collect();
        Self { arguments, out, once: false }
    }

    fn with(mut self, option: &str, value: impl Into<OsString>) -> Self {
        self.arguments.extend([option.into(), value.into()]);
        self
    }

    fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// Values as an option with commas takes them.
fn listed(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The dense network, where none was given, and its profile.
fn dense_and_profile(args: &ReproduceArgs, files: &Files) -> Vec<Step> {
    let Files { dense, profile } = files;
    let mut steps = Vec::new();
    if args.model.is_none() {
        let train = Step::new(&["train"], dense.clone()).once();
        steps.push(
            train
                .with("--arch", args.network.to_string())
                .with("--dataset", &args.dataset)
                .with("--epochs", args.epochs.to_string())
                .with("--out", dense),
        );
    }
    let calibrate = Step::new(&["calibrate"], profile.clone()).once();
    steps.push(
        calibrate
            .with("--model", dense)
            .with("--dataset", &args.dataset)
            .with("--images", args.images.to_string())
            .with("--out", profile),
    );
    steps
}

/// The sweeps and what is drawn from them; with forced projections where the network has some.
fn sweeps(args: &ReproduceArgs, files: &Files, has_projections: bool) -> Vec<Step> {
    let sweep_file = |name: &str| args.out.join(format!("{name}.sweep.json"));
    let sweep = |name: &str, rules: &[Rule]| {
        let out = sweep_file(name);
        let sweep = Step::new(&["sweep"], out.clone())
            .with("--model", &files.dense)
            .with("--profile", &files.profile)
            .with("--dataset", &args.dataset)
            .with("--images", args.images.to_string())
            .with("--sparsities", listed(&args.sparsities))
            .with("--rules", listed(rules))
            .with("--out", out);
        match args.evaluation.test_images {
            Some(images) => sweep.with("--test-images", images.to_string()),
            None => sweep,
        }
    };
    let by_magnitude =
        |name: &str, rules: &[Rule]| sweep(name, rules).with("--repairs", listed(&args.repairs));
    let rules = by_magnitude(RULES, &SweepPlan::paper().rules);
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
    let ladder = derived("plot", &rungs, &args.out.join("ladder.svg"));
    steps.push(ladder.with("--rules", Rule::Rr.name()));
    steps
}

/// A page or a figure of sweeps, made anew each time: it follows from them alone.
fn derived(command: &str, sweeps: &[PathBuf], out: &Path) -> Step {
    let mut step = Step::new(&[command], out.to_owned());
    step.arguments.extend(sweeps.iter().map(OsString::from));
    let mut step = step.with("--out", out);
    step.arguments.push("--force-overwrite".into());
    step
}

/// The command as if a person had typed it; says it.
fn typed(arguments: Vec<OsString>) -> anyhow::Result<Command> {
    let shown: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    say(&format!("$ rrlab {}", shown.join(" ")));
    let mut typed = vec![OsString::from("rrlab")];
    typed.extend(arguments);
    Ok(Cli::try_parse_from(typed)?.command)
}
