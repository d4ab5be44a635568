//! Wiring of `plimsoll serve`: build the parts, start the tasks, run until told to stop, let go
//! in order. Owns nothing global: two servers can live in one process.

pub mod listen;

pub mod parts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::listen::ListenLimits;
use self::parts::{LiveRegistry, POLL_INTERVAL};
use crate::config::{self, Config, ConfigError};
use crate::jobs;
use crate::metrics::{Configured, Metrics};
use crate::receive::{App, Live, admin_router, webhook_router};
use crate::registry::FetchObserver;
use crate::registry::client::ClientError;
use crate::store::StoreError;
use crate::tls::{self, Reloader, TlsError};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registries.
    #[error(transparent)]
    Registry(#[from] ClientError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address that cannot be listened on.
    #[error("cannot listen on {name} ({source}): `{address}`")]
    Listen {
        /// Key in the configuration.
        name: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system's signals.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// `plimsoll serve`: runs until SIGTERM or SIGINT, then drains and ends with success.
pub async fn main(config_path: Option<PathBuf>) -> Result<ExitCode, ServeError> {
    let config = Config::load_or_default(config_path.as_deref())?;
    let stop = CancellationToken::new();
    stop_on_signals(&stop)?;
    let webhook = bind("listen.webhook", config.listen.webhook).await?;
    let admin = bind("listen.admin", config.listen.admin).await?;
    let server = Server::build(config, config_path).await?;
    server.run(webhook, admin, stop).await;
    Ok(ExitCode::SUCCESS)
}

fn stop_on_signals(stop: &CancellationToken) -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new requests, running ones may finish");
        stop.cancel();
    });
    Ok(())
}

async fn bind(
    name: &'static str,
    address: std::net::SocketAddr,
) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { name, address, source })
}

/// A server that is built and not yet started.
pub struct Server {
    app: Arc<App>,
    registry: Arc<LiveRegistry>,
    certificate: Arc<Reloader>,
    /// Folder of the self-signed certificate that is served, if one is.
    self_signed_in: Option<PathBuf>,
    tls: Arc<rustls::ServerConfig>,
    config_path: Option<PathBuf>,
}

impl Server {
    /// Opens the store and loads the certificates. `config_path` is watched for changes.
    pub async fn build(config: Config, config_path: Option<PathBuf>) -> Result<Self, ServeError> {
        let metrics = Arc::new(Metrics::new());
        let store = parts::open_store(&config).await?;
        let client = parts::registry_client(&config, &observer(&metrics))?;
        let registry = Arc::new(LiveRegistry::new(client));
        let certificate = Arc::new(certificate(&config, config_path.as_deref())?);
        let tls = tls::server_config(certificate.clone(), config.tls.client_ca.as_deref())?;
        metrics.set_tls_not_after(certificate.not_after());
        announce(&metrics, &config);
        let inspector =
            parts::inspector(&config, registry.clone(), Arc::clone(&store), Arc::clone(&metrics));
        let admissions = Semaphore::new(config.admission.max_inflight);
        let self_signed_in = config.tls.certificate.is_none().then(|| config.data_dir.clone());
        let live = ArcSwap::from_pointee(Live::new(config));
        let wake = Notify::new();
        let stopping = CancellationToken::new();
        let app = Arc::new(App { live, inspector, store, metrics, wake, admissions, stopping });
        Ok(Self { app, registry, certificate, self_signed_in, tls, config_path })
    }

    /// What requests touch; for tests.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `stop`, then drains: no new connections, running requests finish, jobs in
    /// hand are left for the next start, the admin listener goes last.
    pub async fn run(self, webhook: TcpListener, admin: TcpListener, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        self.start_background(&tasks, &stop);
        let limits = ListenLimits::default();
        let admin_stop = CancellationToken::new();
        let addresses = (address_of(&webhook), address_of(&admin));
        let admin = tokio::spawn(listen::serve(
            admin,
            None,
            admin_router(Arc::clone(&self.app)),
            limits,
            admin_stop.clone(),
        ));
        log_start(&self, addresses);
        let router = webhook_router(Arc::clone(&self.app));
        listen::serve(webhook, Some(self.tls), router, limits, stop.clone()).await;
        stop.cancelled().await;
        tasks.close();
        tasks.wait().await;
        self.app.inspector.finish().await;
        admin_stop.cancel();
        // The task only ends; there is nothing to learn from it.
        let _ = admin.await;
        tracing::info!("stopped");
    }

