//! The users of an account: who a login is.
//!
//! A user is found by a link (provider, the user's id there) first; then by
//! email, where the provider may be trusted with that; else created. If no such
//! provider vouched for the user's email before, the links from before go: else
//! whoever may write any email into some provider's profile waits with a user of
//! that email until its owner logs in and is linked to it. One email, one user:
//! a new user first claims the email with a write that only one claimant wins.
//! Each write that follows can be done again, so that a crash between them
//! leaves a claim that the next login completes.
//!
//! A login does not wait for the disk here, but once, at its end: nobody is told
//! anything before the session is on disk, and all of this is then.

mod link;
mod manage;
mod prove;
mod search;
mod standing;
pub mod steps;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::link::{Link, Source, has_links, linked};
pub use self::manage::{change, create, new, set_disabled};
pub use self::prove::prove;
pub use self::search::{Wanted, count, search};
pub use self::standing::{exists, may_act};
pub use self::words::index;
use crate::base::{AccountId, Timestamp, UserId};
use crate::provider::email;
use crate::provider::extract::Profile;
use crate::provider::file::EmailTrust;
use crate::store::{Keyspace, Precondition, SOON, Space, Store, StoreError, Versioned};

static USERS: Space = Space::durable("users");
static EMAILS: Space = Space::durable("user_emails");
static LINKS: Space = Space::durable("user_links");

pub(super) fn spaces() -> [&'static Space; 4] {
    [&USERS, &EMAILS, &LINKS, words::space()]
}

/// A person of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Our id for them.
    pub id: UserId,
    /// Their email, which identifies them within the account.
    pub email: String,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who they are at which provider.
    pub links: Vec<Link>,
    /// When they were first seen.
    pub created_at: Timestamp,
    /// When they last logged in.
    pub last_login_at: Timestamp,
    /// Whether the email came from a provider that may be trusted with it.
    #[serde(default)]
    pub email_trusted: bool,
    /// Set by an admin: no login, no session.
    #[serde(default)]
    pub disabled: bool,
    /// What else their provider said at the last login that said anything: claims
    /// for applications. Of a name's parts, picture and language what was said last.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub more: Map<String, Value>,
    /// Through which of the links they last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_link: Option<Link>,
    /// Grows when all that was issued to them ends. Sessions, tickets, codes and
    /// grants carry the generation they were issued in, and count in no other: so
    /// nothing that is being issued meanwhile outlives the end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl User {
    /// Whether what was issued to them in this generation counts.
    pub fn may_act(&self, generation: u64) -> bool {
        !self.disabled && self.generation == generation
    }
}

/// Why a login is nobody's.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// Someone has this email, and the provider may not say that it is them.
    #[error(
        "a user with this email exists, and the provider's `email_trust` does not allow to link to them"
    )]
    NotTrusted,
    /// An admin disabled the user.
    #[error("the user is disabled")]
    Disabled,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const RECORDS: Keyspace<User> = Keyspace::new(&USERS);
const BY_EMAIL: Keyspace<UserId> = Keyspace::new(&EMAILS);
const BY_LINK: Keyspace<UserId> = Keyspace::new(&LINKS);

/// How often a write is tried again when others write the same record.
const TRIES: usize = 50;

/// Who a login is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifiedUser {
    /// The user.
    pub user: User,
    /// They had an email that nobody vouched for, and now someone did: the links
    /// from before are gone, and the sessions from before must end.
    pub proved: bool,
    /// They were known before and nothing about them changed, so all that a
    /// session would tell is on disk already.
    pub settled: bool,
}

/// How exactly the last login is noted: a login that changes nothing else writes
/// nothing.
const LAST_LOGIN_RESOLUTION: Duration = Duration::from_secs(3600);

/// Finds or creates the user a profile belongs to, and notes the login.
pub async fn identify(
    store: &dyn Store,
    account: &AccountId,
    source: Source<'_>,
    profile: &Profile,
    now: Timestamp,
) -> Result<IdentifiedUser, IdentifyError> {
    let account = account.as_str();
    let link = source.link(profile).key();
    for _ in 0..TRIES {
        let linked = BY_LINK
            .get(store, account, &link)
            .await?
            .map(|found| found.value);
        let done = match linked {
            Some(id) => returning(store, account, id, source, profile, now).await?,
            None => arriving(store, account, source, profile, now).await?,
        };
        if let Some(found) = done {
            return Ok(found);
        }
    }
    Err(IdentifyError::Store(StoreError::Conflict))
}

