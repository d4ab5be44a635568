//! Slow registries and many callers: an answer in time, always, and nothing asked for twice.

use futures_util::future::join_all;
use tokio::time::{Duration, Instant};

use crate::support::app::TestApp;
use crate::support::image::ImageBuilder;
use crate::support::registry::FakeRegistry;
use crate::support::reviews::pod;
use crate::support::samples::{app as app_layer, clean, publish};
use crate::support::wait::is_asked_for;
use crate::support::words::message;

const SCANNED: &str = r#"plimsoll_layers_total{result="scanned"}"#;

#[tokio::test]
async fn the_answer_comes_before_the_timeout_and_the_work_goes_on() {
    let registry = FakeRegistry::start().await;
    let image = clean("1");
    publish(&registry, "ml/app", "1", &image);
    let layers: Vec<String> =
        image.layers().iter().map(|layer| format!("/blobs/{}", layer.digest)).collect();
    let held: Vec<_> = layers.iter().map(|path| registry.hold(path)).collect();
    let app = TestApp::start(&registry, "admission: {timeout-margin: 500ms}").await;
    let review = pod(registry.reference("ml/app", "1"));

    let started = Instant::now();
    let answer = app.validate_within("2s", &review).await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(answer["allowed"], false);
    assert_eq!(
        (&answer["status"]["code"], &answer["status"]["reason"]),
        (&503.into(), &"ServiceUnavailable".into())
    );
    insta::assert_snapshot!(message(&answer, &registry), @r"
    spec.containers[0]: HOST/ml/app:1 could not be checked:
    - deadline: time ran out with 2 layers unread, 0 B of 21.0 KiB read (hint: try again: the scan goes on, and what was read is remembered)
    ");
    let metrics = app.metrics().await;
    assert_eq!(metrics.undecided("deadline"), 1);
    assert_eq!(metrics.decisions("admission", "undecided"), 1);

    for held in &held {
        held.cancel();
    }
    app.wait_for_metric(SCANNED, 2).await;
    assert_eq!(app.validate(&review).await["allowed"], true);
    for path in &layers {
        assert_eq!(registry.requests_to(path).len(), 1, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_registry_that_hangs_at_once_does_not_delay_the_answer() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    let held = registry.hold("/manifests/");
    let app = TestApp::start(&registry, "admission: {timeout-margin: 500ms}").await;
    let review = pod(registry.reference("ml/app", "1"));
    let answer = app.validate_within("1s", &review).await;
    insta::assert_snapshot!(message(&answer, &registry), @r"
    spec.containers[0]: HOST/ml/app:1 could not be checked:
    - deadline: time ran out while resolving the image (hint: try again: the scan goes on, and what was read is remembered)
    ");
    held.cancel();
    app.wait_for_metric(r#"plimsoll_phase_seconds_count{phase="resolve"}"#, 1).await;
    assert_eq!(app.validate(&review).await["allowed"], true);
    app.stop().await;
}

#[tokio::test]
async fn reviews_beyond_the_cap_are_shed_at_once() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    publish(&registry, "ml/other", "1", &clean("2"));
    let held = registry.hold("/ml/app/blobs/");
    let app = TestApp::start(&registry, "admission: {max-inflight: 1}").await;
    let slow = pod(registry.reference("ml/app", "1"));
    let slow = app.validate(&slow);
    let shed = async {
        is_asked_for(&registry, "/ml/app/blobs/").await;
        let answer = app.validate(&pod(registry.reference("ml/other", "1"))).await;
        held.cancel();
        answer
    };
    let (answered, shed) = tokio::join!(slow, shed);
    assert_eq!(answered["allowed"], true, "{answered}");
    assert_eq!(shed["status"]["code"], 503, "{shed}");
    insta::assert_snapshot!(message(&shed, &registry), @r"
    spec.containers[0]: HOST/ml/other:1 could not be checked:
    - overloaded: too many reviews at once (hint: try again later, or raise the limits under `scan` and `admission`)
    ");
    assert_eq!(registry.requests_to("/ml/other/").len(), 0);
    assert_eq!(app.metrics().await.undecided("overloaded"), 1);
    assert_eq!(app.validate(&pod(registry.reference("ml/other", "1"))).await["allowed"], true);
    app.stop().await;
}

#[tokio::test]
async fn fifty_who_ask_at_once_cost_one_download() {
    let registry = FakeRegistry::start().await;
    let image = clean("1");
    publish(&registry, "ml/app", "1", &image);
    let app = TestApp::start(&registry, "").await;
    let review = pod(registry.reference("ml/app", "1"));
    let answers = join_all((0..50).map(|_| app.validate(&review))).await;
    assert!(answers.iter().all(|answer| answer["allowed"] == true), "{answers:?}");
    for blob in registry.requests_to("/blobs/") {
        assert_eq!(registry.requests_to(&blob.path).len(), 1, "{}", blob.path);
    }
    assert_eq!(registry.requests_to("/blobs/").len(), 3);
    let by_digest = format!("/manifests/{}", image.digest());
    assert_eq!(registry.requests_to(&by_digest).len(), 1);
    let metrics = app.metrics().await;
    assert_eq!(metrics.decisions("admission", "allow"), 50);
    assert_eq!(metrics.value(SCANNED), 2);
    assert_eq!(metrics.value("plimsoll_scan_inflight"), 0);
    app.stop().await;
}

#[tokio::test]
async fn a_configuration_that_takes_long_to_judge_does_not_hold_up_the_answer() {
    let registry = FakeRegistry::start().await;
    // Three megabytes that look like assignments, again and again.
    let step = "RUN |1 TOKEN=${TOKEN} /bin/sh -c export API_KEY=$API_KEY PASSWORD=changeme; ";
    let heavy = ImageBuilder::new().step(&step.repeat(40_000)).layer(&app_layer("1")).build();
    publish(&registry, "ml/app", "1", &heavy);
    publish(&registry, "ml/other", "1", &clean("2"));
    let app = TestApp::start(&registry, "admission: {timeout-margin: 500ms}").await;
    let started = Instant::now();
    let (heavy, other) =
        (pod(registry.reference("ml/app", "1")), pod(registry.reference("ml/other", "1")));
    let (heavy, other) =
        tokio::join!(app.validate_within("2s", &heavy), app.validate_within("2s", &other));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(heavy["allowed"].is_boolean(), "{heavy}");
    assert_eq!(other["allowed"], true, "{other}");
    app.stop().await;
}
