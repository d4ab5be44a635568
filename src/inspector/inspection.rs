//! One question being answered: look up what is known, read the rest, stop when a denial is
//! certain or time is up, judge.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use tokio::time::Instant;

use super::flight::{Arrival, GRACE_BYTES, IsCertain, Landing, Ticket};
use super::reading::Reading;
use super::sought::{Learned, Sought};
use super::{Inspector, until};
use crate::metrics::{LayerResult, Phase};
use crate::model::{Cause, Descriptor, Digest, LayerFacts, Undecided, Verdict};
use crate::resolve::MAX_LAYERS;

/// Layers of one subject that are waited for at the same time.
const AT_ONCE: usize = 32;
/// Look-ups in the store at the same time.
const LOOKUPS: usize = 8;
/// How often a layer is asked for again because another caller's way to it failed.
const MOST_TRIES: u32 = 3;

/// The state of one question.
pub(super) struct Inspection {
    inspector: Inspector,
    sought: Arc<Sought>,
    deadline: Option<Instant>,
    learned: Learned,
    /// Whether a denial is certain.
    is_certain: bool,
}

/// What became of one layer that was waited for.
type Landed = (Descriptor, Ticket, Option<Landing>);

impl Inspection {
    /// Nothing is known yet; it took `bytes_read` to get here.
    pub(super) fn new(
        inspector: &Inspector,
        sought: Sought,
        deadline: Option<Instant>,
        bytes_read: u64,
    ) -> Self {
        let mut learned = Learned::default();
        learned.stats.bytes_read = bytes_read;
        let (inspector, sought) = (inspector.clone(), Arc::new(sought));
        Self { inspector, sought, deadline, learned, is_certain: false }
    }

    /// Answers the question.
    pub(super) async fn run(mut self) -> Verdict {
        if !self.is_denied().await {
            let missing = self.look_up().await;
            if !missing.is_empty() && !self.is_denied().await {
                self.read(missing).await;
            }
        }
        let started = Instant::now();
        let verdict = self.thinking(Sought::verdict).await;
        self.inspector.inner.took(Phase::Judge, started);
        verdict.unwrap_or_else(|| self.sought.late(&self.learned))
    }

