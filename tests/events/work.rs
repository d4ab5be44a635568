//! From an accepted event to a verdict.

use plimsoll::model::Decision;
use serde_json::json;

use crate::support::app::{TestApp, push_event};
use crate::support::image::ImageBuilder;
use crate::support::registry::FakeRegistry;
use crate::support::reviews::pod;
use crate::support::samples::{base, clean, cuda_devel, publish, publish_index};
use crate::support::wait::is_asked_for;

#[tokio::test]
async fn pushes_are_judged_and_the_verdicts_kept() {
    let registry = FakeRegistry::start().await;
    let good = publish(&registry, "ml/good", "1", &clean("1"));
    let bad = publish(&registry, "ml/bad", "1", &cuda_devel());
    let app = TestApp::start(&registry, "").await;
    app.pushed("ml/good", "1", &good).await;
    app.pushed("ml/bad", "1", &bad).await;
    let metrics = app.wait_for_empty_queue().await;
    assert_eq!(metrics.decisions("event", "allow"), 1);
    assert_eq!(metrics.decisions("event", "deny"), 1);
    assert_eq!(metrics.events("queued"), 2);
    assert!(metrics.seconds("plimsoll_queue_oldest_seconds") <= 0.0);
    let mut verdicts = app.app.store.verdicts(10).await.unwrap();
    verdicts.sort_by_key(|verdict| verdict.image.clone());
    let kept: Vec<_> =
        verdicts.iter().map(|verdict| (verdict.digest.clone(), verdict.decision)).collect();
    assert_eq!(kept, [(Some(bad), Decision::Deny), (Some(good), Decision::Allow)]);
    assert_eq!(app.app.store.dead_letters(10).await.unwrap(), []);

    // When the pod comes, nothing has to be read any more but what the tag names.
    let before = registry.requests().len();
    assert_eq!(app.validate(&pod(registry.reference("ml/good", "1"))).await["allowed"], true);
    let asked: Vec<String> =
        registry.requests().split_off(before).into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/v2/ml/good/manifests/1"]);
    app.stop().await;
}

#[tokio::test]
async fn an_index_is_judged_on_every_platform() {
    let registry = FakeRegistry::start().await;
    let arm = ImageBuilder::new().architecture("arm64").layer(&base()).build();
    let digest = publish_index(&registry, "ml/app", "1", &[&clean("1"), &arm]);
    let app = TestApp::start(&registry, "").await;
    app.pushed("ml/app", "1", &digest).await;
    app.wait_for_empty_queue().await;
    let verdict = app.app.store.verdicts(1).await.unwrap().remove(0);
    let platforms: Vec<&str> = verdict.images.iter().map(|image| image.platform.as_str()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    app.stop().await;
}

#[tokio::test]
async fn what_waits_or_runs_already_is_a_duplicate() {
    let registry = FakeRegistry::start().await;
    let digest = publish(&registry, "ml/app", "1", &clean("1"));
    let held = registry.hold("/blobs/");
    let app = TestApp::start(&registry, "").await;
    app.pushed("ml/app", "1", &digest).await;
    is_asked_for(&registry, "/blobs/").await;
    // A body may hold the same push twice, and another one.
    let mut body = push_event("ml/app", "latest", &digest);
    let other = publish(&registry, "ml/other", "1", &clean("2"));
    let twice = body["events"][0].clone();
    let another = push_event("ml/other", "1", &other)["events"][0].clone();
    body["events"] = json!([twice, twice, another]);
    let (_, answer) = app.event(body.to_string()).await;
    insta::assert_snapshot!(answer, @r#"{"accepted":1,"duplicate":2,"ignored":0,"unreadable":0}"#);
    let metrics = app.metrics().await;
    assert_eq!((metrics.events("queued"), metrics.events("duplicate")), (2, 2));
    assert_eq!(metrics.value("plimsoll_queue_depth"), 2);
    assert!(metrics.seconds("plimsoll_queue_oldest_seconds") > 0.0);
    held.cancel();
    app.wait_for_empty_queue().await;
    assert_eq!(app.app.store.verdicts(10).await.unwrap().len(), 2);

    // What has ended may be pushed again.
    app.pushed("ml/app", "1", &digest).await;
    let metrics = app.wait_for_empty_queue().await;
    assert_eq!(metrics.events("queued"), 3);
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_image_is_let_pass() {
    let registry = FakeRegistry::start().await;
    let config = registry.put_blob("application/vnd.oci.empty.v1+json", "{}");
    let chart = registry.put_blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "chart");
    let manifest = json!({"schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.cncf.helm.config.v1+json",
        "config": config, "layers": [chart]});
    let digest = registry.put_manifest("charts/app", Some("1"), &manifest);
    let app = TestApp::start(&registry, "").await;
    app.pushed("charts/app", "1", &digest).await;
    let metrics = app.wait_for_empty_queue().await;
    assert_eq!(metrics.decisions("event", "allow"), 1);
    assert_eq!(registry.requests_to("/blobs/").len(), 0);
    app.stop().await;
}
