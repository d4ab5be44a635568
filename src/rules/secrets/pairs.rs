//! Pairs of a name and a value, however they are written: `NAME=value`, YAML, TOML, JSON, XML,
//! literals of source code, `{name: X, value: y}` of Kubernetes and ECS, calls like
//! `setenv("X", "y")`; all of them also inside the strings of a notebook, where quotes and line
//! ends are escaped. Read by hand, a bounded look at each word that may name a secret.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

mod reader;

use self::reader::Reader;

/// How a pair is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// At the beginning of a line, as in files that hold nothing else.
    Line,
    /// The same, behind a comment sign.
    Comment,
    /// A quoted literal anywhere.
    Literal,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name.
    pub name: &'a str,
    /// The value, without quotes.
    pub value: &'a str,
    /// Where the value begins.
    pub start: usize,
    /// How it is written.
    pub form: Form,
    /// Whether the value stands in quotes, or ends as surely as with one.
    pub is_quoted: bool,
    /// Whether the value follows an equals sign without a blank, as in a shell.
    pub is_tight: bool,
}

/// Most names looked at in one text. A configuration has hundreds, a long notebook ten thousands.
pub const MAX_NAMES: usize = 250_000;
/// Longest name.
const NAME_BYTES: usize = 100;
/// Longest value; a longer one is cut, and no secret.
const VALUE_BYTES: usize = 4097;

/// Words of which every name that [`super::names::class`] knows has one.
#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "pass", "pwd", "pword", "token", "secret", "key", "cred", "auth", "_pat", "-pat", "_pw",
        "psk", "jwt", "bearer",
    ];
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).expect("WORDS compile")
});

/// What a search for pairs found.
#[derive(Debug)]
pub struct Pairs<'a> {
    /// The pairs, in order.
    pub pairs: Vec<Pair<'a>>,
    /// Whether there were more names than are looked at.
    pub is_flooded: bool,
}

/// The pairs of a text whose names may promise a secret.
pub fn find(text: &str) -> Pairs<'_> {
    let mut done = 0_usize;
    let mut pairs = Vec::new();
    let mut names = 0_usize;
    for hit in WORDS.find_iter(text) {
        if hit.start() < done {
            continue;
        }
        let name = name_at(text.as_bytes(), hit.range(), done);
        done = name.end;
        names = names.saturating_add(1);
        if names > MAX_NAMES {
            return Pairs { pairs, is_flooded: true };
        }
        pairs.extend(Reader::of(text, name).pair());
    }
    Pairs { pairs, is_flooded: false }
}

/// The whole name around a word of it; nothing before `floor`, where the last name ended.
fn name_at(text: &[u8], word: Range<usize>, floor: usize) -> Range<usize> {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let floor = floor.max(word.start.saturating_sub(NAME_BYTES));
    let before = text.get(floor..word.start).unwrap_or_default();
    let behind = text.get(word.end..).unwrap_or_default();
    let mut start = word.start.saturating_sub(before.iter().rev().take_while(is_name).count());
    // In `\nTOKEN=` the first letter belongs to the escape.
    let is_escape = start.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'\\')
        && text.get(start).is_some_and(|byte| matches!(byte, b'n' | b'r' | b't'));
    if is_escape && start < word.start {
        start = start.saturating_add(1);
    }
    let length = behind.iter().take(NAME_BYTES).take_while(is_name).count();
    start..word.end.saturating_add(length)
}

#[cfg(test)]
mod tests;
