//! Where the broker's own pages stand, and how an answer leaves for an application.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tracing::info;

use crate::account::{self, StoreFront};
use crate::authority::authorize::{Redirection, ResponseMode};
use crate::authority::{Code, OAuthError};
use crate::base::{AccountId, ErrorCode, digest};
use crate::http::cookies::{self, Cookies, Kind};
use crate::http::pages::Lang;
use crate::http::site::accept_language;
use crate::http::{App, failure, redirect};
use crate::login::pending::Browser;
use crate::session::Session;

/// The only script we ever send: it submits the form that it stands behind.
const SCRIPT: &str = "document.forms[0].submit()";

/// The broker's own place, and what the browser has there.
pub(super) struct BrokerOrigin {
    pub store: StoreFront,
    pub browser: Option<Browser>,
    /// The session and the token it goes by.
    pub session: Option<(String, Arc<Session>)>,
}

impl BrokerOrigin {
    /// Reads a browser's cookies at the broker's own origin.
    pub async fn read(
        app: &App,
        account: &AccountId,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, OAuthError> {
        let logins = &app.logins;
        let found = account::get(&*logins.store, account).await?;
        let broker = &logins.public_url;
        let Some(store) = found.and_then(|found| found.value.storefront_at(broker, broker)) else {
            return Ok(None);
        };
        let jar = Cookies::read(headers).map_err(|error| OAuthError::request(error.to_string()))?;
        let cookie = |kind| jar.only(&cookies::name(kind, account, store.is_https()));
        let session = match cookie(Kind::Session) {
            None => None,
            Some(token) => logins
                .sessions
                .find(&*logins.store, account, token, logins.now())
                .await?
                .map(|session| (token.to_owned(), session)),
        };
        Ok(Some(Self {
            browser: cookie(Kind::Browser).and_then(Browser::parse),
            session,
            store,
        }))
    }
}

/// A request that can't be taken up here.
pub(super) fn expired() -> OAuthError {
    OAuthError::request("the request is unknown, was used, or waits in another browser")
        .with_detail(ErrorCode::AuthorizeExpired)
}

/// An answer on its way to the application.
pub(super) fn send(answer: &Redirection) -> Response {
    match answer.mode {
        ResponseMode::Query => redirect(StatusCode::FOUND, &answer.url()),
        ResponseMode::FormPost => form_post(answer),
    }
}

/// A page that posts itself (OAuth 2.0 Form Post Response Mode §2), with a
/// button for browsers without scripts.
fn form_post(answer: &Redirection) -> Response {
    let mut fields = String::new();
    for (name, value) in &answer.parameters {
        let _ = write!(
            fields,
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escape(value)
        );
    }
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>…</title></head><body>\
         <form method=\"post\" action=\"{}\">{fields}\
         <noscript><button type=\"submit\">OK</button></noscript></form>\
         <script>{SCRIPT}</script></body></html>",
        escape(&answer.uri)
    );
    // No `form-action`: browsers hold the redirects that follow to it too.
    let policy = format!(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; script-src 'sha256-{}'",
        STANDARD.encode(digest::sha256(SCRIPT.as_bytes()))
    );
    let kind = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    let mut response = (StatusCode::OK, [kind], html).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A refusal that goes to nobody but the visitor (RFC 6749 §4.1.2.1).
pub(super) fn page(app: &App, headers: &HeaderMap, error: &OAuthError) -> Response {
    let lang = Lang::choose(None, accept_language(headers));
    let code = match error.code {
        Code::TemporarilyUnavailable | Code::SlowDown => ErrorCode::ServiceUnavailable,
        Code::ServerError => ErrorCode::ServiceError,
        _ => error
            .detail
            .filter(|code| code.is_for_shoppers())
            .unwrap_or(ErrorCode::RequestBad),
    };
    info!(target: "vestibule::authority", %code, why = %error.description, "request refused");
    failure::bare(app, lang, code)
}
