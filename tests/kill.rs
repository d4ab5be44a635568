//! The process as an operator treats it: killed, told to end, given another configuration.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::app::{TOKEN, push_event, usual, write_certificates};
use crate::support::process::{Served, with_own_keys};
use crate::support::registry::FakeRegistry;
use crate::support::reviews::pod;
use crate::support::samples::{clean, cuda_devel, publish};
use crate::support::wait::{is_asked_for, wait_for};

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    folder
}

async fn validate(served: &Served, image: impl std::fmt::Display) -> Value {
    let response =
        served.post("/validate?timeout=30s", pod(image).to_string()).send().await.unwrap();
    response.json::<Value>().await.unwrap()["response"].clone()
}

#[tokio::test]
async fn kill_9_after_the_acknowledgement_loses_nothing() {
    let registry = FakeRegistry::start().await;
    let bad = publish(&registry, "ml/bad", "1", &cuda_devel());
    let waiting = publish(&registry, "ml/app", "1", &clean("1"));
    let held = registry.hold("/blobs/");
    let folder = folder();
    let config = format!("{}\nevents: {{workers: 1}}", usual(&registry.host()));
    let mut served = Served::start(folder.path(), &config).await;
    for (repository, digest) in [("ml/bad", &bad), ("ml/app", &waiting)] {
        let event = push_event(repository, "1", digest).to_string();
        let sent = served.post("/events/main", event).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(sent.status(), 202);
    }
    // One is being worked on, the other waits.
    is_asked_for(&registry, "/ml/bad/blobs/").await;
    assert_eq!(served.metrics().await.value("plimsoll_queue_depth"), 2);
    served.process.kill();
    assert_eq!(served.logged("image judged").len(), 0);
    held.cancel();

    let served = Served::start(folder.path(), &config).await;
    let metrics = wait_for("an empty queue", async || {
        let metrics = served.metrics().await;
        (metrics.value("plimsoll_queue_depth") == 0).then_some(metrics)
    })
    .await;
    assert_eq!(metrics.decisions("event", "deny"), 1);
    assert_eq!(metrics.decisions("event", "allow"), 1);
    let judged = served.logged("image judged");
    let digests: Vec<&str> =
        judged.iter().map(|line| line["image.digest"].as_str().unwrap()).collect();
    assert_eq!(digests, [bad.to_string(), waiting.to_string()]);
    assert_eq!(judged[0]["rules"], "cuda-devel");

    // And a third start finds nothing to do.
    drop(served);
    let served = Served::start(folder.path(), &config).await;
    assert_eq!(served.metrics().await.value("plimsoll_queue_depth"), 0);
    assert_eq!(served.logged("image judged").len(), 0);
}

#[tokio::test]
async fn sigterm_drains_and_exits_0() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    let stuck = publish(&registry, "ml/stuck", "1", &clean("2"));
    let held = registry.hold("/ml/app/blobs/");
    let _never = registry.hold("/ml/stuck/blobs/");
    let folder = folder();
    let mut served = Served::start(folder.path(), &usual(&registry.host())).await;
    let event = push_event("ml/stuck", "1", &stuck).to_string();
    let sent = served.post("/events/main", event).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    is_asked_for(&registry, "/ml/stuck/blobs/").await;
    let asked = validate(&served, registry.reference("ml/app", "1"));
    let ending = async {
        is_asked_for(&registry, "/ml/app/blobs/").await;
        served.process.terminate();
        served.process.line("`stopping`", |line| line.contains("stopping:").then_some(())).await;
        held.cancel();
    };
    let (answer, ()) = tokio::join!(asked, ending);
    assert_eq!(answer["allowed"], true, "{answer}");
    let status = served.process.ended().await;
    assert_eq!((status.code(), status.signal()), (Some(0), None), "{:?}", served.process.lines());
    assert_eq!(served.logged("stopped").len(), 1);
}

#[tokio::test]
async fn a_changed_configuration_is_taken_over_and_a_broken_one_refused() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &cuda_devel());
    let image = registry.reference("ml/app", "1");
    let folder = folder();
    let usual = usual(&registry.host());
    let served = Served::start(folder.path(), &usual).await;
    let before = policy_of(&validate(&served, &image).await, false);

    write(folder.path(), &format!("{usual}\npolicy: {{mode: warn}}"));
    let after = wait_for("the new policy", async || {
        let answer = validate(&served, &image).await;
        (answer["allowed"] == true).then(|| policy_of(&answer, true))
    })
    .await;
    assert_ne!(before, after);
    let read_once = registry.requests_to("/blobs/").len();

    write(folder.path(), &format!("{usual}\npolicy: {{mode: perhaps}}"));
    let refused = "plimsoll_config_reload_failures_total";
    let metrics = wait_for("the refusal", async || {
        let metrics = served.metrics().await;
        (metrics.value(refused) == 1).then_some(metrics)
    })
    .await;
    assert_eq!(policy_of(&validate(&served, &image).await, true), after);
    assert_eq!(metrics.value(&format!(r#"plimsoll_policy_info{{hash="{after}"}}"#)), 1);
    let refusal =
        |line: &str| line.contains("changed configuration refused").then(|| line.to_owned());
    let told = served.process.line("the refusal's line", refusal).await;
    assert!(told.contains("policy.mode"), "{told}");
    // A policy is not a reason to read anything again.
    assert_eq!(registry.requests_to("/blobs/").len(), read_once);
}

fn write(folder: &Path, config: &str) {
    std::fs::write(folder.join("plimsoll.yaml"), with_own_keys(config)).unwrap();
}

/// The policy that an answer names.
fn policy_of(answer: &Value, allowed: bool) -> String {
    assert_eq!(answer["allowed"], allowed, "{answer}");
    answer["auditAnnotations"]["policy"].as_str().unwrap().to_owned()
}
