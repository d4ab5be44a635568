//! Bounds on what is asked: below, at and above.

use std::sync::Arc;

use plimsoll::judge::Question;
use plimsoll::model::manifest::OCI_MANIFEST;
use plimsoll::model::{Digest, Verdict};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::image::{BuiltImage, ImageBuilder};
use crate::support::registry::FakeRegistry;
use crate::support::samples::{app, base, clean, publish, publish_index};

const DENY: &str = "policy: {rules: {scan-evidence: {level: deny}}}";
const SARIF: &str = "application/sarif+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A clean image, in the registry as `ml/app:1`.
async fn scene() -> (FakeRegistry, Digest, TestApp) {
    let registry = FakeRegistry::start().await;
    let image = publish(&registry, "ml/app", "1", &clean("1"));
    let app = TestApp::start(&registry, DENY).await;
    (registry, image, app)
}

/// The verdict on `ml/app:1`.
async fn verdict(registry: &FakeRegistry, app: &TestApp) -> Verdict {
    let question = Question {
        reference: registry.reference("ml/app", "1"),
        namespace: None,
        policy: Arc::clone(&app.app.live.load().policy),
        today: jiff::civil::date(2027, 1, 1),
    };
    app.app.inspector.inspect(&question, None).await
}

/// What was not known, if anything.
fn unknown(verdict: &Verdict) -> String {
    verdict.undecided.iter().map(ToString::to_string).collect()
}

/// A line of a list of referrers, which differs with `n`.
fn line(n: usize, kind: &str, padding: usize) -> Value {
    json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(&n.to_le_bytes()), "size": 1,
        "artifactType": kind, "annotations": {"padding": "x".repeat(padding)}})
}

#[tokio::test]
async fn pages() {
    for (pages, expected) in [(19, true), (20, true), (21, false)] {
        let (registry, image, app) = scene().await;
        let lists = (0..pages).map(|n| vec![line(n, SARIF, 0)]).collect();
        registry.put_referrers("ml/app", &image, lists);
        let unknown = unknown(&verdict(&registry, &app).await);
        assert_eq!(unknown.is_empty(), expected, "{pages}: {unknown}");
        assert!(expected || unknown.ends_with(": more than 20 pages of referrers"), "{unknown}");
        assert_eq!(registry.requests_to("/referrers/").len(), pages.min(20));
        app.stop().await;
    }
}

#[tokio::test]
async fn entries_of_a_list() {
    for (count, expected) in [(1999, true), (2000, true), (2001, false)] {
        let (registry, image, app) = scene().await;
        let lines: Vec<Value> = (0..count).map(|n| line(n, SARIF, 0)).collect();
        let (first, second) = lines.split_at(1000);
        registry.put_referrers("ml/app", &image, vec![first.to_vec(), second.to_vec()]);
        let unknown = unknown(&verdict(&registry, &app).await);
        assert_eq!(unknown.is_empty(), expected, "{count}: {unknown}");
        assert!(expected || unknown.ends_with(": more than 2000 referrers"), "{unknown}");
        app.stop().await;
    }
}

#[tokio::test]
async fn bytes_of_all_pages() {
    const PAGE: usize = 1 << 20;
    for (pages, expected) in [(3, true), (4, false)] {
        let (registry, image, app) = scene().await;
        // With what is around the padding, four are more than 4 MiB.
        let lists = (0..pages).map(|n| vec![line(n, SARIF, PAGE)]).collect();
        registry.put_referrers("ml/app", &image, lists);
        let unknown = unknown(&verdict(&registry, &app).await);
        assert_eq!(unknown.is_empty(), expected, "{pages}: {unknown}");
        assert!(expected || unknown.contains("list of referrers is larger than"), "{unknown}");
        app.stop().await;
    }
}

#[tokio::test]
async fn documents_that_are_opened() {
    for (count, expected) in [(49, true), (50, true), (51, false)] {
        let (registry, image, app) = scene().await;
        let lines = (0..count).map(|n| line(n, EMPTY, 0)).collect();
        registry.put_referrers("ml/app", &image, vec![lines]);
        let unknown = unknown(&verdict(&registry, &app).await);
        assert_eq!(unknown.is_empty(), expected, "{count}: {unknown}");
        assert!(expected || unknown.ends_with("51 documents to open (limit 50)"), "{unknown}");
        app.stop().await;
    }
}

#[tokio::test]
async fn manifests_of_one_index() {
    // The index is one of the 64.
    for (count, expected) in [(62, true), (63, true), (64, false)] {
        let registry = FakeRegistry::start().await;
        let image =
            |n: usize| ImageBuilder::new().layer(&base()).layer(&app(&n.to_string())).build();
        let images: Vec<BuiltImage> = (0..count).map(image).collect();
        publish_index(&registry, "ml/app", "1", &images.iter().collect::<Vec<_>>());
        let app = TestApp::start(&registry, DENY).await;
        let verdict = verdict(&registry, &app).await;
        let unknown = unknown(&verdict);
        assert_eq!(unknown.is_empty(), expected, "{count}: {unknown}");
        assert!(expected || unknown.ends_with("more than 64 manifests in one index"), "{unknown}");
        assert_eq!(verdict.denials().count(), count.min(63));
        app.stop().await;
    }
}
