//! Registries and stores that fail: nothing that was accepted is lost, nothing is kept for ever.

use plimsoll::model::{Decision, Digest};
use plimsoll::store::sqlite::SqliteStore;
use plimsoll::store::{NewJob, Store as _};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, SqliteConnection};
use tokio::net::TcpStream;
use tokio::time::Duration;

use crate::support::app::{Berth, TestApp, push_event, usual};
use crate::support::registry::{FakeRegistry, Fault};
use crate::support::reviews::pod;
use crate::support::samples::{clean, publish};
use crate::support::wait::{is_asked_for, wait_for};
use crate::support::words::told;

const DEAD_LETTERS: &str = r#"plimsoll_events_total{outcome="dead-letter",receiver="main"}"#;

#[tokio::test]
async fn a_registry_that_fails_for_a_while_is_asked_again() {
    let registry = FakeRegistry::start().await;
    let digest = publish(&registry, "ml/app", "1", &clean("1"));
    // More than one attempt's patience.
    registry.fault_times("/manifests/", Fault::Status(500), 5);
    let app = TestApp::start(&registry, "").await;
    app.pushed("ml/app", "1", &digest).await;
    let metrics = app.wait_for_empty_queue().await;
    assert_eq!(metrics.decisions("event", "undecided"), 1);
    assert_eq!(metrics.decisions("event", "allow"), 1);
    assert_eq!(metrics.undecided("registry-unreachable"), 1);
    assert_eq!(metrics.value(r#"plimsoll_registry_requests_total{code="500"}"#), 5);
    assert_eq!(app.app.store.dead_letters(10).await.unwrap(), []);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_succeed_becomes_a_dead_letter() {
    let registry = FakeRegistry::start().await;
    let digest = publish(&registry, "ml/app", "1", &clean("1"));
    registry.fault("/v2/", Fault::Status(403));
    let more = r#"
registries: []
receivers:
  - {name: main, kind: distribution, registry: "127.0.0.1:9", auth: {bearer-file: token}}
"#;
    // A registry that nobody listed is not contacted, and never will be.
    let unlisted = Berth::new().await.start(more).await;
    unlisted.pushed("ml/app", "1", &digest).await;
    let metrics = unlisted.wait_for_empty_queue().await;
    assert_eq!(metrics.undecided("unlisted-registry"), 1);
    let letter = unlisted.app.store.dead_letters(10).await.unwrap().remove(0);
    insta::assert_snapshot!(letter.reason, @"unlisted-registry: `127.0.0.1:9`");
    insta::assert_snapshot!(told(&letter.body, &registry), @r#"{"attempts":1,"digest":"sha256:...","registry":"127.0.0.1:9","repository":"ml/app","tag":"1"}"#);
    // Counted a moment after it left the queue.
    unlisted.wait_for_metric(DEAD_LETTERS, 1).await;
    unlisted.stop().await;

    // One that refuses is asked as often as the configuration says.
    let refused = TestApp::start(&registry, "events: {attempts: 2}").await;
    refused.pushed("ml/app", "1", &digest).await;
    let metrics = refused.wait_for_empty_queue().await;
    assert_eq!(metrics.decisions("event", "undecided"), 2);
    let letter = refused.app.store.dead_letters(10).await.unwrap().remove(0);
    insta::assert_snapshot!(told(&letter.reason, &registry), @"registry-denied: GET HOST/ml/app manifests/sha256:...: status 403");
    refused.wait_for_metric(DEAD_LETTERS, 1).await;
    refused.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_acknowledged() {
    let registry = FakeRegistry::start().await;
    let image = clean("1");
    let digest = publish(&registry, "ml/app", "1", &image);
    let app = TestApp::start(&registry, "").await;
    let review = pod(registry.reference("ml/app", "1"));
    assert_eq!(app.validate(&review).await["allowed"], true);

    // Another process takes the database for itself.
    let mut thief = connect(&app).await;
    thief.execute("BEGIN EXCLUSIVE").await.unwrap();
    let body = push_event("ml/app", "1", &digest).to_string();
    let (status, answer) = app.event(body.clone()).await;
    insta::assert_snapshot!(format!("{status} {answer}"), @r#"503 {"error":"the event cannot be kept now: try again"}"#);
    let (status, _) = app.event("junk").await;
    assert_eq!(status, 503);
    // What is in memory is answered all the same, within a second and without waiting for the
    // store; and the process stays ready.
    assert_eq!(app.validate_within("2s", &review).await["allowed"], true);
    assert_eq!(app.admin("/readyz").await.status(), 200);
    let metrics = app.metrics().await;
    assert_eq!(metrics.events("refused"), 2);
    assert_eq!(metrics.events("queued"), 0);

    thief.execute("ROLLBACK").await.unwrap();
    assert_eq!(app.event(body).await.0, 202);
    let metrics = app.wait_for_empty_queue().await;
    assert_eq!(metrics.decisions("event", "allow"), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_job_in_hand_outlives_the_end() {
    let registry = FakeRegistry::start().await;
    let digest = publish(&registry, "ml/app", "1", &clean("1"));
    let held = registry.hold("/blobs/");
    let app = TestApp::start(&registry, "").await;
    app.pushed("ml/app", "1", &digest).await;
    is_asked_for(&registry, "/blobs/").await;
    // The end does not wait for the registry.
    let folder = app.stop().await;
    held.cancel();
    let store = SqliteStore::open(folder.path().join("plimsoll.db")).await.unwrap();
    assert_eq!(store.queue_state().await.unwrap().depth, 1);
    assert_eq!(store.verdicts(10).await.unwrap(), []);
    store.close().await;

    // Who starts next takes it up at once.
    let berth = Berth::new().await;
    berth.take_store(folder.path());
    let app = berth.start(&usual(&registry.host())).await;
    app.wait_for_empty_queue().await;
    let verdicts = app.app.store.verdicts(10).await.unwrap();
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].decision, Decision::Allow);
    app.stop().await;
}

#[tokio::test]
async fn requests_under_way_are_answered_at_the_end() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    let held = registry.hold("/blobs/");
    let app = TestApp::start(&registry, "").await;
    let review = pod(registry.reference("ml/app", "1"));
    let asked = app.validate(&review);
    let ending = async {
        is_asked_for(&registry, "/blobs/").await;
        app.begin_to_stop();
        let address = app.webhook().strip_prefix("https://").unwrap();
        wait_for("no new connections", async || TcpStream::connect(address).await.err()).await;
        held.cancel();
    };
    let (answer, ()) = tokio::join!(asked, ending);
    assert_eq!(answer["allowed"], true);
    app.stop().await;
}

#[tokio::test]
async fn a_verdict_that_cannot_be_kept_yet_is_kept_later() {
    let registry = FakeRegistry::start().await;
    let digest = publish(&registry, "ml/app", "1", &clean("1"));
    let held = registry.hold("/blobs/");
    let app = TestApp::start(&registry, "").await;
    app.pushed("ml/app", "1", &digest).await;
    is_asked_for(&registry, "/blobs/").await;
    let mut thief = connect(&app).await;
    thief.execute("BEGIN EXCLUSIVE").await.unwrap();
    held.cancel();
    let judged = r#"plimsoll_decisions_total{decision="allow",source="event"}"#;
    app.wait_for_metric(judged, 1).await;
    // All writers take turns: when these two were refused, the verdict was as well.
    for _ in 0..2 {
        assert_eq!(app.event("junk").await.0, 503);
    }
    thief.execute("ROLLBACK").await.unwrap();
    // Long before the lease runs out, and without judging anew.
    let metrics = app.wait_for_empty_queue().await;
    assert_eq!(metrics.value(judged), 1);
    assert_eq!(app.app.store.verdicts(10).await.unwrap().len(), 1);
    app.stop().await;
}

/// A connection of another process to the database.
async fn connect(app: &TestApp) -> SqliteConnection {
    let file = app.path().join("plimsoll.db");
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

#[tokio::test]
async fn a_job_that_ended_the_process_again_and_again_is_given_up() {
    let registry = FakeRegistry::start().await;
    let berth = Berth::new().await;
    let store = SqliteStore::open(berth.path().join("plimsoll.db")).await.unwrap();
    let job = NewJob {
        receiver: "main".into(),
        registry: registry.host(),
        repository: "ml/app".into(),
        digest: Digest::of(b"deadly"),
        tag: None,
    };
    let now = jiff::Timestamp::now();
    store.enqueue(&[job], now).await.unwrap();
    // Two processes took it and died over it.
    for _ in 0..2 {
        store.claim(Duration::from_mins(5), now).await.unwrap().unwrap();
        store.release_leases().await.unwrap();
    }
    store.close().await;
    let config = format!("{}\nevents: {{attempts: 2}}", usual(&registry.host()));
    let app = berth.start(&config).await;
    app.wait_for_metric("plimsoll_dead_letters", 1).await;
    assert!(registry.requests().is_empty());
    let letters = app.app.store.dead_letters(1).await.unwrap();
    assert!(letters[0].reason.contains("again and again"), "{letters:?}");
    app.stop().await;
}
