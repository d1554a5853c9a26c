//! What the broker publishes about itself.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use tracing::error;

use super::Shared;
use super::problem::Problem;
use crate::base::ErrorCode;

/// `GET /.well-known/jwks.json` (RFC 7517 §5)
pub(super) async fn jwks(State(app): State<Shared>) -> Response {
    // Short enough that a rotation is seen, long enough to spare the broker.
    let cache = [(header::CACHE_CONTROL, "public, max-age=300")];
    (cache, Json(app.logins.keys.jwks())).into_response()
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery §4) and
/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §3)
pub(super) async fn openid_configuration(State(app): State<Shared>) -> Response {
    let cache = [(header::CACHE_CONTROL, "public, max-age=300")];
    match app.authority.metadata().await {
        Ok(metadata) => (cache, Json(metadata)).into_response(),
        Err(error) => {
            error!(why = %error, "the store failed");
            let why = "the store is unavailable; try again";
            Problem::new(ErrorCode::ServiceUnavailable, why).into_response()
        }
    }
}
