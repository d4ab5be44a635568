//! What is packed inside a file of a layer: members of zip and tar archives, and what gzip, zstd
//! and zlib streams unpack to, also of each other. Rules that ask ([`crate::rules::Want::Inside`])
//! see each as an entry of its own, at `<path>!/<member>`.
//!
//! Nothing is kept but one head, or the start of one text, at a time. Depth and unpacked bytes are capped; what lies beyond
//! is not passed over in silence but reported as [`Closed`].

mod members;
mod packing;

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use tar::EntryType;

use self::members::{Kind, Members};
use self::packing::Packing;
pub use self::packing::{appended, may_carry};
use super::entries::Archive;
use super::zip::{WINDOW_LOG_MAX, Zip};
use super::{HEAD_BYTES, Limits};
use crate::model::entry::clean_path;
use crate::model::{Entry, EntryKind};

/// How many packings inside each other are opened: `a.zip` holding `b.tar.gz` holding `c.zip` is
/// four; a package of Debian alone is three.
pub const MAX_DEPTH: u8 = 6;
/// Unpacked bytes that any file may have, however small.
const FREE_BYTES: u64 = 64 << 20;
/// Unpacked bytes per packed byte beyond that. Texts stay below 20; zeros reach 1000.
const RATIO: u64 = 100;
/// How much of a text in something packed is searched.
pub const TEXT_BYTES: usize = 1 << 20;
/// The same for all packed files of a layer.
const FREE_BYTES_OF_ALL: u64 = 4 << 30;
const RATIO_OF_ALL: u64 = 40;
/// This much behind the last stream of a file is more than a note.
const REST_BYTES: u64 = 1 << 20;
const DAMAGED: Stop = Stop::Closed(Closed::Damaged);
/// Stands between an archive and its member.
pub const SEPARATOR: &str = "!/";

/// Why something packed was not looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It unpacks to too much, or is packed too many times.
    TooLarge,
    /// It is damaged, or packed in a way that only reading from the end understands.
    Damaged,
}

/// Is shown what is inside.
pub(super) trait Visit {
    /// Whether more of an entry than its head is to be shown, up to [`TEXT_BYTES`].
    fn wants_text(&self, _entry: &Entry<'_>, _head: &[u8]) -> bool {
        false
    }
    /// Shows one entry. The answer is whether to go inside it too; breaking ends everything.
    fn member(&mut self, entry: &Entry<'_>, head: &[u8]) -> ControlFlow<(), bool>;
    /// Is told that an entry could not be looked through.
    fn closed(&mut self, entry: &Entry<'_>, why: Closed) -> ControlFlow<()>;
}

/// Why the unpacking of one file ended early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The visitor had enough.
    Enough,
    /// It cannot be looked through.
    Closed(Closed),
}

/// How many bytes a file of that size may unpack to.
pub(super) fn allowance(size: u64) -> u64 {
    size.saturating_mul(RATIO).saturating_add(FREE_BYTES)
}

/// How many bytes all packed files of a layer of that stored size may unpack to. One file that
/// unpacks to a hundred times its size is odd; three hundred copies of it, which the layer's own
/// compression makes one, are a bomb.
pub(super) fn allowance_of_all(stored: u64) -> u64 {
    stored.saturating_mul(RATIO_OF_ALL).saturating_add(FREE_BYTES_OF_ALL)
}

/// Whether a file that begins like that can be looked into.
pub fn is_packed(head: &[u8]) -> bool {
    Packing::sniff(head).is_some()
}

/// Reads no more than the allowance, of which nothing is left when it was too small.
pub(super) struct Metered<'a> {
    pub(super) inner: &'a mut dyn Read,
    pub(super) left: &'a Cell<u64>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(u64::try_from(count).unwrap_or(u64::MAX));
        self.left.set(left.unwrap_or(0));
        left.map(|_| count).ok_or_else(|| io::Error::other("unpacks to too much"))
    }
}

/// A packed file, as it is shown.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    pub(super) path: &'a str,
    pub(super) size: u64,
    /// In how many others it is packed.
    pub(super) depth: u8,
}

/// The unpacking of one file of a layer.
pub(super) struct Unpacking<'a> {
    pub(super) limits: &'a Limits,
    /// Bytes that may still be unpacked.
    pub(super) left: &'a Cell<u64>,
    pub(super) visit: &'a mut dyn Visit,
}

