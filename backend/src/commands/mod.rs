//! One module for each command.

mod admin;
mod allocate;
mod at_once;
mod calibrate;
mod calibrations;
mod choose;
mod claims;
mod compare;
mod context;
mod courses;
mod dataset;
mod distil;
mod evaluate;
mod export;
mod finetune;
mod ingest;
mod inspect;
mod lab;
mod ladder;
mod marked;
mod people;
mod personal_data;
mod plot;
mod predict;
mod provenance;
mod prune;
mod report;
mod reproduce;
mod serve;
mod setup;
mod standings;
mod sweep;
mod train;

use crate::cli::{Cli, Command};
use crate::progress::ProgressOutput;
use crate::storage::DataFolder;
use context::Context;

/// Runs a command with its global options.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { command, format, data_dir, device, seed, progress_every } = cli;
    let progress = ProgressOutput::new(progress_every);
    let device = device.into();
    let context = Context { format, data: DataFolder::new(data_dir)?, seed, progress, device };
    run_command(&context, &command)
}

/// Runs a command.
fn run_command(context: &Context, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Dataset(command) => dataset::run(context, command),
        Command::Train(args) => train::run(context, args),
        Command::Calibrate(args) => calibrate::run(context, args),
        Command::Allocate(args) => allocate::run(context, args),
        Command::Choose(args) => choose::run(context, args),
        Command::Prune(args) => prune::run(context, args),
        Command::Distil(args) => distil::run(context, args),
        Command::Evaluate(args) => evaluate::run(context, args),
        Command::Sweep(args) => sweep::run(context, args),
        Command::Finetune(args) => finetune::run(context, args),
        Command::Ingest(args) => ingest::run(context, args),
        Command::Inspect(args) => inspect::run(context, args),
        Command::Compare(args) => compare::run(context, args),
        Command::Plot(args) => plot::run(args),
        Command::Predict(args) => predict::run(context, args),
        Command::Export(args) => export::run(context, args),
        Command::Report(args) => report::run(args),
        Command::Reproduce(args) => reproduce::run(context, args, run_command),
        Command::Serve(args) => serve::serve(context, args),
        Command::Worker(args) => serve::work(context, args),
        Command::User(args) => people::user(context, args),
        Command::Token(args) => people::token(context, args),
        Command::Course(args) => courses::run(context, args),
        Command::Admin(args) => admin::run(context, args),
    }
}
