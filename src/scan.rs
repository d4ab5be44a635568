//! Step 4, scan: the bytes of one layer become [`LayerFacts`].
//! Invariant: pure and synchronous; no policy, no clock, no I/O but the reader it is given.
//!
//! A broken or hostile layer is never an error here: it becomes a fact of the rule
//! `unreadable-layer`. Errors are only "the source failed" and "the observer had enough".

pub mod decompress;

pub mod seams;

pub mod deep;

pub mod entries;

mod index;

pub mod inside;

pub mod overlay;

pub mod waste;

mod zip;

use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;

use serde::Serialize;
use tar::EntryType;

use self::decompress::{ContentDefect, Decoder, Failure};
use self::entries::{Archive, Member};
use self::index::{IndexFile, Inventory};
use self::seams::Seams;
use crate::model::entry::{OPAQUE_NAME, WHITEOUT_PREFIX, clean_path};
use crate::model::{Digest, Entry, EntryKind, Fact, LayerFacts};
use crate::rules::secrets::text::cut;
use crate::rules::unreadable_layer::{self, Defect};
use crate::rules::{RULES, Tally, Want};

/// Caps on what one layer may cost. They are part of the scan profile: other caps, other facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Most bytes a layer may unpack to. 256 GiB: five times the largest image seen.
    pub unpacked_bytes: u64,
    /// Most entries in one layer. Large conda layers have 300,000.
    pub entries: u64,
    /// Most bytes that the paths of one layer may take in memory, common starts counted once.
    /// Large conda layers take 12 MiB.
    pub listing_bytes: u64,
    /// Longest path in bytes; Linux refuses more than 4096.
    pub path_bytes: u64,
    /// Unpacked bytes from which on the ratio counts.
    pub ratio_from_bytes: u64,
    /// Most unpacked bytes per compressed byte beyond that; gzip cannot exceed 1032.
    pub ratio: u64,
    /// How much of a text-like file is searched for secrets.
    pub text_bytes: u64,
    /// Most facts one rule may record in one layer. Beyond it the layer counts as unreadable, so
    /// that a flood of harmless facts cannot hide one that is not.
    pub facts_per_rule: usize,
    /// Most bytes that the facts of one layer may take in memory, all rules together.
    pub fact_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 256 << 30,
            entries: 3_000_000,
            listing_bytes: 32 << 20,
            path_bytes: 4096,
            ratio_from_bytes: 1 << 30,
            ratio: 400,
            text_bytes: 8 << 20,
            facts_per_rule: 20_000,
            fact_bytes: 8 << 20,
        }
    }
}

impl Limits {
    /// Names what determines the facts of a layer: the scanner's version and its caps. Facts
    /// made under another profile are not used.
    pub fn profile(&self) -> String {
        let caps = serde_json::to_vec(self).unwrap_or_default();
        format!("{SCAN_VERSION}-{}", Digest::of(&caps).short())
    }
}

/// Version of the looking. Raise it whenever what is wanted, looked at or recorded changes.
pub const SCAN_VERSION: u32 = 4;

/// How many bytes of every file the rules may see before they say whether they want more.
pub const HEAD_BYTES: usize = 4096;

/// Bytes read ahead of the decompressor and of the archive walk, each.
const BUFFER_BYTES: usize = 64 * 1024;

/// Is told of facts while a layer is still being read, and may end the scan.
pub trait Observer {
    /// Called after each entry that added facts (`layer.facts[known..]` are new).
    fn observe(&mut self, layer: &LayerFacts, known: usize) -> ControlFlow<()>;
}

/// An observer that lets every scan run to its end.
pub struct ReadAll;

