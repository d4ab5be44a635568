//! Certificates for a first start without any: kept under the data directory, so that clients that
//! trust the CA still do after a restart, and renewed by the same CA before they expire.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::make::{make_certificates_at, make_leaf_by};
use super::pair::{Pair, certificates, not_after, provider, read};
use super::{MadeCertificates, TlsError};

/// A server certificate with less time left than this is replaced.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A CA with less time left than this is replaced: what it signs must not outlive it.
const RENEW_CA_BEFORE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Where the certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// The server's certificate, for [`super::Reloader`].
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The CA's certificate, which clients must trust (`caBundle`).
    pub ca_cert: PathBuf,
}

/// Makes certificates for `hosts` under `data_dir/tls`, or reuses those that are there. Safe to
/// call again at any time: it renews what has less than 30 days left or lacks a host, and a running
/// [`super::Reloader`] picks that up.
pub fn self_signed(data_dir: &Path, hosts: &[String]) -> Result<SelfSigned, TlsError> {
    self_signed_at(data_dir, hosts, Timestamp::now())
}

/// The same as if it were `now`.
pub fn self_signed_at(
    data_dir: &Path,
    hosts: &[String],
    now: Timestamp,
) -> Result<SelfSigned, TlsError> {
    let folder = Folder(data_dir.join("tls"));
    folder.make()?;
    match folder.ca(now)? {
        None => folder.write_all(&make_certificates_at(hosts, now)?)?,
        Some(ca) if !folder.serves(&ca, hosts, now) => folder.renew(&ca, hosts, now)?,
        Some(_) => {}
    }
    Ok(SelfSigned {
        cert: folder.file("tls.crt"),
        key: folder.file("tls.key"),
        ca_cert: folder.file("ca.crt"),
    })
}

struct Folder(PathBuf);

struct Ca {
    cert: CertificateDer<'static>,
    key_pem: String,
}

