//! The table itself, and samples of every format made from its own expression.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::*;
use crate::rules::secrets::tokens;
use std::collections::BTreeSet;

#[test]
fn the_table_is_in_order() {
    let mut kinds = BTreeSet::new();
    for pattern in all() {
        let kind = pattern.kind;
        assert!(kinds.insert(kind), "{kind} twice");
        assert!(kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        assert!(pattern.title.starts_with("a ") || pattern.title.starts_with("an "), "{kind}");
        // Two letters would hit in every other line.
        assert!(pattern.keywords.iter().all(|word| word.len() >= 3), "{kind}");
    }
    assert!(kinds.len() >= 150, "{}", kinds.len());
}

#[test]
fn json_web_tokens_are_read() {
    let part = |text: &str| encoded::tests::base64url(text.as_bytes());
    let token = |header: &str, payload: &str| {
        format!("{}.{}.{}", part(header), part(payload), "q".repeat(43))
    };
    let table = [
        (r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"role":"service_role","iss":"db"}"#, Some(Weak)),
        (r#"{"alg":"HS256"}"#, r#"{"sub":"1234567890","name":"John Doe"}"#, None),
        (r#"{"alg":"none"}"#, r#"{"role":"service_role"}"#, None),
        (r#"{"typ":"JWT"}"#, r#"{"role":"service_role"}"#, None),
        (r#"{"alg":"HS256"}"#, "no JSON", None),
    ];
    for (header, payload, expected) in table {
        assert_eq!(jwt(token(header, payload).as_bytes(), b""), expected, "{header}");
    }
}

#[test]
fn every_format_is_found_by_its_own_expression() {
    // What has to be more than random letters: JSON, a login, the name of a variable.
    let readable = ["json-web-token", "authorization-header", "aws-secret-key", "scaleway-key"];
    let mut runner = TestRunner::deterministic();
    let mut rare: Vec<(&str, usize)> = Vec::new();
    for pattern in all().filter(|pattern| !readable.contains(&pattern.kind)) {
        let expression = format!("(?-u:{})", pattern.regex);
        let samples = proptest::string::bytes_regex(&expression).unwrap();
        // Some are taken for examples or words by chance.
        let found = (0..40).filter(|_| {
            let sample = samples.new_tree(&mut runner).unwrap().current();
            let text = [b"x = \"", sample.as_slice(), b"\"\n"].concat();
            tokens::find(&text, 10).iter().any(|found| found.kind == pattern.kind)
        });
        let found = found.count();
        if found < 20 {
            rare.push((pattern.kind, found));
        }
    }
    assert_eq!(rare, []);
}

#[test]
fn firebase_keys_of_web_pages_are_doubtful() {
    let key = format!("AIza{}", tokens::tests::noise(35, tokens::tests::BASE62));
    let strengths = |text: String| tokens::find(text.as_bytes(), 1)[0].strength;
    assert_eq!(strengths(format!("{{apiKey:\"{key}\"}}")), Strong);
    assert_eq!(strengths(format!("{{apiKey:\"{key}\",authDomain:\"x.y\"}}")), Weak);
    for public in [
        "VITE_FIREBASE_API_KEY=",
        "A=1\nNEXT_PUBLIC_KEY=\"",
        "  - REACT_APP_KEY: ",
        "<script src=\"https://maps.googleapis.com/maps/api/js?v=weekly&key=",
        "\"api_key\": [{\"current_key\": \"",
        "<key>API_KEY</key>\n\t<string>",
    ] {
        assert_eq!(strengths(format!("{public}{key}")), Weak, "{public}");
    }
    for secret in ["VITE_GEMINI_API_KEY=", "VITE_A=1\nAPI_KEY=", "key=", "VITE_A=1 KEY="] {
        assert_eq!(strengths(format!("{secret}{key}")), Strong, "{secret}");
    }
}

#[test]
fn short_heads_need_more_than_a_head() {
    let noise = |count| tokens::tests::noise(count, tokens::tests::BASE62);
    let first = |text: String| tokens::find(text.as_bytes(), 1).first().map(|found| found.strength);
    assert_eq!(first(format!("y0_AgAAAA{}", noise(50))), Some(Strong));
    assert_eq!(first(format!("y1_{}", noise(56))), Some(Weak));
    let id = format!("SCW{}", tokens::tests::noise(17, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
    assert_eq!(first(id.clone()), None);
    assert_eq!(first(format!("{id}\nsecret: 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")), Some(Strong));
}

#[test]
fn headers_are_found_as_checkouts_write_them() {
    // A user and a password in base64.
    let login = "eC1hY2Nlc3MtdG9rZW46cVQ5dkxtNFpyMVh3OEtkMlBi";
    for header in ["AUTHORIZATION: basic", "Authorization: Basic", "authorization: Bearer"] {
        let text = format!("git -c http.extraheader='{header} {login}' fetch");
        let found = tokens::find(text.as_bytes(), 10);
        assert!(found.iter().any(|found| &text[found.span.clone()] == login), "{text}");
    }
}
