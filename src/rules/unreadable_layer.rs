//! Stub.
use super::{Meta, Rule, Seen, Settings};
use crate::model::{Fact, Finding, Level, RuleId};

/// Stub.
pub struct UnreadableLayer;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("unreadable-layer");

static META: Meta =
    Meta { id: ID, title: "", what: "", why: "", fix: "", level: Level::Deny, settings: &[] };

impl Rule for UnreadableLayer {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn judge(&self, _seen: &Seen<'_>, _settings: &Settings) -> Vec<Finding> {
        Vec::new()
    }
}

/// Stub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "stub")]
pub enum Defect {
    Truncated,
    NotATar,
    DecompressionFailed,
    TrailingData,
    HeaderDisagreement,
    PathEscape,
    SparseEntry,
    BombRatio,
    TooManyBytes,
    TooManyEntries,
    TooManyFacts,
    PathTooLong,
    DigestMismatch,
}

/// Stub.
pub fn defect(defect: Defect, detail: &str) -> Fact {
    Fact::new(ID, &format!("{defect:?}"), "", 0).with("detail", detail)
}
