//! For the platform: is the process alive, can it do its work.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tracing::warn;

use super::Shared;

/// Health for a listener of its own.
pub fn router(app: Shared) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(app)
}

/// `GET /healthz`: the process serves.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store takes writes.
pub(super) async fn readyz(State(app): State<Shared>) -> Response {
    match app.logins.store.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            warn!(why = %error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store is unavailable\n",
            )
                .into_response()
        }
    }
}
