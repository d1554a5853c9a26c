//! `session` and `check`: who is logged in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::error;

use super::cookies::Kind;
use super::problem::Problem;
use super::site::Site;
use super::{App, Shared, failure, redirect};
use crate::account::{StoreFront, UnverifiedEmail};
use crate::base::ErrorCode;
use crate::login::ReturnTo;
use crate::session::Session;

/// The most characters of a name in a header.
const MAX_NAME: usize = 256;

/// The session of a request's cookie, if it has one.
pub(super) async fn current(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
) -> Result<Option<(String, Arc<Session>)>, Response> {
    let Some(token) = site.cookie(app, headers, Kind::Session)? else {
        return Ok(None);
    };
    let logins = &app.logins;
    let found = logins
        .sessions
        .find(&*logins.store, &site.account.id, &token, logins.now())
        .await
        .map_err(|failure| {
            // Never "nobody is logged in" for a store that is down (threat C8).
            error!(why = %failure, "the store failed");
            Problem::new(
                ErrorCode::ServiceUnavailable,
                "the session store is unavailable; try again",
            )
            .into_response()
        })?;
    Ok(found.map(|session| (token, session)))
}

/// `GET session`: who is logged in, for the storefront's own pages.
pub(super) async fn session(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = match Site::read(&app, &account, &uri, &headers).await {
        Ok(site) => current(&app, &site, &headers).await,
        Err(answer) => Err(answer),
    };
    match found {
        Err(answer) => answer,
        Ok(None) => Json(json!({ "authenticated": false })).into_response(),
        Ok(Some((_, session))) => Json(json!({
            "authenticated": true,
            "user": user(&session),
            "provider": session.method,
            "expires_at": session.expires_at.rfc3339(),
        }))
        .into_response(),
    }
}

fn user(session: &Session) -> Value {
    let mut user = session.more.clone();
    user.insert("id".to_owned(), session.user.to_string().into());
    user.insert("email".to_owned(), session.email.clone().into());
    user.insert("email_verified".to_owned(), session.email_verified.into());
    let provider_user_id = session.provider_user_id.clone();
    user.insert(
        "provider_user_id".to_owned(),
        provider_user_id.map_or(Value::Null, Value::from),
    );
    user.insert(
        "name".to_owned(),
        session.name.clone().map_or(Value::Null, Value::from),
    );
    Value::Object(user)
}

/// `GET check`: the question a proxy asks before it lets a request through.
///
/// It is asked at every request to a store's protected pages, so it takes the
/// request itself: the extractors of its parts would copy them.
pub(super) async fn check(
    State(app): State<Shared>,
    Path(account): Path<String>,
    request: Request,
) -> Response {
    let (Parts { uri, headers, .. }, _) = request.into_parts();
    let site = match Site::read(&app, &account, &uri, &headers).await {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    match current(&app, &site, &headers).await {
        Err(answer) => answer,
        Ok(Some((_, session))) => match emails(&site, &session) {
            Ok(email) => allowed(&session, email),
            Err(answer) => answer,
        },
        Ok(None) if site.query.get("redirect") == Some("true") => to_login(&site, &headers)
            .unwrap_or_else(|| failure::coded(&app, &site, ErrorCode::LoginStoreMissing, None)),
        Ok(None) => Problem::new(
            ErrorCode::SessionNone,
            "nobody is logged in; send the browser to `login`",
        )
        .into_response(),
    }
}

/// The email that may be handed on, by what the question or else the account says
/// of emails that nobody vouched for (threat F2).
fn emails<'s>(site: &Site, session: &'s Session) -> Result<Option<&'s str>, Response> {
    let asked = site.query.get("unverified_email").map(str::parse);
    let rule = match asked {
        None => site.account.unverified_email,
        Some(Ok(rule)) => site.account.unverified_email.max(rule),
        Some(Err(error)) => {
            return Err(Problem::new(ErrorCode::RequestInvalid, error).into_response());
        }
    };
    match rule {
        _ if session.email_verified => Ok(Some(&session.email)),
        UnverifiedEmail::Mark => Ok(Some(&session.email)),
        UnverifiedEmail::Withhold => Ok(None),
        UnverifiedEmail::Refuse => Err(Problem::new(
            ErrorCode::SessionEmailUnverified,
            "nobody vouched for the email of who is logged in; they have to log in through a provider that does",
        )
        .into_response()),
    }
}

fn allowed(session: &Session, email: Option<&str>) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        // Names may be in any script; header values are bytes, and these are UTF-8.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-auth-user", &session.user.to_string());
    if let Some(email) = email {
        set("x-auth-email", email);
        let verified = session.email_verified;
        set(
            "x-auth-email-verified",
            if verified { "true" } else { "false" },
        );
    }
    set("x-auth-provider", session.method.as_str());
    if let Some(id) = &session.provider_user_id {
        set("x-auth-provider-user", id);
    }
    // Proxies have room for a few KB of headers in all.
    let name = session.name.as_deref().unwrap_or_default();
    let short: String = name.chars().take(MAX_NAME).collect();
    set("x-auth-name", &short);
    response
}

/// Sends the browser to the store's login. A proxy tells in `X-Forwarded-Host`
/// and `X-Forwarded-Uri` which page was asked for; they choose among the
/// account's own stores and are checked as any `return_to`, so it does no harm
/// if a stranger wrote them.
fn to_login(site: &Site, headers: &HeaderMap) -> Option<Response> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let store: &StoreFront = text("x-forwarded-host")
        .and_then(|host| site.account.stores.iter().find(|s| s.is_host(host)))
        .or_else(|| site.store())?;
    let asked = site
        .query
        .get("return_to")
        .or_else(|| text("x-forwarded-uri"))
        .or_else(|| text("x-original-uri"));
    let (return_to, store) = ReturnTo::parse(asked, &site.account, store)
        .or_else(|_| ReturnTo::parse(None, &site.account, store))
        .ok()?;
    let endpoint = format!("login?return_to={}", failure::encode(return_to.as_str()));
    Some(redirect(StatusCode::FOUND, &store.url(&endpoint)))
}
