//! Where a shopper goes after a login or a logout: a page of a store of the
//! account, and nowhere else.

use url::Url;

use crate::account::{Account, StoreFront};

/// The longest address that is taken, in bytes.
const MAX: usize = 4096;

/// Where an application's request goes on.
const WAITING: &str = "/connect/authorize/resume?request=";
/// Where the request of a device goes on.
const DEVICE: &str = "/connect/device?user_code=";

/// A checked address on one of the account's stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

/// The address leads off the account's stores, or can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`return_to` must be a path or a URL on one of the account's stores")]
pub struct BadReturnTo;

impl ReturnTo {
    /// Checks an address: a path on `store`, or a URL on any store of the
    /// account. Gives it with the store it is on; nothing given means the
    /// store's front page.
    ///
    /// The text is compared as a browser would read it (parsed, never by
    /// prefix), and what leaves is always a whole URL, so that no reader can
    /// take it for another host (RFC 9700 §4.11).
    pub fn parse<'a>(
        text: Option<&str>,
        account: &'a Account,
        store: &'a StoreFront,
    ) -> Result<(Self, &'a StoreFront), BadReturnTo> {
        let Some(text) = text.filter(|t| !t.is_empty()) else {
            return Ok((Self(store.home()), store));
        };
        // Browsers drop tabs and newlines, and read a backslash as a slash.
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if text.len() > MAX || text.contains(odd) {
            return Err(BadReturnTo);
        }
        let url = if text.starts_with('/') {
            if text.starts_with("//") {
                return Err(BadReturnTo);
            }
            if is_plain(text) {
                let on = account.store_at(&store.origin).ok_or(BadReturnTo)?;
                return Ok((Self([&on.origin, text].concat()), on));
            }
            let base = Url::parse(&store.home()).map_err(|_| BadReturnTo)?;
            base.join(text).map_err(|_| BadReturnTo)?
        } else {
            let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
            if !lower.starts_with("https://") && !lower.starts_with("http://") {
                return Err(BadReturnTo);
            }
            Url::parse(text).map_err(|_| BadReturnTo)?
        };
        if !url.username().is_empty() || url.password().is_some() || url.path().starts_with("//") {
            return Err(BadReturnTo);
        }
        let origin = url.origin().ascii_serialization();
        let on = account.store_at(&origin).ok_or(BadReturnTo)?;
        Ok((Self(url.into()), on))
    }

    /// The address of an application's request that waits for this login: only
    /// ever at the broker's own origin.
    pub fn waiting(token: &str, broker: &str) -> Self {
        Self(format!("{broker}{WAITING}{token}"))
    }

    /// The page for the code that a device shows, at the broker's own origin.
    pub fn device(user_code: &str, broker: &str) -> Self {
        Self(format!("{broker}{DEVICE}{user_code}"))
    }

    /// Reads such an address; `None` if it is another.
    pub fn parse_waiting(text: Option<&str>, broker: &str) -> Option<Self> {
        let here = text?.strip_prefix(broker)?;
        let known = [WAITING, DEVICE];
        let token = known.iter().find_map(|known| here.strip_prefix(known))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (token.len() <= 64 && token.bytes().all(plain)).then(|| Self(format!("{broker}{here}")))
    }

    /// The token of the application's request that waits there.
    pub fn waiting_token(&self, broker: &str) -> Option<&str> {
        self.0.strip_prefix(broker)?.strip_prefix(WAITING)
    }

    /// A page of the console, which the console checked; it is only ever read
    /// back by the console.
    pub fn console(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn stored(url: String) -> Self {
        Self(url)
    }
}

/// Whether every reader takes a path and query for itself: nothing in it is
/// resolved, encoded or cut off. Most are like this, and need no parser.
fn is_plain(path: &str) -> bool {
    path.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'?' | b'=' | b'&'))
}
