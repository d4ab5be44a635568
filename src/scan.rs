//! Step 4, scan: the bytes of one layer become [`LayerFacts`].
//! Invariant: pure and synchronous; no policy, no clock, no I/O but the reader it is given.
//!
//! A broken or hostile layer is never an error here: it becomes a fact of the rule
//! `unreadable-layer`. Errors are only "the source failed" and "the observer had enough".

pub mod decompress;

pub mod entries;

pub mod overlay;

use std::io::{self, Read};
use std::ops::ControlFlow;

use serde::Serialize;

use crate::model::{Digest, Fact, LayerFacts};

/// Caps on what one layer may cost. They are part of the scan profile: other caps, other facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Most bytes a layer may unpack to. 256 GiB: five times the largest image seen.
    pub unpacked_bytes: u64,
    /// Most entries in one layer. Large conda layers have 300,000.
    pub entries: u64,
    /// Longest path in bytes; Linux refuses more than 4096.
    pub path_bytes: u64,
    /// Unpacked bytes from which on the ratio counts.
    pub ratio_from_bytes: u64,
    /// Most unpacked bytes per compressed byte beyond that; gzip cannot exceed 1032.
    pub ratio: u64,
    /// How much of a text-like file is searched for secrets.
    pub text_bytes: u64,
    /// Most facts one rule may record in one layer; the rest is counted.
    pub facts_per_rule: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 256 << 30,
            entries: 3_000_000,
            path_bytes: 4096,
            ratio_from_bytes: 1 << 30,
            ratio: 400,
            text_bytes: 8 << 20,
            facts_per_rule: 2000,
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

/// Version of the looking itself. Raise it whenever a rule's `want` or `look` or the reading of
/// archives changes what is recorded.
pub const SCAN_VERSION: u32 = 1;

/// How many bytes of every file the rules may see before they say whether they want more.
pub const HEAD_BYTES: usize = 4096;

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
