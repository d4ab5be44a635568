//! The server's identity: certificates are made (`make`), loaded and checked (`pair`), reloaded
//! while serving (`reload`) and put to use (`server`). No sockets here; those are `serve::listen`'s.

pub mod make;

pub mod pair;

pub mod reload;

pub mod self_signed;

pub mod server;

use std::io;
use std::path::{Path, PathBuf};

pub use make::{DEFAULT_HOSTS, MadeCertificates, make_certificates};
pub use pair::Pair;
pub use reload::{Polled, Reloader};
pub use self_signed::{SelfSigned, self_signed};
pub use server::server_config;

/// Something is wrong with a certificate or key. Never holds any of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file does not open, read or write.
    #[error("cannot access `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any honest chain.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// [`pair::MAX_PEM_BYTES`].
        limit: u64,
    },
    /// No readable PEM certificate.
    #[error("no usable certificate (hint: PEM, the server's own first, then intermediates): {0}")]
    Certificate(String),
    /// No readable PEM private key.
    #[error("no usable private key (hint: unencrypted PEM in PKCS#8, SEC1 or PKCS#1 form)")]
    Key,
    /// Certificate and key are of different pairs.
    #[error("private key does not belong to the first certificate of the chain")]
    Mismatch,
    /// A host that no certificate can name.
    #[error("not a host name or IP address: `{0}`")]
    Host(String),
    /// Certificates could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(String),
    /// rustls refuses the settings.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}

impl TlsError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
