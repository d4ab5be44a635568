//! An OCI image layout folder as a registry (skopeo's `oci:DIR[:TAG]`). Files are only ever
//! opened by the name of a parsed digest, so no document can lead out of the folder.
//! Source: OCI image-spec image-layout.md.

mod referrers;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;

use super::{BlobStream, FetchError, RawManifest, Referrers, Registry, local};
use crate::model::manifest::{Index, MAX_MANIFEST_BYTES};
use crate::model::{Descriptor, Digest, Document, Hasher, Reference};

/// Annotation that carries the tag of a manifest in `index.json`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An opened layout folder.
#[derive(Debug, Clone)]
pub struct OciLayout {
    dir: PathBuf,
    /// What a reference without digest means.
    entry: RawManifest,
}

impl OciLayout {
    /// Opens a layout. `tag` picks one of its images; without one the only image is meant, or,
    /// where there are several, all of them.
    pub async fn open(
        dir: impl Into<PathBuf> + Send,
        tag: Option<&str>,
    ) -> Result<Self, FetchError> {
        let (dir, tag) = (dir.into(), tag.map(str::to_owned));
        local::blocking(move || {
            let entry = entry(&dir, tag.as_deref())?;
            Ok(Self { dir, entry })
        })
        .await
    }
}

fn broken(dir: &Path, what: &str) -> FetchError {
    FetchError::Local(format!("not an OCI layout: {what}: `{}`", dir.display()))
}

/// The layout's `index.json`, and its bytes.
fn index(dir: &Path) -> Result<(Index, Bytes), FetchError> {
    let bytes = local::read_whole(&dir.join("index.json"), MAX_MANIFEST_BYTES, "index.json")?;
    match Document::parse(&bytes) {
        Ok(Document::Index(index)) => Ok((index, bytes)),
        Ok(Document::Manifest(_)) => Err(broken(dir, "index.json is no index")),
        Err(error) => Err(broken(dir, &error.to_string())),
    }
}

/// The tag of a manifest in `index.json`.
fn name(child: &Descriptor) -> Option<String> {
    child.annotations.get(REF_NAME).cloned()
}

fn entry(dir: &Path, tag: Option<&str>) -> Result<RawManifest, FetchError> {
    let (index, bytes) = index(dir)?;
    let chosen: Vec<&Descriptor> = index
        .manifests
        .iter()
        .filter(|child| tag.is_none_or(|tag| name(child).as_deref() == Some(tag)))
        .collect();
    match (chosen.as_slice(), tag) {
        ([only], _) => manifest(dir, &only.digest),
        (_, None) => Ok(RawManifest { digest: Digest::of(&bytes), bytes }),
        ([], Some(tag)) => Err(FetchError::NotFound(format!(
            "no image `{tag}` in `{}` (hint: it has {})",
            dir.display(),
            names(index.manifests.iter().filter_map(name)),
        ))),
        (_, Some(tag)) => Err(broken(dir, &format!("several images are called `{tag}`"))),
    }
}

/// A few names for an error text.
pub(super) fn names(names: impl Iterator<Item = String>) -> String {
    let listed: Vec<String> = names.take(10).collect();
    if listed.is_empty() { "no names".to_owned() } else { listed.join(", ") }
}

fn blob_path(dir: &Path, digest: &Digest) -> PathBuf {
    dir.join("blobs").join(digest.algorithm().name()).join(digest.hex())
}

fn manifest(dir: &Path, digest: &Digest) -> Result<RawManifest, FetchError> {
    let bytes: Bytes = local::read_whole(&blob_path(dir, digest), MAX_MANIFEST_BYTES, "manifest")?;
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(&bytes);
    let found = hasher.finish();
    if found == *digest {
        Ok(RawManifest { digest: found, bytes })
    } else {
        Err(FetchError::Mismatch(format!("{}: wanted {digest}, got {found}", dir.display())))
    }
}

#[async_trait]
impl Registry for OciLayout {
    async fn manifest(&self, reference: &Reference) -> Result<RawManifest, FetchError> {
        match reference.digest().cloned() {
            Some(digest) if digest != self.entry.digest => {
                let dir = self.dir.clone();
                local::blocking(move || manifest(&dir, &digest)).await
            }
            _ => Ok(self.entry.clone()),
        }
    }

    async fn blob(
        &self,
        _reference: &Reference,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError> {
        local::stream_file(blob_path(&self.dir, &blob.digest), 0, None, blob).await
    }
    async fn referrers(&self, _reference: &Reference, subject: &Digest) -> Referrers {
        let (dir, subject) = (self.dir.clone(), subject.clone());
        let found = local::blocking(move || Ok(referrers::find(&dir, &subject))).await;
        found.unwrap_or_else(Referrers::missed)
    }
}
