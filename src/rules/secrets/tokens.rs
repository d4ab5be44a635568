//! The search: one Aho-Corasick pass over a text for the keywords of all formats, of private keys
//! and of keys under base64, then each format's expression at the hits only. A gigabyte without
//! keywords costs one pass. No flood of tokens ends the search for private keys.

mod boundary;

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::Regex;

use self::boundary::Boundary;
use super::patterns::{self, Pattern, Place};
use super::placeholders::{is_example_token, is_published};
use super::{Sighting, Strength, encoded, jwk, private_key};

/// How far before a keyword its token may begin.
const BEHIND_BYTES: usize = 160;
/// How much of the text before a token may say that it is public.
const BEFORE_BYTES: usize = 96;
/// Most bytes that expressions may look at in one text. Prose full of `hf_` must not cost
/// minutes.
pub(crate) const MAX_WORK_BYTES: usize = 64 << 20;

/// Whose keyword it is.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// That of a token format.
    Token(usize),
    /// The end of a private key's header.
    Key,
    /// The same under base64, that many letters into a group of four.
    EncodedKey(usize),
    /// That of a token under base64, that many letters into a group of four.
    EncodedToken(usize),
    /// A part of a JSON Web Key.
    WebKey,
}

struct Engine {
    keywords: AhoCorasick,
    owners: Vec<Owner>,
    formats: Vec<Format>,
}

/// A token format with its expression, which is compiled when first needed.
struct Format {
    pattern: &'static Pattern,
    regex: OnceLock<Option<Regex>>,
}

#[expect(clippy::expect_used, reason = "constant words, compiled by the tests")]
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let formats: Vec<Format> =
        patterns::all().map(|pattern| Format { pattern, regex: OnceLock::new() }).collect();
    let tokens = formats.iter().enumerate().flat_map(|(number, format)| {
        format.pattern.keywords.iter().map(move |word| (*word, Owner::Token(number)))
    });
    let keys = private_key::MARKERS.iter().map(|word| (*word, Owner::Key));
    let encoded = encoded::KEY_MARKERS.iter().map(|(word, at)| (*word, Owner::EncodedKey(*at)));
    let hidden = encoded::TOKEN_MARKERS.iter().map(|(word, at)| (*word, Owner::EncodedToken(*at)));
    let web = jwk::MARKERS.iter().map(|word| (*word, Owner::WebKey));
    let all = tokens.chain(keys).chain(encoded).chain(hidden).chain(web);
    let (words, owners): (Vec<_>, Vec<_>) = all.unzip();
    // A table of half a megabyte, and one step a byte whatever the text.
    let keywords = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(words);
    Engine { keywords: keywords.expect("keywords compile"), owners, formats }
});

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Tokens and private keys, in order.
    pub sightings: Vec<Sighting>,
    /// Whether so much of the text looks like tokens that the search for them was given up. A
    /// flood of that kind can only serve to hide one behind it.
    pub is_flooded: bool,
    /// About how many bytes expressions looked at; little more than [`MAX_WORK_BYTES`].
    pub work_bytes: usize,
}

/// Tokens and private keys in a text, in order, at most `most` of each strength.
pub fn find(text: &[u8], most: usize) -> Vec<Sighting> {
    search(text, most).sightings
}

/// The same, with word of a flood. Private keys are found behind one.
pub fn search(text: &[u8], most: usize) -> Found {
    let engine = &*ENGINE;
    let mut search = Search::of(text);
    for hit in engine.keywords.find_overlapping_iter(text) {
        match engine.owners.get(hit.pattern().as_usize()) {
            Some(Owner::Token(number)) => {
                search.token(engine.formats.get(*number), hit.start());
            }
            Some(Owner::Key) => search.key(hit.range()),
            Some(Owner::EncodedKey(place)) => search.encoded_key(hit.start(), *place),
            Some(Owner::EncodedToken(place)) => search.encoded_token(hit.start(), *place),
            Some(Owner::WebKey) => search.web_key(hit.start()),
            None => {}
        }
    }
    search.into_found(most)
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

/// Most sightings kept of one text while it is searched, in any strength.
const MAX_SIGHTINGS: usize = 20_000;

/// The search of one text.
struct Search<'a> {
    text: &'a [u8],
    boundary: Boundary<'a>,
    tokens: Vec<Sighting>,
    keys: Vec<Sighting>,
    /// Where the last key's marker ended.
    last_key: usize,
    /// Where the last key under base64 ended.
    last_encoded: usize,
    work_bytes: usize,
    is_flooded: bool,
}

