//! The older archives of Unix: `ar` (Debian's packages, static libraries) and `cpio` (initial RAM
//! disks, what is in an RPM). Headers are text, contents lie between them as they are.
//! Source: ar(5), deb(5), cpio(5).

use std::io::{self, BufRead, Read};

/// Longest name of a member; Linux refuses more.
const MAX_NAME: u64 = 4096;
/// Name behind the last member of a `cpio` archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Which archive it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `ar`.
    Ar,
    /// `cpio` with hexadecimal numbers, with or without checksums.
    NewCpio,
    /// POSIX' `cpio` with octal numbers.
    OldCpio,
}

impl Kind {
    /// The archive that begins like that.
    pub(super) fn sniff(head: &[u8]) -> Option<Self> {
        [
            (&b"!<arch>\n"[..], Self::Ar),
            (b"070701", Self::NewCpio),
            (b"070702", Self::NewCpio),
            (b"070707", Self::OldCpio),
        ]
        .into_iter()
        .find_map(|(start, kind)| head.starts_with(start).then_some(kind))
    }
}

/// Walks the members of such an archive. Reading gives the content of the current one.
pub(super) struct Members<R> {
    source: R,
    kind: Kind,
    left: u64,
    padding: u64,
}

/// Name and size in bytes.
pub(super) type Member = (Vec<u8>, u64);

impl<R: BufRead> Members<R> {
    /// Over an archive of that kind, from its start.
    pub(super) fn new(source: R, kind: Kind) -> Self {
        // What stands in front of the first header of `ar` is passed like a content.
        let left = if kind == Kind::Ar { 8 } else { 0 };
        Self { source, kind, left, padding: 0 }
    }

    /// What stands behind the archive, once its last member was passed.
    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// The next member; what is left of the one before is skipped. `None` at the end.
    pub(super) fn next_member(&mut self) -> io::Result<Option<Member>> {
        self.skip(self.left)?;
        self.left = 0;
        // The last member's padding is often left out.
        let padding = std::mem::take(&mut self.padding);
        io::copy(&mut self.source.by_ref().take(padding), &mut io::sink())?;
        if self.kind == Kind::Ar && self.source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let (name, size) = match self.kind {
            Kind::Ar => self.ar()?,
            Kind::NewCpio => self.new_cpio()?,
            Kind::OldCpio => self.old_cpio()?,
        };
        self.left = size;
        let is_end = self.kind != Kind::Ar && name == TRAILER;
        Ok((!is_end).then_some((name, size)))
    }

    fn ar(&mut self) -> io::Result<Member> {
        let header: [u8; 60] = self.bytes()?;
        let size = header.get(48..58).and_then(|text| number(text, 10)).ok_or_else(damaged)?;
        if !header.ends_with(b"`\n") {
            return Err(damaged());
        }
        self.padding = size % 2;
        let name = header.get(..16).unwrap_or_default().trim_ascii_end();
        Ok((name.strip_suffix(b"/").unwrap_or(name).to_vec(), size))
    }

    fn new_cpio(&mut self) -> io::Result<Member> {
        let header: [u8; 110] = self.bytes()?;
        let field = |at: usize| {
            let text = header.get(at..at.checked_add(8)?)?;
            number(text, 16)
        };
        if !header.starts_with(b"07070") {
            return Err(damaged());
        }
        let (size, length) = field(54).zip(field(94)).ok_or_else(damaged)?;
        let name = self.name(length)?;
        self.skip(padded(110_u64.saturating_add(length)))?;
        self.padding = padded(size);
        Ok((name, size))
    }

    fn old_cpio(&mut self) -> io::Result<Member> {
        let header: [u8; 76] = self.bytes()?;
        let field = |from: usize, to: usize| number(header.get(from..to)?, 8);
        if !header.starts_with(b"070707") {
            return Err(damaged());
        }
        let (length, size) = field(59, 65).zip(field(65, 76)).ok_or_else(damaged)?;
        Ok((self.name(length)?, size))
    }

    /// A name of that length, with the NUL at its end.
    fn name(&mut self, length: u64) -> io::Result<Vec<u8>> {
        if length > MAX_NAME {
            return Err(damaged());
        }
        let mut name = Vec::new();
        self.source.by_ref().take(length).read_to_end(&mut name)?;
        while name.pop_if(|last| *last == 0).is_some() {}
        Ok(name)
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(count), &mut io::sink())?;
        if skipped == count { Ok(()) } else { Err(damaged()) }
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.by_ref().take(self.left).read(buffer)?;
        self.left = self.left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        if count == 0 && self.left > 0 && !buffer.is_empty() { Err(damaged()) } else { Ok(count) }
    }
}

/// Bytes up to the next multiple of four.
fn padded(size: u64) -> u64 {
    size.wrapping_neg() % 4
}

fn number(text: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?.trim_end(), radix).ok()
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no header where one belongs")
}
