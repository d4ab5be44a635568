//! A registry in this process, on a port of its own, that misbehaves on demand and remembers
//! every request. Any number can run at the same time.

mod body;
mod content;
mod faults;
mod referrers;
mod serve;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use plimsoll::model::manifest::OCI_MANIFEST;
use plimsoll::model::{Descriptor, Digest, Reference};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use content::{descriptor, length};
pub use faults::{Auth, Fault};
use serve::State;

pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub accept: Option<String>,
    pub range: Option<String>,
    pub referer: Option<String>,
    pub body: String,
}

/// The running registry; it stops when this is dropped.
pub struct FakeRegistry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeRegistry {
    /// A registry over plain HTTP.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::new(format!("http://{address}"))));
        let server = tokio::spawn(serve::run(listener, Arc::clone(&state)));
        Self { address, state, server }
    }

    /// A registry over TLS, and the certificate (PEM) to trust.
    pub async fn start_tls() -> (Self, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (listener, pem) = tls::TlsListener::new(listener);
        let state = Arc::new(Mutex::new(State::new(format!("https://{address}"))));
        let server = tokio::spawn(serve::run(listener, Arc::clone(&state)));
        (Self { address, state, server }, pem)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// `host:port`, as references write it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `scheme://host:port`.
    pub fn base(&self) -> String {
        self.state().base.clone()
    }

    /// `host:port/repository:tag`.
    pub fn reference(&self, repository: &str, tag: &str) -> Reference {
        format!("{}/{repository}:{tag}", self.address).parse().unwrap()
    }

    /// Keeps a blob, in every repository.
    pub fn put_blob(&self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Descriptor {
        let bytes = bytes.into();
        let blob = descriptor(media_type, &bytes);
        self.state().blobs.insert(blob.digest.to_string(), bytes.into());
        blob
    }

    /// Keeps a blob of any length that is made while it is served: byte `n` is `byte(n)`.
    pub fn put_generated(
        &self,
        digest: Digest,
        length: u64,
        byte: impl Fn(u64) -> u8 + Send + Sync + 'static,
    ) -> Descriptor {
        let blob = Descriptor { digest, size: length, ..descriptor(OCI_LAYER, b"") };
        self.state().blobs.insert(blob.digest.to_string(), content::Content::made(length, byte));
        blob
    }

    /// Keeps a manifest under its digest and, if there is one, a tag.
    pub fn put_manifest(&self, repository: &str, tag: Option<&str>, manifest: &Value) -> Digest {
        self.put_raw_manifest(repository, tag, manifest.to_string())
    }

    /// The same for what may not even be JSON.
    pub fn put_raw_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        bytes: impl Into<Vec<u8>>,
    ) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let mut state = self.state();
        let names = [Some(digest.to_string()), tag.map(str::to_owned)];
        for name in names.into_iter().flatten() {
            state.manifests.insert((repository.to_owned(), name), bytes.clone().into());
        }
        digest
    }

    /// Keeps an image of these layers.
    pub fn put_image(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> Digest {
        let config = json!({"os": "linux", "architecture": "amd64"}).to_string();
        let config = self.put_blob(OCI_CONFIG, config);
        let layers: Vec<_> =
            layers.iter().map(|layer| self.put_blob(OCI_LAYER, layer.to_vec())).collect();
        self.put_manifest(repository, Some(tag), &manifest(&config, &layers))
    }

    /// Has a referrers API from now on, which lists these of a manifest, in pages.
    pub fn put_referrers(&self, repository: &str, subject: &Digest, pages: Vec<Vec<Value>>) {
        let path = format!("/v2/{repository}/referrers/{subject}");
        self.state().referrers.put(path, pages);
    }

    /// Misbehaves at every request whose path contains `part`.
    pub fn fault(&self, part: &str, fault: Fault) {
        self.state().faults.add(part, fault, u32::MAX);
    }

    /// Misbehaves at the next `times` of them. Faults apply in the order they were added.
    pub fn fault_times(&self, part: &str, fault: Fault, times: u32) {
        self.state().faults.add(part, fault, times);
    }

    /// Behaves from now on.
    pub fn heal(&self) {
        self.state().faults = faults::Faults::default();
    }

    /// Holds every answer to such a request back until what is returned is cancelled.
    pub fn hold(&self, part: &str) -> CancellationToken {
        let released = CancellationToken::new();
        self.fault(part, Fault::Until(released.clone()));
        released
    }

    /// Wants authentication from now on.
    pub fn require(&self, auth: Auth) {
        self.state().auth = auth;
    }

    /// All tokens issued so far are refused from now on, with this status.
    pub fn revoke_tokens(&self, status: u16) {
        let mut state = self.state();
        state.revoked_up_to = state.tokens_issued;
        state.revoked_status = status;
    }

    /// How many tokens were issued.
    pub fn tokens_issued(&self) -> u64 {
        self.state().tokens_issued
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state().requests.clone()
    }

    /// The requests whose path contains `part`.
    pub fn requests_to(&self, part: &str) -> Vec<SeenRequest> {
        self.requests().into_iter().filter(|request| request.path.contains(part)).collect()
    }

    /// Bytes of bodies handed to connections, for paths that contain `part`.
    pub fn bytes_served(&self, part: &str) -> u64 {
        let state = self.state();
        state.served.iter().filter(|(path, _)| path.contains(part)).map(|(_, bytes)| bytes).sum()
    }
}

/// An OCI manifest.
pub fn manifest(config: &Descriptor, layers: &[Descriptor]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers})
}
