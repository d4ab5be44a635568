//! Whether a connection has requests running, body of the answer included, and for how long it has
//! had none. hyper knows, but does not tell.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// Counts the running requests of one connection.
#[derive(Default)]
pub(super) struct Activity(Arc<watch::Sender<usize>>);

/// A running request; it ends when this is dropped.
pub(super) struct Busy(Arc<watch::Sender<usize>>);

impl Activity {
    pub(super) fn begin(&self) -> Busy {
        self.0.send_modify(|running| *running += 1);
        Busy(Arc::clone(&self.0))
    }

    /// Returns when no request ran for a whole `first` (counted from now) or, after one ran, for a
    /// whole `later`.
    pub(super) async fn idle(&self, first: Duration, later: Duration) {
        let mut running = self.0.subscribe();
        let mut period = first;
        while running.wait_for(|running| *running == 0).await.is_ok() {
            if timeout(period, running.changed()).await.is_err() {
                return;
            }
            period = later;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running = running.saturating_sub(1));
    }
}

/// A body that keeps its request running until it was sent.
pub(super) struct Held {
    body: Body,
    _busy: Busy,
}

impl Held {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
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
    use tokio::time::Instant;

    const FIRST: Duration = Duration::from_secs(10);
    const LATER: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn nothing_asked_ends_after_the_first_period() {
        let start = Instant::now();
        Activity::default().idle(FIRST, LATER).await;
        assert_eq!(start.elapsed(), FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn the_later_period_counts_from_the_end_of_the_last_answer() {
        let start = Instant::now();
        let activity = Activity::default();
        let requests = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let held = Held::new(Body::empty(), activity.begin());
            tokio::time::sleep(Duration::from_secs(500)).await;
            drop(held);
        };
        tokio::join!(activity.idle(FIRST, LATER), requests);
        assert_eq!(start.elapsed(), Duration::from_secs(565));
    }
}
