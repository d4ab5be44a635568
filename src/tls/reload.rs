//! Certificates that change while serving. Polls and compares what the files say, because file
//! events miss the ways certificates really change: kubelet swaps the `..data` symlink above the
//! files, certbot swaps symlinks, network volumes send no events. A pair that does not load, or was
//! caught half-written, leaves the last good one in place.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::TlsError;
use super::pair::{Pair, read};
use crate::model::Digest;

/// How often the files are compared. kubelet itself takes up to a minute to bring a new secret.
pub const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// What a look at the files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// The files say what is being served.
    Unchanged,
    /// A new pair is served from the next handshake on.
    Swapped,
}

/// Serves the pair that two files hold, whatever happens to the files.
pub struct Reloader {
    chain: PathBuf,
    key: PathBuf,
    current: ArcSwap<Pair>,
    /// Digests of the contents that `current` came from; the key itself is not kept around.
    seen: Mutex<[Digest; 2]>,
}

impl Reloader {
    /// Loads the files for the first time; here a bad pair is an error.
    pub fn load(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (chain, key) = (chain.into(), key.into());
        let (chain_pem, key_pem) = (read(&chain)?, read(&key)?);
        let pair = Pair::parse(&chain_pem, &key_pem)?;
        let seen = Mutex::new([Digest::of(&chain_pem), Digest::of(&key_pem)]);
        Ok(Self { chain, key, current: ArcSwap::from_pointee(pair), seen })
    }

    /// Looks at the files once. On an error the last good pair stays; the next look tries again.
    pub fn poll_once(&self) -> Result<Polled, TlsError> {
        let (chain_pem, key_pem) = (read(&self.chain)?, read(&self.key)?);
        let found = [Digest::of(&chain_pem), Digest::of(&key_pem)];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return Ok(Polled::Unchanged);
        }
        self.current.store(Arc::new(Pair::parse(&chain_pem, &key_pem)?));
        *seen = found;
        Ok(Polled::Swapped)
    }

    /// When the certificate that is being served expires.
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }

    /// Looks at the files every `interval` until `shutdown`, writes what happens to the log and
    /// tells `told`, for metrics.
    pub async fn run(
        self: Arc<Self>,
        interval: Duration,
        shutdown: CancellationToken,
        told: impl Fn(&Result<Polled, TlsError>) + Send,
    ) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let reloader = Arc::clone(&self);
            // Reading may hang on a network volume; that must not hold up a worker thread.
            let look = tokio::task::spawn_blocking(move || reloader.poll_once());
            let Some(Ok(polled)) = shutdown.run_until_cancelled(look).await else { return };
            self.log(&polled);
            told(&polled);
        }
    }

    fn log(&self, polled: &Result<Polled, TlsError>) {
        let not_after = self.not_after();
        match polled {
            Ok(Polled::Unchanged) => {}
            Ok(Polled::Swapped) => tracing::info!(%not_after, "serving a new certificate"),
            Err(error) => {
                tracing::error!(%error, %not_after, "new certificate refused; the last good one stays");
            }
        }
    }
}

impl ResolvesServerCert for Reloader {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().certified))
    }
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader")
            .field("chain", &self.chain)
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
