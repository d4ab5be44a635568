//! Instructions and names as findings quote them: on one line, short, without secrets.

use super::secrets::redact;
use super::secrets::text::cut;
use crate::answer::plain::{joined, line};

/// More than the longest secret that is recognised, so that a cut does not disguise one.
const MARGIN_BYTES: usize = 2048;

/// A text between backticks, at most `most` characters of it.
pub(crate) fn quoted(text: &str, most: usize) -> String {
    format!("`{}`", plain(text, most))
}

/// The same without backticks.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let start = cut(text, most.saturating_mul(4).saturating_add(MARGIN_BYTES));
    let redacted = without_userinfo(&redact(start)).replace('`', "'");
    line(&joined(&redacted), most)
}

/// Leaves out whatever stands before `@` in a URL, also what looks harmless: nobody needs to read
/// it here.
fn without_userinfo(text: &str) -> String {
    let mut parts = text.split("://");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("://");
        let is_end = |letter: char| letter.is_whitespace() || matches!(letter, '/' | '"' | '\'');
        let end = part.find(is_end).unwrap_or(part.len());
        let (host, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        match host.rsplit_once('@') {
            Some((_, host)) => kept.extend(["***@", host]),
            None => kept.push_str(host),
        }
        kept.push_str(rest);
    }
    kept
}

/// Up to `most` names between backticks, and how many more there are of `count` in all.
pub(crate) fn list(names: &[String], count: usize, most: usize) -> String {
    let shown: Vec<String> = names.iter().take(most).map(|name| quoted(name, 60)).collect();
    match count.saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_short() {
        assert_eq!(quoted("RUN a \\\n  `b`", 80), "`RUN a 'b'`");
        assert_eq!(quoted("RUN a\nb\n", 80), "`RUN a; b`");
        assert_eq!(plain(&"x".repeat(100), 10), "xxxxxxxxx…");
        assert_eq!(plain("x https://u@h:1/a@b y://p:q@z", 80), "x https://***@h:1/a@b y://***@z");
        assert_eq!(plain("a\u{202e}b", 80), "a\\u{202e}b");
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(list(&names, 3, 5), "`a`, `b`, `c`");
        assert_eq!(list(&names, 9, 2), "`a`, `b` and 7 more");
    }

    #[test]
    fn a_secret_at_the_cut_is_not_shown() {
        for padding in 0..60 {
            let text =
                format!("{} -i https://ci:t0pS3cr3t99@pypi.corp/simple", "x".repeat(padding));
            assert!(!plain(&text, 40).contains("t0p"), "{text}");
        }
    }
}
