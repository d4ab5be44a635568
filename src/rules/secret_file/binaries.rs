//! Values that programs wrote down as they were in memory: pickles, `MessagePack`, compiled Java,
//! memory dumps. Only what has a provider's format, or is a private key, counts there.
//! Sources: `CPython`'s `pickletools`, the specifications of `MessagePack` and of Java's class files,
//! elf(5).

use std::borrow::Cow;

use super::packed;
use super::places::{self, Place};
use super::text;
use crate::model::Entry;

/// Larger ones are data and weights. Dumps of memory may be of any size.
const MAX_STORED_BYTES: u64 = 8 << 20;
/// No token is shorter.
const MIN_STRING: usize = 16;

/// What wrote the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pickle,
    MessagePack,
    JavaClass,
    MemoryDump,
}

impl Kind {
    fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0x80, 2..=5, ..] => Some(Self::Pickle),
            // A fat Mach-O file has the same magic number, and a small number behind it.
            [0xca, 0xfe, 0xba, 0xbe, _, _, 0, 45..=99, ..] => Some(Self::JavaClass),
            [0x7f, b'E', b'L', b'F', _, 1, ..] if head.get(16..18) == Some(&[4, 0]) => {
                Some(Self::MemoryDump)
            }
            // A map whose first key is a text.
            [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] => {
                let [length @ 0xa1..=0xbf, rest @ ..] = rest else { return None };
                let key = rest.get(..usize::from(*length & 0x1f))?;
                key.iter().all(u8::is_ascii_graphic).then_some(Self::MessagePack)
            }
            _ => None,
        }
    }

    /// The bytes in front of a string, and its length, when one begins here.
    fn string(self, at: &[u8]) -> Option<(usize, usize)> {
        let size = |bytes: u32| usize::try_from(bytes).ok();
        match (self, at) {
            (Self::Pickle, [b'X' | b'B' | b'T', a, b, c, d, ..]) => {
                Some((5, size(u32::from_le_bytes([*a, *b, *c, *d]))?))
            }
            (Self::Pickle, [0x8c | b'U' | b'C', length, ..])
            | (Self::MessagePack, [0xd9 | 0xc4, length, ..]) => Some((2, usize::from(*length))),
            (Self::MessagePack, [length @ 0xa0..=0xbf, ..]) => {
                Some((1, usize::from(*length & 0x1f)))
            }
            (Self::MessagePack, [0xda | 0xc5, a, b, ..]) | (Self::JavaClass, [1, a, b, ..]) => {
                Some((3, usize::from(u16::from_be_bytes([*a, *b]))))
            }
            _ => None,
        }
    }
}

/// Whether an application's file that begins like that is searched.
pub(super) fn is_searched(entry: &Entry<'_>, head: &[u8]) -> bool {
    let is_small = |kind| kind == Kind::MemoryDump || entry.size <= MAX_STORED_BYTES;
    Kind::sniff(head).is_some_and(is_small)
        && !text::is_searchable(entry.extension(), head)
        && !packed::is_packed(entry.path)
        && places::place(entry.path) == Place::Application
}

/// The texts of such a file, each on lines of its own: what follows one may be a letter that
/// stands for something else. A dump of memory is left as it is.
pub(super) fn texts(content: &[u8]) -> Cow<'_, [u8]> {
    let Some(kind) = Kind::sniff(content).filter(|kind| *kind != Kind::MemoryDump) else {
        return Cow::Borrowed(content);
    };
    let mut texts = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        let found = kind.string(rest).and_then(|(start, length)| {
            let end = start.checked_add(length)?;
            rest.get(start..end).filter(|text| is_text(text)).map(|text| (end, text))
        });
        let passed = found.map_or(1, |(end, _)| end);
        if let Some((_, text)) = found {
            texts.extend_from_slice(text);
            texts.push(b'\n');
        }
        at = at.saturating_add(passed);
    }
    Cow::Owned(texts)
}

fn is_text(text: &[u8]) -> bool {
    text.len() >= MIN_STRING
        && text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EntryKind;

    #[test]
    fn tells_them_by_their_first_bytes() {
        let core = [&b"\x7fELF\x02\x01"[..], &[0; 10], &[4, 0], &[0; 50]].concat();
        let program = [&b"\x7fELF\x02\x01"[..], &[0; 10], &[2, 0], &[0; 50]].concat();
        for (head, expected) in [
            (&b"\x80\x04\x95\0\0"[..], Some(Kind::Pickle)),
            (b"\x80\x09", None),
            (b"\xca\xfe\xba\xbe\0\0\0\x41", Some(Kind::JavaClass)),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", None),
            (b"\x82\xa3key\xa1x", Some(Kind::MessagePack)),
            (b"\x82\xa3\0\0\0", None),
            (&core, Some(Kind::MemoryDump)),
            (&program, None),
        ] {
            assert_eq!(Kind::sniff(head), expected, "{head:?}");
        }
    }

    #[test]
    fn only_small_ones_of_the_application_are_searched() {
        for (path, size, expected) in [
            ("app/cfg.pkl", MAX_STORED_BYTES, true),
            ("app/cfg.pkl", MAX_STORED_BYTES + 1, false),
            ("usr/lib/python3/dist-packages/x/cfg.pkl", 100, false),
            ("app/x.zip!/cfg.pkl", 100, false),
        ] {
            let entry = Entry { path, kind: EntryKind::File, size, link: None };
            assert_eq!(is_searched(&entry, b"\x80\x04\x95\0\0\0"), expected, "{path} {size}");
        }
    }

    #[test]
    fn texts_stand_apart() {
        let long = b"a-text-of-20-letters";
        let table = [
            [&b"\x80\x04\x95\0\0\0\x8c\x14"[..], long, b"x\x94."].concat(),
            [&b"\x80\x02X\x14\0\0\0"[..], long, b"q\x01."].concat(),
            [&b"\x81\xa1k\xd9\x14"[..], long, b"a"].concat(),
            [&b"\x81\xa1k\xb4"[..], long, b"a"].concat(),
            [&b"\xca\xfe\xba\xbe\0\0\0\x41\0\x10\x01\0\x14"[..], long, b"a"].concat(),
        ];
        for content in table {
            assert_eq!(texts(&content).as_ref(), b"a-text-of-20-letters\n", "{content:?}");
        }
        assert_eq!(texts(b"\x80\x02X\xff\xff\xff\xffabc").as_ref(), b"");
        assert_eq!(texts(b"\x7fELF").as_ref(), b"\x7fELF");
    }
}
