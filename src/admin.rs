//! Floor 6: the admin API, `/api/v1`.
//!
//! The command line calls it over the Unix socket of a running broker, or in
//! its own process where none runs: the same handlers either way.

mod access;
mod accounts;
mod applications;
mod audit;
pub mod console;
pub mod keys;
mod operators;
mod passwords;
mod providers;
mod reply;
mod trials;
mod users;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, patch, post, put};

use self::access::{Caller, authenticate};
use self::keys::Keys;
use crate::account::Mappings;
use crate::authority::Hasher;
use crate::authority::foreign::ForeignAuthority;
use crate::base::{AccountId, Clock};
use crate::http::Shared;
use crate::http::problem::Problem;
use crate::store::Store;

/// The largest body the API reads.
const MAX_BODY: usize = 512 << 10;

/// What the API works with.
#[derive(Clone)]
pub struct Admin {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The accounts' providers.
    pub mappings: Arc<Mappings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The broker that serves; `None` where only data is administered.
    pub app: Option<Shared>,
    /// Another authority whose tokens count too.
    pub foreign: Option<Arc<ForeignAuthority>>,
    /// The signing keys.
    pub keys: Arc<Keys>,
    /// Slow hashes.
    pub hasher: Hasher,
    /// The audience of access tokens.
    pub audience: String,
    /// The account through whose providers operators may log in to the console.
    pub login_account: Option<AccountId>,
}

/// The API. Requests need a [`Peer`](crate::http::server::Peer) extension: the
/// owner of the Unix socket may do everything, others what their token says.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .nest("/api/v1", routes(admin.clone()))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(admin, authenticate))
        .layer(middleware::from_fn(headers))
}

/// The API's routes for callers that are known already: requests need a [`Caller`].
fn routes(admin: Admin) -> Router {
    Router::new()
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route(
            "/accounts/{account}",
            get(accounts::show)
                .patch(accounts::change)
                .delete(accounts::remove),
        )
        .route(
            "/accounts/{account}/stores",
            get(accounts::stores)
                .put(accounts::put_store)
                .delete(accounts::remove_store),
        )
        .route(
            "/accounts/{account}/providers",
            get(providers::list).post(providers::apply),
        )
        .route(
            "/accounts/{account}/providers/{provider}",
            get(providers::show)
                .put(providers::put)
                .delete(providers::remove),
        )
        .route(
            "/accounts/{account}/providers/{provider}/history",
            get(providers::history),
        )
        .route(
            "/accounts/{account}/providers/{provider}/rollback",
            post(providers::rollback),
        )
        .route(
            "/accounts/{account}/providers/{provider}/drift",
            get(watch::drift).delete(watch::forget_drift),
        )
        .route(
            "/accounts/{account}/providers/{provider}/shadow",
            get(watch::shadow)
                .put(watch::set_shadow)
                .delete(watch::remove_shadow),
        )
        .route("/accounts/{account}/trials", post(trials::open))
        .route("/accounts/{account}/trials/{trial}", get(trials::show))
        .route(
            "/accounts/{account}/users",
            get(users::list).post(passwords::create),
        )
        .route(
            "/accounts/{account}/users/{user}/password",
            put(passwords::set).delete(passwords::remove),
        )
        .route("/accounts/{account}/users/{user}", patch(users::change))
        .route(
            "/accounts/{account}/users/{user}/sessions",
            delete(users::revoke_all),
        )
        .route("/accounts/{account}/sessions", get(users::sessions))
        .route(
            "/accounts/{account}/sessions/{session}",
            delete(users::revoke),
        )
        .route(
            "/applications",
            get(applications::list).post(applications::create),
        )
        .route(
            "/applications/{application}",
            get(applications::show)
                .patch(applications::change)
                .delete(applications::remove),
        )
        .route(
            "/applications/{application}/rotate",
            post(applications::rotate),
        )
        .route("/keys", get(keys::list).post(keys::import))
        .route("/keys/prepare", post(keys::prepare))
        .route("/keys/rotate", post(keys::rotate))
        .route("/keys/{key}", get(keys::show))
        .route("/operators", get(operators::list).post(operators::create))
        .route(
            "/operators/{operator}",
            get(operators::show)
                .patch(operators::change)
                .delete(operators::remove),
        )
        .route("/operators/{operator}/invite", post(operators::invite))
        .route("/audit", get(audit::list))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(admin.clone(), audit::log))
        .with_state(admin)
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    crate::http::add_headers(response.headers_mut(), false);
    response
}

async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "request.not_found",
        "there is nothing at this address",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "request.method_not_allowed",
        "this address does not take this method",
    )
}
