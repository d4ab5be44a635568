//! Answers requests, with or without faults.

use std::collections::HashMap;
use std::future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::SeenRequest;
use super::body;
use super::content::Content;
use super::faults::{Auth, Fault, Faults};
use super::referrers::Referrers;

pub(super) struct State {
    pub(super) base: String,
    pub(super) blobs: HashMap<String, Content>,
    pub(super) manifests: HashMap<(String, String), Content>,
    pub(super) referrers: Referrers,
    pub(super) faults: Faults,
    pub(super) auth: Auth,
    pub(super) tokens_issued: u64,
    pub(super) revoked_up_to: u64,
    pub(super) revoked_status: u16,
    pub(super) requests: Vec<SeenRequest>,
    pub(super) served: HashMap<String, u64>,
}

impl State {
    pub(super) fn new(base: String) -> Self {
        Self {
            base,
            blobs: HashMap::new(),
            manifests: HashMap::new(),
            referrers: Referrers::default(),
            faults: Faults::default(),
            auth: Auth::None,
            tokens_issued: 0,
            revoked_up_to: 0,
            revoked_status: 401,
            requests: Vec::new(),
            served: HashMap::new(),
        }
    }

    /// What lies at a path, and whether it is a manifest.
    pub(super) fn find(&self, path: &str) -> Option<(Content, bool)> {
        let path = path.strip_prefix("/v2/")?;
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return Some((self.blobs.get(digest)?.clone(), false));
        }
        let (repository, name) = path.split_once("/manifests/")?;
        let key = (repository.to_owned(), name.to_owned());
        Some((self.manifests.get(&key)?.clone(), true))
    }
}

pub(super) type SharedState = Arc<Mutex<State>>;

pub(super) async fn run<L>(listener: L, state: SharedState)
where
    L: axum::serve::Listener<Addr = SocketAddr>,
{
    let router = Router::new().fallback(answer).with_state(state);
    axum::serve(listener, router).await.unwrap();
}

async fn answer(Shared(state): Shared<SharedState>, request: Request) -> Response {
    let seen = see(request).await;
    let mut fault = {
        let mut state = state.lock().unwrap();
        state.requests.push(seen.clone());
        state.faults.take(&seen.path)
    };
    while let Some(Fault::Until(released)) = &fault {
        released.cancelled().await;
        fault = state.lock().unwrap().faults.take(&seen.path);
    }
    match fault {
        Some(Fault::Hang) => future::pending().await,
        Some(Fault::Status(code)) => status(code).into_response(),
        Some(Fault::Answer(code, name, value, body)) => {
            (status(code), [(name, value)], body).into_response()
        }
        fault => {
            if let Some(refusal) = authorize(&mut state.lock().unwrap(), &seen) {
                return refusal;
            }
            match fault {
                Some(Fault::Redirect(base)) => {
                    redirect(&format!("{base}{}?X-Signature=s3cret", seen.path))
                }
                Some(Fault::RedirectExactly(to)) => redirect(&to),
                _ if seen.path == "/v2/" => StatusCode::OK.into_response(),
                fault => {
                    let listed = state.lock().unwrap().referrers.answer(&seen);
                    listed.unwrap_or_else(|| body::serve(&state, &seen, fault.as_ref()))
                }
            }
        }
    }
}

async fn see(request: Request) -> SeenRequest {
    let (parts, body) = request.into_parts();
    let header = |name| text(&parts.headers, &name);
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    SeenRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: header(header::AUTHORIZATION),
        accept: header(header::ACCEPT),
        range: header(header::RANGE),
        referer: header(header::REFERER),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().unwrap().to_owned())
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

fn redirect(to: &str) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to.to_owned())]).into_response()
}

/// A refusal in the distribution specification's words.
pub(super) fn error(code: u16, word: &str, message: &str) -> Response {
    let body = json!({"errors": [{"code": word, "message": message}]}).to_string();
    (status(code), body).into_response()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Refuses a request, or gives a token, or lets pass.
fn authorize(state: &mut State, seen: &SeenRequest) -> Option<Response> {
    if seen.path == "/token" {
        return Some(token(state, seen));
    }
    let realm = match &state.auth {
        Auth::None => return None,
        Auth::Basic(user, password) => {
            let is_right = seen.authorization == Some(basic(user, password));
            return (!is_right).then(|| challenge("Basic realm=\"fake\""));
        }
        Auth::Realm(realm) => realm.clone(),
        _ => format!("{}/token", state.base),
    };
    let shown = seen.authorization.as_deref().and_then(|shown| shown.strip_prefix("Bearer token-"));
    match shown.and_then(|number| number.parse::<u64>().ok()) {
        Some(number) if number > state.revoked_up_to => None,
        Some(_) if state.revoked_status != 401 => {
            Some(error(state.revoked_status, "DENIED", "token expired"))
        }
        _ => Some(challenge(&format!("Bearer realm=\"{realm}\",service=\"fake\""))),
    }
}

fn challenge(value: &str) -> Response {
    let mut response = error(401, "UNAUTHORIZED", "authentication required");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, value.parse().unwrap());
    response
}

fn token(state: &mut State, seen: &SeenRequest) -> Response {
    let is_right = match &state.auth {
        Auth::Token(user, password) => seen.authorization == Some(basic(user, password)),
        Auth::RefreshToken(token) => {
            seen.method == "POST" && seen.body.contains(&format!("refresh_token={token}&"))
        }
        _ => true,
    };
    if !is_right {
        let words = json!({"details": "incorrect username or password"}).to_string();
        return (status(401), words).into_response();
    }
    state.tokens_issued += 1;
    let token = format!("token-{}", state.tokens_issued);
    json!({"token": token, "expires_in": 300}).to_string().into_response()
}
