//! An operator's second factor: an app that makes codes (RFC 6238), and recovery codes
//! for who lost it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Email, Operator, get, session, step_put};
use crate::base::digest::{self, hex};
use crate::base::{Secret, Timestamp, random};
use crate::password::TotpKey;
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Token};

static SETUPS: Space = Space::transient("second_factor_setups").expiring().sealed();

const PENDING: Keyspace<Setup> = Keyspace::new(&SETUPS);

/// How long a key waits for its first code.
pub const SETUP_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// How many letters and digits one has: 80 bits, which nobody guesses from a hash.
const RECOVERY_LENGTH: usize = 16;
/// Without look-alikes; each is five bits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How often an operator is written again whom others write at the same time.
pub(super) const TRIES: usize = 20;

pub(super) fn space() -> &'static Space {
    &SETUPS
}

/// The second factor of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    key: TotpKey,
    /// Since when there is one.
    pub since: Timestamp,
    /// The step of the last code that counted: none counts twice.
    last_step: u64,
    /// SHA-256 of the recovery codes that were not used yet.
    recovery: Vec<String>,
}

/// What proved a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A code of the app.
    Code,
    /// A recovery code.
    RecoveryCode,
}

impl Proof {
    /// Its name in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::RecoveryCode => "recovery code",
        }
    }
}

impl SecondFactor {
    /// A new one, whose key's code of a step was shown; and its recovery codes.
    pub fn new(key: TotpKey, step: u64, now: Timestamp) -> (Self, Vec<Secret>) {
        let mut factor = Self {
            key,
            since: now,
            last_step: step,
            recovery: Vec::new(),
        };
        let codes = factor.renew_recovery();
        (factor, codes)
    }

    /// How many recovery codes are left.
    pub fn recovery_left(&self) -> usize {
        self.recovery.len()
    }

    /// Other recovery codes in place of those of before.
    pub fn renew_recovery(&mut self) -> Vec<Secret> {
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        self.recovery = codes.iter().map(|code| digest_of(code)).collect();
        codes
            .iter()
            .map(|code| Secret::new(grouped(code)))
            .collect()
    }

    /// Takes a code, which does not count again. `None`: it is wrong.
    pub(super) fn take(&mut self, typed: &str, now: Timestamp) -> Option<Proof> {
        let typed = plain(typed);
        if let Some(step) = self.key.step_of(&typed, now, self.last_step) {
            self.last_step = step;
            return Some(Proof::Code);
        }
        let digest = digest_of(&typed);
        let same = |known: &String| digest::same(known.as_bytes(), digest.as_bytes());
        let at = self.recovery.iter().position(same)?;
        self.recovery.remove(at);
        Some(Proof::RecoveryCode)
    }
}

/// What was typed, without what is there to read it by; as much as any code has.
fn plain(typed: &str) -> String {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric);
    letters
        .take(RECOVERY_LENGTH + 1)
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

fn recovery_code() -> String {
    random::bytes::<RECOVERY_LENGTH>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// `abcd-efgh-jkmn-pqrs`
fn grouped(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    let groups = chars
        .chunks(4)
        .map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

fn digest_of(code: &str) -> String {
    hex(&digest::sha256(code.as_bytes()))
}

/// A key that waits for its first code.
#[derive(Serialize, Deserialize)]
struct Setup {
    operator: Email,
    key: TotpKey,
}

/// Why no second factor is set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It took too long, or was done already.
    #[error("this took too long, or was done already; begin again")]
    Ended,
    /// The code.
    #[error("this is not the code that the app shows now; is the device's clock right?")]
    Wrong,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key for an operator, which counts once its first code was shown.
pub async fn begin_setup(
    store: &dyn Store,
    email: &Email,
    now: Timestamp,
) -> Result<(Token, TotpKey), StoreError> {
    let token = Token::new(now.plus(SETUP_LIFETIME));
    let setup = Setup {
        operator: email.clone(),
        key: TotpKey::generate(),
    };
    PENDING
        .put_by(store, "", &token, &setup, Precondition::Absent)
        .await?;
    Ok((token, setup.key))
}

/// The key that waits, of the operator whose it is.
pub async fn pending(
    store: &dyn Store,
    email: &Email,
    token: &Token,
) -> Result<Option<TotpKey>, StoreError> {
    let found = PENDING.get_by(store, "", token).await?;
    let own = found.filter(|found| found.value.operator == *email);
    Ok(own.map(|found| found.value.key))
}

/// Sets up the second factor of an operator who shows the first code of a key that
/// waits; gives the recovery codes. Their sessions but `own` end, and `entry` is
/// written, all in one commit.
pub async fn finish_setup(
    store: &dyn Store,
    email: &Email,
    token: &Token,
    typed: &str,
    now: Timestamp,
    own: &str,
    entry: Step,
) -> Result<Vec<Secret>, SetupError> {
    let key = pending(store, email, token).await?;
    let key = key.ok_or(SetupError::Ended)?;
    let step = key.step_of(&plain(typed), now, 0);
    let step = step.ok_or(SetupError::Wrong)?;
    // Of two at once, one goes on.
    let taken = PENDING.take_by(store, "", token).await?;
    taken.ok_or(SetupError::Ended)?;
    for _ in 0..TRIES {
        let found = get(store, email).await?.ok_or(SetupError::Ended)?;
        if found.value.second_factor.is_some() {
            return Err(SetupError::Ended);
        }
        let (factor, codes) = SecondFactor::new(key.clone(), step, now);
        let operator = Operator {
            second_factor: Some(factor),
            ..found.value
        };
        let mut steps = step_put(&operator, Precondition::Version(found.version))?;
        steps.extend(session::steps_end_others(store, email, Some(own)).await?);
        steps.push(entry.clone());
        match store.commit(steps).await {
            Ok(_) => return Ok(codes),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_code_counts_once_however_it_is_typed() {
        let now = Timestamp::from_secs(1_000_000);
        let (mut factor, codes) = SecondFactor::new(TotpKey::generate(), 0, now);
        assert_eq!(codes.len(), RECOVERY_CODES);
        let typed = format!(" {} ", codes[3].expose().to_uppercase().replace('-', " "));
        let typed = typed.replace('0', "O").replace('1', "L");
        assert_eq!(factor.take(&typed, now), Some(Proof::RecoveryCode));
        assert_eq!(factor.take(&typed, now), None);
        assert_eq!(factor.recovery_left(), 9);
        assert_eq!(factor.take(&format!("{}x", codes[4].expose()), now), None);
        assert_eq!(factor.take("", now), None);
        factor.renew_recovery();
        assert_eq!(factor.take(codes[5].expose(), now), None);
        assert!(!format!("{factor:?} {codes:?}").contains(codes[5].expose()));
    }
}
