//! What most account endpoints need first: the account, the store the browser
//! is on, its parameters, its language.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::cookies::{self, Cookies, Kind};
use super::pages::{Lang, Look, Page};
use super::{App, failure};
use crate::account::stores::names_origin;
use crate::account::{Account, StoreFront};
use crate::base::{AccountId, ErrorCode};
use crate::protocol::form::Pairs;

/// A request to an account's endpoint.
pub(super) struct Site {
    pub account: Arc<Account>,
    /// The store whose host the browser names; `None` elsewhere.
    pub here: Option<StoreFront>,
    /// The browser names the broker's own host.
    pub at_broker: bool,
    pub query: Pairs,
    pub lang: Lang,
    /// The address of the account's logo, where the broker keeps it.
    kept_logo: Option<String>,
}

impl Site {
    /// Reads a request; what can't be read is answered with a page.
    pub async fn read(
        app: &App,
        account: &str,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, Response> {
        let accept = accept_language(headers);
        let query = Pairs::parse(uri.query().unwrap_or_default());
        let lang = Lang::choose(query.as_ref().ok().and_then(|q| q.get("lang")), accept);
        let unknown = || failure::bare(app, lang, ErrorCode::LoginUnknownAccount);
        let id: AccountId = account.parse().map_err(|_| unknown())?;
        let account = app
            .logins
            .accounts
            .get(&id)
            .await
            .map_err(|error| failure::store(app, lang, &error))?
            .ok_or_else(unknown)?;
        let query = query.map_err(|_| failure::bare(app, lang, ErrorCode::RequestBad))?;
        let host = host(headers, uri);
        let here = host.and_then(|host| account.stores.iter().find(|s| s.is_host(host)).cloned());
        let at_broker = host.is_some_and(|host| names_origin(host, &app.logins.public_url));
        Ok(Self {
            kept_logo: account.kept_logo(&app.logins.public_url),
            account,
            here,
            at_broker,
            query,
            lang,
        })
    }

    /// The store to go by: where the browser is, else the account's first.
    pub fn store(&self) -> Option<&StoreFront> {
        self.here.as_ref().or_else(|| self.account.stores.first())
    }

    /// Whether the account lets people in by a code, and codes can be sent.
    pub fn takes_codes(&self, app: &App) -> bool {
        self.account.access_key && app.mail.is_configured()
    }

    /// Whether people may choose a password with a code.
    pub fn sets_passwords(&self, app: &App) -> bool {
        self.account.login.password && app.mail.is_configured()
    }

    /// What the account chose for its pages.
    pub fn look(&self) -> Look {
        Look {
            kept_logo: self.kept_logo.clone(),
            ..of_account(&self.account)
        }
    }

    /// The value of one of our cookies. Only on a store's own host is the scheme
    /// known; elsewhere the names of all the account's stores count.
    /// At the broker's own host its own scheme counts too.
    pub fn cookie(
        &self,
        app: &App,
        headers: &HeaderMap,
        kind: Kind,
    ) -> Result<Option<String>, Response> {
        let cookies = Cookies::read(headers)
            .map_err(|_| (StatusCode::BAD_REQUEST, "too many cookies").into_response())?;
        let stores: Vec<&StoreFront> = match &self.here {
            Some(here) => vec![here],
            None => self.account.stores.iter().collect(),
        };
        let mut schemes: Vec<bool> = stores.iter().map(|s| s.is_https()).collect();
        if self.here.is_none() && self.at_broker {
            schemes.push(app.logins.public_url.starts_with("https://"));
        }
        schemes.sort_unstable_by(|a, b| b.cmp(a));
        schemes.dedup();
        let names: Vec<String> = schemes
            .into_iter()
            .map(|https| cookies::name(kind, &self.account.id, https))
            .collect();
        if names.iter().any(|name| cookies.repeats(name)) {
            return Ok(None);
        }
        Ok(names
            .iter()
            .find_map(|name| cookies.only(name))
            .map(str::to_owned))
    }
}

/// What an account chose for its pages.
pub(super) fn look(app: &App, account: &Account) -> Look {
    Look {
        kept_logo: account.kept_logo(&app.logins.public_url),
        ..of_account(account)
    }
}

fn of_account(account: &Account) -> Look {
    Look {
        kept_logo: None,
        name: account.name.clone(),
        logo_url: account.logo_url.clone(),
        color: account.color.clone(),
    }
}

/// The host the browser names. Forwarded headers don't count: nobody here
/// knows who wrote them (threat H2).
pub(super) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| uri.authority().map(axum::http::uri::Authority::as_str))
}

/// Whether a form was posted from a page at this origin. Browsers name the page's
/// origin; programs that don't are not browsers and have no cookies. Our own pages
/// send no referrer, and some browsers then send `null`.
pub(super) fn from_page_at(origin: &str, headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("null"))
    };
    match text(header::ORIGIN) {
        Some(named) if named != "null" => named == origin,
        _ => !matches!(
            text(header::HeaderName::from_static("sec-fetch-site")),
            Some("cross-site" | "same-site")
        ),
    }
}

/// The languages a browser asks for.
pub(super) fn accept_language(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()
}

/// A page as an answer.
pub(super) fn html(status: StatusCode, page: Page) -> Response {
    (
        status,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_SECURITY_POLICY, page.csp),
        ],
        page.html,
    )
        .into_response()
}
