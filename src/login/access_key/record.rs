//! What a login leaves behind while its code is on the way.

use serde::{Deserialize, Serialize};

use super::super::pending::BrowserDigest;
use crate::base::{Timestamp, digest};
use crate::store::{Keyspace, Space, Token};

static WAITING: Space = Space::transient("access_keys").expiring();

/// By account: a code counts in the account whose login asked for it.
pub(super) const WAITING_LOGINS: Keyspace<WaitingLogin> = Keyspace::new(&WAITING);

pub(super) fn space() -> &'static Space {
    &WAITING
}

/// A login whose code was sent.
#[derive(Serialize, Deserialize)]
pub(super) struct WaitingLogin {
    /// The id under which the log speaks of it.
    pub id: String,
    /// The origin of the store it began on.
    pub store: String,
    pub return_to: String,
    pub browser: BrowserDigest,
    /// Where the code was sent, in lower case.
    pub email: String,
    pub code: CodeDigest,
    /// How often a code was tried.
    pub tries: u32,
    /// A password is to be chosen with it.
    #[serde(default)]
    pub sets_password: bool,
    pub started_at: Timestamp,
}

/// What is stored of a code. A million codes are soon tried out, so the login's
/// token goes in too: whoever has a copy of the store does not have that.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct CodeDigest(String);

impl CodeDigest {
    pub fn of(token: &Token, code: &str) -> Self {
        let text = format!("access key {} {code}", token.as_str());
        Self(digest::sha256_base64url(text.as_bytes()))
    }

    pub fn is(&self, other: &Self) -> bool {
        digest::same(self.0.as_bytes(), other.0.as_bytes())
    }
}
