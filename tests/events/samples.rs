//! Bodies as registries really send them, and bodies that they never would.

use std::fmt::Write as _;

use crate::support::app::TestApp;
use crate::support::registry::FakeRegistry;

/// The samples of `research/events.md`, one for each thing distribution tells of.
const SAMPLES: &[(&str, &str)] = &[
    ("delete-tag", include_str!("../fixtures/events/distribution-delete-tag.json")),
    ("delete", include_str!("../fixtures/events/distribution-delete.json")),
    ("empty", include_str!("../fixtures/events/distribution-empty.json")),
    ("host-mismatch", include_str!("../fixtures/events/distribution-host-mismatch.json")),
    ("index", include_str!("../fixtures/events/distribution-index.json")),
    ("multi", include_str!("../fixtures/events/distribution-multi.json")),
    ("references", include_str!("../fixtures/events/distribution-references.json")),
    ("untagged-child", include_str!("../fixtures/events/distribution-untagged-child.json")),
    ("push", include_str!("../fixtures/events/distribution.json")),
];

#[tokio::test]
async fn every_sample_is_understood() {
    let mut told = String::new();
    for (name, body) in SAMPLES {
        // Each meets an empty queue, and a registry that does not answer.
        let registry = FakeRegistry::start().await;
        let held = registry.hold("/v2/");
        let app = TestApp::start(&registry, "").await;
        let (status, answer) = app.event(*body).await;
        writeln!(told, "{name}: {status} {answer}").unwrap();
        held.cancel();
        app.stop().await;
    }
    insta::assert_snapshot!(told, @r#"
    delete-tag: 202 {"accepted":0,"duplicate":0,"ignored":1,"unreadable":0}
    delete: 202 {"accepted":0,"duplicate":0,"ignored":1,"unreadable":0}
    empty: 202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":0}
    host-mismatch: 202 {"accepted":1,"duplicate":0,"ignored":0,"unreadable":0}
    index: 202 {"accepted":1,"duplicate":0,"ignored":0,"unreadable":0}
    multi: 202 {"accepted":1,"duplicate":0,"ignored":7,"unreadable":0}
    references: 202 {"accepted":1,"duplicate":0,"ignored":0,"unreadable":0}
    untagged-child: 202 {"accepted":1,"duplicate":0,"ignored":0,"unreadable":0}
    push: 202 {"accepted":1,"duplicate":0,"ignored":0,"unreadable":0}
    "#);
}

#[tokio::test]
async fn hosts_in_a_payload_are_never_contacted() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "events: {attempts: 1}").await;
    let (_, body) = SAMPLES.iter().find(|(name, _)| *name == "host-mismatch").unwrap();
    assert_eq!(app.event(*body).await.0, 202);
    app.wait_for_empty_queue().await;
    // The registry of the configuration was asked instead; it has no such image.
    assert!(!registry.requests_to("/v2/team-a/payments-api/manifests/sha256:").is_empty());
    let letter = app.app.store.dead_letters(1).await.unwrap().remove(0);
    assert!(letter.reason.contains(&registry.host()), "{}", letter.reason);
    assert!(!letter.reason.contains("10.0.7.15"), "{}", letter.reason);
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_understood_is_acknowledged_and_kept() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let junk: &[&[u8]] = &[
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        br#"{"events": 1}"#,
        br#"{"events": [{"action": "push"}]}"#,
        br#"{"events": [{"action": "push", "target": {"digest": "sha256:12", "repository": "a",
            "mediaType": "application/vnd.oci.image.manifest.v1+json"}}]}"#,
    ];
    let mut told = String::new();
    for body in junk {
        let (status, answer) = app.event(*body).await;
        writeln!(told, "{status} {answer}").unwrap();
    }
    let mut letters = app.app.store.dead_letters(100).await.unwrap();
    letters.reverse();
    for letter in &letters {
        writeln!(told, "{}: {} <- {:.30}", letter.receiver, letter.reason, letter.body).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    202 {"accepted":0,"duplicate":0,"ignored":0,"unreadable":1}
    main: unreadable event: EOF while parsing a value at line 1 column 0 <- 
    main: unreadable event: EOF while parsing an object at line 1 column 1 <- {
    main: unreadable event: invalid type: sequence, expected a map at line 1 column 0 <- []
    main: unreadable event: expected value at line 1 column 1 <- ��
    main: unreadable event: invalid type: integer `1`, expected a sequence <- {"events": 1}
    main: missing field `target` <- {"events": [{"action": "push"}
    main: malformed digest: `sha256:12` <- {"events": [{"action": "push",
    "#);
    assert_eq!(letters.len(), junk.len());
    let metrics = app.metrics().await;
    assert_eq!(metrics.events("dead-letter"), 7);
    assert_eq!(metrics.value("plimsoll_queue_depth"), 0);
    app.stop().await;
}
