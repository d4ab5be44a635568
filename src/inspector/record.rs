//! What is left behind of a decision: one log line, the metrics, an entry in the verdict log.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Inspector;
use crate::answer::message;
use crate::judge::Question;
use crate::metrics::{CacheUse, Source};
use crate::model::{Decision, Finding, Verdict};

/// Who asks, for the record.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Kind of caller.
    pub source: Source,
    /// What they asked about, such as `Pod ml/app` or a receiver's name.
    pub object: &'a str,
    /// Whether the verdict goes into the log of verdicts; not so for dry runs.
    pub keep: bool,
}

impl Inspector {
    /// Judges one subject and leaves a record of it.
    pub async fn decide(
        &self,
        question: &Question,
        asker: &Asker<'_>,
        deadline: Option<Instant>,
    ) -> Verdict {
        let verdict = self.inspect(question, deadline).await;
        self.tell(&verdict, asker);
        if asker.keep {
            let (inner, verdict) = (std::sync::Arc::clone(&self.inner), verdict.clone());
            let source = asker.source;
            // The caller does not wait for the disk.
            self.inner.tasks.spawn(async move {
                let kept =
                    inner.parts.store.log_verdict(source.as_str(), &verdict, Timestamp::now()).await;
                if let Err(error) = kept {
                    tracing::warn!(image.reference = verdict.image, %error, "verdict cannot be kept");
                }
            });
        }
        verdict
    }

    /// Counts and logs a verdict.
    pub fn tell(&self, verdict: &Verdict, asker: &Asker<'_>) {
        let stats = verdict.stats;
        let cache = match (stats.layers_scanned, stats.layers_cached) {
            (0, 1..) => CacheUse::Hit,
            (_, 0) => CacheUse::Miss,
            (1.., 1..) => CacheUse::Partial,
        };
        let took = Duration::from_millis(stats.elapsed_ms);
        self.inner.parts.metrics.decided(asker.source, cache, verdict, took);
        log(verdict, asker);
    }
}

fn log(verdict: &Verdict, asker: &Asker<'_>) {
    let mut rules: Vec<&str> = verdict.denials().map(|finding| finding.rule.as_str()).collect();
    rules.dedup();
    let mut causes: Vec<&str> =
        verdict.undecided.iter().map(|undecided| undecided.cause.as_str()).collect();
    causes.dedup();
    let digest = verdict.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let (rules, causes) = (rules.join(","), causes.join(","));
    let why = match verdict.decision {
        Decision::Allow => String::new(),
        Decision::Deny | Decision::Undecided => message::one_line(verdict),
    };
    let stats = verdict.stats;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                source = asker.source.as_str(),
                object = asker.object,
                image.reference = verdict.image,
                image.digest = digest,
                decision = verdict.decision.as_str(),
                rules,
                causes,
                why,
                warnings = verdict.warnings().map(Finding::stands_for).sum::<usize>(),
                duration_ms = stats.elapsed_ms,
                bytes = stats.bytes_read,
                layers_scanned = stats.layers_scanned,
                layers_cached = stats.layers_cached,
                complete = verdict.complete,
                "image judged"
            )
        };
    }
    match verdict.decision {
        Decision::Allow => line!(info),
        Decision::Deny | Decision::Undecided => line!(warn),
    }
}
