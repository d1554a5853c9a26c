//! A login with an email and a password, where the account lets people have one.
//!
//! | file | |
//! |---|---|
//! | [`check`] | from email and password to who that is |
//! | [`set`] | a password is chosen |
//! | [`browsers`] | which browsers somebody logged in from before |
//!
//! Who has no password, or forgot it, chooses one with a code that comes by mail
//! ([`access_key`](super::access_key)). [`finish`](super::finish) ends every login.

pub mod browsers;
pub mod check;
pub mod set;

pub use self::check::Guesses;

use crate::store::Space;

pub(super) fn spaces() -> [&'static Space; 1] {
    [browsers::space()]
}
