//! Every path of a layer in little memory: front-coded against the path before, because tar
//! writers walk directories in order. A torch image's 30,000 entries take under a megabyte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::EntryKind;

/// All entries of one layer, in the archive's order. Serialises as base64 text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Listing {
    bytes: Vec<u8>,
    last: String,
    count: u64,
}

/// One entry of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Path, cleaned as in [`super::Entry`].
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of content.
    pub size: u64,
}

impl Listing {
    /// Adds an entry behind the others.
    pub fn push(&mut self, path: &str, kind: EntryKind, size: u64) {
        let shared = shared_prefix(&self.last, path);
        let (_, suffix) = path.split_at_checked(shared).unwrap_or((path, ""));
        self.bytes.push(kind.letter());
        put_number(&mut self.bytes, u64::try_from(shared).unwrap_or(0));
        put_number(&mut self.bytes, u64::try_from(suffix.len()).unwrap_or(0));
        self.bytes.extend_from_slice(suffix.as_bytes());
        put_number(&mut self.bytes, size);
        self.last.truncate(shared);
        self.last.push_str(suffix);
        self.count += 1;
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Bytes of all entries, front-coded.
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// Memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.last.capacity()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Walks the entries in order. Stops early at damage, which only a corrupted store can hold.
    pub fn iter(&self) -> Walk<'_> {
        Walk { bytes: &self.bytes, path: String::new() }
    }
}

impl<'a> IntoIterator for &'a Listing {
    type Item = Listed;
    type IntoIter = Walk<'a>;

    fn into_iter(self) -> Walk<'a> {
        self.iter()
    }
}

/// Iterator over a [`Listing`].
pub struct Walk<'a> {
    bytes: &'a [u8],
    path: String,
}

impl Iterator for Walk<'_> {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        let (&letter, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let kind = EntryKind::from_letter(letter)?;
        let shared = usize::try_from(self.number()?).ok()?;
        let length = usize::try_from(self.number()?).ok()?;
        let (suffix, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        if !self.path.is_char_boundary(shared) {
            return None;
        }
        self.path.truncate(shared);
        self.path.push_str(std::str::from_utf8(suffix).ok()?);
        let size = self.number()?;
        Some(Listed { path: self.path.clone(), kind, size })
    }
}

impl Walk<'_> {
    /// LEB128, at most ten bytes.
    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

/// Length in bytes of the common start of two texts, cut back to a character boundary.
fn shared_prefix(a: &str, b: &str) -> usize {
    let mut shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    while !b.is_char_boundary(shared) {
        shared -= 1;
    }
    shared
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listing({} entries, {} bytes)", self.count, self.bytes.len())
    }
}

impl Serialize for Listing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.bytes))
    }
}

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_ref()).map_err(serde::de::Error::custom)?;
        let mut listing = Self { bytes, ..Self::default() };
        let mut walk = listing.iter();
        let mut count = 0;
        while walk.next().is_some() {
            count += 1;
        }
        let (last, whole) = (walk.path.clone(), walk.bytes.is_empty());
        if !whole {
            return Err(serde::de::Error::custom("damaged listing"));
        }
        (listing.count, listing.last) = (count, last);
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(entries in prop::collection::vec(("[a-cä/]{0,12}", any::<u64>()), 0..40)) {
            let mut listing = Listing::default();
            for (path, size) in &entries {
                listing.push(path, EntryKind::File, *size);
            }
            let text = serde_json::to_string(&listing).unwrap();
            let mut back: Listing = serde_json::from_str(&text).unwrap();
            let listed: Vec<_> = back.iter().map(|listed| (listed.path, listed.size)).collect();
            prop_assert_eq!(listed, entries);
            back.push("x", EntryKind::Whiteout, 0);
            listing.push("x", EntryKind::Whiteout, 0);
            prop_assert_eq!(back, listing);
        }

        #[test]
        fn damage_is_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let text = serde_json::to_string(&STANDARD.encode(&bytes)).unwrap();
            let _ = serde_json::from_str::<Listing>(&text);
        }
    }
}
