//! Registries over HTTP. oci-client negotiates anonymous tokens (see [`super::auth`]); manifests and blobs
//! are fetched by an own client, because oci-client reads manifests unbounded, drops
//! `Retry-After`, follows descriptors' `urls` and has a redirect policy that cannot be changed.
//!
//! Only hosts on the operator's list, or the public ones that `unlisted` permits, are contacted.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::HeaderMap;

use super::blob::Download;
use super::host::{Ask, Host, Voucher};
use super::referrers;
use super::request;
use super::retry::{Failure, Patience};
use super::{
    BlobStream, FetchError, FetchObserver, HostConfig, RawManifest, Referrers, Registry, Retry,
    Timeouts, UnlistedRegistries,
};
use crate::model::digest::Algorithm;
use crate::model::manifest::{ACCEPT, MAX_MANIFEST_BYTES};
use crate::model::{Descriptor, Digest, Hasher, Reference};
use crate::policy::Pattern;

/// A registry's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up registry `{host}`: {reason}")]
pub struct ClientError {
    host: String,
    reason: String,
}

impl ClientError {
    pub(super) fn new(config: &HostConfig, reason: &dyn std::fmt::Display) -> Self {
        Self { host: config.host.as_str().to_owned(), reason: reason.to_string() }
    }
}

/// Reads images from registries over HTTP.
pub struct RegistryClient {
    listed: Vec<(Pattern, Arc<Host>)>,
    unlisted: UnlistedRegistries,
    /// For the well-known, and for anybody else.
    well_known: Arc<Host>,
    any: Arc<Host>,
}

impl RegistryClient {
    /// `listed` is searched in order. Fails on certificates that cannot be read.
    pub fn new(
        listed: &[HostConfig],
        unlisted: UnlistedRegistries,
        timeouts: &Timeouts,
        retry: &Retry,
        observer: &Arc<dyn FetchObserver>,
    ) -> Result<Self, ClientError> {
        let host = |config: &HostConfig, voucher| {
            Host::new(config, voucher, (timeouts, retry), observer).map(Arc::new)
        };
        let anybody = HostConfig::new(
            Pattern::parse("*").map_err(|reason| ClientError { host: "*".to_owned(), reason })?,
        );
        Ok(Self {
            listed: listed
                .iter()
                .map(|config| Ok((config.host.clone(), host(config, Voucher::Operator)?)))
                .collect::<Result<_, ClientError>>()?,
            unlisted,
            well_known: host(&anybody, Voucher::BuiltIn)?,
            any: host(&anybody, Voucher::Nobody)?,
        })
    }

    /// The way to the reference's registry, if there is one.
    fn host(&self, reference: &Reference) -> Result<&Arc<Host>, FetchError> {
        let name = reference.registry();
        if let Some((_, host)) = self.listed.iter().find(|(pattern, _)| pattern.matches(name)) {
            return Ok(host);
        }
        if !self.unlisted.permit(name) {
            return Err(FetchError::Unlisted(name.to_owned()));
        }
        let is_well_known = UnlistedRegistries::WellKnown.permit(name);
        Ok(if is_well_known { &self.well_known } else { &self.any })
    }
}

#[async_trait]
impl Registry for RegistryClient {
    async fn manifest(&self, reference: &Reference) -> Result<RawManifest, FetchError> {
        let host = self.host(reference)?;
        let path = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => format!("manifests/{digest}"),
            (None, tag) => format!("manifests/{}", tag.unwrap_or("latest")),
        };
        let ask = Ask { accept: Some(ACCEPT), ..Ask::document(reference, &path) };
        let mut patience = Patience::new(&host.retry);
        let mut mismatched = false;
        loop {
            match fetch_manifest(host, &ask).await {
                Ok(manifest) => return Ok(manifest),
                // A cache on the way may have mixed things up; the origin does not do it twice.
                Err(Failure { error: FetchError::Mismatch(_), .. }) if !mismatched => {
                    mismatched = true;
                }
                Err(failure) => patience.wait(failure).await?,
            }
        }
    }

    async fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError> {
        let host = Arc::clone(self.host(reference)?);
        Ok(Download::start(host, reference, blob).await?.into_stream())
    }

    async fn referrers(&self, reference: &Reference, subject: &Digest) -> Referrers {
        match self.host(reference) {
            Ok(host) => referrers::find(self, host, reference, subject).await,
            Err(error) => Referrers::missed(error),
        }
    }
}

async fn fetch_manifest(host: &Host, ask: &Ask<'_>) -> Result<RawManifest, Failure> {
    let subject = ask.subject();
    let response = host.get(ask).await?;
    let claimed = claimed_digest(response.headers());
    let bytes =
        request::read(response, MAX_MANIFEST_BYTES, "manifest", &subject, &*host.observer).await?;
    let wanted = ask.reference.digest().or(claimed.as_ref());
    let digest = digest_with(wanted.map_or(Algorithm::Sha256, Digest::algorithm), &bytes);
    match wanted {
        Some(wanted) if *wanted != digest => Err(Failure::lasting(FetchError::Mismatch(
            subject.text(&format!("wanted {wanted}, got {digest}")),
        ))),
        _ => Ok(RawManifest { digest, bytes }),
    }
}

/// The digest a registry claims. Old ones send none, and what is no digest claims nothing.
fn claimed_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.trim().parse().ok()
}

fn digest_with(algorithm: Algorithm, bytes: &Bytes) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}
