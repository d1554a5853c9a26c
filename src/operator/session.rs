//! What the console's cookie stands for.
//!
//! A session ends half an hour after its last request, twelve hours after its
//! first, or when it is revoked. The store holds the token's SHA-256 only.
//!
//! A program in which an operator logged in (RFC 8628) has a session too, which goes
//! by a bearer token at the API and by no cookie. It ends twelve hours after its
//! beginning, or when it is revoked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Email, Operator, Role, get, put, step_put};
use crate::base::digest::{hex, unhex};
use crate::base::{AccountId, Timestamp, digest};
use crate::store::{
    Key, Keyspace, Precondition, Space, Step, Store, StoreError, Token, Version, Versioned,
};

static SESSIONS: Space = Space::durable("console_sessions").expiring().owned();
static DEVICES: Space = Space::durable("console_devices").expiring();

const SPACE: Keyspace<Console> =
    Keyspace::new(&SESSIONS).owned_by(|session| Some(owner(&session.operator)));
const BROWSERS: Keyspace<Email> = Keyspace::new(&DEVICES);

/// Without a request for so long, a session ends.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// However busy, a session ends after so long.
pub const MAX_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How long a browser is known as one that an operator has used.
const DEVICE_LIFETIME: Duration = Duration::from_secs(180 * 24 * 3600);
/// How often a session is ended again that is used at the same time.
const TRIES: usize = 20;
/// A session's last use is written down to within this.
const LAST_USE_RESOLUTION: Duration = Duration::from_secs(60);

/// A console session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Console {
    /// Whose.
    pub operator: Email,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to within a minute.
    pub seen_at: Timestamp,
    /// The provider that vouched for the operator; `None`: a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The program whose session it is; `None`: a browser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
}

impl Console {
    /// Whether it has not ended for want of requests.
    pub fn is_awake(&self, now: Timestamp) -> bool {
        self.program.is_some() || now.since(self.seen_at) < IDLE
    }
}

/// A program in which an operator logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its client id.
    pub client_id: String,
    /// Whether it may change something.
    pub writes: bool,
}

/// An operator's session in a program, which is good now.
#[derive(Debug, Clone)]
pub struct InProgram {
    /// The operator.
    pub operator: Operator,
    /// The program.
    pub program: Program,
    /// When it began.
    pub created_at: Timestamp,
}

/// A new session: what its cookies hold.
#[derive(Debug)]
pub struct NewSession {
    /// The session's token.
    pub session: Token,
    /// Tells later that this browser is one of the operator's.
    pub device: Token,
}

/// A session that is good now.
#[derive(Debug, Clone)]
pub struct Current {
    /// What the session is listed by.
    pub id: String,
    /// The operator.
    pub operator: Operator,
    /// The session.
    pub session: Console,
    /// The account that this request is limited to.
    pub limit: Option<AccountId>,
    /// Whether this request may change something.
    pub writes: bool,
    /// The role whose buttons this request's page shows: less than the operator's where
    /// the page is about an account in which they may do less.
    pub offered: Role,
    /// Whether they can do nothing before they set up a second factor.
    pub held: bool,
    /// What forms of this session carry, so that no other site's form counts.
    pub csrf: String,
    /// Set where this is no operator, but who was let in for one thing.
    pub guest: Option<Guest>,
}

/// What somebody was let in for: to set up an account's providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The account.
    pub account: AccountId,
    /// The id of the link.
    pub link: String,
    /// Whether what is handed in goes live without an operator.
    pub goes_live: bool,
}

/// A session in a browser that begins, as steps of a batch: with the operator's record
/// as it is then, which must be of the version that is known.
pub(super) fn steps_begin(
    operator: &Operator,
    version: Version,
    through: Option<&str>,
    now: Timestamp,
) -> Result<(NewSession, Vec<Step>), StoreError> {
    let seen = Operator {
        last_login_at: Some(now),
        ..operator.clone()
    };
    let session = Token::new(now.plus(MAX_LIFETIME));
    let device = Token::new(now.plus(DEVICE_LIFETIME));
    let record = Console {
        operator: seen.email.clone(),
        created_at: now,
        seen_at: now,
        through: through.map(str::to_owned),
        program: None,
    };
    let mut steps = step_put(&seen, Precondition::Version(version))?;
    steps.extend([
        SPACE.step_put_at(session.key(&SESSIONS, ""), &record)?,
        BROWSERS.step_put_at(device.key(&DEVICES, ""), &seen.email)?,
    ]);
    Ok((NewSession { session, device }, steps))
}

