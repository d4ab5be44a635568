//! The search: one Aho-Corasick pass over a text for the keywords of all formats, then each
//! format's expression at the hits only. A gigabyte without keywords costs one pass.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::patterns::{PATTERNS, Pattern, Place};
use super::placeholders::{is_example_token, is_published};
use super::{Sighting, private_key};

/// Most bytes of text a token may take, with what stands behind it.
const WINDOW_BYTES: usize = 2400;
/// How far before a keyword its token may begin.
const BEHIND_BYTES: usize = 160;
/// Most keyword hits tried in one text. Prose full of `hf_` must not cost minutes.
const MAX_HITS: usize = 200_000;

struct Engine {
    keywords: AhoCorasick,
    /// Whose keyword it is; `None` is the marker of a private key.
    owners: Vec<Option<usize>>,
    regexes: Vec<Regex>,
}

#[expect(clippy::expect_used, reason = "constant expressions, compiled by the tests")]
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let tokens = PATTERNS
        .iter()
        .enumerate()
        .flat_map(|(owner, pattern)| pattern.keywords.iter().map(move |word| (*word, Some(owner))));
    let markers = private_key::MARKERS.iter().map(|marker| (*marker, None));
    let (words, owners): (Vec<_>, Vec<_>) = tokens.chain(markers).unzip();
    let regexes = PATTERNS
        .iter()
        .map(|pattern| Regex::new(&format!("^(?-u:{})", pattern.regex)).expect(pattern.kind))
        .collect();
    Engine { keywords: AhoCorasick::new(words).expect("keywords compile"), owners, regexes }
});

/// Tokens and private keys in a text, in order, at most `most`.
pub fn find(text: &[u8], most: usize) -> Vec<Sighting> {
    let engine = &*ENGINE;
    let mut found: Vec<Sighting> = Vec::new();
    for hit in engine.keywords.find_overlapping_iter(text).take(MAX_HITS) {
        let owner = engine.owners.get(hit.pattern().as_usize()).copied().flatten();
        let sighting = match owner {
            Some(owner) => engine.token_at(owner, text, hit.start()),
            None => private_key::at(text, hit.start()),
        };
        let Some(sighting) = sighting else { continue };
        if found.iter().rev().take(4).any(|known| known.span == sighting.span) {
            continue;
        }
        found.push(sighting);
        if found.len() >= most {
            break;
        }
    }
    found.sort_by_key(|sighting| sighting.span.start);
    found
}

impl Engine {
    fn token_at(&self, owner: usize, text: &[u8], hit: usize) -> Option<Sighting> {
        let pattern: &Pattern = PATTERNS.get(owner)?;
        let start = match pattern.place {
            Place::Start => hit,
            Place::Inside => token_start(text, hit),
        };
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        // `uthorization` is a keyword without its first letter, to serve both cases of it.
        let bounded =
            pattern.kind == "authorization-header" || before.is_none_or(|byte| !is_word(*byte));
        if !bounded {
            return None;
        }
        let rest = text.get(start..)?;
        let window = rest.get(..WINDOW_BYTES).unwrap_or(rest);
        let captures = self.regexes.get(owner)?.captures(window)?;
        let value = captures.get(1).or_else(|| captures.get(0))?;
        let behind = window.get(value.end()..).unwrap_or_default();
        if behind.first().is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let bytes = value.as_bytes();
        if is_example_token(&String::from_utf8_lossy(bytes)) || is_published(bytes) {
            return None;
        }
        let strength = (pattern.check)(bytes, behind)?;
        let at = start.checked_add(value.start())?;
        Some(Sighting::new((pattern.kind, pattern.title), at, bytes, strength))
    }
}

/// First byte of the run of token characters around `hit`.
fn token_start(text: &[u8], hit: usize) -> usize {
    let floor = hit.saturating_sub(BEHIND_BYTES);
    let run = text.get(floor..hit).unwrap_or_default();
    let inside = run.iter().rev().take_while(|byte| is_token(**byte)).count();
    hit.saturating_sub(inside)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_token(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'-' | b'~' | b'.')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::secrets::{Strength, checksum};

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

    pub(crate) const BASE62: &str =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
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
            (
                "openai-key",
                format!("sk-{}T3BlbkFJ{}", noise(20, BASE62), noise(20, BASE62)),
                strong,
            ),
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

    #[test]
    fn the_number_of_sightings_is_capped() {
        let token = format!("hf_{}\n", noise(34, LETTERS));
        for (most, expected) in [(2, 2), (3, 3), (4, 3)] {
            assert_eq!(find(token.repeat(3).as_bytes(), most).len(), expected);
        }
    }
}
