//! A certificate chain and its private key: read with a cap, parsed, and checked to belong
//! together. Expired ones are accepted (the clock may be wrong, and an answer that the client
//! refuses is no worse than none); their end is there to be watched.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;

/// Largest certificate or key file that is read. A chain of ten RSA certificates takes 20 KiB.
pub const MAX_PEM_BYTES: u64 = 1 << 20;

/// A chain and key that belong together.
#[derive(Clone)]
pub struct Pair {
    /// What rustls serves.
    pub certified: Arc<CertifiedKey>,
    /// When the server's own certificate expires.
    pub not_after: Timestamp,
}

impl Pair {
    /// Parses a PEM chain (the server's own certificate first) and its PEM key.
    pub fn parse(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(chain_pem)?;
        let not_after = chain.first().map_or_else(
            || Err(TlsError::Certificate("no PEM certificate in it".into())),
            not_after,
        )?;
        // The error of the PEM parser may quote the line it stumbled over.
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::Key)?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(explain)?;
        Ok(Self { certified: Arc::new(certified), not_after })
    }

    /// Reads and parses both files.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::parse(&read(chain)?, &read(key)?)
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// All certificates of a PEM document.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate("broken PEM".into()))
}

/// The cryptography of all of Plimsoll.
pub(crate) fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// A whole file, up to [`MAX_PEM_BYTES`]: a path that is `/dev/zero` must not take all memory.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes))
        .map_err(TlsError::file(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_PEM_BYTES) {
        return Ok(bytes);
    }
    Err(TlsError::TooLarge { path: path.to_owned(), limit: MAX_PEM_BYTES })
}

/// The end of a certificate's validity.
pub(super) fn not_after(leaf: &CertificateDer<'_>) -> Result<Timestamp, TlsError> {
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|error| TlsError::Certificate(format!("broken X.509: {error}")))?;
    Timestamp::from_second(leaf.validity().not_after.timestamp())
        .map_err(|error| TlsError::Certificate(format!("end of validity out of range: {error}")))
}

fn explain(error: rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        rustls::Error::InvalidCertificate(reason) => {
            TlsError::Certificate(format!("broken X.509: {reason}"))
        }
        _ => TlsError::Key,
    }
}

#[cfg(test)]
mod tests {
    use super::super::make_certificates;
    use super::*;

    #[test]
    fn reads_below_and_at_the_cap_and_refuses_above() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.crt");
        let cap = usize::try_from(MAX_PEM_BYTES).unwrap();
        for (length, fits) in [(cap - 1, true), (cap, true), (cap + 1, false)] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(read(&path).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_nothing_of_the_key() {
        let [a, b] = [(); 2].map(|()| make_certificates(&["a.example".into()]).unwrap());
        let said = |chain: &str, key: &str| {
            Pair::parse(chain.as_bytes(), key.as_bytes()).unwrap_err().to_string()
        };
        insta::assert_snapshot!(said(&a.cert_pem, &b.key_pem), @"private key does not belong to the first certificate of the chain");
        insta::assert_snapshot!(said("", &a.key_pem), @"no usable certificate (hint: PEM, the server's own first, then intermediates): no PEM certificate in it");
        insta::assert_snapshot!(said(&a.key_pem, &a.key_pem), @"no usable certificate (hint: PEM, the server's own first, then intermediates): no PEM certificate in it");
        let cut = a.key_pem.get(..a.key_pem.len() / 2).unwrap();
        for key in ["", a.cert_pem.as_str(), cut, "-----BEGIN s3cret"] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(said(&a.cert_pem, key), @"no usable private key (hint: unencrypted PEM in PKCS#8, SEC1 or PKCS#1 form)");
            }
        }
    }

    #[test]
    fn the_servers_own_certificate_comes_first() {
        let made = make_certificates(&["a.example".into()]).unwrap();
        let parse = |chain: String| Pair::parse(chain.as_bytes(), made.key_pem.as_bytes());
        let pair = parse(format!("{}{}", made.cert_pem, made.ca_cert_pem)).unwrap();
        assert_eq!(pair.certified.cert.len(), 2);
        let reversed = parse(format!("{}{}", made.ca_cert_pem, made.cert_pem));
        assert!(matches!(reversed, Err(TlsError::Mismatch)));
    }
}
