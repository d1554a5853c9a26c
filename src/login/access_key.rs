//! A login by a code that comes by mail; no provider takes part.
//!
//! | file | from | to |
//! |---|---|---|
//! | [`send`] | `SendRequest` | a code on its way, and a login that waits for it |
//! | [`check`] | the code, typed in the browser that asked for it | `ProvedEmail` |
//! | [`identify`] | `ProvedEmail` | the user, and a ticket |
//!
//! [`finish`](super::finish) ends it, as it ends every login. [`limits`] says how
//! many codes are sent, [`wrong`] how often one may be guessed.
//!
//! An address is compared in lower case, and the message goes to what was
//! compared: so whoever reads the code is the one whom the login identifies.
//! Nothing before the right code asks whether there is a user of that address, so
//! nothing can tell.

pub mod check;
pub mod identify;
pub mod limits;
mod record;
pub mod send;
pub mod wrong;

use std::time::Duration;

use crate::store::Space;

/// How long a code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// How many digits it has.
pub const CODE_DIGITS: usize = 6;
/// How often a code may be tried.
pub const TRIES: u32 = 3;

pub(super) fn spaces() -> [&'static Space; 3] {
    [record::space(), wrong::space(), limits::space()]
}
