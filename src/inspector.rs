//! The story: a subject becomes a verdict. Resolve, look up, read what is unknown, judge; and
//! answer as soon as a denial is certain. Decides nothing itself (that is `judge`) and knows no
//! protocol (that is `receive` and `answer`).

mod flight;

mod known;

mod learned;

mod pipeline;

mod reading;

mod record;

mod resolving;

mod sharing;

pub use record::Asker;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::flight::{Arrival, Flights, GRACE_BYTES, Landing, Ticket};
use self::known::Known;
use self::learned::{Learned, certainty};
use self::reading::Reading;
use self::resolving::Resolving;
use crate::judge::Question;
use crate::metrics::{LayerResult, Metrics, Phase};
use crate::model::{Cause, Descriptor, Image, Undecided, Verdict};
use crate::registry::{FetchError, SharedRegistry};
use crate::resolve::Resolved;
use crate::scan::Limits;
use crate::store::SharedStore;

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
pub struct Inspector(Arc<Inner>, Arc<dyn Watcher>);

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
    turns: Semaphore,
    tasks: TaskTracker,
    /// Parent of all flights' tokens.
    stop: CancellationToken,
}

impl Inspector {
    /// An inspector that knows nothing yet but what is in the store.
    pub fn new(parts: Parts) -> Self {
        let known = Known::new(Arc::clone(&parts.store), parts.limits.profile());
        let turns = Semaphore::new(parts.concurrency.max(1));
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let flights = Flights::new(stop.clone());
        let resolving = Resolving::default();
        let inner = Inner { parts, known, flights, resolving, turns, tasks, stop };
        Self(Arc::new(inner), Arc::new(Unwatched))
    }

    /// The same, with somebody who is told how it gets on.
    #[must_use]
    pub fn watched_by(self, watcher: Arc<dyn Watcher>) -> Self {
        Self(self.0, watcher)
    }

    /// Ends the reading of layers, and waits for what is being written down. Call it last.
    pub async fn finish(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Judges one subject. Always answers; what could not be learned until `deadline` is
    /// undecided, while the work goes on and its result is kept.
    pub async fn inspect(&self, question: &Question, deadline: Option<Instant>) -> Verdict {
        let started = Instant::now();
        let mut verdict = match self.resolve(question, deadline).await {
            Ok((resolved, bytes_read)) => {
                let mut learned = Learned::default();
                learned.stats.bytes_read = bytes_read;
                self.inspect_images(question, &resolved, deadline, learned).await
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
        let inner = Arc::clone(&self.0);
        let question = question.clone();
        let task = self.0.tasks.spawn(async move {
            let started = Instant::now();
            let resolved = inner.stop.run_until_cancelled(inner.resolve(&question)).await;
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

    async fn inspect_images(
        &self,
        question: &Question,
        resolved: &Resolved,
        deadline: Option<Instant>,
        mut learned: Learned,
    ) -> Verdict {
        let mut images = resolved.wanted(&question.policy.platforms);
        if images.is_empty() {
            // It runs on none of the wanted platforms; it may still run on another.
            images = resolved.images.iter().collect();
        }
        if !learned.is_denied(question, &images) {
            let missing = self.look_up(&images, &mut learned).await;
            if !missing.is_empty() && !learned.is_denied(question, &images) {
                self.read(question, &images, missing, deadline, &mut learned).await;
            }
        }
        let started = Instant::now();
        let undecided = std::mem::take(&mut learned.undecided);
        let mut verdict =
            question.judge(Some(resolved.digest.clone()), &learned.judgeable(&images), undecided);
        self.0.took(Phase::Judge, started);
        verdict.stats = learned.stats;
        verdict
    }

    /// Takes what is known of the layers; gives the others, smallest first.
    async fn look_up(&self, images: &[&Image], learned: &mut Learned) -> Vec<Descriptor> {
        let mut missing: Vec<Descriptor> = Vec::new();
        for blob in images.iter().flat_map(|image| &image.manifest.layers) {
            let is_repeated = learned.layers.contains_key(&blob.digest)
                || missing.iter().any(|other| other.digest == blob.digest);
            if is_repeated {
                continue;
            }
            if let Some(facts) = self.0.known.layer(&blob.digest).await {
                learned.stats.layers_cached += 1;
                self.0.layer_was(LayerResult::Cached);
                learned.layers.insert(blob.digest.clone(), facts);
            } else {
                missing.push(blob.clone());
            }
        }
        missing.sort_by_key(|blob| blob.size);
        missing
    }

    /// Reads the missing layers until all are known, a denial is certain or time is up.
    async fn read(
        &self,
        question: &Question,
        images: &[&Image],
        missing: Vec<Descriptor>,
        deadline: Option<Instant>,
        learned: &mut Learned,
    ) {
        let bytes = missing.iter().fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
        self.1.layers_expected(u64::try_from(missing.len()).unwrap_or(u64::MAX), bytes);
        let shared = Arc::new(question.clone());
        let mut tickets = Vec::new();
        let mut arrivals = FuturesUnordered::new();
        let board = |blob: Descriptor| {
            let (ticket, arrival) = self.join(&shared, images, &blob);
            ((blob.clone(), ticket.clone()), arrive(blob, ticket, arrival))
        };
        for (ticket, arrival) in missing.into_iter().map(board) {
            tickets.push(ticket);
            arrivals.push(arrival);
        }
        let mut is_denied = false;
        loop {
            match until(deadline, arrivals.next()).await {
                // Released, or given up by others just as we joined.
                Some(Some((_, _, None))) if is_denied => {}
                Some(Some((blob, _, None))) => {
                    let (ticket, arrival) = board(blob);
                    tickets.push(ticket);
                    arrivals.push(arrival);
                }
                Some(Some((blob, ticket, Some(landing)))) => {
                    learned.land(&blob, &ticket, landing);
                    self.1.layer_done();
                    if !is_denied && learned.is_denied(question, images) {
                        is_denied = true;
                        release_large(&tickets);
                    }
                }
                Some(None) => return,
                None => return learned.out_of_time(&tickets),
            }
        }
    }

    /// Joins the reading of one layer, or starts it.
    fn join(
        &self,
        question: &Arc<Question>,
        images: &[&Image],
        blob: &Descriptor,
    ) -> (Ticket, Arrival) {
        let is_certain = certainty(question, images, blob);
        let known = || self.0.known.remembered_layer(&blob.digest);
        self.0.flights.join(&blob.digest, &is_certain, known, |flight| {
            let Self(inner, watcher) = self.clone();
            let (reference, blob) = (question.reference.clone(), blob.clone());
            self.0.tasks.spawn(async move {
                inner.fly(&Reading { reference, blob, flight, watcher }).await;
            });
        })
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

/// A denial is certain: nobody here needs the other layers any more, but for those so small that
/// telling what else is wrong costs nothing.
fn release_large(tickets: &[(Descriptor, Ticket)]) {
    const SMALL_IN_TOTAL: u64 = 8 * GRACE_BYTES;
    let mut kept = 0_u64;
    for (blob, ticket) in tickets {
        kept = kept.saturating_add(blob.size);
        if blob.size > GRACE_BYTES || kept > SMALL_IN_TOTAL {
            ticket.release();
        }
    }
}

/// Waits for one flight's end, and remembers which it was.
async fn arrive(
    blob: Descriptor,
    ticket: Ticket,
    arrival: Arrival,
) -> (Descriptor, Ticket, Option<Landing>) {
    let landing = arrival.await.ok();
    (blob, ticket, landing)
}

/// Awaits until a deadline; `None` when it passed first.
async fn until<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
