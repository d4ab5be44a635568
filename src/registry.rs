//! Step 3, fetch: how images are read, as a trait. Behind it are a registry over HTTP, an OCI
//! layout (a folder or an archive of one) and a docker archive file.

// A registry over HTTP, from the outside in.
pub mod client;

pub mod hosts;

mod host;

mod request;

mod blob;

mod referrers;

mod auth;

mod token;

pub mod credentials;

mod egress;

pub mod retry;

// Images on disk.
pub mod source;

pub mod layout;

pub mod docker_archive;

mod tar_index;

mod local;

// What all of them share.
mod verify;

pub use hosts::{HostConfig, UnlistedRegistries};
pub use retry::{Retry, Timeouts};

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::model::{Cause, Descriptor, Digest, Reference, Referrer, Undecided};

/// The bytes of a blob, in order. The stream verifies size and digest itself: only after it has
/// ended without an error are the bytes what was asked for. Errors come once, last.
pub type BlobStream = BoxStream<'static, Result<Bytes, FetchError>>;

/// A manifest or index as stored, with the digest of exactly these bytes.
#[derive(Debug, Clone)]
pub struct RawManifest {
    /// Digest of `bytes`; equals the requested one when one was requested.
    pub digest: Digest,
    /// The document.
    pub bytes: Bytes,
}

/// Somewhere images can be read from.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The manifest or index that a reference names; the digest wins over the tag. At most
    /// [`crate::model::manifest::MAX_MANIFEST_BYTES`].
    async fn manifest(&self, reference: &Reference) -> Result<RawManifest, FetchError>;

    /// A blob of the reference's repository, addressed by the descriptor's digest and size only.
    async fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError>;

    /// What refers to the manifest `subject` in the reference's repository: by the referrers API
    /// or the tag that stands in for it, and by cosign's tag. Anybody who may push can add to it.
    async fn referrers(&self, reference: &Reference, subject: &Digest) -> Referrers;
}

/// What refers to a manifest, as far as it could be learned.
#[derive(Debug, Clone, Default)]
pub struct Referrers {
    /// What was found.
    pub found: Vec<Referrer>,
    /// Why that may not be all, if so.
    pub missed: Option<FetchError>,
}

impl Referrers {
    /// Nothing could be learned.
    pub fn missed(error: FetchError) -> Self {
        Self { found: Vec::new(), missed: Some(error) }
    }

    /// Takes the result of asking in one more place. The first failure is the one that is told.
    pub(crate) fn take(&mut self, result: Result<Vec<Referrer>, FetchError>) {
        match result {
            Ok(found) => self.found.extend(found),
            Err(error) => {
                self.missed.get_or_insert(error);
            }
        }
    }
}

/// Why something could not be fetched. Texts hold no credentials and no presigned URL.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// Connection refused, lost or hung, TLS failure, 5xx past all retries.
    #[error("registry unreachable: {0}")]
    Unreachable(String),
    /// 401 or 403, or the token service refused, or no usable credential.
    #[error("registry denied access (hint: check `registries[].credentials`): {0}")]
    Denied(String),
    /// 404.
    #[error("not found: {0}")]
    NotFound(String),
    /// 429 past all retries.
    #[error("rate limited by the registry: {0}")]
    RateLimited(String),
    /// The operator did not list the host.
    #[error("registry is not listed (hint: add it to `registries`): `{0}`")]
    Unlisted(String),
    /// The registry delivers bytes of another digest than asked for, or repeatedly of another
    /// size. Bytes of a blob that were handed out cannot be asked for again within one stream:
    /// who sees this after some should read the blob once more from its start.
    #[error("registry returned other bytes than asked: {0}")]
    Mismatch(String),
    /// A layout folder or archive file cannot be read.
    #[error("cannot read image from disk: {0}")]
    Local(String),
    /// More bytes than any honest document has.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was read.
        what: &'static str,
        /// The cap.
        limit: u64,
    },
}

impl FetchError {
    /// What this means for a decision.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Unreachable(_) | Self::Mismatch(_) | Self::TooLarge { .. } => {
                Cause::RegistryUnreachable
            }
            Self::Denied(_) => Cause::RegistryDenied,
            // No registry is to blame for what is wrong with a file.
            Self::NotFound(_) | Self::Local(_) => Cause::NotFound,
            Self::RateLimited(_) => Cause::RateLimited,
            Self::Unlisted(_) => Cause::UnlistedRegistry,
        }
    }

    /// What happened, to stand behind the word of [`Self::cause`], which is not said again.
    fn detail(&self) -> String {
        match self {
            Self::Unlisted(host) => format!("`{host}`"),
            // The hints for causes speak of registries.
            Self::Local(text) if !text.contains("hint:") => {
                format!("{text} (hint: write it anew, with `docker save` or `skopeo copy`)")
            }
            Self::Unreachable(text)
            | Self::Denied(text)
            | Self::NotFound(text)
            | Self::RateLimited(text)
            | Self::Local(text) => text.clone(),
            Self::Mismatch(_) | Self::TooLarge { .. } => self.to_string(),
        }
    }
}

impl From<FetchError> for Undecided {
    fn from(error: FetchError) -> Self {
        Self::new(error.cause(), error.detail())
    }
}

/// Is told what the registry client does, for metrics and progress bars.
pub trait FetchObserver: Send + Sync {
    /// A response arrived, or (`None`) a request failed without one.
    fn response(&self, code: Option<u16>);
    /// Bytes of a body arrived.
    fn bytes(&self, count: u64);
}

/// An observer that ignores everything.
pub struct Unobserved;

impl FetchObserver for Unobserved {
    fn response(&self, _code: Option<u16>) {}
    fn bytes(&self, _count: u64) {}
}

/// A registry shared between tasks.
pub type SharedRegistry = Arc<dyn Registry>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        use FetchError as E;
        let errors = [
            E::Unreachable("GET r: timed out".into()),
            E::Denied("GET r: status 401".into()),
            E::NotFound("GET r: status 404".into()),
            E::RateLimited("GET r: status 429".into()),
            E::Unlisted("r.example.com".into()),
            E::Mismatch("wanted a, got b".into()),
            E::Local("not an OCI layout: `x`".into()),
            E::Local("not a tar archive (hint: write one with `docker save`): `x`".into()),
            E::TooLarge { what: "manifest", limit: 4 },
        ];
        let lines = errors.map(|error| Undecided::from(error).to_string());
        insta::assert_snapshot!(lines.join("\n"), @r"
        registry-unreachable: GET r: timed out
        registry-denied: GET r: status 401
        not-found: GET r: status 404
        rate-limited: GET r: status 429
        unlisted-registry: `r.example.com`
        registry-unreachable: registry returned other bytes than asked: wanted a, got b
        not-found: not an OCI layout: `x` (hint: write it anew, with `docker save` or `skopeo copy`)
        not-found: not a tar archive (hint: write one with `docker save`): `x`
        registry-unreachable: manifest is larger than 4 bytes
        ");
    }
}
