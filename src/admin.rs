//! Floor 7: the admin API, `/api/v1`.
//!
//! The command line calls it over the Unix socket of a running broker, or in
//! its own process where none runs: the same handlers either way.

mod access;
mod applications;
mod audit;
mod consents;
pub mod console;
mod export;
mod grants;
mod keys;
mod mappings;
mod openapi;
mod operators;
mod paging;
mod providers;
mod reply;
mod roles;
mod route;
mod routes;
mod trials;
mod users;
mod watch;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::Response;

use self::access::authenticate;
pub use self::openapi::document as openapi;
use crate::authority::foreign::ForeignAuthority;
use crate::base::ErrorCode;
use crate::http::Shared;
use crate::http::problem::Problem;
use crate::operation::{Caller, Operations};

/// The largest body the API reads.
const MAX_BODY: usize = 512 << 10;

/// What the API works with.
#[derive(Clone)]
pub struct Admin {
    /// The operations.
    pub ops: Arc<Operations>,
    /// The broker that serves; `None` where only data is administered.
    pub app: Option<Shared>,
    /// Another authority whose tokens count too.
    pub foreign: Option<Arc<ForeignAuthority>>,
}

impl Deref for Admin {
    type Target = Operations;

    fn deref(&self) -> &Operations {
        &self.ops
    }
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
    routes::operations()
        .into_iter()
        .fold(Router::new(), |router, operation| {
            router.route(operation.path, operation.serve)
        })
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(paging::link))
        .layer(middleware::from_fn_with_state(admin.clone(), audit::log))
        .layer(middleware::from_fn(reply::problems))
        .with_state(admin)
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    crate::http::add_headers(response.headers_mut(), false);
    response
}

async fn not_found() -> Problem {
    Problem::new(
        ErrorCode::RequestNotFound,
        "there is nothing at this address",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        ErrorCode::RequestMethodNotAllowed,
        "this address does not take this method",
    )
}
