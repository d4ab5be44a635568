//! What is known of an image beyond the facts of its layers: results shared between judgements,
//! and what had to be asked of a registry for a rule's sake. All of it may be absent.

use std::sync::{Arc, OnceLock};

use crate::scan::overlay::Overlay;
use crate::scan::waste::Waste;

/// What a rule needs to be told of an image, beyond facts, to judge it by its settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// References of base images, to compare with.
    pub bases: Vec<String>,
    /// Whether to look for attestations and other artifacts that refer to the image.
    pub evidence: bool,
}

impl Needs {
    /// What both need.
    pub fn extend(&mut self, other: Self) {
        self.evidence |= other.evidence;
        for base in other.bases {
            if !self.bases.contains(&base) {
                self.bases.push(base);
            }
        }
    }
}

/// What is known of an image beyond the facts of its layers.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Results that all judgements of one image share. A new one for an image of which layers
    /// are still unknown.
    pub memo: Arc<Memo>,
    /// The base images that a policy names.
    pub bases: Arc<[Base]>,
    /// What refers to the image; `None` when nobody asked.
    pub evidence: Option<Arc<Evidence>>,
}

/// Results about a whole image that take a walk over all its entries: computed once, and only
/// when a rule asks. Layers never change, so neither do these.
#[derive(Debug, Default)]
pub struct Memo {
    pub(super) overlay: OnceLock<Overlay>,
    pub(super) waste: OnceLock<Waste>,
}

/// A base image that a policy names, as a registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The reference as it is written in the policy.
    pub name: String,
    /// Digests of the uncompressed layers of each of its platforms, base first; or why they are
    /// not known.
    pub diff_ids: Result<Vec<Vec<String>>, String>,
}

/// What refers to an image in its registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Types of what is attached: artifact types and predicate types, each once, in order.
    pub types: Vec<String>,
    /// Why not all of it is known, if so.
    pub unknown: Option<String>,
}
