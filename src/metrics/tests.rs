//! What Prometheus is given: the names, the zeros, the help, and promtool's own opinion.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::model::verdict::{ImageSummary, Stats};
use crate::model::{Digest, Finding, Undecided};
use crate::store::QueueState;

fn verdict() -> Verdict {
    Verdict {
        image: "registry.example.com/ml/app:1".into(),
        digest: None,
        decision: Decision::Deny,
        findings: vec![Finding::new(
            RuleId::new("image-size"),
            Level::Deny,
            "too large",
            "smaller",
        )],
        undecided: vec![Undecided::new(Cause::Deadline, "")],
        exceptions: Vec::new(),
        images: vec![ImageSummary {
            platform: "linux/amd64".into(),
            digest: Digest::of(b""),
            compressed_size: 3 << 30,
            unpacked_size: 0,
            layers: Vec::new(),
        }],
        policy: "0123456789ab".into(),
        complete: true,
        stats: Stats::default(),
    }
}

/// Metrics in which everything has happened once.
fn busy() -> Metrics {
    let metrics = Metrics::new();
    metrics.decided(Source::Event, CacheUse::Miss, &verdict(), Duration::from_secs(7));
    let now = Timestamp::from_millisecond(10_000).unwrap();
    let oldest = Timestamp::from_millisecond(8_500).ok();
    metrics.set_queue(&QueueState { depth: 3, oldest, dead: 2 }, now);
    metrics.set_policy("aaaaaaaaaaaa");
    metrics.set_policy("0123456789ab");
    metrics.set_tls_not_after("2027-08-01T00:00:00Z".parse().unwrap());
    metrics.announce_receiver(&Configured::new("main"));
    metrics.response(Some(200));
    metrics.response(None);
    metrics.bytes(4096);
    metrics.http_requests_total.with((Path::Validate, Code::new(Some(200)))).inc();
    metrics
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}"))
}

#[test]
fn counts_what_happened() {
    let text = busy().render();
    for expected in [
        r#"plimsoll_decisions_total{decision="deny",source="event"} 1"#,
        r#"plimsoll_findings_total{level="deny",rule="image-size"} 1"#,
        r#"plimsoll_undecided_total{cause="deadline"} 1"#,
        r#"plimsoll_decide_seconds_bucket{cache="miss",source="event",le="10"} 1"#,
        r#"plimsoll_image_compressed_bytes_bucket{le="2147483648"} 0"#,
        r#"plimsoll_image_compressed_bytes_bucket{le="4294967296"} 1"#,
        "plimsoll_queue_depth 3",
        "plimsoll_dead_letters 2",
        "plimsoll_queue_oldest_seconds 1.5",
        r#"plimsoll_events_total{outcome="queued",receiver="main"} 0"#,
        r#"plimsoll_registry_requests_total{code="none"} 1"#,
        "plimsoll_registry_bytes_total 4096",
        "plimsoll_tls_not_after_seconds 1817078400",
        r#"plimsoll_http_requests_total{code="200",path="/validate"} 1"#,
    ] {
        assert_eq!(line(&text, expected), expected);
    }
    let policies: Vec<_> =
        text.lines().filter(|line| line.starts_with("plimsoll_policy_info")).collect();
    assert_eq!(policies, [r#"plimsoll_policy_info{hash="0123456789ab"} 1"#]);
}

#[test]
fn closed_series_are_there_from_the_start() {
    let text = Metrics::new().render();
    for cause in Cause::ALL {
        line(&text, &format!(r#"plimsoll_undecided_total{{cause="{cause}"}} 0"#));
    }
    line(&text, r#"plimsoll_findings_total{level="warn",rule="model-weights"} 0"#);
    line(&text, r#"plimsoll_decisions_total{decision="allow",source="push-gate"} 0"#);
    line(&text, "plimsoll_config_reload_failures_total 0");
}

#[test]
fn every_metric_has_help() {
    let text = busy().render();
    let named = |mark: &str| -> BTreeSet<String> {
        let marked = text.lines().filter_map(|line| line.strip_prefix(mark));
        marked.filter_map(|rest| Some(rest.split_once(' ')?.0.to_owned())).collect()
    };
    let types = named("# TYPE ");
    assert_eq!(named("# HELP "), types);
    insta::assert_snapshot!(
        types.iter().filter(|name| name.starts_with("plimsoll_")).cloned().collect::<Vec<_>>().join("\n"),
        @r"
    plimsoll_config_reload_failures_total
    plimsoll_dead_letters
    plimsoll_decide_seconds
    plimsoll_decisions_total
    plimsoll_events_total
    plimsoll_findings_total
    plimsoll_http_requests_total
    plimsoll_image_compressed_bytes
    plimsoll_layers_total
    plimsoll_phase_seconds
    plimsoll_policy_info
    plimsoll_queue_depth
    plimsoll_queue_oldest_seconds
    plimsoll_registry_bytes_total
    plimsoll_registry_requests_total
    plimsoll_scan_inflight
    plimsoll_tls_not_after_seconds
    plimsoll_tls_reload_failures_total
    plimsoll_undecided_total
    plimsoll_unreadable_reviews_total
    "
    );
    insta::assert_snapshot!(line(&text, "# HELP plimsoll_tls_reload"), @"# HELP plimsoll_tls_reload_failures_total Changed certificates that were refused; the last good one is still served.");
}

#[test]
fn two_in_one_process_do_not_count_together() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.bytes(1);
    assert_eq!(other.registry_bytes_total.get(), 0);
}

#[test]
fn large_counts_stay_about_right() {
    for (bytes, expected) in
        [(0, 0.0), (1, 1.0), (3 << 30, 3_221_225_472.0), (1 << 40, 1_099_511_627_776.0)]
    {
        assert!((float(bytes) - expected).abs() < 0.5, "{bytes}");
    }
}

/// `promtool check metrics` is what `make check` in Prometheus' own repositories uses. Installed by
/// CI (Debian package `prometheus`), where its absence is a failure.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn promtool_finds_nothing_wrong() {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else {
        assert!(std::env::var_os("CI").is_none(), "CI must install promtool (package prometheus)");
        eprintln!("skipped: promtool is not installed (package prometheus)");
        return;
    };
    promtool.stdin.take().unwrap().write_all(busy().render().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said.concat().is_empty(), "{}", said.concat());
}
