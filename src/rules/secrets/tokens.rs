//! The search: one Aho-Corasick pass over a text for the keywords of all formats, then each
//! format's expression at the hits only. A gigabyte without keywords costs one pass. Private keys
//! are looked for in a pass of their own, which no flood of tokens ends.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::patterns::{PATTERNS, Pattern, Place};
use super::placeholders::{is_example_token, is_published};
use super::{Sighting, Strength, private_key};

/// Most bytes of text a token may take, with what stands behind it.
const WINDOW_BYTES: usize = 2400;
/// How far before a keyword its token may begin.
const BEHIND_BYTES: usize = 160;
/// Most expressions tried in one text, at keywords where a word begins. Prose full of `hf_` must
/// not cost minutes.
const MAX_TRIES: usize = 200_000;

struct Engine {
    keywords: AhoCorasick,
    /// Whose keyword it is.
    owners: Vec<usize>,
    regexes: Vec<Regex>,
}

#[expect(clippy::expect_used, reason = "constant expressions, compiled by the tests")]
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let tokens = PATTERNS
        .iter()
        .enumerate()
        .flat_map(|(owner, pattern)| pattern.keywords.iter().map(move |word| (*word, owner)));
    let (words, owners): (Vec<_>, Vec<_>) = tokens.unzip();
    let regexes = PATTERNS
        .iter()
        .map(|pattern| Regex::new(&format!("^(?-u:{})", pattern.regex)).expect(pattern.kind))
        .collect();
    Engine { keywords: AhoCorasick::new(words).expect("keywords compile"), owners, regexes }
});

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Tokens and private keys, in order.
    pub sightings: Vec<Sighting>,
    /// Whether so much of the text looks like tokens that the search for them was given up. A
    /// flood of that kind can only serve to hide one behind it.
    pub is_flooded: bool,
}

/// Tokens and private keys in a text, in order, at most `most` of each strength.
pub fn find(text: &[u8], most: usize) -> Vec<Sighting> {
    search(text, most).sightings
}

/// The same, with word of a flood. Private keys are found behind one.
pub fn search(text: &[u8], most: usize) -> Found {
    let engine = &*ENGINE;
    let mut found = engine.tokens(text, most);
    found.sightings.extend(private_key::find(text).take(most));
    found.sightings.sort_by_key(|sighting| sighting.span.start);
    found
}

/// At most `most` sightings of each strength, so that no number of doubtful ones hides a sure one.
pub fn strongest(sightings: impl Iterator<Item = Sighting>, most: usize) -> Vec<Sighting> {
    let (mut weak, mut strong) = (0_usize, 0_usize);
    sightings
        .filter(|sighting| {
            let count = if sighting.strength == Strength::Strong { &mut strong } else { &mut weak };
            *count = count.saturating_add(1);
            *count <= most
        })
        .collect()
}

impl Engine {
    fn tokens(&self, text: &[u8], most: usize) -> Found {
        let mut is_flooded = false;
        let mut last: Vec<Range<usize>> = Vec::new();
        let sightings = self
            .keywords
            .find_overlapping_iter(text)
            .filter_map(|hit| {
                let owner = *self.owners.get(hit.pattern().as_usize())?;
                Some((owner, Self::start(owner, text, hit.start())?))
            })
            .enumerate()
            .take_while(|(tries, _)| {
                is_flooded = *tries >= MAX_TRIES;
                !is_flooded
            })
            .filter_map(|(_, (owner, start))| self.token_at(owner, text, start))
            .filter(|sighting| {
                let is_new = !last.iter().rev().take(4).any(|known| *known == sighting.span);
                last.push(sighting.span.clone());
                is_new
            });
        let sightings = strongest(sightings, most);
        Found { sightings, is_flooded }
    }

    /// Where the token of a keyword at `hit` begins, unless that is in the middle of a word.
    fn start(owner: usize, text: &[u8], hit: usize) -> Option<usize> {
        let pattern: &Pattern = PATTERNS.get(owner)?;
        let start = match pattern.place {
            Place::Start => hit,
            Place::Inside => token_start(text, hit),
        };
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        // `uthorization` is a keyword without its first letter, to serve both cases of it.
        let bounded =
            pattern.kind == "authorization-header" || before.is_none_or(|byte| !is_word(*byte));
        bounded.then_some(start)
    }

    fn token_at(&self, owner: usize, text: &[u8], start: usize) -> Option<Sighting> {
        let pattern: &Pattern = PATTERNS.get(owner)?;
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
    fn a_flood_of_keywords_hides_no_private_key() {
        let key = private_key::tests::pem("RSA PRIVATE KEY", 1600);
        for (words, flooded) in [(MAX_TRIES - 1, false), (MAX_TRIES, false), (MAX_TRIES + 1, true)]
        {
            let found = search(("hf_ ".repeat(words) + "\n" + &key).as_bytes(), 100);
            assert_eq!(found.is_flooded, flooded, "{words}");
            let kinds: Vec<_> = found.sightings.iter().map(|found| found.kind).collect();
            assert_eq!(kinds, ["private-key"], "{words}");
        }
        // In the middle of words they cost nothing.
        assert!(!search("task-".repeat(MAX_TRIES + 1).as_bytes(), 1).is_flooded);
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
}
