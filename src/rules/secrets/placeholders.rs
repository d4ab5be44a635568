//! Values that stand where a secret belongs and are none: documentation's examples, references
//! to variables, words. A miss here is a false denial, so the lists err on the harmless side.

mod published;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Fragments that people write into examples. Compared in lower case.
const WORDS: &[&str] = &[
    "example",
    "changeme",
    // What every Java brings as the password of its certificates.
    "changeit",
    "change-me",
    "change_me",
    "placeholder",
    "redacted",
    "your-",
    "your_",
    "yourpassword",
    "yourtoken",
    "yourkey",
    "yoursecret",
    "not-a-real",
    "notreal",
    "no-key",
    "xxxx",
    "****",
    "...",
    "____",
    "1234567890",
    "0123456789",
    "abcdefghij",
    "deadbeef",
    "mytoken",
    "my-token",
    "my_token",
    "mysecret",
    "my-secret",
    "my_secret",
    "mypassword",
    "my-password",
    "my_password",
    "supersecret",
    "secretkey",
    "secret_here",
    "build-only",
    "build_only",
    "buildonly",
    "build-time",
    "build_time",
    "buildtime",
    "not-used",
    "not_used",
    "notused",
    "unused",
    "not-needed",
    "not_needed",
    "notneeded",
    "not-secret",
    "not_secret",
    "notsecret",
    "collectstatic",
    "insecure",
];

/// The same of words so short that passwords have them by chance: `Mastodon77` is no `todo`.
const SHORT: &[&str] = &[
    "dummy", "fake", "sample", "insert", "replace", "fixme", "todo", "test", "s3cr3t", "p@ssw0rd",
    "passw0rd", "foobar", "lorem",
];

/// Whole values that mean nothing. Compared in lower case.
const WHOLE: &[&str] = &[
    "none",
    "null",
    "nil",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "empty",
    "unset",
    "default",
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "admin",
    "root",
    "user",
    "username",
    "basic",
    "bearer",
    "oauth",
    "oauth2",
    "string",
    "value",
    "auto",
    "disabled",
    "enabled",
    "optional",
    "required",
    "inherit",
    "postgres",
    "guest",
];

/// Whether `value` is an example, a reference or an empty shell rather than a secret.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    // In long random text short words come up by chance.
    let words = if is_long_random(value) { &*LONG } else { &*ALL };
    is_empty(value) || is_reference(value) || words.is_match(value)
}

/// The same of what people chose as a password. Short words have to stand alone in it.
pub fn is_password_placeholder(value: &str) -> bool {
    let value = value.trim();
    is_empty(value) || is_reference(value) || LONG_WORDS.is_match(value) || has_short_word(value)
}

/// Whether the value says that it is none, whatever word it may hold by chance.
pub fn is_hollow(value: &str) -> bool {
    is_empty(value) || LONG_WORDS.is_match(value)
}

/// Shells of a value.
fn is_empty(value: &str) -> bool {
    value.len() < 4
        || is_monotonous(value.as_bytes())
        || WHOLE.contains(&value.to_ascii_lowercase().as_str())
}

/// Whether a short word of examples stands in a password as a word of its own: between other
/// signs than letters, or humps.
pub fn has_short_word(value: &str) -> bool {
    let bytes = value.as_bytes();
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
    SHORT_WORDS.find_overlapping_iter(value).any(|hit| {
        let (before, first) = (letter(hit.start().checked_sub(1)), letter(Some(hit.start())));
        let behind = letter(Some(hit.end()));
        let is_hump =
            behind.is_ascii_uppercase() && letter(hit.end().checked_add(1)).is_ascii_lowercase();
        let begins = !before.is_ascii_alphabetic()
            || (before.is_ascii_lowercase() && first.is_ascii_uppercase());
        begins && (!behind.is_ascii_alphabetic() || is_hump)
    })
}

/// One pass for all words: values may be long, and there may be many.
static ALL: LazyLock<AhoCorasick> = LazyLock::new(|| automaton(WORDS.iter().chain(SHORT)));
static LONG: LazyLock<AhoCorasick> =
    LazyLock::new(|| automaton(WORDS.iter().chain(SHORT).filter(|word| word.len() >= 5)));
static LONG_WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| automaton(WORDS.iter()));
static SHORT_WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| automaton(SHORT.iter()));

#[expect(clippy::expect_used, reason = "constant words, compiled by the tests")]
fn automaton<'a>(words: impl Iterator<Item = &'a &'a str>) -> AhoCorasick {
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).expect("words compile")
}

