//! Slow hashes of what people choose: passwords, and secrets that were given.
//!
//! A hash takes tens of milliseconds and 19 MiB on purpose, so hashes run on
//! the blocking pool, few at a time; who comes when too many wait is told so,
//! and everybody else's requests go on (threat K12).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::error::{HashError, MAX_LENGTH};
use super::imported;
use crate::base::{Secret, random};

/// Memory in KiB, passes and lanes: OWASP's advice for argon2id.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most memory a stored hash may ask for, in KiB.
const MAX_MEMORY: u32 = 256 << 10;
/// The most that all its passes may go over, in KiB: two seconds of one processor. More
/// would let who writes one stop the others' logins.
const MAX_WORK: u64 = 2 << 20;
/// The shortest hash, in bytes. Of shorter ones many passwords would be right.
const SHORTEST: usize = 16;
/// How many may wait for their turn.
const QUEUE: usize = 64;
/// The most that a check may cost for nothing, in microseconds: who guesses at
/// addresses that nobody has must not stop the others' logins.
const MOST_FOR_NOTHING: u64 = 500_000;

/// An argon2id hash (RFC 9106) with its parameters and salt, as a PHC string.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlowHash(String);

impl SlowHash {
    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A hash that another system made, if it is one that can be checked.
    ///
    /// # Errors
    /// Which there are.
    pub fn imported(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let text = text
            .strip_prefix("argon2$")
            .map_or_else(|| text.to_owned(), |rest| format!("${rest}"));
        let stored = Self(text);
        if imported::is_known(&stored.0) || argon2_of(&stored).is_ok() {
            return Ok(stored);
        }
        Err(
            "this is no hash of bcrypt, PBKDF2, scrypt, argon2 or salted SHA that is known here, or one that costs too much to check",
        )
    }

    /// What one check costs, in microseconds of one processor, roughly.
    pub fn work(&self) -> u64 {
        let ours = || {
            let hash = PasswordHash::new(&self.0).ok()?;
            let params = Params::try_from(&hash).ok()?;
            let memory = u64::from(params.m_cost()) * u64::from(params.t_cost());
            Some(memory * 3 / 4)
        };
        imported::work(&self.0).or_else(ours).unwrap_or(0)
    }

    /// Whether it is one of ours as we make them now.
    pub fn is_current(&self) -> bool {
        let head = format!("$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}$");
        self.0.starts_with(&head)
    }
}

impl fmt::Debug for SlowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowHash([redacted])")
    }
}

/// Makes and checks hashes, few at a time.
#[derive(Debug, Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    decoy: SlowHash,
    /// See `foreign`, by account.
    foreign: Arc<Mutex<HashMap<String, SlowHash>>>,
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
        let salt = STANDARD_NO_PAD.encode(random::bytes::<16>());
        let hash = STANDARD_NO_PAD.encode(random::bytes::<32>());
        Self {
            turns: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            queue: Arc::new(Semaphore::new(QUEUE)),
            // Nothing hashes to this; checking it takes as long as any other.
            decoy: SlowHash(format!(
                "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${hash}"
            )),
            foreign: Arc::default(),
        }
    }

    /// Hashes a text.
    pub async fn hash(&self, text: &Secret) -> Result<SlowHash, HashError> {
        self.run(text, |text| {
            let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|_| HashError::Failed)?;
            let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password(text.as_bytes());
            made.map(|hash: PasswordHash| SlowHash(hash.to_string()))
                .map_err(|_| HashError::Failed)
        })
        .await
    }

    /// Whether a text hashes to `stored`. Without one the same work is done for
    /// nothing, so that the time does not tell (threat K8).
    pub async fn verify(
        &self,
        stored: Option<&SlowHash>,
        text: &Secret,
    ) -> Result<bool, HashError> {
        self.compare(stored, None, text).await
    }

    /// The same among the people of an account, of whom some have hashes that another
    /// system made: a wrong text takes as long whether it is compared with one of these,
    /// with one of ours, or with none.
    pub async fn verify_in(
        &self,
        account: &str,
        stored: Option<&SlowHash>,
        text: &Secret,
    ) -> Result<bool, HashError> {
        let foreign = self.foreign(account, stored);
        self.compare(stored, foreign.as_ref(), text).await
    }

    /// The costliest hash of another system that was met in an account.
    fn foreign(&self, account: &str, stored: Option<&SlowHash>) -> Option<SlowHash> {
        let mut known = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let costs = |hash: &&SlowHash| !hash.is_current() && hash.work() <= MOST_FOR_NOTHING;
        if let Some(met) = stored.filter(costs) {
            let before = known.get(account).map_or(0, SlowHash::work);
            if met.work() > before {
                known.insert(account.to_owned(), met.clone());
            }
        }
        known.get(account).cloned()
    }

    async fn compare(
        &self,
        stored: Option<&SlowHash>,
        foreign: Option<&SlowHash>,
        text: &Secret,
    ) -> Result<bool, HashError> {
        let against = stored.unwrap_or(&self.decoy).clone();
        let rest = self.rest(&against, foreign);
        let work = move |text: &str| {
            let right = check(&against, text)?;
            if !right {
                for other in rest {
                    check(&other, text)?;
                }
            }
            Ok(right)
        };
        let same = self.run(text, work).await?;
        Ok(same && stored.is_some())
    }

    /// What a wrong text is compared with besides, for the time that it takes.
    fn rest(&self, against: &SlowHash, foreign: Option<&SlowHash>) -> Vec<SlowHash> {
        let ours = (!against.is_current()).then_some(&self.decoy);
        let others = foreign.filter(|foreign| foreign.work() != against.work());
        ours.into_iter().chain(others).cloned().collect()
    }

    async fn run<T: Send + 'static>(
        &self,
        text: &Secret,
        work: impl FnOnce(&str) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
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
            // Held to the end, also where the one who asked has gone away.
            let _turn = turn;
            work(text.expose())
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or(Err(HashError::Failed))
    }
}

