//! Who may see a page, and whose form counts.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Console;
use super::api::segment;
use super::view::{fail, goto};
use crate::base::digest;
use crate::http::cookies::Cookies;
use crate::http::problem::Problem;
use crate::operator::session::Current;
use crate::protocol::form::Pairs;

/// An operator who is logged in. Every page but those of [`super::sign_in`] takes one.
pub(super) struct Seen(pub Current);

/// An operator's form, sent by a page of ours.
pub(super) struct Post {
    pub who: Current,
    pub form: Pairs,
}

impl Post {
    /// A field, empty where it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }
}

/// Which cookie.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Session,
    Device,
}

pub(super) fn cookie_name(console: &Console, kind: Kind) -> &'static str {
    match (kind, console.origin.starts_with("https://")) {
        (Kind::Session, true) => "__Host-vestibule.console",
        (Kind::Session, false) => "vestibule.console",
        (Kind::Device, true) => "__Host-vestibule.device",
        (Kind::Device, false) => "vestibule.device",
    }
}

/// The value of a cookie of ours.
pub(super) fn cookie(console: &Console, headers: &HeaderMap, kind: Kind) -> Option<String> {
    let cookies = Cookies::read(headers).ok()?;
    cookies.only(cookie_name(console, kind)).map(str::to_owned)
}

/// A `Set-Cookie` header; an empty value removes the cookie.
pub(super) fn set_cookie(console: &Console, kind: Kind, value: &str, seconds: u64) -> HeaderValue {
    let name = cookie_name(console, kind);
    let secure = if console.origin.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let text =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

async fn current(console: &Console, headers: &HeaderMap) -> Result<Option<Current>, Response> {
    let Some(cookie) = cookie(console, headers, Kind::Session) else {
        return Ok(None);
    };
    console
        .operators
        .find(&cookie)
        .await
        .map_err(|error| fail(None, &error.into()))
}

fn ask(parts: &Parts) -> Response {
    if parts.uri.path().ends_with("/preview") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let next = match parts.method {
        Method::GET => parts.uri.path_and_query().map_or("", |path| path.as_str()),
        _ => "",
    };
    goto(&format!("/admin/login?next={}", segment(next)))
}

impl FromRequestParts<Arc<Console>> for Seen {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        match current(console, &parts.headers).await? {
            Some(who) => Ok(Self(who)),
            None => Err(ask(parts)),
        }
    }
}

/// Whether a form was sent by a page of this origin. Browsers say where a form
/// comes from, and no page can make them say something else (attack X2).
pub(super) fn same_origin(console: &Console, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("origin") {
        Some(origin) => origin == console.origin,
        None => text("sec-fetch-site") == Some("same-origin"),
    }
}

/// A form of a page of ours.
pub(super) async fn form(
    console: &Arc<Console>,
    headers: &HeaderMap,
    request: Request,
) -> Result<Pairs, Response> {
    let foreign = || {
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            "console.foreign_form",
            "this form did not come from a page of this console; open the console at its own address and try again",
        );
        fail(None, &problem)
    };
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    let is_form = kind.is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded");
    if !is_form || !same_origin(console, headers) {
        return Err(foreign());
    }
    let body = Bytes::from_request(request, console)
        .await
        .map_err(IntoResponse::into_response)?;
    let unreadable = |why: String| {
        fail(
            None,
            &Problem::new(StatusCode::BAD_REQUEST, "request.bad", why),
        )
    };
    let text = std::str::from_utf8(&body).map_err(|error| unreadable(error.to_string()))?;
    Pairs::parse(text).map_err(|error| unreadable(error.to_string()))
}

impl FromRequest<Arc<Console>> for Post {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.clone();
        let Some(who) = current(console, &headers).await? else {
            return Err(ask(&parts));
        };
        let form = form(console, &headers, Request::from_parts(parts, body)).await?;
        let given = form.get("csrf").unwrap_or_default();
        if !digest::same(given.as_bytes(), who.csrf.as_bytes()) {
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                "console.stale_form",
                "this form is of an earlier login; go back, reload the page and try again",
            );
            return Err(fail(Some(&who), &problem));
        }
        Ok(Self { who, form })
    }
}
