//! Where the members of a tar archive lie, found in one pass that skips their content. Two
//! members of one name are kept apart: who would load "the" file depends on the reader.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tar::EntryType;

use super::{FetchError, local};
use crate::model::entry::clean_path;
use crate::rules::unreadable_layer::Defect;
use crate::scan::Limits;
use crate::scan::decompress::Failure;
use crate::scan::entries::{self, Archive};

/// Most members of an archive; an image of 1000 layers has 3000.
const MAX_MEMBERS: usize = 20_000;
/// Most links from one name to the next.
const MAX_LINKS: usize = 8;
/// Longest target of a link: Linux takes no longer path (`PATH_MAX`), as with names.
const MAX_TARGET_BYTES: usize = 4096;

/// A member's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) offset: u64,
    pub(super) size: u64,
}

#[derive(Debug, Clone)]
enum Member {
    File(Stretch),
    Link(String),
    Ambiguous,
}

/// What an archive should be, for error texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// With its article.
    pub(super) name: &'static str,
    /// A command that writes one.
    pub(super) writer: &'static str,
}

/// The members of one archive file.
#[derive(Debug)]
pub(super) struct TarIndex {
    path: PathBuf,
    kind: Kind,
    members: HashMap<String, Member>,
}

impl TarIndex {
    /// Reads the headers of the whole archive.
    pub(super) fn read(path: &Path, kind: Kind) -> Result<Self, FetchError> {
        let mut index = Self { path: path.to_owned(), kind, members: HashMap::new() };
        if path.is_dir() {
            let path = path.display();
            let hint = "hint: for a layout folder write `oci:DIR[:TAG]`";
            return Err(FetchError::Local(format!("a folder, no archive ({hint}): `{path}`")));
        }
        let file = local::open(path)?;
        if is_gzip(path)? {
            let path = path.display();
            let text = format!("the archive is compressed (hint: gunzip it first): `{path}`");
            return Err(FetchError::Local(text));
        }
        let unreadable = |error| local::unreadable(path, &error);
        let length = file.metadata().map_err(unreadable)?.len();
        let mut archive = Archive::new(BufReader::new(file), &Limits::default());
        while let Some(member) = archive.next_member().map_err(|error| index.damaged(error))? {
            index.take(&member, length)?;
            archive.pass_content().map_err(unreadable)?;
        }
        Ok(index)
    }

    /// Takes a member in, of an archive of `length` bytes.
    fn take(&mut self, read: &entries::Member, length: u64) -> Result<(), FetchError> {
        if let Some((_, detail)) = &read.disagreement {
            return Err(self.broken(detail));
        }
        if read.content_at.checked_add(read.size).is_none_or(|end| end > length) {
            return Err(self.broken("it ends within a member"));
        }
        let target = read.link.as_deref().unwrap_or_default();
        if target.len() > MAX_TARGET_BYTES {
            return Err(self.broken(&format!("a link of more than {MAX_TARGET_BYTES} bytes")));
        }
        let Some(name) = clean_path(&String::from_utf8_lossy(&read.path)) else {
            return Ok(());
        };
        let target = String::from_utf8_lossy(target);
        let member = match read.kind {
            _ if read.is_old_directory => return Ok(()),
            EntryType::Regular => {
                Member::File(Stretch { offset: read.content_at, size: read.size })
            }
            EntryType::Symlink => Member::Link(relative(&name, &target)),
            EntryType::Link => Member::Link(target.into_owned()),
            _ => return Ok(()),
        };
        self.insert(name, member)
    }

    fn insert(&mut self, name: String, member: Member) -> Result<(), FetchError> {
        if self.members.len() >= MAX_MEMBERS {
            return Err(self.broken(&format!("more than {MAX_MEMBERS} members")));
        }
        self.members.entry(name).and_modify(|there| *there = Member::Ambiguous).or_insert(member);
        Ok(())
    }

