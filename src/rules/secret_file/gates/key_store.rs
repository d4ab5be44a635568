//! Binary containers of private keys, by what they say of themselves.

use super::super::super::secrets::placeholders::is_published;
use super::super::super::secrets::{Sighting, Strength, private_key};

const KIND: (&str, &str) = ("key-store", "a store with a private key");
/// A store of passwords under a master password.
const VAULT: (&str, &str) = ("password-store", "a password store");

/// Shortest binary private key, an Ed25519 one; templates without a key are shorter.
const MIN_PKCS8: usize = 48;
/// Most entries of a Java key store looked at.
const MAX_ENTRIES: usize = 10_000;

/// The key store that `content` is.
pub(super) fn find(content: &[u8]) -> Option<Sighting> {
    const KEEPASS: &[u8] = &[0x03, 0xd9, 0xa2, 0x9a];
    if content.starts_with(KEEPASS) {
        return Some(Sighting::new(VAULT, 0, content, Strength::Weak));
    }
    if let Some(found) = gnupg(content) {
        return Some(found);
    }
    let found = is_java(content) || is_asn1(content) || is_other(content);
    (found && !is_published(content)).then(|| Sighting::new(KIND, 0, content, Strength::Strong))
}

/// A key of `GnuPG`'s agent, in its canonical form or in the one with names, which other names
/// such as `Created:` may precede (agent/keyformat.txt).
fn gnupg(content: &[u8]) -> Option<Sighting> {
    let named =
        |key: &[u8]| content.starts_with(key) || contains(content, &[&b"\n"[..], key].concat());
    if content.starts_with(b"(21:protected-private-key") || named(b"Key: (protected-private-key") {
        return Some(Sighting::new(private_key::ENCRYPTED, 0, content, Strength::Weak));
    }
    let plain = content.starts_with(b"(11:private-key") || named(b"Key: (private-key");
    plain.then(|| Sighting::new(private_key::KIND, 0, content, Strength::Strong))
}

/// PKCS #12 and PKCS #8.
fn is_asn1(content: &[u8]) -> bool {
    // pkcs8ShroudedKeyBag, 1.2.840.113549.1.12.10.1.2: a private key among the certificates.
    const SHROUDED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
    // keyBag, 1.2.840.113549.1.12.10.1.1: one without a password.
    const KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01];
    // PKCS #8: version 0, then the algorithm's sequence; PKCS #1: version 0, then the modulus;
    // an elliptic curve's: version 1, then the key.
    const PKCS8: &[u8] = &[0x02, 0x01, 0x00, 0x30];
    const PKCS1: &[u8] = &[0x02, 0x01, 0x00, 0x02, 0x82];
    const SEC1: &[u8] = &[0x02, 0x01, 0x01, 0x04];
    let head = content.get(..16).unwrap_or(content);
    let plain = [PKCS8, PKCS1, SEC1].iter().any(|start| contains(head, start));
    content.first() == Some(&0x30)
        && ((plain && content.len() >= MIN_PKCS8)
            || contains(content, SHROUDED)
            || contains(content, KEY_BAG))
}

/// Java's stores: magic number, version, entries. Those of trusted certificates have tag 2.
fn is_java(content: &[u8]) -> bool {
    let known = content.starts_with(&[0xfe, 0xed, 0xfe, 0xed])
        || content.starts_with(&[0xce, 0xce, 0xce, 0xce]);
    let entries = number(content, 8, 4).unwrap_or(0).min(MAX_ENTRIES);
    let mut at = 12;
    for _ in 0..entries {
        match number(content, at, 4).filter(|_| known) {
            Some(1 | 3) => return true,
            Some(2) => {}
            _ => return false,
        }
        match behind_certificate(content, at) {
            Some(next) => at = next,
            None => return false,
        }
    }
    false
}

/// Where the entry behind a trusted certificate begins: tag, alias, date, type, certificate.
fn behind_certificate(content: &[u8], entry: usize) -> Option<usize> {
    let alias = entry.checked_add(4)?;
    let kind = alias.checked_add(10)?.checked_add(number(content, alias, 2)?)?;
    let certificate = kind.checked_add(2)?.checked_add(number(content, kind, 2)?)?;
    certificate.checked_add(4)?.checked_add(number(content, certificate, 4)?)
}

