//! Where things are kept: the data folder and the store.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Access, access};

use super::defaults::{SQLITE_FILE, SYSTEM_DATA_DIR};
use super::files::Files;
use super::problem::Problems;
use super::shape::quoted;

/// Where facts, verdicts and jobs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A SQLite file. Its folder may not exist yet.
    Sqlite(PathBuf),
    /// Nothing outlives the process.
    Memory,
}

pub(super) fn data_dir(written: Option<&str>, files: &Files, problems: &mut Problems) -> PathBuf {
    written.and_then(|written| problems.keep("data-dir", files.path(written))).unwrap_or_else(
        || {
            // Once per process: a reload must neither probe again nor move the data.
            static CHOSEN: OnceLock<PathBuf> = OnceLock::new();
            CHOSEN.get_or_init(default_data_dir).clone()
        },
    )
}

pub(super) fn store(
    written: Option<&str>,
    data_dir: &Path,
    files: &Files,
    problems: &mut Problems,
) -> Store {
    written
        .and_then(|written| problems.keep("store", parse_store(written, files)))
        .unwrap_or_else(|| Store::Sqlite(data_dir.join(SQLITE_FILE)))
}

fn parse_store(written: &str, files: &Files) -> Result<Store, String> {
    let expected = "expected `sqlite:/path` or `memory:`";
    // The location may hold a password (`postgres://user:password@host`): only the scheme is shown.
    match written.split_once(':') {
        Some(("memory", "")) => Ok(Store::Memory),
        Some(("sqlite", path)) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            files.path(path).map(Store::Sqlite)
        }
        Some(("postgres" | "postgresql", _)) => {
            Err("PostgreSQL is not supported by this version (hint: use `sqlite:/path`)".to_owned())
        }
        Some((scheme, _)) => Err(format!("{expected}, got scheme {}", quoted(scheme))),
        None => Err(format!("{expected} (hint: put `sqlite:` in front of the path)")),
    }
}

/// The system's folder if we may write there, else the user's. The system is asked and nothing
/// is written: most commands never use the folder.
fn default_data_dir() -> PathBuf {
    let system = PathBuf::from(SYSTEM_DATA_DIR);
    if may_write(&system) {
        return system;
    }
    crate::folders::data().map_or(system, |folder| folder.join("plimsoll"))
}

/// The kernel knows better than owner and mode: volumes are mounted read-only, or writable by a
/// supplementary group (access(2)).
fn may_write(folder: &Path) -> bool {
    let existing = folder.ancestors().find(|ancestor| ancestor.is_dir());
    existing.is_some_and(|existing| access(existing, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> Result<Store, String> {
        parse_store(written, &Files::new(Path::new("/etc/plimsoll")))
    }

    #[test]
    fn reads_store_locations() {
        assert_eq!(read("memory:"), Ok(Store::Memory));
        for (written, path) in [
            ("sqlite:/var/x.db", "/var/x.db"),
            ("sqlite:///var/x.db", "/var/x.db"),
            ("sqlite:x.db", "/etc/plimsoll/x.db"),
        ] {
            assert_eq!(read(written), Ok(Store::Sqlite(path.into())), "{written}");
        }
    }

    #[test]
    fn refuses_other_stores_without_showing_passwords() {
        insta::assert_snapshot!(read("postgres://u:hunter2@db/x").unwrap_err(), @"PostgreSQL is not supported by this version (hint: use `sqlite:/path`)");
        insta::assert_snapshot!(read("mysql://u:hunter2@db/x").unwrap_err(), @"expected `sqlite:/path` or `memory:`, got scheme `mysql`");
        insta::assert_snapshot!(read("/var/x.db").unwrap_err(), @"expected `sqlite:/path` or `memory:` (hint: put `sqlite:` in front of the path)");
        assert!(read("sqlite:").is_err());
        assert!(read("memory:x").is_err());
    }

    #[test]
    fn asking_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let modified = || std::fs::metadata(folder.path()).unwrap().modified().unwrap();
        let before = modified();
        assert!(may_write(&folder.path().join("not/yet/there")));
        assert_eq!(modified(), before);
        assert!(!may_write(Path::new("no-folder-above/x")));
    }
}
