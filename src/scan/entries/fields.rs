//! Single header fields as Go's `archive/tar` reads them (reader.go `readHeader`, strconv.go).
//! The `tar` crate reads some otherwise; where that changes a name, the member gets a defect.

use std::ops::Range;

use tar::Header;

const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const TYPE_AT: usize = 156;
const MAGIC: Range<usize> = 257..265;
const PREFIX: Range<usize> = 345..500;
/// Shorter in the header of `star`, which has times behind it.
const STAR_PREFIX: Range<usize> = 345..476;
const STAR_TRAILER: Range<usize> = 508..512;
const GNU_ATIME: Range<usize> = 345..357;
const GNU_CTIME: Range<usize> = 357..369;

/// The size field in bytes; `None` when it is no number. An empty one is 0.
pub(super) fn size(header: &Header) -> Option<u64> {
    let field = field(header, SIZE);
    if is_binary(field) { header.entry_size().ok() } else { octal(field) }
}

/// Whether Go takes a member for a directory without content because its type is the oldest one
/// and its name ends with a slash.
pub(super) fn is_old_directory(header: &Header, path: &[u8]) -> bool {
    header.as_bytes().get(TYPE_AT) == Some(&0) && path.ends_with(b"/")
}

/// The name in the header alone: prefix and name.
pub(super) fn go_path(header: &Header) -> Vec<u8> {
    let prefix = go_prefix(header);
    let name = until_nul(field(header, NAME));
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn go_prefix(header: &Header) -> &[u8] {
    let magic = field(header, MAGIC);
    if magic.starts_with(b"ustar\0") {
        // Whatever the version.
        let is_star = field(header, STAR_TRAILER) == b"tar\0";
        return until_nul(field(header, if is_star { STAR_PREFIX } else { PREFIX }));
    }
    // Go's own writer once put a prefix where GNU has times, so its reader looks for one.
    let is_number = |range| is_time(field(header, range));
    let prefix = until_nul(field(header, PREFIX));
    let misused = magic == b"ustar  \0" && !(is_number(GNU_ATIME) && is_number(GNU_CTIME));
    if misused && prefix.is_ascii() { prefix } else { b"" }
}

fn is_time(field: &[u8]) -> bool {
    match field.first() {
        None | Some(0) => true,
        Some(_) if is_binary(field) => is_64_bit(field),
        Some(_) => octal(field).is_some(),
    }
}

/// Octal digits between spaces and NULs, on both sides; nothing at all is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let is_padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_padding(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_padding(byte)).map_or(start, |last| last + 1);
    let digits = until_nul(field.get(start..end)?);
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// GNU's binary numbers have the first bit set.
fn is_binary(field: &[u8]) -> bool {
    field.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// Whether a binary number of twelve bytes fits into 64 bits with its sign.
fn is_64_bit(field: &[u8]) -> bool {
    match field {
        [0x80, 0, 0, 0, byte, ..] => *byte < 0x80,
        [0xff, 0xff, 0xff, 0xff, byte, ..] => *byte >= 0x80,
        _ => false,
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn field(header: &Header, range: Range<usize>) -> &[u8] {
    header.as_bytes().get(range).unwrap_or_default()
}