impl<'a> Search<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            boundary: Boundary::of(text),
            tokens: Vec::new(),
            keys: Vec::new(),
            last_key: 0,
            last_encoded: 0,
            work_bytes: 0,
            is_flooded: false,
        }
    }

    fn token(&mut self, format: Option<&Format>, hit: usize) {
        let Some(format) = format.filter(|_| !self.is_flooded) else { return };
        let place = format.pattern.place;
        let start = if place == Place::Inside { token_start(self.text, hit) } else { hit };
        if place == Place::Start && !self.boundary.is_before(start) {
            return;
        }
        let found = format.token_at(self.text, start, self.boundary.window(start));
        let looked = found.as_ref().map_or(format.pattern.reach, |found| found.span.len());
        if let Some(found) = found {
            self.note(found, place);
        }
        self.charge(looked);
    }

    fn charge(&mut self, bytes: usize) {
        self.work_bytes = self.work_bytes.saturating_add(bytes);
        self.is_flooded |= self.work_bytes > MAX_WORK_BYTES || self.tokens.len() >= MAX_SIGHTINGS;
    }

    /// Keeps it, unless another keyword has found it already. A provider's token in an
    /// `Authorization` header is what the provider's format says.
    fn note(&mut self, found: Sighting, place: Place) {
        if place == Place::Inside && !self.boundary.is_before(found.span.start) {
            return;
        }
        let last = self.tokens.iter_mut().rev().take(4);
        match last.into_iter().find(|known| known.span == found.span) {
            None => self.tokens.push(found),
            Some(known) if known.strength < found.strength => *known = found,
            Some(_) => {}
        }
    }

    fn key(&mut self, hit: Range<usize>) {
        let floor = std::mem::replace(&mut self.last_key, hit.end);
        if self.keys.len() < MAX_SIGHTINGS {
            self.keys.extend(private_key::at(self.text, hit.start, floor));
        }
    }

    fn encoded_key(&mut self, hit: usize, place: usize) {
        // A key is looked at once, however often it says that it is one.
        if hit < self.last_encoded || self.is_flooded || self.keys.len() >= MAX_SIGHTINGS {
            return;
        }
        let found = encoded::key_at(self.text, hit, place);
        self.last_encoded = found.as_ref().map_or(hit, |found| found.span.end);
        self.keys.extend(found);
        self.charge(encoded::MAX_KEY_BYTES);
    }

    fn encoded_token(&mut self, hit: usize, place: usize) {
        if self.is_flooded {
            return;
        }
        self.tokens.extend(encoded::token_at(self.text, hit, place));
        self.charge(encoded::MAX_TOKEN_BYTES);
    }

    fn web_key(&mut self, hit: usize) {
        if self.is_flooded || self.keys.len() >= MAX_SIGHTINGS {
            return;
        }
        self.keys.extend(jwk::at(self.text, hit));
        self.charge(jwk::LOOK_BYTES);
    }

    fn into_found(self, most: usize) -> Found {
        let mut sightings = strongest(self.tokens.into_iter(), most);
        sightings.extend(strongest(self.keys.into_iter(), most));
        sightings.sort_by_key(|sighting| sighting.span.start);
        Found { sightings, is_flooded: self.is_flooded, work_bytes: self.work_bytes }
    }
}

impl Format {
    fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let start = if self.pattern.place == Place::Inside { "" } else { "^" };
            Regex::new(&format!("{start}(?-u:{})", self.pattern.regex)).ok()
        };
        self.regex.get_or_init(compile).as_ref()
    }

    /// The token that begins at `start`; `window` is how much of the text is one string.
    fn token_at(&self, text: &[u8], start: usize, window: usize) -> Option<Sighting> {
        let pattern = self.pattern;
        let rest = text.get(start..)?;
        let rest = rest.get(..window.min(pattern.reach)).unwrap_or(rest);
        let regex = self.regex()?;
        // Finding the end is several times faster than finding groups.
        let whole = regex.find(rest)?;
        let value = if regex.captures_len() > 1 {
            regex.captures(rest)?.get(1).unwrap_or(whole)
        } else {
            whole
        };
        let behind = rest.get(value.end()..).unwrap_or_default();
        if behind.first().is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let bytes = value.as_bytes();
        if is_example_token(&String::from_utf8_lossy(bytes)) || is_published(bytes) {
            return None;
        }
        let strength = (pattern.check)(bytes, behind)?;
        let at = start.checked_add(value.start())?;
        let before = text.get(at.saturating_sub(BEFORE_BYTES)..at).unwrap_or_default();
        let strength = if (pattern.is_public_behind)(before) { Strength::Weak } else { strength };
        Some(Sighting::new((pattern.kind, pattern.title), at, bytes, strength))
    }
}

/// First byte of the run of token characters around `hit`.
fn token_start(text: &[u8], hit: usize) -> usize {
    let floor = hit.saturating_sub(BEHIND_BYTES);
    let run = text.get(floor..hit).unwrap_or_default();
    let is_token = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'~' | b'.' | b'+' | b'/')
    };
    let inside = run.iter().rev().take_while(|byte| is_token(byte)).count();
    hit.saturating_sub(inside)
}

#[cfg(test)]
pub(crate) mod tests;
