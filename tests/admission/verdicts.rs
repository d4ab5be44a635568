//! What becomes of objects whose images can be read.

use std::sync::Arc;

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::image::ImageBuilder;
use crate::support::registry::{FakeRegistry, Fault};
use crate::support::reviews::{deployment, pod, pod_of, review};
use crate::support::samples::{
    HIDDEN, SMALL, base, clean, cuda_devel, overweight, publish, publish_index, secrets, unreadable,
};
use crate::support::words::message;

#[tokio::test]
async fn a_clean_image_is_allowed_for_a_pod_and_a_deployment() {
    let registry = FakeRegistry::start().await;
    let digest = publish(&registry, "ml/app", "1", &clean("1"));
    let app = TestApp::start(&registry, "").await;
    let image = registry.reference("ml/app", "1");
    for review in [pod(&image), deployment(&image)] {
        let answer = app.validate(&review).await;
        assert_eq!(answer["allowed"], true, "{answer}");
        assert!(answer.get("status").is_none(), "{answer}");
        assert!(answer.get("warnings").is_none(), "{answer}");
        let annotations = &answer["auditAnnotations"];
        assert_eq!(annotations["decision"], "allow");
        assert_eq!(annotations["images"], format!("{image}={digest}"));
    }
    let metrics = app.metrics().await;
    assert_eq!(metrics.decisions("admission", "allow"), 2);
    assert_eq!(metrics.value(r#"plimsoll_layers_total{result="scanned"}"#), 2);
    assert_eq!(metrics.value(r#"plimsoll_layers_total{result="cached"}"#), 2);
    assert_eq!(metrics.requests("/validate", 200), 2);
    assert_eq!(metrics.value("plimsoll_image_compressed_bytes_count"), 2);
    let bytes = metrics.value("plimsoll_registry_bytes_total");
    assert!(bytes > 20_000, "{bytes}");
    app.stop().await;
}

#[tokio::test]
async fn a_denial_says_what_where_and_what_to_do() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &cuda_devel());
    let app = TestApp::start(&registry, "").await;
    let answer = app.validate(&deployment(registry.reference("ml/app", "1"))).await;
    assert_eq!(answer["allowed"], false);
    insta::assert_snapshot!(message(&answer, &registry), @r"
    spec.template.spec.containers[0]: HOST/ml/app:1 is denied (sha256:...):
    - cuda-devel: the image carries the CUDA development toolkit: only devel images set `NV_CUDA_CUDART_DEV_VERSION` and 1 more; `LIBRARY_PATH` holds the link stubs of the toolkit; the build history has `cuda-minimal-build-12-8`, layer 1 (`RUN apt-get install -y cuda-minimal-build-12-8`)
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
    insta::assert_json_snapshot!(answer["status"]["details"]["causes"], @r#"
    [
      {
        "field": "spec.template.spec.containers[0]",
        "message": "the image carries the CUDA development toolkit: only devel images set `NV_CUDA_CUDART_DEV_VERSION` and 1 more; `LIBRARY_PATH` holds the link stubs of the toolkit; the build history has `cuda-minimal-build-12-8` (fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`)",
        "reason": "cuda-devel"
      }
    ]
    "#);
    assert_eq!(answer["status"]["code"], 403);
    assert_eq!(answer["status"]["reason"], "Forbidden");
    assert_eq!(answer["auditAnnotations"]["decision"], "deny");
    assert_eq!(answer["auditAnnotations"]["rules"], "cuda-devel");
    let metrics = app.metrics().await;
    assert_eq!(metrics.decisions("admission", "deny"), 1);
    assert!(metrics.findings("cuda-devel", "deny") >= 1);
    app.stop().await;
}

#[tokio::test]
async fn size_is_judged_before_any_layer_is_read() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &overweight());
    let app = TestApp::start(&registry, SMALL).await;
    let answer = app.validate(&pod(registry.reference("ml/app", "1"))).await;
    assert_eq!(answer["auditAnnotations"]["rules"], "image-size", "{answer}");
    // The configuration is the only blob that was asked for.
    assert_eq!(registry.requests_to("/blobs/").len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_denied() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &unreadable());
    let app = TestApp::start(&registry, "").await;
    let answer = app.validate(&pod(registry.reference("ml/app", "1"))).await;
    assert_eq!(answer["status"]["code"], 403, "{answer}");
    assert_eq!(answer["auditAnnotations"]["rules"], "unreadable-layer");
    app.stop().await;
}

#[tokio::test]
async fn a_lying_layer_is_denied_and_believed_again_when_it_is_mended() {
    let registry = FakeRegistry::start().await;
    let image = clean("1");
    publish(&registry, "ml/app", "1", &image);
    let app = TestApp::start(&registry, "").await;
    let review = pod(registry.reference("ml/app", "1"));
    registry.fault(&image.layers()[1].digest.to_string(), Fault::WrongBytes);
    let answer = app.validate(&review).await;
    insta::assert_snapshot!(message(&answer, &registry), @r"
    spec.containers[0]: HOST/ml/app:1 is denied (sha256:...):
    - unreadable-layer: layer 1 is not the content that the manifest names: blob sha256:... (179 bytes) is really sha256:..., layer 1 (`COPY app/ /app`)
      fix: push the image again; if it happens again, check the registry's storage and any proxy in front of it
    ");
    registry.heal();
    assert_eq!(app.validate(&review).await["allowed"], true);
    app.stop().await;
}

#[tokio::test]
async fn secrets_are_refused_where_they_were_and_shown_nowhere() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &secrets());
    let app = TestApp::start(&registry, "").await;
    let answer = app.validate(&pod(registry.reference("ml/app", "1"))).await;
    assert_eq!(answer["auditAnnotations"]["rules"], "secret-file", "{answer}");
    insta::assert_snapshot!(message(&answer, &registry), @r"
    spec.containers[0]: HOST/ml/app:1 is denied (sha256:...):
    - secret-file: `app/.env` line 2 holds a secret value under the name `DATABASE_PASSWORD` (12 characters, fingerprint 5f72a299), 47 B, layer 1 (`COPY . /app`)
      fix: add the file to `.dockerignore`, mount it only where a step needs it (`RUN --mount=type=secret,id=...,target=...`) or at run time; revoke the value
    - secret-file: `root/.ssh/id_ed25519` line 1 holds a private key (385 characters, fingerprint 5e2b83f8) (deleted by layer 2 but still in the image), 454 B, layer 1 (`COPY . /app`)
      fix: keep the key out of the build context (`.dockerignore`); for Git over SSH use `RUN --mount=type=ssh`, at run time mount a Secret; replace the key pair; deleting it in a later layer does not remove it
    ");
    let store = Arc::clone(&app.app.store);
    let folder = app.stop().await;
    let verdict = serde_json::to_string(&store.verdicts(1).await.unwrap()).unwrap();
    let database = std::fs::read(folder.path().join("plimsoll.db")).unwrap();
    for hidden in HIDDEN {
        assert!(!answer.to_string().contains(hidden) && !verdict.contains(hidden));
        assert!(!database.windows(hidden.len()).any(|bytes| bytes == hidden.as_bytes()));
    }
}

#[tokio::test]
async fn every_container_and_image_volume_is_judged() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/clean", "1", &clean("1"));
    publish(&registry, "ml/bad", "1", &cuda_devel());
    let app = TestApp::start(&registry, "").await;
    let good = registry.reference("ml/clean", "1").to_string();
    let bad = registry.reference("ml/bad", "1").to_string();
    let main = json!([{"name": "main", "image": good}]);
    let side = json!([{"name": "side", "image": bad}]);
    let table = [
        ("spec.initContainers[0]", json!({"containers": main, "initContainers": side})),
        ("spec.ephemeralContainers[0]", json!({"containers": main, "ephemeralContainers": side})),
        (
            "spec.volumes[0].image",
            json!({"containers": main, "volumes": [{"name": "v", "image": {"reference": bad}}]}),
        ),
    ];
    for (place, spec) in table {
        let answer = app.validate(&pod_of(&spec)).await;
        assert_eq!(answer["allowed"], false, "{place}");
        let message = answer["status"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{place}: {bad} is denied")), "{message}");
        assert_eq!(answer["status"]["details"]["causes"][0]["field"], place);
    }
    app.stop().await;
}

#[tokio::test]
async fn every_platform_of_an_index_is_judged() {
    let registry = FakeRegistry::start().await;
    let bad = ImageBuilder::new()
        .architecture("arm64")
        .layer(&base())
        .env("NV_CUDA_CUDART_DEV_VERSION", "12.8.90-1")
        .env("LIBRARY_PATH", "/usr/local/cuda/lib64/stubs")
        .build();
    let digest = publish_index(&registry, "ml/app", "1", &[&clean("1"), &bad]);
    let app = TestApp::start(&registry, "").await;
    let image = registry.reference("ml/app", "1");
    let answer = app.validate(&pod(&image)).await;
    assert_eq!(answer["status"]["code"], 403, "{answer}");
    let message = answer["status"]["message"].as_str().unwrap();
    assert!(message.contains("linux/arm64"), "{message}");
    assert_eq!(answer["auditAnnotations"]["images"], format!("{image}={digest}"));
    app.stop().await;

    let narrow = TestApp::start(&registry, "policy: {platforms: [linux/amd64]}").await;
    let answer = narrow.validate(&pod(&image)).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    narrow.stop().await;
}

#[tokio::test]
async fn what_runs_nothing_new_is_allowed_without_a_look() {
    let registry = FakeRegistry::start().await;
    let app = TestApp::start(&registry, "").await;
    let of = |image: &str| {
        json!({"metadata": {"name": "app"}, "spec": {"containers": [
        {"name": "main", "image": format!("{}/{image}", registry.host())}]}})
    };
    let mut deletion = review("", "Pod", "DELETE", &json!(null));
    deletion["request"]["oldObject"] = of("ml/app:1");
    let mut unchanged = review("", "Pod", "UPDATE", &of("ml/app:1"));
    unchanged["request"]["oldObject"] = of("ml/app:1");
    for review in [&deletion, &unchanged] {
        assert_eq!(app.validate(review).await["allowed"], true);
    }
    assert_eq!(registry.requests().len(), 0);
    // The registry knows no image: one that changes cannot be decided.
    unchanged["request"]["object"] = of("ml/app:2");
    assert_eq!(app.validate(&unchanged).await["allowed"], false);
    assert_eq!(app.metrics().await.undecided("not-found"), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_dry_run_is_answered_and_leaves_no_verdict() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/dry", "1", &clean("1"));
    publish(&registry, "ml/wet", "1", &cuda_devel());
    let app = TestApp::start(&registry, "").await;
    let mut dry = pod(registry.reference("ml/dry", "1"));
    dry["request"]["dryRun"] = json!(true);
    assert_eq!(app.validate(&dry).await["allowed"], true);
    let wet = pod(registry.reference("ml/wet", "1"));
    assert_eq!(app.validate(&wet).await["allowed"], false);
    let store = Arc::clone(&app.app.store);
    // After the end everything is written.
    let _folder = app.stop().await;
    let kept: Vec<String> =
        store.verdicts(10).await.unwrap().into_iter().map(|verdict| verdict.image).collect();
    assert_eq!(kept, [registry.reference("ml/wet", "1").to_string()]);
}
