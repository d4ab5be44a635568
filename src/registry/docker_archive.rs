//! A `docker save` archive as a registry (skopeo's `docker-archive:FILE[:REF]`). Its
//! `manifest.json` becomes an OCI manifest; layers are read where they lie in the file. Sizes
//! are those in the archive, whose layers are mostly not compressed, so they are larger than in
//! a registry.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::tar_index::{Kind, Stretch, TarIndex};
use super::{BlobStream, FetchError, RawManifest, Referrers, Registry, layout, local};
use crate::model::digest::Algorithm;
use crate::model::manifest::{MAX_LAYERS, MAX_MANIFEST_BYTES, OCI_MANIFEST};
use crate::model::{Descriptor, Digest, Hasher, Reference};

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const KIND: Kind = Kind { name: "a docker archive", writer: "docker save" };
const HASH_CHUNK_BYTES: usize = 128 * 1024;

/// One image of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default, deserialize_with = "crate::model::manifest::null_as_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "crate::model::manifest::null_as_default")]
    layers: Vec<String>,
}

/// An opened archive.
#[derive(Debug, Clone)]
pub struct DockerArchive {
    path: PathBuf,
    manifest: RawManifest,
    blobs: Arc<BTreeMap<Digest, Stretch>>,
}

impl DockerArchive {
    /// Opens an archive and hashes its layers. `reference` picks one of several images.
    pub async fn open(
        file: impl Into<PathBuf> + Send,
        reference: Option<&str>,
    ) -> Result<Self, FetchError> {
        let (file, reference) = (file.into(), reference.map(str::to_owned));
        local::blocking(move || open(file, reference.as_deref())).await
    }
}

fn open(path: PathBuf, reference: Option<&str>) -> Result<DockerArchive, FetchError> {
    let index = TarIndex::read(&path, KIND)?;
    let saved = choose(&index, reference)?;
    if saved.layers.len() > MAX_LAYERS {
        return Err(index.broken(&format!("more than {MAX_LAYERS} layers")));
    }
    let mut blobs = BTreeMap::new();
    let mut describe = |name: &str, config: bool| -> Result<serde_json::Value, FetchError> {
        let stretch = index.file(name)?;
        let (digest, head) = hash(&index, stretch)?;
        blobs.insert(digest.clone(), stretch);
        let media_type = if config { OCI_CONFIG.to_owned() } else { layer_type(&head) };
        Ok(json!({"mediaType": media_type, "digest": digest, "size": stretch.size}))
    };
    let config = describe(&saved.config, true)?;
    let layers = saved
        .layers
        .iter()
        .map(|name| describe(name, false))
        .collect::<Result<Vec<_>, FetchError>>()?;
    let document = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": config, "layers": layers});
    let bytes = Bytes::from(document.to_string());
    let manifest = RawManifest { digest: Digest::of(&bytes), bytes };
    Ok(DockerArchive { path, manifest, blobs: Arc::new(blobs) })
}

fn choose(index: &TarIndex, reference: Option<&str>) -> Result<Saved, FetchError> {
    if !index.has("manifest.json") {
        let hint = if index.has("index.json") {
            " (hint: it is an OCI layout in an archive, `oci-archive:FILE`)"
        } else {
            ""
        };
        return Err(index.broken(&format!("there is no `manifest.json`{hint}")));
    }
    let bytes = index.read_file("manifest.json", MAX_MANIFEST_BYTES, "manifest.json")?;
    let mut images: Vec<Saved> = serde_json::from_slice(&bytes)
        .map_err(|error| index.broken(&format!("manifest.json: {error}")))?;
    let tags: Vec<String> =
        images.iter().flat_map(|image| image.repo_tags.iter().cloned()).collect();
    if let Some(wanted) = reference {
        images.retain(|image| image.repo_tags.iter().any(|tag| same_image(tag, wanted)));
    }
    let count = images.len();
    match (images.pop(), count) {
        (Some(image), 1) => Ok(image),
        (_, count) => Err(FetchError::NotFound(format!(
            "{count} images match in `{}` (hint: name one of {})",
            index.path().display(),
            layout::names(tags.into_iter()),
        ))),
    }
}

/// Whether a tag of the archive and a wanted reference name the same image.
fn same_image(tag: &str, wanted: &str) -> bool {
    let parsed = |text: &str| text.parse::<Reference>().ok();
    tag == wanted || parsed(tag).is_some_and(|tag| Some(tag) == parsed(wanted))
}

fn hash(index: &TarIndex, stretch: Stretch) -> Result<(Digest, Vec<u8>), FetchError> {
    let mut reader = index.reader(stretch)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; HASH_CHUNK_BYTES];
    let mut head = Vec::new();
    let mut total: u64 = 0;
    loop {
        let read =
            reader.read(&mut buffer).map_err(|error| local::unreadable(index.path(), &error))?;
        let chunk = buffer.get(..read).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        if head.len() < 4 {
            head.extend(chunk.iter().take(4));
        }
        hasher.update(chunk);
        total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    if total == stretch.size {
        Ok((hasher.finish(), head))
    } else {
        Err(index.broken("the archive ends within a layer"))
    }
}

/// Only for people: whoever unpacks looks at the bytes again.
fn layer_type(head: &[u8]) -> String {
    match head {
        [0x1f, 0x8b, ..] => format!("{OCI_LAYER}+gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => format!("{OCI_LAYER}+zstd"),
        _ => OCI_LAYER.to_owned(),
    }
}

#[async_trait]
impl Registry for DockerArchive {
    async fn manifest(&self, reference: &Reference) -> Result<RawManifest, FetchError> {
        match reference.digest() {
            Some(digest) if *digest != self.manifest.digest => Err(FetchError::NotFound(format!(
                "no manifest {digest} in `{}`",
                self.path.display()
            ))),
            _ => Ok(self.manifest.clone()),
        }
    }

    async fn blob(
        &self,
        _reference: &Reference,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError> {
        let stretch = self.blobs.get(&blob.digest).ok_or_else(|| {
            FetchError::NotFound(format!("no blob {} in `{}`", blob.digest, self.path.display()))
        })?;
        local::stream_file(self.path.clone(), stretch.offset, Some(stretch.size), blob).await
    }
    /// The format has no place for any.
    async fn referrers(&self, _reference: &Reference, _subject: &Digest) -> Referrers {
        Referrers::default()
    }
}
