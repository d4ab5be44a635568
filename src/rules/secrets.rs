//! What secrets look like, shared by `secret-file` and `secret-config`: token formats, private
//! keys, names and values that belong together, and the harmless texts that look alike.
//!
//! Invariant: a value leaves this module only as its place, its length and a fingerprint.

pub mod assignments;

pub mod checksum;

pub mod commands;

pub mod encoded;

pub mod jwk;

pub mod names;

pub mod pairs;

pub mod patterns;

pub mod placeholders;

pub mod private_key;

pub mod text;

pub mod tokens;

pub mod urls;

use std::ops::Range;

use self::assignments::Style;
use crate::model::Digest;

/// How sure a sighting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// It may be something else: warn.
    Weak,
    /// Nothing harmless looks like this: deny.
    Strong,
}

impl Strength {
    /// The word kept in facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
        }
    }
}

/// One secret seen in a text, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Kebab-case kind, such as `github-token`.
    pub kind: &'static str,
    /// The kind in people's words, with its article.
    pub title: &'static str,
    /// Bytes of the text that hold the value.
    pub span: Range<usize>,
    /// First eight hexadecimal digits of the value's SHA-256: enough to see that two findings
    /// are one secret, too little to search for a strong one.
    pub fingerprint: String,
    /// How sure it is.
    pub strength: Strength,
    /// Name of the variable or key that holds it, when that is what gave it away.
    pub name: Option<String>,
}

impl Sighting {
    /// A sighting of the value at `start` of a text.
    pub fn new(
        (kind, title): (&'static str, &'static str),
        start: usize,
        value: &[u8],
        strength: Strength,
    ) -> Self {
        let span = start..start.saturating_add(value.len());
        Self { kind, title, span, fingerprint: fingerprint(value), strength, name: None }
    }

    /// A sighting of a plausible value under a secret-sounding name.
    pub fn named(name: &str, start: usize, value: &[u8], strength: Strength) -> Self {
        let name = Some(name.trim_start_matches('-').chars().take(80).collect());
        Self { name, ..Self::new(assignments::NAMED, start, value, strength) }
    }

    /// What it is, in people's words.
    pub fn words(&self) -> String {
        match &self.name {
            Some(name) => format!("{} under the name `{name}`", self.title),
            None => self.title.to_owned(),
        }
    }
}

/// First eight hexadecimal digits of the SHA-256 of a value.
pub fn fingerprint(value: &[u8]) -> String {
    Digest::of(value).hex().chars().take(8).collect()
}

/// Instructions come from attackers too; longer ones are cut before they are searched or shown.
pub const MAX_INSTRUCTION_BYTES: usize = 256 * 1024;

/// The same text with every value that looks like a secret replaced by `***`. For whatever is
/// shown of an instruction: `RUN |1 TOKEN=...` would repeat the secret in every report.
pub fn redact(text: &str) -> String {
    // Cutting out a value can make what is left look like another one: once more, until nothing
    // changes. Each pass only takes away.
    const MOST_PASSES: usize = 32;
    let mut redacted = redact_once(text);
    for _ in 0..MOST_PASSES {
        let again = redact_once(&redacted);
        if again == redacted {
            break;
        }
        redacted = again;
    }
    redacted
}

fn redact_once(text: &str) -> String {
    let text = text::cut(text, MAX_INSTRUCTION_BYTES);
    let mut spans: Vec<Range<usize>> = tokens::find(text.as_bytes(), usize::MAX)
        .into_iter()
        .chain(urls::find(text, usize::MAX))
        .chain(assignments::search(text, usize::MAX, Style::Configuration).sightings)
        .map(|sighting| sighting.span)
        .chain(commands::secret_values(text).into_iter().map(|value| value.span))
        .collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut redacted = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        if span.end <= done {
            continue;
        }
        redacted.push_str(text.get(done..span.start.max(done)).unwrap_or_default());
        redacted.push_str("***");
        done = span.end;
    }
    redacted.push_str(text.get(done..).unwrap_or_default());
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_text_is_no_panic_and_redaction_is_stable(
            text in "([ =:@/'\"|&;\n-]|hf_|ghp_|https://|token|password|PRIVATE KEY-----|[a-zA-Z0-9ä]{1,40}){0,30}"
        ) {
            let once = redact(&text);
            prop_assert_eq!(redact(&once), once);
            for span in assignments::find(&text, 10).into_iter().map(|found| found.span) {
                prop_assert!(text.get(span).is_some());
            }
        }

        #[test]
        fn hostile_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = tokens::find(&bytes, 10);
            let _ = text::narrow(&bytes);
        }
    }

    #[test]
    fn redacts_what_an_instruction_repeats() {
        let token = tokens::tests::github("ghp_");
        let table = [
            ("RUN pip install torch # buildkit".to_owned(), "RUN pip install torch # buildkit"),
            (
                format!("RUN |2 X={token} Y=1 /bin/sh -c git clone"),
                "RUN |2 X=*** Y=1 /bin/sh -c git clone",
            ),
            (
                "RUN pip install -i https://ci:t0psecr3t@pypi.corp/simple x".to_owned(),
                "RUN pip install -i https://ci:***@pypi.corp/simple x",
            ),
            ("ENV DB_PASSWORD=hunter2secure A=b".to_owned(), "ENV DB_PASSWORD=*** A=b"),
            (format!("ENV GH_TOKEN={token}"), "ENV GH_TOKEN=***"),
        ];
        for (text, expected) in table {
            assert_eq!(redact(&text), expected);
        }
    }
}
