//! `rrlab admin`.

use std::time::Duration;

use serde::Serialize;

use super::Context;
use super::lab::{block_on, open_objects, open_store};
use crate::cli::{AdminArgs, AdminCommand, CleanArgs};
use crate::objects::Unneeded;
use crate::output::{Csv, Report};

#[derive(Serialize)]
struct UnneededRow {
    key: String,
    bytes: u64,
    age_seconds: u64,
}

pub fn run(context: &Context, args: &AdminArgs) -> anyhow::Result<()> {
    match &args.command {
        AdminCommand::Clean(args) => clean(context, args),
    }
}

fn clean(context: &Context, args: &CleanArgs) -> anyhow::Result<()> {
    let older_than = Duration::from_secs(args.older_than);
    let unneeded = block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        let objects = open_objects(&args.lab, &context.data, &store).await?;
        Ok(if args.dry_run {
            objects.unneeded(&store, older_than).await?
        } else {
            objects.remove_unneeded(&store, older_than).await?
        })
    })?;
    let row = |found: &Unneeded| UnneededRow {
        key: found.key.path().to_string(),
        bytes: found.bytes,
        age_seconds: found.age.as_secs(),
    };
    let value: Vec<UnneededRow> = unneeded.iter().map(row).collect();
    let cells = |row: &UnneededRow| vec![row.key.clone(), row.bytes.to_string(), row.age_seconds.to_string()];
    let bytes: u64 = value.iter().map(|row| row.bytes).sum();
    let verb = if args.dry_run { "would be removed" } else { "removed" };
    let columns = &["key", "bytes", "age_seconds"];
    Report {
        value: &value,
        csv: Csv { lines: "", columns },
        columns,
        rows: value.iter().map(cells).collect(),
        summary: Some(format!("{} {verb}, {bytes} bytes", value.len())),
    }
    .print(context.format)
}