impl Observer for ReadAll {
    fn observe(&mut self, _layer: &LayerFacts, _known: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Why a scan has no facts to show.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The reader failed; nothing is known about the layer.
    #[error("layer could not be read: {0}")]
    Source(#[source] io::Error),
    /// The observer ended the scan; the facts so far went to it.
    #[error("scan ended early")]
    Stopped,
}

/// Marks an error of the *source* of a layer's bytes (as opposed to what the bytes say), so that
/// it is still recognised after decompressors have wrapped it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceFailure(pub Box<dyn std::error::Error + Send + Sync>);

/// Reads one stored layer to its end, in this thread. `blob` must itself fail at its end when the
/// bytes are not those of `digest`: facts count only when this returns them.
pub fn scan_layer(
    blob: impl Read,
    digest: &Digest,
    compressed_bytes: u64,
    limits: &Limits,
    observer: &mut dyn Observer,
) -> Result<LayerFacts, ScanError> {
    let seams = Seams::default();
    let blob = BufReader::with_capacity(BUFFER_BYTES, blob);
    let mut decoder = Decoder::new(blob, limits, &seams).map_err(ScanError::Source)?;
    let scan = LayerScan::new(digest, compressed_bytes, limits, observer).over(seams);
    let facts = scan.read_archive(BufReader::with_capacity(BUFFER_BYTES, &mut decoder))?;
    if let Some(mut rest) = decoder.into_source() {
        io::copy(&mut rest, &mut io::sink()).map_err(ScanError::Source)?;
    }
    Ok(facts)
}

/// The looking at one layer: plain bytes in, facts out.
pub struct LayerScan<'a> {
    layer: LayerFacts,
    limits: &'a Limits,
    observer: &'a mut dyn Observer,
    counts: Vec<usize>,
    tallies: Vec<Box<dyn Tally>>,
    fact_bytes: u64,
    /// Bytes that packed files unpacked to, and members of theirs that may still be shown.
    inside_bytes: u64,
    inside_members: u64,
    /// How many facts the observer knows of the entry that is being looked at.
    told: usize,
    content: Vec<u8>,
    seams: Seams,
    inventory: Inventory,
    index: Option<IndexFile>,
}

impl<'a> LayerScan<'a> {
    /// A scan that has seen nothing yet.
    pub fn new(
        digest: &Digest,
        compressed_bytes: u64,
        limits: &'a Limits,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self {
            layer: LayerFacts::empty(digest.clone(), compressed_bytes),
            limits,
            observer,
            counts: vec![0; RULES.len()],
            tallies: RULES.iter().filter_map(|rule| rule.tally()).collect(),
            fact_bytes: 0,
            inside_bytes: 0,
            inside_members: inside::MAX_MEMBERS,
            told: 0,
            content: Vec::with_capacity(HEAD_BYTES),
            seams: Seams::default(),
            inventory: Inventory::default(),
            index: None,
        }
    }

    /// The same over bytes whose decompressor writes to `seams`, so that indexes for lazy loading
    /// can be compared.
    #[must_use]
    pub fn over(mut self, seams: Seams) -> Self {
        self.seams = seams;
        self
    }

    /// Reads a tar archive to its end, or to where it is damaged, which is a fact and no error.
    pub fn read_archive(mut self, plain: impl BufRead) -> Result<LayerFacts, ScanError> {
        match self.read_members(plain) {
            Ok(()) => {
                self.conclude_indexes()?;
                self.sum_up();
                Ok(self.into_whole())
            }
            Err(Ending::Stopped) => Err(ScanError::Stopped),
            Err(Ending::Failure(Failure::Source(error))) => Err(ScanError::Source(error)),
            Err(Ending::Failure(Failure::Content(defect))) => {
                self.record_defect(&defect)?;
                self.sum_up();
                Ok(self.into_whole())
            }
        }
    }

    /// Sums are no news for the observer: what they say is never certain before all is read.
    fn sum_up(&mut self) {
        let sums = std::mem::take(&mut self.tallies).into_iter().flat_map(Tally::facts);
        self.layer.facts.extend(sums);
    }

    fn into_whole(self) -> LayerFacts {
        LayerFacts { whole: true, ..self.layer }
    }

    fn read_members(&mut self, plain: impl BufRead) -> Result<(), Ending> {
        let mut archive = Archive::new(plain, self.limits);
        while let Some(member) = archive.next_member()? {
            self.member(&mut archive, &member)?;
        }
        Ok(())
    }

