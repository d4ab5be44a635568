//! Works off what registries said they received: claims jobs from the store, has them judged,
//! and retries, completes or buries them. At-least-once: a job is done only after its verdict is
//! in the log, so a crash in between repeats it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder as _;
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::inspector::Asker;
use crate::judge::{Question, utc_day};
use crate::metrics::{Configured, EventOutcome, Source};
use crate::model::{Reference, Verdict};
use crate::receive::App;
use crate::store::{Job, StoreError};

/// First and longest wait before a failed job is tried again.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_mins(10);
/// How long the queue is left alone when the store fails or nothing is due.
const IDLE: Duration = Duration::from_secs(30);
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Works until told to stop. A job in hand is then left to whoever starts next.
pub async fn work(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match step(&app, &stop).await {
            Ok(true) => continue,
            Ok(false) => idle(&app).await,
            Err(error) => {
                tracing::error!(%error, "jobs cannot be worked off");
                STORE_PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Time until the next job is due.
async fn idle(app: &App) -> Duration {
    let due = app.store.next_due().await.ok().flatten();
    let wait = due.map(|due| due.duration_since(Timestamp::now()));
    let wait = wait.map_or(IDLE, |wait| Duration::try_from(wait).unwrap_or_default());
    wait.clamp(Duration::from_millis(10), IDLE)
}

/// Does one job. `false` when none was due.
async fn step(app: &App, stop: &CancellationToken) -> Result<bool, StoreError> {
    let lease = app.live.load().config.events.lease;
    let Some(job) = app.store.claim(lease, Timestamp::now()).await? else { return Ok(false) };
    let attempts = app.live.load().config.events.attempts;
    if job.attempt > attempts {
        // Only a process that died over it leaves a job so: it must not die for ever.
        bury(app, &job, "the process ended over it again and again").await?;
        return Ok(true);
    }
    let work = AssertUnwindSafe(judge(app, &job)).catch_unwind();
    let verdict = tokio::select! {
        // The lease stays: the job is taken up again after the restart.
        () = stop.cancelled() => return Ok(false),
        verdict = leased(app, &job, lease, work) => verdict,
    };
    // What was learned is not thrown away because the store is busy.
    while let Err(error) = settle(app, &job, verdict.as_ref().ok()).await {
        tracing::error!(job = job.id, %error, "verdict cannot be kept yet");
        if stop.run_until_cancelled(tokio::time::sleep(STORE_PAUSE)).await.is_none() {
            break;
        }
    }
    Ok(true)
}

/// Awaits work on a job, renewing its lease.
async fn leased<T>(app: &App, job: &Job, lease: Duration, work: impl Future<Output = T>) -> T {
    let renew = async {
        loop {
            tokio::time::sleep(lease / 3).await;
            if let Err(error) = app.store.renew(job.id, lease, Timestamp::now()).await {
                tracing::warn!(job = job.id, %error, "lease cannot be renewed");
            }
        }
    };
    tokio::select! {
        done = work => done,
        never = renew => never,
    }
}

async fn judge(app: &App, job: &Job) -> Result<Verdict, String> {
    let new = &job.job;
    let reference = Reference::from_parts(
        &new.registry,
        &new.repository,
        new.tag.as_deref(),
        Some(&new.digest),
    )
    .map_err(|error| error.to_string())?;
    let policy = Arc::clone(&app.live.load().policy);
    let today = utc_day(Timestamp::now());
    let question = Question { reference, namespace: None, policy, today };
    let asker = Asker { source: Source::Event, object: &new.receiver, keep: false };
    Ok(app.inspector.decide(&question, &asker, None).await)
}

/// Writes down what became of a job.
async fn settle(
    app: &App,
    job: &Job,
    verdict: Option<&Result<Verdict, String>>,
) -> Result<(), StoreError> {
    let verdict = match verdict {
        Some(Ok(verdict)) => verdict,
        Some(Err(reason)) => return bury(app, job, reason).await,
        // A bug of ours met this image. Another attempt may go better; the worker lives on.
        None => return again(app, job, "judging it broke off", false).await,
    };
    app.store.log_verdict(Source::Event.as_str(), verdict, Timestamp::now()).await?;
    let Some(undecided) = verdict.undecided.first().filter(|_| verdict.denials().next().is_none())
    else {
        return app.store.complete(job.id).await;
    };
    let is_hopeless = verdict.undecided.iter().any(|undecided| !undecided.cause.is_transient());
    again(app, job, &undecided.to_string(), is_hopeless).await
}

/// Lets a job be tried again later, or gives it up.
async fn again(app: &App, job: &Job, reason: &str, is_hopeless: bool) -> Result<(), StoreError> {
    if is_hopeless || job.attempt >= app.live.load().config.events.attempts {
        return bury(app, job, reason).await;
    }
    let due = Timestamp::now()
        .checked_add(SignedDuration::try_from(retry_delay(job.attempt)).unwrap_or_default())
        .unwrap_or(Timestamp::MAX);
    app.store.retry(job.id, reason, due).await
}

async fn bury(app: &App, job: &Job, reason: &str) -> Result<(), StoreError> {
    let new = &job.job;
    let image = format!("{}/{}@{}", new.registry, new.repository, new.digest);
    tracing::error!(
        receiver = new.receiver,
        image,
        reason,
        attempts = job.attempt,
        "push given up"
    );
    app.store.bury(job.id, reason, Timestamp::now()).await?;
    let receiver = Configured::new(new.receiver.as_str());
    app.metrics.events_total.with((receiver, EventOutcome::DeadLetter)).inc();
    Ok(())
}

/// Doubles with each attempt, with jitter, so that a registry that comes back is not met by all
/// jobs at once.
fn retry_delay(attempt: u32) -> Duration {
    backon::ExponentialBuilder::default()
        .with_min_delay(FIRST_RETRY)
        .with_max_delay(LONGEST_RETRY)
        .with_max_times(64)
        .with_jitter()
        .build()
        .nth(usize::try_from(attempt.clamp(1, 60)).unwrap_or(1) - 1)
        .unwrap_or(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit() {
        for (attempt, least) in [(0, 2), (1, 2), (2, 4), (5, 32), (20, 600), (u32::MAX, 600)] {
            let delay = retry_delay(attempt);
            assert!(delay >= Duration::from_secs(least), "{attempt}: {delay:?}");
            assert!(delay <= LONGEST_RETRY * 2, "{attempt}: {delay:?}");
        }
    }
}
