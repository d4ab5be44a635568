//! Where a token may begin. It stands behind a blank, a quote, an equals sign; and behind what is
//! no letter but is written with some: `\\n` in a notebook, `%3D` in an address, the colour codes of
//! a terminal, the length byte of a string in a `.pyc`.

/// The boundaries of one text.
pub(super) struct Boundary<'a> {
    text: &'a [u8],
    is_pyc: bool,
}

/// Type bytes of marshal's short strings; the length is the byte behind.
const SHORT_STRINGS: [u8; 4] = [b'z', b'Z', b'z' | 0x80, b'Z' | 0x80];

impl<'a> Boundary<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        // The magic number of every CPython ends with a carriage return and a line feed.
        let is_pyc =
            text.get(2..4) == Some(b"\r\n") && text.get(..64).is_some_and(|head| head.contains(&0));
        Self { text, is_pyc }
    }

    /// Whether a word may begin at `start`.
    pub(super) fn is_before(&self, start: usize) -> bool {
        let before = self.text.get(start.saturating_sub(16)..start).unwrap_or_default();
        match before.last() {
            Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => {
                ends_escape(before) || self.string_length(start).is_some()
            }
            _ => true,
        }
    }

    /// How many bytes from `start` on are one string: in a `.pyc` the next byte may be a letter
    /// that stands for something else.
    pub(super) fn window(&self, start: usize) -> usize {
        self.string_length(start).unwrap_or(usize::MAX)
    }

    fn string_length(&self, start: usize) -> Option<usize> {
        let before = self.text.get(start.checked_sub(2)?..start).filter(|_| self.is_pyc)?;
        let [kind, length] = before else { return None };
        SHORT_STRINGS.contains(kind).then(|| usize::from(*length))
    }
}

/// Whether the last letters of a text are an escape sequence.
fn ends_escape(before: &[u8]) -> bool {
    let tail = |count: usize| before.len().checked_sub(count).and_then(|at| before.get(at..));
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let simple = matches!(tail(2), Some([b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'v' | b'0']));
    let percent = matches!(tail(3), Some([b'%', digits @ ..]) if is_hex(digits));
    let byte = matches!(tail(4), Some([b'\\', b'x', digits @ ..]) if is_hex(digits));
    let letter = matches!(tail(6), Some([b'\\', b'u', digits @ ..]) if is_hex(digits));
    simple || percent || byte || letter || ends_colour(before)
}

/// `ESC [ 1 ; 32 m`, of which the escape may be written in several ways.
fn ends_colour(before: &[u8]) -> bool {
    let Some((b'm', codes)) = before.split_last() else { return false };
    let is_code = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
    let codes = codes.len().saturating_sub(codes.iter().rev().take_while(is_code).count());
    codes.checked_sub(1).and_then(|at| before.get(at)) == Some(&b'[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_behind_escapes() {
        let table: [(&[u8], bool); 17] = [
            (b"", true),
            (b" ", true),
            (b"\"", true),
            (b"x", false),
            (b"_", false),
            (b"\\n", true),
            (b"\\t", true),
            (b"n", false),
            (b"\\m", false),
            (b"?a=%3D", true),
            (b"%3", false),
            (b"\\x1b", true),
            (b"\\u0022", true),
            (b"\x1b[32m", true),
            (b"\\u001b[1;32m", true),
            (b"32m", false),
            (b"[m", true),
        ];
        for (before, expected) in table {
            let text = String::from_utf8_lossy(before);
            assert_eq!(Boundary::of(before).is_before(before.len()), expected, "{text}");
        }
    }

    #[test]
    fn strings_of_compiled_python_have_a_length() {
        let pyc = |kind: u8| [b"\xcb\r\r\n\0\0\0\0", &[0; 60][..], &[kind, b'4']].concat();
        for (kind, expected) in [(b'z', Some(52)), (0xda, Some(52)), (b's', None)] {
            let text = pyc(kind);
            let boundary = Boundary::of(&text);
            assert_eq!(boundary.string_length(text.len()), expected);
            assert_eq!(boundary.is_before(text.len()), expected.is_some());
        }
        assert_eq!(Boundary::of(b"z4").string_length(2), None, "no compiled Python");
    }
}
