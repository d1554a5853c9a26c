//! What clients of VTEX ID read: the words of `authStatus`, and cookies as they look
//! for them.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::error;

use super::super::cookies::{self, Kind};
use super::super::ways::used;
use crate::account::directory::IdentifyError;
use crate::account::{Account, StoreFront};
use crate::base::{AccountId, Timestamp, digest};
use crate::login::LoginError;
use crate::login::finish::Finished;
use crate::login::vtex::{LIFETIME, LoginToken};
use crate::store::StoreError;

/// Where the cookie that renews a session is sent.
const RENEWAL_PATH: &str = "/api/vtexid/refreshtoken/webstore";

/// A refusal.
pub(super) fn refused(status: StatusCode, auth_status: &str, why: &str) -> Response {
    (
        status,
        Json(json!({ "authStatus": auth_status, "message": why })),
    )
        .into_response()
}

/// The store of records failed.
pub(super) fn failed(why: &StoreError) -> Response {
    error!(%why, "the store failed");
    let sentence = "the service is unavailable; try again";
    refused(StatusCode::SERVICE_UNAVAILABLE, "UnexpectedError", sentence)
}

/// What a failure is in VTEX ID's words, and its status. Clients take what was typed
/// wrong from an answer that is otherwise good.
fn status_of(why: &LoginError) -> (StatusCode, &'static str) {
    match why {
        LoginError::PasswordWrong => (StatusCode::OK, "WrongCredentials"),
        LoginError::PasswordExpired => (StatusCode::OK, "ExpiredPassword"),
        LoginError::PasswordWeak(_) => (StatusCode::OK, "WeakPassword"),
        LoginError::PasswordUsed => (StatusCode::OK, "PasswordAlreadyUsed"),
        LoginError::PasswordWait { .. }
        | LoginError::AccessKeySpent
        | LoginError::AccessKeyBlocked => (StatusCode::OK, "BlockedUser"),
        LoginError::Identify(IdentifyError::Disabled) => (StatusCode::OK, "InativeUser"),
        LoginError::AddressInvalid => (StatusCode::BAD_REQUEST, "InvalidEmail"),
        LoginError::StateUnknown
        | LoginError::StateExpired
        | LoginError::StateReplayed
        | LoginError::TicketInvalid
        | LoginError::WrongBrowser => (StatusCode::BAD_REQUEST, "InvalidToken"),
        LoginError::TooManyCodes => (StatusCode::TOO_MANY_REQUESTS, "BlockedUser"),
        other => match super::super::status::status(other.code()) {
            StatusCode::SERVICE_UNAVAILABLE => (StatusCode::SERVICE_UNAVAILABLE, "UnexpectedError"),
            // What a client did wrong is no fault of the server's.
            refused if refused.is_client_error() => (refused, "Error"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "UnexpectedError"),
        },
    }
}

/// A failure, with everything that a validation answers. `left` says how many tries
/// are left.
pub(super) fn failure(why: &LoginError, left: Option<u32>) -> Response {
    let (status, auth_status) = status_of(why);
    if status.is_server_error() {
        error!(%why, "a login failed");
    }
    let mut answer = (status, Json(body(auth_status, left, None))).into_response();
    if let Some(after) = why.retry_after() {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(after));
    }
    answer
}

/// A login that is done.
pub(super) fn success(
    issuer: &str,
    account: &Account,
    store: &StoreFront,
    now: Timestamp,
    finished: &Finished,
) -> Response {
    let body = body("Success", None, Some((issuer, account, now, finished)));
    let mut answer = Json(body).into_response();
    set_cookies(answer.headers_mut(), issuer, &account.id, store, finished);
    let session = cookies::set(
        Kind::Session,
        &account.id,
        store,
        &finished.token,
        finished.session.expires_at.since(now),
    );
    answer.headers_mut().append(header::SET_COOKIE, session);
    let used = used(&account.id, store, &finished.session);
    answer.headers_mut().append(header::SET_COOKIE, used);
    answer
        .headers_mut()
        .append(header::SET_COOKIE, clear("_vss", "/", store));
    answer
}

type Done<'a> = (&'a str, &'a Account, Timestamp, &'a Finished);

