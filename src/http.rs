//! Floor 6: the browser endpoints.
//!
//! | file | endpoints |
//! |---|---|
//! | `login` | `login`, `finish`, `error` below an account |
//! | `callback` | the fixed redirect URI |
//! | `session` | `session`, `check` |
//! | `logout` | `logout`, `signed-out` |
//! | `trial` | `trial`, `trial-done`: a login with a draft |
//! | `well_known` | keys |
//! | `health` | `/healthz`, `/readyz`, `/metrics` |
//!
//! An account's endpoints are served below `/accounts/{account}/`, and through
//! a store's `auth_path`, which its web server proxies here.

mod callback;
pub mod cookies;
mod failure;
pub mod health;
mod login;
mod logout;
pub mod pages;
pub mod problem;
pub mod server;
mod session;
mod site;
mod trial;
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::pages::Pages;
use crate::login::Logins;

/// The largest body a browser endpoint reads.
const MAX_BODY: usize = 64 << 10;

/// What the endpoints work with.
pub struct App {
    /// Logins.
    pub logins: Logins,
    /// Pages.
    pub pages: Pages,
}

/// Shared by all requests.
pub type Shared = Arc<App>;

/// The browser endpoints.
pub fn router(app: Shared) -> Router {
    let account = Router::new()
        .route("/login", get(login::login))
        .route(
            "/callback",
            get(callback::own_get)
                .post(callback::own_post)
                .head(method_not_allowed),
        )
        .route("/finish", get(login::finish).head(method_not_allowed))
        .route("/error", get(failure::account_page))
        .route("/session", get(session::session))
        .route("/check", get(session::check))
        .route("/logout", get(logout::ask).post(logout::logout))
        .route("/signed-out", get(logout::signed_out))
        .route("/trial", get(trial::begin))
        .route("/trial-done", get(trial::done));
    Router::new()
        .nest("/accounts/{account}", account)
        // What looks at links with HEAD must not use up a code.
        .route(
            "/callback",
            get(callback::get)
                .post(callback::post)
                .head(method_not_allowed),
        )
        .route("/error", get(failure::page))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), too_large))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app)
}

/// Gives every answer of a router the headers that all have.
pub fn with_headers(app: Shared, router: Router) -> Router {
    router.layer(middleware::from_fn_with_state(app, headers))
}

/// The page for a body that was refused while it was read.
async fn too_large(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let language = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
    let answer = next.run(request).await;
    let status = answer.status();
    let page = HeaderValue::from_static("text/html; charset=utf-8");
    let is_page = answer.headers().get(header::CONTENT_TYPE) == Some(&page);
    if status != StatusCode::PAYLOAD_TOO_LARGE || is_page {
        return answer;
    }
    let headers = language.map(|tags| (header::ACCEPT_LANGUAGE, tags));
    failure::plain(
        &app,
        &headers.into_iter().collect(),
        status,
        "request.too_large",
    )
}

async fn not_found(State(app): State<Shared>, request: Request) -> Response {
    failure::plain(
        &app,
        request.headers(),
        StatusCode::NOT_FOUND,
        "request.not_found",
    )
}

async fn method_not_allowed(State(app): State<Shared>, request: Request) -> Response {
    failure::plain(
        &app,
        request.headers(),
        StatusCode::METHOD_NOT_ALLOWED,
        "request.method_not_allowed",
    )
}

/// Headers that every answer has.
async fn headers(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let https = app.logins.public_url.starts_with("https://");
    add_headers(response.headers_mut(), https);
    response
}

/// Sets the headers that every answer has, unless it has its own.
pub(crate) fn add_headers(headers: &mut axum::http::HeaderMap, https: bool) {
    const COMMON: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in COMMON {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000"));
    }
}

/// A redirect. `303` turns a POST into a GET (RFC 9700 §4.12).
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
