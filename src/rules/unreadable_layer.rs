//! `unreadable-layer`: layers that cannot be read to their end, or that two readers could read
//! differently.
//!
//! # What it finds
//! Defects that the scanner met while reading, layer types that no tar reader understands, and
//! content that lies outside the registry.
//!
//! # Why it matters
//! What cannot be read cannot be passed: every other rule is blind there.
//!
//! # What to do instead
//! Build and push the image again with a current builder.

mod descriptor;
mod lazy;

pub use self::lazy::{LazyIndex, lazy_index};
use super::{Meta, Rule, Seen, Settings, Want};
use crate::model::image::Layer;
use crate::model::{Entry, Fact, Finding, LayerFacts, Level, RuleId};
use crate::scan::Limits;

/// The rule.
pub struct UnreadableLayer;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("unreadable-layer");

static META: Meta = Meta {
    id: ID,
    title: "layer cannot be read",
    what: "Reads every layer to its end and reports what stands in the way: truncated or damaged \
        archives, data behind the end, decompression bombs, paths that leave the root, headers \
        that two readers understand differently, data that belongs to no file, indexes for lazy \
        loading (eStargz, zstd:chunked) that list other files than the archive, sizes beyond the \
        caps. From the manifest: unknown and encrypted layer types, layers with `urls`, \
        lazy-loading blobs without a tar archive.",
    why: "What cannot be read cannot be passed. A layer that the scanner and the container \
        runtime read differently is a way past every other rule.",
    fix: "Build the image again with a current builder (BuildKit, Buildah) and push it as plain \
        OCI layers: tar, with gzip or zstd.",
    level: Level::Deny,
    settings: &[],
};

/// What can be wrong with a layer's bytes. The scanner records these with [`defect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// The layer ends in the middle of an entry or of the compressed stream.
    Truncated,
    /// The bytes are no tar archive.
    NotATar,
    /// The compressed stream is damaged.
    DecompressionFailed,
    /// Compressed with a method that is not read.
    UnknownCompression,
    /// Something stands behind the end of the archive or of the compressed stream.
    TrailingData,
    /// Two headers of one entry contradict each other, so two readers see two files.
    HeaderDisagreement,
    /// A path leaves the root with `..`.
    PathEscape,
    /// An entry in a sparse format, which readers expand differently.
    SparseEntry,
    /// An entry that runtimes refuse or take for different things.
    AmbiguousEntry,
    /// The index for lazy loading says something else than the archive.
    TocDisagreement,
    /// Bytes in the blob that belong to no file.
    HiddenData,
    /// The layer's only file is a file system of its own, which lazy runtimes mount instead.
    NestedFileSystem,
    /// The layer grows far more than honest data does.
    BombRatio,
    /// The layer unpacks to more bytes than are read.
    TooManyBytes,
    /// The layer has more entries than are read.
    TooManyEntries,
    /// More facts for one rule than are kept: a flood could hide the one that matters.
    TooManyFacts,
    /// A file packed in so many others that it is not looked into.
    PackedTooDeep,
    /// A path that Linux could not open.
    PathTooLong,
    /// The bytes are not those the manifest names.
    DigestMismatch,
    /// The blob is longer or shorter than the manifest says.
    SizeMismatch,
}

