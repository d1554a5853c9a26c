//! Floor 3: slow hashes of what people choose, and a limit to guessing it.
//!
//! Who is asked for a password, and what follows, is for the rooms above:
//! `operator` for the console, `authority` for shoppers and for secrets that an
//! application was given.

mod error;
mod hash;
mod imported;
pub mod recent;
mod rules;
mod throttle;

pub use self::error::{HashError, MAX_LENGTH};
pub use self::hash::{Hasher, SlowHash};
pub use self::rules::{PasswordRule, Weakness};
pub use self::throttle::{Bucket, NotNow, Paused, Pauses, Spread, Throttle};
use crate::store::Space;

/// The spaces of this room.
pub fn spaces() -> [&'static Space; 1] {
    [throttle::space()]
}
