//! Private keys as JSON Web Keys (RFC 7517): an object with `"kty"` is a public key, with `"d"`
//! (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037) beside it a private one.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::placeholders::{distinct, is_published};
use super::{Sighting, Strength};

/// What every such key holds; the quote behind keeps words of programs out.
pub(super) const MARKERS: &[&str] = &["kty\"", "kty'", "kty\\\""];
/// Longest key looked at on either side of the marker: RSA keys of 4096 bits have 3.2 kB.
const SIDE_BYTES: usize = 8 * 1024;
/// What one look costs at most.
pub(super) const LOOK_BYTES: usize = 2 * SIDE_BYTES;

/// Kind and title of such a key.
pub const KIND: (&str, &str) = ("jwk-private-key", "a private JSON Web Key");

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static PRIVATE: LazyLock<Regex> = LazyLock::new(|| {
    let pair = r#"["']d\\{0,3}["'][ \t\r\n]{0,8}:[ \t\r\n]{0,8}\\{0,3}["']([A-Za-z0-9_-]{40,1400})\\{0,3}["']"#;
    Regex::new(pair).expect("compiles")
});

/// The private key of which the marker stands at `marker`.
pub(super) fn at(text: &[u8], marker: usize) -> Option<Sighting> {
    let before = text.get(marker.saturating_sub(SIDE_BYTES)..marker)?;
    let length = before.iter().rev().position(|byte| matches!(byte, b'{' | b'}'))?;
    let start = marker.checked_sub(length)?;
    let behind = text.get(marker..)?;
    let behind = behind.get(..SIDE_BYTES).unwrap_or(behind);
    let end = behind.iter().position(|byte| matches!(byte, b'{' | b'}')).unwrap_or(behind.len());
    let object = text.get(start..marker.checked_add(end)?)?;
    let value = PRIVATE.captures(object)?.get(1)?;
    if distinct(value.as_bytes()) < 16 || is_published(value.as_bytes()) {
        return None;
    }
    let at = start.checked_add(value.start())?;
    Some(Sighting::new(KIND, at, value.as_bytes(), Strength::Strong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::secrets::tokens;
    use crate::rules::secrets::tokens::tests::{BASE62, noise};

    fn kinds(text: &str) -> Vec<&'static str> {
        tokens::find(text.as_bytes(), 10).iter().map(|found| found.kind).collect()
    }

    #[test]
    fn private_keys_are_found_and_public_ones_are_not() {
        let (x, d, long) = (noise(43, BASE62), noise(86, BASE62), noise(342, BASE62));
        let d = &d[43..];
        let ec = format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{x}\",\"d\":\"{d}\"}}");
        let found = tokens::find(ec.as_bytes(), 10);
        assert_eq!(found.len(), 1);
        assert_eq!(&ec[found[0].span.clone()], d);
        assert_eq!(found[0].strength, Strength::Strong);
        let table = [
            (format!("{{\n  \"d\" : \"{d}\",\n  \"e\": \"AQAB\", \"kty\": \"RSA\"\n}}"), 1),
            (format!("{{\"keys\":[{{\"kty\":\"RSA\",\"n\":\"{long}\",\"d\":\"{long}\"}}]}}"), 1),
            (format!("JWK={{\\\"kty\\\":\\\"OKP\\\",\\\"d\\\":\\\"{d}\\\"}}"), 1),
            (format!("key = {{'kty': 'EC', 'd': '{d}'}}"), 1),
            (format!("{{\"kty\":\"RSA\",\"n\":\"{long}\",\"e\":\"AQAB\"}}"), 0),
            (format!("[{{\"kty\":\"RSA\"}},{{\"d\":\"{d}\"}}]"), 0),
            (format!("{{\"kty\":\"EC\",\"d\":\"{}\"}}", "A".repeat(43)), 0),
            (format!("{{\"kty\":\"EC\",\"d\":\"{}\"}}", &d[..39]), 0),
        ];
        for (text, count) in table {
            assert_eq!(kinds(&text).len(), count, "{text}");
        }
    }

    #[test]
    fn a_look_is_bounded() {
        let d = noise(43, BASE62);
        for (gap, count) in [(SIDE_BYTES - 100, 1), (SIDE_BYTES + 100, 0)] {
            let text = format!("{{\"kty\":\"EC\",{}\"d\":\"{d}\"}}", " ".repeat(gap));
            assert_eq!(kinds(&text).len(), count, "{gap}");
        }
    }
}
