//! `rrlab user export`: everything that the lab keeps of somebody, in one archive.

use std::io::Write;

use anyhow::Context as _;
use rrlab_protocol::{Artifact, AuditEntry, Job};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::destination::Destination;
use crate::objects::Objects;
use crate::store::{KeptOfPerson, Person, Store};

/// Rows that are asked for at once.
const PAGE: i64 = 500;

/// A job with all that happened to it.
#[derive(Serialize)]
struct KeptJob {
    #[serde(flatten)]
    job: Job,
    events: Vec<Value>,
}

/// What is kept of somebody but for the files.
struct Kept {
    person: KeptOfPerson,
    jobs: Vec<KeptJob>,
    artifacts: Vec<Artifact>,
    audit: Vec<AuditEntry>,
}

/// Writes an archive (.tar): `person.json`, `jobs.json`, `artifacts.json`, `audit.json`, and
/// `artifacts/NUMBER.EXTENSION` for each file.
///
/// # Errors
/// If the database or the object store fails, or the archive can't be written.
pub async fn write(
    store: &Store,
    objects: &Objects,
    person: &Person,
    destination: Destination,
) -> anyhow::Result<()> {
    let kept = gather(store, person).await?;
    let (files, jobs) = (kept.artifacts.len(), kept.jobs.len());
    let (objects, runtime) = (objects.clone(), Handle::current());
    let path = destination.path().to_owned();
    let written = tokio::task::spawn_blocking(move || {
        destination.write_private_pieces(|file| archive(&kept, &objects, &runtime, file))
    });
    written.await??;
    store.person_exported(person.id, None).await?;
    eprintln!("{}: {jobs} jobs and {files} files of {}", path.display(), person.name);
    Ok(())
}

async fn gather(store: &Store, Person { id: person, name, .. }: &Person) -> anyhow::Result<Kept> {
    let person = *person;
    let mut jobs = Vec::new();
    let mut before = i64::MAX;
    loop {
        let page = store.jobs(Some(person), before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.id;
        for job in page {
            let results = store.results(job.id).await?;
            let events = events(store, job.id).await?;
            jobs.push(KeptJob { job: Job { results, ..job }, events });
        }
    }
    let (mut artifacts, mut before) = (Vec::new(), i64::MAX);
    loop {
        let page = store.artifacts(Some(person), None, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.id;
        artifacts.extend(page);
    }
    let (mut audit, mut before) = (Vec::new(), i64::MAX);
    loop {
        let page = store.audit(Some(person), before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.id;
        audit.extend(page.into_iter().map(|entry| without_others(entry, name)));
    }
    Ok(Kept { person: store.kept_of_person(person).await?, jobs, artifacts, audit })
}

/// An entry of the audit log that names nobody else.
fn without_others(entry: AuditEntry, own: &str) -> AuditEntry {
    let or_nobody = |name: String| if name == own { name } else { "(somebody else)".into() };
    AuditEntry { actor: entry.actor.map(or_nobody), person: entry.person.map(or_nobody), ..entry }
}

async fn events(store: &Store, job: i64) -> anyhow::Result<Vec<Value>> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = store.events_after(after, Some(job), None, PAGE).await?;
        let Some(last) = page.last() else { return Ok(events) };
        after = last.id;
        for event in page {
            events.push(serde_json::from_str(&event.body).context("an event of the database's")?);
        }
    }
}

fn archive(
    kept: &Kept,
    objects: &Objects,
    runtime: &Handle,
    file: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut archive = tar::Builder::new(file);
    let lists = [
        ("person.json", serde_json::to_vec_pretty(&kept.person)?),
        ("jobs.json", serde_json::to_vec_pretty(&kept.jobs)?),
        ("artifacts.json", serde_json::to_vec_pretty(&kept.artifacts)?),
        ("audit.json", serde_json::to_vec_pretty(&kept.audit)?),
    ];
    for (name, content) in lists {
        add(&mut archive, name, &content)?;
    }
    for artifact in &kept.artifacts {
        let name = format!("artifacts/{}.{}", artifact.id, artifact.kind.extension());
        let content = runtime.block_on(objects.get(&artifact.hash));
        add(&mut archive, &name, &content.with_context(|| name.clone())?)?;
    }
    archive.finish()?;
    Ok(())
}

fn add(archive: &mut tar::Builder<impl Write>, name: &str, content: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, content)
}
