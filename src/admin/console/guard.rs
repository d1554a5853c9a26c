//! Who may see a page, and whose form counts.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, FromRequestParts, Multipart, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use minijinja::Value;

use super::api::segment;
use super::view::{Html, fail, page, redirect_to, shown_failure};
use super::{Console, form_token, guest, rights};
use crate::base::{ErrorCode, digest};
use crate::http::cookies::Cookies;
use crate::http::problem::Problem;
use crate::http::server::ClientAddress;
use crate::operation::{Caller, Condition, Operations};
use crate::operator::login::GuessFrom;
use crate::operator::session::Current;
use crate::protocol::form::Pairs;

/// An operator who is logged in, at the console. The layer [`signed_in`](super::door::signed_in) lets nobody
/// else through.
pub(super) struct Desk {
    pub console: Arc<Console>,
    pub who: Current,
}

impl Desk {
    /// The operations.
    pub fn ops(&self) -> &Operations {
        &self.console.admin.ops
    }

    /// The operator as a caller of operations.
    pub fn caller(&self) -> Caller {
        rights::caller(&self.who)
    }

    /// A page in the operator's name.
    pub fn page(&self, status: StatusCode, template: &str, values: Value) -> Html {
        page(Some(&self.who), status, template, values)
    }
}

/// An operator who is logged in.
pub(super) struct LoggedIn(pub Current);

/// An operator's form, sent by a page of ours.
pub(super) struct Post {
    pub desk: Desk,
    pub who: Current,
    pub form: Pairs,
}

impl Deref for Post {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Post {
    /// A field, empty where it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }

    /// Whether the form has this field, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.form.iter().any(|(known, _)| known == name)
    }

    /// A field without the space around it; `None` where it is empty.
    pub fn filled(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// That what is changed is still of the version that the form was made for.
    pub fn condition(&self) -> Condition {
        let version = self.get("etag").parse();
        version.map_or(Condition::None, Condition::version)
    }

    /// What was typed, for a page that shows it again.
    pub fn typed(&self) -> Value {
        let own = ["csrf", form_token::FIELD];
        let fields = self.form.iter().filter(|(name, _)| !own.contains(name));
        fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>()
            .into()
    }
}

/// Where a try at a password or a code comes from; `device` is the cookie.
pub(super) fn guess_from(
    client: Option<Extension<ClientAddress>>,
    device: Option<&str>,
) -> GuessFrom<'_> {
    let from = client.map(|Extension(client)| client);
    GuessFrom {
        address: from.and_then(|client| client.ip),
        apart: from.is_some_and(|client| client.apart),
        device,
    }
}

/// Which cookie.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Session,
    Device,
    /// Binds a login through a provider to its browser.
    Login,
    /// A login whose second step is still to come.
    Half,
    /// The language that was chosen on a page.
    Language,
}

pub(super) fn cookie_name(console: &Console, kind: Kind) -> &'static str {
    match (kind, console.origin.starts_with("https://")) {
        (Kind::Session, true) => "__Host-vestibule.console",
        (Kind::Session, false) => "vestibule.console",
        (Kind::Device, true) => "__Host-vestibule.device",
        (Kind::Device, false) => "vestibule.device",
        (Kind::Login, true) => "__Host-vestibule.console_login",
        (Kind::Login, false) => "vestibule.console_login",
        (Kind::Half, true) => "__Host-vestibule.console_half",
        (Kind::Half, false) => "vestibule.console_half",
        (Kind::Language, true) => "__Host-vestibule.console_language",
        (Kind::Language, false) => "vestibule.console_language",
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
    // Back from a provider, a browser brings no strict cookie.
    let same_site = match kind {
        // A link in a mail leads to a page in the language of the browser.
        Kind::Login | Kind::Language => "Lax",
        Kind::Session | Kind::Device | Kind::Half => "Strict",
    };
    let text = format!(
        "{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

pub(super) async fn current(
    console: &Console,
    headers: &HeaderMap,
) -> Result<Option<Current>, Response> {
    let Some(cookie) = cookie(console, headers, Kind::Session) else {
        return Ok(None);
    };
    if guest::is_guests(&cookie) {
        let (store, now) = (&*console.admin.store, console.admin.clock.now());
        let found = guest::find(store, &cookie, now).await;
        let found = found.map_err(|error| fail(None, &error.into()))?;
        return found.map(Some).ok_or_else(|| ended(console));
    }
    console
        .operators
        .find(&cookie)
        .await
        .map_err(|error| fail(None, &error.into()))
}

/// The page that says that a set-up link has ended; the cookie goes with it.
fn ended(console: &Console) -> Response {
    let problem = Problem::new(
        ErrorCode::ConsoleLinkDead,
        "the set-up link that you opened has ended; ask who sent it for a new one",
    );
    let mut answer = fail(None, &problem);
    let gone = set_cookie(console, Kind::Session, "", 0);
    answer.headers_mut().append(header::SET_COOKIE, gone);
    answer
}

/// Whether a script asks, which does not follow to a login page.
pub(super) fn scripted(parts: &Parts) -> bool {
    let path = parts.uri.path();
    path.ends_with("/preview") || path == "/admin/session"
}

/// Asks for a login.
pub(super) fn ask(parts: &Parts) -> Response {
    if scripted(parts) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let next = match parts.method {
        // A router inside another sees a part of the address only.
        Method::GET => parts
            .extensions
            .get::<OriginalUri>()
            .map_or(&parts.uri, |whole| &whole.0)
            .path_and_query()
            .map_or("", |path| path.as_str()),
        _ => "",
    };
    redirect_to(&format!("/admin/login?next={}", segment(next)))
}

/// Shows the failures of pages that need no login.
pub(super) async fn signed_out(request: Request, next: Next) -> Response {
    shown_failure(None, next.run(request).await)
}

impl FromRequestParts<Arc<Console>> for Desk {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let who = parts.extensions.get::<Current>().cloned();
        Ok(Self {
            console: Arc::clone(console),
            who: who.ok_or_else(|| ask(parts))?,
        })
    }
}

impl FromRequestParts<Arc<Console>> for LoggedIn {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        Desk::from_request_parts(parts, console)
            .await
            .map(|desk| Self(desk.who))
    }
}

