//! The tar archive of a layer, member by member, as containerd's reader (Go's `archive/tar`)
//! sees it. The walk over members is ours, because extension headers must be capped, and wherever
//! readers are known to disagree (CVE-2025-62518, CVE-2026-33055, GHSA-3pv8-6f4r-ffg2) the layer
//! gets a defect instead of one reader's opinion. Single fields are read in `fields`.

mod fields;

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

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
    /// Bytes of content that follow.
    pub size: u64,
    /// Where readers disagree about this member.
    pub disagreement: Option<(Defect, String)>,
}

/// Walks the members of an archive.
pub struct Archive<R> {
    source: R,
    limits: Limits,
    /// Content of the current member that was not read yet, then its padding.
    content_left: u64,
    padding_left: u64,
    members: u64,
}

/// Key and value of one PAX record.
type PaxRecord = (Vec<u8>, Vec<u8>);

#[derive(Default)]
struct Extensions {
    pax: Vec<PaxRecord>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Extensions {
    /// The last value of a PAX key, as POSIX has it. An empty one leaves the header's (`mergePAX`).
    fn pax(&self, key: &str) -> Option<&[u8]> {
        let last = self.pax.iter().rev().find(|(name, _)| name == key.as_bytes());
        last.map(|(_, value)| &value[..]).filter(|value| !value.is_empty())
    }

    /// Whether they wait for a member to describe.
    fn are_pending(&self) -> bool {
        !self.pax.is_empty() || self.long_name.is_some() || self.long_link.is_some()
    }
}

impl<R: BufRead> Archive<R> {
    /// An archive read from plain bytes.
    pub fn new(source: R, limits: &Limits) -> Self {
        Self { source, limits: limits.clone(), content_left: 0, padding_left: 0, members: 0 }
    }

