//! Whether a connection has requests running, and for how long nothing has moved on it. hyper
//! knows, but does not tell.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// The running requests of one connection. Every sign of life is a change of it.
#[derive(Default)]
pub(super) struct Activity(Arc<watch::Sender<Requests>>);

#[derive(Default)]
struct Requests {
    /// Begun and not ended.
    running: usize,
    /// Those of them whose answer is being sent: now it is the peer that must do its part.
    answering: usize,
}

/// A running request; it ends when this is dropped.
pub(super) struct Busy(Arc<watch::Sender<Requests>>);

impl Activity {
    pub(super) fn begin(&self) -> Busy {
        self.0.send_modify(|requests| requests.running += 1);
        Busy(Arc::clone(&self.0))
    }

    /// Returns when nothing moved for a whole `first` (counted from now) or, after something had,
    /// for a whole `later`: no request came, no answer got on. A peer that stops reading in the
    /// middle of an answer must not hold a connection for ever.
    pub(super) async fn still(&self, first: Duration, later: Duration) {
        self.quiet(|requests| requests.running == requests.answering, first, later).await;
    }

    /// Returns when no request ran for a whole `period`.
    pub(super) async fn idle(&self, period: Duration) {
        self.quiet(|requests| requests.running == 0, period, period).await;
    }

    async fn quiet(&self, may_end: fn(&Requests) -> bool, first: Duration, later: Duration) {
        let mut requests = self.0.subscribe();
        let mut period = first;
        while requests.wait_for(may_end).await.is_ok() {
            if timeout(period, requests.changed()).await.is_err() {
                return;
            }
            period = later;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|requests| requests.running = requests.running.saturating_sub(1));
    }
}

/// The body of an answer. Its request runs until it was sent or given up.
pub(super) struct Answer {
    body: Body,
    busy: Busy,
}

impl Answer {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        busy.0.send_modify(|requests| requests.answering += 1);
        Self { body, busy }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let requests = &self.busy.0;
        requests.send_modify(|requests| requests.answering = requests.answering.saturating_sub(1));
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    /// hyper asks for the next frame when it got rid of the one before.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            self.busy.0.send_modify(|_| {});
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use tokio::time::{Instant, sleep};

    const FIRST: Duration = Duration::from_secs(10);
    const LATER: Duration = Duration::from_mins(1);

    async fn seconds(count: u64) {
        sleep(Duration::from_secs(count)).await;
    }

    /// Seconds until the connection counts as still, while `requests` goes on.
    async fn still_after(activity: &Activity, requests: impl Future) -> u64 {
        let start = Instant::now();
        let still = async {
            activity.still(FIRST, LATER).await;
            start.elapsed().as_secs()
        };
        tokio::join!(still, requests).0
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_asked_ends_after_the_first_period() {
        assert_eq!(still_after(&Activity::default(), async {}).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_may_take_its_time_and_then_the_later_period_counts() {
        let activity = Activity::default();
        let requests = async {
            seconds(5).await;
            let busy = activity.begin();
            seconds(500).await;
            drop(Answer::new(Body::empty(), busy));
        };
        assert_eq!(still_after(&activity, requests).await, 565);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_gets_on_holds_and_one_that_is_stuck_does_not() {
        let activity = Activity::default();
        let requests = async {
            let frames = futures_util::stream::iter([Ok::<_, axum::Error>("a"), Ok("b"), Ok("c")]);
            let mut answer = Answer::new(Body::from_stream(frames), activity.begin());
            for _ in 0..2 {
                seconds(50).await;
                answer.frame().await.unwrap().unwrap();
            }
            seconds(1000).await;
        };
        assert_eq!(still_after(&activity, requests).await, 160);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_waits_for_answers_to_end() {
        let activity = Activity::default();
        let start = Instant::now();
        let requests = async {
            let answer = Answer::new(Body::empty(), activity.begin());
            seconds(500).await;
            drop(answer);
        };
        tokio::join!(activity.idle(FIRST), requests);
        assert_eq!(start.elapsed().as_secs(), 510);
    }
}
