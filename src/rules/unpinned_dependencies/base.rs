//! The base image: `FROM python`, `FROM python:latest`. Only some builders note its name.
//! Source: OCI image-spec annotations.md; Buildah's comment on the first step of its own.

use super::ID;
use crate::model::{Finding, Level};
use crate::rules::Seen;
use crate::rules::quoted::quoted;

/// Annotation, and with some tools label, that names the base image.
const NAME: &str = "org.opencontainers.image.base.name";

pub(super) fn finding(seen: &Seen<'_>) -> Option<Finding> {
    let name = name(seen)?;
    if !is_loose(name) {
        return None;
    }
    let message = format!("the base image has no fixed version: {}", quoted(name, 200));
    let fix = "name a version and, better, a digest: `FROM python:3.12-slim@sha256:<digest>`";
    Some(Finding::new(ID, Level::Deny, message, fix))
}

fn name<'a>(seen: &Seen<'a>) -> Option<&'a str> {
    let annotation = seen.image.manifest.annotations.get(NAME);
    let label = || seen.image.config.labels.get(NAME);
    let remark = || {
        let mut comments = seen.image.config.history.iter().rev().map(|step| step.comment.as_str());
        comments.find_map(|comment| comment.strip_prefix("FROM "))
    };
    annotation.or_else(label).map(String::as_str).or_else(remark).map(str::trim)
}

/// Whether a reference names neither digest nor version. Images that were built on the same
/// machine have no other tag.
fn is_loose(name: &str) -> bool {
    let is_none = matches!(name, "" | "scratch") || name.starts_with("localhost/");
    if is_none || name.contains('@') || name.contains(['$', ' ']) {
        return false;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    // Buildah calls stages without a name by the digest of their image.
    let is_id = last.len() == 64 && last.chars().all(|c| c.is_ascii_hexdigit());
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => !is_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_references_are_fixed() {
        for (name, expected) in [
            ("docker.io/library/python", true),
            ("docker.io/library/python:latest", true),
            ("registry:5000/python", true),
            ("docker.io/library/python:3.12-slim", false),
            ("python@sha256:4f2a", false),
            ("python:latest@sha256:4f2a", false),
            ("localhost/base:latest", false),
            ("scratch", false),
            ("", false),
            (&"4f".repeat(32), false),
        ] {
            assert_eq!(is_loose(name), expected, "{name}");
        }
    }
}
