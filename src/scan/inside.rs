//! What is packed inside a file of a layer: members of zip and tar archives, and what gzip, zstd
//! and zlib streams unpack to, also of each other. Rules that ask ([`crate::rules::Want::Inside`])
//! see each as an entry of its own, at `<path>!/<member>`.
//!
//! Nothing is kept but one head, or the start of one text, at a time. Depth, members, names and
//! unpacked bytes are capped; what lies beyond is not passed over in silence but reported as
//! [`Closed`].

mod members;
mod names;
mod packing;
mod reading;

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use tar::EntryType;

use self::members::{Kind, Members};
pub use self::names::MAX_NAME_BYTES;
use self::names::{path_of, within};
use self::packing::Packing;
pub use self::packing::{appended, may_carry};
pub(super) use self::reading::Metered;
use self::reading::{Content, Counted, read_up_to, skip_zeros};
use super::entries::Archive;
use super::zip::{WINDOW_LOG_MAX, Zip};
use super::{HEAD_BYTES, Limits};
use crate::model::{Entry, EntryKind};

/// How many packings inside each other are opened: `a.zip` holding `b.tar.gz` holding `c.zip` is
/// four; a package of Debian alone is three.
pub const MAX_DEPTH: u8 = 6;
/// Unpacked bytes that any file may have, however small.
const FREE_BYTES: u64 = 64 << 20;
/// Unpacked bytes per packed byte beyond that. Texts stay below 20; zeros reach 1000.
const RATIO: u64 = 100;
/// The same for all packed files of a layer.
const FREE_BYTES_OF_ALL: u64 = 4 << 30;
const RATIO_OF_ALL: u64 = 40;
/// How much of a text in something packed is searched.
pub const TEXT_BYTES: usize = 1 << 20;
/// Most members of packed files in one layer, everything inside everything counted. A layer of
/// two hundred jars has 100,000.
pub const MAX_MEMBERS: u64 = 2_000_000;
/// This much behind the end of an archive that is none itself is more than a note.
const REST_BYTES: u64 = 1 << 20;
const DAMAGED: Stop = Stop::Closed(Closed::Damaged);
/// Stands between an archive and its member.
pub const SEPARATOR: &str = "!/";

/// Why something packed was not looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It unpacks to too much, or has too many members.
    TooLarge,
    /// It is packed too many times, or has a name that is longer than any.
    TooDeep,
    /// It is damaged, or packed in a way that only reading from the end understands.
    Damaged,
}

/// Is shown what is inside.
pub(super) trait Visit {
    /// Whether more of an entry than its head is to be shown, up to [`TEXT_BYTES`].
    fn wants_text(&self, _entry: &Entry<'_>, _head: &[u8]) -> bool {
        false
    }
    /// Whether to go inside an entry that is not shown yet.
    fn goes_inside(&mut self, entry: &Entry<'_>, head: &[u8]) -> bool;
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

/// A packed file, as it is shown.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    pub(super) path: &'a str,
    pub(super) size: u64,
    /// In how many others it is packed.
    pub(super) depth: u8,
}

impl Packed<'_> {
    /// The same, one packing further in.
    fn deeper(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }
}

/// The unpacking of one file of a layer.
pub(super) struct Unpacking<'a> {
    pub(super) limits: &'a Limits,
    /// Bytes that may still be unpacked.
    pub(super) left: &'a Cell<u64>,
    /// Members that may still be shown.
    pub(super) members: &'a Cell<u64>,
    pub(super) visit: &'a mut dyn Visit,
}

