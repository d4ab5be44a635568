//! Texts from images made harmless: a path or an instruction may hold terminal escapes, line
//! breaks or right-to-left overrides that would make an answer say something else. And it may hold
//! `##[`, behind which GitHub's runner finds a command anywhere in a line of a job's output, such as
//! `##[add-mask]` (`ActionCommand.TryParse` in actions/runner).

/// `text` on one line, at most `most` characters, with everything that is not plainly visible
/// written out.
pub fn line(text: &str, most: usize) -> String {
    let mut pieces = Vec::new();
    let mut width = 0;
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while width <= most
        && let Some(letter) = letters.next()
    {
        let piece = if before == '#' && letter == '#' && letters.peek() == Some(&'[') {
            letter.escape_unicode().to_string()
        } else {
            visible(letter)
        };
        width += piece.chars().count();
        pieces.push(piece);
        before = letter;
    }
    if width <= most { pieces.concat() } else { cut(&pieces, most) }
}

/// As many of the pieces as fit, and an ellipsis, which takes one place.
fn cut(pieces: &[String], most: usize) -> String {
    let mut plain = String::new();
    let mut left = most.saturating_sub(1);
    for piece in pieces {
        let Some(rest) = left.checked_sub(piece.chars().count()) else { break };
        left = rest;
        plain.push_str(piece);
    }
    plain.push('…');
    plain
}

/// The lines of a script as one: `a; b`, as a shell would take them. Lines that go on in the next
/// stay one command; remarks are left out.
pub fn joined(script: &str) -> String {
    let mut joined = String::new();
    for line in script.split(['\n', '\r']) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let line = words.join(" ");
        // The first line is the instruction's, whatever it begins with.
        if line.is_empty() || (!joined.is_empty() && line.starts_with('#')) {
            continue;
        }
        if let Some(command) = joined.strip_suffix('\\') {
            joined.truncate(command.trim_end().len());
            joined.push(' ');
        } else if !joined.is_empty() {
            joined.push_str(if goes_on(&joined, &line) { " " } else { "; " });
        }
        joined.push_str(&line);
    }
    joined
}

/// Whether a line of shell is not the end of its command, or the next one no beginning.
fn goes_on(line: &str, next: &str) -> bool {
    const OPEN: &[&str] = &["&&", "||", "|", ";", "{", "(", "then", "do", "else", "in", ";;"];
    let last = line.rsplit(' ').next().unwrap_or_default();
    OPEN.contains(&last) || last.ends_with(';') || next.starts_with(['&', '|', ';'])
}

/// One letter as it is shown.
fn visible(letter: char) -> String {
    match letter {
        '\n' | '\r' | '\t' => " ".to_owned(),
        letter if is_treacherous(letter) => letter.escape_unicode().to_string(),
        letter => letter.to_string(),
    }
}

/// Whether a letter can change how its neighbours are shown: C0 and C1 control characters, line
/// separators, bidirectional controls (CVE-2021-42574) and invisible ones.
pub fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_out_what_would_not_be_seen() {
        insta::assert_snapshot!(line("a\x1b[31mred\x1b]0;title\x07", 80), @r"a\u{1b}[31mred\u{1b}]0;title\u{7}");
        insta::assert_snapshot!(line("RUN a\n  b\tc", 80), @"RUN a   b c");
        insta::assert_snapshot!(line("evil\u{202e}gpj.exe \u{9b}2J", 80), @r"evil\u{202e}gpj.exe \u{9b}2J");
        insta::assert_snapshot!(line("größe/模型", 80), @"größe/模型");
    }

    #[test]
    fn cuts_at_the_limit() {
        assert_eq!(line("abcd", 5), "abcd");
        assert_eq!(line("abcde", 5), "abcde");
        assert_eq!(line("abcdef", 5), "abcd…");
        assert_eq!(line("abc\x1b", 5), "abc…");
        assert_eq!(line("", 5), "");
    }

    #[test]
    fn a_runner_finds_no_command() {
        let table = [
            ("a ##[add-mask]b", r"a #\u{23}[add-mask]b"),
            ("###[x", r"##\u{23}[x"),
            ("##", "##"),
            ("#[x]", "#[x]"),
            ("## [x]", "## [x]"),
            ("##[##[", r"#\u{23}[#\u{23}["),
        ];
        for (text, expected) in table {
            assert_eq!(line(text, 80), expected);
            assert_eq!(line(&line(text, 80), 80), expected);
        }
    }

    #[test]
    fn a_script_becomes_a_line() {
        let table = [
            (
                "RUN apt-get update\napt-get install -y git\n",
                "RUN apt-get update; apt-get install -y git",
            ),
            ("RUN a \\\n  && b\\\n c", "RUN a && b c"),
            ("RUN a &&\n\n b\r\n|| c", "RUN a && b || c"),
            ("RUN if a; then\n  b;\nfi", "RUN if a; then b; fi"),
            ("# one\n  # two\n\nRUN x", "# one; RUN x"),
            ("RUN a\n# install\nb", "RUN a; b"),
            ("RUN a    b\tc", "RUN a b c"),
            ("a\\", "a\\"),
            ("", ""),
        ];
        for (script, expected) in table {
            assert_eq!(joined(script), expected, "{script:?}");
        }
    }

    proptest! {
        #[test]
        fn never_lets_one_through(text in "\\PC*|(?s).*|[#\\[]*", most in 1_usize..200) {
            let plain = line(&text, most);
            prop_assert!(!plain.contains("##["));
            prop_assert!(!plain.chars().any(is_treacherous));
            prop_assert!(plain.chars().count() <= most);
        }
    }
}
