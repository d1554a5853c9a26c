//! For the platform: is the process alive, can it do its work, what has it done.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::warn;

use super::Shared;
use crate::store::Store;

/// How often old samples are folded into the histograms.
const UPKEEP: Duration = Duration::from_secs(30);

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count. Once a process; before it, counting costs nothing.
pub fn start_metrics() {
    // Bucket borders in seconds: from a good cache to a provider's last patience.
    const BORDERS: &[f64] = &[
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ];
    let installed = PrometheusBuilder::new()
        .set_buckets(BORDERS)
        .and_then(PrometheusBuilder::install_recorder);
    match installed {
        Ok(handle) => {
            let _ = METRICS.set(handle);
            tokio::spawn(async {
                let mut every = tokio::time::interval(UPKEEP);
                loop {
                    every.tick().await;
                    if let Some(handle) = METRICS.get() {
                        handle.run_upkeep();
                    }
                }
            });
        }
        Err(error) => warn!(why = %error, "metrics are not counted"),
    }
}

/// Health and metrics for a listener of its own.
pub fn router(app: Shared) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(app)
}

/// `GET /healthz`: the process serves.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store takes writes, each part of it. A clock that jumped is told, and no
/// reason to send nobody here: every other broker on the machine has it too.
pub(super) async fn readyz(State(app): State<Shared>) -> Response {
    let trouble = store_trouble(&*app.logins.store).await;
    if trouble.is_empty() {
        return match app.logins.clock.jump() {
            None => "ready\n".into_response(),
            Some(jump) => format!("ready\nthe clock {jump}\n").into_response(),
        };
    }
    let said: String = trouble
        .iter()
        .map(|part| match *part {
            ALL => "the store is unavailable\n".to_owned(),
            part => format!("the store of {part} records is unavailable\n"),
        })
        .collect();
    (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
}

/// What a store that is one calls its one part.
const ALL: &str = "all";

/// Which parts of the store take no writes; counted as well.
pub async fn store_trouble(store: &dyn Store) -> Vec<&'static str> {
    let mut trouble = Vec::new();
    for (part, ready) in store.readiness().await {
        metrics::gauge!("vestibule_store_ready", "part" => part).set(if ready.is_ok() {
            1.0
        } else {
            0.0
        });
        if let Err(error) = ready {
            warn!(part, why = %error, "not ready");
            trouble.push(part);
        }
    }
    trouble
}

/// `GET /metrics`: Prometheus text format.
async fn metrics() -> Response {
    match METRICS.get() {
        Some(handle) => (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
            handle.render(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
