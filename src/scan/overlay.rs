//! What the final image shows of its layers: whiteouts, opaque directories, replaced files.
use crate::rules::{Fate, Seen};

/// Stub.
pub struct Overlay;

impl Overlay {
    /// Stub.
    pub fn of(_seen: &Seen<'_>) -> Self {
        Self
    }

    /// Stub.
    pub fn fate(&self, _index: usize, _path: &str) -> Fate {
        Fate::Visible
    }
}
