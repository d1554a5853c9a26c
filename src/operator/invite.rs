//! Single-use links with which an operator chooses a password.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Email, Operator, Role, SPACE, get};
use crate::base::Timestamp;
use crate::password::SlowHash;
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Token};

static INVITES: Space = Space::durable("operator_invites").expiring();
static FIRST: Space = Space::durable("operator_first");

const SPACE_OF_INVITES: Keyspace<Invite> = Keyspace::new(&INVITES);
const MARK: Keyspace<bool> = Keyspace::new(&FIRST);

/// How long a link works.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How often an operator is written again whom others write at the same time.
const TRIES: usize = 20;

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Whose password it sets; `None` creates the first operator.
    pub email: Option<Email>,
    /// Whether it signs in, without a password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enter: bool,
}

/// Why a link does nothing.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Used, expired or never given out.
    #[error("this link was used already or has expired; ask for a new one")]
    Unknown,
    /// Two answers came at once, or someone else was first.
    #[error("there is a first operator already; ask them for an invitation")]
    NotFirst,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A link, and the step of a batch that makes it.
pub fn step_create(email: Option<&Email>, now: Timestamp) -> Result<(Token, Step), StoreError> {
    let token = Token::new(now.plus(LIFETIME));
    let invite = Invite {
        email: email.cloned(),
        enter: false,
    };
    let step = SPACE_OF_INVITES.step_put_at(token.key(&INVITES, ""), &invite)?;
    Ok((token, step))
}

/// How long a link of the demo works.
pub const ENTRY_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Makes the first operator of a demo, who has no password, and a link that signs
/// them in once. Nothing but the demo makes such links: it is on loopback, and its
/// data go when it ends.
///
/// # Errors
/// [`InviteError::NotFirst`] where there is an operator.
pub async fn demo(
    store: &dyn Store,
    email: Email,
    name: &str,
    now: Timestamp,
) -> Result<Token, InviteError> {
    let operator = create_first(store, email, name.to_owned(), None, now, Vec::new()).await?;
    let token = Token::new(now.plus(ENTRY_LIFETIME));
    let invite = Invite {
        email: Some(operator.email),
        enter: true,
    };
    SPACE_OF_INVITES
        .put_by(store, "", &token, &invite, Precondition::Absent)
        .await?;
    Ok(token)
}

/// Uses a link that signs in: of any number of users one succeeds.
///
/// # Errors
/// [`InviteError::Unknown`] if it is another link, or was used.
pub async fn enter(store: &dyn Store, token: &Token) -> Result<Email, InviteError> {
    let invite = SPACE_OF_INVITES.take_by(store, "", token).await?;
    let enters = invite.filter(|invite| invite.enter);
    enters
        .and_then(|invite| invite.email)
        .ok_or(InviteError::Unknown)
}

/// A link for the first operator; `None` where there was one.
pub async fn first(store: &dyn Store, now: Timestamp) -> Result<Option<Token>, StoreError> {
    let marked = MARK.get(store, "", b"first").await?.is_some();
    if marked || !super::page(store, None, 1).await?.is_empty() {
        return Ok(None);
    }
    let (token, step) = step_create(None, now)?;
    store.commit(vec![step]).await?;
    Ok(Some(token))
}

/// What a link is for, without using it.
pub async fn peek(store: &dyn Store, token: &Token) -> Result<Option<Invite>, StoreError> {
    let found = SPACE_OF_INVITES.get_by(store, "", token).await?;
    let Some(invite) = found.map(|found| found.value) else {
        return Ok(None);
    };
    match &invite.email {
        // A first operator's link is dead once there is one, however many were printed.
        None if MARK.get(store, "", b"first").await?.is_some() => Ok(None),
        None if !super::page(store, None, 1).await?.is_empty() => Ok(None),
        Some(email) if get(store, email).await?.is_none() => Ok(None),
        _ => Ok(Some(invite)),
    }
}

/// Who a link makes an operator, and with which password.
#[derive(Debug)]
pub struct Accepted {
    /// The email; only the first operator chooses it.
    pub email: Email,
    /// The name; only the first operator chooses it.
    pub name: String,
    /// The password.
    pub password: SlowHash,
}

/// Uses a link: of any number of users one succeeds. `entry` is the change's entry in the
/// audit log; link, password and entry are one commit.
pub async fn accept(
    store: &dyn Store,
    token: &Token,
    accepted: Accepted,
    now: Timestamp,
    entry: Step,
) -> Result<Operator, InviteError> {
    let invite = SPACE_OF_INVITES.get_by(store, "", token).await?;
    let invite = invite.ok_or(InviteError::Unknown)?;
    let key = token.key(&INVITES, "");
    let beside = vec![
        Step::Check(key.clone(), Precondition::Version(invite.version)),
        Step::Delete(key),
        entry,
    ];
    let Some(email) = invite.value.email else {
        let Accepted {
            email,
            name,
            password,
        } = accepted;
        return create_first(store, email, name, Some(password), now, beside).await;
    };
    for _ in 0..TRIES {
        let found = get(store, &email).await?.ok_or(InviteError::Unknown)?;
        let operator = Operator {
            password: Some(accepted.password.clone()),
            ..found.value
        };
        let mut steps = super::step_put(&operator, Precondition::Version(found.version))?;
        steps.extend(beside.iter().cloned());
        match store.commit(steps).await {
            Ok(_) => {
                // Whoever knew the old password is out.
                super::session::revoke_all(store, &email).await?;
                return Ok(operator);
            }
            // The operator was written meanwhile, or the link used.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(InviteError::Unknown)
}

async fn create_first(
    store: &dyn Store,
    email: Email,
    name: String,
    password: Option<SlowHash>,
    now: Timestamp,
    beside: Vec<Step>,
) -> Result<Operator, InviteError> {
    if !super::page(store, None, 1).await?.is_empty() {
        return Err(InviteError::NotFirst);
    }
    let operator = Operator {
        email,
        name,
        password,
        second_factor: None,
        disabled: false,
        role: Role::Owner,
        accounts: BTreeSet::new(),
        language: None,
        created_at: now,
        last_login_at: None,
    };
    let key = operator.email.as_str().as_bytes();
    let mut steps = vec![
        MARK.step_check("", b"first", Precondition::Absent),
        SPACE.step_check("", key, Precondition::Absent),
        MARK.step_put("", b"first", &true)?,
        SPACE.step_put("", key, &operator)?,
    ];
    steps.extend(beside);
    match store.commit(steps).await {
        Ok(_) => Ok(operator),
        Err(StoreError::Conflict) => Err(InviteError::NotFirst),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn spaces() -> [&'static Space; 2] {
    [&INVITES, &FIRST]
}