    /// The file of that name, links followed.
    pub(super) fn file(&self, name: &str) -> Result<Stretch, FetchError> {
        let mut name = clean_path(name).ok_or_else(|| self.broken("a name that leads out"))?;
        for _ in 0..MAX_LINKS {
            match self.members.get(&name) {
                Some(Member::File(stretch)) => return Ok(*stretch),
                Some(Member::Link(target)) => {
                    name = resolved(target).ok_or_else(|| self.broken("a link that leads out"))?;
                }
                Some(Member::Ambiguous) => {
                    return Err(self.broken(&format!("two members are called `{name}`")));
                }
                None => return Err(self.broken(&format!("there is no `{name}`"))),
            }
        }
        Err(self.broken(&format!("links go round in circles at `{name}`")))
    }

    /// Whether a member of that name is there at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The archive itself, if a member of that name is there: one that is not is no fault of a
    /// layout, which may be half a copy.
    pub(super) fn found(&self, name: &str) -> Result<&Self, FetchError> {
        if self.has(name) {
            return Ok(self);
        }
        Err(FetchError::NotFound(format!("no file `{name}` in `{}`", self.path.display())))
    }

    /// The content of a small file.
    pub(super) fn read_file(
        &self,
        name: &str,
        limit: u64,
        what: &'static str,
    ) -> Result<Bytes, FetchError> {
        let stretch = self.file(name)?;
        if stretch.size > limit {
            return Err(FetchError::TooLarge { what, limit });
        }
        let mut bytes = Vec::new();
        self.reader(stretch)?
            .read_to_end(&mut bytes)
            .map_err(|error| local::unreadable(&self.path, &error))?;
        Ok(bytes.into())
    }

    /// A reader over a member's content.
    pub(super) fn reader(&self, stretch: Stretch) -> Result<impl Read + use<>, FetchError> {
        let mut file = local::open(&self.path)?;
        file.seek(SeekFrom::Start(stretch.offset))
            .map_err(|error| local::unreadable(&self.path, &error))?;
        Ok(file.take(stretch.size))
    }

    /// The archive.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Words for a header that cannot be read. None of them quotes bytes of the file, which may
    /// be any.
    fn damaged(&self, failure: Failure) -> FetchError {
        match failure {
            Failure::Source(error) => local::unreadable(&self.path, &error),
            Failure::Content(content) if content.defect == Defect::NotATar => {
                let (writer, path) = (self.kind.writer, self.path.display());
                FetchError::Local(format!(
                    "not a tar archive (hint: write one with `{writer}`): `{path}`"
                ))
            }
            Failure::Content(content) => self.broken(&content.detail),
        }
    }

    /// Words for an archive that makes no sense.
    pub(super) fn broken(&self, what: &str) -> FetchError {
        let (name, path) = (self.kind.name, self.path.display());
        FetchError::Local(format!("not {name}: {what}: `{path}`"))
    }
}

/// A symbolic link's target, seen from the archive's root; not yet cleaned.
fn relative(name: &str, target: &str) -> String {
    match name.rsplit_once('/') {
        Some((parent, _)) if !target.starts_with('/') => format!("{parent}/{target}"),
        _ => target.to_owned(),
    }
}

/// Takes `.` and `..` out of a link's path. Links of old `docker save` archives go through `..`;
/// one that leaves the root is no path.
fn resolved(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether a file starts like a gzip stream.
fn is_gzip(path: &Path) -> Result<bool, FetchError> {
    let mut magic = [0; 2];
    let file: File = local::open(path)?;
    let mut reader = file.take(2);
    Ok(reader.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_in_the_archive() {
        let table = [
            ("a/layer.tar", "../b/layer.tar", Some("b/layer.tar")),
            ("a/layer.tar", "./c", Some("a/c")),
            ("a", "b", Some("b")),
            ("a/b", "/etc/passwd", Some("etc/passwd")),
            ("a/b", "../../etc/passwd", None),
        ];
        for (name, target, expected) in table {
            assert_eq!(resolved(&relative(name, target)).as_deref(), expected, "{name} {target}");
        }
    }
}
