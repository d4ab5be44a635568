//! Server certificates: loaded, made, reloaded.

/// Certificates made for development.
pub struct MadeCertificates {
    /// CA certificate.
    pub ca_cert_pem: String,
    /// Its private key.
    pub ca_key_pem: String,
    /// Server certificate, signed by the CA.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No names.
    #[error("no host names")]
    NoHosts,
}

/// Stub.
pub fn make_certificates(hosts: &[String]) -> Result<MadeCertificates, TlsError> {
    if hosts.is_empty() {
        return Err(TlsError::NoHosts);
    }
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\nAA==\n-----END {kind}-----\n");
    Ok(MadeCertificates {
        ca_cert_pem: pem("CERTIFICATE"),
        ca_key_pem: pem("PRIVATE KEY"),
        cert_pem: pem("CERTIFICATE"),
        key_pem: pem("PRIVATE KEY"),
    })
}
