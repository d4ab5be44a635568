//! Texts among files: which content is worth searching, line numbers, cutting.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;

/// Extensions that are searched even when a NUL byte stands in the head: one byte must not hide
/// a whole script.
const TEXT_EXTENSIONS: &[&str] = &[
    "py",
    "sh",
    "bash",
    "json",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "env",
    "txt",
    "ipynb",
    "js",
    "ts",
    "xml",
    "properties",
    "tf",
    "tfvars",
    "md",
    "r",
    "go",
    "rb",
    "java",
    "pyc",
    "sql",
    "pem",
    "key",
];

/// Whether content with this head and extension is worth searching.
pub fn is_searchable(extension: &str, head: &[u8]) -> bool {
    TEXT_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
        || is_utf16(head)
        || !head.contains(&0)
}

fn is_utf16(head: &[u8]) -> bool {
    head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff])
}

/// Content with one byte per ASCII character: UTF-16 (Windows editors, PowerShell's `>`) is
/// rewritten, everything else is left alone.
pub fn narrow(content: &[u8]) -> Cow<'_, [u8]> {
    let big = content.starts_with(&[0xfe, 0xff]);
    if !is_utf16(content) {
        return Cow::Borrowed(content);
    }
    let units = content.get(2..).unwrap_or_default().chunks_exact(2).map(|pair| match pair {
        [first, second] if big => u16::from_be_bytes([*first, *second]),
        [first, second] => u16::from_le_bytes([*first, *second]),
        _ => 0,
    });
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Cow::Owned(text.into_bytes())
}

/// Line numbers, from 1, for offsets that only grow.
pub struct Lines<'a> {
    content: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    /// Counts the lines of `content`.
    pub fn of(content: &'a [u8]) -> Self {
        Self { content, counted: 0, line: 1 }
    }

    /// Line of `offset`. Offsets must not go back; one that does has the line of the last.
    pub fn at(&mut self, offset: usize) -> u64 {
        let between = self.content.get(self.counted..offset).unwrap_or_default();
        let breaks = between.split(|byte| *byte == b'\n').count().saturating_sub(1);
        self.line = self.line.saturating_add(u64::try_from(breaks).unwrap_or(0));
        self.counted = self.counted.max(offset);
        self.line
    }
}

/// The lines in which `keywords` hit, each once, with its offset. For expressions that are too
/// slow to run over everything.
pub fn lines_with<'a>(
    text: &'a str,
    keywords: &'a AhoCorasick,
) -> impl Iterator<Item = (usize, &'a str)> {
    let mut done = 0_usize;
    keywords.find_iter(text).filter_map(move |hit| {
        if hit.start() < done {
            return None;
        }
        let start = text.get(..hit.start())?.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let rest = text.get(start..)?;
        let line = rest.get(..rest.find('\n').unwrap_or(rest.len()))?;
        done = start.saturating_add(line.len());
        Some((start, line))
    })
}

/// The text up to `most` bytes, cut at a character boundary.
pub fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_worth_searching() {
        assert!(is_searchable("", b"TOKEN=x"));
        assert!(is_searchable("py", b"\0import os"));
        assert!(is_searchable("txt", b"\xff\xfeT\0"));
        assert!(is_searchable("", b"\xff\xfeT\0"));
        assert!(!is_searchable("so", b"\x7fELF\0\0"));
    }

    #[test]
    fn narrows_utf16() {
        assert_eq!(narrow(b"plain").as_ref(), b"plain");
        assert_eq!(narrow(b"\xff\xfeh\0i\0").as_ref(), b"hi");
        assert_eq!(narrow(b"\xfe\xff\0h\0i").as_ref(), b"hi");
        assert_eq!(narrow(b"\xff\xfeh").as_ref(), b"");
    }

    #[test]
    fn counts_lines() {
        let mut lines = Lines::of(b"a\nb\nc");
        assert_eq!([lines.at(0), lines.at(2), lines.at(4), lines.at(1)], [1, 2, 3, 3]);
    }

    #[test]
    fn picks_lines() {
        let keywords = AhoCorasick::new(["key"]).unwrap();
        let lines: Vec<_> = lines_with("a\nkey key\nb\nmonkey", &keywords).collect();
        assert_eq!(lines, [(2, "key key"), (12, "monkey")]);
    }

    #[test]
    fn cuts_at_characters() {
        assert_eq!(cut("aä", 2), "a");
        assert_eq!(cut("aä", 3), "aä");
        assert_eq!(cut("aä", 99), "aä");
    }
}
