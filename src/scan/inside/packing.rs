//! How a file is packed, by its first bytes; and files that carry an archive behind something
//! that is run: zipapps, self-extracting scripts, programs with their data appended.

use super::members::Kind;
use crate::scan::entries::begins_archive;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Zip,
    Tar,
    Gzip,
    Zstd,
    Zlib,
    Members(Kind),
}

impl Packing {
    pub(super) fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [b'P', b'K', 3, 4, ..] => Some(Self::Zip),
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // Deflate with the usual window, and a check that the first two bytes add up.
            [0x78, level @ (0x01 | 0x5e | 0x9c | 0xda), ..] => {
                u16::from_be_bytes([0x78, *level]).is_multiple_of(31).then_some(Self::Zlib)
            }
            _ => Kind::sniff(head).map(Self::Members).or_else(|| is_tar(head).then_some(Self::Tar)),
        }
    }
}

/// A tar header: by its magic, or, before POSIX, by its checksum.
fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar") || begins_archive(head)
}

/// How much of a script is searched for an archive behind it. `makeself` writes 20 KiB.
pub(super) const SCRIPT_BYTES: usize = 128 << 10;
/// Less behind a program is a signature or a note.
const APPENDED_BYTES: u64 = 64 << 10;
/// Smaller scripts carry nothing worth opening.
const CARRIER_BYTES: u64 = 256 << 10;

/// Whether a file of that size that begins like that is run, and may carry an archive behind what
/// is run.
pub fn may_carry(head: &[u8], size: u64) -> bool {
    (is_script(head) && size >= CARRIER_BYTES) || appended(head, size).is_some()
}

pub(super) fn is_script(head: &[u8]) -> bool {
    head.starts_with(b"#!")
}

/// Where the first archive begins in a script, and whether it is one that is opened.
pub(super) fn archive_in(script: &[u8]) -> Option<(usize, bool)> {
    let is_opaque = |rest: &[u8]| {
        rest.starts_with(b"\xfd7zXZ\0")
            || (rest.starts_with(b"BZh") && rest.get(4..7) == Some(b"1AY"))
    };
    let starts = |rest: &[u8]| match rest {
        [b'P', b'K', 3, 4, 0..=63, 0, ..]
        | [0x1f, 0x8b, 8, 0..=0x1f, ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..]
        | [b'u', b's', b't', b'a', b'r', 0 | b' ', ..] => Some(true),
        _ => is_opaque(rest).then_some(false),
    };
    (0..script.len()).find_map(|at| {
        let is_opened = starts(script.get(at..)?)?;
        // The magic of tar stands within its first header.
        let at = if script.get(at) == Some(&b'u') { at.checked_sub(257)? } else { at };
        Some((at, is_opened))
    })
}

/// Where what is appended to a program begins, when a file of that size that begins like that is
/// one and has anything appended: behind the last of its segments and the table of its sections.
/// Programs of 64 bits, little-endian: all that images are made for.
pub fn appended(head: &[u8], size: u64) -> Option<u64> {
    let end = program_end(head, size)?;
    (end.checked_add(APPENDED_BYTES)? <= size).then_some(end)
}

fn program_end(head: &[u8], size: u64) -> Option<u64> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let short = |at: usize| {
        let bytes = head.get(at..at.checked_add(2)?)?;
        Some(u64::from(u16::from_le_bytes(bytes.try_into().ok()?)))
    };
    let long = |at: usize| {
        let bytes = head.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let table = short(0x3a)?.checked_mul(short(0x3c)?)?;
    // A table that lies behind the file is a lie that no loader minds.
    let sections = long(0x28)?.checked_add(table).filter(|end| *end <= size).unwrap_or(0);
    let (first, width, count) = (long(0x20)?, short(0x36)?, short(0x38)?);
    let segment = |number: u64| {
        let at = usize::try_from(first.checked_add(width.checked_mul(number)?)?).ok()?;
        long(at.checked_add(8)?)?.checked_add(long(at.checked_add(32)?)?)
    };
    let segments = (0..count).map_while(segment).filter(|end| *end <= size).max();
    // Neither: a head that is cut off, or one that tells nothing.
    Some(sections.max(segments.unwrap_or(0))).filter(|end| *end > 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_old_tar_archives_by_their_sums() {
        let mut header = tar::Header::new_old();
        header.set_path("model/weights").unwrap();
        header.set_size(9);
        header.set_cksum();
        let mut block = header.as_bytes().to_vec();
        assert_eq!(Packing::sniff(&block), Some(Packing::Tar));
        block[3] ^= 1;
        assert_eq!(Packing::sniff(&block), None);
        assert_eq!(Packing::sniff(&[0; 512]), None);
        assert_eq!(Packing::sniff(&block[..511]), None);
    }

    #[test]
    fn finds_archives_behind_scripts() {
        let script = |rest: &[u8]| [&b"#!/bin/sh\necho PK; exit 0\n"[..], rest].concat();
        let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
        for (rest, expected) in [
            (&b"PK\x03\x04\x14\0\0\0"[..], Some((26, true))),
            (b"\x1f\x8b\x08\0\0\0", Some((26, true))),
            (&tar, Some((26, true))),
            (b"\xfd7zXZ\0", Some((26, false))),
            (b"BZh91AY&SY", Some((26, false))),
            (b"PK\x03\x04\xff\xff", None),
            (b"BZh is a name\n", None),
        ] {
            assert_eq!(archive_in(&script(rest)), expected, "{rest:?}");
        }
    }

    fn program(sections_at: u64, segment: (u64, u64)) -> Vec<u8> {
        let mut head = vec![0; 200];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[0x20] = 64;
        head[0x28..0x30].copy_from_slice(&sections_at.to_le_bytes());
        (head[0x36], head[0x38], head[0x3a], head[0x3c]) = (56, 1, 64, 10);
        head[72..80].copy_from_slice(&segment.0.to_le_bytes());
        head[96..104].copy_from_slice(&segment.1.to_le_bytes());
        head
    }

    #[test]
    fn finds_what_is_appended_to_programs() {
        let more = 64 << 10;
        for (sections, segment, end) in [(9000, (0, 500), 9640), (0, (4096, 7000), 11_096)] {
            let head = program(sections, segment);
            for (size, expected) in [(end + more - 1, None), (end + more, Some(end)), (end, None)] {
                assert_eq!(appended(&head, size), expected, "{sections} {size}");
            }
        }
        assert_eq!(appended(&program(u64::MAX, (0, 0)), u64::MAX), None);
        assert_eq!(appended(b"\x7fELF\x02\x01", 1 << 30), None);
        assert_eq!(appended(b"#!/bin/sh", 1 << 30), None);
        assert!(may_carry(&program(9000, (0, 500)), 1 << 20));
        for (size, expected) in [(CARRIER_BYTES - 1, false), (CARRIER_BYTES, true)] {
            assert_eq!(may_carry(b"#!/bin/sh\n", size), expected);
        }
    }
}
