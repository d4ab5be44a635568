//! Verdicts: what was decided about one subject, why, and what it took to know
//! (contract: DESIGN.md sections 4.2 and 4.3).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, Finding, RuleId};

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing that the policy refuses.
    Allow,
    /// At least one finding of level deny.
    Deny,
    /// Not known, for the listed causes, and the policy does not let those pass.
    Undecided,
}

impl Decision {
    /// The word used in JSON, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something could not be decided. Closed; used as is in JSON, metric labels, logs and the
/// runbook.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// No usable answer: connection refused or lost, 5xx, wrong bytes.
    RegistryUnreachable,
    /// 401 or 403.
    RegistryDenied,
    /// 404: no such repository, tag, manifest or blob.
    NotFound,
    /// 429 past all patience.
    RateLimited,
    /// Time ran out.
    Deadline,
    /// The operator did not list that registry.
    UnlistedRegistry,
    /// The store failed.
    StoreUnavailable,
    /// Too much work at once.
    Overloaded,
}

impl Cause {
    /// All causes, in the order of the contract.
    pub const ALL: [Self; 8] = [
        Self::RegistryUnreachable,
        Self::RegistryDenied,
        Self::NotFound,
        Self::RateLimited,
        Self::Deadline,
        Self::UnlistedRegistry,
        Self::StoreUnavailable,
        Self::Overloaded,
    ];

    /// The word used in JSON, metrics, logs and the runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RegistryUnreachable => "registry-unreachable",
            Self::RegistryDenied => "registry-denied",
            Self::NotFound => "not-found",
            Self::RateLimited => "rate-limited",
            Self::Deadline => "deadline",
            Self::UnlistedRegistry => "unlisted-registry",
            Self::StoreUnavailable => "store-unavailable",
            Self::Overloaded => "overloaded",
        }
    }

    /// Whether trying again later can help without anybody changing anything.
    pub fn is_transient(self) -> bool {
        match self {
            // Not found and denied too: registries tell of a push before replicas have it, and
            // credentials are rotated.
            Self::RegistryUnreachable
            | Self::RegistryDenied
            | Self::NotFound
            | Self::RateLimited
            | Self::Deadline
            | Self::StoreUnavailable
            | Self::Overloaded => true,
            Self::UnlistedRegistry => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that could not be learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{cause}: {detail}")]
pub struct Undecided {
    /// The cause.
    pub cause: Cause,
    /// What happened, for people; no secret.
    pub detail: String,
}

impl Undecided {
    /// A cause with its particulars.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }
}

/// An exception that let findings pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    /// The rule whose findings were waived.
    pub rule: RuleId,
    /// How many findings.
    pub findings: usize,
    /// Last day of the exception, `YYYY-MM-DD`.
    pub until: String,
    /// Why, as the operator wrote.
    pub reason: String,
}

/// Sizes of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSummary {
    /// Digest of the blob.
    pub digest: Digest,
    /// Compressed bytes.
    pub size: u64,
    /// Bytes of its files; absent when the layer was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked_size: Option<u64>,
    /// The instruction that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}

/// Sizes of one platform's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSummary {
    /// Platform, such as `linux/amd64`.
    pub platform: String,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Sum of the layers' compressed bytes.
    pub compressed_size: u64,
    /// Sum of the layers' file bytes, as far as read.
    pub unpacked_size: u64,
    /// The layers, base first.
    pub layers: Vec<LayerSummary>,
}

/// What the decision took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Blob and manifest bytes read from the registry for this verdict.
    pub bytes_read: u64,
    /// Layers read and scanned.
    pub layers_scanned: u64,
    /// Layers whose facts were known.
    pub layers_cached: u64,
    /// Wall time.
    pub elapsed_ms: u64,
}

/// What is answered, logged and stored about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The reference as asked.
    pub image: String,
    /// Digest it resolved to.
    pub digest: Option<Digest>,
    /// The outcome.
    pub decision: Decision,
    /// All complaints of level warn and deny, worst first.
    pub findings: Vec<Finding>,
    /// What could not be learned.
    pub undecided: Vec<Undecided>,
    /// Exceptions that applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Waived>,
    /// What was judged, per platform.
    pub images: Vec<ImageSummary>,
    /// Hash of the policy that judged.
    pub policy: String,
    /// Whether everything was read; `false` when a deny was certain before.
    pub complete: bool,
    /// What it took.
    pub stats: Stats,
}

impl Verdict {
    /// Findings of level deny.
    pub fn denials(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level == super::Level::Deny)
    }

    /// Findings of level warn.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level == super::Level::Warn)
    }
}
