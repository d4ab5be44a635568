//! The engine behind `plimsoll check`: the same inspector as the server's, with facts kept in the
//! user's cache folder and progress on the terminal. Whoever types an image's name may have its
//! registry contacted, with the credentials `docker login` left.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use jiff::Timestamp;

use super::super::progress::Progress;
use super::super::{Check, Output};
use super::{Checks, Unnamed, slip};
use crate::config::Config;
use crate::inspector::Inspector;
use crate::judge::{Question, judge_unnamed, utc_day};
use crate::metrics::Metrics;
use crate::model::{Cause, Decision, Reference, Undecided, Verdict};
use crate::policy::Policy;
use crate::registry::source::{Source, SourceError};
use crate::registry::{FetchObserver, SharedRegistry, Unobserved};
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
    pub async fn build(
        check: &Check,
        config: Config,
        progress: &Arc<Progress>,
    ) -> anyhow::Result<Self> {
        let metrics = Arc::new(Metrics::new());
        let store = open_cache(check.no_cache).await;
        let observer: Arc<dyn FetchObserver> = Arc::new(Unobserved);
        let client = parts::registry_client(&config, &observer)?;
        let policy = Arc::new(config.policy.clone());
        let progress = Arc::clone(progress);
        let remote = Self::inspector(&config, Arc::new(client), &store, &metrics, &progress)
            .reading_all(reads_all(check));
        Ok(Self { config, policy, store, metrics, progress, remote })
    }

    fn inspector(
        config: &Config,
        registry: SharedRegistry,
        store: &SharedStore,
        metrics: &Arc<Metrics>,
        progress: &Arc<Progress>,
    ) -> Inspector {
        let (store, metrics) = (Arc::clone(store), Arc::clone(metrics));
        let inspector = parts::inspector(config, registry, store, metrics);
        inspector.watched_by(progress.clone())
    }

    /// Waits for what is being written to the cache.
    pub async fn finish(&self) {
        self.remote.finish().await;
    }

    /// Undecided whatever the policy says: it lets images pass, and this is none.
    fn unnamed(&self, image: &str, reason: String) -> Unnamed {
        let undecided = Undecided::new(Cause::NotFound, reason.clone());
        let verdict = judge_unnamed(image, None, &self.policy, undecided);
        Unnamed { reason, verdict: Box::new(Verdict { decision: Decision::Undecided, ..verdict }) }
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
                let parts = (&self.store, &self.metrics, &self.progress);
                // Nothing is spared by stopping early, and its author wants to mend all at once.
                let inspector = Self::inspector(&self.config, local, parts.0, parts.1, parts.2)
                    .with_bases_of(&self.remote)
                    .reading_all(true);
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
    async fn check(&self, image: &str) -> Result<Verdict, Unnamed> {
        let unnamed = |error: SourceError| self.unnamed(image, error.reason());
        let source = image.parse::<Source>();
        if matches!(source, Ok(Source::Remote(_)) | Err(SourceError::Reference(_)))
            && let Some(reason) = slip::of(image)
        {
            return Err(self.unnamed(image, reason));
        }
        let source = source.map_err(unnamed)?;
        let reference = source.reference().map_err(unnamed)?;
        let verdict = self.verdict(&source, reference).await;
        Ok(Verdict { image: image.to_owned(), ..verdict })
    }
}

/// Whether images in registries are read to their end, too. Code scanning takes what it is not told
/// again for mended, and a pipeline that stops at the first fault needs a push for each.
fn reads_all(check: &Check) -> bool {
    check.all || matches!(check.output, Output::Sarif | Output::Github)
}

/// The user's cache. One that cannot be opened costs time only.
async fn open_cache(no_cache: bool) -> SharedStore {
    let memory = || -> SharedStore { Arc::new(MemoryStore::new()) };
    if no_cache {
        return memory();
    }
    match open_file().await {
        Ok(store) => store,
        Err(error) => {
            let words = crate::cli::told(&error);
            // Nobody to tell is no reason not to check.
            let _ = writeln!(io::stderr(), "warning: no cache, every layer is read anew: {words}");
            memory()
        }
    }
}

async fn open_file() -> anyhow::Result<SharedStore> {
    Ok(Arc::new(SqliteStore::open(cache_file().context("no cache folder is known")?).await?))
}

/// `$XDG_CACHE_HOME/plimsoll/facts.db`, by default in `~/.cache` (XDG base directories).
fn cache_file() -> Option<PathBuf> {
    Some(crate::folders::cache()?.join("plimsoll").join("facts.db"))
}
