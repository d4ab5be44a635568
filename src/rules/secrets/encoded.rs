//! Secrets under one layer of base64: keys in `..._B64` variables, values of Kubernetes Secrets.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Sighting, Strength, private_key, tokens};

/// `PRIVATE KEY-----` in base64, for each place in its groups of four, with the place of the
/// first letter in its group.
pub(super) const KEY_MARKERS: [(&str, usize); 3] =
    [("UFJJVkFURSBLRVktLS0t", 0), ("BSSVZBVEUgS0VZLS0tLS", 2), ("QUklWQVRFIEtFWS0tLS0t", 3)];
/// How far before the marker its header begins, in groups of four letters.
const GROUPS_BEFORE: usize = 16;
/// Longest key looked at: those of `private_key`, a third longer and with line breaks.
pub(super) const MAX_KEY_BYTES: usize = 28 * 1024;

/// Beginnings of providers' tokens in base64, with the place of the first letter in its group;
/// those that are too short to be rare only for a token that begins the text.
pub(super) const TOKEN_MARKERS: &[(&str, usize)] = &[
    ("Z2hwX", 0),
    ("docF", 2),
    ("naHBf", 3),
    ("Z2l0aHViX3BhdF", 0),
    ("dpdGh1Yl9wYXRf", 2),
    ("naXRodWJfcGF0X", 3),
    ("Z2xwYXQt", 0),
    ("dscGF0L", 2),
    ("nbHBhdC", 3),
    ("c2stYW50L", 0),
    ("NrLWFudC", 2),
    ("zay1hbnQt", 3),
    ("c2stcHJvai", 0),
    ("NrLXByb2ot", 2),
    ("zay1wcm9qL", 3),
    ("Z2hvX", 0),
    ("Z2hzX", 0),
    ("bnBtX", 0),
    ("aGZf", 0),
    ("eG94Yi", 0),
    ("QUl6Y", 0),
];
/// Longest token under base64.
pub(super) const MAX_TOKEN_BYTES: usize = 400;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
static URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// The bytes behind either alphabet of base64, with or without padding.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let is_url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    if is_url { URL.decode(text).ok() } else { PLAIN.decode(text).ok() }
}

/// The private key of which the marker stands at `hit`, `place` letters into its group.
pub(super) fn key_at(text: &[u8], hit: usize, place: usize) -> Option<Sighting> {
    let group = hit.checked_sub(place)?;
    let before = (0..=GROUPS_BEFORE)
        .take_while(|groups| {
            let start = group.checked_sub(groups.saturating_mul(4));
            start
                .and_then(|at| text.get(at..group))
                .is_some_and(|run| run.iter().copied().all(is_base64))
        })
        .last()?;
    let start = group.saturating_sub(before.saturating_mul(4));
    let rest = text.get(start..)?;
    let rest = rest.get(..MAX_KEY_BYTES).unwrap_or(rest);
    let (letters, length) = unwrapped(rest);
    let whole = letters.get(..letters.len().saturating_sub(letters.len() % 4))?;
    let plain = base64(whole)?;
    let mut sighting = private_key::find(&plain).next()?;
    sighting.span = start..start.saturating_add(length);
    Some(sighting)
}

/// The token of which the beginning stands at `hit`, `place` letters into its group. It is
/// doubtful: whoever encodes a token may encode examples too.
pub(super) fn token_at(text: &[u8], hit: usize, place: usize) -> Option<Sighting> {
    let start = hit.checked_sub(place)?;
    let rest = text.get(start..)?;
    let rest = rest.get(..MAX_TOKEN_BYTES).unwrap_or(rest);
    let is_letter = |byte: &&u8| is_base64(**byte) || matches!(**byte, b'-' | b'_');
    let length = rest.iter().take_while(is_letter).count();
    let whole = rest.get(..length.saturating_sub(usize::from(length % 4 == 1)))?;
    let plain = base64(whole)?;
    let found = tokens::find(&plain, 1).into_iter();
    let mut sighting = found.max_by_key(|found| found.strength)?;
    (sighting.strength == Strength::Strong).then(|| {
        sighting.span = start..start.saturating_add(length);
        sighting.strength = Strength::Weak;
        sighting
    })
}

/// The letters of a run of base64 that may be wrapped, and how many bytes it takes.
fn unwrapped(text: &[u8]) -> (Vec<u8>, usize) {
    let is_part = |byte: &u8| is_base64(*byte) || matches!(byte, b'\r' | b'\n');
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    let run = text.get(..length).unwrap_or_default();
    (run.iter().copied().filter(|byte| is_base64(*byte)).collect(), length)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::secrets::private_key::tests::pem;

    pub(crate) fn base64url(bytes: &[u8]) -> String {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn standard(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    #[test]
    fn reads_both_alphabets() {
        for (text, expected) in [
            ("aGk=", Some(&b"hi"[..])),
            ("aGk", Some(b"hi")),
            ("-_-_", Some(b"\xfb\xff\xbf")),
            ("+/+/", Some(b"\xfb\xff\xbf")),
            ("a b", None),
            ("a", None),
        ] {
            assert_eq!(base64(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tokens_are_found_at_every_place_of_a_group() {
        use crate::rules::secrets::tokens::tests::{BASE62, github, noise};
        let (token, key) = (github("ghp_"), format!("sk-ant-api03-{}AA", noise(93, BASE62)));
        for before in ["", ":", "x:", "x-access-token:"] {
            for token in [&token, &key] {
                let plain = format!("{before}{token}");
                for text in [standard(plain.as_bytes()), base64url(plain.as_bytes())] {
                    let found = tokens::find(format!("T={text}\n").as_bytes(), 10);
                    assert_eq!(found.len(), 1, "{plain}");
                    assert_eq!(found[0].strength, Strength::Weak);
                    assert_eq!(found[0].fingerprint, super::super::fingerprint(token.as_bytes()));
                }
            }
        }
        let other = standard(format!("ghp_{}", noise(36, BASE62)).as_bytes());
        assert!(tokens::find(other.as_bytes(), 10).is_empty(), "no checksum");
        assert!(tokens::find(b"docFile docFragment Z2hwX", 10).is_empty());
    }

    #[test]
    fn keys_are_found_at_every_place_of_a_group() {
        let key = pem("RSA PRIVATE KEY", 1600);
        let plain = tokens::find(key.as_bytes(), 1);
        for before in ["", "x", "xy", "{\"private_key\": \""] {
            let hidden = standard(format!("{before}{key}").as_bytes());
            let wrapped: Vec<&str> = hidden
                .as_bytes()
                .chunks(76)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            for text in [hidden.clone(), format!("KEY_B64=\"{hidden}\""), wrapped.join("\n")] {
                let found = tokens::find(text.as_bytes(), 10);
                assert_eq!(found.len(), 1, "{before}");
                assert_eq!(found[0].strength, Strength::Strong);
                assert_eq!(found[0].fingerprint, plain[0].fingerprint, "{before}");
            }
        }
        let certificate = standard(pem("CERTIFICATE", 1600).as_bytes());
        assert!(tokens::find(certificate.as_bytes(), 10).is_empty());
    }
}
