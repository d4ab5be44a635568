//! Secrets in shell text: build arguments and commands of the history, shell histories.
//! In moderation: assignments, options that take a password, and headers; no shell is parsed.

mod arguments;
mod options;
mod piped;
mod programs;
mod words;

use std::ops::Range;

use self::words::{Call, Command, Word};
use super::names::{self, NameClass};
use super::text::cut;
use super::{MAX_INSTRUCTION_BYTES, Sighting, assignments, tokens};

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
    let commands = words::commands(text);
    let mut values = arguments::with_blanks(text);
    let blanks = values.clone();
    // Of a value with blanks the first word is no value of its own.
    let is_part = |value: &Value| blanks.iter().any(|whole| whole.span.start == value.span.start);
    for command in &commands {
        let call = command.call();
        values.extend(pairs(command, call).filter(|value| !is_part(value)));
        values.extend(options::find(&command.words));
        values.extend(programs::find(call));
        values.extend(piped::find(&commands, command));
    }
    values.extend(piped::netrc(text));
    values
}

fn password(span: Range<usize>) -> Value {
    Value { name: "password".to_owned(), span }
}

fn token(span: Range<usize>) -> Value {
    Value { name: "token".to_owned(), span }
}

/// What a word holds.
fn whole(word: &Word<'_>) -> Range<usize> {
    unquoted(word.start, word.text)
}

/// What a word holds behind the first `mark`: `user:password`.
fn behind_mark(word: &Word<'_>, mark: char) -> Option<Value> {
    let span = whole(word);
    let start = word.start.checked_add(word.text.find(mark)?)?.checked_add(1)?;
    (start < span.end).then(|| password(start..span.end))
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
fn pairs<'c>(command: &'c Command<'_>, call: Call<'c, '_>) -> impl Iterator<Item = Value> {
    // `apt-get install pass=1.7.4-6`
    let packages = call.arguments.first().filter(|_| programs::is_installer(call));
    let packages = packages.map_or(usize::MAX, |word| word.start);
    let is_package = move |word: &Word<'_>| word.start >= packages && !word.text.starts_with('-');
    command.words.iter().filter(move |word| !is_package(word)).filter_map(pair)
}

fn pair(word: &Word<'_>) -> Option<Value> {
    let (name, value) = word.text.split_once('=')?;
    let at = word.start.checked_add(name.len())?.checked_add(1)?;
    let name = name.trim_start_matches(['"', '\'', '-']);
    // `//registry/:_authToken=x`
    let name = if name.starts_with("//") { name.rsplit(':').next()? } else { name };
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    (plain && !name.is_empty() && name.len() <= 100)
        .then(|| Value { name: name.to_owned(), span: unquoted(at, value) })
}

#[cfg(test)]
mod tests;