impl Unpacking<'_> {
    /// Shows what is inside `file`, whose bytes `source` has from the start.
    pub(super) fn run(&mut self, source: &mut dyn Read, file: Packed<'_>) -> Result<(), Stop> {
        let mut head = Vec::with_capacity(512);
        source.take(512).read_to_end(&mut head).map_err(|_| self.stop())?;
        let packing = Packing::sniff(&head);
        if file.depth >= MAX_DEPTH && (packing.is_some() || may_carry(&head, file.size)) {
            return Err(Stop::Closed(Closed::TooDeep));
        }
        let Some(packing) = packing else { return self.behind_program(head, source, file) };
        let mut source = Cursor::new(head).chain(BufReader::new(source));
        match packing {
            Packing::Zip => self.zip(&mut source, file),
            Packing::Tar => self.tar(&mut source, file),
            Packing::Members(kind) => self.members(&mut source, kind, file),
            Packing::Gzip => self.stream(&mut MultiGzDecoder::new(source), file),
            Packing::Zlib => self.zlib(&mut source, file),
            Packing::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(source);
                let mut decoder = decoder.map_err(|_| self.stop())?;
                decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| self.stop())?;
                self.stream(&mut decoder, file)
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
        let path = within(file.path);
        let mut source = Cursor::new(head).chain(source);
        io::copy(&mut source.by_ref().take(at), &mut io::sink()).map_err(|_| self.stop())?;
        let size = file.size.saturating_sub(at);
        self.member(&mut source, &path, Packed { size, ..file }, file.path)
    }

    /// Why reading failed: readers on top of each other rewrap errors, the allowance does not lie.
    fn why(&self) -> Closed {
        let is_spent = self.left.get() == 0 || self.members.get() == 0;
        if is_spent { Closed::TooLarge } else { Closed::Damaged }
    }

    fn stop(&self) -> Stop {
        Stop::Closed(self.why())
    }

    fn stream(&mut self, unpacked: &mut dyn Read, file: Packed<'_>) -> Result<(), Stop> {
        let path = within(file.path);
        let mut metered = Metered { inner: unpacked, left: self.left };
        self.member(&mut metered, &path, file, file.path)
    }

    /// One stream after the other: programs made by `PyInstaller` have one for each file.
    fn zlib(&mut self, source: &mut dyn BufRead, file: Packed<'_>) -> Result<(), Stop> {
        let path = within(file.path);
        loop {
            let mut stream = ZlibDecoder::new(&mut *source);
            let mut metered = Metered { inner: &mut stream, left: self.left };
            self.unsized_member(&mut metered, &path, file, file.path)?;
            let next = source.fill_buf().map_err(|_| self.stop())?;
            if Packing::sniff(next) != Some(Packing::Zlib) {
                return self.rest(source, file);
            }
        }
    }

    /// What stands behind the end of an archive: readers of other kinds find another archive
    /// there, and begin with it.
    fn rest(&mut self, source: &mut dyn BufRead, file: Packed<'_>) -> Result<(), Stop> {
        if skip_zeros(source).map_err(|_| self.stop())? {
            return Ok(());
        }
        let path = within(file.path);
        let mut source = source;
        let (size, is_opened) = self.unsized_member(&mut source, &path, file, file.path)?;
        if is_opened || size < REST_BYTES { Ok(()) } else { Err(DAMAGED) }
    }

    fn members(
        &mut self,
        source: &mut dyn BufRead,
        kind: Kind,
        file: Packed<'_>,
    ) -> Result<(), Stop> {
        let mut archive = Members::new(source, kind);
        while let Some((name, size)) = archive.next_member().map_err(|_| self.stop())? {
            if size > 0 {
                self.named(&mut archive, &name, Some(size), file)?;
            }
        }
        self.rest(&mut archive.into_source(), file)
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
            let size = Some(member.size);
            self.named(&mut Content(&mut archive), &member.path, size, file)?;
        }
    }

    fn zip(&mut self, source: &mut dyn BufRead, file: Packed<'_>) -> Result<(), Stop> {
        let mut zip = Zip::new(source);
        while let Some(member) = zip.next_member().map_err(|_| self.stop())? {
            let is_readable = member.is_readable();
            let shown = zip.content(&member, self.left, &mut |content| {
                if !is_readable {
                    return Ok(());
                }
                self.named(content, &member.name, member.size, file)
            });
            shown.map_err(|_| self.stop())??;
            if !is_readable {
                let (path, kind) = (path_of(file.path, &member.name), EntryKind::File);
                let size = member.size.unwrap_or(file.size);
                self.close(&Entry { path: &path, kind, size, link: None }, Closed::Damaged)?;
            }
        }
        let mut source = zip.finish().map_err(|_| self.stop())?;
        self.rest(&mut source, file)
    }

    /// Shows a member of an archive by its name, whether its size is told or not.
    fn named(
        &mut self,
        content: &mut dyn Read,
        name: &[u8],
        size: Option<u64>,
        file: Packed<'_>,
    ) -> Result<(), Stop> {
        let path = path_of(file.path, name);
        if name.len() > MAX_NAME_BYTES {
            let size = size.unwrap_or(file.size);
            let entry = Entry { path: &path, kind: EntryKind::File, size, link: None };
            return self.close(&entry, Closed::TooDeep);
        }
        match size {
            Some(size) => self.member(content, &path, Packed { size, ..file }, &path),
            None => self.unsized_member(content, &path, file, &path).map(|_| ()),
        }
    }

    /// Shows one member, and what is inside it at `inside`.
    fn member(
        &mut self,
        content: &mut dyn Read,
        path: &str,
        file: Packed<'_>,
        inside: &str,
    ) -> Result<(), Stop> {
        let entry = Entry { path, kind: EntryKind::File, size: file.size, link: None };
        let (head, read) = self.head(content, &entry)?;
        // Damage in one member must not hide the next: what was read of it counts.
        let goes_inside = match self.visit.member(&entry, &head) {
            ControlFlow::Break(()) => return Err(Stop::Enough),
            ControlFlow::Continue(goes_inside) => goes_inside,
        };
        if read.is_err() {
            return self.close(&entry, Closed::Damaged);
        }
        if !goes_inside {
            return Ok(());
        }
        let file = Packed { path: inside, ..file.deeper() };
        match self.run(&mut Cursor::new(head).chain(content), file) {
            Err(Stop::Closed(why)) => self.close(&entry, why),
            other => other,
        }
    }

    /// The same for a member whose size only its end tells: it is shown once that is reached, so
    /// that nothing small is taken for as large as all that is left. The answer is its size, and
    /// whether it was gone into.
    fn unsized_member(
        &mut self,
        content: &mut dyn Read,
        path: &str,
        file: Packed<'_>,
        inside: &str,
    ) -> Result<(u64, bool), Stop> {
        let most = Entry { path, kind: EntryKind::File, size: file.size, link: None };
        let (head, mut read) = self.head(content, &most)?;
        let goes_inside = read.is_ok() && self.visit.goes_inside(&most, &head);
        let mut rest = Counted { inner: content, count: 0 };
        let mut ran = Ok(());
        if goes_inside {
            let file = Packed { path: inside, ..file.deeper() };
            ran = self.run(&mut Cursor::new(&head).chain(&mut rest), file);
        }
        if read.is_ok() {
            read = io::copy(&mut rest, &mut io::sink()).map(|_| ());
        }
        let size = u64::try_from(head.len()).unwrap_or(u64::MAX).saturating_add(rest.count);
        let entry = Entry { size, ..most };
        if self.visit.member(&entry, &head).is_break() {
            return Err(Stop::Enough);
        }
        match (ran, read) {
            (Err(Stop::Enough), _) => return Err(Stop::Enough),
            (Err(Stop::Closed(why)), _) => self.close(&entry, why)?,
            (Ok(()), Err(_)) => return Err(self.stop()),
            (Ok(()), Ok(())) => {}
        }
        Ok((size, goes_inside))
    }

    /// The first bytes of a member, and whether they could be read; counts it.
    fn head(
        &mut self,
        content: &mut dyn Read,
        entry: &Entry<'_>,
    ) -> Result<(Vec<u8>, io::Result<()>), Stop> {
        let Some(members) = self.members.get().checked_sub(1).filter(|left| *left > 0) else {
            self.members.set(0);
            return Err(Stop::Closed(Closed::TooLarge));
        };
        self.members.set(members);
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let mut read = read_up_to(HEAD_BYTES, content, &mut head);
        if read.is_ok() && self.visit.wants_text(entry, &head) {
            read = read_up_to(TEXT_BYTES, content, &mut head);
        }
        if read.is_err() && self.why() == Closed::TooLarge {
            return Err(self.stop());
        }
        Ok((head, read.map(|_| ())))
    }

    fn close(&mut self, entry: &Entry<'_>, why: Closed) -> Result<(), Stop> {
        match self.visit.closed(entry, why) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }
}

#[cfg(test)]
mod tests;
