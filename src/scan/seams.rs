//! What only the decompressor sees of a layer: where gzip members and zstd frames begin, and what
//! lies between them. Lazy-loading formats (eStargz, zstd:chunked) address files by these places,
//! so an index can only be checked by whoever knows them. Written by the decompressing thread,
//! read by the one that walks the archive; a place is noted before any plain byte behind it is
//! handed out, so whoever has read those bytes finds it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most beginnings that are noted. A torch layer has 40,000; behind that, no index is believed.
const MAX_SEAMS: usize = 1_000_000;
/// Most skippable frames that are kept. zstd:chunked has two that could be one: the index, and
/// what is needed to rebuild the archive.
const MAX_KEPT_FRAMES: usize = 8;
/// Most stored bytes of skippable frames that are kept because they may be an index. The index of
/// 300,000 files takes 30 MB.
const MAX_KEPT_BYTES: usize = 32 << 20;

/// The shared record of one layer's decompression.
#[derive(Debug, Clone, Default)]
pub struct Seams(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Plain bytes handed out so far.
    plain: AtomicU64,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    /// Position of each beginning in the blob, which grows, and in plain bytes.
    starts: Vec<(u64, u64)>,
    aside: Aside,
    kept_bytes: usize,
}

/// What lies in a blob besides the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside {
    /// Where the footer of an eStargz blob says that the index begins, in the blob.
    pub footer: Option<u64>,
    /// Content of zstd's skippable frames that may be an index.
    pub frames: Vec<Vec<u8>>,
    /// Bytes in headers of gzip members and in skippable frames that were not kept.
    pub hidden_bytes: u64,
}

impl Seams {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many plain bytes were handed out in all.
    pub(super) fn produced(&self, plain_bytes: u64) {
        self.0.plain.store(plain_bytes, Ordering::Release);
    }

    /// Plain bytes handed out so far.
    pub(super) fn plain(&self) -> u64 {
        self.0.plain.load(Ordering::Acquire)
    }

    /// A member or frame begins at this position of the blob, behind the plain bytes so far.
    pub(super) fn begin(&self, stored_at: u64) {
        let plain_at = self.plain();
        let mut notes = self.notes();
        if notes.starts.len() < MAX_SEAMS {
            notes.starts.push((stored_at, plain_at));
        }
    }

    /// An eStargz footer that points to this position of the blob.
    pub(super) fn footer(&self, stored_at: u64) {
        self.notes().aside.footer = Some(stored_at);
    }

    /// Bytes that belong to no file.
    pub(super) fn hide(&self, bytes: u64) {
        let mut notes = self.notes();
        notes.aside.hidden_bytes = notes.aside.hidden_bytes.saturating_add(bytes);
    }

    /// Room for a skippable frame of that length, if it may be kept.
    pub(super) fn may_keep(&self, length: usize) -> bool {
        let notes = self.notes();
        let is_small = notes.kept_bytes.saturating_add(length) <= MAX_KEPT_BYTES;
        is_small && notes.aside.frames.len() < MAX_KEPT_FRAMES
    }

    /// Keeps a skippable frame's content.
    pub(super) fn keep(&self, content: Vec<u8>) {
        let mut notes = self.notes();
        notes.kept_bytes = notes.kept_bytes.saturating_add(content.len());
        notes.aside.frames.push(content);
    }

    /// The plain position of what begins at this position of the blob; `None` if nothing does.
    pub fn plain_at(&self, stored_at: u64) -> Option<u64> {
        let notes = self.notes();
        let index = notes.starts.binary_search_by_key(&stored_at, |(stored, _)| *stored).ok()?;
        notes.starts.get(index).map(|(_, plain)| *plain)
    }

    /// What else there is. Whole only when all plain bytes were read.
    pub fn take_aside(&self) -> Aside {
        std::mem::take(&mut self.notes().aside)
    }
}