/// A big-endian number of up to four bytes.
fn number(content: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = content.get(at..at.checked_add(length)?)?;
    bytes
        .iter()
        .try_fold(0_usize, |number, byte| number.checked_mul(256)?.checked_add(usize::from(*byte)))
}

/// `GnuPG`'s rings, Microsoft's PVK, Oracle's wallet that opens itself.
fn is_other(content: &[u8]) -> bool {
    // Packet 5, a secret key, with a length of two bytes or a new one.
    let ring = matches!(content, [0x95, 0..=0x0f, _, 3..=6, ..] | [0xc5, _, _, 3..=6, ..]);
    let pvk = content.starts_with(&[0x1e, 0xf1, 0xb5, 0xb0]);
    let wallet = content.starts_with(&[0xa1, 0xf8, 0x4e]);
    (ring && content.len() >= 100) || pvk || wallet
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    content.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Java store of trusted certificates, behind them an entry of that tag.
    fn jks(certificates: u8, tag: u8) -> Vec<u8> {
        let mut store = vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, certificates + 1];
        for _ in 0..certificates {
            store.extend([0, 0, 0, 2, 0, 2]);
            store.extend(b"ca");
            store.extend([0; 8]);
            store.extend([0, 5]);
            store.extend(b"X.509");
            store.extend([0, 0, 0, 3, 1, 2, 3]);
        }
        store.extend([0, 0, 0, tag]);
        store.extend([0; 40]);
        store
    }

    #[test]
    fn java_stores_need_a_key() {
        for certificates in [0, 1, 3] {
            assert!(find(&jks(certificates, 1)).is_some(), "{certificates}");
            assert!(find(&jks(certificates, 2)).is_none(), "a trust store");
        }
        let lying = [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2][..], &[0xff; 4]].concat();
        assert!(find(&lying).is_none());
    }

    #[test]
    fn asn1_needs_a_key() {
        let pkcs8 = |length: usize| {
            let mut key = b"\x30\x82\x04\xbe\x02\x01\x00\x30\x0d\x06\x09".to_vec();
            key.resize(length, 7);
            key
        };
        assert!(find(&pkcs8(48)).is_some());
        assert!(find(&pkcs8(47)).is_none(), "a template");
        let certificate = b"\x30\x82\x04\xbe\x30\x82\x03\xa6\xa0\x03\x02\x01\x02";
        assert!(find(certificate).is_none());
        assert!(find(b"").is_none());
        let bag =
            [&[0x30, 0x82, 1, 0][..], &[0; 30], b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02"];
        assert!(find(&bag.concat()).is_some());
    }

    #[test]
    fn keys_of_gnupg_are_known_in_every_form() {
        let table = [
            ("(11:private-key(3:rsa", Some(Strength::Strong)),
            ("Key: (private-key (rsa", Some(Strength::Strong)),
            ("Created: 20261123T101112\nKey: (private-key (rsa", Some(Strength::Strong)),
            ("(21:protected-private-key(3:rsa", Some(Strength::Weak)),
            ("Created: x\nKey: (protected-private-key (ecc", Some(Strength::Weak)),
            ("(10:public-key(3:rsa", None),
            ("Note: Key: (private-key", None),
            ("Created: 20261123T101112\nKey: (shadowed-private-key (rsa", None),
        ];
        for (content, expected) in table {
            let found = find(content.as_bytes()).map(|found| found.strength);
            assert_eq!(found, expected, "{content}");
        }
    }

    #[test]
    fn other_stores_are_known() {
        let keepass = [&[0x03, 0xd9, 0xa2, 0x9a][..], &[0; 100]].concat();
        assert_eq!(find(&keepass).map(|found| found.strength), Some(Strength::Weak));
        for start in [&[0x1e, 0xf1, 0xb5, 0xb0][..], &[0xa1, 0xf8, 0x4e]] {
            assert!(find(&[start, &[7; 100]].concat()).is_some());
        }
    }
}
