//! How much work is done at once, how long it may take, and what a layer may cost.

use std::time::Duration;

use serde_json::Value;

use super::defaults;
use super::problem::Problems;
use super::raw::{RawAdmission, RawEvents, RawLimits, RawScan};
use super::shape::shown;
use crate::rules::Setting;
use crate::rules::settings::SettingValue;
use crate::scan::Limits;

/// Longest time span that can be written: longer ones are typing errors.
const MAX_SPAN: Duration = Duration::from_hours(7 * 24);
/// Most things done at once that can be written: more would only exhaust descriptors.
const MAX_AT_ONCE: u64 = 4096;

/// Most layers read at once. Each takes two threads, and the runtime has 512 of that kind: were
/// all taken by decompressors, none could scan what they wait to hand over.
const MAX_SCANS: usize = 128;

/// How layers are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Layers read at once.
    pub concurrency: usize,
    /// Longest time one layer may take.
    pub layer_timeout: Duration,
    /// Caps on what one layer may cost.
    pub limits: Limits,
}

/// How admission reviews are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// How long before the caller's timeout the answer goes out.
    pub timeout_margin: Duration,
    /// The timeout when the request does not name one.
    pub default_timeout: Duration,
    /// Reviews worked on at once.
    pub max_inflight: usize,
}

/// How push events are worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// Images judged at once.
    pub workers: usize,
    /// Tries before a job becomes a dead letter.
    pub attempts: u32,
    /// How long a worker may be silent before another takes its job.
    pub lease: Duration,
}

pub(super) fn scan(raw: RawScan, problems: &mut Problems) -> Scan {
    let usual = || {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (processors * defaults::SCANS_PER_PROCESSOR).clamp(defaults::FEWEST_SCANS, MAX_SCANS)
    };
    let concurrency = at_once("scan.concurrency", raw.concurrency, problems).unwrap_or_else(usual);
    if concurrency > MAX_SCANS {
        problems.add("scan.concurrency", format!("more than {MAX_SCANS}: `{concurrency}`"));
    }
    Scan {
        concurrency: concurrency.min(MAX_SCANS),
        layer_timeout: span("scan.layer-timeout", raw.layer_timeout.as_ref(), problems)
            .unwrap_or(defaults::LAYER_TIMEOUT),
        limits: limits(&raw.limits.unwrap_or_default(), problems),
    }
}

fn limits(raw: &RawLimits, problems: &mut Problems) -> Limits {
    let usual = Limits::default();
    let mut size = |key: &str, value: Option<&Value>, usual: u64| {
        let path = format!("scan.limits.{key}");
        let parsed = value.filter(|value| !value.is_null()).map(parse_size);
        let positive = parsed.map(|size| size.and_then(|size| positive(size).map(|()| size)));
        positive.and_then(|size| problems.keep(&path, size)).unwrap_or(usual)
    };
    let unpacked_bytes = size("unpacked-bytes", raw.unpacked_bytes.as_ref(), usual.unpacked_bytes);
    let ratio_from_bytes =
        size("ratio-from-bytes", raw.ratio_from_bytes.as_ref(), usual.ratio_from_bytes);
    let text_bytes = size("text-bytes", raw.text_bytes.as_ref(), usual.text_bytes);
    let listing_bytes = size("listing-bytes", raw.listing_bytes.as_ref(), usual.listing_bytes);
    let fact_bytes = size("fact-bytes", raw.fact_bytes.as_ref(), usual.fact_bytes);
    let mut count = |key: &str, value: Option<u64>, usual: u64| {
        let path = format!("scan.limits.{key}");
        value
            .and_then(|count| problems.keep(&path, positive(count).map(|()| count)))
            .unwrap_or(usual)
    };
    Limits {
        unpacked_bytes,
        entries: count("entries", raw.entries, usual.entries),
        listing_bytes,
        fact_bytes,
        path_bytes: count("path-bytes", raw.path_bytes, usual.path_bytes),
        ratio_from_bytes,
        ratio: count("ratio", raw.ratio, usual.ratio),
        text_bytes,
        facts_per_rule: raw
            .facts_per_rule
            .and_then(|facts| {
                let path = "scan.limits.facts-per-rule";
                problems.keep(path, at_most(facts, 1_000_000))
            })
            .unwrap_or(usual.facts_per_rule),
    }
}

