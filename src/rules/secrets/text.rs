//! Texts among files: which content is worth searching, line numbers, cutting.

use std::borrow::Cow;

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
    "tfstate",
    "csv",
    "log",
    "html",
    "jsx",
    "tsx",
    "php",
    "cs",
    "kt",
    "scala",
    "ps1",
    "bat",
    "cmd",
    "rst",
    "lock",
    "service",
];

/// Whether content with this head and extension is worth searching. A few NUL bytes do not make
/// it something else: an environment that a program wrote down has one behind every variable.
pub fn is_searchable(extension: &str, head: &[u8]) -> bool {
    TEXT_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
        || utf16(head).is_some()
        || !head.contains(&0)
        || is_mostly_text(head)
}

/// At least nine of ten bytes are letters, signs or blanks, and NUL bytes stand alone: numbers of
/// several bytes, such as the length in front of the JSON of a safetensors file, have more.
pub fn is_mostly_text(head: &[u8]) -> bool {
    if head.windows(2).any(|pair| pair == [0, 0]) {
        return false;
    }
    let is_text = |byte: &&u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    head.iter().filter(is_text).count().saturating_mul(10) >= head.len().saturating_mul(9)
}

/// Whether the content is UTF-16, and whether the high byte comes first. Without the mark at the
/// beginning, every other byte of Latin text is zero.
fn utf16(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, ..] => return Some(false),
        [0xfe, 0xff, ..] => return Some(true),
        _ => {}
    }
    let pairs = head.get(..head.len().min(64))?.chunks_exact(2);
    let is = |first: bool| {
        pairs.len() >= 8
            && pairs.clone().all(|pair| {
                let (zero, letter) = if first { (0, 1) } else { (1, 0) };
                pair.get(zero) == Some(&0)
                    && pair.get(letter).is_some_and(u8::is_ascii)
                    && pair.get(letter) != Some(&0)
            })
    };
    if is(false) { Some(false) } else { is(true).then_some(true) }
}

/// Content with one byte per ASCII character: UTF-16 (Windows editors, PowerShell's `>`) is
/// rewritten, everything else is left alone.
pub fn narrow(content: &[u8]) -> Cow<'_, [u8]> {
    let Some(big) = utf16(content) else { return Cow::Borrowed(content) };
    let has_mark = matches!(content, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let content = content.get(if has_mark { 2 } else { 0 }..).unwrap_or_default();
    let units = content.chunks_exact(2).map(|pair| match pair {
        [first, second] if big => u16::from_be_bytes([*first, *second]),
        [first, second] => u16::from_le_bytes([*first, *second]),
        _ => 0,
    });
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Cow::Owned(text.into_bytes())
}

/// Content as text in which every byte keeps its place: what is no UTF-8 becomes `?`.
pub fn readable(content: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(content) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(content.len());
    for chunk in content.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
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
        assert!(is_searchable("", b"HOME=/root\0HF_TOKEN=x\0"));
        let safetensors = [&[200, 1, 0, 0, 0, 0, 0, 0][..], &b"{\"x\":1}".repeat(500)].concat();
        assert!(!is_searchable("", &safetensors));
        assert!(is_searchable("", b"T\0O\0K\0E\0N\0=\0x\0y\0"));
    }

    #[test]
    fn narrows_utf16() {
        assert_eq!(narrow(b"plain").as_ref(), b"plain");
        assert_eq!(narrow(b"\xff\xfeh\0i\0").as_ref(), b"hi");
        assert_eq!(narrow(b"\xfe\xff\0h\0i").as_ref(), b"hi");
        assert_eq!(narrow(b"\xff\xfeh").as_ref(), b"");
        assert_eq!(narrow(b"T\0O\0K\0E\0N\0=\0x\0y\0").as_ref(), b"TOKEN=xy");
        assert_eq!(narrow(b"\0T\0O\0K\0E\0N\0=\0x\0y").as_ref(), b"TOKEN=xy");
        assert_eq!(narrow(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").len(), 16);
    }

    #[test]
    fn readable_text_keeps_places() {
        for (content, expected) in
            [(&b"a\xc3\xa4b"[..], "a\u{e4}b"), (b"a\xffb", "a?b"), (b"a\xc3", "a?"), (b"", "")]
        {
            assert_eq!(readable(content), expected);
            assert_eq!(readable(content).len(), content.len());
        }
    }

    #[test]
    fn counts_lines() {
        let mut lines = Lines::of(b"a\nb\nc");
        assert_eq!([lines.at(0), lines.at(2), lines.at(4), lines.at(1)], [1, 2, 3, 3]);
    }

    #[test]
    fn cuts_at_characters() {
        assert_eq!(cut("aä", 2), "a");
        assert_eq!(cut("aä", 3), "aä");
        assert_eq!(cut("aä", 99), "aä");
    }
}
