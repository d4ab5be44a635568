//! Extension headers: PAX records and GNU long names, which describe the member behind them.
//! Of PAX records only what a reader of file systems needs is kept, because a header of 1 MiB may
//! hold 200,000 of them.

/// Longest extended attribute that Linux takes (`XATTR_SIZE_MAX`). Nothing honest in an archive
/// is longer.
const MAX_ATTRIBUTE_BYTES: usize = 64 << 10;

/// What the extension headers in front of a member say.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    /// The PAX header, if there was one.
    pub(super) pax: Option<Pax>,
    /// GNU's long name; an empty one leaves the header's, in Go.
    pub(super) long_name: Option<Vec<u8>>,
    /// GNU's long link target.
    pub(super) long_link: Option<Vec<u8>>,
    /// How many GNU headers there were.
    pub(super) long_names: u32,
    pub(super) long_links: u32,
    /// A PAX header stood in front of a GNU one. Go applies it to the file, other readers to the
    /// GNU header, whose size it then changes (CVE-2025-62518).
    pub(super) is_pax_first: bool,
}

impl Extensions {
    /// The member's name, if the extensions give one. GNU's wins, as in Go.
    pub(super) fn path(&self) -> Option<&[u8]> {
        self.long_name.as_deref().or_else(|| self.pax.as_ref()?.path.as_deref())
    }

    /// The same for the target of a link.
    pub(super) fn link(&self) -> Option<&[u8]> {
        self.long_link.as_deref().or_else(|| self.pax.as_ref()?.link.as_deref())
    }

    /// The size's text.
    pub(super) fn size(&self) -> Option<&[u8]> {
        self.pax.as_ref()?.size.as_deref()
    }

    /// Whether they wait for a member to describe.
    pub(super) fn are_pending(&self) -> bool {
        self.pax.is_some() || self.long_names > 0 || self.long_links > 0
    }

    /// Whether one kind of header stands there twice: Go lets the last one win, other readers add
    /// them up, and a chain of them without end would be read without end.
    pub(super) fn are_doubled(&self) -> bool {
        self.long_names > 1 || self.long_links > 1
    }
}

/// One PAX header. Of a key that comes twice the last value counts (POSIX); an empty value leaves
/// what the header says (`mergePAX`).
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent faults, any of which may be there")]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<Vec<u8>>,
    /// Whether any key belongs to GNU's sparse formats.
    pub(super) is_sparse: bool,
    /// A name, once set, is set to something else.
    pub(super) is_contradicting: bool,
    /// A name holds a NUL, or a number is none: Go stops at these.
    pub(super) is_refused: bool,
    /// A record that no file system keeps holds more than an extended attribute can.
    pub(super) is_oversized: bool,
}

impl Pax {
    /// Reads records, `<length> <key>=<value>\n` each. By length, because values (extended
    /// attributes) are binary and may hold newlines. `None` when they are malformed.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut pax = Self::default();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let length = usize::try_from(number(bytes.get(..space)?)?).ok()?;
            let (record, rest) = bytes.split_at_checked(length)?;
            let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            pax.take(record.get(..equals)?, record.get(equals + 1..)?);
            bytes = rest;
        }
        Some(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) {
        let is_text = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
        self.is_refused |= key.is_empty() || if is_text { value } else { key }.contains(&0);
        self.is_sparse |= key.starts_with(b"GNU.sparse.");
        let kept = match key {
            b"path" => &mut self.path,
            b"linkpath" => &mut self.link,
            b"size" => &mut self.size,
            b"uid" | b"gid" => return self.is_refused |= !is_integer(value),
            b"mtime" | b"atime" | b"ctime" => return self.is_refused |= !is_time(value),
            _ => return self.is_oversized |= value.len() > MAX_ATTRIBUTE_BYTES,
        };
        let value = (!value.is_empty()).then(|| value.to_vec());
        self.is_contradicting |= kept.is_some() && *kept != value;
        *kept = value;
    }

    /// Whether it says anything that changes where an entry lies or how long it is.
    pub(super) fn places_entries(&self) -> bool {
        self.path.is_some() || self.link.is_some() || self.size.is_some() || self.is_sparse
    }
}

/// A decimal number, as in sizes and lengths.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn is_integer(text: &[u8]) -> bool {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    text.is_empty() || parsed.is_some()
}

/// Seconds, with a fraction or without (`parsePAXTime`).
fn is_time(text: &[u8]) -> bool {
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let seconds = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    text.is_empty() || (is_integer(seconds) && fraction.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(records: &[(&str, &str)]) -> Pax {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let digits = if rest.len() < 9 { 1 } else { 2 };
            text.push_str(&(rest.len() + digits).to_string());
            text.push_str(&rest);
        }
        Pax::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_last_value_counts_and_two_are_told() {
        let twice = parse(&[("path", "a"), ("path", "b")]);
        assert_eq!((twice.path.as_deref(), twice.is_contradicting), (Some(&b"b"[..]), true));
        let same = parse(&[("path", "a"), ("path", "a"), ("comment", "x"), ("comment", "y")]);
        assert_eq!((same.path.as_deref(), same.is_contradicting), (Some(&b"a"[..]), false));
        let emptied = parse(&[("size", "1"), ("size", "")]);
        assert_eq!((emptied.size.as_deref(), emptied.is_contradicting), (None, true));
    }

    #[test]
    fn records_that_could_hide_something_are_told() {
        for (length, oversized) in [
            (MAX_ATTRIBUTE_BYTES - 1, false),
            (MAX_ATTRIBUTE_BYTES, false),
            (MAX_ATTRIBUTE_BYTES + 1, true),
        ] {
            let mut pax = Pax::default();
            pax.take(b"comment", &vec![b'x'; length]);
            assert_eq!(pax.is_oversized, oversized, "{length}");
        }
    }

    #[test]
    fn what_go_refuses_is_told() {
        let table = [
            ("path", "a\0b", true),
            ("uname", "a\0b", true),
            ("comment", "a\0b", false),
            ("com\0ment", "a", true),
            ("uid", "-1", false),
            ("gid", "", false),
            ("gid", "1x", true),
            ("mtime", "1.5", false),
            ("mtime", "-1500000000.123456789", false),
            ("mtime", "1.", false),
            ("atime", "1.5.5", true),
            ("ctime", "now", true),
        ];
        for (key, value, refused) in table {
            assert_eq!(parse(&[(key, value)]).is_refused, refused, "{key}={value}");
        }
        for malformed in [&b"x"[..], b"4 a\n", b"99 a=b\n", b"6 a=bc", b"-6 a=b\n", b" a=b\n"] {
            assert_eq!(Pax::parse(malformed), None);
        }
    }
}