/// A user known by link. `None`: someone else wrote meanwhile, try again.
async fn returning(
    store: &dyn Store,
    account: &str,
    id: UserId,
    source: Source<'_>,
    profile: &Profile,
    now: Timestamp,
) -> Result<Option<IdentifiedUser>, IdentifyError> {
    let Some(found) = RECORDS.get(store, account, id.as_bytes()).await? else {
        // Removed while another login of theirs was under way, which left the link.
        let link = source.link(profile).key();
        forget(store, &BY_LINK, account, &link, id).await?;
        return Ok(None);
    };
    let mut user = allowed(&found)?;
    let (link, trust) = (source.link(profile), source.email_trust);
    if !user.links.contains(&link) {
        // The user's record decides; this link was dropped, and a crash left its index.
        BY_LINK
            .delete(store, account, &link.key(), Precondition::Any)
            .await?;
        return Ok(None);
    }
    let old_key = email::key(&user.email);
    let new_key = email::key(&profile.email);
    if new_key == old_key {
        user.email.clone_from(&profile.email);
        user.email_trusted |= vouched(trust, profile).is_some();
    } else if profile.email_made_up {
        // A login without an email does not remove the one that is known.
    } else if claim_email(store, account, &new_key, id).await? == id {
        // The email changed at the provider, and nobody here has the new one.
        user.email.clone_from(&profile.email);
        user.email_trusted = vouched(trust, profile).is_some();
    }
    if let Some(name) = &profile.name {
        user.name = Some(name.clone());
    }
    user.more = said(&user.more, profile);
    user.last_link = Some(link);
    let before = found.value.last_login_at;
    let settled = user == found.value && now.since(before) > 2 * SOON;
    if user != found.value || now.since(before) >= LAST_LOGIN_RESOLUTION {
        user.last_login_at = before.max(now);
    }
    let going = words::add(store, account, Some(&found.value), &user).await?;
    if !write_without_waiting(store, account, &user, &found).await? {
        return Ok(None);
    }
    going.remove(store).await?;
    if email::key(&user.email) != old_key {
        BY_EMAIL
            .delete(store, account, old_key.as_bytes(), Precondition::Any)
            .await?;
    }
    Ok(Some(IdentifiedUser {
        user,
        proved: false,
        settled,
    }))
}

