//! An OCI image layout as a registry: a folder (skopeo's `oci:DIR[:TAG]`) or a tar archive of one
//! (`oci-archive:FILE[:TAG]`, what `docker buildx build -o type=oci` writes). Files are only ever
//! opened by the name of a parsed digest, so no document can lead out of it.
//! Source: OCI image-spec image-layout.md.

mod place;
mod referrers;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use self::place::Place;
use super::{BlobStream, FetchError, RawManifest, Referrers, Registry, local};
use crate::model::manifest::{Index, MAX_MANIFEST_BYTES};
use crate::model::{Descriptor, Digest, Document, Hasher, Reference};

/// Annotation that carries the tag of a manifest in `index.json`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The layout's list.
const INDEX: &str = "index.json";

/// An opened layout.
#[derive(Debug, Clone)]
pub struct OciLayout {
    place: Arc<Place>,
    /// What a reference without digest means.
    entry: RawManifest,
}

impl OciLayout {
    /// Opens a layout folder. `tag` picks one of its images; without one the only image is meant,
    /// or, where there are several, all of them.
    pub async fn open(
        dir: impl Into<PathBuf> + Send,
        tag: Option<&str>,
    ) -> Result<Self, FetchError> {
        let dir = dir.into();
        Self::in_place(move || Place::folder(dir), tag).await
    }

    /// Opens a layout in a tar archive, the same way.
    pub async fn open_archive(
        file: impl Into<PathBuf> + Send,
        tag: Option<&str>,
    ) -> Result<Self, FetchError> {
        let file = file.into();
        Self::in_place(move || Place::archive(&file), tag).await
    }

    async fn in_place(
        place: impl FnOnce() -> Result<Place, FetchError> + Send + 'static,
        tag: Option<&str>,
    ) -> Result<Self, FetchError> {
        let tag = tag.map(str::to_owned);
        local::blocking(move || {
            let place = Arc::new(place()?);
            let entry = entry(&place, tag.as_deref())?;
            Ok(Self { place, entry })
        })
        .await
        .map_err(hinting)
    }
}

/// What to do about a layout that makes no sense; other errors say it themselves.
fn hinting(error: FetchError) -> FetchError {
    match error {
        FetchError::Local(text) if !text.contains("hint:") => FetchError::Local(format!(
            "{text} (hint: write it anew, with `skopeo copy` or `docker buildx build -o type=oci`)"
        )),
        other => other,
    }
}

/// The layout's `index.json`, and its bytes.
fn index(place: &Place) -> Result<(Index, Bytes), FetchError> {
    let bytes = place.read(INDEX, MAX_MANIFEST_BYTES, INDEX)?;
    match Document::parse(&bytes) {
        Ok(Document::Index(index)) => Ok((index, bytes)),
        Ok(Document::Manifest(_)) => Err(place.broken("index.json is no index")),
        Err(error) => Err(place.broken(&error.to_string())),
    }
}

/// The tag of a manifest in `index.json`.
fn name(child: &Descriptor) -> Option<String> {
    child.annotations.get(REF_NAME).cloned()
}

fn entry(place: &Place, tag: Option<&str>) -> Result<RawManifest, FetchError> {
    let (index, bytes) = index(place)?;
    let chosen: Vec<&Descriptor> = index
        .manifests
        .iter()
        .filter(|child| tag.is_none_or(|tag| name(child).as_deref() == Some(tag)))
        .collect();
    match (chosen.as_slice(), tag) {
        ([only], _) => manifest(place, &only.digest),
        (_, None) => Ok(RawManifest { digest: Digest::of(&bytes), bytes }),
        ([], Some(tag)) => Err(FetchError::NotFound(format!(
            "no image `{tag}` in `{}` (hint: it has {})",
            place.path().display(),
            names(index.manifests.iter().filter_map(name)),
        ))),
        (_, Some(tag)) => Err(place.broken(&format!("several images are called `{tag}`"))),
    }
}

/// A few names for an error text.
pub(super) fn names(names: impl Iterator<Item = String>) -> String {
    let listed: Vec<String> = names.take(10).collect();
    if listed.is_empty() { "no names".to_owned() } else { listed.join(", ") }
}

/// Where a blob lies, seen from the layout's root.
fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

fn manifest(place: &Place, digest: &Digest) -> Result<RawManifest, FetchError> {
    let bytes = place.read(&blob_name(digest), MAX_MANIFEST_BYTES, "manifest")?;
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(&bytes);
    let found = hasher.finish();
    if found == *digest {
        return Ok(RawManifest { digest: found, bytes });
    }
    let path = place.path().display();
    Err(FetchError::Mismatch(format!("{path}: wanted {digest}, got {found}")))
}

#[async_trait]
impl Registry for OciLayout {
    async fn manifest(&self, reference: &Reference) -> Result<RawManifest, FetchError> {
        match reference.digest().cloned() {
            Some(digest) if digest != self.entry.digest => {
                let place = Arc::clone(&self.place);
                local::blocking(move || manifest(&place, &digest)).await
            }
            _ => Ok(self.entry.clone()),
        }
    }

    async fn blob(
        &self,
        _reference: &Reference,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError> {
        self.place.stream(&blob_name(&blob.digest), blob).await
    }

    async fn referrers(&self, _reference: &Reference, subject: &Digest) -> Referrers {
        let (place, subject) = (Arc::clone(&self.place), subject.clone());
        let found = local::blocking(move || Ok(referrers::find(&place, &subject))).await;
        found.unwrap_or_else(Referrers::missed)
    }
}
