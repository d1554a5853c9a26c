//! Passwords: argon2id, on threads of their own, a few at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::base::Secret;

/// The shortest and longest password, in characters and bytes.
const MIN: usize = 12;
const MAX: usize = 1024;
/// How many are hashed at once, and how many may wait for that (attack K12).
const AT_ONCE: usize = 2;
const WAITING: usize = 32;

/// A password's hash as a PHC string; does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Too short.
    #[error("choose a password of at least 12 characters; a few words make a good one")]
    Short,
    /// Too long.
    #[error("a password has at most 1024 bytes")]
    Long,
}

/// Checks a password that someone chooses.
pub fn check(password: &Secret) -> Result<(), BadPassword> {
    if password.expose().len() > MAX {
        return Err(BadPassword::Long);
    }
    if password.expose().chars().count() < MIN {
        return Err(BadPassword::Short);
    }
    Ok(())
}

/// Nobody's turn: too many passwords are being hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many logins are being checked; try again in a moment")]
pub struct Busy;

/// Hashes passwords without holding up anything else.
#[derive(Debug, Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(WAITING)),
        }
    }
}

impl Hasher {
    /// Hashes a password.
    pub async fn hash(&self, password: &Secret) -> Result<Hash, Busy> {
        let password = password.clone();
        self.run(move || {
            Argon2::default()
                .hash_password(password.expose().as_bytes())
                .map(|hash: PasswordHash| Hash(hash.to_string()))
        })
        .await?
        .map_err(|_| Busy)
    }

    /// Whether a password is the one that was hashed. Without a hash the same
    /// work is done for nothing, so that nobody learns who has an account.
    pub async fn verify(&self, password: &Secret, hash: Option<&Hash>) -> Result<bool, Busy> {
        if password.expose().len() > MAX {
            return Ok(false);
        }
        let password = password.clone();
        let hash = hash.cloned();
        self.run(move || match hash {
            Some(Hash(text)) => PasswordHash::new(&text).is_ok_and(|known| {
                Argon2::default()
                    .verify_password(password.expose().as_bytes(), &known)
                    .is_ok()
            }),
            None => {
                let _: Result<PasswordHash, _> =
                    Argon2::default().hash_password(password.expose().as_bytes());
                false
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _place = self.queue.try_acquire().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        // The turn is over when the work is, even if nobody waits for it any more.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|_| Busy)
    }
}
