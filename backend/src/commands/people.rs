//! `rrlab user` and `rrlab token`.

use anyhow::{Context as _, bail, ensure};
use indicatif::HumanBytes;
use rrlab_protocol::{PersonSummary, UserRole};

use super::context::Context;
use super::lab::{block_on, open_objects, open_store};
use super::personal_data;
use crate::cli::{TokenArgs, TokenCommand, UserArgs, UserCommand};
use crate::destination::{Destination, REPORT_BYTES};
use crate::output::{Csv, Report};
use crate::secret::new_secret;
use crate::store::{DAY_MS, Erasure, Person, Store, TokenRow, now_ms};

pub fn user(context: &Context, args: &UserArgs) -> anyhow::Result<()> {
    block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        match &args.command {
            UserCommand::Add { name, role } => add(&store, name, *role).await,
            UserCommand::List => list_people(context, &store.people().await?),
            UserCommand::Role { name, role } => {
                store.set_role(known(&store, name).await?.id, *role, None).await?;
                eprintln!("{name} is a {role} now");
                Ok(())
            }
            UserCommand::Disable { name } => {
                store.set_disabled(known(&store, name).await?.id, true, None).await?;
                eprintln!("{name} is shut out; `rrlab user enable {name}` lets them in again");
                Ok(())
            }
            UserCommand::Enable { name } => {
                store.set_disabled(known(&store, name).await?.id, false, None).await?;
                eprintln!("{name} is let in again, with the tokens they had");
                Ok(())
            }
            UserCommand::SignOut { name } => {
                let ended = store.end_sessions(known(&store, name).await?.id, None).await?;
                eprintln!("{name} is signed out of {ended} browsers; tokens stay");
                Ok(())
            }
            UserCommand::Bind { name, issuer, subject } => {
                let person = known(&store, name).await?;
                if !store.bind_identity(person.id, issuer, subject, None).await? {
                    bail!("{issuer} means somebody else here by {subject}, or {name} already");
                }
                eprintln!("{name} is whom {issuer} calls {subject} from now on");
                Ok(())
            }
            UserCommand::Export { name, out, overwrite } => {
                let person = known(&store, name).await?;
                let stored = store.stored_bytes(person.id).await?.unsigned_abs();
                let room = stored + REPORT_BYTES;
                let out = Destination::check("--out", out, (*overwrite).into(), room)?;
                let objects = open_objects(&args.lab, &context.data, &store).await?;
                personal_data::write(&store, &objects, &person, out).await
            }
            UserCommand::Erase { name, confirm } => erase(&store, name, confirm).await,
        }
    })
}

fn nobody(name: &str) -> String {
    format!("nobody is named {name}: `rrlab user add {name}`")
}

/// Whoever is of this name.
///
/// # Errors
/// If nobody is.
pub async fn known(store: &Store, name: &str) -> anyhow::Result<Person> {
    store.person(name).await?.with_context(|| nobody(name))
}

async fn add(store: &Store, name: &str, role: UserRole) -> anyhow::Result<()> {
    let plain = !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
    ensure!(plain, "a name has 1 to 100 characters that can be printed");
    if store.add_person(name, role, None).await?.is_none() {
        bail!("{name} is there already, with another role: `rrlab user role {name} {role}`");
    }
    eprintln!("{name} is a {role} now; `rrlab token create {name}` makes a token");
    Ok(())
}

fn list_people(context: &Context, people: &[PersonSummary]) -> anyhow::Result<()> {
    let cells = |person: &PersonSummary| {
        let state = if person.disabled_ms.is_some() { "shut out" } else { "may enter" };
        vec![
            person.name.clone(),
            person.role.to_string(),
            state.into(),
            person.jobs.to_string(),
            HumanBytes(person.stored_bytes.unsigned_abs()).to_string(),
        ]
    };
    let report = Report {
        value: people,
        csv: Csv { lines: "", columns: &["name", "role", "disabled_ms", "jobs", "stored_bytes"] },
        columns: &["name", "role", "state", "jobs", "stored"],
        rows: people.iter().map(cells).collect(),
        summary: None,
    };
    report.print(context.format)
}

async fn erase(store: &Store, name: &str, confirm: &str) -> anyhow::Result<()> {
    ensure!(name == confirm, "--confirm says {confirm}, not {name}: nobody was erased");
    let person = known(store, name).await?;
    match store.erase_person(person.id, None).await? {
        Erasure::Erased { jobs, artifacts } => {
            eprintln!("{name} is erased, with {jobs} jobs and {artifacts} artifacts");
            Ok(())
        }
        Erasure::StillRunning(jobs) => bail!(
            "{jobs} jobs by {name} or on what {name} stored wait or run: cancel them, or shut {name} out \
             (`rrlab user disable {name}`) and try again when they have ended"
        ),
    }
}

pub fn token(context: &Context, args: &TokenArgs) -> anyhow::Result<()> {
    block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        match &args.command {
            TokenCommand::Create { user, label, days } => {
                let person = known(&store, user).await?;
                let secret = new_secret();
                let expires_ms = days.map(|days| now_ms() + i64::from(days) * DAY_MS);
                let id = store.add_token(person.id, &secret, label, expires_ms).await?;
                eprintln!("token {id} of {user}; it is shown this once:");
                println!("{secret}");
                Ok(())
            }
            TokenCommand::List => list_tokens(context, &store.tokens().await?),
            TokenCommand::Revoke { id } => {
                ensure!(
                    store.revoke_token(*id).await?,
                    "there is no token {id} that is still valid"
                );
                eprintln!("token {id} is revoked");
                Ok(())
            }
        }
    })
}

fn list_tokens(context: &Context, tokens: &Vec<TokenRow>) -> anyhow::Result<()> {
    let cells = |token: &TokenRow| {
        let state = match (token.is_valid(), token.revoked_ms) {
            (true, _) => "valid",
            (false, Some(_)) => "revoked",
            (false, None) => "ended",
        };
        vec![token.id.to_string(), token.name.clone(), token.label.clone(), state.into()]
    };
    let report = Report {
        value: tokens,
        csv: Csv {
            lines: "",
            columns: &["id", "name", "label", "created_ms", "revoked_ms", "expires_ms"],
        },
        columns: &["token", "user", "label", "state"],
        rows: tokens.iter().map(cells).collect(),
        summary: None,
    };
    report.print(context.format)
}
