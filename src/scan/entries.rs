//! The tar archive of a layer, member by member, as containerd's reader (Go's `archive/tar`)
//! sees it. The walk over members is ours, because extension headers must be capped, and wherever
//! readers are known to disagree (CVE-2025-62518, CVE-2026-33055, GHSA-3pv8-6f4r-ffg2) the layer
//! gets a defect instead of one reader's opinion. Single fields are read in `fields`.

mod disagreement;
mod extensions;
mod fields;
mod position;

use std::borrow::Cow;
use std::io::{self, BufRead, Read, Seek};

use tar::{EntryType, Header};

use self::extensions::{Extensions, Pax, number};
use self::position::Positioned;
use super::Limits;
use super::decompress::{ContentDefect, Failure};
use crate::rules::unreadable_layer::Defect;

const BLOCK: usize = 512;
/// Most bytes of one extension header (PAX records, long names). Go caps at 1 MiB too.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// One member of the archive, its extensions applied. Names are raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name, uncleaned.
    pub path: Vec<u8>,
    /// Link target.
    pub link: Option<Vec<u8>>,
    /// Type flag.
    pub kind: EntryType,
    /// Whether it is a directory although its type is that of a file, in the oldest format.
    pub is_old_directory: bool,
    /// Bytes of content that follow.
    pub size: u64,
    /// Where its first header begins, in plain bytes from the archive's start.
    pub header_at: u64,
    /// Where its content begins.
    pub content_at: u64,
    /// Where readers disagree about this member.
    pub disagreement: Option<(Defect, String)>,
}

/// Walks the members of an archive.
pub struct Archive<R> {
    source: Positioned<R>,
    limits: Limits,
    /// Content of the current member that was not read yet, then its padding.
    content_left: u64,
    padding_left: u64,
    members: u64,
}

impl<R: BufRead> Archive<R> {
    /// An archive read from plain bytes.
    pub fn new(source: R, limits: &Limits) -> Self {
        let source = Positioned::new(source);
        Self { source, limits: limits.clone(), content_left: 0, padding_left: 0, members: 0 }
    }

