//! Registry events, the pure half: one file per sender turns a body into [`Push`]es. What is
//! common to all: hosts come from the receiver's configuration and never from a payload, an
//! event is a hint and never evidence (`research/events.md` section 0).

pub mod distribution;

use crate::model::Digest;

/// Most pushes taken from one body; distribution sends one event at a time.
pub const MAX_PUSHES: usize = 1000;

/// A manifest that a registry says was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Repository, as the registry names it.
    pub repository: String,
    /// What was pushed.
    pub digest: Digest,
    /// The tag it was pushed under, if any.
    pub tag: Option<String>,
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Pushes of manifests.
    pub pushes: Vec<Push>,
    /// Events that are of no interest: pulls, blobs, deletions.
    pub ignored: usize,
    /// Why events of interest could not be understood.
    pub unreadable: Vec<String>,
}

/// Why a body holds no events at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unreadable event: {0}")]
pub struct EventError(pub String);

/// One kind of registry that sends events.
pub trait Sender: Sync {
    /// The value of `receivers[].kind`.
    fn kind(&self) -> &'static str;

    /// Reads a body.
    fn read(&self, body: &[u8]) -> Result<Batch, EventError>;
}

/// Every sender.
pub const SENDERS: &[&dyn Sender] = &[&distribution::Distribution];

/// The sender of that kind.
pub fn find(kind: &str) -> Option<&'static dyn Sender> {
    SENDERS.iter().copied().find(|sender| sender.kind() == kind)
}
