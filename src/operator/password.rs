//! What an operator may choose as a password.

use crate::base::Secret;
use crate::password::MAX_LENGTH;

/// The shortest password, in characters.
const MIN: usize = 12;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Too short.
    #[error("choose a password of at least {MIN} characters; a few words make a good one")]
    Short,
    /// Too long.
    #[error("a password has at most {MAX_LENGTH} bytes")]
    Long,
}

/// Checks a password that someone chooses.
pub fn check(password: &Secret) -> Result<(), BadPassword> {
    if password.expose().len() > MAX_LENGTH {
        return Err(BadPassword::Long);
    }
    if password.expose().chars().count() < MIN {
        return Err(BadPassword::Short);
    }
    Ok(())
}
