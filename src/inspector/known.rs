//! What needs no registry: facts and images kept in memory, and behind that in the store. A
//! store that fails costs speed and never an answer.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::model::{Digest, LayerFacts};
use crate::resolve::Resolved;
use crate::rules::around::Memo;
use crate::store::{SharedStore, StoreError};

/// Memory for layer facts, in bytes. Those of a torch layer take under 2 MiB.
const LAYER_BYTES: u64 = 32 << 20;
/// Memory for images, in bytes.
const IMAGE_BYTES: u64 = 16 << 20;

/// How many images' results over all entries are kept. Most take a few kilobytes.
const MEMOS: u64 = 256;

/// How long a store that failed is not asked.
const SICK_PAUSE: Duration = Duration::from_secs(5);

/// A cache over the store.
pub(super) struct Known {
    store: SharedStore,
    profile: String,
    layers: Cache<Digest, Arc<LayerFacts>>,
    images: Cache<Digest, Arc<Resolved>>,
    memos: Cache<Digest, Arc<Memo>>,
    sick_until: Mutex<Option<Instant>>,
}

impl Known {
    /// Facts made under `profile`.
    pub(super) fn new(store: SharedStore, profile: String) -> Self {
        let layers = Cache::builder()
            .max_capacity(LAYER_BYTES)
            .weigher(|_, facts: &Arc<LayerFacts>| layer_weight(facts))
            .build();
        let images = Cache::builder()
            .max_capacity(IMAGE_BYTES)
            .weigher(|_, image: &Arc<Resolved>| image_weight(image))
            .build();
        let memos = Cache::new(MEMOS);
        Self { store, profile, layers, images, memos, sick_until: Mutex::default() }
    }

    /// Facts of a layer, if any process sharing the store ever learned them.
    pub(super) async fn layer(&self, digest: &Digest) -> Option<Arc<LayerFacts>> {
        if let Some(facts) = self.layers.get(digest) {
            return Some(facts);
        }
        let facts = Arc::new(self.ask(self.store.layer_facts(&self.profile, digest)).await?);
        self.layers.insert(digest.clone(), Arc::clone(&facts));
        Some(facts)
    }

    /// What the store knows. After a failure it is left alone for a while: thirty layers must not
    /// wait one after the other for a disk that does not answer.
    async fn ask<T>(&self, call: impl Future<Output = Result<Option<T>, StoreError>>) -> Option<T> {
        let is_sick = || *self.sick_until.lock().unwrap_or_else(PoisonError::into_inner);
        if is_sick().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match call.await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "what is known cannot be read back");
                let until = Instant::now() + SICK_PAUSE;
                *self.sick_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
                None
            }
        }
    }

    /// Facts of a layer as far as this process has them in memory.
    pub(super) fn remembered_layer(&self, digest: &Digest) -> Option<Arc<LayerFacts>> {
        self.layers.get(digest)
    }

    /// Where results about the image of that digest are kept for the next judgement.
    pub(super) fn memo(&self, image: &Digest) -> Arc<Memo> {
        self.memos.get_with_by_ref(image, Arc::default)
    }

    /// Keeps facts in memory, for those who ask next.
    pub(super) fn remember_layer(&self, facts: &Arc<LayerFacts>) {
        self.layers.insert(facts.digest.clone(), Arc::clone(facts));
    }

    /// Keeps facts for good.
    pub(super) async fn save_layer(&self, facts: &LayerFacts) {
        if let Err(error) = self.store.save_layer_facts(&self.profile, facts).await {
            tracing::warn!(layer.digest = %facts.digest, %error, "layer facts cannot be kept");
        }
    }

    /// An image or index by digest.
    pub(super) async fn image(&self, digest: &Digest) -> Option<Arc<Resolved>> {
        if let Some(image) = self.images.get(digest) {
            return Some(image);
        }
        let json = self.ask(self.store.image(digest)).await?;
        // A record of another version reads as unknown: it is fetched again.
        let image: Resolved = serde_json::from_slice(&json).ok()?;
        if image.version != Resolved::VERSION {
            return None;
        }
        let image = Arc::new(image);
        self.images.insert(digest.clone(), Arc::clone(&image));
        Some(image)
    }

    /// Keeps an image or index in memory, for those who ask next.
    pub(super) fn remember_image(&self, image: &Arc<Resolved>) {
        self.images.insert(image.digest.clone(), Arc::clone(image));
    }

    /// Keeps an image or index for good.
    pub(super) async fn save_image(&self, image: &Resolved) {
        let saved = match serde_json::to_vec(image) {
            Ok(json) => self.store.save_image(&image.digest, &json).await,
            Err(error) => Err(StoreError::Damaged(error.to_string())),
        };
        if let Err(error) = saved {
            tracing::warn!(image.digest = %image.digest, %error, "image cannot be kept");
        }
    }
}

fn layer_weight(facts: &LayerFacts) -> u32 {
    const PER_FACT: usize = 400;
    let bytes = facts.listing.memory_bytes() + facts.facts.len() * PER_FACT + 200;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn image_weight(image: &Resolved) -> u32 {
    const PER_LAYER: usize = 1000;
    let layers: usize = image.images.iter().map(|image| image.manifest.layers.len() + 4).sum();
    u32::try_from(layers * PER_LAYER).unwrap_or(u32::MAX)
}
