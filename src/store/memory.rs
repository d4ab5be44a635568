//! A store that lives as long as its process: for `plimsoll check` and for tests. Keeps to the same
//! contract and the same caps as the durable ones, durability excepted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::caps::{LETTER_BODY_BYTES, LIST_ROWS, REASON_BYTES, RECORD_BYTES, cut, kept, lease_end};
use super::{Caps, DeadLetter, Enqueued, Job, NewJob, QueueState, Store, StoreError};
use crate::model::{Digest, LayerFacts, Verdict};

/// See the module.
#[derive(Default)]
pub struct MemoryStore {
    caps: Caps,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    layers: Newest<(String, Digest), LayerFacts>,
    images: Newest<Digest, Vec<u8>>,
    tags: Newest<(String, String), (Digest, Timestamp)>,
    verdicts: VecDeque<Verdict>,
    letters: VecDeque<DeadLetter>,
    jobs: BTreeMap<i64, Row>,
    last_id: i64,
}

struct Row {
    job: NewJob,
    running: bool,
    attempts: u32,
    enqueued_at: Timestamp,
    /// When it may be claimed next; while it runs, the end of its lease.
    due: Timestamp,
}

/// A map that forgets what was written longest ago.
struct Newest<K, V> {
    values: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K, V> Default for Newest<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }
}

impl<K: Hash + Eq + Clone, V> Newest<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    fn put(&mut self, key: K, value: V, cap: u32) {
        self.next += 1;
        self.order.insert(self.next, key.clone());
        if let Some((old, _)) = self.values.insert(key, (self.next, value)) {
            self.order.remove(&old);
        }
        while exceeds(self.values.len(), cap) {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.values.remove(&oldest);
        }
    }
}

fn exceeds(length: usize, cap: u32) -> bool {
    usize::try_from(cap).is_ok_and(|cap| length > cap)
}

fn push_newest<T>(log: &mut VecDeque<T>, item: T, cap: u32) {
    log.push_front(item);
    while exceeds(log.len(), cap) {
        log.pop_back();
    }
}

fn newest<T: Clone>(log: &VecDeque<T>, limit: u32) -> Vec<T> {
    log.iter().take(usize::try_from(limit.min(LIST_ROWS)).unwrap_or(0)).cloned().collect()
}

impl MemoryStore {
    /// An empty store with the default caps.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with other caps.
    pub fn with_caps(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// A panic elsewhere left the state whole: no method of this file can panic halfway.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue(&mut self, job: &NewJob, now: Timestamp) -> Enqueued {
        let same = |row: &&mut Row| {
            (&row.job.registry, &row.job.repository, &row.job.digest)
                == (&job.registry, &job.repository, &job.digest)
        };
        if let Some(row) = self.jobs.values_mut().find(same) {
            row.job.tag = job.tag.clone().or_else(|| row.job.tag.take());
            return Enqueued::Duplicate;
        }
        self.last_id += 1;
        let (job, now) = (job.clone(), kept(now));
        let row = Row { job, running: false, attempts: 0, enqueued_at: now, due: now };
        self.jobs.insert(self.last_id, row);
        Enqueued::New
    }

    fn new_among(&self, jobs: &[NewJob]) -> usize {
        let key = |job: &NewJob| (job.registry.clone(), job.repository.clone(), job.digest.clone());
        let mut keys: std::collections::HashSet<_> = jobs.iter().map(key).collect();
        for row in self.jobs.values() {
            keys.remove(&key(&row.job));
        }
        keys.len()
    }

    fn claim(&mut self, lease: Duration, now: Timestamp) -> Option<Job> {
        let due = |(_, row): &(&i64, &mut Row)| row.due <= now;
        let (id, row) = self.jobs.iter_mut().filter(due).min_by_key(|(id, row)| (row.due, **id))?;
        row.running = true;
        row.attempts = row.attempts.saturating_add(1);
        row.due = kept(lease_end(now, lease));
        Some(Job {
            id: *id,
            job: row.job.clone(),
            attempt: row.attempts,
            enqueued_at: row.enqueued_at,
        })
    }

    fn running(&mut self, id: i64) -> Option<&mut Row> {
        self.jobs.get_mut(&id).filter(|row| row.running)
    }

    /// Takes a running job out of the queue.
    fn end(&mut self, id: i64) -> Option<Row> {
        self.running(id)?;
        self.jobs.remove(&id)
    }

