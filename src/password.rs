//! Floor 3: slow hashes of what people choose, codes of their apps, and a limit to
//! guessing either.
//!
//! Who is asked for a password, and what follows, is for the rooms above:
//! `operator` for the console, `authority` for shoppers and for secrets that an
//! application was given.

mod error;
mod hash;
mod imported;
pub mod recent;
mod rules;
mod spread;
mod throttle;
mod totp;

pub use self::error::{HashError, MAX_LENGTH};
pub use self::hash::{Hasher, SlowHash};
pub use self::rules::{PasswordRule, Weakness};
pub use self::spread::{Failures, Spread};
pub use self::throttle::{Bucket, FAILURES_BEFORE_PAUSE, NotNow, Paused, Pauses, Throttle};
pub use self::totp::TotpKey;
use crate::store::Space;

/// The spaces of this room.
pub fn spaces() -> [&'static Space; 2] {
    [throttle::space(), spread::space()]
}