impl Defect {
    /// Every defect.
    pub const ALL: &'static [Self] = &[
        Self::Truncated,
        Self::NotATar,
        Self::DecompressionFailed,
        Self::UnknownCompression,
        Self::TrailingData,
        Self::HeaderDisagreement,
        Self::PathEscape,
        Self::SparseEntry,
        Self::AmbiguousEntry,
        Self::TocDisagreement,
        Self::HiddenData,
        Self::NestedFileSystem,
        Self::BombRatio,
        Self::TooManyBytes,
        Self::TooManyEntries,
        Self::TooManyFacts,
        Self::PackedTooDeep,
        Self::PathTooLong,
        Self::DigestMismatch,
        Self::SizeMismatch,
    ];

    /// The word kept in facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotATar => "not-a-tar",
            Self::DecompressionFailed => "decompression-failed",
            Self::UnknownCompression => "unknown-compression",
            Self::TrailingData => "trailing-data",
            Self::HeaderDisagreement => "header-disagreement",
            Self::PathEscape => "path-escape",
            Self::SparseEntry => "sparse-entry",
            Self::AmbiguousEntry => "ambiguous-entry",
            Self::TocDisagreement => "toc-disagreement",
            Self::HiddenData => "hidden-data",
            Self::NestedFileSystem => "nested-file-system",
            Self::BombRatio => "bomb-ratio",
            Self::TooManyBytes => "too-many-bytes",
            Self::TooManyEntries => "too-many-entries",
            Self::TooManyFacts => "too-many-facts",
            Self::PackedTooDeep => "packed-too-deep",
            Self::PathTooLong => "path-too-long",
            Self::DigestMismatch => "digest-mismatch",
            Self::SizeMismatch => "size-mismatch",
        }
    }

    /// The defect of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|defect| defect.as_str() == word)
    }

    /// What is wrong, as the end of "layer N ...".
    fn words(self) -> &'static str {
        match self {
            Self::Truncated => "ends in the middle",
            Self::NotATar => "is no tar archive",
            Self::DecompressionFailed => "cannot be decompressed",
            Self::UnknownCompression => "is compressed with an unknown method",
            Self::TrailingData => "has data behind its end, which some readers unpack",
            Self::HeaderDisagreement => "has an entry whose headers contradict each other",
            Self::PathEscape => "has a path that leaves the root",
            Self::SparseEntry => "has a sparse entry, which readers expand differently",
            Self::AmbiguousEntry => "has an entry that runtimes refuse or take differently",
            Self::TocDisagreement => "has an index for lazy loading that is not that of its files",
            Self::HiddenData => "carries data that belongs to no file",
            Self::NestedFileSystem => "holds a file system whose files a tar reader does not see",
            Self::BombRatio => "grows like a decompression bomb",
            Self::TooManyBytes => "unpacks to more bytes than are read",
            Self::TooManyEntries => "has more entries than are read",
            Self::TooManyFacts => "has more suspicious files than are kept",
            Self::PackedTooDeep => "has a file that is packed too deep to look into",
            Self::PathTooLong => "has a path longer than Linux can open",
            Self::DigestMismatch => "is not the content that the manifest names",
            Self::SizeMismatch => "is not as long as the manifest says",
        }
    }

    /// What to do instead.
    fn fix(self) -> &'static str {
        match self {
            Self::Truncated | Self::DigestMismatch | Self::SizeMismatch => {
                "push the image again; if it happens again, check the registry's storage and any \
                 proxy in front of it"
            }
            Self::BombRatio | Self::TooManyBytes | Self::TooManyEntries => {
                "keep generated data, sparse files and datasets out of the image; mount them \
                 instead"
            }
            Self::SparseEntry => {
                "write the file without holes (`cp --sparse=never`) and build again"
            }
            Self::TocDisagreement => {
                "convert the image again with a current tool (`nerdctl image convert --estargz`, \
                 `skopeo copy --dest-compress-format zstd:chunked`), or push it as plain layers"
            }
            Self::NestedFileSystem => NESTED_FIX,
            Self::PathEscape | Self::PathTooLong | Self::AmbiguousEntry => {
                "build the layer with a builder, not with a hand-made archive, and use plain \
                 relative paths"
            }
            _ => META.fix,
        }
    }
}

const NESTED_FIX: &str = "push the ordinary OCI image too and run that, or exempt this image";

const NO_IMAGE_FIX: &str = "nothing of it was judged; if it should be run, push it as an image \
    with its configuration and layers";

/// Longest detail kept, in characters: it may quote the layer.
const MAX_DETAIL: usize = 200;

/// A defect of a layer as a whole. `detail` says what was met; it may be empty and is cut.
pub fn defect(defect: Defect, detail: &str) -> Fact {
    defect_at(defect, "", 0, detail)
}

