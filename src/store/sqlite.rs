//! The default store: one SQLite file. One connection writes, a few read; every commit is on the
//! disk before it is acknowledged (`synchronous=FULL`). SQL lives in the files below, by topic.

mod letters;
mod open;
mod queue;
mod records;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::SqlitePool;

use super::{Caps, DeadLetter, Enqueued, Job, NewJob, QueueState, Store, StoreError};
use crate::model::{Digest, LayerFacts, Verdict};

/// Longest any call takes. Half of the ten seconds that kube-apiserver gives a webhook, so that a
/// dead disk still leaves time for an answer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub struct SqliteStore {
    writer: SqlitePool,
    reader: SqlitePool,
    caps: Caps,
}

impl SqliteStore {
    /// Opens the file at `path`, made with mode 0600 (and its folder with 0700) if missing, and
    /// brings its tables up to date.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, Caps::default()).await
    }

    /// The same with other caps.
    pub async fn open_with(path: impl AsRef<Path>, caps: Caps) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let (writer, reader) = open::pools(path).await?;
        Ok(Self { writer, reader, caps })
    }

    /// Waits for running calls and closes the file; later calls fail. Dropping the store is as
    /// safe, but leaves the write-ahead log for the next start.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Ends a call that takes too long: a hanging disk is a dead store.
async fn bounded<T>(
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    tokio::time::timeout(OPERATION_TIMEOUT, call).await.unwrap_or_else(|_| {
        let seconds = OPERATION_TIMEOUT.as_secs();
        Err(StoreError::Unavailable(format!("no answer from the disk within {seconds} s")))
    })
}

/// SQLite's codes for a file whose content is broken: `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
const BROKEN_FILE: [i32; 2] = [11, 26];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // The lower byte of SQLite's extended code is the primary one.
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
        if code.is_some_and(|code| BROKEN_FILE.contains(&(code & 0xff))) {
            return Self::Damaged(error.to_string());
        }
        Self::Unavailable(error.to_string())
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

fn timestamp(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn digest(text: &str) -> Result<Digest, StoreError> {
    text.parse().map_err(|error| StoreError::Damaged(format!("{error}")))
}

/// A row that does not read back is absent: one bad row must not hide the good ones, and what it
/// said can be learned again.
fn readable<T>(what: &'static str, row: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match row {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Damaged(reason)) => {
            tracing::warn!(what, reason, "left out a damaged row of the store");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Runs CPU work on the blocking pool; a large listing takes some 100 ms to pack.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
}

#[async_trait]
impl Store for SqliteStore {
    async fn layer_facts(
        &self,
        profile: &str,
        digest: &Digest,
    ) -> Result<Option<LayerFacts>, StoreError> {
        bounded(records::layer_facts(&self.reader, profile, digest)).await
    }

    async fn save_layer_facts(&self, profile: &str, facts: &LayerFacts) -> Result<(), StoreError> {
        bounded(records::save_layer_facts(&self.writer, profile, facts, self.caps.layers)).await
    }

    async fn image(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        bounded(records::image(&self.reader, digest)).await
    }

    async fn save_image(&self, digest: &Digest, json: &[u8]) -> Result<(), StoreError> {
        bounded(records::save_image(&self.writer, digest, json, self.caps.images)).await
    }

    async fn bind_tag(
        &self,
        name: &str,
        tag: &str,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        bounded(records::bind_tag(&self.writer, (name, tag), digest, at, self.caps.tags)).await
    }

    async fn tag(&self, name: &str, tag: &str) -> Result<Option<(Digest, Timestamp)>, StoreError> {
        bounded(records::tag(&self.reader, name, tag)).await
    }

    async fn log_verdict(
        &self,
        source: &str,
        verdict: &Verdict,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        bounded(records::log_verdict(&self.writer, source, verdict, at, self.caps.verdicts)).await
    }

    async fn verdicts(&self, limit: u32) -> Result<Vec<Verdict>, StoreError> {
        bounded(records::verdicts(&self.reader, limit)).await
    }

    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<Vec<Enqueued>, StoreError> {
        bounded(queue::enqueue(&self.writer, jobs, now, self.caps.jobs)).await
    }

    async fn claim(&self, lease: Duration, now: Timestamp) -> Result<Option<Job>, StoreError> {
        bounded(queue::claim(&self.writer, lease, now, self.caps.dead_letters)).await
    }

    async fn renew(&self, id: i64, lease: Duration, now: Timestamp) -> Result<(), StoreError> {
        bounded(queue::renew(&self.writer, id, lease, now)).await
    }

    async fn complete(&self, id: i64) -> Result<(), StoreError> {
        bounded(queue::complete(&self.writer, id)).await
    }

    async fn retry(&self, id: i64, reason: &str, due: Timestamp) -> Result<(), StoreError> {
        bounded(queue::retry(&self.writer, id, reason, due)).await
    }

    async fn bury(&self, id: i64, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        bounded(queue::bury(&self.writer, id, reason, now, self.caps.dead_letters)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        bounded(queue::next_due(&self.reader)).await
    }

    async fn queue_state(&self) -> Result<QueueState, StoreError> {
        bounded(queue::state(&self.reader)).await
    }

    async fn save_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        bounded(letters::save(&self.writer, letter, self.caps.dead_letters)).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        bounded(letters::newest(&self.reader, limit)).await
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        bounded(queue::release_leases(&self.writer)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        bounded(open::check_writable(&self.writer)).await
    }
}