    /// The next member; what is left of the one before is skipped. `None` at the end.
    pub fn next_member(&mut self) -> Result<Option<Member>, Failure> {
        self.skip(self.content_left.saturating_add(self.padding_left))?;
        (self.content_left, self.padding_left) = (0, 0);
        let header_at = self.source.position();
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                not_pending(&extensions, "the archive ends behind an extension header")?;
                return Ok(None);
            };
            let size = fields::size(&header).ok_or_else(|| self.damaged("unreadable size"))?;
            if !self.extend(&header, size, &mut extensions)? {
                let member = self.member(&header, size, &extensions)?;
                return Ok(Some(Member { header_at, ..member }));
            }
        }
    }

    /// Takes an extension header in; `false` when it is a member's own.
    fn extend(
        &mut self,
        header: &Header,
        size: u64,
        extensions: &mut Extensions,
    ) -> Result<bool, Failure> {
        match header.entry_type() {
            EntryType::XHeader => {
                let is_second = extensions.pax.replace(self.pax(size)?).is_some();
                not_twice(is_second)?;
            }
            EntryType::XGlobalHeader => {
                // Go forgets them here, others do not: `x(size=N), g, file` hides N bytes.
                not_pending(extensions, "a global header follows an extension header")?;
                self.count()?;
                self.global_header(size)?;
            }
            EntryType::GNULongName => {
                extensions.is_pax_first |= extensions.pax.is_some();
                extensions.long_name = self.long_name(size)?;
                extensions.long_names += 1;
                not_twice(extensions.are_doubled())?;
            }
            EntryType::GNULongLink => {
                extensions.is_pax_first |= extensions.pax.is_some();
                extensions.long_link = self.long_name(size)?;
                extensions.long_links += 1;
                not_twice(extensions.are_doubled())?;
            }
            _ => return Ok(false),
        }
        if !fields::are_numbers(header) {
            let detail = "a field of an extension header that is no number";
            return Err(content(Defect::AmbiguousEntry, detail.into()));
        }
        Ok(true)
    }

    /// Reads content of the current member; 0 at its end.
    pub fn read_content(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let most = usize::try_from(self.content_left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let count = self.source.read(buffer)?;
        if count == 0 {
            return Err(self.truncated());
        }
        self.content_left -= u64::try_from(count).unwrap_or(self.content_left);
        Ok(count)
    }

    fn member(
        &mut self,
        header: &Header,
        header_size: u64,
        extensions: &Extensions,
    ) -> Result<Member, Failure> {
        self.count()?;
        let kind = header.entry_type();
        let own = || header.path_bytes();
        let path = extensions.path().map_or_else(own, Into::into).into_owned();
        let mut disagreement = disagreement::of(header, header_size, extensions, &path);
        let size = match extensions.size() {
            Some(text) => number(text).ok_or_else(|| self.damaged("unreadable PAX size"))?,
            None => header_size,
        };
        if kind == EntryType::GNUSparse {
            self.sparse_map(header)?;
        }
        // Go's reader takes these to have no content, whatever their size field says.
        let is_old_directory = fields::is_old_directory(header, &path);
        let size = if is_header_only(kind) || is_old_directory {
            if size != 0 {
                disagreement.get_or_insert((
                    Defect::HeaderDisagreement,
                    format!("a link, directory or device claims {size} bytes of content"),
                ));
            }
            0
        } else {
            size
        };
        self.content_left = size;
        self.padding_left = padding(size);
        let own = || header.link_name_bytes();
        let link = extensions.link().map(Into::into).or_else(own).map(Cow::into_owned);
        if u64::try_from(path.len()).unwrap_or(u64::MAX) > self.limits.path_bytes {
            let limit = self.limits.path_bytes;
            disagreement
                .get_or_insert((Defect::PathTooLong, format!("a path of more than {limit} bytes")));
        }
        let content_at = self.source.position();
        let header_at = content_at;
        Ok(Member { path, link, kind, is_old_directory, size, header_at, content_at, disagreement })
    }

    /// One more member, or what Go hands out as one.
    fn count(&mut self) -> Result<(), Failure> {
        self.members += 1;
        if self.members <= self.limits.entries {
            return Ok(());
        }
        let limit = self.limits.entries;
        Err(content(Defect::TooManyEntries, format!("more than {limit} entries")))
    }

    /// The next header block; `None` at the archive's end, behind which only zeros may follow.
    fn header(&mut self) -> Result<Option<Header>, Failure> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.truncated()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            self.only_zeros_follow()?;
            return Ok(None);
        }
        if checksum_matches(&header) { Ok(Some(header)) } else { Err(self.damaged("bad checksum")) }
    }

    fn only_zeros_follow(&mut self) -> Result<(), Failure> {
        loop {
            let ahead = self.source.fill_buf()?;
            if ahead.is_empty() {
                return Ok(());
            }
            if ahead.iter().any(|byte| *byte != 0) {
                return Err(content(
                    Defect::TrailingData,
                    "data follows the end of the archive".into(),
                ));
            }
            let count = ahead.len();
            self.source.consume(count);
        }
    }

    fn skip(&mut self, mut count: u64) -> Result<(), Failure> {
        while count > 0 {
            let ahead = self.source.fill_buf()?;
            if ahead.is_empty() {
                return Err(self.truncated());
            }
            let step = ahead.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            self.source.consume(step);
            count -= u64::try_from(step).unwrap_or(count);
        }
        Ok(())
    }

    /// Content of an extension header, whole, with its padding skipped.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Failure> {
        if size > MAX_EXTENSION_BYTES {
            return Err(content(
                Defect::PathTooLong,
                format!("an extension header of {size} bytes (limit {MAX_EXTENSION_BYTES})"),
            ));
        }
        let mut bytes = Vec::new();
        self.source.by_ref().take(size).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(0) < size {
            return Err(self.truncated());
        }
        self.skip(padding(size))?;
        Ok(bytes)
    }

    fn pax(&mut self, size: u64) -> Result<Pax, Failure> {
        let bytes = self.extension(size)?;
        Pax::parse(&bytes).ok_or_else(|| self.damaged("malformed PAX record"))
    }

    /// Go ignores global headers, others apply them.
    fn global_header(&mut self, size: u64) -> Result<(), Failure> {
        let pax = self.pax(size)?;
        if pax.is_refused {
            let detail = "a global header that runtimes refuse";
            return Err(content(Defect::AmbiguousEntry, detail.into()));
        }
        if pax.places_entries() {
            let detail = "a global header sets names or sizes";
            return Err(content(Defect::HeaderDisagreement, detail.into()));
        }
        Ok(())
    }

    fn long_name(&mut self, size: u64) -> Result<Option<Vec<u8>>, Failure> {
        let mut name = self.extension(size)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        // An empty one leaves the header's name, in Go.
        Ok((!name.is_empty()).then_some(name))
    }

    /// Skips the further blocks of an old GNU sparse map.
    fn sparse_map(&mut self, header: &Header) -> Result<(), Failure> {
        const IS_EXTENDED_AT: usize = 504;
        let mut more = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while more {
            let mut block = [0; BLOCK];
            self.source.read_exact(&mut block)?;
            more = block.get(IS_EXTENDED_AT).is_some_and(|flag| *flag == 1);
        }
        Ok(())
    }

    fn truncated(&self) -> Failure {
        if self.members == 0 {
            return self.damaged("it ends inside its first header");
        }
        content(Defect::Truncated, format!("the archive ends inside entry {}", self.members))
    }

    /// Unreadable from here on. At the very start it is no archive at all.
    fn damaged(&self, what: &str) -> Failure {
        if self.members == 0 {
            content(Defect::NotATar, format!("the content is no tar archive: {what}"))
        } else {
            content(Defect::Truncated, format!("{what} after {} entries", self.members))
        }
    }
}

