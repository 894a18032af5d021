//! `rrlab user` and `rrlab token`.

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::context::Context;
use super::lab::{block_on, open_store};
use crate::cli::{TokenArgs, TokenCommand, UserArgs, UserCommand};
use crate::output::{Csv, Report};
use crate::secret::new_secret;
use crate::store::{Person, TokenRow};

#[derive(Serialize)]
struct UserRow {
    name: String,
    role: String,
}

pub fn user(context: &Context, args: &UserArgs) -> anyhow::Result<()> {
    block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        match &args.command {
            UserCommand::Add { name, role } => {
                let plain =
                    !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
                anyhow::ensure!(plain, "a name has 1 to 100 characters that can be printed");
                if store.add_person(name, *role).await?.is_none() {
                    bail!("{name} is there already, with another role");
                }
                eprintln!("{name} is a {role} now; `rrlab token create {name}` makes a token");
                Ok(())
            }
            UserCommand::List => {
                let row =
                    |person: Person| UserRow { name: person.name, role: person.role.to_string() };
                let people: Vec<UserRow> = store.people().await?.into_iter().map(row).collect();
                let rows = people
                    .iter()
                    .map(|person| vec![person.name.clone(), person.role.clone()])
                    .collect();
                let columns = &["name", "role"];
                Report {
                    value: &people,
                    csv: Csv { lines: "", columns },
                    columns,
                    rows,
                    summary: None,
                }
                .print(context.format)
            }
        }
    })
}

pub fn token(context: &Context, args: &TokenArgs) -> anyhow::Result<()> {
    block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        match &args.command {
            TokenCommand::Create { user, label } => {
                let person = store.person(user).await?;
                let person = person
                    .with_context(|| format!("nobody is named {user}: `rrlab user add {user}`"))?;
                let secret = new_secret();
                let id = store.add_token(person.id, &secret, label).await?;
                eprintln!("token {id} of {user}; it is shown this once:");
                println!("{secret}");
                Ok(())
            }
            TokenCommand::List => {
                let tokens = store.tokens().await?;
                let cells = |token: &TokenRow| {
                    let state = if token.revoked_ms.is_some() { "revoked" } else { "valid" };
                    vec![
                        token.id.to_string(),
                        token.name.clone(),
                        token.label.clone(),
                        state.into(),
                    ]
                };
                let rows = tokens.iter().map(cells).collect();
                let csv = Csv {
                    lines: "",
                    columns: &["id", "name", "label", "created_ms", "revoked_ms"],
                };
                let columns = &["token", "user", "label", "state"];
                Report { value: &tokens, csv, columns, rows, summary: None }.print(context.format)
            }
            TokenCommand::Revoke { id } => {
                anyhow::ensure!(
                    store.revoke_token(*id).await?,
                    "there is no token {id} that is still valid"
                );
                eprintln!("token {id} is revoked");
                Ok(())
            }
        }
    })
}