/// A profile without a link. `None`: someone else wrote meanwhile, try again.
///
/// Where the user's email was never vouched for, whoever proves it gets the
/// user alone: the links from before may be those of someone who registered
/// another's address and waited.
async fn arriving(
    store: &dyn Store,
    account: &str,
    source: Source<'_>,
    profile: &Profile,
    now: Timestamp,
) -> Result<Option<IdentifiedUser>, IdentifyError> {
    let key = email::key(&profile.email);
    let fresh = UserId::new();
    let id = claim_email(store, account, &key, fresh).await?;
    let (link, trust) = (source.link(profile), source.email_trust);
    let link_key = link.key();
    let existing = RECORDS.get(store, account, id.as_bytes()).await?;
    let mut dropped = Vec::new();
    let user = match existing {
        Some(found) => {
            let mut user = allowed(&found)?;
            if email::key(&user.email) != key {
                // A claim left over from a change of email that did not end.
                BY_EMAIL
                    .delete(store, account, key.as_bytes(), Precondition::Any)
                    .await?;
                return Ok(None);
            }
            if !user.links.contains(&link) {
                if !may_link(trust, profile) {
                    return Err(IdentifyError::NotTrusted);
                }
                if !user.email_trusted {
                    dropped = std::mem::take(&mut user.links);
                    user.email_trusted = true;
                    user.generation += 1;
                    // Whoever waited for the owner chose it (threat F1).
                    user.name.clone_from(&profile.name);
                    user.more.clear();
                }
                user.links.push(link.clone());
            }
            user.name = user.name.or_else(|| profile.name.clone());
            user.more = said(&user.more, profile);
            user.last_link = Some(link);
            user.last_login_at = user.last_login_at.max(now);
            let going = words::add(store, account, Some(&found.value), &user).await?;
            if !write_without_waiting(store, account, &user, &found).await? {
                return Ok(None);
            }
            going.remove(store).await?;
            user
        }
        None => {
            let user = User {
                id,
                email: profile.email.clone(),
                name: profile.name.clone(),
                links: vec![link.clone()],
                created_at: now,
                last_login_at: now,
                more: profile.more.clone(),
                last_link: Some(link),
                email_trusted: vouched(trust, profile).is_some(),
                disabled: false,
                generation: if id == fresh {
                    0
                } else {
                    steps::first_generation(now)
                },
            };
            words::add(store, account, None, &user).await?;
            match RECORDS
                .put_soon(store, account, id.as_bytes(), &user, Precondition::Absent)
                .await
            {
                Ok(_) => user,
                Err(StoreError::Conflict) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    };
    for old in &dropped {
        BY_LINK
            .delete(store, account, &old.key(), Precondition::Any)
            .await?;
    }
    BY_LINK
        .put_soon(store, account, &link_key, &user.id, Precondition::Any)
        .await?;
    Ok(Some(IdentifiedUser {
        user,
        proved: !dropped.is_empty(),
        settled: false,
    }))
}

/// What stays as it was said last where a login says nothing of it, as a name does:
/// some servers leave members out of one answer that they had in the one before. Groups
/// and attributes are those of the last login, since something may be allowed by them.
const LASTING: [&str; 4] = ["given_name", "family_name", "picture", "locale"];

fn said(before: &Map<String, Value>, profile: &Profile) -> Map<String, Value> {
    let mut more = profile.more.clone();
    for name in LASTING {
        if let Some(value) = before.get(name) {
            more.entry(name).or_insert_with(|| value.clone());
        }
    }
    more
}

/// The email of a profile, if its provider vouches for it.
pub fn vouched(trust: EmailTrust, profile: &Profile) -> Option<&str> {
    (may_link(trust, profile) && !profile.email_made_up).then_some(profile.email.as_str())
}

fn may_link(trust: EmailTrust, profile: &Profile) -> bool {
    match trust {
        EmailTrust::Provider => true,
        EmailTrust::Claim => profile.email_verified,
        EmailTrust::Never => false,
    }
}

fn allowed(found: &Versioned<User>) -> Result<User, IdentifyError> {
    if found.value.disabled {
        Err(IdentifyError::Disabled)
    } else {
        Ok(found.value.clone())
    }
}

/// Claims an email for a user; says whose it is.
async fn claim_email(
    store: &dyn Store,
    account: &str,
    key: &str,
    id: UserId,
) -> Result<UserId, StoreError> {
    loop {
        if let Some(owner) = BY_EMAIL.get(store, account, key.as_bytes()).await? {
            return Ok(owner.value);
        }
        match BY_EMAIL
            .put_soon(store, account, key.as_bytes(), &id, Precondition::Absent)
            .await
        {
            Ok(_) => return Ok(id),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes what leads to a user who is not there, unless it leads elsewhere by now.
async fn forget(
    store: &dyn Store,
    space: &Keyspace<UserId>,
    account: &str,
    id: &[u8],
    user: UserId,
) -> Result<(), StoreError> {
    let Some(found) = space.get(store, account, id).await? else {
        return Ok(());
    };
    if found.value != user {
        return Ok(());
    }
    let when = Precondition::Version(found.version);
    match space.delete(store, account, id, when).await {
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a user over the record that was read, as far as this login is
/// concerned; false if another write came first.
async fn write_without_waiting(
    store: &dyn Store,
    account: &str,
    user: &User,
    over: &Versioned<User>,
) -> Result<bool, StoreError> {
    if *user == over.value {
        return Ok(true);
    }
    let when = Precondition::Version(over.version);
    match RECORDS
        .put_soon(store, account, user.id.as_bytes(), user, when)
        .await
    {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads a user.
pub async fn get(
    store: &dyn Store,
    account: &AccountId,
    id: UserId,
) -> Result<Option<Versioned<User>>, StoreError> {
    RECORDS.get(store, account.as_str(), id.as_bytes()).await
}

/// Reads the user an email identifies.
pub async fn by_email(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
) -> Result<Option<Versioned<User>>, StoreError> {
    let key = email::key(email);
    match BY_EMAIL
        .get(store, account.as_str(), key.as_bytes())
        .await?
    {
        Some(id) => get(store, account, id.value).await,
        None => Ok(None),
    }
}
