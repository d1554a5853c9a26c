//! Access tokens whose signature was right before.
//!
//! A resource server asks about the same token again and again, and a signature
//! that was right once is right for ever: it depends on the token and on the key that
//! the token names by its thumbprint, and on nothing else. So it is checked once.
//! Whatever can change is asked again each time: the time, whether the key still
//! counts, what was revoked, the application and the user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use super::access::{Access, number};
use super::revoked::Marks;
use crate::base::{Timestamp, digest};
use crate::key::Keyring;

/// Tokens that are remembered: a few KiB each.
const MAX_CACHED: usize = 4000;

/// Tokens by their SHA-256: none can be had from a memory dump.
pub struct VerifiedTokens(Cache<[u8; 32], Arc<Verified>>);

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::new(MAX_CACHED))
    }
}

/// What an access token says whose signature is right.
pub(super) struct Verified {
    pub access: Arc<Access>,
    pub audience: String,
    pub issued_at: Option<Timestamp>,
    /// What would revoke it.
    pub marks: Option<Marks>,
    kid: String,
    not_before: Option<Timestamp>,
    /// One more than the revision of the marks at which none was found.
    unrevoked: AtomicU64,
}

impl Verified {
    pub fn new(access: Access, kid: &str, audience: &str) -> Self {
        let time = |name| number(&access.claims, name).map(Timestamp::from_secs);
        Self {
            audience: audience.to_owned(),
            issued_at: time("iat"),
            marks: Marks::of(&access.claims),
            kid: kid.to_owned(),
            not_before: time("nbf"),
            unrevoked: AtomicU64::new(0),
            access: Arc::new(access),
        }
    }

    /// Whether it is in its time, and its key still counts.
    fn counts(&self, keys: &Keyring, now: Timestamp) -> bool {
        now < self.access.claims.expires_at()
            && self.not_before.is_some_and(|begin| begin <= now)
            && keys.has(&self.kid, now)
    }

    /// Whether no mark was found at this revision of the marks.
    pub fn is_unrevoked_at(&self, revision: Option<u64>) -> bool {
        revision.is_some_and(|now| self.unrevoked.load(Ordering::Relaxed) == now.wrapping_add(1))
    }

    /// Notes that no mark was found after the revision was asked for.
    pub fn note_unrevoked(&self, revision: Option<u64>) {
        if let Some(revision) = revision {
            let next = revision.wrapping_add(1);
            self.unrevoked.store(next, Ordering::Relaxed);
        }
    }
}

impl VerifiedTokens {
    /// The token, if it is known and counts as far as the token itself says.
    pub(super) fn get(&self, token: &str, keys: &Keyring, now: Timestamp) -> Option<Arc<Verified>> {
        let known = self.0.get(&digest::sha256(token.as_bytes()))?;
        known.counts(keys, now).then_some(known)
    }

    /// Remembers a token that was verified.
    pub(super) fn put(&self, token: &str, verified: Verified) -> Arc<Verified> {
        let verified = Arc::new(verified);
        let key = digest::sha256(token.as_bytes());
        self.0.insert(key, Arc::clone(&verified));
        verified
    }
}
