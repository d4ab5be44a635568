//! Patience: how long we wait for a registry and how often we ask again. Delays are jittered so
//! that replicas do not return in step; a registry that names a delay gets it, or is left alone.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use tokio::time::Instant;

use super::FetchError;

/// Limits on single steps of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS handshake.
    pub connect: Duration,
    /// Silence before or within a response.
    pub idle: Duration,
    /// A manifest or token from first to last byte, or 64 KiB of a blob: less is an attack or
    /// a line on which no image can be pulled.
    pub document: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            document: Duration::from_mins(1),
        }
    }
}

/// How often and how long failed requests are repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Most requests for one thing, the first included. A download that moved on starts anew.
    pub attempts: u32,
    /// First delay; each further one doubles. Up to as much again is added at random.
    pub first_delay: Duration,
    /// Longest delay of our own choice, before jitter.
    pub max_delay: Duration,
    /// Longest `Retry-After` that is waited for. Asking earlier than told would only prolong the
    /// ban, so a longer one ends the attempts.
    pub longest_wait: Duration,
    /// No further attempt is made when the first one was longer ago than this.
    pub budget: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_delay: Duration::from_millis(400),
            max_delay: Duration::from_secs(8),
            longest_wait: Duration::from_secs(30),
            budget: Duration::from_mins(2),
        }
    }
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It cannot.
    Never,
    /// After a delay of our own.
    Backoff,
    /// After the delay the registry named.
    After(Duration),
}

/// One failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    /// What to report if it was the last.
    pub(super) error: FetchError,
    /// Whether to try again.
    pub(super) again: Again,
    /// The refusal's status, if it was one.
    pub(super) status: Option<u16>,
}

impl Failure {
    /// A failure that stays.
    pub(super) fn lasting(error: FetchError) -> Self {
        Self { error, again: Again::Never, status: None }
    }

    /// A failure that may pass.
    pub(super) fn passing(error: FetchError) -> Self {
        Self { error, again: Again::Backoff, status: None }
    }
}

/// Counts the attempts for one thing.
pub(super) struct Patience {
    retry: Retry,
    delays: ExponentialBackoff,
    started: Instant,
}

impl Patience {
    pub(super) fn new(retry: &Retry) -> Self {
        Self { retry: retry.clone(), delays: delays(retry), started: Instant::now() }
    }

    /// Waits as long as fits the failure, or gives it back when there is no point in going on.
    pub(super) async fn wait(&mut self, failure: Failure) -> Result<(), FetchError> {
        let Some(delay) = self.delay(failure.again) else { return Err(failure.error) };
        tracing::debug!(error = %failure.error, ?delay, "asking the registry again");
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// Starts over after progress.
    pub(super) fn renew(&mut self) {
        self.delays = delays(&self.retry);
        self.started = Instant::now();
    }

    fn delay(&mut self, again: Again) -> Option<Duration> {
        if again == Again::Never || self.started.elapsed() >= self.retry.budget {
            return None;
        }
        // Every attempt uses up one of our own delays, whoever names the one that is waited.
        let own = self.delays.next()?;
        match again {
            Again::After(wait) => (wait <= self.retry.longest_wait).then_some(wait.max(own)),
            Again::Backoff | Again::Never => Some(own),
        }
    }
}

fn delays(retry: &Retry) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(retry.first_delay)
        .with_max_delay(retry.max_delay)
        .with_max_times(usize::try_from(retry.attempts.saturating_sub(1)).unwrap_or(0))
        .build()
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date which counts from `now`.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(again: Again) -> Failure {
        Failure { error: FetchError::RateLimited("x".into()), again, status: None }
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let table = [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ];
        for (value, seconds) in table {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_the_last_attempt() {
        let mut patience = Patience::new(&Retry { attempts: 3, ..Retry::default() });
        assert!(patience.wait(failure(Again::Backoff)).await.is_ok());
        assert!(patience.wait(failure(Again::Backoff)).await.is_ok());
        assert!(patience.wait(failure(Again::Backoff)).await.is_err());
        patience.renew();
        assert!(patience.wait(failure(Again::Backoff)).await.is_ok());
        assert!(patience.wait(failure(Again::Never)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_as_told_up_to_the_cap() {
        let retry = Retry { longest_wait: Duration::from_secs(30), ..Retry::default() };
        for (told, waits) in [(29, true), (30, true), (31, false), (u64::MAX, false)] {
            let told = Duration::from_secs(told);
            let started = Instant::now();
            let waited = Patience::new(&retry).wait(failure(Again::After(told))).await;
            assert_eq!(waited.is_ok(), waits, "{told:?}");
            assert_eq!(started.elapsed() >= told, waits, "{told:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_ends_the_attempts() {
        let retry = Retry { budget: Duration::from_secs(10), ..Retry::default() };
        let mut patience = Patience::new(&retry);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(patience.wait(failure(Again::Backoff)).await.is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(patience.wait(failure(Again::Backoff)).await.is_err());
    }
}
