//! Secrets in shell text: build arguments and commands of the history, shell histories.
//! In moderation: assignments, options that take a password, and headers; no shell is parsed.

mod arguments;
mod options;

use std::ops::Range;

use super::names::{self, NameClass};
use super::text::cut;
use super::{MAX_INSTRUCTION_BYTES, Sighting, assignments, tokens};

/// Most words looked at in one text.
const MAX_WORDS: usize = 50_000;

/// A value under a name that promises a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The name or option.
    pub name: String,
    /// Bytes of the text that hold the value.
    pub span: Range<usize>,
}

/// Every literal value under a secret-sounding name, plausible or not. For redaction.
pub fn secret_values(text: &str) -> Vec<Value> {
    let mut values = values(cut(text, MAX_INSTRUCTION_BYTES));
    values.retain(|value| {
        let literal = text.get(value.span.clone()).unwrap_or_default();
        !literal.is_empty() && !literal.starts_with('$') && literal.len() >= 4
    });
    values.retain(|value| names::class(&value.name) >= NameClass::Key);
    values
}

/// Secrets in shell text, at most `most`.
pub fn find(text: &str, most: usize) -> Vec<Sighting> {
    let found = values(cut(text, MAX_INSTRUCTION_BYTES)).into_iter().filter_map(|value| {
        let literal = text.get(value.span.clone())?;
        let strength = assignments::weigh(&value.name, literal)?;
        let start = value.span.start;
        Some(Sighting::named(&value.name, start, literal.as_bytes(), strength))
    });
    tokens::strongest(found, most)
}

/// Every value under a name.
fn values(text: &str) -> Vec<Value> {
    let words = words(text);
    let mut values = arguments::with_blanks(text);
    let blanks = values.clone();
    // Of a value with blanks the first word is no value of its own.
    let is_part = |value: &Value| blanks.iter().any(|whole| whole.span.start == value.span.start);
    values.extend(pairs(&words).into_iter().filter(|value| !is_part(value)));
    values.extend(options::find(&words));
    values
}

/// One word of shell text, quotes included.
struct Word<'a> {
    start: usize,
    text: &'a str,
}

/// Splits at blanks and operators outside quotes.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        let breaks = quote.is_none()
            && (letter.is_whitespace() || matches!(letter, ';' | '&' | '|' | '(' | ')'));
        quote = match (quote, letter) {
            (None, '"' | '\'') => Some(letter),
            (Some(open), _) if open == letter => None,
            (open, _) => open,
        };
        match (start, breaks) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                words.extend(text.get(from..at).map(|text| Word { start: from, text }));
                start = None;
            }
            _ => {}
        }
        if words.len() >= MAX_WORDS {
            return words;
        }
    }
    if let Some(from) = start {
        words.extend(text.get(from..).map(|text| Word { start: from, text }));
    }
    words
}

/// The value without the quotes around it.
fn unquoted(start: usize, text: &str) -> Range<usize> {
    let inner = text.trim_start_matches(['"', '\'']);
    let lead = text.len().saturating_sub(inner.len());
    let start = start.saturating_add(lead);
    let inner = inner.trim_end_matches(['"', '\'', ',', '\\', ']']);
    start..start.saturating_add(inner.len())
}

/// `NAME=value`, `--name=value`, `-DNAME=value`; inside quotes too (`sh -c "X=y"`).
fn pairs(words: &[Word<'_>]) -> Vec<Value> {
    words
        .iter()
        .filter_map(|word| {
            let (name, value) = word.text.split_once('=')?;
            let at = word.start.checked_add(name.len())?.checked_add(1)?;
            let name = name.trim_start_matches(['"', '\'', '-']);
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
            (plain && !name.is_empty() && name.len() <= 100)
                .then(|| Value { name: name.to_owned(), span: unquoted(at, value) })
        })
        .collect()
}

#[cfg(test)]
mod tests;
