//! Pairs of a name and a value: whether the two together are a secret, and how they are found
//! in the files that hold such pairs (`.env`, INI, TOML, YAML, JSON, properties).

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use super::names::{self, NameClass};
use super::placeholders::{distinct, is_placeholder};
use super::{Sighting, Strength, text, tokens};

/// Most pairs looked at in one line: generated files have everything on one.
const MAX_PAIRS: usize = 20_000;
/// Longest value taken for a secret, in bytes; longer ones are certificates or data.
const MAX_VALUE_BYTES: usize = 4096;

/// Kind and title of a secret known by its name.
pub const NAMED: (&str, &str) = ("named-secret", "a secret value");

/// Whether a value under this name is a secret, and how sure that is.
pub fn weigh(name: &str, value: &str) -> Option<Strength> {
    let class = names::class(name);
    if class == NameClass::Plain {
        return None;
    }
    let value = value.trim();
    if value.len() > MAX_VALUE_BYTES
        || value.eq_ignore_ascii_case(name)
        || is_placeholder(value)
        || is_ordinary(value)
        || (class != NameClass::Password && is_identifier(value))
    {
        return None;
    }
    match (class, is_random(value), is_chosen(value)) {
        (NameClass::Key, true, _) | (NameClass::Password, _, true) => Some(Strength::Strong),
        (NameClass::Vague, false, _) => None,
        _ if value.len() >= 6 => Some(Strength::Weak),
        _ => None,
    }
}

/// Values that are plainly no secret: numbers, paths, addresses without userinfo, sentences.
fn is_ordinary(value: &str) -> bool {
    let dotted = value.contains('.') && value.chars().all(|c| c.is_ascii_lowercase() || c == '.');
    let number = value.chars().all(|c| c.is_ascii_digit() || ".:,-+_ ".contains(c));
    let path = ["/", "./", "../", "~/", "C:\\"].iter().any(|start| value.starts_with(start));
    let address = value.contains("://") || value.starts_with("localhost");
    let fingerprint = (value.len() == 40
        && value.chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)))
        || value.starts_with("sha256:");
    let sentence = value.split_whitespace().count() > 2;
    let code = value.contains('(') || value.contains("os.environ") || value.contains("process.env");
    number || dotted || path || address || fingerprint || sentence || code
}

/// `my-db-secret`, `ctrl-c`, `api_key_v1`, `settings.SECRET`: words joined by punctuation are
/// names of things. Under the name of a password they may be a passphrase.
fn is_identifier(value: &str) -> bool {
    let mut words = value.split(['-', '_', '.', '/', ':']);
    let joined = value.contains(['-', '_', '.', '/', ':']);
    joined && words.all(|word| word.chars().all(|c| c.is_ascii_alphabetic()))
}

/// Random text: long, mixed, without spaces.
fn is_random(value: &str) -> bool {
    value.len() >= 16
        && !value.contains(char::is_whitespace)
        && distinct(value.as_bytes()) >= 8
        && value.chars().any(|c| c.is_ascii_digit())
        && value.chars().any(|c| c.is_ascii_alphabetic())
}

/// A password people would choose: eight characters, letters and more than dashes.
fn is_chosen(value: &str) -> bool {
    value.len() >= 8
        && !value.contains(char::is_whitespace)
        && value.chars().any(char::is_alphabetic)
        && value.chars().any(|c| !c.is_alphabetic() && c != '-' && c != '_')
}

/// `name = value` with the usual decorations, one pair a line.
#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[\s\-{,]*(?:export[ \t]+|set[ \t]+|ENV[ \t]+)?["']?([A-Za-z][\w.\-]{0,99})["']?[ \t]*[:=][ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#;,'"][^\n#]*))"#)
        .expect("PAIR compiles")
});

/// Literals in source code: the value is quoted, the name may be an argument or a key.
#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"([A-Za-z][\w\-]{0,99})["']?\s{0,4}(?::|=|=>|:=)\s{0,4}["']([^"'\s]{8,200})["']"#)
        .expect("LITERAL compiles")
});