/// A defect at one entry of a layer, `size` in bytes.
pub fn defect_at(defect: Defect, path: &str, size: u64, detail: &str) -> Fact {
    let fact = Fact::new(ID, defect.as_str(), &harmless(path), size);
    let detail = harmless(detail);
    if detail.is_empty() { fact } else { fact.with("detail", detail) }
}

/// The remark about a subject in which nothing is an image: an allowance that judged nothing must
/// not look like one that did. `kinds` are the types of what is there.
pub fn no_image<'a>(kinds: impl Iterator<Item = &'a str>) -> Finding {
    const MAX_NAMED: usize = 3;
    let mut names: Vec<String> = kinds.map(harmless).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = if names.is_empty() {
        "no container image in the index".to_owned()
    } else {
        format!("no container image: artifact of type {}{more}", names.join(", "))
    };
    Finding::new(ID, Level::Warn, message, NO_IMAGE_FIX)
}

/// Whether a fact says that the bytes read are not those the manifest names.
pub fn is_mismatch(fact: &Fact) -> bool {
    let kinds = [Defect::DigestMismatch.as_str(), Defect::SizeMismatch.as_str()];
    fact.rule == ID && kinds.contains(&fact.kind.as_str())
}

/// Text of a hostile layer, safe for terminals and logs.
fn harmless(text: &str) -> String {
    text.chars()
        .take(MAX_DETAIL)
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}

impl Rule for UnreadableLayer {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, head: &[u8]) -> Want {
        if lazy::is_nydus(entry, head) { Want::Head } else { Want::Nothing }
    }

    fn look(&self, entry: &Entry<'_>, _content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        facts.push(defect_at(Defect::NestedFileSystem, entry.path, entry.size, "Nydus"));
    }

    fn judge(&self, seen: &Seen<'_>, _settings: &Settings) -> Vec<Finding> {
        let defects = seen.image.defects.iter().map(|defect| {
            let message = format!("the image itself cannot be read: {}", harmless(defect));
            Finding::new(ID, Level::Deny, message, META.fix)
        });
        let described = seen.layers().filter_map(|(layer, _)| {
            let (message, fix) = descriptor::unreadable(layer.descriptor)?;
            let message = format!("layer {} {message}", layer.index);
            Some(Finding::new(ID, Level::Deny, message, fix).in_layer(layer))
        });
        let missized = seen.layers().filter_map(|(layer, facts)| missized(layer, facts?));
        let unbound = seen.layers().filter_map(|(layer, facts)| lazy::unbound(layer, facts?));
        let met = seen
            .facts(&META.id)
            .filter(|(_, fact)| fact.kind != lazy::KIND)
            .map(|(layer, fact)| met(layer, fact));
        defects.chain(described).chain(missized).chain(unbound).chain(met).collect()
    }
}

/// A layer whose size the manifest misstates: `image-size` believes it, and a layer known from
/// another image is not read again.
fn missized(layer: Layer<'_>, facts: &LayerFacts) -> Option<Finding> {
    let (said, is) = (layer.descriptor.size, facts.compressed_bytes);
    if !facts.whole || said == is {
        return None;
    }
    let defect = Defect::SizeMismatch;
    let message = format!("layer {} {}: {is} bytes, not {said}", layer.index, defect.words());
    Some(Finding::new(ID, Level::Deny, message, defect.fix()).in_layer(layer))
}

/// A finding from a fact. A word of a newer version is denied like any other defect.
fn met(layer: Layer<'_>, fact: &Fact) -> Finding {
    let defect = Defect::parse(&fact.kind);
    let words = defect.map_or("cannot be read", Defect::words);
    let detail = fact.particular("detail").map(|text| format!(": {text}")).unwrap_or_default();
    let place = if fact.path.is_empty() { String::new() } else { format!(": `{}`", fact.path) };
    let message = format!("layer {} {words}{place}{detail}", layer.index);
    let fix = defect.map_or(META.fix, Defect::fix);
    let finding = Finding::new(ID, Level::Deny, message, fix).in_layer(layer);
    if fact.path.is_empty() { finding } else { finding.at_path(&fact.path, fact.size) }
}

#[cfg(test)]
mod tests;
