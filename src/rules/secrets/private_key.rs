//! Private keys in PEM and `PuTTY` form. A header alone is source code that writes keys; a key
//! has a body. Encrypted keys are reported as weak: the passphrase often lies next to them, but
//! the file alone opens nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::placeholders::distinct;
use super::{Sighting, Strength};

/// Literal ends of the header lines.
const MARKERS: &[&str] = &["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "Private-Lines: "];

/// Kind and title of a private key.
pub const KIND: (&str, &str) = ("private-key", "a private key");
/// Kind and title of one under a passphrase.
pub const ENCRYPTED: (&str, &str) = ("encrypted-private-key", "a passphrase-protected private key");

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// Longest header in front of a marker, with the label.
const HEADER_BYTES: usize = 64;
/// Longest body looked at; an RSA key of 16384 bits has 13 kB.
const BODY_BYTES: usize = 20 * 1024;
/// Fewest base64 characters of a body: an Ed25519 key in PKCS #8 has 64.
const MIN_BODY: usize = 64;
/// Shorter runs of base64 characters are words of a program, not lines of a key.
const MIN_RUN: usize = 16;
/// A body of fewer different characters is dots or `x`.
const MIN_DISTINCT: usize = 20;

#[expect(clippy::expect_used, reason = "constant words, compiled by the tests")]
static SEARCH: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(MARKERS).expect("MARKERS compile"));

/// The private keys in a text, in order. No look goes beyond the next header or the last marker,
/// so that a text full of them costs one pass.
pub fn find(text: &[u8]) -> impl Iterator<Item = Sighting> {
    let mut last = 0;
    SEARCH.find_iter(text).filter_map(move |hit| {
        let floor = std::mem::replace(&mut last, hit.end());
        at(text, hit.start(), floor)
    })
}

/// The private key whose header's marker stands at `marker`; the marker before ends at `floor`.
fn at(text: &[u8], marker: usize, floor: usize) -> Option<Sighting> {
    let behind = text.get(marker..)?;
    if behind.starts_with(b"Private-Lines") {
        return putty(text, marker, floor);
    }
    let before = text.get(marker.saturating_sub(HEADER_BYTES)..marker)?;
    let begin = rfind(before, BEGIN)?;
    let label = before.get(begin..)?;
    let window = behind.get(..BODY_BYTES).unwrap_or(behind);
    let from = position(window, b"KEY")?.saturating_add(8);
    let rest = window.get(from..)?;
    let end = rest.windows(END.len()).position(|ahead| ahead == END || BEGIN.starts_with(ahead))?;
    let body = rest.get(..end).filter(|_| rest.get(end..).is_some_and(|at| at.starts_with(END)))?;
    let start = marker.checked_sub(before.len().checked_sub(begin)?)?;
    sighting(body, start, is_encrypted(label, body))
}

/// `PuTTY`'s `.ppk`: the header lines say whether a passphrase protects the lines behind.
fn putty(text: &[u8], marker: usize, floor: usize) -> Option<Sighting> {
    let before = text.get(marker.saturating_sub(BODY_BYTES).max(floor)..marker)?;
    position(before, b"PuTTY-User-Key-File-")?;
    let behind = text.get(marker..)?;
    let body = behind.get(..2048).unwrap_or(behind);
    sighting(body, marker, position(before, b"Encryption: none").is_none())
}

fn sighting(body: &[u8], start: usize, encrypted: bool) -> Option<Sighting> {
    if !has_key(body) {
        return None;
    }
    let (kind, strength) =
        if encrypted { (ENCRYPTED, Strength::Weak) } else { (KIND, Strength::Strong) };
    let mut sighting = Sighting::new(kind, start, body.trim_ascii(), strength);
    sighting.span = start..start.saturating_add(body.len());
    Some(sighting)
}

