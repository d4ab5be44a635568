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
        let Some((landing, is_lasting)) = self.landing(reading).await else {
            return self.flights.land(&blob.digest, flight, None);
        };
        let lasting = match &landing {
            Landing::Whole(facts) if is_lasting => Some(Arc::clone(facts)),
            Landing::Whole(_) | Landing::Certain(_) | Landing::Failed(_) => None,
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

    /// How the reading of one layer ends, and whether it is true for good. `None` when nobody
    /// wanted to know any more.
    async fn landing(&self, reading: &Reading) -> Option<(Landing, bool)> {
        let Reading { blob, flight, .. } = reading;
        let turn = tokio::select! {
            () = flight.cancel.cancelled() => return None,
            turn = self.turns.acquire() => turn,
        };
        self.parts.metrics.scan_inflight.inc();
        let started = Instant::now();
        let outcome = tokio::time::timeout(self.parts.layer_timeout, self.read(reading)).await;
        self.parts.metrics.scan_inflight.dec();
        self.took(Phase::Scan, started);
        drop(turn);
        match outcome {
            Ok(Ok(facts)) => Some((Landing::Whole(Arc::new(facts)), true)),
            Ok(Err(ReadError::Stopped)) => None,
            // The registry holds something else under that digest: no runtime can pull it.
            Ok(Err(ReadError::Fetch(FetchError::Mismatch(detail)))) => {
                Some((Landing::Whole(Arc::new(mismatched(blob, &detail))), false))
            }
            Ok(Err(ReadError::Fetch(error))) => Some((Landing::Failed(error.into()), false)),
            Err(_) => {
                flight.cancel.cancel();
                let detail = format!("a layer took too long to read: {}", blob.digest);
                Some((Landing::Failed(Undecided::new(Cause::Deadline, detail)), false))
            }
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
        read_layer(stream.boxed(), blob.clone(), limits, on_facts, flight.cancel.clone()).await
    }
}

/// Facts of a layer whose stored bytes are not what its digest promises.
fn mismatched(blob: &Descriptor, detail: &str) -> LayerFacts {
    let mut facts = LayerFacts::empty(blob.digest.clone(), blob.size);
    facts.facts.push(unreadable_layer::defect(Defect::DigestMismatch, detail));
    facts.whole = true;
    facts
}
