//! `rrlab reproduce`: the paper's experiments on one network, as the commands that a person would
//! type, each printed before it runs. What is there already is gone on with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use rrlab_types::{Rule, SweepPlan};

use super::context::Context;
use crate::cli::{Cli, Command, ReproduceArgs};
use crate::progress::say;

/// What projections are forced to under ERK, and how the sweep of it is called.
const FORCED: [(&str, &str); 3] =
    [("global", "projection=global"), ("dense", "projection=dense"), ("rr", "projection=rule:rr")];

/// Runs any command.
type RunCommand = fn(&Context, &Command) -> anyhow::Result<()>;

/// `run_command` is what runs a command that was typed.
pub fn run(context: &Context, args: &ReproduceArgs, run_command: RunCommand) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("can't create {}", args.out.display()))?;
    for step in steps(args) {
        if step.once && step.out.exists() {
            say(&format!("{} is there", step.out.display()));
            continue;
        }
        run_command(context, &typed(step.arguments)?)?;
    }
    Ok(())
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

/// Everything, in order.
fn steps(args: &ReproduceArgs) -> Vec<Step> {
    let dense = args.model.clone().unwrap_or_else(|| args.out.join("dense.safetensors"));
    let profile = args.out.join("profile.json");
    let mut steps = Vec::new();
    if args.model.is_none() {
        let train = Step::new(&["train"], dense.clone()).once();
        steps.push(
            train
                .with("--arch", args.network.to_string())
                .with("--dataset", &args.dataset)
                .with("--epochs", args.epochs.to_string())
                .with("--out", &dense),
        );
    }
    let calibrate = Step::new(&["calibrate"], profile.clone()).once();
    steps.push(
        calibrate
            .with("--model", &dense)
            .with("--dataset", &args.dataset)
            .with("--images", args.images.to_string())
            .with("--out", &profile),
    );
    let sweep = |name: &str, rules: &[Rule]| {
        let out = args.out.join(format!("{name}.sweep.json"));
        let sweep = Step::new(&["sweep"], out.clone())
            .with("--model", &dense)
            .with("--profile", &profile)
            .with("--dataset", &args.dataset)
            .with("--images", args.images.to_string())
            .with("--sparsities", listed(&args.sparsities))
            .with("--repairs", listed(&args.repairs))
            .with("--rules", listed(rules))
            .with("--out", out);
        match args.test_images {
            Some(images) => sweep.with("--test-images", images.to_string()),
            None => sweep,
        }
    };
    let mut sweeps = vec![("rules".to_owned(), sweep("rules", &SweepPlan::paper().rules))];
    for (name, constraint) in FORCED {
        let name = format!("erk-projection-{name}");
        let forced = sweep(&name, &[Rule::Erk]).with("--force", constraint);
        sweeps.push((name, forced));
    }
    for (name, sweep) in sweeps {
        let page = args.out.join(format!("{name}.md"));
        let figure = args.out.join(format!("{name}.svg"));
        let file = sweep.out.clone();
        steps.push(sweep);
        steps.push(derived("report", &file, &page));
        steps.push(derived("plot", &file, &figure));
    }
    steps
}

/// A page or a figure of a sweep, made anew each time: it follows from the sweep alone.
fn derived(command: &str, sweep: &Path, out: &Path) -> Step {
    let mut step = Step::new(&[command], out.to_owned());
    step.arguments.push(sweep.into());
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