/// Words of which every name that [`names::class`] knows has one.
#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["pass", "pwd", "pword", "token", "secret", "key", "credential", "auth", "_pat"])
        .expect("WORDS compile")
});

/// Secrets among the pairs of a configuration file.
pub fn find(text: &str, most: usize) -> Vec<Sighting> {
    let found = text::lines_with(text, &WORDS).flat_map(|(start, line)| pairs(&PAIR, start, line));
    tokens::strongest(found, most)
}

/// Secrets among the quoted literals of source code and of JSON on one line.
pub fn find_literals(text: &str, most: usize) -> Vec<Sighting> {
    text::lines_with(text, &WORDS)
        .flat_map(|(start, line)| pairs(&LITERAL, start, line))
        .filter(|sighting| sighting.strength == Strength::Strong)
        .filter(|sighting| sighting.name.as_deref().is_some_and(names::ends_with_secret))
        .take(most)
        .collect()
}

/// The secrets of one line that begins at `start`.
fn pairs(expression: &'static Regex, start: usize, line: &str) -> impl Iterator<Item = Sighting> {
    expression.captures_iter(line).take(MAX_PAIRS).filter_map(move |pair| {
        let name = pair.get(1)?;
        let value = pair.iter().skip(2).flatten().next()?;
        let trimmed = value.as_str().trim_end().trim_end_matches(',');
        let strength = weigh(name.as_str(), trimmed)?;
        let at = start.checked_add(value.start())?;
        Some(Sighting::named(name.as_str(), at, trimmed.as_bytes(), strength))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_names_and_values_together() {
        let strong = Some(Strength::Strong);
        let weak = Some(Strength::Weak);
        let table = [
            ("HF_TOKEN", "qT9vLm4Zr1Xw8Kd2Pb", strong),
            ("DB_PASSWORD", "hunter2secure", strong),
            ("DB_PASSWORD", "correct-horse-battery-9", strong),
            ("DB_PASSWORD", "postgres", None),
            ("DB_PASSWORD", "wintermute", weak),
            ("DB_PASSWORD", "correct-horse-battery", weak),
            ("API_KEY", "shortone", weak),
            ("FERNET_KEY", "qT9vLm4Zr1Xw8Kd2Pb", weak),
            ("SORT_KEY", "created_at", None),
            ("HF_TOKEN", "", None),
            ("HF_TOKEN", "${HF_TOKEN}", None),
            ("OPENAI_API_KEY", "EMPTY", None),
            ("OPENAI_API_KEY", "your-api-key-goes-here1", None),
            ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", None),
            ("SIGNING_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", None),
            ("TOKENIZERS_PARALLELISM", "false", None),
            (
                "NVIDIA_GPGKEY_SUM",
                "d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87",
                None,
            ),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/secrets/gcp/sa-prod-2.json", None),
            ("AUTH_TOKEN", "https://login.example.org/oauth", None),
            ("API_TOKEN", "my-app-token", None),
            ("API_TIMEOUT_SECRET", "3600", None),
            ("PIP_NO_CREDENTIALS", "0", None),
        ];
        for (name, value, expected) in table {
            assert_eq!(weigh(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn reads_pairs_of_many_formats() {
        let secret = "qT9vLm4Zr1Xw8Kd2Pb";
        let files = [
            format!("A=1\nAPI_TOKEN={secret}\n"),
            format!("export API_TOKEN=\"{secret}\"\n"),
            format!("  api_token: {secret}  # prod\n"),
            format!("{{\n  \"api_token\": \"{secret}\",\n}}"),
            format!("api_token = '{secret}'\r\n"),
            format!("{{\"api_token\":\"{secret}\"}}"),
        ];
        for text in files {
            let found = find(&text, 10);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(text.get(found[0].span.clone()), Some(secret), "{text}");
            assert_eq!(found[0].strength, Strength::Strong);
        }
    }

    #[test]
    fn reads_literals_of_source_code() {
        let found = find_literals("connect(user='ml', password='hunter2secure')", 10);
        assert_eq!(found.len(), 1);
        let harmless = "password=os.environ['DB_PASSWORD'], token='<your token>', key='created'";
        assert!(find_literals(harmless, 10).is_empty());
    }
}
