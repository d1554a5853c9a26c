//! Slow hashes of what people choose: passwords, and secrets that were given.
//!
//! A hash takes tens of milliseconds and 19 MiB on purpose, so hashes run on
//! the blocking pool, few at a time; who comes when too many wait is told so,
//! and everybody else's requests go on (attack K12).

use std::fmt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::base::{Secret, digest, random};

/// Memory in KiB, passes and lanes: OWASP's advice for argon2id.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most memory a stored hash may ask for, in KiB.
const MAX_MEMORY: u32 = 1 << 20;
/// How many may wait for their turn.
const QUEUE: usize = 64;
/// The longest text that is hashed, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// An argon2id hash (RFC 9106) with its parameters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowHash {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    hash: String,
}

impl fmt::Debug for SlowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowHash([redacted])")
    }
}

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many hashes at once.
    #[error("too many passwords are being checked at once; try again in a moment")]
    Busy,
    /// Longer than any password.
    #[error("a password or secret has at most {MAX_LENGTH} bytes")]
    TooLong,
    /// The library or a stored hash is broken.
    #[error("the hash function failed")]
    Failed,
}

/// Makes and checks hashes, few at a time.
#[derive(Debug, Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    decoy: Arc<SlowHash>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// As many at a time as there are processors but one, which is left to the others.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            queue: Arc::new(Semaphore::new(QUEUE)),
            // Nothing hashes to this; checking it takes as long as any other.
            decoy: Arc::new(SlowHash {
                memory: MEMORY,
                passes: PASSES,
                lanes: LANES,
                salt: URL_SAFE_NO_PAD.encode(random::bytes::<16>()),
                hash: URL_SAFE_NO_PAD.encode(random::bytes::<32>()),
            }),
        }
    }

    /// Hashes a text.
    pub async fn hash(&self, text: &Secret) -> Result<SlowHash, HashError> {
        let salt = random::bytes::<16>();
        let hash = self
            .run(text, salt.to_vec(), (MEMORY, PASSES, LANES))
            .await?;
        Ok(SlowHash {
            memory: MEMORY,
            passes: PASSES,
            lanes: LANES,
            salt: URL_SAFE_NO_PAD.encode(salt),
            hash: URL_SAFE_NO_PAD.encode(hash),
        })
    }

    /// Whether a text hashes to `stored`. Without one the same work is done for
    /// nothing, so that the time does not tell (attack K8).
    pub async fn verify(
        &self,
        stored: Option<&SlowHash>,
        text: &Secret,
    ) -> Result<bool, HashError> {
        let against = stored.unwrap_or(&self.decoy);
        let salt = URL_SAFE_NO_PAD
            .decode(&against.salt)
            .map_err(|_| HashError::Failed)?;
        let wanted = URL_SAFE_NO_PAD
            .decode(&against.hash)
            .map_err(|_| HashError::Failed)?;
        if against.memory > MAX_MEMORY {
            return Err(HashError::Failed);
        }
        let cost = (against.memory, against.passes, against.lanes);
        let given = self.run(text, salt, cost).await?;
        Ok(digest::same(&given, &wanted) && stored.is_some())
    }

    async fn run(
        &self,
        text: &Secret,
        salt: Vec<u8>,
        (memory, passes, lanes): (u32, u32, u32),
    ) -> Result<[u8; 32], HashError> {
        if text.expose().len() > MAX_LENGTH {
            return Err(HashError::TooLong);
        }
        let _waiting = self.queue.try_acquire().map_err(|_| HashError::Busy)?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Failed)?;
        let text = text.clone();
        let work = move || {
            let params = Params::new(memory, passes, lanes, Some(32)).ok()?;
            let mut out = [0; 32];
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(text.expose().as_bytes(), &salt, &mut out)
                .ok()?;
            // Held to the end, also where the one who asked has gone away.
            drop(turn);
            Some(out)
        };
        tokio::task::spawn_blocking(work)
            .await
            .ok()
            .flatten()
            .ok_or(HashError::Failed)
    }
}
