//! The engine behind `plimsoll check`: the same inspector as the server's, with facts kept in the
//! user's cache folder and progress on the terminal. Whoever types an image's name may have its
//! registry contacted, with the credentials `docker login` left.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use jiff::Timestamp;

use super::super::Check;
use super::super::progress::Progress;
use super::Checks;
use crate::config::Config;
use crate::inspector::Inspector;
use crate::judge::{Question, utc_day};
use crate::metrics::Metrics;
use crate::model::{Reference, Undecided, Verdict};
use crate::policy::{Pattern, Platforms, Policy};
use crate::registry::SharedRegistry;
use crate::registry::credentials::Credentials;
use crate::registry::hosts::HostConfig;
use crate::registry::source::Source;
use crate::serve::parts;
use crate::store::SharedStore;
use crate::store::memory::MemoryStore;
use crate::store::sqlite::SqliteStore;

/// Judges what the command line names.
pub struct Engine {
    config: Config,
    policy: Arc<Policy>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    progress: Arc<Progress>,
    remote: Inspector,
}

impl Engine {
    /// Opens the cache and sets up the registries.
    pub async fn build(check: &Check, config: Config) -> anyhow::Result<Self> {
        let metrics = Arc::new(Metrics::new());
        let progress = Arc::new(Progress::stderr());
        let store = open_cache(check.no_cache).await;
        let mut policy = config.policy.clone();
        if !check.platform.is_empty() {
            policy.platforms = Platforms::Listed(check.platform.clone());
        }
        let hosts = hosts(check, &config)?;
        let client = parts::registry_client(&config, &hosts, Arc::clone(&progress) as _)?;
        let registry: SharedRegistry = Arc::new(client);
        let remote = parts::inspector(
            &config,
            registry,
            Arc::clone(&store),
            Arc::clone(&metrics),
        );
        let policy = Arc::new(policy);
        Ok(Self { config, policy, store, metrics, progress, remote })
    }

    /// Waits for what is being written to the cache.
    pub async fn finish(&self) {
        self.progress.finish();
        self.remote.finish().await;
    }

    async fn verdict(&self, source: &Source, reference: Reference) -> Verdict {
        let question = Question {
            reference,
            namespace: None,
            policy: Arc::clone(&self.policy),
            today: utc_day(Timestamp::now()),
        };
        match source.open().await {
            Ok(None) => self.remote.inspect(&question, None).await,
            Ok(Some(local)) => {
                let (store, metrics) = (Arc::clone(&self.store), Arc::clone(&self.metrics));
                let inspector = parts::inspector(&self.config, local, store, metrics);
                let verdict = inspector.inspect(&question, None).await;
                inspector.finish().await;
                verdict
            }
            Err(error) => question.judge(None, &[], vec![Undecided::from(error)]),
        }
    }
}

#[async_trait]
impl Checks for Engine {
    async fn check(&self, image: &str) -> Result<Verdict, String> {
        let source: Source = image.parse().map_err(|error| format!("{error}"))?;
        let reference = source.reference().map_err(|error| error.to_string())?;
        self.progress.image(image);
        let verdict = self.verdict(&source, reference).await;
        self.progress.suspend(|| ());
        Ok(Verdict { image: image.to_owned(), ..verdict })
    }
}

/// The configured hosts, then those that are named on the command line.
fn hosts(check: &Check, config: &Config) -> anyhow::Result<Vec<HostConfig>> {
    let mut named = Vec::new();
    for image in &check.images {
        if let Ok(Source::Remote(reference)) = image.parse() {
            let escaped = reference.registry().replace(['[', ']', '*', '?', '{', '}', '\\'], "?");
            let host = Pattern::parse(&escaped).map_err(anyhow::Error::msg)?;
            named.push(HostConfig {
                plain_http: check.plain_http,
                credentials: Credentials::DefaultDockerConfig,
                ..HostConfig::new(host)
            });
        }
    }
    let configured = parts::hosts(config);
    // An explicit `--plain-http` wins over what the configuration says.
    Ok(if check.plain_http {
        named.into_iter().chain(configured).collect()
    } else {
        configured.into_iter().chain(named).collect()
    })
}

/// The user's cache. One that cannot be opened costs time only.
async fn open_cache(no_cache: bool) -> SharedStore {
    let memory = || Arc::new(MemoryStore::new()) as SharedStore;
    if no_cache {
        return memory();
    }
    match open_file().await {
        Ok(store) => store,
        Err(error) => {
            tracing::warn!(%error, "no cache: every layer is read anew");
            memory()
        }
    }
}

async fn open_file() -> anyhow::Result<SharedStore> {
    Ok(Arc::new(SqliteStore::open(cache_file().context("no cache folder is known")?).await?))
}

/// `$XDG_CACHE_HOME/plimsoll/facts.db`, or what the system has for it.
fn cache_file() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("plimsoll").join("facts.db"))
}
