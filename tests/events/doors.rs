//! Who may send events, and what they are told otherwise.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll::receive::MAX_BODY_BYTES;

use crate::support::app::{TOKEN, TestApp};
use crate::support::registry::FakeRegistry;

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn only_the_right_credentials_open() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let bearer = format!("Bearer {TOKEN}");
    let table = [
        ("main", Some(bearer.clone()), 202),
        ("main", Some(format!("{bearer}x")), 401),
        ("main", Some("Bearer".to_owned()), 401),
        ("main", Some(basic(&format!("reg:{TOKEN}"))), 401),
        ("main", None, 401),
        ("basic", Some(basic(&format!("reg:{TOKEN}"))), 202),
        ("basic", Some(basic("reg:wrong")), 401),
        ("basic", Some(basic(&format!("other:{TOKEN}"))), 401),
        ("basic", Some(bearer.clone()), 401),
        ("basic", None, 401),
        ("main/", Some(bearer.clone()), 404),
        ("nobody", Some(bearer.clone()), 404),
        ("nobody", None, 404),
    ];
    let mut refusals = String::new();
    for (receiver, authorization, expected) in table {
        let response = app.event_as(receiver, authorization.as_deref(), "{}").await;
        assert_eq!(response.status(), expected, "{receiver} {authorization:?}");
        if expected == 202 {
            continue;
        }
        let challenge = response.headers().get("www-authenticate").cloned();
        let challenge =
            challenge.map_or("-".to_owned(), |value| value.to_str().unwrap().to_owned());
        let line = format!("{receiver}: {challenge}: {}", response.text().await.unwrap());
        if !refusals.contains(&line) {
            writeln!(refusals, "{line}").unwrap();
        }
    }
    // The same words whatever was wrong.
    insta::assert_snapshot!(refusals, @r#"
    main: Bearer realm="plimsoll": {"error":"wrong or missing credentials"}
    basic: Basic realm="plimsoll": {"error":"wrong or missing credentials"}
    main/: -: {"error":"no such endpoint: `POST /events/main/`"}
    nobody: -: {"error":"no such receiver"}
    "#);
    let metrics = app.metrics().await;
    assert_eq!(metrics.events("unauthorized"), 4);
    assert_eq!(metrics.requests("/events", 401), 8);
    app.stop().await;
}

#[tokio::test]
async fn nobody_who_may_not_send_makes_us_read() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(app.event_as("main", None, large.clone()).await.status(), 401);
    let (status, text) = app.event(large).await;
    insta::assert_snapshot!(format!("{status} {text}"), @r#"413 {"error":"body is larger than 8388608 bytes"}"#);
    assert_eq!(app.metrics().await.events("refused"), 1);
    app.stop().await;
}