/// Whether a cookie says that its browser is one that the operator logged in with.
pub(super) async fn is_device(
    store: &dyn Store,
    email: &Email,
    device: &Token,
) -> Result<bool, StoreError> {
    let known = BROWSERS.get_by(store, "", device).await?;
    Ok(known.is_some_and(|known| known.value == *email))
}

/// The session of a cookie; `None` if it ended or never was.
pub(super) async fn of_cookie(
    store: &dyn Store,
    now: Timestamp,
    cookie: &str,
) -> Result<Option<Current>, StoreError> {
    let Some(token) = Token::parse(cookie) else {
        return Ok(None);
    };
    let found = SPACE.get_by(store, "", &token).await?;
    let Some(found) = found.filter(|found| found.value.program.is_none()) else {
        return Ok(None);
    };
    let unused = now.since(found.value.seen_at);
    if unused >= IDLE {
        SPACE.delete_by(store, "", &token).await?;
        return Ok(None);
    }
    let operator = get(store, &found.value.operator).await?;
    let Some(operator) = operator.filter(|operator| !operator.value.disabled) else {
        return Ok(None);
    };
    let session = Console {
        seen_at: now,
        ..found.value
    };
    if unused >= LAST_USE_RESOLUTION {
        let when = Precondition::Version(found.version);
        match SPACE.put_by(store, "", &token, &session, when).await {
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(Current {
        id: id(&token.key(&SESSIONS, "")),
        offered: operator.value.role,
        operator: operator.value,
        session,
        limit: None,
        writes: false,
        held: false,
        csrf: csrf(cookie),
        guest: None,
    }))
}

/// Ends the session of a token, a browser's or a program's.
async fn end(store: &dyn Store, token: &str) -> Result<(), StoreError> {
    match Token::parse(token) {
        Some(token) => SPACE.delete_by(store, "", &token).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Ends the session of a cookie.
pub(super) async fn end_browser(store: &dyn Store, cookie: &str) -> Result<(), StoreError> {
    end(store, cookie).await
}

/// What forms of the session of a cookie carry.
pub(super) fn csrf(cookie: &str) -> String {
    digest::sha256_base64url(format!("csrf\n{cookie}").as_bytes())
}

/// Begins a session of an operator in a program.
pub async fn begin_program(
    store: &dyn Store,
    now: Timestamp,
    operator: &Versioned<Operator>,
    program: Program,
) -> Result<Token, StoreError> {
    note_login(store, now, operator).await?;
    let token = Token::new(now.plus(MAX_LIFETIME));
    let record = Console {
        operator: operator.value.email.clone(),
        created_at: now,
        seen_at: now,
        through: None,
        program: Some(program),
    };
    SPACE
        .put_by(store, "", &token, &record, Precondition::Absent)
        .await?;
    Ok(token)
}

/// Notes when an operator logged in, who is as they were when that was allowed.
async fn note_login(
    store: &dyn Store,
    now: Timestamp,
    operator: &Versioned<Operator>,
) -> Result<(), StoreError> {
    let mut found = operator.clone();
    for _ in 0..TRIES {
        let seen = Operator {
            last_login_at: Some(now),
            ..found.value
        };
        match put(store, &seen, Precondition::Version(found.version)).await {
            Ok(_) => return Ok(()),
            // They logged in elsewhere at the same moment.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
        let again = get(store, &operator.value.email).await?;
        found = again
            .filter(|again| again.value.logs_in_like(&operator.value))
            .ok_or(StoreError::Conflict)?;
    }
    Err(StoreError::Conflict)
}

/// The session that a program's bearer token stands for; `None` if it ended or never
/// was.
pub async fn in_program(
    store: &dyn Store,
    now: Timestamp,
    bearer: &str,
) -> Result<Option<InProgram>, StoreError> {
    let Some(token) = Token::parse(bearer) else {
        return Ok(None);
    };
    let Some(found) = SPACE.get_by(store, "", &token).await? else {
        return Ok(None);
    };
    let Some(program) = found.value.program.clone() else {
        return Ok(None);
    };
    let operator = get(store, &found.value.operator).await?;
    let Some(operator) = operator.filter(|operator| !operator.value.disabled) else {
        return Ok(None);
    };
    if now.since(found.value.seen_at) >= LAST_USE_RESOLUTION {
        let seen = Console {
            seen_at: now,
            ..found.value.clone()
        };
        let when = Precondition::Version(found.version);
        match SPACE.put_by(store, "", &token, &seen, when).await {
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(InProgram {
        operator: operator.value,
        program,
        created_at: found.value.created_at,
    }))
}

/// Ends the session of a program's bearer token.
pub async fn end_program(store: &dyn Store, bearer: &str) -> Result<(), StoreError> {
    end(store, bearer).await
}

/// What a session is listed by: the id of its record, which opens nothing.
pub fn id(key: &Key) -> String {
    hex(key.id())
}

/// Ends the session of an [`id`] and writes the entry that is about it, in one commit;
/// gives the session, if there was one.
pub async fn revoke(
    store: &dyn Store,
    id: &str,
    entry: impl Fn(&Console) -> Result<Step, StoreError>,
) -> Result<Option<Console>, StoreError> {
    let Some(key) = unhex(id).and_then(|id| Key::of_id(&SESSIONS, "", id)) else {
        return Ok(None);
    };
    for _ in 0..TRIES {
        let Some(found) = SPACE.get_at(store, &key).await? else {
            return Ok(None);
        };
        let steps = vec![
            Step::Check(key.clone(), Precondition::Version(found.version)),
            Step::Delete(key.clone()),
            entry(&found.value)?,
        ];
        match store.commit(steps).await {
            Ok(_) => return Ok(Some(found.value)),
            // It was used meanwhile.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

/// Ends the sessions of an operator as [`revoke`] ends one; says how many there were.
pub async fn revoke_of(
    store: &dyn Store,
    email: &Email,
    entry: impl FnOnce(usize) -> Result<Step, StoreError>,
) -> Result<usize, StoreError> {
    let found = of(store, email).await?;
    if found.is_empty() {
        return Ok(0);
    }
    let mut steps = vec![entry(found.len())?];
    steps.extend(found.iter().map(|(key, _)| Step::Delete(key.clone())));
    store.commit(steps).await?;
    // One that began meanwhile, or those beyond what is read at once.
    Ok(found.len() + revoke_all(store, email).await?)
}

/// The steps of a batch that end an operator's sessions but the one of an [`id`].
pub async fn steps_end_others(
    store: &dyn Store,
    email: &Email,
    own: Option<&str>,
) -> Result<Vec<Step>, StoreError> {
    let found = of(store, email).await?;
    let others = found
        .into_iter()
        .filter(|(key, _)| Some(id(key).as_str()) != own);
    Ok(others.map(|(key, _)| Step::Delete(key)).collect())
}

/// A page of console sessions.
pub async fn page(
    store: &dyn Store,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Key, Versioned<Console>)>, StoreError> {
    SPACE.page(store, "", b"", after, limit).await
}

/// The console sessions of an operator.
pub async fn of(
    store: &dyn Store,
    email: &Email,
) -> Result<Vec<(Key, Versioned<Console>)>, StoreError> {
    SPACE.page_of(store, "", &owner(email), None, 500).await
}

/// Ends all console sessions of an operator; says how many.
pub async fn revoke_all(store: &dyn Store, email: &Email) -> Result<usize, StoreError> {
    SPACE.remove_of(store, "", &owner(email)).await
}

/// What an operator's sessions are found by.
fn owner(operator: &Email) -> Vec<u8> {
    digest::sha256(operator.as_str().as_bytes()).to_vec()
}

/// Gives sessions of before their owners.
pub async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    SPACE.index(store, now).await
}

pub(super) fn spaces() -> [&'static Space; 2] {
    [&SESSIONS, &DEVICES]
}
