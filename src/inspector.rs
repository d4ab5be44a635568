//! The story: a subject becomes a verdict. Resolve, look up, read what is unknown, judge; and
//! answer as soon as a denial is certain. Decides nothing itself (that is `judge`) and knows no
//! protocol (that is `receive` and `answer`).

mod around;

mod bases;

mod budget;

mod evidence;

mod flight;

mod inspection;

mod keeping;

mod known;

mod pipeline;

mod reading;

mod record;

mod resolving;

mod sharing;

mod sought;

mod turns;

pub use record::Asker;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::around::Surroundings;
use self::flight::Flights;
use self::inspection::Inspection;
use self::known::Known;
use self::resolving::Resolving;
use self::sought::Sought;
use self::turns::Turns;
use crate::judge::Question;
use crate::metrics::{LayerResult, Metrics, Phase};
use crate::model::{Cause, Undecided, Verdict};
use crate::registry::{FetchError, SharedRegistry};
use crate::resolve::Resolved;
use crate::scan::Limits;
use crate::store::SharedStore;

/// Longest wait for work in the background at the end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// What an inspector works with.
pub struct Parts {
    /// Where images are read from.
    pub registry: SharedRegistry,
    /// What outlives the process.
    pub store: SharedStore,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Caps on a layer.
    pub limits: Limits,
    /// Layers read at the same time.
    pub concurrency: usize,
    /// Longest time for one layer, waiting for a turn not included.
    pub layer_timeout: Duration,
}

/// Takes questions and yields verdicts. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Inspector {
    inner: Arc<Inner>,
    watcher: Arc<dyn Watcher>,
    /// Whose registry the base images are in, where the images are elsewhere.
    bases_from: Option<Arc<Inner>>,
    /// Whether layers are read to their end, also when a denial is certain.
    reads_all: bool,
}

/// Is told how the reading of layers gets on, for progress bars.
pub trait Watcher: Send + Sync {
    /// So many layers have to be read, of so many stored bytes in total.
    fn layers_expected(&self, layers: u64, bytes: u64);
    /// One of them is done with.
    fn layer_done(&self);
    /// Stored bytes of a layer arrived.
    fn bytes(&self, count: u64);
}

/// Watches nothing.
struct Unwatched;

impl Watcher for Unwatched {
    fn layers_expected(&self, _layers: u64, _bytes: u64) {}
    fn layer_done(&self) {}
    fn bytes(&self, _count: u64) {}
}

struct Inner {
    parts: Parts,
    known: Known,
    flights: Flights,
    resolving: Resolving,
    surroundings: Surroundings,
    turns: Turns,
    tasks: TaskTracker,
    /// Parent of all flights' tokens.
    stop: CancellationToken,
}

impl Inspector {
    /// An inspector that knows nothing yet but what is in the store.
    pub fn new(parts: Parts) -> Self {
        let known = Known::new(Arc::clone(&parts.store), parts.limits.profile());
        let turns = Turns::new(parts.concurrency);
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let flights = Flights::new(stop.clone());
        let resolving = Resolving::default();
        let surroundings = Surroundings::default();
        let inner = Inner { parts, known, flights, resolving, surroundings, turns, tasks, stop };
        let watcher = Arc::new(Unwatched);
        Self { inner: Arc::new(inner), watcher, bases_from: None, reads_all: false }
    }

    /// The same, but base images are looked up by another one: a folder with an image does not
    /// have the base it was built on, and would give the image itself for it.
    #[must_use]
    pub fn with_bases_of(self, other: &Self) -> Self {
        Self { bases_from: Some(Arc::clone(other.bases_inner())), ..self }
    }

    fn bases_inner(&self) -> &Arc<Inner> {
        self.bases_from.as_ref().unwrap_or(&self.inner)
    }

    /// The same, with somebody who is told how it gets on.
    #[must_use]
    pub fn watched_by(self, watcher: Arc<dyn Watcher>) -> Self {
        Self { watcher, ..self }
    }

    /// The same, but every layer is read to its end if `reads_all`, also when a denial is certain:
    /// for those who want to know all that is wrong, not whether something is.
    #[must_use]
    pub fn reading_all(self, reads_all: bool) -> Self {
        Self { reads_all, ..self }
    }

    /// Ends the reading of layers, and waits for what is being written down. Call it last.
    pub async fn finish(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        // What cannot be ended (a thread in the middle of a file) must not hold up the process.
        if tokio::time::timeout(FINISH_TIMEOUT, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!("work that does not end is left behind");
        }
    }

    /// Judges one subject. Always answers; what could not be learned until `deadline` is
    /// undecided, while the work goes on and its result is kept.
    pub async fn inspect(&self, question: &Question, deadline: Option<Instant>) -> Verdict {
        let started = Instant::now();
        let mut verdict = match self.resolve(question, deadline).await {
            Ok((resolved, bytes_read)) => {
                let around = self.around(question, &resolved, deadline).await;
                let sought = Sought::new(question.clone(), &resolved, around);
                Inspection::new(self, sought, deadline, bytes_read).run().await
            }
            Err(undecided) => question.judge(None, &[], vec![undecided]),
        };
        verdict.stats.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        verdict
    }

    /// The images of a subject, and the bytes it took to learn them. Runs as a task of its own:
    /// a caller that runs out of time must not undo what is half done.
    async fn resolve(
        &self,
        question: &Question,
        deadline: Option<Instant>,
    ) -> Result<(Arc<Resolved>, u64), Undecided> {
        let inner = Arc::clone(&self.inner);
        let question = question.clone();
        let task = self.inner.tasks.spawn(async move {
            let started = Instant::now();
            let resolving = inner.resolve(&question.reference, &question.policy.platforms);
            let resolved = inner.stop.run_until_cancelled(resolving).await;
            let resolved =
                resolved.unwrap_or_else(|| Err(FetchError::Unreachable("stopped".into())));
            inner.took(Phase::Resolve, started);
            resolved
        });
        match until(deadline, task).await {
            Some(Ok(resolved)) => resolved.map_err(Undecided::from),
            Some(Err(_)) => Err(Undecided::new(Cause::Overloaded, "resolving broke off")),
            None => Err(Undecided::new(Cause::Deadline, "time ran out while resolving the image")),
        }
    }
}

impl Inner {
    fn took(&self, phase: Phase, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        self.parts.metrics.phase_seconds.with((phase,)).observe(seconds);
    }

    fn layer_was(&self, result: LayerResult) {
        self.parts.metrics.layers_total.with((result,)).inc();
    }
}

/// Awaits until a deadline; `None` when it passed first.
async fn until<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
