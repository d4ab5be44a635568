//! The admin listener: metrics and probes. Off the work path: a probe never waits for a scan or
//! a registry, so that a slow registry cannot get the process killed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;

use super::App;

/// Longest wait for the store; a scrape must not hang on it.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /metrics`, Prometheus text format.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    if let Ok(Ok(state)) = tokio::time::timeout(STORE_TIMEOUT, app.store.queue_state()).await {
        app.metrics.set_queue(&state, Timestamp::now());
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}

/// `GET /livez`: the process answers.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: requests would be answered. A dead store does not make it unready: admission
/// of known images goes on without it, and taking all replicas out would stop even that.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    if app.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match tokio::time::timeout(STORE_TIMEOUT, app.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::OK, "ok, but the store is unavailable\n"),
    }
}