    /// The next member; what is left of the one before is skipped. `None` at the end.
    pub fn next_member(&mut self) -> Result<Option<Member>, Failure> {
        self.skip(self.content_left.saturating_add(self.padding_left))?;
        (self.content_left, self.padding_left) = (0, 0);
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                not_pending(&extensions, "the archive ends behind an extension header")?;
                return Ok(None);
            };
            let size = fields::size(&header).ok_or_else(|| self.damaged("unreadable size"))?;
            match header.entry_type() {
                EntryType::XHeader => extensions.pax = self.pax_records(size)?,
                EntryType::XGlobalHeader => {
                    // Go forgets them here, others do not: `x(size=N), g, file` hides N bytes.
                    not_pending(&extensions, "a global header follows an extension header")?;
                    self.global_header(size)?;
                }
                EntryType::GNULongName => extensions.long_name = self.long_name(size)?,
                EntryType::GNULongLink => extensions.long_link = self.long_name(size)?,
                _ => return self.member(&header, size, &extensions).map(Some),
            }
        }
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
        self.members += 1;
        if self.members > self.limits.entries {
            let limit = self.limits.entries;
            return Err(content(Defect::TooManyEntries, format!("more than {limit} entries")));
        }
        let mut disagreement = disagreements(header, header_size, extensions);
        let kind = header.entry_type();
        let path = extensions
            .long_name
            .clone()
            .or_else(|| extensions.pax("path").map(<[u8]>::to_vec))
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let size = match extensions.pax("size") {
            Some(text) => number(text).ok_or_else(|| self.damaged("unreadable PAX size"))?,
            None => header_size,
        };
        if kind == EntryType::GNUSparse {
            self.sparse_map(header)?;
        }
        // Go's reader takes these to have no content, whatever their size field says.
        let size = if is_header_only(kind) || fields::is_old_directory(header, &path) {
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
        let link = extensions
            .long_link
            .clone()
            .or_else(|| extensions.pax("linkpath").map(<[u8]>::to_vec))
            .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        if u64::try_from(path.len()).unwrap_or(u64::MAX) > self.limits.path_bytes {
            let limit = self.limits.path_bytes;
            disagreement
                .get_or_insert((Defect::PathTooLong, format!("a path of more than {limit} bytes")));
        }
        Ok(Member { path, link, kind, size, disagreement })
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

    fn pax_records(&mut self, size: u64) -> Result<Vec<PaxRecord>, Failure> {
        let bytes = self.extension(size)?;
        parse_pax(&bytes).ok_or_else(|| self.damaged("malformed PAX record"))
    }

    /// Go ignores global headers, others apply them.
    fn global_header(&mut self, size: u64) -> Result<(), Failure> {
        let records = self.pax_records(size)?;
        let applies = |key: &[u8]| matches!(key, b"path" | b"linkpath" | b"size");
        if records.iter().any(|(key, _)| applies(key)) {
            return Err(content(
                Defect::HeaderDisagreement,
                "a global header sets names or sizes".into(),
            ));
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

fn not_pending(extensions: &Extensions, what: &str) -> Result<(), Failure> {
    if extensions.are_pending() {
        return Err(content(Defect::HeaderDisagreement, what.into()));
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

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What two honest readers could see differently in one member.
fn disagreements(
    header: &Header,
    header_size: u64,
    extensions: &Extensions,
) -> Option<(Defect, String)> {
    let disagreement = |detail: String| Some((Defect::HeaderDisagreement, detail));
    if let Some(size) = extensions.pax("size").and_then(number)
        && header_size != 0
        && header_size != size
    {
        return disagreement(format!("PAX says {size} bytes, the header {header_size}"));
    }
    if let (Some(long), Some(pax)) = (&extensions.long_name, extensions.pax("path"))
        && long.as_slice() != pax
    {
        return disagreement("PAX and GNU long name give two names".into());
    }
    if let (Some(long), Some(pax)) = (&extensions.long_link, extensions.pax("linkpath"))
        && long.as_slice() != pax
    {
        return disagreement("PAX and GNU long name give two link targets".into());
    }
    let is_name = |key: &[u8]| matches!(key, b"path" | b"linkpath");
    if extensions.pax.iter().any(|(key, value)| is_name(key) && value.contains(&0)) {
        return disagreement("a PAX name holds a NUL".into());
    }
    let is_renamed = extensions.long_name.is_some() || extensions.pax("path").is_some();
    if !is_renamed && header.path_bytes() != fields::go_path(header) {
        return disagreement("readers take the header's name prefix differently".into());
    }
    let sparse = |(key, _): &PaxRecord| key.starts_with(b"GNU.sparse.");
    if header.entry_type() == EntryType::GNUSparse || extensions.pax.iter().any(sparse) {
        return Some((Defect::SparseEntry, "a sparse entry".into()));
    }
    None
}

/// Checksum as unsigned bytes (POSIX) or signed ones (old Sun tar); Go takes both.
fn checksum_matches(header: &Header) -> bool {
    const FIELD: std::ops::Range<usize> = 148..156;
    let Ok(stored) = header.cksum() else { return false };
    let byte_at = |(index, byte): (usize, &u8)| if FIELD.contains(&index) { b' ' } else { *byte };
    let bytes = || header.as_bytes().iter().enumerate().map(byte_at);
    let unsigned: u32 = bytes().map(u32::from).sum();
    let signed: i32 = bytes().map(|byte| i32::from(byte.cast_signed())).sum();
    stored == unsigned || i32::try_from(stored) == Ok(signed)
}

/// PAX records, `<length> <key>=<value>\n` each. By length, because values (extended attributes)
/// are binary and may hold newlines.
fn parse_pax(mut bytes: &[u8]) -> Option<Vec<PaxRecord>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length = usize::try_from(number(bytes.get(..space)?)?).ok()?;
        let (record, rest) = bytes.split_at_checked(length)?;
        let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.push((record.get(..equals)?.to_vec(), record.get(equals + 1..)?.to_vec()));
        bytes = rest;
    }
    Some(records)
}

#[cfg(test)]
mod tests;
