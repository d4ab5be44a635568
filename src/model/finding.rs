//! Findings: one rule's complaint about one image, with the place and the remedy.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;
use super::image::Layer;

/// The kebab-case name of a rule, such as `model-weights`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(Cow<'static, str>);

impl RuleId {
    /// A rule's own name, written in its file.
    pub const fn new(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a rule's findings do. The order is that of severity.
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
pub enum Level {
    /// Not reported.
    Ignore,
    /// Reported, never refused.
    Warn,
    /// Refused.
    Deny,
}

impl Level {
    /// The word used in configuration, JSON, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The layer a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPlace {
    /// Position, base first, from 0.
    pub index: usize,
    /// Digest of the blob.
    pub digest: Digest,
    /// The instruction that made it, when the history tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}

impl From<Layer<'_>> for LayerPlace {
    fn from(layer: Layer<'_>) -> Self {
        Self {
            index: layer.index,
            digest: layer.descriptor.digest.clone(),
            created_by: layer.created_by.map(str::to_owned),
        }
    }
}

/// One complaint (contract: DESIGN.md section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule that complains.
    pub rule: RuleId,
    /// What it does to the decision. A rule writes the most it would ask for (weak evidence:
    /// `warn`); the judge lowers it to what the policy grants.
    pub level: Level,
    /// What is wrong: lower case, no full stop, value last.
    pub message: String,
    /// What to do instead.
    pub fix: String,
    /// Platform of the image; filled in by the judge.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// The layer, when one is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerPlace>,
    /// Path in the layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line, from 1, when the path is a text file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Bytes in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Of the one that stands for findings of its rule that are not listed: how many those are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<usize>,
}

impl Finding {
    /// A finding about the image as a whole.
    pub fn new(
        rule: RuleId,
        level: Level,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            level,
            message: message.into(),
            fix: fix.into(),
            platform: String::new(),
            layer: None,
            path: None,
            line: None,
            size: None,
            more: None,
        }
    }

    /// How many findings it stands for: itself, or those that are not listed.
    pub fn stands_for(&self) -> usize {
        self.more.unwrap_or(1)
    }

    /// The same, placed in a layer.
    #[must_use]
    pub fn in_layer(mut self, layer: Layer<'_>) -> Self {
        self.layer = Some(layer.into());
        self
    }

    /// The same, placed at a path.
    #[must_use]
    pub fn at_path(mut self, path: &str, size: u64) -> Self {
        self.path = Some(path.to_owned());
        self.size = Some(size);
        self
    }

    /// The same, placed at a line of its path, if one is known.
    #[must_use]
    pub fn at_line(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }
}
