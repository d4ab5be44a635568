//! Every path of a layer in little memory: front-coded against the path before, because tar
//! writers walk directories in order. A torch image's 30,000 entries take under a megabyte.
//!
//! Hard links have their targets, which usually end as the link does and begin as the target
//! before: a cache and an environment linked to it take some four bytes a file more.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::EntryKind;

/// All entries of one layer, in the archive's order. Serialises as base64 text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Listing {
    bytes: Vec<u8>,
    last: String,
    /// The target of the hard link before, without what it had in common with its link.
    last_head: String,
    count: u64,
    linked: u64,
}

/// Letter of a hard link whose target is known.
const LINKED: u8 = b'H';

/// One entry of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Path, cleaned as in [`super::Entry`].
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of content.
    pub size: u64,
    /// Target of a hard link, cleaned as the path is.
    pub link: Option<String>,
}

impl Listing {
    /// Adds an entry behind the others.
    pub fn push(&mut self, path: &str, kind: EntryKind, size: u64) {
        self.put(kind.letter(), path, size);
    }

    /// Adds a hard link to `target`, which is cleaned as paths are.
    pub fn push_link(&mut self, path: &str, target: &str, size: u64) {
        self.put(LINKED, path, size);
        let common = shared_suffix(path, target);
        let head = target.get(..target.len().saturating_sub(common)).unwrap_or(target);
        put_length(&mut self.bytes, common);
        put_text(&mut self.bytes, &mut self.last_head, head);
        self.linked += 1;
    }

    /// Adds an entry that may be a hard link; the targets of others are left out.
    pub fn push_with(&mut self, path: &str, kind: EntryKind, size: u64, target: Option<&str>) {
        match target.filter(|_| kind == EntryKind::HardLink) {
            Some(target) => self.push_link(path, target, size),
            None => self.push(path, kind, size),
        }
    }

    fn put(&mut self, letter: u8, path: &str, size: u64) {
        self.bytes.push(letter);
        put_text(&mut self.bytes, &mut self.last, path);
        put_number(&mut self.bytes, size);
        self.count += 1;
    }

    /// Whether there is a hard link whose target is known.
    pub fn has_links(&self) -> bool {
        self.linked > 0
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
        self.bytes.capacity() + self.last.capacity() + self.last_head.capacity()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Walks the entries in order. Stops early at damage, which only a corrupted store can hold.
    pub fn iter(&self) -> Walk<'_> {
        Walk { bytes: &self.bytes, path: String::new(), head: String::new() }
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
    head: String,
}

impl Iterator for Walk<'_> {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        let (&letter, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let is_linked = letter == LINKED;
        let kind = if is_linked { EntryKind::HardLink } else { EntryKind::from_letter(letter)? };
        let mut path = std::mem::take(&mut self.path);
        self.text(&mut path)?;
        self.path.clone_from(&path);
        let size = self.number()?;
        let link = if is_linked { Some(self.target(&path)?) } else { None };
        Some(Listed { path, kind, size, link })
    }
}

impl Walk<'_> {
    /// The target of the hard link at `path`.
    fn target(&mut self, path: &str) -> Option<String> {
        let common = self.length()?;
        let mut head = std::mem::take(&mut self.head);
        self.text(&mut head)?;
        let tail = path.get(path.len().checked_sub(common)?..)?;
        let target = format!("{head}{tail}");
        self.head = head;
        Some(target)
    }

    /// Turns the text before into the next one.
    fn text(&mut self, text: &mut String) -> Option<()> {
        let (shared, length) = (self.length()?, self.length()?);
        let (suffix, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        if !text.is_char_boundary(shared) {
            return None;
        }
        text.truncate(shared);
        text.push_str(std::str::from_utf8(suffix).ok()?);
        Some(())
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

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

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    put_number(bytes, u64::try_from(length).unwrap_or(0));
}

/// Writes how a text differs from the one before, and makes it the one before.
fn put_text(bytes: &mut Vec<u8>, last: &mut String, text: &str) {
    let shared = shared_prefix(last, text);
    let (_, suffix) = text.split_at_checked(shared).unwrap_or((text, ""));
    put_length(bytes, shared);
    put_length(bytes, suffix.len());
    bytes.extend_from_slice(suffix.as_bytes());
    last.truncate(shared);
    last.push_str(suffix);
}

/// Length in bytes of the common end of two texts, cut back to a character boundary.
fn shared_suffix(a: &str, b: &str) -> usize {
    let letters = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b);
    letters.map(|(letter, _)| letter.len_utf8()).sum()
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
        let (mut count, mut linked) = (0, 0);
        for listed in walk.by_ref() {
            count += 1;
            linked += u64::from(listed.link.is_some());
        }
        let Walk { bytes: rest, path, head } = walk;
        if !rest.is_empty() {
            return Err(serde::de::Error::custom("damaged listing"));
        }
        (listing.last, listing.last_head) = (path, head);
        (listing.count, listing.linked) = (count, linked);
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Known = (String, u64, Option<String>);

    fn push(listing: &mut Listing, (path, size, link): &Known) {
        match link {
            Some(target) => listing.push_link(path, target, *size),
            None => listing.push(path, EntryKind::File, *size),
        }
    }

    #[test]
    fn links_into_a_cache_take_little() {
        let mut listing = Listing::default();
        let site = "usr/local/lib/python3.12/site-packages/torch";
        let cache = "root/.cache/uv/archive-v0/Xy3Xy3Xy3Xy3Xy3Xy3Xy3/torch";
        let file = |number: u32| format!("include/header{number:05}.h");
        for number in 0..1000 {
            listing.push(&format!("{cache}/{}", file(number)), EntryKind::File, 9);
        }
        let before = listing.size_bytes();
        for number in 0..1000 {
            let (path, target) = (file(number), file(number));
            listing.push_link(&format!("{site}/{path}"), &format!("{cache}/{target}"), 0);
        }
        let each = (listing.size_bytes() - before) / 1000;
        assert!(each <= 12, "{each} bytes for each link");
        assert!(listing.has_links());
    }

    proptest! {
        #[test]
        fn round_trips(
            entries in prop::collection::vec(
                ("[a-cä/]{0,12}", any::<u64>(), prop::option::of("[a-cäö/]{0,12}")), 0..40)
        ) {
            let mut listing = Listing::default();
            for entry in &entries {
                push(&mut listing, entry);
            }
            let text = serde_json::to_string(&listing).unwrap();
            let mut back: Listing = serde_json::from_str(&text).unwrap();
            let listed: Vec<_> =
                back.iter().map(|listed| (listed.path, listed.size, listed.link)).collect();
            prop_assert_eq!(listed, entries);
            for more in [("x".to_owned(), 0, None), ("y".to_owned(), 0, Some("az".to_owned()))] {
                push(&mut back, &more);
                push(&mut listing, &more);
            }
            prop_assert_eq!(back, listing);
        }

        #[test]
        fn damage_is_an_error_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60), start in "[fhHw]{0,1}"
        ) {
            let bytes = [start.as_bytes(), &bytes].concat();
            let text = serde_json::to_string(&STANDARD.encode(&bytes)).unwrap();
            let _ = serde_json::from_str::<Listing>(&text);
        }
    }
}
