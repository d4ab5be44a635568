//! What is no review, or asks about what is no image: each gets the defined answer, is counted,
//! and leaves the server as it was.

use std::fmt::Write as _;

use futures_util::{StreamExt as _, stream};
use plimsoll::receive::MAX_BODY_BYTES;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::registry::{FakeRegistry, Fault};
use crate::support::reviews::{UID, pod};
use crate::support::samples::{clean, publish};
use crate::support::words;

/// The status and the body of the answer to `body`.
async fn posted(app: &TestApp, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
    let response = app.post(path, body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn what_is_no_review_is_refused() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let table = ["", "{", "null", "[]", "{}", r#"{"request": {}}"#, r#"{"request": {"uid": 7}}"#];
    let mut told = String::new();
    for body in table {
        let (status, text) = posted(&app, "/validate", body).await;
        writeln!(told, "{status} {text}").unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    400 {"error":"malformed JSON: EOF while parsing a value at line 1 column 0"}
    400 {"error":"malformed JSON: EOF while parsing an object at line 1 column 1"}
    400 {"error":"not an AdmissionReview: `request.uid` is missing"}
    400 {"error":"not an AdmissionReview: `request.uid` is missing"}
    400 {"error":"not an AdmissionReview: `request.uid` is missing"}
    400 {"error":"not an AdmissionReview: `request.uid` is missing"}
    400 {"error":"not an AdmissionReview: `request.uid` is missing"}
    "#);
    assert_eq!(app.metrics().await.requests("/validate", 400), 7);
    app.stop().await;
}

#[tokio::test]
async fn a_review_with_a_uid_gets_a_review_back_whatever_is_in_it() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let mut wrong_version = pod("a");
    wrong_version["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let mut wrong_type = pod("a");
    wrong_type["request"]["operation"] = json!(["CREATE"]);
    let mut told = String::new();
    for review in [wrong_version, wrong_type] {
        let (status, text) = posted(&app, "/validate", review.to_string()).await;
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["response"]["uid"], UID);
        assert_eq!(answer["response"]["allowed"], false);
        writeln!(told, "{}", answer["response"]["status"]).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    {"code":400,"message":"plimsoll cannot read this review: `apiVersion` must be `admission.k8s.io/v1`","reason":"BadRequest"}
    {"code":400,"message":"plimsoll cannot read this review: invalid type: sequence, expected a string","reason":"BadRequest"}
    "#);
    assert_eq!(app.metrics().await.value("plimsoll_unreadable_reviews_total"), 2);
    app.stop().await;
}

#[tokio::test]
async fn bodies_are_capped_at_8_mib() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    let app = TestApp::start(&registry, "").await;
    let review = pod(registry.reference("ml/app", "1")).to_string();
    let padded = |length: usize| {
        let mut body = review.clone();
        body.extend(std::iter::repeat_n(' ', length - review.len()));
        body
    };
    for length in [MAX_BODY_BYTES - 1, MAX_BODY_BYTES] {
        assert_eq!(posted(&app, "/validate", padded(length)).await.0, 200, "{length}");
    }
    let (status, text) = posted(&app, "/validate", padded(MAX_BODY_BYTES + 1)).await;
    insta::assert_snapshot!(format!("{status} {text}"), @r#"413 {"error":"body is larger than 8388608 bytes"}"#);
    // Far beyond the cap as well, when it is not said how much will come.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65536])).take(1024);
    let response = app.post("/validate", reqwest::Body::wrap_stream(endless)).send().await;
    assert_eq!(response.map(|response| response.status().as_u16()).unwrap(), 413);
    assert_eq!(app.metrics().await.requests("/validate", 413), 2);
    assert_eq!(posted(&app, "/validate", review).await.0, 200);
    app.stop().await;
}

#[tokio::test]
async fn other_paths_and_methods_are_told_so() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let (status, text) = posted(&app, "/v1/admit", "{}").await;
    insta::assert_snapshot!(format!("{status} {text}"), @r#"404 {"error":"no such endpoint: `POST /v1/admit`"}"#);
    assert_eq!(app.admin("/").await.status(), 404);
    assert_eq!(app.admin("/livez").await.text().await.unwrap(), "ok\n");
    assert_eq!(app.admin("/readyz").await.text().await.unwrap(), "ok\n");
    let metrics = app.metrics().await;
    assert_eq!(metrics.requests("other", 404), 1);
    app.stop().await;
}

#[tokio::test]
async fn images_that_no_registry_is_asked_for() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let long = "a".repeat(5000);
    let table = [
        ("unlisted-registry", "127.0.0.1:9/ml/app:1"),
        ("unlisted-registry", "metadata.google.internal/ml/app:1"),
        ("not-found", "not an image"),
        ("not-found", "UPPER/Case:1"),
        ("not-found", "app@sha256:12"),
        ("not-found", ""),
        ("not-found", long.as_str()),
    ];
    let mut told = String::new();
    for (cause, image) in table {
        let answer = app.validate(&pod(image)).await;
        assert_eq!(answer["allowed"], false, "{image}");
        assert_eq!(answer["status"]["code"], 503, "{image}");
        assert_eq!(answer["status"]["details"]["causes"][0]["reason"], cause, "{image}");
        let message = answer["status"]["message"].as_str().unwrap();
        assert!(message.len() <= 2048);
        let short: String = message.chars().take(400).collect();
        writeln!(told, "{short}\n").unwrap();
    }
    insta::assert_snapshot!(told, @r"
    spec.containers[0]: 127.0.0.1:9/ml/app:1 could not be checked:
    - unlisted-registry: `127.0.0.1:9` (hint: ask the operator to add the registry to `registries`)

    spec.containers[0]: metadata.google.internal/ml/app:1 could not be checked:
    - unlisted-registry: `metadata.google.internal` (hint: ask the operator to add the registry to `registries`)

    spec.containers[0]: not an image could not be checked:
    - not-found: not an image reference (invalid reference format): `not an image` (hint: check the name, tag and digest, and that the push has ended)

    spec.containers[0]: UPPER/Case:1 could not be checked:
    - not-found: not an image reference (upper case in the repository): `UPPER/Case:1` (hint: check the name, tag and digest, and that the push has ended)

    spec.containers[0]: app@sha256:12 could not be checked:
    - not-found: not an image reference (invalid reference format): `app@sha256:12` (hint: check the name, tag and digest, and that the push has ended)

    spec.containers[0]:  could not be checked:
    - not-found: not an image reference (repository name must have at least one component): `` (hint: check the name, tag and digest, and that the push has ended)

    spec.containers[0]: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… could not be checked:
    - not-found: not an image reference (longer than 1024 bytes): `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    ");
    let metrics = app.metrics().await;
    assert_eq!(metrics.undecided("unlisted-registry"), 2);
    assert_eq!(metrics.undecided("not-found"), 5);
    assert_eq!(metrics.decisions("admission", "undecided"), 7);
    assert_eq!(registry.requests().len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn registries_that_refuse_or_lie() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    for name in ["denied", "gone", "busy", "broken", "other", "cut"] {
        publish(&registry, &format!("ml/{name}"), "1", &clean(name));
    }
    registry.fault("/ml/denied/", Fault::Status(403));
    registry.fault("/ml/gone/", Fault::Status(404));
    let (header, wait) = ("retry-after", "3600".to_owned());
    registry.fault("/ml/busy/", Fault::Answer(429, header, wait, String::new()));
    registry.fault("/ml/broken/", Fault::Status(500));
    registry.fault("/ml/other/manifests/1", Fault::WrongBytes);
    let layer = clean("cut").layers()[1].digest.to_string();
    registry.fault(&format!("/ml/cut/blobs/{layer}"), Fault::CutAfter(10));
    let table = [
        ("denied", "registry-denied"),
        ("gone", "not-found"),
        ("busy", "rate-limited"),
        ("broken", "registry-unreachable"),
        ("other", "registry-unreachable"),
        ("cut", "registry-unreachable"),
    ];
    let ask =
        async |name: &str| app.validate(&pod(registry.reference(&format!("ml/{name}"), "1"))).await;
    let answers = futures_util::future::join_all(table.iter().map(|(name, _)| ask(name))).await;
    let mut told = String::new();
    for ((name, cause), answer) in table.into_iter().zip(answers) {
        assert_eq!(answer["status"]["details"]["causes"][0]["reason"], cause, "{name}: {answer}");
        assert_eq!(answer["status"]["code"], 503, "{name}");
        writeln!(told, "{}", answer["status"]["message"].as_str().unwrap()).unwrap();
    }
    insta::assert_snapshot!(words::told(&told, &registry), @r"
    spec.containers[0]: HOST/ml/denied:1 could not be checked:
    - registry-denied: GET HOST/ml/denied manifests/1: status 403 (hint: check `registries[].credentials` for this registry)
    spec.containers[0]: HOST/ml/gone:1 could not be checked:
    - not-found: GET HOST/ml/gone manifests/1: status 404 (hint: check the name, tag and digest, and that the push has ended)
    spec.containers[0]: HOST/ml/busy:1 could not be checked:
    - rate-limited: GET HOST/ml/busy manifests/1: status 429 (hint: log in to the registry, mirror it, or try again later)
    spec.containers[0]: HOST/ml/broken:1 could not be checked:
    - registry-unreachable: GET HOST/ml/broken manifests/1: status 500 (hint: check that the registry is up and reachable, then try again)
    spec.containers[0]: HOST/ml/other:1 could not be checked:
    - registry-unreachable: registry returned other bytes than asked: GET HOST/ml/other manifests/1: wanted sha256:..., got sha256:... (hint: check that the registry is up and reachable, then try again)
    spec.containers[0]: HOST/ml/cut:1 could not be checked:
    - registry-unreachable: GET HOST/ml/cut blobs/sha256:...: end of file before message length reached (hint: check that the registry is up and reachable, then try again)
    ");
    assert_eq!(app.metrics().await.undecided("registry-unreachable"), 3);
    app.stop().await;
}
