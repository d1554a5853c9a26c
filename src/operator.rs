//! Floor 4: operators, the people who administer the broker.
//!
//! Nobody types a password for somebody else: an operator is created without
//! one, and a single-use link lets its owner choose it. The first operator's
//! link is printed by the first `serve`; there are no default credentials. Who set up
//! a second factor is asked for its code at each login, whatever the first step was.

mod guest;
pub mod invite;
pub mod login;
pub mod once;
pub mod password;
mod role;
pub mod second_factor;
pub mod second_step;
pub mod session;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::invite::{Invite, InviteError};
pub use self::login::{LoginError, Operators};
pub use self::password::BadPassword;
pub use self::role::Role;
pub use self::second_factor::SecondFactor;
pub use self::session::{Console, Guest};
use crate::base::{AccountId, Lang, Timestamp, digest};
use crate::password::SlowHash;
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Version, Versioned};

static OPERATORS: Space = Space::durable("operators").sealed();

const SPACE: Keyspace<Operator> = Keyspace::new(&OPERATORS);

/// A person who administers the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The email, in lower case; it is the operator's id.
    pub email: Email,
    /// The name.
    pub name: String,
    /// The password's hash (argon2id); `None` until the owner chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SlowHash>,
    /// What is asked for at a login beside the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
    /// Set by another operator: no login, no session.
    #[serde(default)]
    pub disabled: bool,
    /// What it may do.
    #[serde(default)]
    pub role: Role,
    /// The accounts it is limited to; none: all, and the broker itself.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounts: BTreeSet<AccountId>,
    /// The language of its pages; `None`: as its browser prefers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Lang>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
}

/// How many operators one look for owners reads.
const OWNERS_STEP: usize = 100;

impl Operator {
    /// Whether all accounts are theirs, and the broker itself.
    pub fn has_all_accounts(&self) -> bool {
        self.accounts.is_empty() && self.role != Role::AccountAdministrator
    }

    /// Whether this is somebody who may do everything, and can log in to do it.
    pub fn owns_all(&self) -> bool {
        self.role == Role::Owner
            && self.has_all_accounts()
            && !self.disabled
            && self.password.is_some()
    }

    /// Whether they log in as they did `before`: what was proved then still is.
    fn logs_in_like(&self, before: &Self) -> bool {
        let factor = |operator: &Self| operator.second_factor.is_some();
        let hash = |operator: &Self| {
            let hash = operator.password.as_ref();
            hash.map_or_else(String::new, |hash| hash.as_str().to_owned())
        };
        let same = digest::same(hash(self).as_bytes(), hash(before).as_bytes());
        !self.disabled && same && factor(self) == factor(before)
    }
}

/// An operator's email address, checked and in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// Why a text is refused as an operator's email or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadOperator {
    /// The email.
    #[error("write an email address, as in `ada@example.com`")]
    Email,
    /// The name.
    #[error("a name has 1 to 100 characters on one line")]
    Name,
}

impl Email {
    /// Checks an address.
    pub fn parse(text: &str) -> Result<Self, BadOperator> {
        // ASCII only: the Kelvin sign's small letter is the Latin k (threat M3).
        let text = text.trim().to_ascii_lowercase();
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
        };
        match text.split_once('@') {
            Some((local, domain)) if text.len() <= 254 && plain(local) && plain(domain) => {
                Ok(Self(text))
            }
            _ => Err(BadOperator::Email),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn key(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a name.
pub fn name(text: &str) -> Result<String, BadOperator> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=100).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(BadOperator::Name)
    }
}

/// Reads an operator.
pub async fn get(
    store: &dyn Store,
    email: &Email,
) -> Result<Option<Versioned<Operator>>, StoreError> {
    SPACE.get(store, "", email.key()).await
}

/// Writes an operator if `when` holds.
async fn put(
    store: &dyn Store,
    operator: &Operator,
    when: Precondition,
) -> Result<Version, StoreError> {
    SPACE
        .put(store, "", operator.email.key(), operator, when)
        .await
}

/// The steps of a batch that write an operator if `when` holds.
pub fn step_put(operator: &Operator, when: Precondition) -> Result<Vec<Step>, StoreError> {
    let key = operator.email.key();
    Ok(vec![
        SPACE.step_check("", key, when),
        SPACE.step_put("", key, operator)?,
    ])
}

/// The steps of a batch that remove an operator if `when` holds. Their sessions count
/// for nothing then, and are removed with [`session::revoke_all`].
pub fn step_remove(email: &Email, when: Precondition) -> Vec<Step> {
    let key = email.key();
    vec![SPACE.step_check("", key, when), SPACE.step_delete("", key)]
}

/// The step of a batch that fails it where another owner of the whole broker than this
/// one, who can log in, is not there any more; `None` if there is none now.
pub async fn step_other_owner(
    store: &dyn Store,
    email: &Email,
) -> Result<Option<Step>, StoreError> {
    let mut after: Option<String> = None;
    loop {
        let found = page(store, after.as_deref(), OWNERS_STEP).await?;
        let Some(last) = found.last() else {
            return Ok(None);
        };
        after = Some(last.value.email.to_string());
        let other = found
            .iter()
            .find(|one| one.value.email != *email && one.value.owns_all());
        if let Some(other) = other {
            let when = Precondition::Version(other.version);
            return Ok(Some(SPACE.step_check("", other.value.email.key(), when)));
        }
    }
}

/// A page of operators in the order of their emails.
pub async fn page(
    store: &dyn Store,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Versioned<Operator>>, StoreError> {
    let after = after.map(|email| email.as_bytes().to_vec());
    let found = SPACE.page(store, "", b"", after, limit).await?;
    Ok(found.into_iter().map(|(_, operator)| operator).collect())
}

/// All spaces of this room.
pub fn spaces() -> impl Iterator<Item = &'static Space> {
    [&OPERATORS]
        .into_iter()
        .chain(invite::spaces())
        .chain(session::spaces())
        .chain(once::spaces())
        .chain([second_factor::space(), second_step::space()])
}
