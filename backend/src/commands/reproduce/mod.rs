//! `rrlab reproduce`: experiments on one network, as the commands that a person would type, each
//! printed before it runs. What is there already is gone on with.

mod calibration;
mod paper;
mod step;

use std::ffi::OsString;

use anyhow::Context as _;
use clap::Parser;
use rrlab_types::Role;
use step::{Files, Step};

use super::context::Context;
use crate::cli::{Cli, Command, ReproduceArgs, ReproducedExperiment};
use crate::progress::say;
use crate::storage::read_profile;

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
    if args.model.is_none() {
        run_all(vec![dense(args, &files)])?;
    }
    match args.experiment {
        ReproducedExperiment::Paper => {
            run_all(vec![profile(args, &files)])?;
            let graph = read_profile(&files.profile)?.graph;
            let has_projections = graph.has_role(Role::Projection);
            if !has_projections {
                say("the network has no projections: ERK with forced ones is left out");
            }
            run_all(paper::sweeps(args, &files, has_projections))
        }
        ReproducedExperiment::Calibration => {
            let classes = match args.calibration_classes.as_slice() {
                [] => context.dataset(&args.dataset)?.classes.into_iter().take(1).collect(),
                named => named.to_vec(),
            };
            run_all(calibration::sweeps(args, &files, &classes))
        }
    }
}

/// Trains the dense network.
fn dense(args: &ReproduceArgs, files: &Files) -> Step {
    Step::new(&["train"], files.dense.clone())
        .once()
        .with("--arch", args.network.to_string())
        .with("--dataset", &args.dataset)
        .with("--epochs", args.epochs.to_string())
        .with("--out", &files.dense)
}

/// Measures its profile.
fn profile(args: &ReproduceArgs, files: &Files) -> Step {
    Step::new(&["calibrate"], files.profile.clone())
        .once()
        .with("--model", &files.dense)
        .with("--dataset", &args.dataset)
        .with("--images", args.images.to_string())
        .with("--out", &files.profile)
}

/// The command as if a person had typed it; says it.
fn typed(arguments: Vec<OsString>) -> anyhow::Result<Command> {
    let shown: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    say(&format!("$ rrlab {}", shown.join(" ")));
    let mut typed = vec![OsString::from("rrlab")];
    typed.extend(arguments);
    Ok(Cli::try_parse_from(typed)?.command)
}