impl<R: Seek> Archive<R> {
    /// Passes what is left of the current member without reading it. Whether the archive reaches
    /// that far shows in its size alone.
    pub fn pass_content(&mut self) -> io::Result<()> {
        self.source.pass(self.content_left.saturating_add(self.padding_left))?;
        (self.content_left, self.padding_left) = (0, 0);
        Ok(())
    }
}

fn not_pending(extensions: &Extensions, what: &str) -> Result<(), Failure> {
    if extensions.are_pending() {
        return Err(content(Defect::HeaderDisagreement, what.into()));
    }
    Ok(())
}

/// See [`Extensions::are_doubled`].
fn not_twice(is_second: bool) -> Result<(), Failure> {
    if is_second {
        let detail = "one entry has two extension headers of one kind";
        return Err(content(Defect::HeaderDisagreement, detail.into()));
    }
    Ok(())
}

fn content(defect: Defect, detail: String) -> Failure {
    Failure::Content(ContentDefect { defect, detail })
}

fn padding(size: u64) -> u64 {
    let block = u64::try_from(BLOCK).unwrap_or(512);
    (block - size % block) % block
}

/// Types without content in Go's reader (`isHeaderOnly`).
fn is_header_only(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::Link
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Directory
            | EntryType::Fifo
    )
}

/// Whether bytes begin with the header of an archive's member.
pub fn begins_archive(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(|block| {
        let mut header = Header::new_old();
        *header.as_mut_bytes() = *block;
        checksum_matches(&header)
    })
}

/// Checksum as unsigned bytes (POSIX) or signed ones (old Sun tar); Go takes both.
fn checksum_matches(header: &Header) -> bool {
    const FIELD: std::ops::Range<usize> = fields::CHECKSUM;
    let Some(stored) = fields::checksum(header) else { return false };
    let byte_at = |(index, byte): (usize, &u8)| if FIELD.contains(&index) { b' ' } else { *byte };
    let bytes = || header.as_bytes().iter().enumerate().map(byte_at);
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    stored == unsigned || i64::try_from(stored) == Ok(signed)
}

#[cfg(test)]
mod tests;