pub(super) fn admission(raw: &RawAdmission, problems: &mut Problems) -> Admission {
    let admission = Admission {
        timeout_margin: span("admission.timeout-margin", raw.timeout_margin.as_ref(), problems)
            .unwrap_or(defaults::TIMEOUT_MARGIN),
        default_timeout: span("admission.default-timeout", raw.default_timeout.as_ref(), problems)
            .unwrap_or(defaults::ADMISSION_TIMEOUT),
        max_inflight: at_once("admission.max-inflight", raw.max_inflight, problems)
            .unwrap_or(defaults::MAX_INFLIGHT),
    };
    if admission.timeout_margin >= admission.default_timeout {
        problems.add(
            "admission.timeout-margin",
            "leaves no time (hint: it must be shorter than `admission.default-timeout`)",
        );
    }
    admission
}

pub(super) fn events(raw: &RawEvents, problems: &mut Problems) -> Events {
    let attempts = raw.attempts.and_then(|attempts| {
        let attempts = at_most(attempts, 100);
        problems.keep("events.attempts", attempts).and_then(|attempts| attempts.try_into().ok())
    });
    Events {
        workers: at_once("events.workers", raw.workers, problems)
            .unwrap_or(defaults::EVENT_WORKERS),
        attempts: attempts.unwrap_or(defaults::EVENT_ATTEMPTS),
        lease: span("events.lease", raw.lease.as_ref(), problems).unwrap_or(defaults::EVENT_LEASE),
    }
}

fn at_once(path: &str, written: Option<u64>, problems: &mut Problems) -> Option<usize> {
    problems.keep(path, at_most(written?, MAX_AT_ONCE))
}

fn at_most(written: u64, most: u64) -> Result<usize, String> {
    usize::try_from(written)
        .ok()
        .filter(|_| (1..=most).contains(&written))
        .ok_or_else(|| format!("expected a number from 1 to {most}, got `{written}`"))
}

fn positive(written: u64) -> Result<(), String> {
    if written == 0 { Err("expected more than 0".to_owned()) } else { Ok(()) }
}

fn parse_size(value: &Value) -> Result<u64, String> {
    // Sizes mean the same wherever they are written.
    const SIZE: Setting = Setting::bytes("size", 0, "");
    match SIZE.parse(value)? {
        SettingValue::Number(bytes) => Ok(bytes),
        SettingValue::Texts(_) => Err("expected a size such as `3GiB`".to_owned()),
    }
}

fn span(path: &str, value: Option<&Value>, problems: &mut Problems) -> Option<Duration> {
    let value = value.filter(|value| !value.is_null())?;
    problems.keep(path, parse_span(value))
}

fn parse_span(value: &Value) -> Result<Duration, String> {
    let refuse = || format!("expected a time span such as `10s` or `5m`, got {}", shown(value));
    let text = value.as_str().ok_or_else(refuse)?;
    let span = text.parse::<jiff::SignedDuration>().map_err(|_| refuse())?;
    let span = Duration::try_from(span).map_err(|_| refuse())?;
    if span.is_zero() || span > MAX_SPAN {
        return Err(format!(
            "expected a time span of more than 0 and at most 7 days, got `{text}`"
        ));
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_time_spans() {
        for (text, seconds) in [("10s", 10), ("5m", 300), ("1h 30m", 5400), ("1h30m", 5400)] {
            assert_eq!(parse_span(&json!(text)), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_span(&json!("250ms")), Ok(Duration::from_millis(250)));
        assert!(parse_span(&json!("167h")).is_ok());
        assert!(parse_span(&json!("168h")).is_ok());
        for bad in [
            json!("169h"),
            json!("1d"),
            json!("0s"),
            json!("-1s"),
            json!("10"),
            json!(10),
            json!([]),
        ] {
            assert!(parse_span(&bad).is_err(), "{bad}");
        }
        insta::assert_snapshot!(parse_span(&json!(10)).unwrap_err(), @"expected a time span such as `10s` or `5m`, got `10`");
    }

    #[test]
    fn counts_are_capped() {
        assert!(at_most(0, 4).is_err());
        assert_eq!(at_most(3, 4), Ok(3));
        assert_eq!(at_most(4, 4), Ok(4));
        insta::assert_snapshot!(at_most(5, 4).unwrap_err(), @"expected a number from 1 to 4, got `5`");
    }
}
