//! Whom somebody else has signed in, a proxy or an OpenID provider: their name and their role here.

use rrlab_protocol::UserRole;

use crate::store::{OWNER, Person, Store, StoreResult};

/// Longest name that is taken, in bytes.
const LONGEST_NAME: usize = 200;

/// Roles by a person's groups. Who is in none of them is a student.
#[derive(Debug, Clone, Default)]
pub struct GroupRoles {
    /// The group of admins.
    pub admins: Option<String>,
    /// The group of reviewers.
    pub reviewers: Option<String>,
}

impl GroupRoles {
    /// The role of whoever is in these groups.
    pub fn role<'a>(&self, groups: impl Iterator<Item = &'a str> + Clone) -> UserRole {
        let is_in = |wanted: &Option<String>| {
            wanted.as_ref().is_some_and(|wanted| groups.clone().any(|own| own == wanted))
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

/// Whether it can be a name. Whoever started a lab that was not hosted is nobody of another's.
pub fn is_right_name(name: &str) -> bool {
    let plain = !name.chars().any(char::is_control) && name == name.trim();
    !name.is_empty() && name.len() <= LONGEST_NAME && plain && name != OWNER
}

/// Gives a person the role that their groups say, where these say any.
///
/// # Errors
/// If the database fails.
pub async fn follow_groups(
    store: &Store,
    person: &Person,
    role: Option<UserRole>,
) -> StoreResult<()> {
    let Some(role) = role.filter(|role| *role != person.role) else { return Ok(()) };
    store.set_role(person.id, role, None).await?;
    tracing::info!(name = person.name, %role, "given another role by their groups");
    Ok(())
}
