//! Archives of the application's own: a backup of somebody's home, a build context, a dump. What
//! is packed in wheels, jars and sources that were downloaded is others' work, full of test keys:
//! of what lies in an archive only logins and providers' tokens refuse an image.

use super::places::{self, Place};
use super::{is_login, is_strong, is_token, named, text};
use crate::model::{Entry, Fact, Level};
use crate::scan::inside::{self, SEPARATOR};

/// Extensions of archives that people make, and of what dumps are compressed to. Without any are
/// the layers in what `docker save` writes. Wheels, jars, arrays and models have others.
const ARCHIVES: &[&str] = &[
    "", "tar", "tgz", "gz", "zip", "zst", "tzst", "bak", "backup", "bkp", "old", "orig", "save",
    "img", "image", "dump", "archive", "layer", "tmp", "part", "1",
];

/// Whether the rule wants to see what is packed in the entry. A text that only begins like
/// something packed (`x^` is how zlib does) is read as a text.
pub(super) fn is_wanted(entry: &Entry<'_>, head: &[u8]) -> bool {
    let extension = entry.extension();
    ARCHIVES.iter().any(|known| known.eq_ignore_ascii_case(extension))
        && inside::is_packed(head)
        && !text::is_mostly_text(head)
        && places::place(entry.path) == Place::Application
}

/// Whether the path is that of something in an archive.
pub(super) fn is_packed(path: &str) -> bool {
    path.contains(SEPARATOR)
}

/// The path of the file of the layer that holds it.
pub(super) fn outermost(path: &str) -> &str {
    path.split(SEPARATOR).next().unwrap_or(path)
}

/// Whether something packed is worth reading: what it says there is of no account elsewhere.
pub(super) fn counts(path: &str) -> bool {
    places::place(path) == Place::Application || named::named(path).is_some()
}

/// What a fact about something packed asks for.
pub(super) fn level(fact: &Fact) -> Option<Level> {
    if !is_strong(fact) {
        return None;
    }
    match places::place(&fact.path) {
        Place::Application if is_token(fact) || named::named(&fact.path).is_some() => {
            Some(Level::Deny)
        }
        Place::Application => Some(Level::Warn),
        Place::Quiet | Place::Packages if is_login(fact) => Some(Level::Warn),
        Place::Quiet | Place::Packages | Place::PackageTests | Place::HostKeys => None,
    }
}
