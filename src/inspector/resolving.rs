//! From a reference to images, as the engine does it: what is known is not fetched, what many
//! ask for at once (the fifty pods of one rollout) is fetched once.

use std::sync::Arc;

use jiff::Timestamp;

use super::Inner;
use super::sharing::Sharing;
use crate::model::{Digest, Reference};
use crate::policy::Platforms;
use crate::registry::FetchError;
use crate::resolve::{Resolved, resolve};

/// A digest and the bytes it took to learn it.
type Bound = Result<(Digest, u64), FetchError>;
/// Images and the bytes it took to learn them.
type Learned = Result<(Arc<Resolved>, u64), FetchError>;

/// What is being resolved now: tags by reference, digests by reference and wanted platforms.
#[derive(Default)]
pub(super) struct Resolving {
    tags: Sharing<Reference, Bound>,
    images: Sharing<(Reference, Platforms), Learned>,
}

impl Inner {
    /// The images of a subject, and the bytes that this caller's asking took.
    pub(super) async fn resolve(
        self: &Arc<Self>,
        reference: &Reference,
        platforms: &Platforms,
    ) -> Learned {
        let (digest, tag_bytes) = self.digest(reference).await?;
        let (reference, platforms) = (reference.at(&digest), platforms.clone());
        let key = (reference.clone(), platforms.clone());
        let inner = Arc::clone(self);
        let learn = || async move { inner.images(&reference, &digest, &platforms).await };
        let (learned, led) = self.resolving.images.answer(&key, learn).await;
        let (resolved, bytes) = learned?;
        Ok((resolved, tag_bytes + if led { bytes } else { 0 }))
    }

    /// What a reference names now.
    async fn digest(self: &Arc<Self>, reference: &Reference) -> Bound {
        if let Some(digest) = reference.digest() {
            return Ok((digest.clone(), 0));
        }
        let (inner, tagged) = (Arc::clone(self), reference.clone());
        let ask = || async move { inner.look_up_tag(&tagged).await };
        let (bound, led) = self.resolving.tags.answer(reference, ask).await;
        bound.map(|(digest, bytes)| (digest, if led { bytes } else { 0 }))
    }

    async fn look_up_tag(&self, reference: &Reference) -> Bound {
        let manifest = self.parts.registry.manifest(reference).await?;
        self.bind_tag(reference, &manifest.digest);
        let bytes = u64::try_from(manifest.bytes.len()).unwrap_or(u64::MAX);
        Ok((manifest.digest, bytes))
    }

    async fn images(
        self: &Arc<Self>,
        reference: &Reference,
        digest: &Digest,
        platforms: &Platforms,
    ) -> Learned {
        // What was absent when somebody with other wishes asked may be there by now; if it still
        // is not, `resolve` says so.
        if let Some(known) = self.known.image(digest).await
            && !known.is_passing
            && known.lacks(platforms).is_none()
        {
            return Ok((known, 0));
        }
        let resolved = Arc::new(resolve(&*self.parts.registry, reference, platforms).await?);
        self.known.remember_image(&resolved);
        if resolved.is_lasting() {
            let (inner, kept) = (Arc::clone(self), Arc::clone(&resolved));
            self.tasks.spawn(async move { inner.known.save_image(&kept).await });
        }
        let bytes = resolved.bytes_read;
        Ok((resolved, bytes))
    }

    /// Writes down what a tag names. Nobody waits for it: a store that hangs costs no answer.
    fn bind_tag(&self, reference: &Reference, digest: &Digest) {
        let Some(tag) = reference.tag() else { return };
        let (name, tag, digest) = (reference.name(), tag.to_owned(), digest.clone());
        let (store, at) = (Arc::clone(&self.parts.store), Timestamp::now());
        self.tasks.spawn(async move {
            if let Err(error) = store.bind_tag(&name, &tag, &digest, at).await {
                tracing::warn!(name, tag, %error, "tag binding cannot be kept");
            }
        });
    }
}
