//! Texts from images made harmless: a path or an instruction may hold terminal escapes, line
//! breaks or right-to-left overrides that would make an answer say something else.

/// `text` on one line, at most `most` characters, with everything that is not plainly visible
/// written out.
pub fn line(text: &str, most: usize) -> String {
    let mut plain = String::new();
    let mut count = 0;
    for (offset, letter) in text.char_indices() {
        let shown = visible(letter);
        let width = shown.chars().count();
        let rest_fits = || {
            let rest = text.get(offset..).unwrap_or_default();
            rest.chars().take(most + 1).map(|c| visible(c).chars().count()).sum::<usize>()
                <= most.saturating_sub(count)
        };
        // One place is kept for the ellipsis unless all the rest fits.
        if count + width + 1 > most && !rest_fits() {
            plain.push('…');
            return plain;
        }
        plain.push_str(&shown);
        count += width;
    }
    plain
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

    proptest! {
        #[test]
        fn never_lets_one_through(text in "\\PC*|(?s).*", most in 1_usize..200) {
            let plain = line(&text, most);
            prop_assert!(!plain.chars().any(is_treacherous));
            prop_assert!(plain.chars().count() <= most);
        }
    }
}
