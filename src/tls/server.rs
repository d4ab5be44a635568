//! The rustls settings of every TLS listener: TLS 1.2 and 1.3 only, HTTP/2 and HTTP/1.1, and a
//! client certificate when the operator named a CA for them.

use std::path::Path;
use std::sync::Arc;

use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use super::TlsError;
use super::pair::{certificates, provider, read};

/// Settings that serve `certificates`. With `client_ca`, a PEM file, a client must show a
/// certificate of that CA or the handshake fails; changing that file needs a restart.
pub fn server_config(
    certificates: Arc<dyn ResolvesServerCert>,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(provider());
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider)
                    .build()
                    .map_err(|error| TlsError::Setup(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The CA certificates in a file, at least one.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&read(path)?)? {
        roots.add(certificate).map_err(|error| TlsError::Certificate(error.to_string()))?;
    }
    // Without this an empty file would lock everybody out, with no hint why.
    if roots.is_empty() {
        return Err(TlsError::Certificate(format!("none in the client CA `{}`", path.display())));
    }
    Ok(roots)
}
