//! A registry that misbehaves: every fault either heals or has a name, in bounded time, and no
//! credential goes where it does not belong.

mod auth;
mod blobs;
mod manifests;
mod redirects;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use plimsoll::model::{Descriptor, Reference};
use plimsoll::policy::Pattern;
use plimsoll::registry::client::RegistryClient;
use plimsoll::registry::credentials::Credentials;
use plimsoll::registry::{
    FetchError, FetchObserver, HostConfig, Registry, Retry, Timeouts, UnlistedRegistries,
};

use crate::support::registry::FakeRegistry;

/// Counts what the client tells.
#[derive(Default)]
struct Counts {
    responses: AtomicU64,
    failures: AtomicU64,
    bytes: AtomicU64,
}

impl FetchObserver for Counts {
    fn response(&self, code: Option<u16>) {
        let counter = if code.is_some() { &self.responses } else { &self.failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }
}

fn quick_timeouts() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        idle: Duration::from_millis(500),
        document: Duration::from_millis(1500),
    }
}

fn quick_retry() -> Retry {
    Retry {
        attempts: 3,
        first_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(2),
        longest_wait: Duration::from_secs(5),
        budget: Duration::from_mins(1),
    }
}

fn listed(registry: &FakeRegistry, credentials: Credentials) -> HostConfig {
    HostConfig {
        plain_http: true,
        credentials,
        ..HostConfig::new(Pattern::parse(&registry.host()).unwrap())
    }
}

fn client_of(hosts: &[HostConfig], unlisted: UnlistedRegistries) -> (RegistryClient, Arc<Counts>) {
    client_with(hosts, unlisted, &quick_timeouts())
}

fn client_with(
    hosts: &[HostConfig],
    unlisted: UnlistedRegistries,
    timeouts: &Timeouts,
) -> (RegistryClient, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let observer: Arc<dyn FetchObserver> = Arc::<Counts>::clone(&counts);
    let client = RegistryClient::new(hosts, unlisted, timeouts, &quick_retry(), &observer).unwrap();
    (client, counts)
}

fn client(registry: &FakeRegistry) -> RegistryClient {
    client_of(&[listed(registry, Credentials::Anonymous)], UnlistedRegistries::None).0
}

/// All bytes of a blob, and the error at the end if there was one.
async fn drain(
    client: &dyn Registry,
    reference: &Reference,
    blob: &Descriptor,
) -> (Vec<u8>, Option<FetchError>) {
    let mut bytes = Vec::new();
    let mut stream = match client.blob(reference, blob).await {
        Ok(stream) => stream,
        Err(error) => return (bytes, Some(error)),
    };
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the last item");
                return (bytes, Some(error));
            }
        }
    }
    (bytes, None)
}

/// Bytes without a pattern a shifted copy would match.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