    /// Runs what may take time off the threads that serve requests, if it does. `None` when time
    /// is up first; what was learned is lost then, but nobody needs it any more.
    async fn thinking<T: Send + 'static>(
        &mut self,
        think: impl FnOnce(&Sought, &mut Learned) -> T + Send + 'static,
    ) -> Option<T> {
        if !self.sought.is_heavy && !self.learned.budget.is_heavy() {
            return Some(think(&self.sought, &mut self.learned));
        }
        let sought = Arc::clone(&self.sought);
        let stats = self.learned.stats;
        let mut learned = std::mem::take(&mut self.learned);
        self.learned.stats = stats;
        let thought = tokio::task::spawn_blocking(move || (think(&sought, &mut learned), learned));
        let (thought, learned) = until(self.deadline, thought).await?.ok()?;
        self.learned = learned;
        Some(thought)
    }

    /// Whether a denial is certain by all that is known, and reading may stop at that.
    async fn is_denied(&mut self) -> bool {
        self.may_stop(|sought, learned| sought.is_denied(learned)).await
    }

    /// Whether reading may stop at a denial, and what is known denies.
    async fn may_stop(
        &mut self,
        is_denied: impl FnOnce(&Sought, &mut Learned) -> bool + Send + 'static,
    ) -> bool {
        !self.inspector.reads_all && self.thinking(is_denied).await.unwrap_or(false)
    }

    /// Takes what is known of the layers, from memory first; gives the others, smallest first.
    async fn look_up(&mut self) -> VecDeque<Descriptor> {
        let inner = Arc::clone(&self.inspector.inner);
        let known = &inner.known;
        let mut unsure = Vec::new();
        for blob in self.sought.layers() {
            match known.remembered_layer(&blob.digest) {
                Some(facts) => self.know(facts),
                None => unsure.push(blob.digest),
            }
        }
        let mut found = stream::iter(unsure)
            .map(|digest| async move { known.layer(&digest).await })
            .buffer_unordered(LOOKUPS);
        // What is not looked up in time is read, and the deadline met there.
        while let Some(Some(facts)) = until(self.deadline, found.next()).await {
            if let Some(facts) = facts {
                self.know(facts);
            }
        }
        drop(found);
        for _ in 0..self.learned.stats.layers_cached {
            self.inspector.inner.layer_was(LayerResult::Cached);
        }
        let is_unknown = |blob: &Descriptor| !self.learned.layers.contains_key(&blob.digest);
        let mut missing: Vec<Descriptor> =
            self.sought.layers().into_iter().filter(is_unknown).collect();
        missing.sort_by_key(|blob| blob.size);
        missing.into()
    }

    fn know(&mut self, facts: Arc<LayerFacts>) {
        let images = self.sought.count_with(&facts.digest);
        self.learned.know(facts, images);
    }

    /// Reads the missing layers until all are known, a denial is certain or time is up.
    async fn read(&mut self, mut waiting: VecDeque<Descriptor>) {
        // That many are a defect of the image; this is for policies that do not refuse it.
        if waiting.len() > MAX_LAYERS {
            let detail = format!("{} layers to read (limit {MAX_LAYERS})", waiting.len());
            return self.learned.miss(Undecided::new(Cause::Overloaded, detail));
        }
        let bytes = waiting.iter().fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
        let layers = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        self.inspector.watcher.layers_expected(layers, bytes);
        let mut tickets = Vec::new();
        let mut arrivals = FuturesUnordered::new();
        let mut tries = HashMap::new();
        loop {
            while arrivals.len() < AT_ONCE
                && let Some(blob) = waiting.pop_front()
            {
                let (ticket, arrival) = self.join(&blob);
                tickets.push((blob.clone(), ticket.clone()));
                arrivals.push(arrive(blob, ticket, arrival));
            }
            match until(self.deadline, arrivals.next()).await {
                Some(Some(landed)) => waiting.extend(self.take(landed, &mut tries).await),
                Some(None) => return,
                None => return self.learned.out_of_time(waiting.iter(), &tickets),
            }
            if self.is_certain {
                release_large(&tickets);
                waiting.retain(|blob| blob.size <= GRACE_BYTES);
            }
        }
    }

    /// Joins the reading of one layer, or starts it.
    fn join(&self, blob: &Descriptor) -> (Ticket, Arrival) {
        let Inspector { inner, watcher, .. } = &self.inspector;
        let is_certain =
            if self.inspector.reads_all { never() } else { self.sought.certainty(blob) };
        let known = || inner.known.remembered_layer(&blob.digest);
        inner.flights.join(&blob.digest, &is_certain, known, |flight| {
            let reading = Reading {
                reference: self.sought.question.reference.clone(),
                blob: blob.clone(),
                flight,
                watcher: Arc::clone(watcher),
            };
            let reader = Arc::clone(inner);
            inner.tasks.spawn(async move { reader.fly(&reading).await });
        })
    }

    /// Takes what became of a layer; gives it back when it has to be asked for again.
    async fn take(
        &mut self,
        (blob, ticket, landing): Landed,
        tries: &mut HashMap<Digest, u32>,
    ) -> Option<Descriptor> {
        let is_others = match &landing {
            None => true,
            // It failed from where another image is: from here it may work.
            Some(Landing::Failed(_) | Landing::Mismatched(_)) => !ticket.led,
            Some(Landing::Whole(_) | Landing::Certain(_)) => false,
        };
        if is_others && self.inspector.inner.stop.is_cancelled() {
            self.learned.miss(Undecided::new(Cause::Overloaded, "stopping"));
            return None;
        }
        let count = tries.entry(blob.digest.clone()).or_insert(0);
        *count += 1;
        if is_others && !self.is_certain && *count < MOST_TRIES {
            return Some(blob);
        }
        match landing {
            Some(landing) => {
                let images = self.sought.count_with(&blob.digest);
                self.learned.land(&blob, &ticket, landing, images);
            }
            None if self.is_certain => {}
            None => {
                let detail = format!("a layer was given up again and again: {}", blob.digest);
                self.learned.miss(Undecided::new(Cause::Overloaded, detail));
            }
        }
        self.inspector.watcher.layer_done();
        let denied = move |sought: &Sought, learned: &mut Learned| {
            sought.is_denied_by(learned, &blob.digest)
        };
        self.is_certain |= self.may_stop(denied).await;
        None
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

/// The test of one who wants every fact.
fn never() -> IsCertain {
    Arc::new(|_, _| false)
}

/// Waits for one flight's end, and remembers which it was.
async fn arrive(blob: Descriptor, ticket: Ticket, arrival: Arrival) -> Landed {
    let landing = arrival.await.ok();
    (blob, ticket, landing)
}
