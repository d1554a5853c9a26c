//! What an OpenID provider knows a session as, so that the provider can end it and
//! is told when it ended (OpenID Connect Back-Channel, Front-Channel and RP-Initiated
//! Logout).
//!
//! A session is found by the provider's `sid` and by its `sub`. The ID token, which
//! a logout shows the provider as a hint, is kept encrypted, and no longer than the
//! session.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{SESSIONS, SPACE, Session};
use crate::base::{AccountId, ProviderId, digest};
use crate::store::{Key, Keyspace, Precondition, Space, Store, StoreError, Token};

static ID_TOKENS: Space = Space::durable("provider_id_tokens").expiring().sealed();
static NAMES: Space = Space::durable("provider_sessions").expiring().owned();

const HINTS: Keyspace<String> = Keyspace::new(&ID_TOKENS);
const RECORDS: Keyspace<Named> =
    Keyspace::new(&NAMES).owned_by(|named| Some(named.name.as_bytes().to_vec()));

/// How many records are looked at at once.
const PAGE: usize = 500;

pub(super) fn spaces() -> [&'static Space; 2] {
    [&ID_TOKENS, &NAMES]
}

/// Who logged in at an OpenID provider, in which session there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtProvider {
    /// Which of the servers that the provider's id has stood for.
    #[serde(default)]
    pub lineage: u64,
    /// `sub`
    pub subject: String,
    /// `sid`, where the provider names its sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The ID token, where a logout shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

/// Without the ID token.
impl fmt::Debug for AtProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtProvider")
            .field("lineage", &self.lineage)
            .finish_non_exhaustive()
    }
}

/// Which sessions of a provider end.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    /// The provider.
    pub provider: &'a ProviderId,
    /// Which of the servers that its id has stood for.
    pub lineage: u64,
    /// `sub`: only this person's.
    pub subject: Option<&'a str>,
    /// `sid`: only this session's.
    pub sid: Option<&'a str>,
}

/// By what a session is found.
#[derive(Clone, Copy)]
enum By {
    Sid,
    Subject,
}

impl By {
    /// What stands behind the session in a record's id.
    fn mark(self) -> u8 {
        match self {
            Self::Sid => b's',
            Self::Subject => b'u',
        }
    }

    /// A digest, as values of providers are of any length.
    fn name(self, provider: &ProviderId, lineage: u64, value: &str) -> String {
        let mark = char::from(self.mark());
        digest::sha256_base64url(format!("{mark}\0{provider}\0{lineage}\0{value}").as_bytes())
    }
}

/// One name of a session.
#[derive(Serialize, Deserialize)]
struct Named {
    name: String,
    /// The name by `sub`, for questions by both.
    subject: String,
    /// The id of the session's record.
    session: Vec<u8>,
}

fn key(space: &'static Space, account: &AccountId, session: &Session, mark: Option<By>) -> Key {
    let mut id = digest::sha256(session.digest.as_bytes()).to_vec();
    id.extend(mark.map(By::mark));
    Key::expiring(space, account.as_str(), session.expires_at, &id)
}

/// Notes what a session is at its provider. Not waited for: the session itself is
/// written after it.
pub(super) async fn begin(
    store: &dyn Store,
    account: &AccountId,
    sid: &Token,
    session: &Session,
    at: &AtProvider,
) -> Result<(), StoreError> {
    let Some(provider) = session.method.provider() else {
        return Ok(());
    };
    let subject = By::Subject.name(provider, at.lineage, &at.subject);
    let by_sid = at.sid.as_deref();
    let by_sid = by_sid.map(|sid| (By::Sid, By::Sid.name(provider, at.lineage, sid)));
    let id = sid.key(&SESSIONS, account.as_str()).id().to_vec();
    for (by, name) in [(By::Subject, subject.clone())].into_iter().chain(by_sid) {
        let named = Named {
            name,
            subject: subject.clone(),
            session: id.clone(),
        };
        let key = key(&NAMES, account, session, Some(by));
        RECORDS
            .put_soon_at(store, key, &named, Precondition::Any)
            .await?;
    }
    if let Some(token) = &at.id_token {
        let key = key(&ID_TOKENS, account, session, None);
        HINTS
            .put_soon_at(store, key, token, Precondition::Any)
            .await?;
    }
    Ok(())
}

/// Removes what was noted.
pub(super) async fn forget(
    store: &dyn Store,
    account: &AccountId,
    session: &Session,
) -> Result<(), StoreError> {
    if !session.at_provider {
        return Ok(());
    }
    for key in [
        key(&ID_TOKENS, account, session, None),
        key(&NAMES, account, session, Some(By::Sid)),
        key(&NAMES, account, session, Some(By::Subject)),
    ] {
        store.delete(&key, Precondition::Any).await?;
    }
    Ok(())
}

/// The ID token of a session, for its provider (`id_token_hint`).
pub async fn id_token(
    store: &dyn Store,
    account: &AccountId,
    session: &Session,
) -> Result<Option<String>, StoreError> {
    if !session.at_provider {
        return Ok(None);
    }
    let key = key(&ID_TOKENS, account, session, None);
    let found = HINTS.get_at(store, &key).await?;
    Ok(found.map(|found| found.value))
}

/// The sessions that are meant, each with the id of its record.
pub async fn find(
    store: &dyn Store,
    account: &AccountId,
    which: &Which<'_>,
) -> Result<Vec<(Vec<u8>, Session)>, StoreError> {
    let subject = which
        .subject
        .map(|subject| By::Subject.name(which.provider, which.lineage, subject));
    let name = match (which.sid, &subject) {
        (Some(sid), _) => By::Sid.name(which.provider, which.lineage, sid),
        (None, Some(subject)) => subject.clone(),
        (None, None) => return Ok(Vec::new()),
    };
    let (mut sessions, mut after) = (Vec::new(), None);
    loop {
        let found = RECORDS
            .page_of(store, account.as_str(), name.as_bytes(), after, PAGE)
            .await?;
        let Some((last, _)) = found.last() else {
            return Ok(sessions);
        };
        after = Some(last.id().to_vec());
        for (_, named) in found {
            let named = named.value;
            if subject.as_ref().is_some_and(|own| *own != named.subject) {
                continue;
            }
            let Some(key) = Key::of_id(&SESSIONS, account.as_str(), named.session.clone()) else {
                continue;
            };
            if let Some(session) = SPACE.get_at(store, &key).await? {
                sessions.push((named.session, session.value));
            }
        }
    }
}
