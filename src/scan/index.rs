//! Indexes for lazy loading: eStargz keeps one as the archive's last file, zstd:chunked in a
//! skippable frame. A runtime that loads lazily never reads the archive: it lists what the index
//! lists, and serves the bytes the index points at. Whoever writes another index than the archive
//! shows it one image and every scanner another.
//!
//! So an index must say exactly what the archive says: the same entries with type, size and link
//! target, and for every file the very places in the blob where its content begins. Then the bytes
//! a lazy runtime serves are those that were looked at here, and neither content digests nor a
//! second decompression are needed. Which index counts is said in the manifest, by digest: the
//! digests of those that agree are kept as facts, and `unreadable-layer` compares them.

mod comparison;
mod inventory;
mod json;

use std::io::{self, BufRead, Read};

pub(super) use self::inventory::Inventory;
use self::json::Reading;
use super::decompress::{ContentDefect, Failure, WINDOW_LOG_MAX};
use super::entries::{Archive, Member};
use super::{Ending, LayerScan, ScanError};
use crate::model::Digest;
use crate::rules::unreadable_layer::{self, Defect, LazyIndex};

/// Name of the index in an eStargz layer.
const INDEX_NAME: &str = "stargz.index.json";
/// Bytes that may lie aside of the archive without a reason.
const MAX_HIDDEN_BYTES: u64 = 1 << 20;

/// The file called like an index, as it was compared when it came by.
#[derive(Debug)]
pub(super) struct IndexFile {
    /// Where its header begins, in plain bytes.
    at: u64,
    /// Its digest, or where it disagrees.
    outcome: Result<Digest, String>,
}

/// What became of one frame that may be an index.
enum Frame {
    /// An index that says what the archive says.
    Agrees(LazyIndex),
    /// An index that does not.
    Disagrees(String),
    /// Something else.
    Other,
}

/// Content of the archive's current member.
struct Content<'a, R> {
    archive: &'a mut Archive<R>,
    failure: Option<Failure>,
}

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.archive.read_content(buffer).map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("the archive is damaged")
        })
    }
}

/// Whether a file of that path may be an index.
pub(super) fn is_index(path: &str) -> bool {
    path == INDEX_NAME
}

impl LayerScan<'_> {
    /// Compares a file that may be eStargz's index. Whether it is one tells the footer, at the
    /// end; the root of an unpacked eStargz image holds such a file, too.
    pub(super) fn compare_index_file(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        member: &Member,
        path: &str,
    ) -> Result<(), Ending> {
        if let Some(index) = &mut self.index {
            // It named all there was before; a file behind it would be in the archive only.
            index.outcome = Err("entries follow the index".to_owned());
        }
        if !is_index(path) || member.size == 0 {
            return Ok(());
        }
        let mut content = Content { archive, failure: None };
        let whole = self.content.as_slice().chain(&mut content);
        let reading = json::read(whole, &mut self.inventory, &self.seams);
        if let Some(failure) = content.failure {
            return Err(failure.into());
        }
        let outcome = match reading {
            Reading::Agrees(digest) => Ok(digest),
            Reading::Disagrees(detail) => Err(detail),
            Reading::Other => Err("it is no index".to_owned()),
        };
        self.index = Some(IndexFile { at: member.header_at, outcome });
        Ok(())
    }

    /// Judges the indexes when the whole layer has been read.
    pub(super) fn conclude_indexes(&mut self) -> Result<(), ScanError> {
        let aside = self.seams.take_aside();
        if let Some(footer) = aside.footer {
            self.conclude_index_file(footer)?;
        }
        let (mut hidden, mut explained) = (aside.hidden_bytes, 0_u64);
        for frame in &aside.frames {
            let length = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            match self.compare_frame(frame) {
                Frame::Agrees(index) => {
                    explained = explained.saturating_add(length);
                    self.layer.facts.push(unreadable_layer::lazy_index(&index));
                }
                Frame::Disagrees(detail) => self.disagreement(&detail)?,
                Frame::Other => hidden = hidden.saturating_add(length),
            }
        }
        // zstd:chunked keeps what rebuilds the archive beside the index; it is not the larger one.
        if hidden > MAX_HIDDEN_BYTES.max(explained.saturating_mul(2)) {
            let detail = format!("{} between its parts", crate::answer::size(hidden));
            self.record_defect(&ContentDefect { defect: Defect::HiddenData, detail })?;
        }
        Ok(())
    }

    fn conclude_index_file(&mut self, footer: u64) -> Result<(), ScanError> {
        let points_at = self.seams.plain_at(footer);
        match self.index.take() {
            Some(IndexFile { at, outcome: Ok(digest) }) if points_at == Some(at) => {
                let index = LazyIndex { digest, stored: None };
                self.layer.facts.push(unreadable_layer::lazy_index(&index));
                Ok(())
            }
            Some(IndexFile { at, outcome: Err(detail) }) if points_at == Some(at) => {
                self.disagreement(&detail)
            }
            _ => self.disagreement("its footer points at something else than the last file"),
        }
    }

    fn compare_frame(&mut self, frame: &[u8]) -> Frame {
        let decoder = zstd::stream::read::Decoder::with_buffer(frame).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Ok(decoder)
        });
        let Ok(decoder) = decoder else { return Frame::Other };
        match json::read(decoder, &mut self.inventory, &self.seams) {
            Reading::Agrees(digest) => {
                Frame::Agrees(LazyIndex { digest, stored: Some(Digest::of(frame)) })
            }
            Reading::Disagrees(detail) => Frame::Disagrees(detail),
            Reading::Other => Frame::Other,
        }
    }

    fn disagreement(&mut self, detail: &str) -> Result<(), ScanError> {
        let defect = Defect::TocDisagreement;
        self.record_defect(&ContentDefect { defect, detail: detail.to_owned() })
    }
}

#[cfg(test)]
mod tests;
