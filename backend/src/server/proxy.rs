//! People whom a proxy before the server has signed in (oauth2-proxy, Authelia, Shibboleth), by the
//! headers in which it names them. The proxy must set these itself, whatever its clients send.

use axum::http::{HeaderMap, HeaderName};
use rrlab_protocol::UserRole;

use crate::store::{OWNER, Store, StoreResult};

/// Longest name that is taken, in bytes.
const LONGEST_NAME: usize = 200;

/// Where a trusted proxy says who asks.
#[derive(Debug, Clone)]
pub struct ProxyIdentity {
    /// The header with a person's name.
    pub name: HeaderName,
    /// The header with their groups, comma between comma, and what these make them; without it their
    /// role is as `rrlab user role` has it.
    pub groups: Option<ProxyGroups>,
}

/// Roles by a person's groups. Who is in none of them is a student.
#[derive(Debug, Clone)]
pub struct ProxyGroups {
    /// The header with the groups.
    pub header: HeaderName,
    /// The group of admins.
    pub admins: Option<String>,
    /// The group of reviewers.
    pub reviewers: Option<String>,
}

impl ProxyIdentity {
    /// The name in a request's headers, if it can be one.
    pub fn named<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = only(headers, &self.name).filter(|name| is_right(name));
        if name.is_none() {
            tracing::warn!(header = %self.name, "a name that can't be one, or two of them");
        }
        name
    }

    /// Adds a person on their first visit, and gives them the role that their groups say; whether
    /// these could be read.
    pub async fn admit(&self, name: &str, headers: &HeaderMap, store: &Store) -> StoreResult<bool> {
        let role = match &self.groups {
            None => None,
            Some(groups) => match groups.role(headers) {
                Some(role) => Some(role),
                None => {
                    tracing::warn!(name, header = %groups.header, "groups that can't be read");
                    return Ok(false);
                }
            },
        };
        match (store.person(name).await?, role) {
            (None, role) => {
                store.add_person(name, role.unwrap_or(UserRole::Student)).await?;
                tracing::info!(name, "added: their first visit");
            }
            (Some(person), Some(role)) if person.role != role => {
                store.set_role(name, role).await?;
                tracing::info!(name, %role, "given another role by their groups");
            }
            _ => {}
        }
        Ok(true)
    }
}

impl ProxyGroups {
    /// The role of whoever is in the groups of these headers; `None` where they can't be read.
    fn role(&self, headers: &HeaderMap) -> Option<UserRole> {
        let groups = match headers.contains_key(&self.header) {
            true => only(headers, &self.header)?,
            false => "",
        };
        let is_in = |wanted: &Option<String>| {
            wanted.as_ref().is_some_and(|wanted| groups.split(',').any(|own| own.trim() == wanted))
        };
        Some(if is_in(&self.admins) {
            UserRole::Admin
        } else if is_in(&self.reviewers) {
            UserRole::Reviewer
        } else {
            UserRole::Student
        })
    }
}

/// A header that is there once, and text: of two, a client may have sent one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = std::str::from_utf8(values.next()?.as_bytes()).ok()?;
    values.next().is_none().then_some(value)
}

/// Whether it can be a name. Whoever started a lab that was not hosted is nobody of a proxy's.
fn is_right(name: &str) -> bool {
    let plain = !name.chars().any(char::is_control) && name == name.trim();
    !name.is_empty() && name.len() <= LONGEST_NAME && plain && name != OWNER
}
