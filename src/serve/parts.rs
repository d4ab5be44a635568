//! The engine's parts, made from a configuration: for `serve`, and for `check` on the command
//! line.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;

use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::model::{Descriptor, Digest, Reference};
use crate::registry::client::{ClientError, RegistryClient};
use crate::registry::hosts::HostConfig;
use crate::registry::retry::{Retry, Timeouts};
use crate::registry::{BlobStream, FetchError, FetchObserver, RawManifest, Referrers, Registry};
use crate::store::memory::MemoryStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{SharedStore, StoreError};

/// A registry client that a changed configuration replaces while requests are under way.
pub struct LiveRegistry(ArcSwap<RegistryClient>);

impl LiveRegistry {
    /// Starts with one client.
    pub fn new(client: RegistryClient) -> Self {
        Self(ArcSwap::from_pointee(client))
    }

    /// Uses another one from now on.
    pub fn replace(&self, client: RegistryClient) {
        self.0.store(Arc::new(client));
    }
}

#[async_trait]
impl Registry for LiveRegistry {
    async fn manifest(&self, reference: &Reference) -> Result<RawManifest, FetchError> {
        self.0.load_full().manifest(reference).await
    }

    async fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError> {
        self.0.load_full().blob(reference, blob).await
    }

    async fn referrers(&self, reference: &Reference, subject: &Digest) -> Referrers {
        self.0.load_full().referrers(reference, subject).await
    }
}

/// The configured registries as the client wants them.
fn hosts(config: &Config) -> Vec<HostConfig> {
    let host = |registry: &config::Registry| HostConfig {
        host: registry.host.clone(),
        plain_http: registry.plain_http,
        ca_pem: registry.ca_pem.clone(),
        credentials: registry.credentials.clone(),
    };
    config.registries.iter().map(host).collect()
}

/// A client for the configured registries, under the configuration's rule for others.
pub fn registry_client(
    config: &Config,
    observer: &Arc<dyn FetchObserver>,
) -> Result<RegistryClient, ClientError> {
    let hosts = hosts(config);
    RegistryClient::new(&hosts, config.unlisted, &Timeouts::default(), &Retry::default(), observer)
}

/// Opens the configured store. What a dead process had claimed is freed: a SQLite file has only
/// one user.
pub async fn open_store(config: &Config) -> Result<SharedStore, StoreError> {
    let store: SharedStore = match &config.store {
        config::Store::Memory => Arc::new(MemoryStore::new()),
        config::Store::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
    };
    store.release_leases().await?;
    Ok(store)
}

/// The engine on these parts.
pub fn inspector(
    config: &Config,
    registry: crate::registry::SharedRegistry,
    store: SharedStore,
    metrics: Arc<Metrics>,
) -> crate::inspector::Inspector {
    crate::inspector::Inspector::new(crate::inspector::Parts {
        registry,
        store,
        metrics,
        limits: config.scan.limits.clone(),
        concurrency: config.scan.concurrency,
        layer_timeout: config.scan.layer_timeout,
    })
}

/// How often files are looked at for changes.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);