fn body(auth_status: &str, left: Option<u32>, done: Option<Done<'_>>) -> Value {
    let cookie = |name: String| {
        let (.., finished) = done?;
        Some(json!({ "Name": name, "Value": finished.vtex.as_ref()?.token }))
    };
    let names = done.map(|(issuer, account, ..)| names(issuer, &account.id));
    let [own, guid] = names.map_or([None, None], |names| names.map(cookie));
    json!({
        "authStatus": auth_status,
        "promptMFA": false,
        "lastAttemptAvailable": left.filter(|left| *left == 1),
        "clientToken": null,
        "authCookie": own,
        "accountAuthCookie": guid,
        "expiresIn": done.map_or(0, |(_, _, now, finished)| {
            finished.session.expires_at.since(now).as_secs()
        }),
        "userId": done.map(|(.., finished)| finished.session.user),
        "phoneNumber": null,
        "scope": done.map(|(_, account, ..)| account.id.clone()),
    })
}

/// The names of both cookies: by the account's id, and by a GUID that stands for it.
pub(super) fn names(issuer: &str, account: &AccountId) -> [String; 2] {
    let hash = digest::sha256(format!("{issuer} {account}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    let guid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    [account.to_string(), guid.to_string()].map(|of| format!("VtexIdclientAutCookie_{of}"))
}

/// Sets the cookies of a login that is done, where the account is compatible.
pub(in crate::http) fn set_cookies(
    headers: &mut HeaderMap,
    issuer: &str,
    account: &AccountId,
    store: &StoreFront,
    finished: &Finished,
) {
    let Some(vtex) = &finished.vtex else { return };
    let ends = finished.session.expires_at;
    for name in names(issuer, account) {
        let cookie = set(&name, &vtex.token, "/", "lax", ends, store);
        headers.append(header::SET_COOKIE, cookie);
    }
    let renewal = vtex.renewal.as_str();
    let until = vtex.renewal.expires_at();
    let cookie = set("vid_rt", renewal, RENEWAL_PATH, "strict", until, store);
    headers.append(header::SET_COOKIE, cookie);
}

/// The session's cookie under the name without an account, as programs look for it.
pub(super) fn bare_cookie(
    store: &StoreFront,
    finished: &Finished,
) -> Option<(HeaderName, HeaderValue)> {
    let token = &finished.vtex.as_ref()?.token;
    let ends = finished.session.expires_at;
    let cookie = set("VtexIdclientAutCookie", token, "/", "lax", ends, store);
    Some((header::SET_COOKIE, cookie))
}

/// The cookies of `/api/sessions`.
pub(super) fn session_cookies(
    session: &str,
    segment: &str,
    until: Timestamp,
    store: &StoreFront,
) -> [HeaderValue; 2] {
    [("vtex_session", session), ("vtex_segment", segment)]
        .map(|(name, value)| set(name, value, "/", "lax", until, store))
}

/// Removes them.
pub(super) fn clear_cookies(
    headers: &mut HeaderMap,
    issuer: &str,
    account: &AccountId,
    store: &StoreFront,
) {
    for name in names(issuer, account) {
        headers.append(header::SET_COOKIE, clear(&name, "/", store));
    }
    for name in ["_vss", "vtex_session", "vtex_segment"] {
        headers.append(header::SET_COOKIE, clear(name, "/", store));
    }
    headers.append(header::SET_COOKIE, clear("vid_rt", RENEWAL_PATH, store));
    for kind in [Kind::Session, Kind::Browser] {
        headers.append(header::SET_COOKIE, cookies::clear(kind, account, store));
    }
}

/// The cookie of a login that began.
pub(super) fn begun(token: &LoginToken, now: Timestamp, store: &StoreFront) -> HeaderValue {
    set("_vss", &token.text(), "/", "lax", now.plus(LIFETIME), store)
}

fn clear(name: &str, path: &str, store: &StoreFront) -> HeaderValue {
    set(name, "", path, "lax", Timestamp::from_secs(0), store)
}

/// A cookie as VTEX ID writes one. Clients look for `expires` in lower case, and for
/// these names, which leave no room for a prefix.
fn set(
    name: &str,
    value: &str,
    path: &str,
    same_site: &str,
    expires: Timestamp,
    store: &StoreFront,
) -> HeaderValue {
    let secure = if store.is_https() { "; secure" } else { "" };
    let text = format!(
        "{name}={value}; expires={}; path={path}{secure}; samesite={same_site}; httponly",
        expires.http_date()
    );
    // Names and values are of our own making, all visible ASCII.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
