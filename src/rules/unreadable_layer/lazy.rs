//! Lazy loading: the indexes of eStargz and zstd:chunked that agree with their archive, and file
//! systems that are mounted instead of unpacked.
//!
//! A manifest names the index that lazy runtimes believe by its digest, in an annotation of the
//! layer. A layer has the facts of the indexes found in it, so the two meet only when an image is
//! judged: an index that is named must be one that was compared. Without the annotation runtimes
//! unpack the archive.

use super::{Defect, ID};
use crate::model::image::Layer;
use crate::model::{Digest, Entry, EntryKind, Fact, Finding, LayerFacts, Level};

/// Fact about an index that agrees with the archive.
pub(super) const KIND: &str = "lazy-index";
/// Annotations that name an index: eStargz and the stargz snapshotter's zstd:chunked by the digest
/// of the JSON, the others by that of the compressed frame.
const ANNOTATIONS: [&str; 3] = [
    "containerd.io/snapshot/stargz/toc.digest",
    "io.github.containers.zstd-chunked.manifest-checksum",
    "io.containers.zstd-chunked.manifest-checksum",
];

/// Name of Nydus's bootstrap, and how its two versions begin: RAFS v5, and EROFS behind the first
/// kilobyte.
const BOOTSTRAP: &str = "image/image.boot";
const RAFS: &[u8] = b"SFAR";
const EROFS: &[u8] = &[0xe2, 0xe1, 0xf5, 0xe0];
const EROFS_AT: usize = 1024;

/// An index for lazy loading that says what the archive says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LazyIndex {
    /// Digest of its JSON.
    pub digest: Digest,
    /// Digest of the JSON as it is stored, where it is compressed by itself.
    pub stored: Option<Digest>,
}

/// The fact about an index that agrees.
pub fn lazy_index(index: &LazyIndex) -> Fact {
    let fact = Fact::new(ID, KIND, "", 0).with("digest", index.digest.to_string());
    match &index.stored {
        Some(stored) => fact.with("stored", stored.to_string()),
        None => fact,
    }
}

/// A layer whose manifest names an index that was not found in it.
pub(super) fn unbound(layer: Layer<'_>, facts: &LayerFacts) -> Option<Finding> {
    let known: Vec<&Fact> =
        facts.facts.iter().filter(|fact| fact.rule == ID && fact.kind == KIND).collect();
    let is_known = |digest: &&String| {
        let is = |fact: &&Fact, name| fact.particular(name) == Some(digest.as_str());
        known.iter().any(|fact| is(fact, "digest") || is(fact, "stored"))
    };
    let annotations = &layer.descriptor.annotations;
    let mut named = ANNOTATIONS.iter().filter_map(|name| annotations.get(*name));
    if !facts.whole || named.all(|digest| is_known(&digest)) {
        return None;
    }
    let (defect, index) = (Defect::TocDisagreement, layer.index);
    let message = format!("layer {index} {}: the manifest names another one", defect.words());
    Some(Finding::new(ID, Level::Deny, message, defect.fix()).in_layer(layer))
}

/// Whether an entry is the bootstrap of a Nydus image.
pub(super) fn is_nydus(entry: &Entry<'_>, head: &[u8]) -> bool {
    let is_named = entry.kind == EntryKind::File && entry.path == BOOTSTRAP;
    let is_erofs = || head.get(EROFS_AT..).is_some_and(|head| head.starts_with(EROFS));
    is_named && (head.starts_with(RAFS) || is_erofs())
}