impl Unpacking<'_> {
    /// Shows what is inside `file`, whose bytes `source` has from the start.
    pub(super) fn run(&mut self, source: &mut dyn Read, file: Packed<'_>) -> Result<(), Stop> {
        let mut head = Vec::with_capacity(512);
        source.take(512).read_to_end(&mut head).map_err(|_| self.stop())?;
        let packing = Packing::sniff(&head);
        if file.depth >= MAX_DEPTH && (packing.is_some() || may_carry(&head, file.size)) {
            return Err(Stop::Closed(Closed::TooLarge));
        }
        let Some(packing) = packing else { return self.behind_program(head, source, file) };
        let mut source = Cursor::new(head).chain(BufReader::new(source));
        match packing {
            Packing::Zip => self.zip(&mut source, file),
            Packing::Tar => self.tar(&mut source, file),
            Packing::Members(kind) => self.members(&mut source, kind, file),
            Packing::Gzip => self.stream(&mut MultiGzDecoder::new(source), file).map(drop),
            Packing::Zlib => self.zlib(&mut source, file),
            Packing::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(source);
                let mut decoder = decoder.map_err(|_| self.stop())?;
                decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| self.stop())?;
                self.stream(&mut decoder, file).map(drop)
            }
        }
    }

    /// Shows what a script or a program carries behind it.
    fn behind_program(
        &mut self,
        mut head: Vec<u8>,
        source: &mut dyn Read,
        file: Packed<'_>,
    ) -> Result<(), Stop> {
        let most = if packing::is_script(&head) { packing::SCRIPT_BYTES } else { HEAD_BYTES };
        read_up_to(most, source, &mut head).map_err(|_| self.stop())?;
        let at = if packing::is_script(&head) {
            match packing::archive_in(&head) {
                Some((at, true)) => u64::try_from(at).unwrap_or(u64::MAX),
                Some((_, false)) => return Err(DAMAGED),
                None => return Ok(()),
            }
        } else {
            let Some(at) = appended(&head, file.size) else { return Ok(()) };
            at
        };
        let path = format!("{}{SEPARATOR}{}", file.path, stem(file.path));
        let mut source = Cursor::new(head).chain(source);
        io::copy(&mut source.by_ref().take(at), &mut io::sink()).map_err(|_| self.stop())?;
        let size = file.size.saturating_sub(at);
        self.member(&mut source, &path, Packed { size, ..file }, file.path).map(drop)
    }

    /// Why reading failed: readers on top of each other rewrap errors, the allowance does not lie.
    fn why(&self) -> Closed {
        if self.left.get() == 0 { Closed::TooLarge } else { Closed::Damaged }
    }

    fn stop(&self) -> Stop {
        Stop::Closed(self.why())
    }

    /// As [`Self::member`].
    fn stream(&mut self, unpacked: &mut dyn Read, file: Packed<'_>) -> Result<bool, Stop> {
        let path = format!("{}{SEPARATOR}{}", file.path, stem(file.path));
        let mut metered = Metered { inner: unpacked, left: self.left };
        self.member(&mut metered, &path, file, file.path)
    }

    /// One stream after the other: programs made by `PyInstaller` have one for each file.
    fn zlib(&mut self, source: &mut dyn BufRead, file: Packed<'_>) -> Result<(), Stop> {
        for _ in 0..self.limits.entries {
            let mut stream = ZlibDecoder::new(&mut *source);
            let is_whole = self.stream(&mut stream, file)?;
            // To its end, where the next begins.
            let mut rest = Metered { inner: &mut stream, left: self.left };
            if io::copy(&mut rest, &mut io::sink()).is_err() {
                // Damage of which the visitor was told is not said of the file once more.
                let is_told = !is_whole && self.why() == Closed::Damaged;
                return if is_told { Ok(()) } else { Err(self.stop()) };
            }
            let next = source.fill_buf().map_err(|_| self.stop())?;
            if Packing::sniff(next) != Some(Packing::Zlib) {
                break;
            }
        }
        let rest = io::copy(&mut source.take(REST_BYTES), &mut io::sink());
        if rest.map_err(|_| self.stop())? < REST_BYTES { Ok(()) } else { Err(DAMAGED) }
    }

    fn members(
        &mut self,
        source: &mut dyn BufRead,
        kind: Kind,
        file: Packed<'_>,
    ) -> Result<(), Stop> {
        let mut archive = Members::new(source, kind);
        for _ in 0..self.limits.entries {
            let member = archive.next_member().map_err(|_| self.stop())?;
            let Some((name, size)) = member else { return Ok(()) };
            if size > 0 {
                let path = path_of(file.path, &name);
                self.member(&mut archive, &path, Packed { size, ..file }, &path)?;
            }
        }
        Err(Stop::Closed(Closed::TooLarge))
    }

    fn tar(&mut self, source: &mut dyn BufRead, file: Packed<'_>) -> Result<(), Stop> {
        let mut archive = Archive::new(source, self.limits);
        loop {
            let member = archive.next_member().map_err(|_| self.stop())?;
            let Some(member) = member else { return Ok(()) };
            let kinds =
                [EntryType::Regular, EntryType::Continuous, EntryType::GNUSparse, EntryType::Link];
            if member.size == 0 || !kinds.contains(&member.kind) {
                continue;
            }
            let path = path_of(file.path, &member.path);
            let size = member.size;
            self.member(&mut Content(&mut archive), &path, Packed { size, ..file }, &path)?;
        }
    }

    fn zip(&mut self, source: &mut dyn BufRead, file: Packed<'_>) -> Result<(), Stop> {
        let mut zip = Zip::new(source);
        let mut count = 0;
        while let Some(member) = zip.next_member().map_err(|_| self.stop())? {
            count += 1;
            if count > self.limits.entries {
                return Err(Stop::Closed(Closed::TooLarge));
            }
            let path = path_of(file.path, &member.name);
            let packed = Packed { size: member.size.unwrap_or(file.size), ..file };
            let is_readable = member.is_readable();
            let shown = zip.content(&member, self.left, &mut |content| {
                if !is_readable {
                    return Ok(());
                }
                self.member(content, &path, packed, &path).map(drop)
            });
            shown.map_err(|_| self.stop())??;
            if !is_readable {
                let kind = EntryKind::File;
                let entry = Entry { path: &path, kind, size: packed.size, link: None };
                self.close(&entry, Closed::Damaged)?;
            }
        }
        Ok(())
    }

    /// Shows one member, and what is inside it at `inside`. Returns whether it could be looked
    /// through; the visitor was told if not.
    fn member(
        &mut self,
        content: &mut dyn Read,
        path: &str,
        file: Packed<'_>,
        inside: &str,
    ) -> Result<bool, Stop> {
        let entry = Entry { path, kind: EntryKind::File, size: file.size, link: None };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let mut read = read_up_to(HEAD_BYTES, content, &mut head);
        if read.is_ok() && self.visit.wants_text(&entry, &head) {
            read = read_up_to(TEXT_BYTES, content, &mut head);
        }
        if read.is_err() && self.why() == Closed::TooLarge {
            return Err(self.stop());
        }
        // Damage in one member must not hide the next: what was read of it counts.
        let goes_inside = match self.visit.member(&entry, &head) {
            ControlFlow::Break(()) => return Err(Stop::Enough),
            ControlFlow::Continue(goes_inside) => goes_inside,
        };
        if read.is_err() {
            return self.close(&entry, Closed::Damaged).map(|()| false);
        }
        if !goes_inside {
            return Ok(true);
        }
        let file = Packed { path: inside, size: file.size, depth: file.depth.saturating_add(1) };
        match self.run(&mut Cursor::new(head).chain(content), file) {
            Err(Stop::Closed(why)) => self.close(&entry, why).map(|()| false),
            other => other.map(|()| true),
        }
    }

    fn close(&mut self, entry: &Entry<'_>, why: Closed) -> Result<(), Stop> {
        match self.visit.closed(entry, why) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }
}

/// Reads until the buffer has so many bytes or there are no more.
fn read_up_to(most: usize, content: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let missing = most.saturating_sub(buffer.len());
    content.take(u64::try_from(missing).unwrap_or(u64::MAX)).read_to_end(buffer)
}

/// Content of an archive's current member.
struct Content<'a, R>(&'a mut Archive<R>);

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_content(buffer).map_err(|_| io::Error::other("the archive ends early"))
    }
}

fn path_of(archive: &str, member: &[u8]) -> String {
    let raw = String::from_utf8_lossy(member);
    let clean = clean_path(&raw).unwrap_or_else(|| raw.replace("..", "_"));
    format!("{archive}{SEPARATOR}{clean}")
}

/// Name of what a compressed file unpacks to.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, "gz" | "zst" | "zstd" | "zz" | "zlib" | "z" | "Z")) => stem.to_owned(),
        Some((stem, "tgz" | "tzst")) => format!("{stem}.tar"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
