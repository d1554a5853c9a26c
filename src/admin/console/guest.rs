//! Who is at the console by a set-up link, and by which cookie.

use crate::account::setup_link;
use crate::base::{AccountId, Timestamp};
use crate::operator::Guest;
use crate::operator::session::Current;
use crate::store::{Store, StoreError, Token};

/// What the cookie of such a session begins with; an operator's has no dot.
pub(super) const PREFIX: &str = "setup.";

/// Whether a cookie is of such a session, ended or not.
pub(super) fn is_guests(cookie: &str) -> bool {
    cookie.starts_with(PREFIX)
}

/// Whose session a cookie is; `None` if it ended or never was.
pub(super) async fn find(
    store: &dyn Store,
    cookie: &str,
    now: Timestamp,
) -> Result<Option<Current>, StoreError> {
    let Some(token) = cookie.strip_prefix(PREFIX).and_then(Token::parse) else {
        return Ok(None);
    };
    let Some(link) = setup_link::of_session(store, &token, now).await? else {
        return Ok(None);
    };
    let guest = Guest {
        account: link.account.clone(),
        link: link.id.clone(),
        goes_live: link.goes_live,
    };
    let since = link.opened_at.unwrap_or(now);
    Ok(Some(Current::of_guest(guest, &link.actor(), since, cookie)))
}

/// The page that such a session begins from.
pub(super) fn home(account: &AccountId) -> String {
    format!("/admin/accounts/{account}/setup")
}