/// Whether enough of the body is base64. Lines may be separated by `\n` written out, as in JSON
/// and in string literals.
fn has_key(body: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let runs = body.split(|byte| !is_base64(byte)).filter(|run| run.len() >= MIN_RUN);
    let (length, letters) = runs.fold((0, Vec::new()), |(length, mut letters), run| {
        if letters.len() < 512 {
            letters.extend_from_slice(run);
        }
        (length + run.len(), letters)
    });
    length >= MIN_BODY && distinct(&letters) >= MIN_DISTINCT
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
pub(crate) mod tests {
    use super::*;
    use crate::rules::secrets::tokens::tests::{BASE62, noise};

    /// A PEM block with a body of that many characters. The header is put together here, so
    /// that this file holds none.
    pub(crate) fn pem(label: &str, length: usize) -> String {
        let body: Vec<char> = noise(length, BASE62).chars().collect();
        let lines: Vec<String> = body.chunks(64).map(|line| line.iter().collect()).collect();
        let dashes = "-----";
        format!(
            "{dashes}BEGIN {label}{dashes}\n{}\n{dashes}END {label}{dashes}\n",
            lines.join("\n")
        )
    }

    fn kinds(text: &str) -> Vec<(&'static str, Strength)> {
        crate::rules::secrets::tokens::find(text.as_bytes(), 10)
            .iter()
            .map(|found| (found.kind, found.strength))
            .collect()
    }

    #[test]
    fn finds_keys_with_a_body() {
        let strong = [("private-key", Strength::Strong)];
        for label in
            ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
        {
            assert_eq!(kinds(&pem(label, 1600)), strong, "{label}");
        }
        assert_eq!(kinds(&pem("PRIVATE KEY", 64)), strong);
        assert_eq!(kinds(&pem("PRIVATE KEY", 63)), []);
        let json =
            format!("{{\"private_key\": \"{}\"}}", pem("PRIVATE KEY", 1600).replace('\n', "\\n"));
        assert_eq!(kinds(&json), strong);
        let text = pem("EC PRIVATE KEY", 164);
        let before = format!("x\n{text}");
        assert_eq!(crate::rules::secrets::tokens::find(before.as_bytes(), 1)[0].span.start, 2);
    }

    #[test]
    fn knows_passphrases() {
        let weak = [("encrypted-private-key", Strength::Weak)];
        assert_eq!(kinds(&pem("ENCRYPTED PRIVATE KEY", 1600)), weak);
        let old = pem("RSA PRIVATE KEY", 1600).replacen(
            "KEY-----\n",
            "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
            1,
        );
        assert_eq!(kinds(&old), weak);
        let body = format!("b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI{}", noise(200, BASE62));
        assert_eq!(kinds(&pem("OPENSSH PRIVATE KEY", 10).replace(&noise(10, BASE62), &body)), weak);
    }

    #[test]
    fn leaves_headers_and_certificates_alone() {
        let header = pem("OPENSSH PRIVATE KEY", 0);
        let certificate = pem("CERTIFICATE", 1600);
        let source = "_SK_START = b\"-----BEGIN OPENSSH PRIVATE KEY-----\"\n\
            _SK_END = b\"-----END OPENSSH PRIVATE KEY-----\"\n\
            _PEM_RC = re.compile(_SK_START + b\"(.*?)\" + _SK_END, re.DOTALL)\n";
        for text in [header.as_str(), &certificate, source] {
            assert_eq!(kinds(text), [], "{text}");
        }
        assert_eq!(kinds(&pem("PRIVATE KEY", 200).replace(|c: char| c.is_ascii_digit(), ".")), []);
        let dots = format!("{}{}", "-----BEGIN PRIVATE KEY-----\n", "x".repeat(200));
        assert_eq!(kinds(&format!("{dots}\n-----END PRIVATE KEY-----")), []);
    }

    #[test]
    fn finds_putty_keys() {
        let ppk = |cipher: &str| {
            format!(
                "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: {cipher}\nPrivate-Lines: 14\n{}",
                noise(64, BASE62) + "\n" + &noise(64, BASE62)
            )
        };
        assert_eq!(kinds(&ppk("none")), [("private-key", Strength::Strong)]);
        assert_eq!(kinds(&ppk("aes256-cbc")), [("encrypted-private-key", Strength::Weak)]);
    }
}
