//! Reads one pair, from its name on.

use std::ops::Range;

use super::{Form, Pair, VALUE_BYTES};

/// Stands behind a name and looks at what follows.
pub(super) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    name: Range<usize>,
    at: usize,
    /// Whether the value stands under a key of its own, `value`.
    is_keyed: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn of(text: &'a str, name: Range<usize>) -> Self {
        let at = name.end;
        Self { text, bytes: text.as_bytes(), name, at, is_keyed: false }
    }

    pub(super) fn pair(mut self) -> Option<Pair<'a>> {
        let name = self.text.get(self.name.clone())?;
        let lead = self.lead();
        let is_argument = self.is_argument();
        if !self.separator(is_argument) {
            return None;
        }
        self.skip(8, is_blank);
        if lead.form.is_none() && !self.is_keyed && self.is_field() {
            return self.field(name);
        }
        let (start, value, is_quoted) = self.value(&lead)?;
        let form = match lead.form {
            Some(form) => form,
            None if is_quoted => Form::Literal,
            None if self.is_keyed => Form::Line,
            None => return None,
        };
        let is_tight = self.before(start) == Some(b'=');
        Some(Pair { name, value, start, form, is_quoted, is_tight })
    }

    /// Whether it is a part of `Server=db;Password=x;` or of `?user=x&token=y`.
    fn is_field(&self) -> bool {
        let blank = usize::from(self.before(self.name.start) == Some(b' '));
        let before = self.before(self.name.start.saturating_sub(blank));
        matches!(before, Some(b';' | b'?' | b'&'))
            // `;a.password=b.secret;` is a packed program.
            && !self.text.get(self.name.clone()).is_some_and(|name| name.contains('.'))
            && self.before(self.at) == Some(b'=')
            && !self.peek(0).is_some_and(is_quote)
    }

    fn field(&self, name: &'a str) -> Option<Pair<'a>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let ends =
            |byte: u8| is_quote(byte) || byte.is_ascii_whitespace() || b";&<>)".contains(&byte);
        let length = rest.iter().take(VALUE_BYTES).take_while(|byte| !ends(**byte)).count();
        let value = self.text.get(self.at..self.at.checked_add(length)?)?;
        let (start, form) = (self.at, Form::Literal);
        let is_value = length > 0 && !is_member(value);
        is_value.then_some(Pair { name, value, start, form, is_quoted: true, is_tight: true })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.checked_add(ahead)?).copied()
    }

    fn before(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(1)?).copied()
    }

    /// Steps over at most `most` bytes of a kind.
    fn skip(&mut self, most: usize, kind: fn(u8) -> bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take(most).take_while(|byte| kind(**byte)).count();
        self.at = self.at.saturating_add(count);
    }

    /// Steps over what stands between a name and its value.
    fn separator(&mut self, is_argument: bool) -> bool {
        if self.peek(0) == Some(b'>') {
            // `<password>value</password>`.
            self.at = self.at.saturating_add(1);
            return self.before(self.name.start) == Some(b'<');
        }
        self.skip(6, |byte| is_quote(byte) || byte == b']');
        self.is_keyed = self.value_key();
        if self.is_keyed {
            return true;
        }
        self.skip(8, is_blank);
        let length = match (self.peek(0), self.peek(1)) {
            // A comparison, a path.
            (Some(b'='), Some(b'=')) | (Some(b':'), Some(b':')) => return false,
            (Some(b':' | b'?' | b'+'), Some(b'=')) | (Some(b'='), Some(b'>')) => 2,
            (Some(b'=' | b':'), _) => 1,
            (Some(b','), _) if is_argument => 1,
            _ => return false,
        };
        let is_colon = length == 1 && self.peek(0) == Some(b':');
        self.at = self.at.saturating_add(length);
        if is_colon {
            self.annotation();
        }
        true
    }

    /// Whether the name is the first argument of a call: `setenv("X", "y")`, and no word of a list.
    fn is_argument(&self) -> bool {
        let head = self.bytes.get(..self.name.start).unwrap_or_default();
        let quotes = head.iter().rev().take(4).take_while(|byte| is_quote(**byte)).count();
        quotes > 0 && self.before(self.name.start.saturating_sub(quotes)) == Some(b'(')
    }

    /// Steps over the type in `api_key: str = "..."`.
    fn annotation(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let is_type = |byte: &&u8| byte.is_ascii_alphanumeric() || b" _.[]|".contains(byte);
        let length = rest.iter().take(48).take_while(is_type).count();
        let behind = rest.get(length..).unwrap_or_default();
        let is_assigned = behind.first() == Some(&b'=') && behind.get(1) != Some(&b'=');
        if is_assigned && rest.get(..length).is_some_and(|kind| !kind.trim_ascii().is_empty()) {
            self.at = self.at.saturating_add(length).saturating_add(1);
        }
    }

    /// `name: DB_PASSWORD` with `value: x` behind it: the name is a value itself.
    fn value_key(&mut self) -> bool {
        let head = self.bytes.get(..self.name.start).unwrap_or_default();
        let is_between = |byte: &&u8| is_quote(**byte) || is_blank(**byte);
        let sign = head.iter().rev().take(8).find(|byte| !is_between(byte));
        if !matches!(sign, Some(b':' | b'=')) {
            return false;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let is_gap = |byte: &&u8| is_quote(**byte) || byte.is_ascii_whitespace() || **byte == b',';
        let gap = rest.iter().take(48).take_while(is_gap).count();
        let key = rest.get(gap..gap.saturating_add(5)).unwrap_or_default();
        let behind = rest.get(gap.saturating_add(5)..).unwrap_or_default();
        let is_closing = |byte: &&u8| is_quote(**byte) || is_blank(**byte);
        let closing = behind.iter().take(6).take_while(is_closing).count();
        if gap == 0
            || !key.eq_ignore_ascii_case(b"value")
            || !matches!(behind.get(closing), Some(b':' | b'='))
        {
            return false;
        }
        self.at = self.at.saturating_add(gap).saturating_add(closing).saturating_add(6);
        true
    }

    /// Place, text and whether it is quoted.
    fn value(&mut self, lead: &Lead) -> Option<(usize, &'a str, bool)> {
        let is_prefixed = self.peek(0).is_some_and(|byte| b"bruBRU".contains(&byte))
            && self.peek(1).is_some_and(is_quote);
        self.at = self.at.saturating_add(usize::from(is_prefixed));
        let open = self.at;
        self.skip(6, is_quote);
        let quote = self.before(self.at).filter(|_| self.at > open);
        let rest = self.text.get(self.at..)?;
        let rest = rest.get(..rest.floor_char_boundary(VALUE_BYTES)).unwrap_or(rest);
        if let Some(quote) = quote {
            // `x = ""` ends where it began.
            let value = rest.get(..quoted_length(rest.as_bytes(), quote))?;
            let is_empty = self.at.saturating_sub(open) == 2 && !value.contains(['\'', '"']);
            let triple = self.at.saturating_sub(open) >= 3;
            return (!is_empty || triple || self.bytes.get(open) == Some(&b'\\'))
                .then_some((self.at, value, true));
        }
        if lead.form.is_none() && !self.is_keyed && !lead.is_element {
            return None;
        }
        let length = unquoted_length(rest, lead.quote);
        if lead.is_element && rest.as_bytes().get(length) != Some(&b'<') {
            return None;
        }
        let value = rest.get(..length)?;
        let value = value.trim_end().trim_end_matches([',', ';']);
        (!value.is_empty()).then_some((self.at, value, lead.is_element))
    }

    /// What stands in front of the name on its line.
    fn lead(&self) -> Lead {
        let mut lead = Lead { form: None, quote: None, is_element: false };
        let mut at = self.name.start;
        lead.is_element =
            self.before(at) == Some(b'<') && self.bytes.get(self.name.end) == Some(&b'>');
        let floor = at.saturating_sub(80);
        let mut form = Form::Line;
        while let Some(byte) = self.before(at).filter(|_| at > floor) {
            let is_escape = at >= 2 && self.before(at.saturating_sub(1)) == Some(b'\\');
            match byte {
                b'\n' | b'\r' => break,
                b'n' | b'r' | b't' if is_escape => break,
                b'#' | b'/' | b';' => form = Form::Comment,
                quote if is_quote(quote) => lead.quote = Some(quote),
                b'<' => lead.is_element = true,
                byte if byte.is_ascii_alphabetic() => {
                    let Some(before) = self.command(at) else { return lead };
                    at = before;
                    continue;
                }
                b' ' | b'\t' | b'-' | b'{' | b',' | b':' | b'!' | b'%' | b'$' | b'>' | b'('
                | b'@' | b'_' | b'*' | 0xef | 0xbb | 0xbf => {}
                _ => return lead,
            }
            at = at.saturating_sub(1);
        }
        if at > floor || at == 0 {
            lead.form = Some(form);
        }
        lead
    }

    /// Where a word in front of the name begins, when it only introduces the pair.
    fn command(&self, end: usize) -> Option<usize> {
        const COMMANDS: &[&str] = &[
            "export", "set", "setx", "env", "ENV", "ARG", "LABEL", "readonly", "local", "declare",
            "x", "set_env", "e", "define", "const", "let", "var", "val", "static", "final",
            "String", "string", "public", "private",
        ];
        let before = self.bytes.get(end.saturating_sub(12)..end)?;
        let is_word = |byte: &&u8| byte.is_ascii_alphabetic() || **byte == b'_';
        let start = end.saturating_sub(before.iter().rev().take_while(is_word).count());
        // `\nexport`: the first letter belongs to the escape.
        let escaped = self.before(start) == Some(b'\\');
        let start = start.saturating_add(usize::from(escaped));
        let word = self.text.get(start..end)?;
        COMMANDS.contains(&word).then_some(start)
    }
}

