//! Archives of the application's own: a backup of somebody's home, a build context, a dump. What
//! is packed in wheels, jars and sources that were downloaded is others' work, full of test keys:
//! of what lies in an archive only logins and providers' tokens refuse an image.

use super::places::{self, Place};
use super::{is_key, is_login, is_strong, is_token, named, text};
use crate::model::{Entry, Fact, Level};
use crate::scan::inside::{self, SEPARATOR};

/// Extensions of archives that people make, and of what dumps are compressed to. Without any are
/// the layers in what `docker save` writes. Wheels, jars, arrays and models have others.
const ARCHIVES: &[&str] = &[
    "", "tar", "tgz", "gz", "zip", "zst", "tzst", "bak", "backup", "bkp", "old", "orig", "save",
    "img", "image", "dump", "archive", "layer", "tmp", "part", "1", // Programs as archives.
    "jar", "war", "ear", "whl", "egg", "pyz", "pex", // Models and documents as archives.
    "mar", "nemo", "docx", "xlsx", "pptx", "odt",
];

/// Whether the rule wants to see what is packed in the entry. A text that only begins like
/// something packed (`x^` is how zlib does) is read as a text.
pub(super) fn is_wanted(entry: &Entry<'_>, head: &[u8]) -> bool {
    let extension = entry.extension();
    ARCHIVES.iter().any(|known| known.eq_ignore_ascii_case(extension))
        && !is_library(entry.path)
        && inside::is_packed(head)
        && !text::is_mostly_text(head)
        && places::place(entry.path) == Place::Application
}

/// A folder of others' programs: Spark and Hadoop have hundreds of megabytes of jars.
fn is_library(path: &str) -> bool {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    matches!(folder.rsplit('/').next(), Some("jars" | "wheels" | "wheelhouse"))
}

/// Whose a file in an archive of programs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// In an archive of files, or in the part of one of programs that is the application's.
    Own,
    /// At the top of a jar: its configuration.
    Top,
    /// In a jar or a wheel, which may be anybody's.
    Anybodys,
}

fn part(path: &str) -> Part {
    let ends = |path: &str, ends: &[&str]| {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        ends.iter().any(|end| end.eq_ignore_ascii_case(extension))
    };
    let Some((archives, member)) = path.rsplit_once(SEPARATOR) else { return Part::Own };
    let mut archives = archives.split(SEPARATOR);
    if archives.clone().any(|archive| ends(archive, &["whl", "egg"])) {
        return Part::Anybodys;
    }
    let is_own = ["BOOT-INF/classes/", "WEB-INF/classes/"].iter().any(|at| member.starts_with(at));
    match archives.any(|archive| ends(archive, &["jar", "war", "ear"])) {
        true if !is_own && !member.contains('/') => Part::Top,
        true if !is_own => Part::Anybodys,
        _ => Part::Own,
    }
}

/// A private key under a name, or in a folder, that only somebody's login has.
pub(super) fn is_login_key(path: &str) -> bool {
    let inner = path.rsplit(SEPARATOR).next().unwrap_or(path);
    let (folder, name) = inner.rsplit_once('/').unwrap_or(("", inner));
    matches!(name, "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519")
        || folder.split('/').any(|part| part == ".ssh")
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
    let is_named = || named::named(&fact.path).is_some();
    match (places::place(&fact.path), part(&fact.path)) {
        (Place::Application, _) if is_key(fact) && is_login_key(&fact.path) => Some(Level::Deny),
        (Place::Application, Part::Own) if is_token(fact) || is_named() => Some(Level::Deny),
        (Place::Application, Part::Top) if is_token(fact) => Some(Level::Deny),
        (Place::Application, Part::Top | Part::Anybodys) => is_token(fact).then_some(Level::Warn),
        // Whether a package made it cannot be told.
        (Place::Application | Place::Dummy | Place::Generated, _) => Some(Level::Warn),
        (Place::Quiet | Place::Packages, _) if is_login(fact) => Some(Level::Warn),
        (Place::Quiet | Place::Packages | Place::PackageTests | Place::HostKeys, _) => None,
    }
}
