//! Scopes (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// This is an OpenID Connect request (OpenID Connect Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// The user's name and what else the mapping gives (OpenID Connect Core §5.4).
pub const PROFILE: &str = "profile";
/// The user's email (OpenID Connect Core §5.4).
pub const EMAIL: &str = "email";
/// The user's postal address (OpenID Connect Core §5.4).
pub const ADDRESS: &str = "address";
/// The user's telephone number (OpenID Connect Core §5.4).
pub const PHONE: &str = "phone";
/// A refresh token (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The user's token at the provider that they logged in through.
pub const PROVIDER_TOKEN: &str = "provider_token";
/// Reading through the admin API.
pub const ADMIN_READ: &str = "admin:read";
/// Changing through the admin API.
pub const ADMIN_WRITE: &str = "admin:write";

/// The most scopes of one application or request.
const MAX: usize = 50;

/// A set of scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<String>);

/// The text is not a valid scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope has 1 to 100 visible ASCII characters, neither `\"` nor `\\`, and there are at most 50 of them"
)]
pub struct BadScope;

impl Scopes {
    /// Reads scopes separated by single spaces.
    ///
    /// # Errors
    /// If one has a character that scopes have not.
    pub fn parse(text: &str) -> Result<Self, BadScope> {
        Self::of(text.split(' ').filter(|scope| !scope.is_empty()))
    }

    /// A set of these.
    ///
    /// # Errors
    /// If one has a character that scopes have not, or there are too many.
    pub fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, BadScope> {
        let good = |scope: &str| {
            (1..=100).contains(&scope.len())
                && scope
                    .bytes()
                    .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        let mut all = BTreeSet::new();
        for scope in scopes {
            if !good(scope) || all.len() == MAX {
                return Err(BadScope);
            }
            all.insert(scope.to_owned());
        }
        Ok(Self(all))
    }

    /// Whether this scope is among them.
    pub fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of these are among the others.
    pub fn within(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// Those that are in both.
    #[must_use]
    pub fn common(&self, others: &Self) -> Self {
        Self(self.0.intersection(&others.0).cloned().collect())
    }

    /// Those for which this is true.
    #[must_use]
    pub fn only(&self, which: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|s| which(s)).cloned().collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// Scopes that make their bearer an administrator. Only an application's own
/// token has them, never a user's: a shopper does not become an administrator because the
/// application they use is.
pub fn is_admin(scope: &str) -> bool {
    matches!(scope, ADMIN_READ | ADMIN_WRITE)
}

/// Scopes about a user, which an application has none of on its own behalf.
pub fn is_identity(scope: &str) -> bool {
    matches!(
        scope,
        OPENID | PROFILE | EMAIL | ADDRESS | PHONE | OFFLINE_ACCESS | PROVIDER_TOKEN
    )
}
