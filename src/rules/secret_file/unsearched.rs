//! What of a file was not searched, and could hide a secret: text that is one flood of things
//! like tokens, and the rest of scripts and credential files that are far too long to be ones.
//! Data (JSON, CSV, source maps) is often that long and is left alone.

use super::{Fact, ID, Strength};
use crate::answer::size;
use crate::model::Entry;
use crate::scan::Limits;

const FLOOD: &str = "token-flood";
const REST: &str = "unsearched-rest";

/// The search was given up.
pub(super) fn flood(entry: &Entry<'_>) -> Fact {
    Fact::new(ID, FLOOD, entry.path, entry.size).with("strength", Strength::Strong.as_str())
}

/// The end of a file that is longer than what is searched, when a secret may well stand there.
pub(super) fn rest(entry: &Entry<'_>, limits: &Limits) -> Option<Fact> {
    (entry.size > limits.text_bytes).then(|| {
        Fact::new(ID, REST, entry.path, entry.size)
            .with("strength", Strength::Weak.as_str())
            .with("searched", limits.text_bytes.to_string())
    })
}

/// Message and remedy, when the fact is one of these.
pub(super) fn words(fact: &Fact) -> Option<(String, &'static str)> {
    let path = &fact.path;
    match fact.kind.as_str() {
        FLOOD => Some((
            format!(
                "`{path}` holds more texts like tokens than are searched, which hides a real one"
            ),
            "leave generated token lists out of the image (`.dockerignore`)",
        )),
        REST => {
            let searched = fact.particular("searched").and_then(|bytes| bytes.parse().ok());
            let searched = size(searched.unwrap_or(0));
            Some((
                format!(
                    "`{path}` is too long to be searched for secrets beyond its first {searched}"
                ),
                "split the file, or leave it out of the image (`.dockerignore`)",
            ))
        }
        _ => None,
    }
}
