//! People whom a proxy before the server has signed in (oauth2-proxy, Authelia, Shibboleth), by the
//! headers in which it names them. The proxy must set these itself, whatever its clients send.

use axum::http::{HeaderMap, HeaderName};
use rrlab_protocol::UserRole;

use super::admission::{GroupRoles, follow_groups, is_right_name};
use crate::store::{Store, StoreResult};

/// Where a trusted proxy says who asks.
#[derive(Debug, Clone)]
pub struct ProxyIdentity {
    /// The header with a person's name.
    pub name: HeaderName,
    /// The header with their groups, comma between comma, and what these make them; without it their
    /// role is as `rrlab user role` has it.
    pub groups: Option<ProxyGroups>,
}

/// Where a trusted proxy says in which groups somebody is.
#[derive(Debug, Clone)]
pub struct ProxyGroups {
    /// The header with the groups.
    pub header: HeaderName,
    /// What the groups make them.
    pub roles: GroupRoles,
}

impl ProxyIdentity {
    /// The name in a request's headers, if it can be one.
    pub fn named<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = only(headers, &self.name).filter(|name| is_right_name(name));
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
        match store.person(name).await? {
            None => {
                store.make_person(name, role.unwrap_or(UserRole::Student), None).await?;
                tracing::info!(name, "added: their first visit");
            }
            Some(person) => follow_groups(store, &person, role).await?,
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
        Some(self.roles.role(groups.split(',').map(str::trim)))
    }
}

/// A header that is there once, and text: of two, a client may have sent one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = std::str::from_utf8(values.next()?.as_bytes()).ok()?;
    values.next().is_none().then_some(value)
}