    fn keep_letter(&mut self, letter: &DeadLetter, cap: u32) {
        let letter = DeadLetter {
            receiver: letter.receiver.clone(),
            reason: cut(&letter.reason, REASON_BYTES).to_owned(),
            body: cut(&letter.body, LETTER_BODY_BYTES).to_owned(),
            at: kept(letter.at),
        };
        push_newest(&mut self.letters, letter, cap);
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn layer_facts(
        &self,
        profile: &str,
        digest: &Digest,
    ) -> Result<Option<LayerFacts>, StoreError> {
        let key = (profile.to_owned(), digest.clone());
        let facts = self.state().layers.get(&key).cloned();
        Ok(facts.filter(|facts| facts.version == LayerFacts::VERSION))
    }

    async fn save_layer_facts(&self, profile: &str, facts: &LayerFacts) -> Result<(), StoreError> {
        let key = (profile.to_owned(), facts.digest.clone());
        self.state().layers.put(key, facts.clone(), self.caps.layers);
        Ok(())
    }

    async fn image(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().images.get(digest).cloned())
    }

    async fn save_image(&self, digest: &Digest, json: &[u8]) -> Result<(), StoreError> {
        if json.len() > RECORD_BYTES {
            return Err(StoreError::TooLarge { bytes: json.len(), limit: RECORD_BYTES });
        }
        self.state().images.put(digest.clone(), json.to_vec(), self.caps.images);
        Ok(())
    }

    async fn bind_tag(
        &self,
        name: &str,
        tag: &str,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = (name.to_owned(), tag.to_owned());
        let mut state = self.state();
        if state.tags.get(&key).is_none_or(|(_, known)| *known <= kept(at)) {
            state.tags.put(key, (digest.clone(), kept(at)), self.caps.tags);
        }
        Ok(())
    }

    async fn tag(&self, name: &str, tag: &str) -> Result<Option<(Digest, Timestamp)>, StoreError> {
        Ok(self.state().tags.get(&(name.to_owned(), tag.to_owned())).cloned())
    }

    async fn log_verdict(
        &self,
        _source: &str,
        verdict: &Verdict,
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        push_newest(&mut self.state().verdicts, verdict.clone(), self.caps.verdicts);
        Ok(())
    }

    async fn verdicts(&self, limit: u32) -> Result<Vec<Verdict>, StoreError> {
        Ok(newest(&self.state().verdicts, limit))
    }

    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<Vec<Enqueued>, StoreError> {
        let mut state = self.state();
        if exceeds(state.jobs.len() + state.new_among(jobs), self.caps.jobs) {
            return Err(StoreError::queue_full(self.caps.jobs));
        }
        Ok(jobs.iter().map(|job| state.enqueue(job, now)).collect())
    }

    async fn claim(&self, lease: Duration, now: Timestamp) -> Result<Option<Job>, StoreError> {
        Ok(self.state().claim(lease, now))
    }

    async fn renew(&self, id: i64, lease: Duration, now: Timestamp) -> Result<(), StoreError> {
        if let Some(row) = self.state().running(id) {
            row.due = kept(lease_end(now, lease));
        }
        Ok(())
    }

    async fn complete(&self, id: i64) -> Result<(), StoreError> {
        self.state().end(id);
        Ok(())
    }

    async fn retry(&self, id: i64, _reason: &str, due: Timestamp) -> Result<(), StoreError> {
        if let Some(row) = self.state().running(id) {
            (row.running, row.due) = (false, kept(due));
        }
        Ok(())
    }

    async fn bury(&self, id: i64, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(row) = state.end(id) {
            let letter = DeadLetter::of_job(&row.job, row.attempts, reason, now);
            state.keep_letter(&letter, self.caps.dead_letters);
        }
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state().jobs.values().map(|row| row.due).min())
    }

    async fn queue_state(&self) -> Result<QueueState, StoreError> {
        let state = self.state();
        Ok(QueueState {
            depth: u64::try_from(state.jobs.len()).unwrap_or(u64::MAX),
            oldest: state.jobs.values().map(|row| row.enqueued_at).min(),
            dead: u64::try_from(state.letters.len()).unwrap_or(u64::MAX),
        })
    }

    async fn save_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.state().keep_letter(letter, self.caps.dead_letters);
        Ok(())
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(newest(&self.state().letters, limit))
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        for row in self.state().jobs.values_mut().filter(|row| row.running) {
            (row.running, row.due) = (false, row.enqueued_at);
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