/// Whether a form was sent by a page of this origin. Browsers say where a form
/// comes from, and no page can make them say something else (threat X2).
pub(super) fn same_origin(console: &Console, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("origin") {
        Some(origin) => origin == console.origin,
        None => text("sec-fetch-site") == Some("same-origin"),
    }
}

/// A form that did not come from a page of ours.
fn foreign() -> Response {
    let problem = Problem::new(
        ErrorCode::ConsoleForeignForm,
        "this form did not come from a page of this console; open the console at its own address and try again",
    );
    fail(None, &problem)
}

/// A form of a session that ended since.
fn stale(who: &Current) -> Response {
    let problem = Problem::new(
        ErrorCode::ConsoleStaleForm,
        "this form is of an earlier login; go back, reload the page and try again",
    );
    fail(Some(who), &problem)
}

fn unreadable(why: impl std::fmt::Display) -> Response {
    let problem = Problem::new(ErrorCode::RequestBad, why.to_string());
    fail(None, &problem)
}

/// A form of a page of ours.
pub(super) async fn form(
    console: &Arc<Console>,
    headers: &HeaderMap,
    request: Request,
) -> Result<Pairs, Response> {
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
    let text = std::str::from_utf8(&body).map_err(unreadable)?;
    Pairs::parse(text).map_err(unreadable)
}

impl FromRequest<Arc<Console>> for Post {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let headers = parts.headers.clone();
        let desk = Desk::from_request_parts(&mut parts, console).await?;
        let form = form(console, &headers, Request::from_parts(parts, body)).await?;
        let given = form.get("csrf").unwrap_or_default();
        if !digest::same(given.as_bytes(), desk.who.csrf.as_bytes()) {
            return Err(stale(&desk.who));
        }
        let who = desk.who.clone();
        Ok(Self { desk, who, form })
    }
}

/// An operator's form with files, sent by a page of ours.
pub(super) struct Upload {
    pub desk: Desk,
    pub who: Current,
    parts: BTreeMap<String, Vec<u8>>,
}

impl Upload {
    /// A field, empty where it was not sent or is not text.
    pub fn get(&self, name: &str) -> &str {
        let bytes = self.parts.get(name);
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// A file; browsers send an empty one where none was chosen.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        let bytes = self.parts.get(name)?;
        Some(bytes.as_slice()).filter(|bytes| !bytes.is_empty())
    }
}

impl FromRequest<Arc<Console>> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let desk = Desk::from_request_parts(&mut parts, console).await?;
        let who = desk.who.clone();
        if !same_origin(console, &parts.headers) {
            return Err(foreign());
        }
        let request = Request::from_parts(parts, body);
        let Ok(mut form) = Multipart::from_request(request, console).await else {
            return Err(foreign());
        };
        let mut parts = BTreeMap::new();
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(unreadable)?;
            if parts.insert(name, bytes.to_vec()).is_some() {
                return Err(unreadable("a field occurs twice"));
            }
        }
        let upload = Self { desk, who, parts };
        if !digest::same(upload.get("csrf").as_bytes(), upload.who.csrf.as_bytes()) {
            return Err(stale(&upload.who));
        }
        Ok(upload)
    }
}
