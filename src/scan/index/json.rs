//! An index's JSON, read as a stream: it may have hundreds of megabytes and is the attacker's.
//! Keys are matched exactly, and those that Go would take for known ones are refused, as in
//! manifests: the readers of both formats ignore case and let the last key win.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufReader, Read};

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::super::seams::Seams;
use super::comparison::{Comparison, IndexEntry};
use super::inventory::Inventory;
use crate::model::digest::{Algorithm, Hasher};
use crate::model::{Digest, lookalike};

/// Most bytes of an index. eStargz takes some 500 a file, indented as it is.
const MAX_INDEX_BYTES: u64 = 256 << 20;
/// Longest text in one; the parser holds it whole. Extended attributes have up to 64 KiB.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// What reading an index came to.
pub(super) enum Reading {
    /// It says what the archive says. With the digest of its JSON.
    Agrees(Digest),
    /// It does not.
    Disagrees(String),
    /// There are no entries in it at all.
    Other,
}

/// Reads JSON to its end and compares as it goes.
pub(super) fn read(json: impl Read, inventory: &mut Inventory, seams: &Seams) -> Reading {
    let mut found = Found { inventory, seams, has_entries: false };
    let mut source = Guarded::new(json);
    let read = {
        let mut parser = serde_json::Deserializer::from_reader(BufReader::new(&mut source));
        found.deserialize(&mut parser).and_then(|()| parser.end())
    };
    match read {
        Ok(()) if found.has_entries => Reading::Agrees(source.hasher.finish()),
        Err(error) if found.has_entries => Reading::Disagrees(words(&error)),
        _ => Reading::Other,
    }
}

/// Without the line and column, which say nothing to whoever built an image.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned()
}

/// A reader that hashes, and ends with an error when there is too much.
struct Guarded<R> {
    source: R,
    hasher: Hasher,
    left: u64,
    text: Option<usize>,
    is_escaped: bool,
}

impl<R> Guarded<R> {
    fn new(source: R) -> Self {
        let hasher = Hasher::new(Algorithm::Sha256);
        Self { source, hasher, left: MAX_INDEX_BYTES, text: None, is_escaped: false }
    }

    /// Follows strings, whose length nothing else bounds.
    fn follow(&mut self, byte: u8) -> io::Result<()> {
        let Some(length) = self.text else {
            self.text = (byte == b'"').then_some(0);
            return Ok(());
        };
        if self.is_escaped {
            self.is_escaped = false;
        } else if byte == b'"' {
            self.text = None;
            return Ok(());
        } else {
            self.is_escaped = byte == b'\\';
        }
        self.text = Some(length + 1);
        if length < MAX_TEXT_BYTES { Ok(()) } else { Err(too_large()) }
    }
}

fn too_large() -> io::Error {
    io::Error::other("the index is too large to compare")
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        self.hasher.update(bytes);
        let left = u64::try_from(count).ok().and_then(|count| self.left.checked_sub(count));
        self.left = left.ok_or_else(too_large)?;
        bytes.iter().try_for_each(|byte| self.follow(*byte))?;
        Ok(count)
    }
}

/// The document.
struct Found<'a> {
    inventory: &'a mut Inventory,
    seams: &'a Seams,
    has_entries: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Found<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Found<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if lookalike::folds_to(&key, "entries") {
                if self.has_entries || key != "entries" {
                    self.has_entries = true;
                    return Err(A::Error::custom("two lists of entries"));
                }
                self.has_entries = true;
                let comparison = Comparison::new(self.inventory, self.seams);
                map.next_value_seed(Entries(comparison.map_err(A::Error::custom)?))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The list of entries.
struct Entries<'a>(Comparison<'a>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<IndexEntry>()? {
            self.0.entry(&entry).map_err(A::Error::custom)?;
        }
        self.0.finish().map_err(A::Error::custom)
    }
}

/// Keys of an entry that matter.
const KEYS: [&str; 9] = [
    "name",
    "type",
    "size",
    "linkName",
    "offset",
    "innerOffset",
    "chunkOffset",
    "chunkSize",
    "chunkType",
];

impl<'de> serde::Deserialize<'de> for IndexEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = IndexEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IndexEntry, A::Error> {
        let mut entry = IndexEntry::default();
        let mut seen = [false; KEYS.len()];
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let known =
                KEYS.iter().zip(&mut seen).find(|(known, _)| lookalike::folds_to(&key, known));
            let Some((known, seen)) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(seen, true) || key != *known {
                return Err(A::Error::custom(format!(
                    "a key that readers take differently: `{key}`"
                )));
            }
            match *known {
                "name" => entry.name = map.next_value()?,
                "type" => entry.kind = map.next_value()?,
                "linkName" => entry.link = map.next_value()?,
                "chunkType" => entry.chunk_kind = map.next_value()?,
                "size" => entry.size = map.next_value()?,
                "offset" => entry.offset = map.next_value()?,
                "innerOffset" => entry.inner_offset = map.next_value()?,
                "chunkOffset" => entry.chunk_offset = map.next_value()?,
                _ => entry.chunk_size = map.next_value()?,
            }
        }
        Ok(entry)
    }
}
