//! What Prometheus sees (contract: DESIGN.md section 4.6). Each field's doc comment is its help
//! text. No label can hold what an outsider chose, such as a repository or tag: label values come
//! from closed enums, from the rules, or from configuration.

mod family;
mod label;

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

pub use family::{Family, Labels, Vector};
pub use label::{
    CacheUse, Code, Configured, EventOutcome, Label, LayerResult, Path, Phase, PolicyHash, Source,
};

use crate::model::{Cause, Decision, Level, RuleId, Verdict};
use crate::registry::FetchObserver;
use crate::store::QueueState;
use family::{Kind, Spec};

/// Decisions: milliseconds when all is known, up to the 30 s that Kubernetes allows, and the
/// minutes that a pushed image may take.
const DECIDE_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
    600.0,
];
/// Phases: judging takes microseconds, reading a 15 GB image up to a quarter of an hour.
const PHASE_SECONDS: &[f64] =
    &[0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0];
/// Images: 64 MiB to 64 GiB, doubling; the default limit of 3 GiB lies between two bounds.
const IMAGE_BYTES: &[f64] = &[
    67_108_864.0,
    134_217_728.0,
    268_435_456.0,
    536_870_912.0,
    1_073_741_824.0,
    2_147_483_648.0,
    4_294_967_296.0,
    8_589_934_592.0,
    17_179_869_184.0,
    34_359_738_368.0,
    68_719_476_736.0,
];

/// Declares a struct of metrics and its constructor: the doc comment is the help text, the name
/// follows from the field, labels from the type, buckets from `= ...`.
macro_rules! metrics {
    (
        $(#[$about:meta])*
        pub struct $all:ident {
            $( $(#[doc = $help:literal])+ pub $field:ident: $kind:ty $(= $buckets:expr)?, )+
        }
    ) => {
        $(#[$about])*
        pub struct $all {
            registry: Registry,
            $( $(#[doc = $help])+ pub $field: $kind, )+
        }

        impl $all {
            fn register(registry: Registry) -> Result<Self, prometheus::Error> {
                $( let $field = <$kind as Kind>::register(&registry, &Spec {
                    name: concat!("plimsoll_", stringify!($field)),
                    help: concat!($($help),+).trim(),
                    buckets: metrics!(@buckets $($buckets)?),
                })?; )+
                Ok(Self { registry, $($field),+ })
            }
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:expr) => { $buckets };
}

metrics! {
    /// All metrics of one process, in a registry of their own: two servers in one test process do
    /// not count together.
    pub struct Metrics {
        /// Decisions by who asked and outcome.
        pub decisions_total: Family<IntCounterVec, (Source, Decision)>,
        /// Findings by rule and level.
        pub findings_total: Family<IntCounterVec, (RuleId, Level)>,
        /// What could not be decided, by cause.
        pub undecided_total: Family<IntCounterVec, (Cause,)>,
        /// Time from question to decision, by who asked and how much was known already.
        pub decide_seconds: Family<HistogramVec, (Source, CacheUse)> = DECIDE_SECONDS,
        /// Time spent in one phase of a decision.
        pub phase_seconds: Family<HistogramVec, (Phase,)> = PHASE_SECONDS,
        /// Layers by what became of them.
        pub layers_total: Family<IntCounterVec, (LayerResult,)>,
        /// Bytes of bodies read from registries.
        pub registry_bytes_total: IntCounter,
        /// Requests to registries by status code of the answer, or `none` without one.
        pub registry_requests_total: Family<IntCounterVec, (Code,)>,
        /// Layers being scanned now.
        pub scan_inflight: IntGauge,
        /// Jobs waiting or running.
        pub queue_depth: IntGauge,
        /// Events and jobs that were given up and are kept for people.
        pub dead_letters: IntGauge,
        /// Age of the oldest job that waits or runs.
        pub queue_oldest_seconds: Gauge,
        /// Events by configured receiver and what became of them.
        pub events_total: Family<IntCounterVec, (Configured, EventOutcome)>,
        /// Compressed size of judged images, one platform each.
        pub image_compressed_bytes: Histogram = IMAGE_BYTES,
        /// Always 1; the label names the policy in force.
        pub policy_info: Family<IntGaugeVec, (PolicyHash,)>,
        /// Changed configurations that were refused; the last good one stays in force.
        pub config_reload_failures_total: IntCounter,
        /// Changed certificates that were refused; the last good one is still served.
        pub tls_reload_failures_total: IntCounter,
        /// Unix time at which the certificate being served expires.
        pub tls_not_after_seconds: IntGauge,
        /// HTTP requests by kind of path and status code.
        pub http_requests_total: Family<IntCounterVec, (Path, Code)>,
        /// Admission reviews that were refused because they could not be read.
        pub unreadable_reviews_total: IntCounter,
    }
}

impl Metrics {
    /// All metrics at zero.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "registering fails on malformed or doubled names only; all are literals above"
    )]
    pub fn new() -> Self {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("the first collector");
        Self::register(registry).expect("names are well formed and different")
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics cannot be written");
            String::new()
        })
    }

    /// Counts a decision with all that belongs to it.
    pub fn decided(&self, source: Source, cache: CacheUse, verdict: &Verdict, took: Duration) {
        self.decisions_total.with((source, verdict.decision)).inc();
        self.decide_seconds.with((source, cache)).observe(took.as_secs_f64());
        for finding in &verdict.findings {
            let count = u64::try_from(finding.stands_for()).unwrap_or(u64::MAX);
            self.findings_total.with((finding.rule.clone(), finding.level)).inc_by(count);
        }
        for undecided in &verdict.undecided {
            self.undecided_total.with((undecided.cause,)).inc();
        }
        for image in &verdict.images {
            self.image_compressed_bytes.observe(float(image.compressed_size));
        }
    }

    /// Shows the state of the queue at `now`.
    pub fn set_queue(&self, state: &QueueState, now: Timestamp) {
        let oldest = state.oldest.and_then(|oldest| now.duration_since(oldest).try_into().ok());
        self.set_queue_age(oldest);
        self.queue_depth.set(i64::try_from(state.depth).unwrap_or(i64::MAX));
        self.dead_letters.set(i64::try_from(state.dead).unwrap_or(i64::MAX));
    }

    fn set_queue_age(&self, oldest: Option<Duration>) {
        self.queue_oldest_seconds.set(oldest.unwrap_or_default().as_secs_f64());
    }

    /// Shows the policy in force; the one before disappears.
    pub fn set_policy(&self, hash: &str) {
        self.policy_info.reset();
        self.policy_info.with((PolicyHash::new(hash),)).set(1);
    }

    /// Shows when the certificate being served expires.
    pub fn set_tls_not_after(&self, not_after: Timestamp) {
        self.tls_not_after_seconds.set(not_after.as_second());
    }

    /// Shows a receiver's counters from the start, at zero.
    pub fn announce_receiver(&self, name: &Configured) {
        for outcome in EventOutcome::all() {
            self.events_total.with((name.clone(), outcome));
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl FetchObserver for Metrics {
    fn response(&self, code: Option<u16>) {
        self.registry_requests_total.with((Code::new(code),)).inc();
    }

    fn bytes(&self, count: u64) {
        self.registry_bytes_total.inc_by(count);
    }
}

/// Buckets do not mind that a float is exact up to 8 PiB only.
fn float(bytes: u64) -> f64 {
    let high = u32::try_from(bytes >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(bytes & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests;
