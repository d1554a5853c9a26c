//! Set-up links: how an account's own people set up its identity provider without an
//! operator's account.
//!
//! A link is opened once and becomes a session of the console, which ends with the
//! link. What is handed in by it waits in the link's own record, with the text as it
//! was handed in: what is changed in the draft afterwards is not what is decided on.
//! The store holds the SHA-256 of the link's secret and of the session's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::draft::Base;
use crate::base::digest::{hex, sha256, unhex};
use crate::base::{AccountId, Timestamp, random};
use crate::store::{Key, Keyspace, Precondition, Space, Step, Store, StoreError, Token, Versioned};

/// What was handed in is a mapping, with its secrets.
static LINKS: Space = Space::durable("setup_links").sealed();
static TICKETS: Space = Space::durable("setup_tickets").expiring();
static SESSIONS: Space = Space::durable("setup_sessions").expiring();

const SPACE: Keyspace<SetupLink> = Keyspace::new(&LINKS);
const UNOPENED: Keyspace<LeadsTo> = Keyspace::new(&TICKETS);
const OPENED: Keyspace<LeadsTo> = Keyspace::new(&SESSIONS);

/// The most links that an account has at once.
pub const MOST: usize = 100;
/// How long a link is listed after its end, where nothing waits in it.
const LISTED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupLink {
    /// What it is listed by; it opens nothing.
    pub id: String,
    /// The account whose providers it sets up.
    pub account: AccountId,
    /// For whom it is, for lists.
    pub name: String,
    /// Whether what is handed in goes live without an operator.
    pub goes_live: bool,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends, and the session that came of it.
    pub expires_at: Timestamp,
    /// The record of its secret, until it is opened.
    ticket: Option<String>,
    /// The record of its session.
    session: Option<String>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// What was handed in and is not live.
    pub handed_in: Option<HandedIn>,
    /// When something that was handed in was approved last.
    pub approved_at: Option<Timestamp>,
}

/// A mapping that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedIn {
    /// When.
    pub at: Timestamp,
    /// Its text.
    pub source: String,
    /// What it began from, where it edits what is applied.
    pub base: Option<Base>,
    /// The draft that it was.
    pub draft: String,
    /// Why it was sent back.
    pub sent_back: Option<SentBack>,
}

impl HandedIn {
    /// What tells it from whatever else is handed in.
    pub fn id(&self) -> String {
        let base = self.base.as_ref().map_or(0, |base| base.version);
        let all = format!("{}\0{base}\0{}", self.at.as_millis(), self.source);
        hex(&sha256(all.as_bytes())[..10])
    }
}

/// An operator's answer to what was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentBack {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What is to be changed.
    pub why: String,
}

/// Where a secret leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LeadsTo {
    account: AccountId,
    link: String,
}

/// What a link may be used for at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was not opened yet.
    New,
    /// Somebody has its session.
    Open,
    /// It opens nothing any more.
    Ended,
}

impl SetupLink {
    /// The name by which its session acts.
    pub fn actor(&self) -> String {
        format!("setup-link:{}", self.id)
    }

    /// What it may be used for.
    pub fn state(&self, now: Timestamp) -> State {
        if now >= self.expires_at {
            State::Ended
        } else if self.session.is_some() {
            State::Open
        } else if self.ticket.is_some() {
            State::New
        } else {
            State::Ended
        }
    }

    /// Whether something waits for an operator.
    pub fn waits(&self) -> bool {
        let handed_in = self.handed_in.as_ref();
        handed_in.is_some_and(|handed_in| handed_in.sent_back.is_none())
    }

    /// Whether it need not be listed any more.
    fn is_past(&self, now: Timestamp) -> bool {
        !self.waits() && now.since(self.expires_at) >= LISTED
    }

    fn leads_to(&self) -> LeadsTo {
        LeadsTo {
            account: self.account.clone(),
            link: self.id.clone(),
        }
    }
}

/// What a new link is to be.
#[derive(Debug)]
pub struct NewLink {
    /// The account.
    pub account: AccountId,
    /// For whom it is.
    pub name: String,
    /// Whether what is handed in goes live without an operator.
    pub goes_live: bool,
    /// Who makes it.
    pub created_by: String,
    /// How long it counts.
    pub lifetime: Duration,
}

/// A link, its secret, and the steps of a batch that make it. Of those that are there,
/// the ones that ended long ago are removed with it.
pub fn steps_create(
    new: NewLink,
    there: &[Versioned<SetupLink>],
    now: Timestamp,
) -> Result<(SetupLink, Token, Vec<Step>), StoreError> {
    let token = Token::new(now.plus(new.lifetime));
    let key = token.key(&TICKETS, "");
    let link = SetupLink {
        id: hex(&random::bytes::<10>()),
        account: new.account,
        name: new.name,
        goes_live: new.goes_live,
        created_by: new.created_by,
        created_at: now,
        expires_at: token.expires_at(),
        ticket: Some(hex(key.id())),
        session: None,
        opened_at: None,
        handed_in: None,
        approved_at: None,
    };
    let mut steps = steps_put(&link, Precondition::Absent)?;
    steps.push(UNOPENED.step_put_at(key, &link.leads_to())?);
    for past in there.iter().filter(|link| link.value.is_past(now)) {
        steps.extend(steps_remove(
            &past.value,
            Precondition::Version(past.version),
        ));
    }
    Ok((link, token, steps))
}

