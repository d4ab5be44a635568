//! Facts: what a layer holds, without an opinion. They are keyed by the layer's digest and the
//! scan profile, so a layer is looked at once in its life.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::listing::Listing;
use super::{Digest, RuleId};

/// Longest path kept in a fact, in bytes. It is for people; paths of 4096 bytes would be a
/// cheap way to fill the store.
pub const MAX_FACT_PATH_BYTES: usize = 512;
/// Stands for what was cut off.
const ELLIPSIS: &str = "…";

/// One thing a rule saw in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The rule that recorded it and alone knows how to judge it.
    pub rule: RuleId,
    /// The rule's own word for what it is, such as `safetensors` or `private-key`.
    pub kind: String,
    /// Where in the layer; empty when it concerns the layer as a whole.
    pub path: String,
    /// Size of that entry in bytes.
    #[serde(default)]
    pub size: u64,
    /// Line, from 1, in a text file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Further particulars. Never a secret's value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub particulars: BTreeMap<String, String>,
}

impl Fact {
    /// A fact about the entry at `path`, which is cut to [`MAX_FACT_PATH_BYTES`].
    pub fn new(rule: RuleId, kind: &str, path: &str, size: u64) -> Self {
        Self {
            rule,
            kind: kind.to_owned(),
            path: cut(path),
            size,
            line: None,
            particulars: BTreeMap::new(),
        }
    }

    /// The same with a line number, from 1.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same with one more particular.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.particulars.insert(name.to_owned(), value.into());
        self
    }

    /// About how much memory it takes, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let particulars = self.particulars.iter().map(|(name, value)| name.len() + value.len());
        let texts = self.path.len() + self.kind.len() + particulars.sum::<usize>();
        u64::try_from(size_of::<Self>() + texts).unwrap_or(u64::MAX)
    }

    /// A particular by name.
    pub fn particular(&self, name: &str) -> Option<&str> {
        self.particulars.get(name).map(String::as_str)
    }
}

fn cut(path: &str) -> String {
    if path.len() <= MAX_FACT_PATH_BYTES {
        return path.to_owned();
    }
    let end = path.floor_char_boundary(MAX_FACT_PATH_BYTES - ELLIPSIS.len());
    path.get(..end).unwrap_or_default().to_owned() + ELLIPSIS
}

/// All we know of one layer after it was read to its end and its digest was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// Version of this record's shape; another one is as good as absent.
    pub version: u32,
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob as stored.
    pub compressed_bytes: u64,
    /// Bytes of all files in it.
    pub unpacked_bytes: u64,
    /// Every path.
    pub listing: Listing,
    /// What the rules saw, in the archive's order.
    pub facts: Vec<Fact>,
    /// Whether the layer was read to its end (or to where it is damaged). Partial facts decide
    /// denials only, and are never stored.
    pub whole: bool,
}

impl LayerFacts {
    /// Shape of the record. Raise it when a field changes its meaning.
    pub const VERSION: u32 = 1;

    /// The record of a layer in which nothing has been seen yet.
    pub fn empty(digest: Digest, compressed_bytes: u64) -> Self {
        Self {
            version: Self::VERSION,
            digest,
            compressed_bytes,
            unpacked_bytes: 0,
            listing: Listing::default(),
            facts: Vec::new(),
            whole: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_cut_at_a_character() {
        let path = |path: &str| Fact::new(RuleId::new("r"), "k", path, 1).path;
        for length in [0, 511, 512] {
            assert_eq!(path(&"x".repeat(length)).len(), length);
        }
        assert_eq!(path(&"x".repeat(513)), "x".repeat(509) + "…");
        assert_eq!(
            path(&("x".to_owned() + &"ä".repeat(256))),
            "x".to_owned() + &"ä".repeat(254) + "…"
        );
        assert!(path(&"ä".repeat(4096)).len() <= MAX_FACT_PATH_BYTES);
    }
}
