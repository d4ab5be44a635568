//! What of a file was not searched, and could hide a secret: text that is one flood of things
//! like tokens, and the rest of scripts and credential files that are far too long to be ones.
//! Data (JSON, CSV, source maps) is often that long and is left alone.

use super::places::{self, Place};
use super::{Fact, ID, Strength};
use crate::answer::size;
use crate::model::Entry;
use crate::scan::Limits;

const FLOOD: &str = "token-flood";
const REST: &str = "unsearched-rest";
pub(super) const CLOSED: &str = "closed-archive";

/// Whether it is an archive that is not opened, and whose name says that somebody's files are in
/// it. Archives of data are left alone.
pub(super) fn is_closed(entry: &Entry<'_>, head: &[u8]) -> bool {
    const MAGICS: &[&[u8]] = &[b"\xfd7zXZ\0", b"BZh", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"];
    const WORDS: &[&str] = &[
        "backup",
        "backups",
        "bak",
        "home",
        "homedir",
        "dotfiles",
        "ssh",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "creds",
        "passwords",
        "keys",
        "certs",
    ];
    const EXTENSIONS: &[&str] = &["xz", "txz", "bz2", "tbz", "tbz2", "7z", "rar"];
    let name = entry.name().to_ascii_lowercase();
    MAGICS.iter().any(|magic| head.starts_with(magic))
        && name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
        && name.split(['.', '-', '_', ' ']).any(|word| WORDS.contains(&word))
        && places::place(entry.path) == Place::Application
}

/// Nothing is known of what is in it.
pub(super) fn closed(entry: &Entry<'_>) -> Fact {
    Fact::new(ID, CLOSED, entry.path, entry.size).with("strength", Strength::Weak.as_str())
}

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
        CLOSED => Some((
            format!("`{path}` is named like a backup or a store of secrets, and cannot be opened"),
            "leave it out of the image (`.dockerignore`), or ship the files unpacked",
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
