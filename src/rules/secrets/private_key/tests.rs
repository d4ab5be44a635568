//! Keys in every wrapping, and what only looks like one.

use super::*;
use crate::rules::secrets::tokens::tests::{BASE62, noise};

/// A PEM block with a body of that many characters. The header is put together here, so
/// that this file holds none.
pub(crate) fn pem(label: &str, length: usize) -> String {
    let body: Vec<char> = noise(length, BASE62).chars().collect();
    let lines: Vec<String> = body.chunks(64).map(|line| line.iter().collect()).collect();
    let dashes = "-----";
    format!("{dashes}BEGIN {label}{dashes}\n{}\n{dashes}END {label}{dashes}\n", lines.join("\n"))
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
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
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
