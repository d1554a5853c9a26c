//! Floor 6: the browser endpoints.
//!
//! | file | endpoints |
//! |---|---|
//! | `login` | `login`, `finish`, `error` below an account |
//! | `callback` | the fixed redirect URI |
//! | `session` | `session`, `check` |
//! | `logout` | `logout`, `signed-out` |
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
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower::ServiceBuilder;
use tower::util::MapResponseLayer;

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
    let https = app.logins.public_url.starts_with("https://");
    // Each layer of a router boxes what is below it, at every request: so one
    // for all, and whole paths in place of a nested router.
    let every = ServiceBuilder::new()
        .layer(MapResponseLayer::new(move |mut response: Response| {
            add_headers(response.headers_mut(), https);
            response
        }))
        .layer(DefaultBodyLimit::max(MAX_BODY));
    Router::new()
        .route("/accounts/{account}/login", get(login::login))
        .route(
            "/accounts/{account}/callback",
            get(callback::own_get).post(callback::own_post),
        )
        .route("/accounts/{account}/finish", get(login::finish))
        .route("/accounts/{account}/error", get(failure::account_page))
        .route("/accounts/{account}/session", get(session::session))
        .route("/accounts/{account}/check", get(session::check))
        .route(
            "/accounts/{account}/logout",
            get(logout::ask).post(logout::logout),
        )
        .route("/accounts/{account}/signed-out", get(logout::signed_out))
        .route("/callback", get(callback::get).post(callback::post))
        .route("/error", get(failure::page))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(every)
        .with_state(app)
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
