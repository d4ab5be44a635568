//! Every format once, look-alikes, wrappings, floods.

use super::*;
use crate::rules::secrets::checksum;

/// Letters and digits that look random and are the same in every run. Made here, because a
/// token written out would make other scanners refuse this file.
pub(crate) fn noise(length: usize, alphabet: &str) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        letters[usize::try_from(state >> 33).unwrap() % letters.len()]
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(crate) const HEX: &str = "0123456789abcdef";

/// A GitHub- or npm-like token with a valid checksum.
pub(crate) fn github(prefix: &str) -> String {
    let entropy = noise(30, BASE62);
    let check = checksum::of(entropy.as_bytes());
    format!("{prefix}{entropy}{}", String::from_utf8_lossy(&check))
}

fn kinds(text: &str) -> Vec<(&'static str, Strength)> {
    find(text.as_bytes(), 100).iter().map(|found| (found.kind, found.strength)).collect()
}

#[test]
fn finds_each_format() {
    let strong = Strength::Strong;
    let weak = Strength::Weak;
    let aws_id = format!("AKIA{}", noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    let aws_secret = noise(40, BASE62);
    let table = [
        ("huggingface-token", format!("hf_{}", noise(34, LETTERS)), strong),
        ("huggingface-token", format!("hf_{}", noise(37, BASE62)), weak),
        (
            "openai-key",
            format!("sk-proj-{}T3BlbkFJ{}", noise(74, BASE62), noise(74, BASE62)),
            strong,
        ),
        ("openai-key", format!("sk-{}T3BlbkFJ{}", noise(20, BASE62), noise(20, BASE62)), strong),
        ("anthropic-key", format!("sk-ant-api03-{}AA", noise(93, BASE62)), strong),
        ("github-token", github("ghp_"), strong),
        ("github-token", format!("ghp_{}", noise(36, BASE62)), weak),
        ("npm-token", github("npm_"), strong),
        ("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", noise(60, BASE62)), strong),
        ("gitlab-token", format!("glpat-{}", noise(20, BASE62)), strong),
        ("databricks-token", format!("dapi{}", noise(32, HEX)), strong),
        ("nvidia-key", format!("nvapi-{}", noise(64, BASE62)), strong),
        ("replicate-token", format!("r8_{}", noise(37, BASE62)), strong),
        ("google-api-key", format!("AIza{}", noise(35, BASE62)), strong),
        ("azure-storage-key", format!("AccountKey={}==", noise(86, BASE62)), strong),
        ("azure-client-secret", format!("abc8Q~{}", noise(33, BASE62)), strong),
        ("docker-hub-token", format!("dckr_pat_{}", noise(27, BASE62)), strong),
        (
            "slack-token",
            format!(
                "xoxb-{}-{}-{}",
                noise(12, "123456789"),
                noise(12, "123456789"),
                noise(24, BASE62)
            ),
            strong,
        ),
        ("aws-access-key-id", aws_id.clone(), weak),
        ("aws-access-key-id", format!("('{aws_id}', '{aws_secret}')"), strong),
        ("aws-secret-key", format!("aws_secret_access_key = {aws_secret}"), strong),
        ("aws-secret-key", format!("\"SecretAccessKey\": \"{aws_secret}\""), strong),
    ];
    for (kind, text, strength) in table {
        assert_eq!(kinds(&format!("x = \"{text}\"\n")), [(kind, strength)], "{kind}");
        assert_eq!(kinds(&text), [(kind, strength)], "{kind} alone");
    }
}

#[test]
fn leaves_look_alikes_alone() {
    let table = [
        "sk-toggleable__label-arrow sk-estimator-doc-link",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "sk-1234567890abcdef1234567890abcdef",
        "hf_model_for_conditional_generation_output",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "task-antelope npm_config_cache npm_lifecycle_event",
        "aws_secret_access_key=0123456789abcdef0123456789abcdef01234567",
        "-----BEGIN PRIVATE KEY-----",
    ];
    for text in table {
        assert_eq!(kinds(text), [], "{text}");
    }
    let id = noise(34, LETTERS);
    assert_eq!(kinds(&format!("prefix_hf_{id}")), [], "not at a boundary");
    assert_eq!(kinds(&format!("hf_{id}AAAAAAAAAAAA")), [], "too long");
}

/// How often `hf_` may stand in a text: each look at it is charged with the usual reach.
const MOST_LOOKS: usize = MAX_WORK_BYTES / 320;

#[test]
fn a_flood_of_keywords_hides_no_private_key() {
    let key = private_key::tests::pem("RSA PRIVATE KEY", 1600);
    for (words, flooded) in [(MOST_LOOKS - 1, false), (MOST_LOOKS, false), (MOST_LOOKS + 1, true)] {
        let found = search(("hf_ ".repeat(words) + "\n" + &key).as_bytes(), 100);
        assert_eq!(found.is_flooded, flooded, "{words}");
        let kinds: Vec<_> = found.sightings.iter().map(|found| found.kind).collect();
        assert_eq!(kinds, ["private-key"], "{words}");
    }
    // In the middle of words they cost nothing.
    let found = search("task-".repeat(MOST_LOOKS + 1).as_bytes(), 1);
    assert_eq!((found.is_flooded, found.work_bytes), (false, 0));
}

#[test]
fn the_work_grows_with_the_text_and_is_capped() {
    // A minified program on one line, and what an attacker would put there.
    let minified = "var a=t.task-b,c=\"sk-toggle\";function d(e){return e.token}";
    let hostile =
        [minified, "eyJhbGciOi", "-eyJhbGciOi", " 8Q~", "sk-sk-sk-", ":AA:AA", "uthorization"];
    for part in hostile {
        let work = |times: usize| search(part.repeat(times).as_bytes(), 1).work_bytes;
        let (once, twice) = (work(2_000), work(4_000));
        assert!(twice <= once * 2 + encoded::MAX_KEY_BYTES, "{part}: {once} {twice}");
        assert!(work(60_000) <= MAX_WORK_BYTES + encoded::MAX_KEY_BYTES, "{part}");
    }
}

#[test]
fn weak_tokens_hide_no_strong_one() {
    let weak = format!("hf_{}\n", noise(37, BASE62)).repeat(101);
    let strong = format!("hf_{}\n", noise(34, LETTERS));
    let found = find((weak + &strong).as_bytes(), 100);
    assert_eq!(found.iter().filter(|found| found.strength == Strength::Strong).count(), 1);
    assert_eq!(found.len(), 101);
}

#[test]
fn the_number_of_sightings_is_capped() {
    let token = format!("hf_{}\n", noise(34, LETTERS));
    for (most, expected) in [(2, 2), (3, 3), (4, 3)] {
        assert_eq!(find(token.repeat(3).as_bytes(), most).len(), expected);
    }
}
