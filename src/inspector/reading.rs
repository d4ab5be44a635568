//! The reading of one layer for all who wait for it: its turn, its time, how it ends, what is
//! kept of it.

use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::flight::{Flight, Landing};
use super::pipeline::{ReadError, read_layer};
use super::{Inner, Watcher};
use crate::metrics::{LayerResult, Phase};
use crate::model::{Cause, Descriptor, LayerFacts, Reference, Undecided};
use crate::registry::FetchError;
use crate::rules::unreadable_layer::{self, Defect};

/// One layer that is to be read.
pub(super) struct Reading {
    /// An image that has it.
    pub(super) reference: Reference,
    /// The layer.
    pub(super) blob: Descriptor,
    /// Those who wait.
    pub(super) flight: Arc<Flight>,
    /// Is told of bytes.
    pub(super) watcher: Arc<dyn Watcher>,
}

impl Inner {
    /// Reads one layer for all who wait, and keeps what was learned.
    pub(super) async fn fly(&self, reading: &Reading) {
        let Reading { blob, flight, .. } = reading;
        let Some(landing) = self.landing(reading).await else {
            return self.flights.land(&blob.digest, flight, None);
        };
        let lasting = match &landing {
            Landing::Whole(facts) => Some(Arc::clone(facts)),
            Landing::Mismatched(_) | Landing::Certain(_) | Landing::Failed(_) => None,
        };
        let result = if lasting.is_some() { LayerResult::Scanned } else { LayerResult::Failed };
        self.layer_was(result);
        // In memory before the flight leaves the list, so that nobody starts a second one.
        if let Some(facts) = &lasting {
            self.known.remember_layer(facts);
        }
        self.flights.land(&blob.digest, flight, Some(&landing));
        if let Some(facts) = lasting {
            self.known.save_layer(&facts).await;
        }
    }

    /// How the reading of one layer ends. `None` when nobody wanted to know any more.
    async fn landing(&self, reading: &Reading) -> Option<Landing> {
        let Reading { reference, blob, flight, .. } = reading;
        let turn = self.turns.take(reference.registry());
        let turn = flight.cancel.run_until_cancelled(turn).await?;
        self.parts.metrics.scan_inflight.inc();
        let outcome =
            tokio::time::timeout(self.parts.layer_timeout, self.read_twice(reading)).await;
        self.parts.metrics.scan_inflight.dec();
        drop(turn);
        match outcome {
            Ok(Ok(facts)) => Some(Landing::Whole(Arc::new(facts))),
            Ok(Err(ReadError::Stopped)) => None,
            Ok(Err(ReadError::Fetch(FetchError::Mismatch(detail)))) => {
                Some(Landing::Mismatched(Arc::new(mismatched(blob, &detail))))
            }
            Ok(Err(ReadError::Fetch(error))) => Some(Landing::Failed(error.into())),
            Err(_) => {
                flight.cancel.cancel();
                let detail = format!("a layer took too long to read: {}", blob.digest);
                Some(Landing::Failed(Undecided::new(Cause::Deadline, detail)))
            }
        }
    }

    /// Reads once more when the bytes were not those of the digest: a proxy may have mixed them
    /// up. The second time it is the registry's word that no runtime can pull this layer.
    async fn read_twice(&self, reading: &Reading) -> Result<LayerFacts, ReadError> {
        match self.read(reading).await {
            Err(ReadError::Fetch(FetchError::Mismatch(_))) => {
                reading.flight.restart();
                self.read(reading).await
            }
            read => read,
        }
    }

    async fn read(&self, reading: &Reading) -> Result<LayerFacts, ReadError> {
        let Reading { reference, blob, flight, watcher } = reading;
        let started = Instant::now();
        let opened = self.parts.registry.blob(reference, blob);
        // A registry that does not even begin to answer must not hold up the end.
        let opened = flight.cancel.run_until_cancelled(opened).await.ok_or(ReadError::Stopped)?;
        let stream = opened.map_err(ReadError::Fetch)?;
        self.took(Phase::Fetch, started);
        let started = Instant::now();
        let (counting, telling) = (Arc::clone(flight), Arc::clone(flight));
        let watcher = Arc::clone(watcher);
        let stream = stream.inspect(move |chunk| {
            let count = chunk.as_ref().map_or(0, bytes::Bytes::len);
            let count = u64::try_from(count).unwrap_or(0);
            watcher.bytes(count);
            counting.took(count);
        });
        let on_facts = Box::new(move |facts: &[_], known| telling.tell(facts, known));
        let limits = self.parts.limits.clone();
        let cancel = flight.cancel.clone();
        let facts = read_layer(stream.boxed(), blob.clone(), limits, on_facts, cancel).await;
        self.took(Phase::Scan, started);
        facts
    }
}

/// Facts of a layer whose stored bytes are not what its digest promises.
fn mismatched(blob: &Descriptor, detail: &str) -> LayerFacts {
    let mut facts = LayerFacts::empty(blob.digest.clone(), blob.size);
    facts.facts.push(unreadable_layer::defect(Defect::DigestMismatch, detail));
    facts.whole = true;
    facts
}
