//! Forms of the login's page and of those after it: read, and told from a stranger's.

use axum::http::HeaderMap;
use axum::response::Response;

use super::site::{Site, from_page_at};
use super::{App, failure};
use crate::account::StoreFront;
use crate::base::ErrorCode;
use crate::protocol::form::Pairs;

/// What a form of the login's page asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The ways that there are for an email.
    Email,
    /// A code.
    AccessKey,
    /// A login with a password.
    Password,
    /// A code with which a password is chosen.
    NewPassword,
}

impl Way {
    /// The button says it; without one, what is filled in.
    pub fn of(app: &App, site: &Site, form: &Pairs) -> Self {
        let typed = form.get("password").is_some_and(|text| !text.is_empty());
        match form.get("way") {
            Some("email") => Self::Email,
            Some("access_key") => Self::AccessKey,
            Some("new_password") => Self::NewPassword,
            Some("password") => Self::Password,
            _ if typed || !site.takes_codes(app) => Self::Password,
            _ => Self::AccessKey,
        }
    }
}

/// The method must be on, the page ours, and the host that of the store: its
/// cookies are first-party there.
pub(super) fn guard(
    app: &App,
    site: &Site,
    store: &StoreFront,
    headers: &HeaderMap,
    way: Way,
) -> Result<(), Response> {
    let refuse = |code| failure::coded(app, site, code, None);
    let on = match way {
        Way::Email => site.account.login.ways.email_first,
        Way::AccessKey => site.takes_codes(app),
        Way::Password => site.account.login.password,
        Way::NewPassword => site.sets_passwords(app),
    };
    if !on {
        return Err(refuse(ErrorCode::RequestNotFound));
    }
    let at_broker = site.at_broker && store.origin == app.logins.public_url;
    if site.here.as_ref() != Some(store) && !at_broker {
        return Err(refuse(ErrorCode::LoginStoreHostHidden));
    }
    if !from_page_at(&store.origin, headers) {
        let again = Some("login");
        return Err(failure::coded(app, site, ErrorCode::LoginCrossSite, again));
    }
    Ok(())
}

pub(super) fn form(app: &App, site: &Site, body: &[u8]) -> Result<Pairs, Response> {
    let text = std::str::from_utf8(body).ok();
    text.and_then(|text| Pairs::parse(text).ok())
        .ok_or_else(|| failure::coded(app, site, ErrorCode::RequestBad, Some("login")))
}
