//! What outlives a request: facts of layers, images by digest, tag bindings, the verdict log,
//! durable jobs and dead letters. One contract (tested in `tests/store_contract.rs`), several
//! implementations. Times are arguments.

pub mod caps;

mod record;

pub mod memory;

pub mod sqlite;

pub use caps::Caps;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::{Digest, LayerFacts, Verdict};

/// The store failed. Never says anything about an image.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// A record does not read back.
    #[error("damaged record in the store: {0}")]
    Damaged(String),
    /// A record is larger than any honest one; it was not kept.
    #[error("record of {bytes} bytes is too large for the store, which takes: {limit}")]
    TooLarge {
        /// Its size as JSON.
        bytes: usize,
        /// [`caps::RECORD_BYTES`].
        limit: usize,
    },
}

impl StoreError {
    /// The answer of a store whose queue holds as many jobs as it may.
    fn queue_full(limit: u32) -> Self {
        Self::Unavailable(format!("the queue is full, jobs: {limit}"))
    }
}

/// A push to be judged. `(registry, repository, digest)` identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Receiver whose event asked for it.
    pub receiver: String,
    /// Registry host, from configuration.
    pub registry: String,
    /// Repository.
    pub repository: String,
    /// Digest that was pushed.
    pub digest: Digest,
    /// Tag it was pushed under, if any.
    pub tag: Option<String>,
}

/// What became of an enqueued job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It will be worked on.
    New,
    /// The same image is waiting or being worked on already.
    Duplicate,
}

/// A claimed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Key in the store.
    pub id: i64,
    /// What to judge.
    pub job: NewJob,
    /// How often it was claimed, this time included.
    pub attempt: u32,
    /// When it was first enqueued.
    pub enqueued_at: Timestamp,
}

/// State of the queue, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Jobs waiting or running.
    pub depth: u64,
    /// When the oldest of them was enqueued.
    pub oldest: Option<Timestamp>,
    /// Jobs and events that were given up.
    pub dead: u64,
}

/// An event or job that was given up, kept for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Receiver it came by.
    pub receiver: String,
    /// Why it was given up.
    pub reason: String,
    /// The event's body (cut at 64 KiB) or a description of the job.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

impl DeadLetter {
    /// What stays of a job that was given up after `attempts`.
    fn of_job(job: &NewJob, attempts: u32, reason: &str, at: Timestamp) -> Self {
        let body = serde_json::json!({
            "registry": job.registry,
            "repository": job.repository,
            "digest": job.digest,
            "tag": job.tag,
            "attempts": attempts,
        });
        Self {
            receiver: job.receiver.clone(),
            reason: reason.to_owned(),
            body: body.to_string(),
            at,
        }
    }
}

/// Durable memory. Times are kept to the microsecond. Rows that do not read back are absent (and a
/// line in the log): what can be learned again is learned again. [`Caps`] says how much is kept.
#[async_trait]
pub trait Store: Send + Sync {
    /// Facts of a layer made under `profile`. Those of another record version are absent.
    async fn layer_facts(
        &self,
        profile: &str,
        digest: &Digest,
    ) -> Result<Option<LayerFacts>, StoreError>;
    /// Keeps facts of a layer; the same again is no error.
    async fn save_layer_facts(&self, profile: &str, facts: &LayerFacts) -> Result<(), StoreError>;

    /// The resolved form (opaque JSON) of a manifest or index.
    async fn image(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps the resolved form of a manifest or index.
    async fn save_image(&self, digest: &Digest, json: &[u8]) -> Result<(), StoreError>;

    /// Remembers that a tag of `name` (`registry/repository`) named `digest` at `at`. What was
    /// seen earlier does not replace what was seen later.
    async fn bind_tag(
        &self,
        name: &str,
        tag: &str,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// The last digest that a tag of `registry/repository` was seen to name, and when.
    async fn tag(&self, name: &str, tag: &str) -> Result<Option<(Digest, Timestamp)>, StoreError>;

    /// Adds to the verdict log, of which the oldest go. `source` is who asked (`event`,
    /// `admission`, `check`).
    async fn log_verdict(
        &self,
        source: &str,
        verdict: &Verdict,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// The newest verdicts of the log, newest first; at most [`caps::LIST_ROWS`].
    async fn verdicts(&self, limit: u32) -> Result<Vec<Verdict>, StoreError>;

    /// Makes jobs durable, all or none; when this returns, a power failure does not lose them.
    /// A job that waits or runs already is a duplicate (and takes over the tag, if there is a new
    /// one); one that ended is started anew. Refuses with `Unavailable` when the queue is full.
    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<Vec<Enqueued>, StoreError>;
    /// Takes the job that has been due for longest and is not leased, until `now + lease`. No two
    /// callers get the same one; a lease that ran out counts as due.
    async fn claim(&self, lease: Duration, now: Timestamp) -> Result<Option<Job>, StoreError>;
    /// Extends the lease of a claimed job. Like the three below without effect on one that is not
    /// claimed: ids are never used again, so a worker that woke up late hits no later job.
    async fn renew(&self, id: i64, lease: Duration, now: Timestamp) -> Result<(), StoreError>;
    /// The job is done.
    async fn complete(&self, id: i64) -> Result<(), StoreError>;
    /// The job failed for now; it is due again at `due`.
    async fn retry(&self, id: i64, reason: &str, due: Timestamp) -> Result<(), StoreError>;
    /// The job failed for good; it becomes a dead letter whose body describes it as JSON.
    async fn bury(&self, id: i64, reason: &str, now: Timestamp) -> Result<(), StoreError>;
    /// When the next waiting job is due, leases included.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Depth and age of the queue.
    async fn queue_state(&self) -> Result<QueueState, StoreError>;

    /// Keeps an event that could not be understood; of all dead letters the oldest go.
    async fn save_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError>;
    /// The newest dead letters, newest first; at most [`caps::LIST_ROWS`].
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError>;

    /// Frees all leases: called at start by a store that only one process uses.
    async fn release_leases(&self) -> Result<(), StoreError>;
    /// A cheap question that fails when the store is gone.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A store shared between tasks.
pub type SharedStore = Arc<dyn Store>;
