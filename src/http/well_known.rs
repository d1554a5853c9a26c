//! What the broker publishes about itself.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Shared;

/// `GET /.well-known/jwks.json` (RFC 7517 §5)
pub(super) async fn jwks(State(app): State<Shared>) -> Response {
    // Short enough that a rotation is seen, long enough to spare the broker.
    let cache = [(header::CACHE_CONTROL, "public, max-age=300")];
    (cache, Json(app.logins.keys.jwks())).into_response()
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery §4)
pub(super) async fn openid_configuration(State(app): State<Shared>) -> Response {
    let cache = [(header::CACHE_CONTROL, "public, max-age=300")];
    (cache, Json(app.authority.metadata())).into_response()
}
