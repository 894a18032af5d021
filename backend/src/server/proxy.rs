//! People whom a proxy before the server has signed in (oauth2-proxy, Authelia, Shibboleth), by the
//! headers in which it names them. The proxy must set these itself, whatever its clients send.

use axum::http::{HeaderMap, HeaderName};
use rrlab_protocol::UserRole;

use crate::store::{OWNER, Person, Store, StoreResult};

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
    /// Whom a request's headers name: added on their first visit, and given the role that their
    /// groups say. Nobody where they name none, or one who is shut out.
    pub async fn person(&self, headers: &HeaderMap, store: &Store) -> StoreResult<Option<Person>> {
        let Some(name) = only(headers, &self.name).filter(|name| is_right(name)) else {
            return Ok(None);
        };
        let role = self.groups.as_ref().map(|groups| groups.role(headers));
        let Some(person) = store.person(name).await? else {
            store.add_person(name, role.unwrap_or(UserRole::Student)).await?;
            tracing::info!(name, "added: their first visit");
            return store.admitted_person(name).await;
        };
        if let Some(role) = role
            && role != person.role
        {
            store.set_role(name, role).await?;
            tracing::info!(name, %role, "given another role by their groups");
        }
        store.admitted_person(name).await
    }
}

impl ProxyGroups {
    fn role(&self, headers: &HeaderMap) -> UserRole {
        let groups = only(headers, &self.header).unwrap_or_default();
        let is_in = |wanted: &Option<String>| {
            wanted.as_ref().is_some_and(|wanted| groups.split(',').any(|own| own.trim() == wanted))
        };
        if is_in(&self.admins) {
            UserRole::Admin
        } else if is_in(&self.reviewers) {
            UserRole::Reviewer
        } else {
            UserRole::Student
        }
    }
}

/// A header that is there once: of two, a client may have sent one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether it can be a name. Whoever started a lab that was not hosted is nobody of a proxy's.
fn is_right(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && name == name.trim() && name != OWNER
}
