//! The base images that policies name, resolved as images are. Their layers are known by diff
//! ids, which stay the same when a registry compresses them anew.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keeping::Keeping;
use super::{Inner, Inspector, until};
use crate::model::Reference;
use crate::policy::{Platforms, Policy};
use crate::rules::around::Base;

/// How long a base image holds: its tag may move, but seldom does.
const HOLDS: Duration = Duration::from_hours(1);
/// How long one that could not be had is left alone.
const PAUSE: Duration = Duration::from_mins(1);
/// Base images that are resolved at the same time.
const AT_ONCE: usize = 8;
/// Memory for base images, in bytes.
const MEMORY_BYTES: u64 = 4 << 20;

/// A base as it is written, and the platforms that a registry may not lack.
type Key = (String, Platforms);

/// Base images by name.
pub(super) struct Bases {
    known: Keeping<Key, Base>,
    turns: Semaphore,
}

impl Default for Bases {
    fn default() -> Self {
        Self { known: Keeping::new(MEMORY_BYTES, weight), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Inspector {
    /// Looks up the base images that a policy names, in the background, so that no question has
    /// to wait for them. For the start and for a changed configuration: all of them, because what
    /// could not be had before may be listed now.
    pub fn prepare(&self, policy: &Policy) {
        let inner = self.bases_inner();
        inner.surroundings.bases.known.age();
        for name in policy.needs().bases {
            // The task goes on by itself.
            drop(inner.look_up_base((name, policy.platforms.clone())));
        }
    }

    /// Base images, each known or with the reason why not.
    pub(super) async fn bases(
        &self,
        names: &[String],
        platforms: &Platforms,
        halfway: Option<Instant>,
    ) -> Arc<[Base]> {
        let one = |name: &String| self.base((name.clone(), platforms.clone()), halfway);
        join_all(names.iter().map(one)).await.into()
    }

    /// One of them. Only one that was never asked for is waited for.
    async fn base(&self, key: Key, halfway: Option<Instant>) -> Base {
        let inner = self.bases_inner();
        let (last, is_fresh) = inner.surroundings.bases.known.last(&key).unzip();
        if let (Some(base), Some(true)) = (&last, is_fresh) {
            return base.clone();
        }
        let name = key.0.clone();
        let looked_up = inner.look_up_base(key);
        if let Some(base) = last {
            return base;
        }
        match until(halfway, looked_up).await {
            Some(Ok(Some(base))) => base,
            _ => Base { name, diff_ids: Err("it is still being looked up".to_owned()) },
        }
    }
}

impl Inner {
    fn look_up_base(self: &Arc<Self>, key: Key) -> JoinHandle<Option<Base>> {
        let inner = Arc::clone(self);
        self.unless_stopped(async move {
            let (fetcher, wanted) = (Arc::clone(&inner), key.clone());
            let fetch = || async move { fetcher.fetch_base(wanted).await };
            inner.surroundings.bases.known.ask(&key, fetch).await
        })
    }

    /// A base image, and how long that holds. One that cannot be had now stays what it was: a
    /// registry that is down must open no door.
    async fn fetch_base(self: &Arc<Self>, key: Key) -> (Base, Duration) {
        let Bases { known, turns } = &self.surroundings.bases;
        let _turn = turns.acquire().await;
        let error = match self.diff_ids(&key.0, &key.1).await {
            Ok(diff_ids) => return (Base { name: key.0, diff_ids: Ok(diff_ids) }, HOLDS),
            Err(error) => error,
        };
        tracing::warn!(base = key.0, error, "base image cannot be looked up");
        match known.last(&key) {
            Some((base, _)) if base.diff_ids.is_ok() => (base, PAUSE),
            _ => (Base { name: key.0, diff_ids: Err(error) }, PAUSE),
        }
    }

    async fn diff_ids(
        self: &Arc<Self>,
        name: &str,
        platforms: &Platforms,
    ) -> Result<Vec<Vec<String>>, String> {
        let reference: Reference = name.parse().map_err(|error| format!("{error}"))?;
        let resolved = self.resolve(&reference, platforms).await;
        let (resolved, _) = resolved.map_err(|error| error.to_string())?;
        let images = resolved.images.iter().map(|image| image.config.diff_ids.clone());
        let diff_ids: Vec<_> = images.filter(|diff_ids| !diff_ids.is_empty()).collect();
        if diff_ids.is_empty() {
            Err("no layers are listed in it".to_owned())
        } else {
            Ok(diff_ids)
        }
    }
}

fn weight(base: &Base) -> u32 {
    const PER_LAYER: usize = 120;
    let layers: usize = base.diff_ids.iter().flatten().map(Vec::len).sum();
    u32::try_from(300 + layers * PER_LAYER).unwrap_or(u32::MAX)
}
