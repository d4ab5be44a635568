//! `POST /events/{receiver}`: a registry says that something was pushed. The event is durable
//! before it is acknowledged; the work comes later. What is authentic but of no use is
//! acknowledged too, or senders repeat it for ever (`research/events.md` section 0).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::events::{self, Batch};
use super::{App, Refusal, read_body};
use crate::config::{Receiver, ReceiverAuth};
use crate::metrics::{Configured, EventOutcome};
use crate::store::{DeadLetter, Enqueued, NewJob};

/// Takes a batch of events.
pub(super) async fn push_events(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let live = app.live.load();
    let Some(receiver) = live.config.receivers.iter().find(|receiver| receiver.name == name) else {
        return Refusal::new(StatusCode::NOT_FOUND, "no such receiver").into_response();
    };
    let receiver = receiver.clone();
    drop(live);
    if !is_authentic(&receiver.auth, &headers) {
        count(&app, &receiver, EventOutcome::Unauthorized, 1);
        return unauthorized(&receiver.auth);
    }
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(refusal) => {
            count(&app, &receiver, EventOutcome::Refused, 1);
            return refusal.into_response();
        }
    };
    match accept(&app, &receiver, &body).await {
        Ok(response) | Err(response) => response,
    }
}

/// Makes a body's pushes durable and says what became of each.
async fn accept(app: &App, receiver: &Receiver, body: &Bytes) -> Result<Response, Response> {
    let read = events::find(receiver.kind)
        .ok_or_else(|| events::EventError("no sender of that kind".into()))
        .and_then(|sender| sender.read(body));
    let batch = read
        .unwrap_or_else(|error| Batch { unreadable: vec![error.to_string()], ..Batch::default() });
    let jobs: Vec<NewJob> = batch.pushes.iter().map(|push| job(receiver, push)).collect();
    let unavailable = |error: crate::store::StoreError| {
        tracing::error!(receiver = receiver.name, %error, "event cannot be kept");
        count(app, receiver, EventOutcome::Refused, 1);
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the event cannot be kept now: try again")
            .into_response()
    };
    let enqueued = app.store.enqueue(&jobs, Timestamp::now()).await.map_err(unavailable)?;
    if !batch.unreadable.is_empty() {
        // One letter for all of a body: a flood of junk must not push out the other letters.
        let reason = batch.unreadable.join("; ");
        let reason: String = reason.chars().take(1000).collect();
        let letter = dead_letter(receiver, &reason, body);
        app.store.save_dead_letter(&letter).await.map_err(unavailable)?;
        tracing::warn!(receiver = receiver.name, reason, "event not understood");
    }
    let accepted = enqueued.iter().filter(|outcome| **outcome == Enqueued::New).count();
    let duplicate = enqueued.len() - accepted;
    if accepted > 0 {
        // All idle workers; and one more permit for a worker that is just about to wait.
        app.wake.notify_waiters();
        app.wake.notify_one();
    }
    for (outcome, number) in [
        (EventOutcome::Queued, accepted),
        (EventOutcome::Duplicate, duplicate),
        (EventOutcome::Ignored, batch.ignored),
        (EventOutcome::DeadLetter, batch.unreadable.len()),
    ] {
        count(app, receiver, outcome, number);
    }
    let answer = json!({"accepted": accepted, "duplicate": duplicate, "ignored": batch.ignored,
        "unreadable": batch.unreadable.len()});
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

fn count(app: &App, receiver: &Receiver, outcome: EventOutcome, number: usize) {
    let name = Configured::new(receiver.name.as_str());
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    app.metrics.events_total.with((name, outcome)).inc_by(number);
}

fn job(receiver: &Receiver, push: &events::Push) -> NewJob {
    NewJob {
        receiver: receiver.name.clone(),
        registry: receiver.registry.clone(),
        repository: push.repository.clone(),
        digest: push.digest.clone(),
        tag: push.tag.clone(),
    }
}

fn dead_letter(receiver: &Receiver, reason: &str, body: &Bytes) -> DeadLetter {
    DeadLetter {
        receiver: receiver.name.clone(),
        reason: reason.to_owned(),
        body: String::from_utf8_lossy(body).into_owned(),
        at: Timestamp::now(),
    }
}

/// Compares in constant time. What is not sent is compared too, with nothing.
fn is_authentic(auth: &ReceiverAuth, headers: &HeaderMap) -> bool {
    let sent =
        headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes).unwrap_or_default();
    match auth {
        ReceiverAuth::None => true,
        ReceiverAuth::Bearer(token) => {
            token.matches(strip_scheme(sent, b"bearer ").unwrap_or_default())
        }
        ReceiverAuth::Basic { username, password } => {
            let pair = strip_scheme(sent, b"basic ")
                .and_then(|encoded| STANDARD.decode(encoded).ok())
                .unwrap_or_default();
            let colon = pair.iter().position(|byte| *byte == b':').unwrap_or(pair.len());
            let name = pair.get(..colon).unwrap_or_default();
            let word = pair.get(colon + 1..).unwrap_or_default();
            // Both are always compared: an early way out would tell which one was wrong.
            password.matches(word) & (name == username.as_bytes())
        }
    }
}

/// What follows an authentication scheme, whose case does not matter (RFC 9110 section 11.1).
fn strip_scheme<'a>(sent: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = sent.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn unauthorized(auth: &ReceiverAuth) -> Response {
    let challenge = match auth {
        ReceiverAuth::Basic { .. } => r#"Basic realm="plimsoll""#,
        ReceiverAuth::Bearer(_) | ReceiverAuth::None => r#"Bearer realm="plimsoll""#,
    };
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "wrong or missing credentials");
    ([(header::WWW_AUTHENTICATE, challenge)], refusal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn headers(authorization: Option<&str>) -> HeaderMap {
        authorization
            .map(|value| (header::AUTHORIZATION, value.parse().unwrap()))
            .into_iter()
            .collect()
    }

    #[test]
    fn only_the_right_credentials_are_authentic() {
        let bearer = ReceiverAuth::Bearer(Secret::new("t0ken"));
        let basic = ReceiverAuth::Basic { username: "reg".into(), password: Secret::new("pa:ss") };
        let encoded = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let table = [
            (&bearer, Some("Bearer t0ken".to_owned()), true),
            (&bearer, Some("bearer t0ken".to_owned()), true),
            (&bearer, Some("Bearer t0ke".to_owned()), false),
            (&bearer, Some("Bearer t0ken2".to_owned()), false),
            (&bearer, Some("t0ken".to_owned()), false),
            (&bearer, Some("Bearer ".to_owned()), false),
            (&bearer, None, false),
            (&basic, Some(encoded("reg:pa:ss")), true),
            (&basic, Some(encoded("reg:wrong")), false),
            (&basic, Some(encoded("other:pa:ss")), false),
            (&basic, Some(encoded("reg")), false),
            (&basic, Some("Basic %%%".to_owned()), false),
            (&basic, None, false),
            (&ReceiverAuth::None, None, true),
        ];
        for (auth, sent, expected) in table {
            assert_eq!(is_authentic(auth, &headers(sent.as_deref())), expected, "{sent:?}");
        }
    }
}
