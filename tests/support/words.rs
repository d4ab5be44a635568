//! What people are told, without what differs from run to run.

use std::sync::LazyLock;

use regex::Regex;

use super::registry::FakeRegistry;

static DIGEST: LazyLock<Regex> = LazyLock::new(|| Regex::new("sha256:[0-9a-f]{12,64}").unwrap());

/// A text with `HOST` for the registry and `sha256:...` for digests.
pub fn told(text: &str, registry: &FakeRegistry) -> String {
    DIGEST.replace_all(text, "sha256:...").replace(&registry.host(), "HOST")
}

/// The message of a refusal, in the same way.
pub fn message(answer: &serde_json::Value, registry: &FakeRegistry) -> String {
    told(answer["status"]["message"].as_str().unwrap_or_default(), registry)
}
