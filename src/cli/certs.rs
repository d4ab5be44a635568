//! `plimsoll certs`: writes a development CA and a server certificate, prints the caBundle.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Certs;
use crate::tls::{MadeCertificates, make_certificates};

/// Writes the files and prints the caBundle.
pub fn run(certs: &Certs) -> anyhow::Result<ExitCode> {
    let made = make_certificates(&certs.host)?;
    write_all(&certs.out, &made, certs.force)?;
    super::print(&format!("{}\n", STANDARD.encode(&made.ca_cert_pem)))?;
    Ok(ExitCode::SUCCESS)
}

fn write_all(folder: &Path, made: &MadeCertificates, force: bool) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    let files = [
        ("ca.crt", &made.ca_cert_pem, 0o644),
        ("ca.key", &made.ca_key_pem, 0o600),
        ("tls.crt", &made.cert_pem, 0o644),
        ("tls.key", &made.key_pem, 0o600),
    ];
    if !force {
        // Before the first is written: half a set of new files fits to nothing.
        for (name, _, _) in &files {
            let path = folder.join(name);
            anyhow::ensure!(
                path.symlink_metadata().is_err(),
                "file exists already (hint: `--force` overwrites): `{}`",
                path.display()
            );
        }
    }
    for (name, pem, mode) in files {
        let path = folder.join(name);
        write(&path, pem, mode).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// Makes the file anew: one that was there may be readable by others, or be a link elsewhere.
fn write(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn made(mark: &str) -> MadeCertificates {
        let pem = |kind: &str| format!("{kind} {mark}");
        MadeCertificates {
            ca_cert_pem: pem("ca"),
            ca_key_pem: pem("ca key"),
            cert_pem: pem("cert"),
            key_pem: pem("key"),
        }
    }

    #[test]
    fn keys_are_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/certs");
        write_all(&out, &made("one"), false).unwrap();
        for (name, mode) in [("ca.key", 0o600), ("tls.key", 0o600)] {
            let permissions = std::fs::metadata(out.join(name)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, mode, "{name}");
        }
        assert_eq!(std::fs::read_to_string(out.join("tls.crt")).unwrap(), "cert one");
    }

    #[test]
    fn nothing_is_overwritten_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.key");
        std::fs::write(&path, "mine").unwrap();
        let error = write_all(folder.path(), &made("one"), false).unwrap_err().to_string();
        assert!(error.starts_with("file exists already (hint: `--force` overwrites)"), "{error}");
        assert!(!folder.path().join("ca.crt").exists());

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_all(folder.path(), &made("two"), true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "key two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, "keep").unwrap();
        symlink(&elsewhere, folder.path().join("ca.key")).unwrap();
        assert!(write_all(folder.path(), &made("one"), false).is_err());
        write_all(folder.path(), &made("one"), true).unwrap();
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "keep");
    }
}
