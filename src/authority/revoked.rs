//! What was revoked before its time (RFC 7009): an access token by its `jti`,
//! all access tokens of a grant or of a session by a mark.
//!
//! Nobody keeps a list of the tokens that a grant gave. A mark must last as long
//! as any of them, and be found by who has only the token. So marks stand at days:
//! one for each day on which a token that is out now can end, and a token is
//! looked for at the day of its own end. A mark stays for a day more than it must.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Authority;
use crate::base::{SKEW, Timestamp, digest};
use crate::key::Claims;
use crate::store::{Key, Precondition, Space, Step, Store, StoreError};

static REVOKED: Space = Space::durable("revoked_tokens").expiring();

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The claim that names the grant (Grant Management for OAuth 2.0 §5).
pub(super) const GRANT_ID: &str = "grant_id";
/// The claim that names the session (OpenID Connect Front-Channel Logout §3).
pub(super) const SID: &str = "sid";

pub(super) fn spaces() -> [&'static Space; 1] {
    [&REVOKED]
}

/// What names a token that was issued, so that it can be revoked without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its `jti`.
    pub jti: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Where the marks of an access token stand, if there are any.
pub(super) struct Marks {
    /// Its own.
    own: Key,
    /// Those that it shares with others: of its grant and its session.
    shared: Vec<Key>,
    /// One more than the revision of the space at which none of these was found.
    unrevoked: AtomicU64,
}

impl Marks {
    /// Those of a token; `None` for one without a `jti`.
    pub fn of(claims: &Claims) -> Option<Self> {
        let expires_at = claims.expires_at();
        let day = day_of(expires_at);
        let shared = [GRANT_ID, SID].into_iter();
        Some(Self {
            own: single(claims.text("jti")?, expires_at),
            shared: shared
                .filter_map(|claim| Some(mark(day, claim, claims.text(claim)?)))
                .collect(),
            unrevoked: AtomicU64::new(0),
        })
    }

    /// Whether none was found at this revision of the space.
    fn are_absent_at(&self, revision: Option<u64>) -> bool {
        revision.is_some_and(|now| self.unrevoked.load(Ordering::Relaxed) == now.wrapping_add(1))
    }

    /// Notes that none was found after the revision was asked for.
    fn note_absent(&self, revision: Option<u64>) {
        if let Some(revision) = revision {
            let next = revision.wrapping_add(1);
            self.unrevoked.store(next, Ordering::Relaxed);
        }
    }
}

impl Authority {
    /// Whether an access token was revoked. One without a `jti` is none of ours.
    pub(super) async fn is_revoked(&self, marks: Option<&Marks>) -> Result<bool, StoreError> {
        let Some(marks) = marks else {
            return Ok(true);
        };
        // Of the store itself one is asked each time: where it fails, no token counts
        // (threat C8).
        let revision = self.store.revision(&REVOKED);
        if self.store.get(&marks.own).await?.is_some() {
            return Ok(true);
        }
        if marks.are_absent_at(revision) {
            return Ok(false);
        }
        for key in &marks.shared {
            if self.store.get(key).await?.is_some() {
                return Ok(true);
            }
        }
        marks.note_absent(revision);
        Ok(false)
    }

    /// Whether all tokens whose claim has this value were revoked, in the last day at
    /// least.
    pub(super) async fn is_marked(&self, claim: &str, value: &str) -> Result<bool, StoreError> {
        let key = mark(day_of(self.now()), claim, value);
        Ok(self.store.get(&key).await?.is_some())
    }

    /// A step that fails a batch if all tokens whose claim has this value are
    /// revoked already.
    pub(super) fn check_unrevoked(&self, claim: &str, value: &str) -> Step {
        let key = mark(day_of(self.now()), claim, value);
        Step::Check(key, Precondition::Absent)
    }

    /// Revokes an access token; on disk when this returns.
    pub async fn revoke_access(&self, issued: &Issued) -> Result<(), StoreError> {
        revoke_one(&self.ending(), issued).await
    }

