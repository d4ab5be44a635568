//! Base images that a policy denies by name.

use std::path::Path;

use plimsoll::model::{Digest, Verdict};
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::image::{BuiltImage, ImageBuilder, Stored, write_layout};
use crate::support::process::plimsoll;
use crate::support::registry::{FakeRegistry, Fault};
use crate::support::reviews::pod;
use crate::support::samples::{app, base, clean, publish, publish_index};
use crate::support::wait::{is_asked_for, wait_for};
use crate::support::words::message;

/// A base that nothing gives away but its layers.
fn devel() -> BuiltImage {
    ImageBuilder::new().layer(&base()).layer(&app("toolkit")).build()
}

/// An image built on it, whose registry compressed the base anew.
fn built_on_it() -> BuiltImage {
    let base = base().stored(Stored::Zstd);
    let toolkit = app("toolkit").stored(Stored::Plain);
    ImageBuilder::new().layer(&base).layer(&toolkit).layer(&app("2")).build()
}

fn denying(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let names = names.join(", ");
    format!("policy: {{rules: {{cuda-devel: {{denied-bases: [{names}]}}}}}}")
}

/// A registry with the base, an image on it and one that is not; and the policy against it.
async fn scene() -> (FakeRegistry, String) {
    let registry = FakeRegistry::start().await;
    publish(&registry, "nvidia/cuda", "12-devel", &devel());
    publish(&registry, "ml/app", "on", &built_on_it());
    publish(&registry, "ml/app", "off", &clean("1"));
    let policy = denying(&[&format!("{}/nvidia/cuda:12-devel", registry.host())]);
    (registry, policy)
}

async fn asked(registry: &FakeRegistry, app: &TestApp, tag: &str) -> Value {
    app.validate(&pod(registry.reference("ml/app", tag))).await
}

#[tokio::test]
async fn an_image_on_a_denied_base_is_denied_before_its_layers_are_read() {
    let (registry, policy) = scene().await;
    let app = TestApp::start(&registry, &policy).await;
    let answer = asked(&registry, &app, "on").await;
    insta::assert_snapshot!(message(&answer, &registry), @r"
    spec.containers[0]: HOST/ml/app:on is denied (sha256:...):
    - cuda-devel: the image is built on a denied base image: `HOST/nvidia/cuda:12-devel`
      fix: build on another base image; keep this one for a build stage and copy the result out of it with `COPY --from=build`
    ");
    // The configurations of the base and of the image.
    assert_eq!(registry.requests_to("/blobs/").len(), 2);
    assert_eq!(asked(&registry, &app, "off").await["allowed"], true);
    // The base itself, too; it was looked up once, by its tag and by its digest.
    let own = app.validate(&pod(registry.reference("nvidia/cuda", "12-devel"))).await;
    assert_eq!(own["allowed"], false, "{own}");
    let looked_up = registry.requests_to("/nvidia/cuda/manifests/sha256:");
    assert_eq!(looked_up.len(), 1, "{looked_up:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_base_is_denied_for_all_its_platforms() {
    let (registry, policy) = scene().await;
    let arm = ImageBuilder::new().architecture("arm64").layer(&app("arm")).build();
    publish_index(&registry, "nvidia/cuda", "12-devel", &[&devel(), &arm]);
    let on_arm = ImageBuilder::new().architecture("arm64").layer(&app("arm")).layer(&app("3"));
    publish(&registry, "ml/app", "arm", &on_arm.build());
    let app = TestApp::start(&registry, &policy).await;
    for (tag, expected) in [("on", false), ("arm", false), ("off", true)] {
        assert_eq!(asked(&registry, &app, tag).await["allowed"], expected, "{tag}");
    }
    app.stop().await;
}

#[tokio::test]
async fn bases_are_looked_up_before_anybody_asks() {
    let (registry, policy) = scene().await;
    let app = TestApp::start(&registry, &policy).await;
    is_asked_for(&registry, "/nvidia/cuda/manifests/12-devel").await;
    app.stop().await;
}

#[tokio::test]
async fn a_base_out_of_reach_stops_nobody() {
    let (registry, _) = scene().await;
    let policy = denying(&[&format!("{}/gone:1", registry.host()), "unlisted.example.com/base:1"]);
    let app = TestApp::start(&registry, &format!("unlisted-registries: none\n{policy}")).await;
    let answer = asked(&registry, &app, "on").await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let warnings = answer["warnings"].to_string();
    assert!(
        warnings.contains("cuda-devel: 2 denied base images could not be compared"),
        "{warnings}"
    );
    // It is left alone for a while.
    asked(&registry, &app, "on").await;
    assert_eq!(registry.requests_to("/gone/manifests/").len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_base_that_hangs_holds_nobody_up_and_is_known_later() {
    let (registry, policy) = scene().await;
    let released = registry.hold("/nvidia/cuda/manifests/12-devel");
    let app = TestApp::start(&registry, &policy).await;
    let answer = app.validate_within("6s", &pod(registry.reference("ml/app", "on"))).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    assert!(answer["warnings"].to_string().contains("could not be compared"), "{answer}");
    released.cancel();
    wait_for("the late base", async || {
        (asked(&registry, &app, "on").await["allowed"] == false).then_some(())
    })
    .await;
    assert_eq!(registry.requests_to("/nvidia/cuda/manifests/12-devel").len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_base_that_is_lost_stays_denied() {
    let (registry, policy) = scene().await;
    let app = TestApp::start(&registry, &policy).await;
    assert_eq!(asked(&registry, &app, "on").await["allowed"], false);
    registry.fault("/nvidia/cuda/manifests/12-devel", Fault::Status(404));
    let before = registry.requests_to("/nvidia/cuda/manifests/12-devel").len();
    // As a changed configuration does.
    app.app.inspector.prepare(&app.app.live.load().policy);
    wait_for("the base to be looked up again", async || {
        let asked = registry.requests_to("/nvidia/cuda/manifests/12-devel").len();
        (asked > before).then_some(())
    })
    .await;
    assert_eq!(asked(&registry, &app, "on").await["allowed"], false);
    app.stop().await;
}

/// Runs `plimsoll check -o json` on a layout: the exit code and the verdict.
async fn check(folder: &Path, image: &BuiltImage, config: &str) -> (i32, Verdict) {
    let layout = folder.join(Digest::of(&image.manifest).hex());
    write_layout(&layout, "1", image);
    let file = folder.join("plimsoll.yaml");
    std::fs::write(&file, config).unwrap();
    let mut command = plimsoll();
    command.args(["check", "--no-cache", "-o", "json", "--config"]).arg(&file);
    command.arg(format!("oci:{}:1", layout.display()));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let verdict = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), verdict)
}

#[tokio::test]
async fn an_image_on_disk_is_compared_with_bases_in_registries() {
    let (registry, policy) = scene().await;
    let host = registry.host();
    let config = format!("registries: [{{host: \"{host}\", plain-http: true}}]\n{policy}");
    let folder = tempfile::tempdir().unwrap();
    let (code, verdict) = check(folder.path(), &built_on_it(), &config).await;
    assert_eq!(code, 1, "{verdict:?}");
    let denial = verdict.denials().next().unwrap();
    assert_eq!(
        denial.message,
        format!("the image is built on a denied base image: `{host}/nvidia/cuda:12-devel`")
    );
    // It is not taken for its own base.
    let (code, verdict) = check(folder.path(), &clean("1"), &config).await;
    assert_eq!(code, 0, "{verdict:?}");
    assert!(verdict.findings.is_empty(), "{verdict:?}");
}
