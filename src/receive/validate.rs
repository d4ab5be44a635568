//! `POST /validate`: AdmissionReview v1 in, AdmissionReview v1 out, before the caller's timeout.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::admission::{Ask, MAX_IMAGES, Review, ReviewError, Wanted};
use super::{App, Refusal, read_body};
use crate::answer::review::{self, Judged};
use crate::inspector::Asker;
use crate::judge::{Question, judge_unnamed, utc_day};
use crate::metrics::Source;
use crate::model::{Cause, Undecided, Verdict};

/// Answers one review.
pub(super) async fn validate(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let started = Instant::now();
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    match Review::parse(&body) {
        Ok(asked) => {
            drop(body);
            let deadline = started + app.budget(query.as_deref());
            let span = tracing::info_span!("review", uid = asked.uid);
            Json(answer(&app, &asked, deadline).instrument(span).await).into_response()
        }
        Err(ReviewError::Unreadable { uid, detail }) => {
            Json(unreadable(&app, &uid, &detail)).into_response()
        }
        Err(error @ (ReviewError::Json(_) | ReviewError::Uid)) => {
            Refusal::new(StatusCode::BAD_REQUEST, error.to_string()).into_response()
        }
    }
}

async fn answer(app: &App, asked: &Review, deadline: Instant) -> serde_json::Value {
    let wanted = match &asked.ask {
        Ask::Nothing(reason) => {
            tracing::debug!(object = asked.object, reason, "nothing to judge");
            return review::allowed(&asked.uid);
        }
        Ask::TooMany(count) => {
            let detail = format!("an object may name {MAX_IMAGES} images, this names {count}");
            return unreadable(app, &asked.uid, &detail);
        }
        Ask::Images(wanted) => wanted,
    };
    let judged = match app.admissions.try_acquire() {
        Ok(_permit) => {
            join_all(wanted.iter().map(|wanted| judge(app, asked, wanted, deadline))).await
        }
        // Shed at once: waiting would only turn this into a timeout.
        Err(_) => wanted.iter().map(|wanted| shed(app, asked, wanted)).collect(),
    };
    review::answer(&asked.uid, &judged)
}

/// Refuses what cannot be read, in the caller's protocol.
fn unreadable(app: &App, uid: &str, detail: &str) -> serde_json::Value {
    tracing::warn!(uid, detail, "review not understood");
    app.metrics.unreadable_reviews_total.inc();
    review::unreadable(uid, detail)
}

async fn judge(app: &App, asked: &Review, wanted: &Wanted, deadline: Instant) -> Judged {
    let for_record =
        Asker { source: Source::Admission, object: &asked.object, keep: !asked.dry_run };
    let verdict = match app.question(asked, wanted) {
        Ok(question) => app.inspector.decide(&question, &for_record, Some(deadline)).await,
        Err(verdict) => app.told(*verdict, &for_record),
    };
    Judged { places: wanted.places.clone(), verdict }
}

fn shed(app: &App, asked: &Review, wanted: &Wanted) -> Judged {
    let undecided = Undecided::new(Cause::Overloaded, "too many reviews at once");
    let verdict = match app.question(asked, wanted) {
        Ok(question) => question.judge(None, &[], vec![undecided]),
        Err(verdict) => *verdict,
    };
    let for_record = Asker { source: Source::Admission, object: &asked.object, keep: false };
    Judged { places: wanted.places.clone(), verdict: app.told(verdict, &for_record) }
}

impl App {
    /// The time an answer may take: the caller's timeout (the API server puts it into the query)
    /// less a margin for the way back.
    fn budget(&self, query: Option<&str>) -> Duration {
        let admission = self.live.load().config.admission;
        let timeout = query.and_then(timeout).unwrap_or(admission.default_timeout);
        // A margin larger than the timeout itself must still leave time to answer from memory.
        timeout.saturating_sub(admission.timeout_margin).max(timeout / 4)
    }

    /// The question about one image of a review, or the verdict on what is no reference.
    fn question(&self, asked: &Review, wanted: &Wanted) -> Result<Question, Box<Verdict>> {
        let live = self.live.load();
        let today = utc_day(Timestamp::now());
        let namespace = Some(asked.namespace.clone()).filter(|namespace| !namespace.is_empty());
        match wanted.image.parse() {
            Ok(reference) => {
                Ok(Question { reference, namespace, policy: Arc::clone(&live.policy), today })
            }
            Err(error) => {
                let undecided = Undecided::new(Cause::NotFound, error.to_string());
                let namespace = namespace.as_deref();
                let verdict = judge_unnamed(&wanted.image, namespace, &live.policy, undecided);
                Err(Box::new(verdict))
            }
        }
    }

    /// A verdict that took no work, counted and logged like the others.
    fn told(&self, verdict: Verdict, asker: &Asker<'_>) -> Verdict {
        self.inspector.tell(&verdict, asker);
        verdict
    }
}

/// `timeout=10s` of a query, in Go's notation. Capped at what Kubernetes allows.
fn timeout(query: &str) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(30);
    let text = query.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    let span: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(span)
        .ok()
        .filter(|timeout| !timeout.is_zero())
        .map(|timeout| timeout.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_api_servers_timeout() {
        let table = [
            ("timeout=10s", Some(10_000)),
            ("a=b&timeout=2.5s", Some(2_500)),
            ("timeout=500ms", Some(500)),
            ("timeout=1m0s", Some(30_000)),
            ("timeout=30s", Some(30_000)),
            ("timeout=0s", None),
            ("timeout=-5s", None),
            ("timeout=soon", None),
            ("timeout=", None),
            ("", None),
        ];
        for (query, expected) in table {
            assert_eq!(timeout(query), expected.map(Duration::from_millis), "{query}");
        }
    }
}