    /// To end what was issued.
    pub fn ending(&self) -> Ending<'_> {
        Ending {
            store: &*self.store,
            now: self.now(),
            access_token_lifetime: self.longest_access_token(),
            beside: None,
            tells: false,
        }
    }
}

/// Revokes all access tokens whose claim has this value, as long as they are
/// issued by now; on disk when this returns.
pub(super) async fn revoke_all_with(
    ending: &Ending<'_>,
    claim: &str,
    value: &str,
) -> Result<(), StoreError> {
    let steps = ending.revoke_all_with(claim, value).collect();
    ending.commit(steps).await
}

/// Revokes an access token; on disk when this returns.
pub(super) async fn revoke_one(ending: &Ending<'_>, issued: &Issued) -> Result<(), StoreError> {
    match ending.revoke_one(issued) {
        Some(step) => ending.commit(vec![step]).await,
        None => Ok(()),
    }
}

/// Steps that are written in one commit with the first change that is made: the
/// entry in the audit log, so that neither is on disk without the other.
#[derive(Debug)]
pub struct Beside(Mutex<Vec<Step>>);

impl Beside {
    /// These steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self(Mutex::new(steps))
    }

    /// What was not written yet.
    pub fn rest(&self) -> Vec<Step> {
        self.swap(Vec::new())
    }

    fn swap(&self, steps: Vec<Step>) -> Vec<Step> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, steps)
    }
}

/// What it takes to end what was issued.
#[derive(Clone, Copy)]
pub struct Ending<'a> {
    /// Where it is kept.
    pub store: &'a dyn Store,
    /// The present moment.
    pub now: Timestamp,
    /// How long access tokens live at most.
    pub access_token_lifetime: Duration,
    /// What is written with the first change.
    pub beside: Option<&'a Beside>,
    /// The application of a grant is told that it ends (OpenID Connect Back-Channel
    /// Logout). Where a session ends, its applications are told of that instead.
    pub tells: bool,
}

impl<'a> Ending<'a> {
    /// The same, with what is written beside its first change.
    #[must_use]
    pub fn with(self, beside: &'a Beside) -> Self {
        Self {
            beside: Some(beside),
            ..self
        }
    }

    /// The same, where the applications of grants are told.
    #[must_use]
    pub fn telling(self) -> Self {
        Self {
            tells: true,
            ..self
        }
    }

    /// Makes a change; on disk when this returns.
    pub(super) async fn commit(&self, mut steps: Vec<Step>) -> Result<(), StoreError> {
        let beside = self.beside.map(Beside::rest);
        steps.extend(beside.iter().flatten().cloned());
        let done = self.store.commit(steps).await;
        if let (Err(_), Some(held), Some(steps)) = (&done, self.beside, beside) {
            held.swap(steps);
        }
        done.map(drop)
    }

    /// The steps that revoke all access tokens whose claim has this value.
    pub(super) fn revoke_all_with(&self, claim: &str, value: &str) -> impl Iterator<Item = Step> {
        let longest = self.access_token_lifetime.max(DAY);
        // Another replica's clock may be ahead.
        let last = self.now.plus(longest + Duration::from_secs(SKEW));
        (day_of(self.now)..=day_of(last))
            .map(move |day| Step::Put(mark(day, claim, value), Vec::new()))
    }

    /// The step that revokes an access token; `None`: it has ended.
    pub(super) fn revoke_one(&self, issued: &Issued) -> Option<Step> {
        // The key says it all.
        let key = single(&issued.jti, issued.expires_at);
        (self.now < issued.expires_at).then(|| Step::Put(key, Vec::new()))
    }
}

fn single(jti: &str, expires_at: Timestamp) -> Key {
    Key::expiring(&REVOKED, "", expires_at, &digest::sha256(jti.as_bytes()))
}

fn day_of(at: Timestamp) -> u64 {
    at.as_secs() / DAY.as_secs()
}

fn mark(day: u64, claim: &str, value: &str) -> Key {
    let until = Timestamp::from_secs(day.saturating_add(2).saturating_mul(DAY.as_secs()));
    let id = digest::sha256(format!("{claim} {value}").as_bytes());
    Key::expiring(&REVOKED, "", until, &id)
}
