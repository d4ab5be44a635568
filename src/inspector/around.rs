//! What has to be asked of a registry for a rule's sake, beyond the image itself: what refers to
//! it, and the base images that a policy names. Both can change, so neither goes into the store.
//!
//! Nobody waits for it longer than half of their time: the layers need the rest. What comes too
//! late is kept for who asks next.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bases::Bases;
use super::evidence::Evidences;
use super::{Inner, Inspector};
use crate::judge::Question;
use crate::model::{Digest, Image};
use crate::resolve::Resolved;
use crate::rules::Around;

/// What is known of registries beyond images.
#[derive(Default)]
pub(super) struct Surroundings {
    pub(super) bases: Bases,
    pub(super) evidence: Evidences,
}

impl Inspector {
    /// What is known of the images beyond their layers.
    pub(super) async fn around(
        &self,
        question: &Question,
        resolved: &Arc<Resolved>,
        deadline: Option<Instant>,
    ) -> HashMap<Digest, Around> {
        let needs = question.needs();
        let halfway = deadline.map(halfway);
        let platforms = &question.policy.platforms;
        let (bases, evidence) = tokio::join!(
            self.bases(&needs.bases, platforms, halfway),
            self.evidence(question, resolved, needs.evidence, halfway)
        );
        let of = |image: &Image| Around {
            memo: self.inner.known.memo(&image.digest),
            bases: Arc::clone(&bases),
            evidence: evidence.as_ref().and_then(|known| known.get(&image.digest).cloned()),
        };
        resolved.images.iter().map(|image| (image.digest.clone(), of(image))).collect()
    }
}

/// Half of the time that is left.
fn halfway(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

impl Inner {
    /// A task that goes on when nobody waits for it. It gives nothing when it was stopped.
    pub(super) fn unless_stopped<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let inner = Arc::clone(self);
        self.tasks.spawn(async move { inner.stop.run_until_cancelled(work).await })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_layers_get_half_of_the_time() {
        let now = Instant::now();
        assert_eq!(halfway(now + Duration::from_secs(10)), now + Duration::from_secs(5));
        assert_eq!(halfway(now), now);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(halfway(now), Instant::now());
    }
}
