//! Whatever is done to the queue, in whatever order: SQLite and memory say the same. The in-memory
//! store is simple enough to be believed.

use std::time::Duration;

use plimsoll::store::memory::MemoryStore;
use plimsoll::store::{Caps, NewJob, Store};
use proptest::prelude::*;

use super::{at, job, open};

/// One call. Numbers in front pick a job by the order of claims; it may have ended since.
#[derive(Debug, Clone)]
enum Call {
    Enqueue(Vec<(u32, Option<u32>)>),
    Claim(u64),
    Renew(usize, u64),
    Complete(usize),
    Retry(usize, i64),
    Bury(usize),
    Release,
}

fn call() -> impl Strategy<Value = Call> {
    let which = || 0..12_usize;
    prop_oneof![
        4 => prop::collection::vec((0..6_u32, prop::option::of(0..3_u32)), 0..4).prop_map(Call::Enqueue),
        6 => (0..20_u64).prop_map(Call::Claim),
        1 => (which(), 0..20_u64).prop_map(|(which, lease)| Call::Renew(which, lease)),
        2 => which().prop_map(Call::Complete),
        2 => (which(), -5..20_i64).prop_map(|(which, delay)| Call::Retry(which, delay)),
        1 => which().prop_map(Call::Bury),
        1 => Just(Call::Release),
    ]
}

/// A store and the jobs it handed out: two stores may number them differently.
struct Watched<S> {
    store: S,
    claimed: Vec<i64>,
}

impl<S: Store> Watched<S> {
    fn new(store: S) -> Self {
        Self { store, claimed: Vec::new() }
    }

    /// Makes the call at second `now` and says everything there is to see afterwards.
    async fn seen(&mut self, call: &Call, now: i64) -> String {
        let said = self.said(call, now).await;
        let due = self.store.next_due().await.unwrap();
        let state = self.store.queue_state().await.unwrap();
        format!("{said}\n{due:?} {state:?}\n{:?}", self.store.dead_letters(9).await.unwrap())
    }

    async fn said(&mut self, call: &Call, now: i64) -> String {
        let (store, now) = (&self.store, at(now));
        let id = |which: usize| self.claimed.get(which).copied().unwrap_or(-1);
        let seconds = Duration::from_secs;
        match call {
            Call::Enqueue(jobs) => {
                let jobs: Vec<_> = jobs.iter().map(tagged).collect();
                let enqueued = store.enqueue(&jobs, now).await;
                format!("{:?}", enqueued.map_err(|error| error.to_string()))
            }
            Call::Claim(lease) => {
                let claimed = store.claim(seconds(*lease), now).await.unwrap();
                self.claimed.extend(claimed.as_ref().map(|job| job.id));
                format!("{:?}", claimed.map(|job| (job.job, job.attempt, job.enqueued_at)))
            }
            Call::Renew(which, lease) => {
                format!("{:?}", store.renew(id(*which), seconds(*lease), now).await)
            }
            Call::Complete(which) => format!("{:?}", store.complete(id(*which)).await),
            Call::Retry(which, delay) => {
                let due = now + jiff::SignedDuration::from_secs(*delay);
                format!("{:?}", store.retry(id(*which), "later", due).await)
            }
            Call::Bury(which) => format!("{:?}", store.bury(id(*which), "never", now).await),
            Call::Release => format!("{:?}", store.release_leases().await),
        }
    }
}

fn tagged((number, tag): &(u32, Option<u32>)) -> NewJob {
    NewJob { tag: tag.map(|tag| tag.to_string()), ..job(*number) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sqlite_and_memory_say_the_same(calls in prop::collection::vec((call(), 0..8_i64), 1..60)) {
        let caps = Caps { jobs: 5, dead_letters: 4, ..Caps::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let differs = runtime.block_on(async {
            let (_folder, sqlite) = open(caps).await;
            let mut sqlite = Watched::new(sqlite);
            let mut memory = Watched::new(MemoryStore::with_caps(caps));
            let mut now = 0;
            for (call, later) in &calls {
                now += later;
                let (one, other) = (memory.seen(call, now).await, sqlite.seen(call, now).await);
                if one != other {
                    return Some(format!("{call:?} at {now}\nmemory: {one}\nsqlite: {other}"));
                }
            }
            None
        });
        prop_assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    }
}
