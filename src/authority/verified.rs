//! Access tokens whose signature was right before.
//!
//! A resource server asks about the same token again and again, and a signature
//! that was right once is right for ever: it depends on the token and on the key that
//! the token names by its thumbprint, and on nothing else. So it is checked once.
//! Whatever can change is asked again each time: the time, whether the key still
//! counts, what was revoked, the application and the user.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::application::ClientId;
use super::granted::Actor;
use super::revoked::Marks;
use super::scope::Scopes;
use crate::base::{AccountId, Timestamp, UserId, digest};
use crate::key::{Claims, Keyring};

/// Tokens that are remembered: a few KiB each.
const MAX_CACHED: usize = 4000;

/// An access token that counts.
#[derive(Debug, Clone)]
pub struct Access {
    /// Its application.
    pub client_id: ClientId,
    /// The account it is limited to.
    pub account: Option<AccountId>,
    /// Its user; `None`: the application itself.
    pub user: Option<UserId>,
    /// Who acts as the user.
    pub actor: Option<Actor>,
    /// What it may do.
    pub scopes: Scopes,
    /// All its claims.
    pub claims: Claims,
}

pub(super) fn number(claims: &Claims, name: &str) -> Option<u64> {
    claims.all().get(name)?.as_u64()
}

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
            access: Arc::new(access),
        }
    }

    /// Whether it is in its time, and its key still counts.
    fn counts(&self, keys: &Keyring, now: Timestamp) -> bool {
        now < self.access.claims.expires_at()
            && self.not_before.is_some_and(|begin| begin <= now)
            && keys.has(&self.kid, now)
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
