//! Whose turn it is to read a layer. Their number bounds memory and CPU; a single registry gets
//! at most half of them, so that one that answers slowly, or not at all, cannot stop the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Registries remembered before those without a reader are forgotten.
const MAX_IDLE: usize = 64;

/// Turns to read.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    by_registry: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A turn; dropping it ends it.
pub(super) struct Turn {
    _of_registry: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
    /// Keeps the registry's turns remembered while one is taken.
    _registry: Arc<Semaphore>,
}

impl Turns {
    /// So many at once; at least one.
    pub(super) fn new(count: usize) -> Self {
        let count = count.max(1);
        Self {
            all: Arc::new(Semaphore::new(count)),
            each: count.div_ceil(2),
            by_registry: Mutex::default(),
        }
    }

    /// Waits for a turn to read from `registry`. `None` never happens: the turns are not closed.
    pub(super) async fn take(&self, registry: &str) -> Option<Turn> {
        let of_this = self.of(registry);
        // The registry's first: whoever waits for a slow one must not hold a turn of all.
        let of_registry = Arc::clone(&of_this).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _of_registry: of_registry, _of_all: of_all, _registry: of_this })
    }

    fn of(&self, registry: &str) -> Arc<Semaphore> {
        let mut known = self.by_registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = known.get(registry).and_then(Weak::upgrade) {
            return turns;
        }
        if known.len() >= MAX_IDLE {
            known.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(self.each));
        known.insert(registry.to_owned(), Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_registry_cannot_take_all_turns() {
        let turns = Turns::new(4);
        let slow = [turns.take("slow").await.unwrap(), turns.take("slow").await.unwrap()];
        assert!(turns.take("slow").now_or_never().is_none());
        let others = [turns.take("a").await, turns.take("b").await];
        assert!(turns.take("c").now_or_never().is_none());
        drop(others);
        drop(slow);
        assert!(turns.take("slow").now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_single_turn_is_for_anybody() {
        let turns = Turns::new(0);
        drop(turns.take("a").await);
        assert!(turns.take("b").now_or_never().is_some());
    }
}
