//! Step 1, receive: who may ask what over HTTP. Routes, caps, authentication; the parsing itself
//! is pure and lives in `admission` and `events`. Answers go out in the caller's protocol.

pub mod admission;

pub mod events;

mod admin;

mod push_events;

mod validate;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::Config;
use crate::inspector::Inspector;
use crate::metrics::{Code, Metrics, Path};
use crate::policy::Policy;
use crate::store::SharedStore;

/// Largest request body. An AdmissionReview of two 3 MB objects and some needs 7 MiB
/// (`research/admission.md` section 4.2).
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Longest time a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What is in force now; replaced as a whole when the configuration changes.
pub struct Live {
    /// The configuration.
    pub config: Config,
    /// Its policy, shared with the questions asked under it.
    pub policy: Arc<Policy>,
}

impl Live {
    /// Puts a configuration into force.
    pub fn new(config: Config) -> Self {
        let policy = Arc::new(config.policy.clone());
        Self { config, policy }
    }
}

/// Everything a request may touch.
pub struct App {
    /// Configuration and policy.
    pub live: ArcSwap<Live>,
    /// The engine.
    pub inspector: Inspector,
    /// Jobs and dead letters.
    pub store: SharedStore,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Told when jobs were added.
    pub wake: Notify,
    /// Reviews that may be worked on at once.
    pub admissions: Semaphore,
    /// Cancelled when no new work is to come.
    pub stopping: CancellationToken,
}

/// Routes of the webhook listener.
pub fn webhook_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/validate", post(validate::validate))
        .route("/events/{receiver}", post(push_events::push_events))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), count))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

/// Routes of the admin listener.
pub fn admin_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(admin::metrics))
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .fallback(not_found)
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

/// A request that cannot be served, in words for whoever sent it.
struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(json!({"error": self.text}))).into_response();
        response.extensions_mut().insert(Reason(self.text));
        response
    }
}

async fn not_found(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(100).collect();
    Refusal::new(StatusCode::NOT_FOUND, format!("no such endpoint: `{method} {path}`"))
}

/// Reads a body up to the cap.
async fn read_body(body: Body) -> Result<Bytes, Refusal> {
    let read = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("body is larger than {MAX_BODY_BYTES} bytes"),
        )),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "body broke off")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body took too long to arrive")),
    }
}

/// Counts every request by route and code, and logs those that were refused as requests.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let status = response.status();
    let code = Code::new(Some(status.as_u16()));
    app.metrics.http_requests_total.with((Path::of(&path), code)).inc();
    if status.is_client_error() || status.is_server_error() {
        let path: String = path.chars().filter(|c| !c.is_control()).take(100).collect();
        let reason =
            response.extensions_mut().remove::<Reason>().map_or_else(String::new, |why| why.0);
        tracing::warn!(%method, path, status = status.as_u16(), reason, "request refused");
    }
    response
}

/// Why a request was refused, for the log line.
#[derive(Clone)]
struct Reason(String);