/// Whether a value is random enough to hold a short word by chance.
fn is_long_random(value: &str) -> bool {
    let has = |kind: fn(&char) -> bool| value.chars().filter(kind).count() >= 3;
    value.len() >= 20
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
        && !value.contains(['-', '_', ' ', '.'])
}

/// Whether a token (random by construction) is an example. Short words are not looked for: in
/// long random text they come up by chance.
pub fn is_example_token(token: &str) -> bool {
    let lower = token.to_ascii_lowercase();
    is_monotonous(token.as_bytes())
        || LONG.is_match(token)
        || ["xxxx", "0000000", "1111111", "aaaaaaa"].iter().any(|run| lower.contains(run))
}

/// Whether the value names a value elsewhere: shell, template and configuration references.
pub fn is_reference(value: &str) -> bool {
    let shell = value.starts_with('$') || ["${", "$(", "#{"].iter().any(|it| value.contains(it));
    let template = value.contains("{{") || value.contains("<%") || value.starts_with("%(");
    let bracket = (value.starts_with('<') && value.ends_with('>'))
        || (value.starts_with('[') && value.ends_with(']'))
        || (value.starts_with('%') && value.ends_with('%') && value.len() > 2)
        || (value.starts_with("__") && value.ends_with("__"))
        || (value.starts_with('{') && value.ends_with('}'));
    let pointer = POINTERS.iter().any(|start| value.starts_with(start));
    shell || template || bracket || pointer
}

/// Starts of values that name a place, or are encrypted.
const POINTERS: &[&str] = &[
    "arn:",
    "vault:",
    "op://",
    "secret://",
    "secretsmanager:",
    "ssm:",
    "projects/",
    "file:",
    "env:",
    "env.",
    "ref+",
    "awssm:",
    "gcpsm:",
    "azurekv:",
    "ENC[",
    "ENC(",
    "{cipher}",
    "!vault",
    "$ANSIBLE_VAULT",
    "kms:",
    "secretRef:",
    "secretref:",
    "@Microsoft.KeyVault",
    "process.env.",
    "os.environ",
];

/// Whether few different characters make up the value: `xxxxxxxx`, `00000000`, `abababab`.
fn is_monotonous(value: &[u8]) -> bool {
    let distinct = distinct(value);
    distinct <= 3 || (value.len() >= 16 && distinct <= 5)
}

/// Number of different bytes.
pub fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for &byte in value {
        if let Some(place) = seen.get_mut(usize::from(byte)) {
            *place = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

pub use published::is_published;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_examples_from_secrets() {
        let harmless = [
            "",
            "abc",
            "changeme",
            "CHANGE_ME",
            "your-api-key",
            "YOUR_TOKEN_HERE",
            "<token>",
            "${TOKEN}",
            "$TOKEN",
            "$(cat /run/secrets/x)",
            "{{ .Values.token }}",
            "xxxxxxxxxxxx",
            "AKIAIOSFODNN7EXAMPLE",
            "00000000-0000-0000",
            "true",
            "None",
            "EMPTY",
            "%TOKEN%",
            "arn:aws:secretsmanager:eu-west-1:1:secret:x",
            "sk-no-key-required",
            "password",
            "test-token-123",
            "op://vault/item/field",
            "[redacted]",
            "dummy-key",
        ];
        for value in harmless {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["hunter2secure", "qT9vLm4Zr1Xw8Kd2", "correct-horse-battery"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn words_stand_alone_in_passwords() {
        for value in ["test-Horse-91", "MyTest91", "test123", "P@ssw0rd!", "todo", "FOOBAR_1"] {
            assert!(has_short_word(value) && is_password_placeholder(value), "{value}");
        }
        for value in ["fastest-Horse-91", "Mastodon77!x", "kQ7#Sampler2024", "P@ssw0rdX9"] {
            assert!(!has_short_word(value) && !is_password_placeholder(value), "{value}");
        }
        for value in ["changeme91X", "${X}", "abc", "xxxxxxxx", "build-only-not-used-42"] {
            assert!(is_password_placeholder(value), "{value}");
        }
    }

    #[test]
    fn example_tokens() {
        assert!(is_example_token("AKIAIOSFODNN7EXAMPLE"));
        assert!(is_example_token("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
        assert!(is_example_token("sk-1234567890abcdefgh"));
        // `test` and `todo` come up by chance in random letters.
        assert!(!is_example_token("hf_QzLrmTestKpWvXnBdGhJsYcFaUeToDoRkM"));
    }
}
