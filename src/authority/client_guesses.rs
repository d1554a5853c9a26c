//! Guesses at clients' secrets, as far as these are hashed slowly: those that somebody
//! chose. Secrets that were made here are long, and a fast hash does.
//!
//! The slow hashes of clients queue apart from those of people, so that who sends
//! wrong secrets keeps nobody from logging in. A client's guesses are counted by where
//! they come from. A secret that was right is known again at once, so that guesses
//! from beside a client, behind the same address, keep only a stranger waiting
//! (threat F6).

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::application::ClientId;
use super::error::{Code, OAuthError};
use crate::base::{Allowance, Secret, Timestamp, digest, random};
use crate::password::{Bucket, Failures, Hasher, NotNow, Paused, SlowHash};
use crate::store::Store;

/// Wrong secrets of one client, from one address.
const GUESSES: Allowance = Allowance {
    burst: 10,
    every: Duration::from_secs(6),
};
/// The most secrets that are known again.
const MAX_KNOWN: usize = 10_000;

/// Counts guesses and checks them.
pub struct ClientGuesses {
    hasher: Hasher,
    guesses: Failures,
    /// Digests of secrets that were right, under a key of this process.
    known: Mutex<HashSet<[u8; 32]>>,
    key: [u8; 32],
}

impl ClientGuesses {
    /// Those counted in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            hasher: Hasher::new(),
            guesses: Failures::new(store, "clients' secrets", GUESSES),
            known: Mutex::default(),
            key: random::bytes(),
        }
    }

    /// Whether one of the secrets that a client sent hashes to one that it has.
    pub(super) async fn is_right(
        &self,
        client: &ClientId,
        stored: &[SlowHash],
        given: &[Secret],
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<bool, OAuthError> {
        if self.knows(stored, given) {
            return Ok(true);
        }
        if stored.is_empty() || given.is_empty() {
            return Ok(false);
        }
        let bucket = Bucket::of(&[client.as_str(), &Bucket::place(from)]);
        let begun = self.guesses.begin(bucket, now).await;
        begun.map_err(|refused| match refused {
            NotNow::Store(error) => error.into(),
            NotNow::Paused(Paused(left)) => {
                let seconds = left.as_secs() + 1;
                let why = format!(
                    "too many wrong secrets came for this client; try again in {seconds} seconds"
                );
                OAuthError::new(Code::TemporarilyUnavailable, why)
            }
        })?;
        for hash in stored {
            for secret in given {
                match self.hasher.verify(Some(hash), secret).await {
                    Ok(false) => {}
                    Ok(true) => {
                        self.guesses.take_back(bucket, now);
                        self.note(hash, secret);
                        return Ok(true);
                    }
                    Err(error) => {
                        self.guesses.take_back(bucket, now);
                        return Err(error.into());
                    }
                }
            }
        }
        self.guesses.failed(bucket, now).await?;
        Ok(false)
    }

    fn digest(&self, hash: &SlowHash, secret: &Secret) -> [u8; 32] {
        let parts = [hash.as_str().as_bytes(), secret.expose().as_bytes()];
        let digests = parts.map(digest::sha256);
        digest::sha256(&[self.key, digests[0], digests[1]].concat())
    }

    fn knows(&self, stored: &[SlowHash], given: &[Secret]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |hash, secret| known.contains(&self.digest(hash, secret));
        stored
            .iter()
            .any(|hash| given.iter().any(|secret| is_known(hash, secret)))
    }

    fn note(&self, hash: &SlowHash, secret: &Secret) {
        let digest = self.digest(hash, secret);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(digest);
    }
}