impl Folder {
    fn make(&self) -> Result<(), TlsError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(TlsError::file(&self.0))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The CA, if there is one with enough time left. A broken one is an error, not a reason to
    /// make another: clients trust the one that was here.
    fn ca(&self, now: Timestamp) -> Result<Option<Ca>, TlsError> {
        let (Some(cert), Some(key)) = (self.read("ca.crt")?, self.read("ca.key")?) else {
            return Ok(None);
        };
        let Some(cert) = certificates(&cert)?.into_iter().next() else {
            return Err(TlsError::Certificate(format!(
                "none in `{}`",
                self.file("ca.crt").display()
            )));
        };
        if not_after(&cert)?.duration_since(now) < RENEW_CA_BEFORE {
            return Ok(None);
        }
        let key_pem = String::from_utf8(key).map_err(|_| TlsError::Key)?;
        Ok(Some(Ca { cert, key_pem }))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, TlsError> {
        match read(&self.file(name)) {
            Err(TlsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Whether the pair in the folder is good for all hosts, for some time yet.
    fn serves(&self, ca: &Ca, hosts: &[String], now: Timestamp) -> bool {
        Pair::load(&self.file("tls.crt"), &self.file("tls.key"))
            .is_ok_and(|pair| verifies(&ca.cert, &pair, hosts, now + RENEW_BEFORE))
    }

    fn renew(&self, ca: &Ca, hosts: &[String], now: Timestamp) -> Result<(), TlsError> {
        let (cert_pem, key_pem) = make_leaf_by(&ca.key_pem, hosts, now)?;
        let pair = Pair::parse(cert_pem.as_bytes(), key_pem.as_bytes())?;
        if !verifies(&ca.cert, &pair, hosts, now) {
            let folder = self.0.display();
            return Err(TlsError::Make(format!(
                "ca.crt and ca.key do not belong together (hint: remove both to start anew) in `{folder}`"
            )));
        }
        self.write("tls.key", &key_pem, 0o600)?;
        self.write("tls.crt", &cert_pem, 0o644)
    }

    fn write_all(&self, made: &MadeCertificates) -> Result<(), TlsError> {
        self.write("ca.key", &made.ca_key_pem, 0o600)?;
        self.write("ca.crt", &made.ca_cert_pem, 0o644)?;
        self.write("tls.key", &made.key_pem, 0o600)?;
        self.write("tls.crt", &made.cert_pem, 0o644)
    }

    /// Writes beside the file and renames, so that no reader ever sees half of it.
    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), TlsError> {
        let (path, beside) = (self.file(name), self.file(&format!(".{name}.new")));
        let write = || {
            // A leftover may have another mode.
            let _ = std::fs::remove_file(&beside);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        write().map_err(TlsError::file(&path))
    }
}

/// Asks rustls what a client would: does this CA vouch for this certificate, for every host, `at`
/// that time?
fn verifies(ca: &CertificateDer<'_>, pair: &Pair, hosts: &[String], at: Timestamp) -> bool {
    let mut roots = RootCertStore::empty();
    let (Ok(()), Ok(seconds)) = (roots.add(ca.clone().into_owned()), u64::try_from(at.as_second()))
    else {
        return false;
    };
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider())).build();
    let (Ok(verifier), Some(leaf)) = (verifier, pair.certified.cert.first()) else { return false };
    hosts.iter().all(|host| {
        // A wildcard is good for any name below it.
        ServerName::try_from(host.replacen('*', "any", 1))
            .is_ok_and(|name| verifier.verify_server_cert(leaf, &[], &name, &[], at).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn day(text: &str) -> Timestamp {
        format!("{text}T12:00:00Z").parse().unwrap()
    }

    fn contents(files: &SelfSigned) -> [Vec<u8>; 2] {
        [&files.ca_cert, &files.cert].map(|path| std::fs::read(path).unwrap())
    }

    #[test]
    fn reuses_then_renews_under_the_same_ca() {
        let folder = tempfile::tempdir().unwrap();
        let names = hosts(&["plimsoll.svc", "*.example.com", "127.0.0.1", "::1"]);
        let at = |date: &str| self_signed_at(folder.path(), &names, day(date)).unwrap();
        let [ca, first] = contents(&at("2026-01-01"));
        // 31 days are left, then 29.
        assert_eq!(contents(&at("2026-12-01")), [ca.clone(), first.clone()]);
        let renewed = at("2026-12-03");
        let [same_ca, second] = contents(&renewed);
        assert_eq!(same_ca, ca);
        assert_ne!(second, first);
        let pair = Pair::load(&renewed.cert, &renewed.key).unwrap();
        assert_eq!(pair.not_after.to_string(), "2027-12-03T00:00:00Z");
    }

    #[test]
    fn another_host_makes_another_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let with = |names: &[&str]| {
            contents(&self_signed_at(folder.path(), &hosts(names), day("2026-01-01")).unwrap())
        };
        let [ca, first] = with(&["a.example"]);
        let [same_ca, second] = with(&["a.example", "b.example"]);
        assert_eq!((same_ca, second != first), (ca, true));
    }

    #[test]
    fn an_old_ca_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |date: &str| {
            contents(&self_signed_at(folder.path(), &hosts(&["a.example"]), day(date)).unwrap())
        };
        let [first, _] = at("2026-01-01");
        let [same, _] = at("2034-01-01");
        let [other, _] = at("2035-01-01");
        assert_eq!((first == same, same == other), (true, false));
    }

    #[test]
    fn keys_are_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let files = self_signed(folder.path(), &hosts(&["a.example"])).unwrap();
        let tls = folder.path().join("tls");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&tls), mode(&files.key), mode(&tls.join("ca.key"))),
            (0o700, 0o600, 0o600)
        );
    }

    #[test]
    fn a_foreign_ca_key_is_an_error_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let names = hosts(&["a.example"]);
        let files = self_signed_at(folder.path(), &names, day("2026-01-01")).unwrap();
        let before = contents(&files);
        let other = make_certificates_at(&names, day("2026-01-01")).unwrap();
        std::fs::write(folder.path().join("tls/ca.key"), other.ca_key_pem).unwrap();
        let error = self_signed_at(folder.path(), &names, day("2026-12-30")).unwrap_err();
        assert!(error.to_string().contains("do not belong together"), "{error}");
        assert_eq!(contents(&files), before);
    }
}
