//! Cookies: which are ours, and how they are set.
//!
//! Reading is by bytes and exact. A library that trims Unicode space or
//! understands `$Version` would take another host's cookie for ours (threat C3).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};

use crate::account::StoreFront;
use crate::base::AccountId;

/// The most cookies a request may bring.
const MAX_COOKIES: usize = 200;

/// A request with more cookies than anyone needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request has more than 200 cookies")]
pub struct TooManyCookies;

/// The cookies of a request.
pub struct Cookies<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Cookies<'a> {
    /// Reads a request's `Cookie` headers.
    pub fn read(headers: &'a HeaderMap) -> Result<Self, TooManyCookies> {
        let mut pairs = Vec::new();
        for header in headers.get_all(header::COOKIE) {
            for piece in header.as_bytes().split(|b| *b == b';') {
                let piece = piece.trim_ascii();
                let Some(equals) = piece.iter().position(|b| *b == b'=') else {
                    continue;
                };
                if pairs.len() == MAX_COOKIES {
                    return Err(TooManyCookies);
                }
                pairs.push((&piece[..equals], &piece[equals + 1..]));
            }
        }
        Ok(Self(pairs))
    }

    /// Whether a cookie is there more than once.
    pub fn repeats(&self, name: &str) -> bool {
        let of_name = |(known, _): &&(&[u8], &[u8])| *known == name.as_bytes();
        self.0.iter().filter(of_name).count() > 1
    }

    /// The accounts that a session's cookie is there of, valid or not.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.0.iter().filter_map(|(name, _)| {
            let name = std::str::from_utf8(name).ok()?;
            let name = name.strip_prefix("__Host-").unwrap_or(name);
            name.strip_prefix("vestibule_")?.parse().ok()
        })
    }

    /// The value of a cookie that is there exactly once. Two of a name mean that
    /// someone tossed one in, so neither counts (threat C2).
    pub fn only(&self, name: &str) -> Option<&'a str> {
        let mut found = self.0.iter().filter(|(known, _)| *known == name.as_bytes());
        let (_, value) = found.next()?;
        match found.next() {
            None => std::str::from_utf8(value).ok(),
            Some(_) => None,
        }
    }
}

/// Which of an account's cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The session.
    Session,
    /// The browser in which a login began.
    Browser,
    /// A browser that somebody logged in from before.
    Known,
    /// The way that somebody last logged in by on this device.
    Used,
}

/// A cookie's name: with the prefix that makes browsers hold it to its host on
/// https, without it on plain-http loopback.
pub fn name(kind: Kind, account: &AccountId, https: bool) -> String {
    let prefix = if https { "__Host-" } else { "" };
    let suffix = match kind {
        Kind::Session => "",
        // No account id has a `.`, so this is never another account's session.
        Kind::Browser => ".login",
        Kind::Known => ".known",
        Kind::Used => ".used",
    };
    format!("{prefix}vestibule_{account}{suffix}")
}

/// A `Set-Cookie` header.
pub fn set(
    kind: Kind,
    account: &AccountId,
    store: &StoreFront,
    value: &str,
    lifetime: Duration,
) -> HeaderValue {
    let age = cookie::time::Duration::try_from(lifetime).unwrap_or(cookie::time::Duration::DAY);
    let https = store.is_https();
    let cookie = Cookie::build((name(kind, account, https), value.to_owned()))
        .path("/")
        .http_only(true)
        .secure(https)
        .same_site(SameSite::Lax)
        .max_age(age)
        .build();
    // Names and values are of our own making, all visible ASCII.
    HeaderValue::from_str(&cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
}

/// A `Set-Cookie` header that removes a cookie.
pub fn clear(kind: Kind, account: &AccountId, store: &StoreFront) -> HeaderValue {
    set(kind, account, store, "", Duration::ZERO)
}
