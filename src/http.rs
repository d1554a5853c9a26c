//! Floor 7: the browser endpoints.
//!
//! | file | endpoints |
//! |---|---|
//! | `login` | `login`, `finish`, `error` below an account |
//! | `access_key` | `login` as a form, `access-key`: a code that comes by mail |
//! | `password` | a login with a password; `password`: another one is chosen |
//! | `callback` | the redirect URIs |
//! | `session` | `session` |
//! | `check` | `check` and what is below it: the question of proxies |
//! | `logout` | `logout`, `signed-out` |
//! | `provider_logout` | `providers/{provider}/backchannel-logout`, `…/frontchannel-logout` |
//! | `trial` | `trial`, `trial-done`: a login with a draft |
//! | `vtex` | the interface of VTEX ID: `/api/vtexid/…` |
//! | `connect` | the authority: `/connect/…` |
//! | `well_known` | keys, discovery |
//! | `logo` | `logo`: the account's, where the broker keeps it |
//! | `health` | `/healthz`, `/readyz`, `/metrics` |
//!
//! An account's endpoints are served below `/accounts/{account}/`, and through
//! a store's `auth_path`, which its web server proxies here.

mod access_key;
mod callback;
mod check;
mod connect;
mod consents;
pub mod cookies;
mod email_first;
pub(crate) mod failure;
pub mod health;
mod login;
mod logo;
mod logout;
pub mod pages;
mod password;
mod posted;
pub mod problem;
mod provider_logout;
pub mod server;
mod session;
mod site;
pub mod status;
pub mod traced;
mod trial;
mod vtex;
mod ways;
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tower::util::MapResponseLayer;
use tracing::info;

use self::pages::Pages;
use self::server::ClientAddress;
use crate::authority::Authority;
use crate::base::{AccountId, ErrorCode};
use crate::login::Logins;
use crate::login::journal::{SEEN, Seen};
use crate::mail::Mail;
use crate::session::{self as sessions, Session};
use crate::store::StoreError;

/// The largest body a browser endpoint reads.
const MAX_BODY: usize = 64 << 10;

/// What the endpoints work with.
pub struct App {
    /// Logins.
    pub logins: Arc<Logins>,
    /// The authority.
    pub authority: Arc<Authority>,
    /// Pages.
    pub pages: Pages,
    /// Messages to shoppers.
    pub mail: Arc<Mail>,
}

impl App {
    /// Logs a session out: first what applications were granted in it ends, and who
    /// hears of that is written down, then the session. On disk when this returns.
    async fn end_session(
        &self,
        account: &AccountId,
        token: &str,
        session: &Session,
    ) -> Result<(), StoreError> {
        self.authority.session_ended(account, session).await?;
        sessions::revoke_found(&*self.logins.store, account, token, session).await?;
        info!(account = %account, user = %session.user, "logout: the session is revoked");
        Ok(())
    }
}

/// Shared by all requests.
pub type Shared = Arc<App>;

/// The browser endpoints.
pub fn router(app: Shared) -> Router {
    // Each layer of a router boxes what is below it, at every request: so none
    // for all but the headers, and whole paths in place of a nested router.
    // What looks at links with HEAD must not use up a code.
    let bodies = callback::ADDRESSES
        .iter()
        .fold(Router::new(), |router, address| {
            router.route(
                address,
                get(callback::get)
                    .post(callback::post)
                    .head(method_not_allowed),
            )
        })
        .route("/accounts/{account}/login", post(access_key::posted))
        .route(
            "/accounts/{account}/access-key",
            get(access_key::ask).post(access_key::answered),
        )
        .route_layer(middleware::from_fn(seen))
        .route(
            "/accounts/{account}/password",
            get(password::ask).post(password::changed),
        )
        .route(
            "/accounts/{account}/logout",
            get(logout::ask).post(logout::logout),
        )
        .route(
            "/accounts/{account}/applications",
            get(consents::list).post(consents::withdraw),
        )
        .route(
            "/accounts/{account}/providers/{provider}/backchannel-logout",
            post(provider_logout::back_channel),
        )
        .merge(connect::router())
        .merge(vtex::router())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), too_large))
        .layer(DefaultBodyLimit::max(MAX_BODY));
    Router::new()
        .route(
            "/accounts/{account}/login",
            get(login::login).head(method_not_allowed),
        )
        .route(
            "/accounts/{account}/finish",
            get(login::finish).head(method_not_allowed),
        )
        .route_layer(middleware::from_fn(seen))
        .merge(bodies)
        .route("/accounts/{account}/error", get(failure::account_page))
        .route("/accounts/{account}/logo/{file}", get(logo::show))
        .route("/accounts/{account}/session", get(session::session))
        .route("/accounts/{account}/check", any(check::check))
        .route("/accounts/{account}/check/", any(check::check))
        .route("/accounts/{account}/check/{*page}", any(check::check))
        .route("/accounts/{account}/signed-out", get(logout::signed_out))
        .route(
            "/accounts/{account}/providers/{provider}/frontchannel-logout",
            get(provider_logout::front_channel).head(method_not_allowed),
        )
        .route(
            "/accounts/{account}/trial",
            get(trial::begin).head(method_not_allowed),
        )
        .route("/accounts/{account}/trial-done", get(trial::done))
        .route("/error", get(failure::page))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

/// Gives every answer of a router the headers that all have.
pub fn with_headers(app: &App, router: Router) -> Router {
    let https = app.logins.public_url.starts_with("https://");
    router.layer(MapResponseLayer::new(move |mut response: Response| {
        add_headers(response.headers_mut(), https);
        response
    }))
}

/// Keeps what the request says of where it comes from, for the log of logins.
async fn seen(request: Request, next: Next) -> Response {
    let client = request.extensions().get::<ClientAddress>();
    let seen = Seen::new(request.headers(), client.and_then(|client| client.ip));
    SEEN.scope(seen, next.run(request)).await
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
        ErrorCode::RequestTooLarge,
    )
}

async fn not_found(State(app): State<Shared>, request: Request) -> Response {
    failure::plain(&app, request.headers(), ErrorCode::RequestNotFound)
}

async fn method_not_allowed(State(app): State<Shared>, request: Request) -> Response {
    failure::plain(&app, request.headers(), ErrorCode::RequestMethodNotAllowed)
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
    // Else the map grows, and sorts itself anew, twice.
    headers.reserve(COMMON.len() + 2);
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
