//! Private keys in PEM and `PuTTY` form. A header alone is source code that writes keys; a key
//! has a body. Encrypted keys are reported as weak: the passphrase often lies next to them, but
//! the file alone opens nothing. So are blocks without an end, and those whose own length says
//! that something is missing: documentation shortens its examples.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::placeholders::{distinct, is_published};
use super::{Sighting, Strength, encoded};

/// Literal ends of the header lines. Four dashes are the form of ssh.com.
pub(super) const MARKERS: &[&str] =
    &["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "PRIVATE KEY ----", "Private-Lines: "];

/// Kind and title of a private key.
pub const KIND: (&str, &str) = ("private-key", "a private key");
/// Kind and title of one under a passphrase.
pub const ENCRYPTED: (&str, &str) = ("encrypted-private-key", "a passphrase-protected private key");
/// Kind and title of one of which a part is missing.
pub const PARTIAL: (&str, &str) = ("partial-private-key", "part of a private key");

/// Starts of header and end lines; ssh.com puts a blank behind four dashes.
const BEGIN: [&[u8]; 2] = [b"-----BEGIN ", b"---- BEGIN "];
const END: [&[u8]; 2] = [b"-----END ", b"---- END "];
/// Longest header in front of a marker, with the label.
const HEADER_BYTES: usize = 64;
/// Longest body looked at; an RSA key of 16384 bits has 13 kB, one of PGP more.
const BODY_BYTES: usize = 64 * 1024;
/// Fewest base64 characters of a body: an Ed25519 key in PKCS #8 has 64.
const MIN_BODY: usize = 64;
/// Shorter runs of base64 characters are words of a program, not lines of a key.
const MIN_RUN: usize = 16;
/// A body of fewer different characters is dots or `x`.
const MIN_DISTINCT: usize = 20;

#[expect(clippy::expect_used, reason = "constant words, compiled by the tests")]
static SEARCH: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(MARKERS).expect("MARKERS compile"));

/// The private keys in a text, in order. The one pass over whole files is that of
/// [`super::tokens`], which calls [`at`]; this is for small texts.
pub fn find(text: &[u8]) -> impl Iterator<Item = Sighting> {
    let mut last = 0;
    SEARCH.find_iter(text).filter_map(move |hit| {
        let floor = std::mem::replace(&mut last, hit.end());
        at(text, hit.start(), floor)
    })
}

/// The private key whose header's marker stands at `marker`; the marker before ends at `floor`.
/// No look goes beyond the next header or the last marker, so that a text full of them costs one
/// pass.
pub(super) fn at(text: &[u8], marker: usize, floor: usize) -> Option<Sighting> {
    let behind = text.get(marker..)?;
    if behind.starts_with(b"Private-Lines") {
        return putty(text, marker, floor);
    }
    let before = text.get(marker.saturating_sub(HEADER_BYTES)..marker)?;
    let begin = BEGIN.iter().filter_map(|start| rfind(before, start)).max()?;
    let label = before.get(begin..)?;
    let window = behind.get(..BODY_BYTES).unwrap_or(behind);
    // Behind the dashes that close the header.
    let from = position(window, b"----")?.saturating_add(4);
    let rest = window.get(from..)?;
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let start = marker.checked_sub(before.len().checked_sub(begin)?)?;
    let next = rest.windows(BEGIN[0].len()).position(is_line).unwrap_or(rest.len());
    let (body, behind) = rest.split_at_checked(next)?;
    if END.iter().any(|end| behind.starts_with(end)) {
        sighting(body, start, is_encrypted(label, body))
    } else {
        partial(body, start)
    }
}

/// Whether a header or an end begins here.
fn is_line(ahead: &[u8]) -> bool {
    BEGIN.iter().chain(&END).any(|line| ahead.starts_with(line))
}

