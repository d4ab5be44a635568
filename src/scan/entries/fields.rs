//! Single header fields as Go's `archive/tar` reads them (reader.go `readHeader`, strconv.go).
//! The `tar` crate reads some otherwise; where that changes a name, the member gets a defect.

use std::ops::Range;

use tar::Header;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
pub(super) const CHECKSUM: Range<usize> = 148..156;
const TYPE_AT: usize = 156;
const MAGIC: Range<usize> = 257..265;
const DEVICE_MAJOR: Range<usize> = 329..337;
const DEVICE_MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
/// Shorter in the header of `star`, which has times behind it.
const STAR_PREFIX: Range<usize> = 345..476;
const STAR_ATIME: Range<usize> = 476..488;
const STAR_CTIME: Range<usize> = 488..500;
const STAR_TRAILER: Range<usize> = 508..512;
const GNU_ATIME: Range<usize> = 345..357;
const GNU_CTIME: Range<usize> = 357..369;

/// The size field in bytes; `None` when it is no number, or a negative one. An empty one is 0.
pub(super) fn size(header: &Header) -> Option<u64> {
    u64::try_from(number(field(header, SIZE))?).ok()
}

/// The checksum field. Go takes spaces and NULs on both sides of the digits; the `tar` crate takes
/// none in front, and what it does not read some runtime would.
pub(super) fn checksum(header: &Header) -> Option<u64> {
    octal(field(header, CHECKSUM))
}

/// The type as it is written.
pub(super) fn type_flag(header: &Header) -> u8 {
    header.as_bytes().get(TYPE_AT).copied().unwrap_or_default()
}

/// Whether every other field that holds a number does; Go stops where one does not.
pub(super) fn are_numbers(header: &Header) -> bool {
    let magic = field(header, MAGIC);
    let has_devices = magic.starts_with(b"ustar\0") || magic == b"ustar  \0";
    let more: &[Range<usize>] = if is_star(header) {
        &[DEVICE_MAJOR, DEVICE_MINOR, STAR_ATIME, STAR_CTIME]
    } else if has_devices {
        &[DEVICE_MAJOR, DEVICE_MINOR]
    } else {
        &[]
    };
    let fields = [MODE, UID, GID, MTIME];
    fields.iter().chain(more).all(|range| number(field(header, range.clone())).is_some())
}

/// Whether Go takes a member for a directory without content because its type is the oldest one
/// and its name ends with a slash.
pub(super) fn is_old_directory(header: &Header, path: &[u8]) -> bool {
    type_flag(header) == 0 && path.ends_with(b"/")
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
        return until_nul(field(header, if is_star(header) { STAR_PREFIX } else { PREFIX }));
    }
    // Go's own writer once put a prefix where GNU has times, so its reader looks for one.
    let is_number = |range| is_time(field(header, range));
    let prefix = until_nul(field(header, PREFIX));
    let misused = magic == b"ustar  \0" && !(is_number(GNU_ATIME) && is_number(GNU_CTIME));
    if misused && prefix.is_ascii() { prefix } else { b"" }
}

fn is_star(header: &Header) -> bool {
    field(header, MAGIC).starts_with(b"ustar\0") && field(header, STAR_TRAILER) == b"tar\0"
}

fn is_time(field: &[u8]) -> bool {
    field.first().is_none_or(|first| *first == 0) || number(field).is_some()
}

/// A number in either form, as far as it fits into 64 bits with its sign (`parseNumeric`).
fn number(field: &[u8]) -> Option<i64> {
    match field.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => binary(*first, rest),
        _ => i64::try_from(octal(field)?).ok(),
    }
}

/// GNU's binary numbers: two's complement behind a marking bit. At most twelve bytes.
fn binary(first: u8, rest: &[u8]) -> Option<i64> {
    let sign = if first & 0x40 == 0 { 0 } else { -0x80 };
    let start = i128::from(first & 0x7f) + sign;
    let value = rest.iter().fold(start, |value, byte| value * 256 + i128::from(*byte));
    i64::try_from(value).ok()
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

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn field(header: &Header, range: Range<usize>) -> &[u8] {
    header.as_bytes().get(range).unwrap_or_default()
}
