//! Bodies: whole, partial, cut, stalled, wrong.

use std::future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use plimsoll::model::Digest;
use plimsoll::model::manifest::OCI_MANIFEST;

use super::SeenRequest;
use super::content::{Content, length};
use super::faults::Fault;
use super::serve::{SharedState, error};

const PIECE: u64 = 16 * 1024;

/// Answers with what lies at the path, as far as the fault lets it.
pub(super) fn serve(shared: &SharedState, seen: &SeenRequest, fault: Option<&Fault>) -> Response {
    let found = shared.lock().unwrap().find(&seen.path);
    let Some((content, is_manifest)) = found else {
        return error(404, "NAME_UNKNOWN", "not known here");
    };
    let whole = content.len();
    let start = match fault {
        Some(Fault::IgnoreRange) => None,
        _ => seen.range.as_deref().map(range_start),
    };
    if start.is_some_and(|start| start >= whole) {
        return error(416, "SIZE_INVALID", "no such range");
    }
    let plan = Plan::new(fault, whole - start.unwrap_or(0));
    let mut response = Response::builder().header(header::CONTENT_TYPE, OCI_MANIFEST);
    if let Some(start) = start {
        let shown = start - u64::from(matches!(fault, Some(Fault::WrongRange)));
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {shown}-{}/{whole}", whole - 1));
    }
    if let Some(Fault::ClaimDigest(claim)) = fault {
        response = response.header("docker-content-digest", claim);
    } else if is_manifest {
        let digest = Digest::of(&content.piece(0, whole));
        response = response.header("docker-content-digest", digest.to_string());
    }
    if let Some(length) = plan.announced {
        response = response.header(header::CONTENT_LENGTH, length);
    }
    let (shared, path) = (Arc::clone(shared), seen.path.clone());
    let sender = Sender { shared, path, content, at: start.unwrap_or(0), plan };
    response.body(Body::from_stream(stream::unfold(sender, Sender::next))).unwrap()
}

fn range_start(range: &str) -> u64 {
    range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

/// What becomes of a body.
struct Plan {
    announced: Option<u64>,
    /// Bytes still to be sent.
    left: u64,
    is_wrong: bool,
    /// Pause before every single byte.
    pause: Option<Duration>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Clean,
    Cut,
    Stall,
}

impl Plan {
    fn new(fault: Option<&Fault>, length: u64) -> Self {
        let plan =
            |announced, left, end| Self { announced, left, is_wrong: false, pause: None, end };
        match fault {
            Some(Fault::CutAfter(bytes)) if *bytes < length => plan(Some(length), *bytes, End::Cut),
            Some(Fault::StallAfter(bytes)) if *bytes < length => {
                plan(Some(length), *bytes, End::Stall)
            }
            Some(Fault::Shorter(bytes)) => plan(Some(*bytes), *bytes, End::Clean),
            Some(Fault::ShorterChunked(bytes)) => plan(None, length.min(*bytes), End::Clean),
            Some(Fault::Longer(more)) => plan(Some(length + more), length + more, End::Clean),
            Some(Fault::LongerChunked(more)) => plan(None, length + more, End::Clean),
            Some(Fault::WrongBytes) => {
                Self { is_wrong: true, ..plan(Some(length), length, End::Clean) }
            }
            Some(Fault::Trickle(pause)) => {
                Self { pause: Some(*pause), ..plan(Some(length), length, End::Clean) }
            }
            _ => plan(Some(length), length, End::Clean),
        }
    }
}

struct Sender {
    shared: SharedState,
    path: String,
    content: Content,
    at: u64,
    plan: Plan,
}

impl Sender {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if self.plan.left == 0 {
            match self.plan.end {
                End::Clean => return None,
                End::Stall => future::pending().await,
                End::Cut => {
                    // What was given so far leaves only while there is nothing to give.
                    tokio::task::yield_now().await;
                    self.plan.end = End::Clean;
                    return Some((Err(io::Error::other("cut on purpose")), self));
                }
            }
        }
        let mut most = self.plan.left.min(PIECE);
        if let Some(pause) = self.plan.pause {
            tokio::time::sleep(pause).await;
            most = 1;
        }
        let mut piece = self.content.piece(self.at, most);
        if self.plan.is_wrong || piece.is_empty() {
            piece = vec![b'~'; usize::try_from(most).unwrap()].into();
        }
        let sent = length(&piece);
        self.at += sent;
        self.plan.left -= sent;
        *self.shared.lock().unwrap().served.entry(self.path.clone()).or_default() += sent;
        Some((Ok(piece), self))
    }
}
