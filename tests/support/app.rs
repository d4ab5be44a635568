//! A whole Plimsoll in this process: listeners on ports of their own, a store and certificates
//! in a folder that vanishes, and a client that trusts it. Any number can run at the same time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll::config::Config;
use plimsoll::model::Digest;
use plimsoll::receive::App;
use plimsoll::serve::Server;
use plimsoll::tls::make_certificates;
use reqwest::{Certificate, Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::registry::FakeRegistry;
use super::scrape::Scrape;
use super::wait::wait_for;

/// What receiver `main` wants as a bearer token, and receiver `basic` as `reg`'s password.
pub const TOKEN: &str = "t0ken-of-the-tests";

/// Where everything lies, and what it listens on; not started yet.
pub struct Berth {
    folder: TempDir,
    webhook: TcpListener,
    admin: TcpListener,
}

impl Berth {
    /// Makes certificates and binds ports.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_certificates(folder.path());
        let bind = || TcpListener::bind("127.0.0.1:0");
        Self { folder, webhook: bind().await.unwrap(), admin: bind().await.unwrap() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `https://` and where reviews and events go.
    pub fn webhook(&self) -> String {
        format!("https://{}", self.webhook.local_addr().unwrap())
    }

    /// Takes the store that a server before left in its folder.
    pub fn take_store(&self, other: &Path) {
        for entry in std::fs::read_dir(other).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            // The write-ahead log belongs to it.
            if name.to_str().unwrap().starts_with("plimsoll.db") {
                std::fs::copy(entry.path(), self.path().join(name)).unwrap();
            }
        }
    }

    /// Starts with this configuration; certificate and store are added to it.
    pub async fn start(self, config: &str) -> TestApp {
        let text = format!("{}\n{config}", own_keys());
        let path = self.path().join("plimsoll.yaml");
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let server = Server::build(config, None).await.unwrap();
        let ca = std::fs::read(self.path().join("ca.crt")).unwrap();
        let webhook = self.webhook();
        let admin = format!("http://{}", self.admin.local_addr().unwrap());
        let app = Arc::clone(server.app());
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(self.webhook, self.admin, stop.clone()));
        TestApp { client: client(&ca), webhook, admin, app, stop, running, folder: self.folder }
    }
}

/// Writes a CA, a certificate for this machine, and what configurations may name besides.
pub fn write_certificates(folder: &Path) {
    let made = make_certificates(&["localhost".into(), "127.0.0.1".into()]).unwrap();
    let files = [
        ("ca.crt", made.ca_cert_pem.as_str()),
        ("tls.crt", &made.cert_pem),
        ("tls.key", &made.key_pem),
        ("token", TOKEN),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Keys that every configuration of the tests has.
pub fn own_keys() -> &'static str {
    "tls: {cert: tls.crt, key: tls.key}\nstore: sqlite:plimsoll.db\ndata-dir: data"
}

/// A registry list and two receivers for the registry at `host`.
pub fn usual(host: &str) -> String {
    format!(
        r#"
registries: [{{host: "{host}", plain-http: true}}]
receivers:
  - {{name: main, kind: distribution, registry: "{host}", auth: {{bearer-file: token}}}}
  - name: basic
    kind: distribution
    registry: "{host}"
    auth: {{basic: {{username: reg, password-file: token}}}}
"#
    )
}

/// Trusts this CA (PEM) only.
pub fn client(ca: &[u8]) -> Client {
    Client::builder()
        .tls_certs_only([Certificate::from_pem(ca).unwrap()])
        .timeout(Duration::from_secs(40))
        .build()
        .unwrap()
}

/// The event that CNCF distribution sends for a pushed manifest.
pub fn push_event(repository: &str, tag: &str, digest: &Digest) -> Value {
    json!({"events": [{"id": "1", "timestamp": "2026-03-14T09:26:51.535897932Z", "action": "push",
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest,
            "repository": repository, "tag": tag},
        "request": {"host": "elsewhere.example.com"}}]})
}

/// The running server.
pub struct TestApp {
    /// Trusts the server's CA only.
    pub client: Client,
    /// What the server works with.
    pub app: Arc<App>,
    webhook: String,
    admin: String,
    stop: CancellationToken,
    running: JoinHandle<()>,
    folder: TempDir,
}

impl TestApp {
    /// Starts for one registry, with `more` behind the usual configuration.
    pub async fn start(registry: &FakeRegistry, more: &str) -> Self {
        let config = format!("{}\n{more}", usual(&registry.host()));
        Berth::new().await.start(&config).await
    }

    /// `https://` and where reviews and events go.
    pub fn webhook(&self) -> &str {
        &self.webhook
    }

    /// The folder of configuration and store.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A request to the webhook listener.
    pub fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.webhook)).body(body)
    }

    /// The answer to a review that the API server gives `timeout` seconds.
    pub async fn validate_within(&self, timeout: &str, review: &Value) -> Value {
        let path = format!("/validate?timeout={timeout}");
        let response = self.post(&path, review.to_string()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }

    /// The `response` of the answer to a review.
    pub async fn validate(&self, review: &Value) -> Value {
        self.validate_within("30s", review).await
    }

    /// Sends an event to a receiver with an `Authorization` header.
    pub async fn event_as(
        &self,
        receiver: &str,
        authorization: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut request = self.post(&format!("/events/{receiver}"), body);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.send().await.unwrap()
    }

    /// Sends an event to receiver `main`; gives the status and the answer's body.
    pub async fn event(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        let authorization = format!("Bearer {TOKEN}");
        let response = self.event_as("main", Some(&authorization), body).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Says that an image was pushed, and expects it to be queued.
    pub async fn pushed(&self, repository: &str, tag: &str, digest: &Digest) {
        let (status, answer) = self.event(push_event(repository, tag, digest).to_string()).await;
        assert_eq!(status, 202, "{answer}");
    }

    /// What the admin listener answers to a path.
    pub async fn admin(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.admin)).send().await.unwrap()
    }

    /// The metrics now.
    pub async fn metrics(&self) -> Scrape {
        Scrape::of(&self.client, &self.admin).await
    }

    /// Waits until a series has at least this value.
    pub async fn wait_for_metric(&self, series: &str, least: u64) -> Scrape {
        wait_for(series, async || {
            let scrape = self.metrics().await;
            (scrape.value(series) >= least).then_some(scrape)
        })
        .await
    }

    /// Waits until no event is left to be worked off.
    pub async fn wait_for_empty_queue(&self) -> Scrape {
        wait_for("an empty queue", async || {
            let scrape = self.metrics().await;
            (scrape.value("plimsoll_queue_depth") == 0).then_some(scrape)
        })
        .await
    }

    /// Begins the end, as SIGTERM does.
    pub fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops as SIGTERM does, and waits until all has ended.
    pub async fn stop(self) -> TempDir {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(30), self.running)
            .await
            .expect("the server drains")
            .expect("no task panics");
        self.folder
    }
}
