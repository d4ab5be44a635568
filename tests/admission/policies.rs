//! What the policy makes of one and the same image.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::registry::FakeRegistry;
use crate::support::reviews::pod;
use crate::support::samples::{clean, cuda_devel, publish};
use crate::support::words::told;

/// A registry that holds a CUDA development image as `ml/cuda:1` and a clean one as `ml/clean:1`.
async fn registry() -> FakeRegistry {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/cuda", "1", &cuda_devel());
    publish(&registry, "ml/clean", "1", &clean("1"));
    registry
}

/// The answer about the CUDA development image under a policy.
async fn answer(policy: &str) -> (TestApp, Value) {
    let registry = registry().await;
    let app = TestApp::start(&registry, policy).await;
    let answer = app.validate(&pod(registry.reference("ml/cuda", "1"))).await;
    (app, answer)
}

fn warnings(answer: &Value) -> Vec<&str> {
    answer["warnings"].as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test]
async fn warn_mode_allows_and_warns() {
    let (app, answer) = answer("policy: {mode: warn}").await;
    assert_eq!(answer["allowed"], true);
    assert!(answer.get("status").is_none());
    insta::assert_snapshot!(warnings(&answer).join("\n"), @"cuda:1: cuda-devel: the image carries the CUDA development toolkit: only devel images set `NV_CUDA_CUDART_DEV_VERSION` …");
    let metrics = app.metrics().await;
    assert_eq!(metrics.decisions("admission", "allow"), 1);
    assert!(metrics.findings("cuda-devel", "warn") >= 1);
    assert_eq!(metrics.findings("cuda-devel", "deny"), 0);
    // Nothing is refused in this mode, whatever is asked.
    for image in ["127.0.0.1:9/ml/app:1", "not an image"] {
        let answer = app.validate(&pod(image)).await;
        assert_eq!(answer["allowed"], true, "{answer}");
        assert_eq!(warnings(&answer).len(), 1, "{answer}");
    }
    app.stop().await;
}

#[tokio::test]
async fn levels_are_the_policys() {
    let (app, warned) = answer("policy: {rules: {cuda-devel: {level: warn}}}").await;
    assert_eq!((&warned["allowed"], warnings(&warned).len()), (&json!(true), 1), "{warned}");
    app.stop().await;
    let (app, ignored) = answer("policy: {rules: {cuda-devel: {level: ignore}}}").await;
    assert_eq!((&ignored["allowed"], warnings(&ignored).len()), (&json!(true), 0), "{ignored}");
    app.stop().await;
}

#[tokio::test]
async fn exceptions_let_pass_until_their_day_and_say_so() {
    let policy = |until: &str| {
        format!(
            "policy: {{exceptions: [{{images: ['**/ml/cuda'], rules: [cuda-devel], \
             until: {until}, reason: 'JIT kernels, ML-142'}}]}}"
        )
    };
    let (app, holds) = answer(&policy("2999-12-31")).await;
    assert_eq!(holds["allowed"], true, "{holds}");
    insta::assert_snapshot!(warnings(&holds).join("\n"), @"cuda:1: cuda-devel: excepted until 2999-12-31: JIT kernels, ML-142");
    app.stop().await;
    let (app, ended) = answer(&policy("2020-12-31")).await;
    assert_eq!(ended["allowed"], false, "{ended}");
    app.stop().await;
}

#[tokio::test]
async fn scopes_are_for_their_namespaces() {
    let registry = registry().await;
    let policy = "policy: {scopes: [{match: {namespaces: ['research-*']}, \
        rules: {cuda-devel: {level: warn}}}]}";
    let app = TestApp::start(&registry, policy).await;
    let mut review = pod(registry.reference("ml/cuda", "1"));
    for (namespace, allowed) in [("ml", false), ("research-nlp", true), ("research", false)] {
        review["request"]["namespace"] = json!(namespace);
        assert_eq!(app.validate(&review).await["allowed"], allowed, "{namespace}");
    }
    app.stop().await;
}

#[tokio::test]
async fn not_knowing_is_what_the_policy_says_it_is() {
    let registry = registry().await;
    let policy = "policy: {undecided: {not-found: warn, unlisted-registry: warn}}";
    let app = TestApp::start(&registry, policy).await;
    let missing = app.validate(&pod(registry.reference("ml/none", "1"))).await;
    assert_eq!(missing["allowed"], true, "{missing}");
    insta::assert_snapshot!(told(&warnings(&missing).join("\n"), &registry), @"none:1: not checked, not-found: GET HOST/ml/none manifests/1: status 404: not known here");
    assert_eq!(missing["auditAnnotations"]["decision"], "allow");
    let junk = app.validate(&pod("not an image")).await;
    assert_eq!(junk["allowed"], true, "{junk}");
    let metrics = app.metrics().await;
    assert_eq!(metrics.undecided("not-found"), 2);
    assert_eq!(metrics.decisions("admission", "allow"), 2);
    app.stop().await;
}