/// `PuTTY`'s `.ppk`: the header lines say whether a passphrase protects the lines behind.
fn putty(text: &[u8], marker: usize, floor: usize) -> Option<Sighting> {
    let before = text.get(marker.saturating_sub(BODY_BYTES).max(floor)..marker)?;
    position(before, b"PuTTY-User-Key-File-")?;
    let behind = text.get(marker..)?;
    let body = behind.get(..2048).unwrap_or(behind);
    let body = body.get(..position(body, b"Private-MAC").unwrap_or(body.len()))?;
    sighting(body, marker, position(before, b"Encryption: none").is_none())
}

fn sighting(body: &[u8], start: usize, encrypted: bool) -> Option<Sighting> {
    let key = letters(body);
    if !is_key(&key) || is_published(&key) {
        return None;
    }
    let (kind, strength) = if encrypted {
        (ENCRYPTED, Strength::Weak)
    } else if is_short(&key) {
        (PARTIAL, Strength::Weak)
    } else {
        (KIND, Strength::Strong)
    };
    let mut sighting = Sighting::new(kind, start, &key, strength);
    sighting.span = start..start.saturating_add(body.len());
    Some(sighting)
}

/// A header with a body and no end: the file was cut, or shows only a part.
fn partial(rest: &[u8], start: usize) -> Option<Sighting> {
    let is_part = |byte: &u8| is_base64(*byte) || byte.is_ascii_whitespace() || *byte == b'\\';
    let length = rest.iter().take_while(|byte| is_part(byte)).count();
    let body = rest.get(..length)?;
    let mut sighting = sighting(body, start, false)?;
    (sighting.kind, sighting.title) = PARTIAL;
    sighting.strength = Strength::Weak;
    Some(sighting)
}

/// The body without what stands between its lines, which may be line breaks, blanks, `\n` written
/// out as in JSON, or quotes and plus signs as in source code. One key has one fingerprint.
fn letters(body: &[u8]) -> Vec<u8> {
    let mut letters = Vec::with_capacity(body.len());
    let mut run: Vec<u8> = Vec::new();
    let mut bytes = body.iter().peekable();
    let mut end_run = |run: &mut Vec<u8>| {
        if run.len() >= MIN_RUN || run.ends_with(b"=") {
            letters.append(run);
        }
        run.clear();
    };
    while let Some(byte) = bytes.next() {
        if is_base64(*byte) {
            run.push(*byte);
            continue;
        }
        end_run(&mut run);
        if *byte == b'\\' && bytes.peek().is_some_and(|next| matches!(next, b'n' | b'r' | b't')) {
            bytes.next();
        }
    }
    end_run(&mut run);
    letters
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether enough of the body is base64.
fn is_key(letters: &[u8]) -> bool {
    let head = letters.get(..512).unwrap_or(letters);
    letters.len() >= MIN_BODY && distinct(head) >= MIN_DISTINCT
}

/// Whether the key says itself that it is longer: ASN.1 begins with its length. The last line,
/// which may be too short to be told from a word, does not count.
fn is_short(letters: &[u8]) -> bool {
    let head = letters.get(..8).and_then(encoded::base64).unwrap_or_default();
    let length = match head.as_slice() {
        [0x30, 0x82, high, low, ..] => usize::from(*high) * 256 + usize::from(*low) + 4,
        [0x30, 0x81, low, ..] => usize::from(*low) + 3,
        [0x30, low, 0x02 | 0x30, ..] if *low < 0x80 => usize::from(*low) + 2,
        _ => return false,
    };
    let there = (letters.len() + MIN_RUN).saturating_mul(3) / 4;
    there < length
}

fn is_encrypted(label: &[u8], body: &[u8]) -> bool {
    // "openssh-key-v1\0", then the cipher's name: base64 of "none" or of another.
    const OPENSSH: &[u8] = b"b3BlbnNzaC1rZXktdjEAAAAA";
    const OPENSSH_PLAIN: &[u8] = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
    position(label, b"ENCRYPTED").is_some()
        || position(body, b"Proc-Type: 4,ENCRYPTED").is_some()
        || (position(body, OPENSSH).is_some() && position(body, OPENSSH_PLAIN).is_none())
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn rfind(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).rposition(|window| window == wanted)
}

#[cfg(test)]
pub(crate) mod tests;
