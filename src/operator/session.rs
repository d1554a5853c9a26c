//! Logging in to the console, and what its cookie stands for.
//!
//! A session ends half an hour after its last request, twelve hours after its
//! first, or when it is revoked. The store holds the token's SHA-256 only.
//!
//! A program in which an operator logged in (RFC 8628) has a session too, which goes
//! by a bearer token at the API and by no cookie. It ends twelve hours after its
//! beginning, or when it is revoked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Email, Operator, get, put, step_put};
use crate::base::digest::{hex, unhex};
use crate::base::{AccountId, Allowance, Clock, Secret, Timestamp, digest};
use crate::password::{Bucket, HashError, Hasher, NotNow, Paused, Pauses, Spread, Throttle};
use crate::store::{Key, Keyspace, Precondition, Space, Step, Store, StoreError, Token, Versioned};

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
/// After too many guesses. A guess is counted by email and by where it comes
/// from: the browser, if it has logged in as this operator before, else the
/// client's address.
const PAUSES: Pauses = Pauses {
    first: Duration::from_secs(2),
    longest: Duration::from_secs(300),
};
/// Failures of strangers from one range of addresses, whoever they try.
const BY_RANGE: Allowance = Allowance {
    burst: 10,
    every: Duration::from_secs(30),
};
/// Failures of strangers in all.
const IN_ALL: Allowance = Allowance {
    burst: 20,
    every: Duration::from_secs(6),
};
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

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Email or password; which of them is not said.
    #[error("this email and password don't belong together")]
    Wrong,
    /// Too many guesses.
    #[error("too many attempts; wait {} s and try again", .0.as_secs().max(1))]
    Wait(Duration),
    /// Too much to do, or the hash is broken.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
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

/// Where a try comes from.
#[derive(Debug, Clone, Copy)]
pub struct GuessFrom {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Whether it is one client's, and not maybe a proxy's.
    pub apart: bool,
}

/// Logs operators in.
pub struct Operators {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    throttle: Throttle,
    spread: Spread,
}

impl Operators {
    /// The operators in a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            throttle: Throttle::new(Arc::clone(&store), "operators", PAUSES),
            store,
            clock,
            hasher: Hasher::new(),
            spread: Spread::new(BY_RANGE, IN_ALL),
        }
    }

    /// What hashes passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// The operator whom email and password prove; `from` says whose try it is, `device`
    /// the cookie of a browser that logged in before.
    pub async fn check(
        &self,
        email: &str,
        password: &Secret,
        from: GuessFrom,
        device: Option<&str>,
    ) -> Result<Versioned<Operator>, LoginError> {
        let now = self.clock.now();
        let email = Email::parse(email).map_err(|_| LoginError::Wrong)?;
        let range = from.address.filter(|_| from.apart);
        let wait = |Paused(left)| LoginError::Wait(left);
        let (place, stranger) = match self.device(&email, device).await? {
            Some(device) => (device, false),
            None => (Bucket::place(from.address), true),
        };
        let bucket = Bucket::of(&[email.as_str(), &place]);
        let begun = self.throttle.begin(bucket, now).await;
        begun.map_err(|refused| match refused {
            NotNow::Paused(paused) => wait(paused),
            NotNow::Store(error) => LoginError::Store(error),
        })?;
        // A browser that its operator used before pays for nobody else's failures.
        if stranger && let Err(paused) = self.spread.begin(range, now) {
            self.throttle.forgive(bucket, now).await?;
            return Err(wait(paused));
        }
        let found = get(&*self.store, &email).await?;
        let hash = found
            .as_ref()
            .filter(|operator| !operator.value.disabled)
            .and_then(|operator| operator.value.password.clone());
        let right = match self.hasher.verify(hash.as_ref(), password).await {
            Ok(right) => right,
            Err(HashError::TooLong) => false,
            Err(error) => {
                self.throttle.forgive(bucket, now).await?;
                if stranger {
                    self.spread.take_back(range, now);
                }
                return Err(error.into());
            }
        };
        let Some(found) = found.filter(|_| right) else {
            return Err(LoginError::Wrong);
        };
        self.throttle.succeeded(bucket, now).await?;
        if stranger {
            self.spread.take_back(range, now);
        }
        Ok(found)
    }

    /// Begins a session for someone whose identity is proven: by a password, or
    /// `through` a provider. `entry` is its entry in the audit log: neither is there
    /// without the other.
    pub async fn begin(
        &self,
        operator: &Versioned<Operator>,
        through: Option<&str>,
        entry: Step,
    ) -> Result<NewSession, StoreError> {
        let now = self.clock.now();
        let seen = Operator {
            last_login_at: Some(now),
            ..operator.value.clone()
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
        let mut steps = step_put(&seen, Precondition::Version(operator.version))?;
        steps.extend([
            SPACE.step_put_at(session.key(&SESSIONS, ""), &record)?,
            BROWSERS.step_put_at(device.key(&DEVICES, ""), &seen.email)?,
            entry,
        ]);
        self.store.commit(steps).await?;
        Ok(NewSession { session, device })
    }

    async fn device(
        &self,
        email: &Email,
        cookie: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let Some(token) = cookie.and_then(Token::parse) else {
            return Ok(None);
        };
        let known = BROWSERS.get_by(&*self.store, "", &token).await?;
        Ok(known
            .filter(|known| known.value == *email)
            .map(|_| format!("device {}", token.as_str())))
    }

    /// The session of a cookie; `None` if it ended or never was.
    pub async fn find(&self, cookie: &str) -> Result<Option<Current>, StoreError> {
        let now = self.clock.now();
        let Some(token) = Token::parse(cookie) else {
            return Ok(None);
        };
        let found = SPACE.get_by(&*self.store, "", &token).await?;
        let Some(found) = found.filter(|found| found.value.program.is_none()) else {
            return Ok(None);
        };
        let unused = now.since(found.value.seen_at);
        if unused >= IDLE {
            SPACE.delete_by(&*self.store, "", &token).await?;
            return Ok(None);
        }
        let operator = get(&*self.store, &found.value.operator).await?;
        let Some(operator) = operator.filter(|operator| !operator.value.disabled) else {
            return Ok(None);
        };
        let session = Console {
            seen_at: now,
            ..found.value
        };
        if unused >= LAST_USE_RESOLUTION {
            let when = Precondition::Version(found.version);
            match SPACE.put_by(&*self.store, "", &token, &session, when).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Current {
            id: id(&token.key(&SESSIONS, "")),
            operator: operator.value,
            session,
            limit: None,
            writes: false,
            csrf: csrf(cookie),
            guest: None,
        }))
    }

    /// Ends the session of a cookie.
    pub async fn log_out(&self, cookie: &str) -> Result<(), StoreError> {
        if let Some(token) = Token::parse(cookie) {
            SPACE.delete_by(&*self.store, "", &token).await?;
        }
        Ok(())
    }
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
    let seen = Operator {
        last_login_at: Some(now),
        ..operator.value.clone()
    };
    put(store, &seen, Precondition::Version(operator.version)).await?;
    let token = Token::new(now.plus(MAX_LIFETIME));
    let record = Console {
        operator: seen.email,
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
    match Token::parse(bearer) {
        Some(token) => SPACE.delete_by(store, "", &token).await.map(|_| ()),
        None => Ok(()),
    }
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
