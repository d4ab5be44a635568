//! One member of a layer's tar archive, after path cleaning.
//! Source: OCI image-spec layer.md (whiteouts), POSIX pax.

/// Prefix of a whiteout: `.wh.<name>` deletes `<name>` of the layers below.
pub const WHITEOUT_PREFIX: &str = ".wh.";
/// Name that makes its directory opaque: nothing of the layers below shows through.
pub const OPAQUE_NAME: &str = ".wh..wh..opq";

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file with content of its own.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; content is the target's.
    Symlink,
    /// Another name for a file of the same layer.
    HardLink,
    /// Device node, FIFO or socket.
    Special,
    /// Deletes the path below; `path` is the deleted one, without the prefix.
    Whiteout,
    /// Hides all that lower layers put into the directory `path`.
    Opaque,
}

impl EntryKind {
    /// One letter for the compact listing.
    pub(crate) fn letter(self) -> u8 {
        match self {
            Self::File => b'f',
            Self::Directory => b'd',
            Self::Symlink => b'l',
            Self::HardLink => b'h',
            Self::Special => b's',
            Self::Whiteout => b'w',
            Self::Opaque => b'o',
        }
    }

    /// The kind a listing letter stands for.
    pub(crate) fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'f' => Self::File,
            b'd' => Self::Directory,
            b'l' => Self::Symlink,
            b'h' => Self::HardLink,
            b's' => Self::Special,
            b'w' => Self::Whiteout,
            b'o' => Self::Opaque,
            _ => return None,
        })
    }
}

/// One tar member.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Path from the root, without leading `/` or `./`, without `..`, lossily UTF-8.
    pub path: &'a str,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of content; 0 unless a file.
    pub size: u64,
    /// Target of a link.
    pub link: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// Last component of the path.
    pub fn name(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// Directory part of the path, empty at the root.
    pub fn parent(&self) -> &'a str {
        self.path.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    /// What follows the last dot of the name, empty without one. Not lower-cased.
    pub fn extension(&self) -> &'a str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// Whether the path lies in a place where package managers install Python packages.
    pub fn is_in_python_packages(&self) -> bool {
        self.path.split('/').any(|part| part == "site-packages" || part == "dist-packages")
    }
}

/// Cleans a tar member's name: strips `/`, `./` and empty parts. `None` when it has `..`, which
/// runtimes refuse to extract (and scanners are tempted to resolve differently).
pub fn clean_path(raw: &str) -> Option<String> {
    let mut clean = String::with_capacity(raw.len());
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => {
                if !clean.is_empty() {
                    clean.push('/');
                }
                clean.push_str(part);
            }
        }
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_paths() {
        let table = [
            ("./a/b", Some("a/b")),
            ("/etc//passwd", Some("etc/passwd")),
            ("a/./b/", Some("a/b")),
            ("./", Some("")),
            ("a/../b", None),
            ("..", None),
            ("a/..b", Some("a/..b")),
        ];
        for (raw, expected) in table {
            assert_eq!(clean_path(raw).as_deref(), expected, "{raw}");
        }
    }
}
