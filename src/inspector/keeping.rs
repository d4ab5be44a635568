//! Answers of registries that change: asked for once by all who want to know, kept for a while,
//! in memory only and bounded. Knows nothing of what is asked.

use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use super::sharing::Sharing;

/// An answer, and until when it is not asked for again.
type Kept<T> = (T, Instant);

/// Answers by what was asked.
pub(super) struct Keeping<K, T: Clone> {
    kept: Cache<K, Kept<T>>,
    asking: Sharing<K, T>,
}

impl<K, T> Keeping<K, T>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Keeps answers of `most` weight together.
    pub(super) fn new(most: u64, weight: fn(&T) -> u32) -> Self {
        let cache = Cache::builder().max_capacity(most);
        let kept = cache.weigher(move |_, (answer, _): &Kept<T>| weight(answer)).build();
        Self { kept, asking: Sharing::default() }
    }

    /// What was answered last, and whether it still holds.
    pub(super) fn last(&self, key: &K) -> Option<(T, bool)> {
        let (answer, until) = self.kept.get(key)?;
        Some((answer, Instant::now() < until))
    }

    /// The answer, of which `ask` says how long it holds: not at all with zero. Unless somebody
    /// asks already.
    pub(super) async fn ask<F>(&self, key: &K, ask: impl FnOnce() -> F) -> T
    where
        F: Future<Output = (T, Duration)> + Send + 'static,
    {
        let (kept, key_of_it) = (self.kept.clone(), key.clone());
        let work = || {
            let asked = ask();
            async move {
                let (answer, lifetime) = asked.await;
                // Before the answer is given: whoever comes next must find it here or there.
                match Instant::now().checked_add(lifetime) {
                    Some(until) if !lifetime.is_zero() => {
                        kept.insert(key_of_it, (answer.clone(), until));
                    }
                    _ => {}
                }
                answer
            }
        };
        self.asking.answer(key, work).await.0
    }

    /// Lets every answer count as old. It is still what was answered last.
    pub(super) fn age(&self) {
        let now = Instant::now();
        for (key, (answer, _)) in &self.kept {
            self.kept.insert((*key).clone(), (answer, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn keeping() -> Keeping<&'static str, u32> {
        Keeping::new(100, |_| 1)
    }

    async fn ask(keeping: &Keeping<&'static str, u32>, answer: u32, lifetime: Duration) -> u32 {
        keeping.ask(&"a", || async move { (answer, lifetime) }).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_its_time() {
        let keeping = keeping();
        assert_eq!(keeping.last(&"a"), None);
        assert_eq!(ask(&keeping, 1, MINUTE).await, 1);
        assert_eq!(keeping.last(&"a"), Some((1, true)));
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert_eq!(keeping.last(&"a"), Some((1, true)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(keeping.last(&"a"), Some((1, false)));
        assert_eq!(ask(&keeping, 2, MINUTE).await, 2);
        assert_eq!(keeping.last(&"a"), Some((2, true)));
        keeping.age();
        assert_eq!(keeping.last(&"a"), Some((2, false)));
    }

    #[tokio::test]
    async fn an_answer_that_does_not_hold_is_not_kept() {
        let keeping = keeping();
        assert_eq!(ask(&keeping, 1, Duration::ZERO).await, 1);
        assert_eq!(keeping.last(&"a"), None);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let keeping = Keeping::<u32, u32>::new(10, |_| 1);
        for key in 0..100 {
            keeping.ask(&key, || async move { (key, MINUTE) }).await;
        }
        keeping.kept.run_pending_tasks();
        assert!(keeping.kept.entry_count() <= 10);
    }
}
