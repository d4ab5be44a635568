//! The nouns of Plimsoll: what an image is, what a layer holds, what was decided.
//! Invariant: nothing here does I/O, reads a clock or knows a policy.

pub mod digest;

pub mod reference;

pub mod manifest;

pub(crate) mod lookalike;

pub mod platform;

pub mod image;

pub mod dockerfile;

pub mod entry;

pub mod listing;

pub mod fact;

pub mod finding;

pub mod referrer;

pub mod verdict;

pub use digest::{Digest, Hasher};
pub use entry::{Entry, EntryKind};
pub use fact::{Fact, LayerFacts};
pub use finding::{Finding, Level, RuleId};
pub use image::{Image, ImageConfig};
pub use manifest::{Descriptor, Document};
pub use platform::Platform;
pub use reference::Reference;
pub use referrer::Referrer;
pub use verdict::{Cause, Decision, Undecided, Verdict};