/// What stands in front of a name.
struct Lead {
    /// Line or comment; none in the middle of something else.
    form: Option<Form>,
    /// The quote that opened the line.
    quote: Option<u8>,
    /// Whether the name is that of an XML element.
    is_element: bool,
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b'\\')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Length of a value up to the quote that closes it, escaped or not, or to the end of the line.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut bytes = rest.iter().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let next = bytes.peek().map(|(_, next)| **next);
        let is_escape = *byte == b'\\' && matches!(next, Some(b'"' | b'\'' | b'n' | b'r'));
        if *byte == quote || *byte == b'\n' || is_escape {
            return at;
        }
    }
    rest.len()
}

/// `props.password`, `e.t.clientSecret`: what a program calls something.
fn is_member(value: &str) -> bool {
    value.contains('.')
        && value.split('.').all(|part| {
            part.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_$".contains(&byte))
        })
}

/// Length of a value without quotes: to the end of the line, written out or not, to a comment,
/// to the next command, to the quote that opened the line, to the end of an XML element.
fn unquoted_length(rest: &str, line_quote: Option<u8>) -> usize {
    let bytes = rest.as_bytes();
    let ends = |at: usize, byte: u8| {
        let next = bytes.get(at.saturating_add(1)).copied();
        match byte {
            b'\n' | b'\r' | b'<' | 0 => true,
            b'\\' => matches!(next, Some(b'n' | b'r' | b't' | b'"' | b'\'') | None),
            b' ' | b'\t' => matches!(next, Some(b'#' | b'&' | b'|')),
            b';' => next.is_none_or(|next| next.is_ascii_whitespace()),
            quote => Some(quote) == line_quote,
        }
    };
    bytes.iter().enumerate().find(|(at, byte)| ends(*at, **byte)).map_or(rest.len(), |(at, _)| at)
}
