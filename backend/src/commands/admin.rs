//! `rrlab admin`.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use rrlab_protocol::AuditEntry;
use serde::Serialize;

use super::context::Context;
use super::lab::{block_on, days, objects_address, open_objects, open_store};
use super::people::known;
use crate::cli::{AdminArgs, AdminCommand, AuditArgs, CleanArgs, ForgetJobsArgs};
use crate::objects::{Objects, Unneeded};
use crate::output::{Csv, Report};
use crate::store::Store;

#[derive(Serialize)]
struct UnneededRow {
    key: String,
    bytes: u64,
    age_seconds: u64,
}

pub fn run(context: &Context, args: &AdminArgs) -> anyhow::Result<()> {
    match &args.command {
        AdminCommand::Clean(args) => clean(context, args),
        AdminCommand::ForgetJobs(args) => forget_jobs(context, args),
        AdminCommand::Audit(args) => audit(context, args),
    }
}

fn forget_jobs(context: &Context, args: &ForgetJobsArgs) -> anyhow::Result<()> {
    let forgotten = block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        Ok(store.forget_jobs(days(args.older_than)).await?)
    })?;
    let columns = &["forgotten"];
    Report {
        value: &Forgotten { forgotten },
        csv: Csv { lines: "", columns },
        columns,
        rows: vec![vec![forgotten.to_string()]],
        summary: None,
    }
    .print(context.format)
}

fn audit(context: &Context, args: &AuditArgs) -> anyhow::Result<()> {
    let entries = block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        let person = match &args.person {
            Some(name) => Some(known(&store, name).await?.id),
            None => None,
        };
        Ok(store.audit(person, i64::MAX, i64::from(args.count)).await?)
    })?;
    let cells = |entry: &AuditEntry| {
        vec![
            entry.id.to_string(),
            when(entry.at_ms),
            entry.actor.clone().unwrap_or_default(),
            entry.action.name().into(),
            entry.person.clone().unwrap_or_default(),
            entry.detail.clone(),
        ]
    };
    Report {
        value: &entries,
        csv: Csv { lines: "", columns: &["id", "at_ms", "actor", "action", "person", "detail"] },
        columns: &["entry", "time", "who", "did", "to", "what"],
        rows: entries.iter().map(cells).collect(),
        summary: None,
    }
    .print(context.format)
}

/// A time as people read it, in UTC.
fn when(ms: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs());
    humantime::format_rfc3339_seconds(time).to_string()
}

#[derive(Serialize)]
struct Forgotten {
    /// Jobs.
    forgotten: usize,
}

fn clean(context: &Context, args: &CleanArgs) -> anyhow::Result<()> {
    let older_than = Duration::from_secs(args.older_than);
    let unneeded = block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        if args.dry_run {
            return list_unneeded(context, args, &store, older_than).await;
        }
        let objects = open_objects(&args.lab, &context.data, &store).await?;
        Ok(objects.remove_unneeded(&store, older_than).await?)
    })?;
    print(context, args, &unneeded)
}

/// What would be removed, without a mark, a folder or an id being made for it.
async fn list_unneeded(
    context: &Context,
    args: &CleanArgs,
    store: &Store,
    older_than: Duration,
) -> anyhow::Result<Vec<Unneeded>> {
    let address = objects_address(&args.lab, &context.data)?;
    let opened = Objects::open_existing(&address);
    let opened = opened.with_context(|| format!("can't open the object store {address}"))?;
    let Some(unbound) = opened else { return Ok(Vec::new()) };
    let unneeded = unbound.unneeded(store, older_than).await;
    unneeded.with_context(|| format!("can't use the object store {address}"))
}

fn print(context: &Context, args: &CleanArgs, unneeded: &[Unneeded]) -> anyhow::Result<()> {
    let row = |found: &Unneeded| UnneededRow {
        key: found.key.path().to_string(),
        bytes: found.bytes,
        age_seconds: found.age.as_secs(),
    };
    let value: Vec<UnneededRow> = unneeded.iter().map(row).collect();
    let cells = |row: &UnneededRow| {
        vec![row.key.clone(), row.bytes.to_string(), row.age_seconds.to_string()]
    };
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
