//! Files that the configuration names: read with a cap, and remembered with a fingerprint so
//! that a watcher notices when one of them changes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::secret::Secret;
use crate::model::Digest;

/// Largest secret file, in bytes. Tokens and passwords are far smaller; a larger file is the
/// wrong one.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;
/// Largest bundle of CA certificates, in bytes. All public CAs together take 220 kB.
pub const MAX_CA_BYTES: usize = 1024 * 1024;

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// What was read, and the digest of what was in it (`None`: could not be read).
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Sources(BTreeMap<PathBuf, Option<Digest>>);

impl Sources {
    pub(super) fn note(&mut self, path: &Path, content: Option<&[u8]>) {
        self.0.insert(path.to_owned(), content.map(Digest::of));
    }
}

impl fmt::Debug for Sources {
    /// Names only: the digest of a short secret could be guessed from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads the files that a configuration names.
#[derive(Debug, Default)]
pub(super) struct Files {
    base: PathBuf,
    pub(super) sources: Sources,
}

impl Files {
    /// Relative paths are relative to `base`.
    pub(super) fn new(base: &Path) -> Self {
        Self { base: base.to_owned(), sources: Sources::default() }
    }

    /// The path meant by what was written.
    pub(super) fn path(&self, written: &str) -> Result<PathBuf, String> {
        if written.trim().is_empty() {
            return Err("expected a path, got an empty text".to_owned());
        }
        Ok(self.base.join(written))
    }

    /// The secret in a file, without the line end that editors and `echo` leave.
    pub(super) fn secret(&mut self, written: &str) -> Result<Secret, String> {
        let content = self.content(written, MAX_SECRET_BYTES)?;
        let value = content.strip_suffix(b"\n").unwrap_or(&content);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        if value.is_empty() {
            return Err(format!("file is empty: `{written}`"));
        }
        if value.iter().any(u8::is_ascii_control) {
            return Err(format!(
                "secret has more than one line or control characters: `{written}`"
            ));
        }
        Ok(Secret::new(value))
    }

    /// The PEM text of CA certificates.
    pub(super) fn ca(&mut self, written: &str) -> Result<Vec<u8>, String> {
        let content = self.content(written, MAX_CA_BYTES)?;
        if content.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
            return Ok(content);
        }
        Err(format!("file holds no PEM certificate: `{written}`"))
    }

    fn content(&mut self, written: &str, cap: usize) -> Result<Vec<u8>, String> {
        let path = self.path(written)?;
        let content = read_capped(&path, cap);
        self.sources.note(&path, content.as_deref().ok());
        content
    }
}

/// The content of a file of at most `cap` bytes. The error is for people.
pub(super) fn read_capped(path: &Path, cap: usize) -> Result<Vec<u8>, String> {
    read_unnamed(path, cap).map_err(|error| format!("{error}: `{}`", path.display()))
}

/// The same for those who name the file already.
pub(super) fn read_unnamed(path: &Path, cap: usize) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::new();
    File::open(path)
        .map_err(unreadable)?
        .take(limit)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() > cap {
        return Err(format!("file is larger than {cap} bytes"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(content: &[u8]) -> Result<Secret, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), content).unwrap();
        Files::new(folder.path()).secret("token")
    }

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        for content in [&b"t0ken"[..], b"t0ken\n", b"t0ken\r\n"] {
            assert!(secret(content).unwrap().matches(b"t0ken"));
        }
        assert!(secret(b" t0ken ").unwrap().matches(b" t0ken "));
    }

    #[test]
    fn refuses_files_that_are_no_secret() {
        assert_eq!(secret(b"").unwrap_err(), "file is empty: `token`");
        assert_eq!(secret(b"\n").unwrap_err(), "file is empty: `token`");
        assert!(secret(b"a\nb\n").unwrap_err().contains("more than one line"));
        let error = Files::new(Path::new("/nonexistent")).secret("token").unwrap_err();
        assert!(error.starts_with("cannot be read: No such file"), "{error}");
        assert!(error.ends_with(": `/nonexistent/token`"), "{error}");
        assert!(Files::default().secret(" ").is_err());
    }

    #[test]
    fn secrets_are_capped() {
        assert!(secret(&vec![b'a'; MAX_SECRET_BYTES - 1]).is_ok());
        assert!(secret(&vec![b'a'; MAX_SECRET_BYTES]).is_ok());
        let error = secret(&vec![b'a'; MAX_SECRET_BYTES + 1]).unwrap_err();
        assert!(error.starts_with("file is larger than 65536 bytes"), "{error}");
    }

    #[test]
    fn a_ca_file_holds_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::new(folder.path());
        std::fs::write(folder.path().join("ca"), "# ours\n-----BEGIN CERTIFICATE-----\n").unwrap();
        std::fs::write(folder.path().join("key"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
        assert!(files.ca("ca").is_ok());
        assert_eq!(files.ca("key").unwrap_err(), "file holds no PEM certificate: `key`");
    }

    #[test]
    fn sources_do_not_show_fingerprints() {
        let mut sources = Sources::default();
        sources.note(Path::new("/token"), Some(b"1234"));
        assert_eq!(format!("{sources:?}"), r#"{"/token"}"#);
    }
}
