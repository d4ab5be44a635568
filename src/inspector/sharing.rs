//! One answer for all who ask the same thing at the same time. Knows nothing of what is asked.
//! Answers are not kept: whoever asks after the end asks anew.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// Questions that are being answered.
pub(super) struct Sharing<K, T: Clone>(Mutex<HashMap<K, WeakShared<BoxFuture<'static, T>>>>);

impl<K, T: Clone> Default for Sharing<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, T: Clone + Send + 'static> Sharing<K, T> {
    /// The answer that somebody else waits for already, else that of `ask`; and whether it was
    /// this caller who asked. The work goes on as long as anybody waits.
    pub(super) async fn answer<F>(&self, key: &K, ask: impl FnOnce() -> F) -> (T, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (asked, led) = self.join(key, ask);
        let answer = asked.clone().await;
        // The others hold the same answer; the next one has to ask again.
        let mut running = self.lock();
        if running.get(key).and_then(WeakShared::upgrade).is_some_and(|now| now.ptr_eq(&asked)) {
            running.remove(key);
        }
        (answer, led)
    }

    fn join<F>(&self, key: &K, ask: impl FnOnce() -> F) -> (Shared<BoxFuture<'static, T>>, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.lock();
        if let Some(asked) = running.get(key).and_then(WeakShared::upgrade) {
            return (asked, false);
        }
        let asked = ask().boxed().shared();
        if let Some(weak) = asked.downgrade() {
            running.insert(key.clone(), weak);
        }
        (asked, true)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, WeakShared<BoxFuture<'static, T>>>> {
        // A panic under the lock leaves plain data that is still consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_asks_together_asks_once() {
        let sharing = Sharing::<&str, u32>::default();
        let asked = Arc::new(AtomicU32::new(0));
        let ask = || {
            let asked = Arc::clone(&asked);
            async move {
                tokio::task::yield_now().await;
                asked.fetch_add(1, Ordering::Relaxed)
            }
        };
        let (first, second) = tokio::join!(sharing.answer(&"a", ask), sharing.answer(&"a", ask));
        assert_eq!((first, second), ((0, true), (0, false)));
        assert_eq!(sharing.answer(&"a", ask).await, (1, true));
        assert_eq!(sharing.answer(&"b", ask).await, (2, true));
        assert!(sharing.lock().is_empty());
    }

    #[tokio::test]
    async fn one_who_goes_away_stops_nothing() {
        let sharing = Sharing::<&str, u32>::default();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let mut leader = Box::pin(sharing.answer(&"a", || async { answered.await.unwrap() }));
        assert!(futures_util::poll!(leader.as_mut()).is_pending());
        let mut follower = Box::pin(sharing.answer(&"a", || async { 0 }));
        assert!(futures_util::poll!(follower.as_mut()).is_pending());
        drop(leader);
        answer.send(7).unwrap();
        assert_eq!(follower.await, (7, false));
        assert!(sharing.lock().is_empty());
    }
}
