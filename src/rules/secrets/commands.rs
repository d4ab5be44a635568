//! Secrets in shell text: build arguments and commands of the history, shell histories.
//! In moderation: assignments, options that take a password, and headers; no shell is parsed.

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
    let words = words(cut(text, MAX_INSTRUCTION_BYTES));
    let mut values = pairs(&words);
    values.extend(options(&words));
    values.retain(|value| {
        let literal = text.get(value.span.clone()).unwrap_or_default();
        !literal.is_empty() && !literal.starts_with('$') && literal.len() >= 4
    });
    values.retain(|value| names::class(&value.name) >= NameClass::Key);
    values
}

/// Secrets in shell text, at most `most`.
pub fn find(text: &str, most: usize) -> Vec<Sighting> {
    let words = words(cut(text, MAX_INSTRUCTION_BYTES));
    let mut values = pairs(&words);
    values.extend(options(&words));
    let found = values.into_iter().filter_map(|value| {
        let literal = text.get(value.span.clone())?;
        let strength = assignments::weigh(&value.name, literal)?;
        let start = value.span.start;
        Some(Sighting::named(&value.name, start, literal.as_bytes(), strength))
    });
    tokens::strongest(found, most)
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

/// Values behind options: `--password x`, `curl -u user:x`, `docker login -p x`, `sshpass -p x`;
/// also in the list form of instructions, `["--password" "x"]`.
fn options(words: &[Word<'_>]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut command = "";
    for pair in words.windows(2) {
        let [first, second] = pair else { continue };
        let option = first.text.trim_matches(['"', '\'', '[', ',']);
        if let known @ ("curl" | "wget" | "sshpass" | "login") = option {
            command = known;
        }
        if !option.starts_with('-') || option.contains('=') || second.text.starts_with('-') {
            continue;
        }
        let span = unquoted(second.start, second.text);
        if command == "curl" && matches!(option, "-u" | "--user" | "--proxy-user") {
            values.extend(behind_colon(second, span));
        } else if matches!(command, "sshpass" | "login") && option == "-p" {
            values.push(Value { name: "password".to_owned(), span });
        } else if let Some(name) = option.strip_prefix("--") {
            values.push(Value { name: name.to_owned(), span });
        }
    }
    values
}

fn behind_colon(word: &Word<'_>, span: Range<usize>) -> Option<Value> {
    let colon = word.text.find(':')?;
    let start = word.start.checked_add(colon)?.checked_add(1)?;
    (start < span.end).then(|| Value { name: "password".to_owned(), span: start..span.end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        find(text, 10).iter().map(|found| &text[found.span.clone()]).collect()
    }

    #[test]
    fn finds_secrets_in_commands() {
        let table: &[(&str, &[&str])] = &[
            (
                "RUN |2 API_TOKEN=qT9vLm4Zr1Xw8Kd2Pb X=1 /bin/sh -c make # buildkit",
                &["qT9vLm4Zr1Xw8Kd2Pb"],
            ),
            ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2secure", &["hunter2secure"]),
            ("export DB_PASSWORD='hunter2secure'; make", &["hunter2secure"]),
            ("docker login -u ci -p hunter2secure r.corp", &["hunter2secure"]),
            ("curl -sSL -u ml:hunter2secure https://nexus.corp/x -o x", &["hunter2secure"]),
            ("twine upload --password hunter2secure dist/*", &["hunter2secure"]),
            ("twine upload --password=hunter2secure dist/*", &["hunter2secure"]),
            ("sshpass -p \"hunter2secure\" ssh x", &["hunter2secure"]),
            ("CMD [\"serve\" \"--api-key\" \"qT9vLm4Zr1Xw8Kd2Pb\"]", &["qT9vLm4Zr1Xw8Kd2Pb"]),
            ("docker login -u ci --password-stdin registry.corp:5000", &[]),
            ("wandb login --relogin", &[]),
            ("docker login -p $PASSWORD r.corp", &[]),
            ("gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys \"$GPG_KEY\"", &[]),
            ("mkdir -p /usr/share/keyrings && curl -fsSL https://x/key | gpg --dearmor", &[]),
            ("curl -u \"$USER:$PASS\" https://x", &[]),
            ("ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", &[]),
            ("cmake -DUSE_TOKEN=ON -DCMAKE_BUILD_TYPE=Release ..", &[]),
            (
                "echo \"d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87 k\" | sha256sum -c",
                &[],
            ),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), *expected, "{text}");
        }
    }

    #[test]
    fn odd_quotes_do_no_harm() {
        for text in
            ["'", "\"", "=", "a='", "--password", "--password ''", "-u", "curl -u :", "ä=ö \"ü"]
        {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