fn check(against: &SlowHash, text: &str) -> Result<bool, HashError> {
    if imported::is_known(&against.0) {
        return imported::is_of(&against.0, text);
    }
    same(against, text)
}

/// An argon2 hash, and whether it may be computed.
fn argon2_of(stored: &SlowHash) -> Result<PasswordHash, HashError> {
    let hash = PasswordHash::new(&stored.0).map_err(|_| HashError::Failed)?;
    let params = Params::try_from(&hash).map_err(|_| HashError::Failed)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    let long_enough = hash.hash.is_some_and(|hash| hash.len() >= SHORTEST);
    if params.m_cost() > MAX_MEMORY || work > MAX_WORK || !long_enough {
        return Err(HashError::Failed);
    }
    Ok(hash)
}

/// By the parameters of the stored hash; the library compares in constant time
/// (threat K7).
fn same(stored: &SlowHash, text: &str) -> Result<bool, HashError> {
    let stored = argon2_of(stored)?;
    match Argon2::default().verify_password(text.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(HashError::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn k08_the_decoy_is_a_hash_like_any_other() {
        let hasher = Hasher::new();
        let password = Secret::new("correct horse");
        let made = hasher.hash(&password).await.unwrap();
        assert!(hasher.verify(Some(&made), &password).await.unwrap());
        assert!(!hasher.verify(Some(&made), &Secret::new("x")).await.unwrap());
        assert!(!hasher.verify(None, &password).await.unwrap());
        // The same work: all but salt and hash are equal.
        let head = |hash: &SlowHash| hash.0.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(head(&hasher.decoy), head(&made));
        assert_eq!(hasher.decoy.0.len(), made.0.len());
    }

    #[test]
    fn k08_a_wrong_password_costs_the_same_whatever_it_is_compared_with() {
        let hasher = Hasher::new();
        let foreign =
            SlowHash::imported("$2b$10$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm")
                .unwrap();
        let work = |against: &SlowHash| {
            let rest = hasher.rest(against, Some(&foreign));
            against.work() + rest.iter().map(SlowHash::work).sum::<u64>()
        };
        assert_eq!(work(&hasher.decoy), work(&foreign));
        assert_eq!(work(&hasher.decoy), hasher.decoy.work() + foreign.work());
        // One that costs next to nothing.
        let cheap =
            "sha256$saltsalt$1e4b70574b8ec9633ef4a1fc1113fbf5c04b6ec810798554bbc6bfe85beabb4c";
        let cheap = SlowHash::imported(cheap).unwrap();
        assert_eq!(work(&cheap), work(&foreign) + cheap.work());
        assert!(cheap.work() < 10 && foreign.work() > 30_000);
        // Met once, it counts for all of the account, and for no other.
        assert_eq!(hasher.foreign("acme", None), None);
        assert_eq!(
            hasher.foreign("acme", Some(&foreign)),
            Some(foreign.clone())
        );
        assert_eq!(hasher.foreign("acme", Some(&cheap)), Some(foreign.clone()));
        assert_eq!(hasher.foreign("acme", None), Some(foreign));
        assert_eq!(hasher.foreign("other", Some(&hasher.decoy)), None);
    }

    #[tokio::test]
    async fn a_stored_hash_that_asks_for_too_much_is_not_computed() {
        let hasher = Hasher::new();
        let greedy = SlowHash(hasher.decoy.0.replace("m=19456", "m=4000000"));
        let tried = hasher.verify(Some(&greedy), &Secret::new("x")).await;
        assert_eq!(tried, Err(HashError::Failed));
    }
}