    fn start_background(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        self.app.inspector.prepare(&self.app.live.load().policy);
        let (app, stopped) = (Arc::clone(&self.app), stop.clone());
        tasks.spawn(async move {
            stopped.cancelled().await;
            app.stopping.cancel();
        });
        if let Some(data_dir) = self.self_signed_in.clone() {
            let metrics = Arc::clone(&self.app.metrics);
            tasks.spawn(renew_self_signed(data_dir, metrics, stop.clone()));
        }
        for _ in 0..self.app.live.load().config.events.workers {
            tasks.spawn(jobs::work(Arc::clone(&self.app), stop.clone()));
        }
        tasks.spawn(watch_certificate(
            Arc::clone(&self.certificate),
            Arc::clone(&self.app.metrics),
            stop.clone(),
        ));
        if let Some(path) = self.config_path.clone() {
            let (app, registry) = (Arc::clone(&self.app), Arc::clone(&self.registry));
            let stop = stop.clone();
            tasks.spawn(async move {
                let watching = watch_config(&path, &app, &registry);
                stop.run_until_cancelled(watching).await;
            });
        }
    }
}

/// Where a listener really is: the configuration may have left the port to the system.
fn address_of(listener: &TcpListener) -> String {
    listener.local_addr().map(|address| address.to_string()).unwrap_or_default()
}

fn log_start(server: &Server, (webhook, admin): (String, String)) {
    let live = server.app.live.load();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        webhook,
        admin,
        policy = live.policy.hash(),
        receivers = live.config.receivers.len(),
        "ready"
    );
}

/// The configured certificate, or a self-signed one that is kept in the data folder.
fn certificate(config: &Config, file: Option<&Path>) -> Result<Reloader, ServeError> {
    if let Some(config::Certificate { cert, key }) = &config.tls.certificate {
        return Reloader::load(cert, key)
            .map_err(|error| config.refused_certificate(file, &error).into());
    }
    let made = self_signed(&config.data_dir)?;
    tracing::info!(ca = %made.ca_cert.display(), "serving a self-signed certificate");
    Ok(Reloader::load(made.cert, made.key)?)
}

fn self_signed(data_dir: &Path) -> Result<tls::SelfSigned, TlsError> {
    tls::self_signed(data_dir, &tls::DEFAULT_HOSTS.map(str::to_owned))
}

/// Renews a self-signed certificate in time; the reloader notices the new files.
async fn renew_self_signed(data_dir: PathBuf, metrics: Arc<Metrics>, stop: CancellationToken) {
    const DAILY: std::time::Duration = std::time::Duration::from_hours(24);
    while stop.run_until_cancelled(tokio::time::sleep(DAILY)).await.is_some() {
        if let Err(error) = self_signed(&data_dir) {
            metrics.tls_reload_failures_total.inc();
            tracing::error!(%error, "self-signed certificate cannot be renewed");
        }
    }
}

/// The metrics as what the registry client reports to.
fn observer(metrics: &Arc<Metrics>) -> Arc<dyn FetchObserver> {
    metrics.clone()
}

fn announce(metrics: &Metrics, config: &Config) {
    metrics.set_policy(&config.policy.hash());
    for receiver in &config.receivers {
        metrics.announce_receiver(&Configured::new(receiver.name.as_str()));
    }
}

async fn watch_certificate(
    certificate: Arc<Reloader>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let served = Arc::clone(&certificate);
    let told = move |polled: &Result<tls::Polled, TlsError>| match polled {
        Ok(_) => metrics.set_tls_not_after(served.not_after()),
        Err(_) => metrics.tls_reload_failures_total.inc(),
    };
    certificate.run(tls::reload::POLL_INTERVAL, stop, told).await;
}

async fn watch_config(path: &Path, app: &App, registry: &LiveRegistry) {
    let started = app.live.load_full();
    config::watch::watch(path, POLL_INTERVAL, &started.config, |changed| {
        if let Err(error) = take_over(changed, app, registry) {
            app.metrics.config_reload_failures_total.inc();
            tracing::error!(%error, "changed configuration refused; the last good one stays");
        }
    })
    .await;
}

/// Sections that are read at the start only; of `admission` and `events` that is true for the
/// number of reviews and of workers at once.
const NEEDS_RESTART: [&str; 7] =
    ["listen", "tls", "store", "data-dir", "scan", "admission", "events"];

/// Puts a changed configuration into force, as far as that needs no restart.
fn take_over(
    changed: Result<Config, ConfigError>,
    app: &App,
    registry: &LiveRegistry,
) -> Result<(), ServeError> {
    let config = changed?;
    registry.replace(parts::registry_client(&config, &observer(&app.metrics))?);
    announce(&app.metrics, &config);
    let changed = app.live.load().config.changed_sections(&config);
    let waiting: Vec<&str> =
        changed.iter().copied().filter(|section| NEEDS_RESTART.contains(section)).collect();
    if !waiting.is_empty() {
        let sections = waiting.join(", ");
        tracing::warn!(sections, "changed, and in force from the next start only");
    }
    let sections = changed.join(", ");
    tracing::info!(policy = config.policy.hash(), sections, "configuration taken over");
    app.inspector.prepare(&config.policy);
    app.live.store(Arc::new(Live::new(config)));
    Ok(())
}