/// The steps of a batch that write a link if `when` holds.
pub fn steps_put(link: &SetupLink, when: Precondition) -> Result<Vec<Step>, StoreError> {
    let (account, id) = (link.account.as_str(), link.id.as_bytes());
    Ok(vec![
        SPACE.step_check(account, id, when),
        SPACE.step_put(account, id, link)?,
    ])
}

/// The steps of a batch that remove a link with all that it opened, if `when` holds.
pub fn steps_remove(link: &SetupLink, when: Precondition) -> Vec<Step> {
    let (account, id) = (link.account.as_str(), link.id.as_bytes());
    let mut steps = vec![
        SPACE.step_check(account, id, when),
        SPACE.step_delete(account, id),
    ];
    steps.extend(step_forget(&TICKETS, link.ticket.as_deref()));
    steps.extend(step_forget(&SESSIONS, link.session.as_deref()));
    steps
}

/// The steps of a batch that end a link's session, if `when` holds; what was handed in
/// stays.
pub fn steps_end_session(link: &SetupLink, when: Precondition) -> Result<Vec<Step>, StoreError> {
    let ended = SetupLink {
        session: None,
        ..link.clone()
    };
    let mut steps = steps_put(&ended, when)?;
    steps.extend(step_forget(&SESSIONS, link.session.as_deref()));
    Ok(steps)
}

fn step_forget(space: &'static Space, id: Option<&str>) -> Option<Step> {
    let key = Key::of_id(space, "", unhex(id?)?)?;
    Some(Step::Delete(key))
}

/// Reads a link.
pub async fn get(
    store: &dyn Store,
    account: &AccountId,
    id: &str,
) -> Result<Option<Versioned<SetupLink>>, StoreError> {
    SPACE.get(store, account.as_str(), id.as_bytes()).await
}

/// The links of an account, the newest first.
pub async fn list(
    store: &dyn Store,
    account: &AccountId,
) -> Result<Vec<Versioned<SetupLink>>, StoreError> {
    let found = SPACE.page(store, account.as_str(), b"", None, 2 * MOST);
    let mut links: Vec<_> = found.await?.into_iter().map(|(_, link)| link).collect();
    links.sort_by(|a, b| {
        let (a, b) = (&a.value, &b.value);
        (b.created_at, &a.id).cmp(&(a.created_at, &b.id))
    });
    Ok(links)
}

/// The link of a secret that was not used yet; looking does not use it.
pub async fn peek(
    store: &dyn Store,
    secret: &Token,
    now: Timestamp,
) -> Result<Option<Versioned<SetupLink>>, StoreError> {
    let Some(leads) = UNOPENED.get_by(store, "", secret).await? else {
        return Ok(None);
    };
    let found = get(store, &leads.value.account, &leads.value.link).await?;
    Ok(found.filter(|link| link.value.state(now) == State::New))
}

/// Opens a link: of any number who try one succeeds. Gives the session's token. `entry`
/// is its entry in the audit log, written in the same commit.
///
/// # Errors
/// [`StoreError::Conflict`] if somebody else opened it meanwhile.
pub async fn open(
    store: &dyn Store,
    secret: &Token,
    found: &Versioned<SetupLink>,
    now: Timestamp,
    entry: Step,
) -> Result<Token, StoreError> {
    let session = Token::new(found.value.expires_at);
    let key = session.key(&SESSIONS, "");
    let opened = SetupLink {
        ticket: None,
        session: Some(hex(key.id())),
        opened_at: Some(now),
        ..found.value.clone()
    };
    let mut steps = steps_put(&opened, Precondition::Version(found.version))?;
    steps.extend([
        OPENED.step_put_at(key, &opened.leads_to())?,
        Step::Delete(secret.key(&TICKETS, "")),
        entry,
    ]);
    store.commit(steps).await?;
    Ok(session)
}

/// The link whose session a token is; `None` if that ended or never was.
pub async fn of_session(
    store: &dyn Store,
    token: &Token,
    now: Timestamp,
) -> Result<Option<SetupLink>, StoreError> {
    let Some(leads) = OPENED.get_by(store, "", token).await? else {
        return Ok(None);
    };
    let found = get(store, &leads.value.account, &leads.value.link).await?;
    let id = hex(token.key(&SESSIONS, "").id());
    Ok(found
        .map(|link| link.value)
        .filter(|link| link.state(now) == State::Open && link.session.as_ref() == Some(&id)))
}

pub(super) fn spaces() -> [&'static Space; 3] {
    [&LINKS, &TICKETS, &SESSIONS]
}