    fn record_defect(&mut self, found: &ContentDefect) -> Result<(), ScanError> {
        self.layer.facts.push(unreadable_layer::defect(found.defect, &found.detail));
        let known = self.layer.facts.len() - 1;
        match self.observer.observe(&self.layer, known) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ScanError::Stopped),
        }
    }

    fn member(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        member: &Member,
    ) -> Result<(), Ending> {
        let known = self.layer.facts.len();
        if let Some((defect, detail)) = &member.disagreement {
            self.layer.facts.push(unreadable_layer::defect(*defect, detail));
        }
        let raw = String::from_utf8_lossy(&member.path);
        let path = clean_path(&raw).unwrap_or_else(|| {
            let defect = unreadable_layer::defect(Defect::PathEscape, "a path that has `..`");
            self.layer.facts.push(defect);
            clean_path(&raw.replace("..", "")).unwrap_or_default()
        });
        let link = member.link.as_deref().map(String::from_utf8_lossy);
        // A longer one is a defect already; all of it would only cost memory.
        let longest = usize::try_from(self.limits.path_bytes).unwrap_or(usize::MAX);
        let path = cut(&path, longest);
        let listed = listed_kind(member, path);
        // A header that lies beyond the cap is a defect already, and must not spoil the sums.
        let size = member.size.min(self.limits.unpacked_bytes);
        let target = link.as_deref().and_then(clean_path);
        let target = target.as_deref().map(|target| cut(target, longest));
        self.layer.listing.push_with(&listed.1, listed.0, size, target);
        self.layer.unpacked_bytes = self.layer.unpacked_bytes.saturating_add(size);
        // A whiteout with content is still bytes that can be pulled: look at it as a file.
        let kind = if member.size > 0 { EntryKind::File } else { listed.0 };
        let entry = Entry { path, kind, size: member.size, link: link.as_deref() };
        self.tallies.iter_mut().for_each(|tally| tally.note(&entry));
        self.look(archive, &entry)?;
        self.compare_index_file(archive, member, path)?;
        self.inventory.add(member, path);
        self.tell(known)?;
        self.cap_memory(known)
    }

    /// Whether listing and facts (`facts[known..]` are new) still fit into memory. Long random
    /// paths made a blob of 2 MiB take half a gigabyte.
    fn cap_memory(&mut self, known: usize) -> Result<(), Ending> {
        let exceeded = |defect, detail| Err(Failure::Content(ContentDefect { defect, detail }));
        let new = self.layer.facts.get(known..).unwrap_or_default();
        self.fact_bytes =
            new.iter().map(Fact::memory_bytes).fold(self.fact_bytes, u64::saturating_add);
        if self.layer.listing.size_bytes() > self.limits.listing_bytes {
            let limit = crate::answer::size(self.limits.listing_bytes);
            exceeded(Defect::TooManyEntries, format!("paths of more than {limit}"))?;
        }
        if self.fact_bytes > self.limits.fact_bytes {
            let limit = crate::answer::size(self.limits.fact_bytes);
            exceeded(Defect::TooManyFacts, format!("facts of more than {limit}"))?;
        }
        Ok(())
    }

    /// Shows an entry to the rules: the head to all, more to those who ask.
    fn look(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        entry: &Entry<'_>,
    ) -> Result<(), Ending> {
        self.content.clear();
        self.fill(archive, HEAD_BYTES)?;
        let mut wants = [Want::Nothing; RULES.len()];
        let mut whole = false;
        for (want, rule) in wants.iter_mut().zip(RULES) {
            *want = rule.want(entry, &self.content);
            whole |= *want == Want::Whole;
        }
        if whole {
            self.fill(archive, usize::try_from(self.limits.text_bytes).unwrap_or(usize::MAX))?;
        }
        for (index, (want, rule)) in wants.iter().zip(RULES).enumerate() {
            let content = match want {
                Want::Nothing | Want::Windows | Want::Inside => continue,
                Want::Head => self.content.get(..HEAD_BYTES).unwrap_or(&self.content),
                Want::Whole => &self.content,
            };
            let before = self.layer.facts.len();
            rule.look(entry, content, self.limits, &mut self.layer.facts);
            self.cap_facts(index, *rule, before)?;
        }
        self.look_further(archive, entry, &wants)?;
        // One large text must not keep its memory for the rest of the layer.
        self.content.shrink_to(1 << 20);
        Ok(())
    }

    /// Reads content of the current member until `most` bytes are there or it ends.
    fn fill(&mut self, archive: &mut Archive<impl BufRead>, most: usize) -> Result<(), Ending> {
        const STEP: usize = 64 * 1024;
        while self.content.len() < most {
            let start = self.content.len();
            self.content.resize(most.min(start + STEP), 0);
            let room = self.content.get_mut(start..).unwrap_or_default();
            let count = archive.read_content(room);
            self.content.truncate(start + count.as_ref().copied().unwrap_or(0));
            if count? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Why the walk over the members ended before the archive did.
enum Ending {
    Stopped,
    Failure(Failure),
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Kind and path under which a member is listed: whiteouts by what they delete.
fn listed_kind(member: &Member, path: &str) -> (EntryKind, String) {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name == OPAQUE_NAME {
        return (EntryKind::Opaque, parent.to_owned());
    }
    if let Some(deleted) = name.strip_prefix(WHITEOUT_PREFIX) {
        let deleted =
            if parent.is_empty() { deleted.to_owned() } else { format!("{parent}/{deleted}") };
        return (EntryKind::Whiteout, deleted);
    }
    let kind = match member.kind {
        // Go reads an old-style regular entry whose name ends with a slash as a directory.
        EntryType::Regular if member.size == 0 && member.path.ends_with(b"/") => {
            EntryKind::Directory
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => EntryKind::File,
        EntryType::Directory => EntryKind::Directory,
        EntryType::Symlink => EntryKind::Symlink,
        EntryType::Link => EntryKind::HardLink,
        _ => EntryKind::Special,
    };
    (kind, path.to_owned())
}

#[cfg(test)]
mod tests;
