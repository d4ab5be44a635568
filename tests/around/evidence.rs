//! Scans that are attached to images: where they are found, and what becomes of not knowing.

use plimsoll::model::Digest;
use plimsoll::model::manifest::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::image::ImageBuilder;
use crate::support::registry::{FakeRegistry, Fault, OCI_CONFIG, descriptor};
use crate::support::reviews::pod;
use crate::support::samples::{base, clean, publish};
use crate::support::wait::{is_asked_for, wait_for};
use crate::support::words::{message, told};

const DENY: &str = "policy: {rules: {scan-evidence: {level: deny}}}";
const WARN: &str = "policy: {rules: {scan-evidence: {level: warn}}}";
const SARIF: &str = "application/sarif+json";
const SPDX: &str = "application/spdx+json";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A clean image, in the registry as `ml/app:1`.
async fn scene(policy: &str) -> (FakeRegistry, Digest, TestApp) {
    let registry = FakeRegistry::start().await;
    let image = publish(&registry, "ml/app", "1", &clean("1"));
    let app = TestApp::start(&registry, policy).await;
    (registry, image, app)
}

/// A line of a list of referrers.
fn line(digest: &Digest, kind: &str) -> Value {
    json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "artifactType": kind})
}

fn lines(kinds: &[&str]) -> Vec<Value> {
    kinds.iter().map(|kind| line(&Digest::of(kind.as_bytes()), kind)).collect()
}

fn list(lines: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": lines})
}

/// Keeps an attestation whose one layer says what it states.
fn put_attestation(
    registry: &FakeRegistry,
    tag: Option<&str>,
    key: &str,
    predicate: &str,
) -> Digest {
    let statement = json!({"predicateType": predicate}).to_string();
    let mut layer = json!(registry.put_blob(IN_TOTO, statement));
    layer["annotations"] = json!({key: predicate});
    let config = descriptor(EMPTY, b"{}");
    let document = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "artifactType": BUNDLE, "config": config, "layers": [layer]});
    registry.put_manifest("ml/app", tag, &document)
}

/// The answer about `ml/app:1`.
async fn asked(registry: &FakeRegistry, app: &TestApp) -> Value {
    app.validate(&pod(registry.reference("ml/app", "1"))).await
}

/// `allow`, or why not.
async fn verdict(registry: &FakeRegistry, app: &TestApp) -> String {
    let answer = asked(registry, app).await;
    if answer["allowed"] == true { "allow".to_owned() } else { message(&answer, registry) }
}

#[tokio::test]
async fn a_scan_is_found_by_the_referrers_api() {
    let (registry, image, app) = scene(DENY).await;
    let pages = vec![lines(&[SPDX]), lines(&["application/x"]), lines(&[SARIF])];
    registry.put_referrers("ml/app", &image, pages);
    assert_eq!(verdict(&registry, &app).await, "allow");
    let asked = registry.requests_to("/referrers/");
    let queries: Vec<&str> = asked.iter().map(|request| request.query.as_str()).collect();
    assert_eq!(queries, ["", "page=1", "page=2"]);
    // Where there is an API, its stand-in is not asked for.
    let stand_in = format!("/manifests/sha256-{}", image.hex());
    let tags = registry.requests_to(&stand_in);
    let tags: Vec<&str> = tags.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(tags, [format!("/v2/ml/app{stand_in}.att")]);
    // The same holds for the next who asks.
    assert_eq!(verdict(&registry, &app).await, "allow");
    assert_eq!(registry.requests_to("/referrers/").len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn an_sbom_is_no_scan() {
    let (registry, image, app) = scene(DENY).await;
    registry.put_referrers("ml/app", &image, vec![lines(&[SPDX])]);
    insta::assert_snapshot!(verdict(&registry, &app).await, @r"
    spec.containers[0]: HOST/ml/app:1 is denied (sha256:...):
    - scan-evidence: no vulnerability scan is attached to the image, only (an SBOM is none): `application/spdx+json`
      fix: scan it and attach the result to the digest: `trivy image --format cosign-vuln --output scan.json IMAGE`, then `cosign attest --type vuln --predicate scan.json IMAGE@DIGEST`
    ");
    app.stop().await;
}

#[tokio::test]
async fn what_the_list_leaves_open_is_opened() {
    // GHCR and cosign: the stand-in calls it empty, the manifest says more.
    let (registry, image, app) = scene(DENY).await;
    let attestation = put_attestation(&registry, None, "predicateType", VULN);
    let gone = Digest::of(b"deleted since");
    let list = list(&[line(&gone, EMPTY), line(&attestation, EMPTY)]);
    registry.put_manifest("ml/app", Some(&format!("sha256-{}", image.hex())), &list);
    assert_eq!(verdict(&registry, &app).await, "allow");
    app.stop().await;
}

#[tokio::test]
async fn a_scan_is_found_under_cosigns_tag() {
    let (registry, image, app) = scene(DENY).await;
    let tag = format!("sha256-{}.att", image.hex());
    put_attestation(&registry, Some(&tag), "predicateType", VULN);
    assert_eq!(verdict(&registry, &app).await, "allow");
    app.stop().await;
}

#[tokio::test]
async fn a_web_page_or_a_redirect_is_no_api() {
    let elsewhere = Fault::RedirectExactly("http://127.0.0.1:1/login".into());
    let page = Fault::Answer(200, "content-type", "text/html".into(), "<html>".into());
    for fault in [elsewhere, page, Fault::Status(405)] {
        let (registry, image, app) = scene(DENY).await;
        registry.fault("/referrers/", fault.clone());
        let list = list(&lines(&[SARIF]));
        registry.put_manifest("ml/app", Some(&format!("sha256-{}", image.hex())), &list);
        assert_eq!(verdict(&registry, &app).await, "allow", "{fault:?}");
        assert_eq!(registry.requests_to("/referrers/").len(), 1, "{fault:?}");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_subject_is_not_its_own_list() {
    // GitLab answers the stand-in's tag with the subject.
    let registry = FakeRegistry::start().await;
    let image = publish(&registry, "ml/app", "image", &clean("1"));
    let mut child = line(&image, SARIF);
    child["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = list(&[child]);
    let top = registry.put_manifest("ml/app", Some("1"), &index);
    registry.put_manifest("ml/app", Some(&format!("sha256-{}", top.hex())), &index);
    let app = TestApp::start(&registry, DENY).await;
    assert!(verdict(&registry, &app).await.contains("scan-evidence: no vulnerability scan"));
    app.stop().await;
}

#[tokio::test]
async fn what_is_next_to_an_image_counts_for_it() {
    let registry = FakeRegistry::start().await;
    let amd = publish(&registry, "ml/app", "amd", &clean("1"));
    let arm = ImageBuilder::new().architecture("arm64").layer(&base()).build();
    let arm = publish(&registry, "ml/app", "arm", &arm);
    let attestation = put_attestation(&registry, None, "in-toto.io/predicate-type", VULN);
    registry.put_blob(OCI_CONFIG, "{}");
    let children = |about: Option<&Digest>| {
        let mut note = json!({"mediaType": OCI_MANIFEST, "digest": attestation, "size": 1,
            "platform": {"os": "unknown", "architecture": "unknown"}});
        if let Some(about) = about {
            note["annotations"] = json!({"vnd.docker.reference.digest": about});
        }
        let child = |digest: &Digest, architecture: &str| {
            json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1,
                "platform": {"os": "linux", "architecture": architecture}})
        };
        list(&[child(&amd, "amd64"), child(&arm, "arm64"), note])
    };
    let app = TestApp::start(&registry, DENY).await;
    registry.put_manifest("ml/app", Some("1"), &children(None));
    assert_eq!(verdict(&registry, &app).await, "allow");
    registry.put_manifest("ml/app", Some("1"), &children(Some(&amd)));
    let answer = verdict(&registry, &app).await;
    assert!(answer.contains("linux/arm64") && !answer.contains("linux/amd64"), "{answer}");
    // A scan of the index is one of all its images.
    let index =
        registry.put_manifest("ml/app", Some("1"), &list(&[line(&amd, ""), line(&arm, "")]));
    registry.put_referrers("ml/app", &index, vec![lines(&[SARIF])]);
    assert_eq!(verdict(&registry, &app).await, "allow");
    app.stop().await;
}

#[tokio::test]
async fn absence_is_remembered_for_a_while() {
    let (registry, image, app) = scene(DENY).await;
    assert!(verdict(&registry, &app).await.contains("no vulnerability scan is attached"));
    let asked = registry.requests().len();
    registry.put_referrers("ml/app", &image, vec![lines(&[SARIF])]);
    assert!(verdict(&registry, &app).await.contains("no vulnerability scan is attached"));
    // Only the tag was looked up.
    assert_eq!(registry.requests().len(), asked + 1);
    app.stop().await;
}

#[tokio::test]
async fn nobody_asks_for_a_rule_that_is_off() {
    let (registry, _, app) = scene("").await;
    assert_eq!(verdict(&registry, &app).await, "allow");
    assert!(registry.requests_to("sha256-").is_empty());
    assert!(registry.requests_to("/referrers/").is_empty());
    app.stop().await;
}

#[tokio::test]
async fn not_knowing_denies_where_the_rule_may_and_is_forgotten() {
    let (registry, image, app) = scene(DENY).await;
    registry.fault("/referrers/", Fault::Status(403));
    insta::assert_snapshot!(verdict(&registry, &app).await, @r"
    spec.containers[0]: HOST/ml/app:1 could not be checked:
    - registry-denied: what is attached to the image: GET HOST/ml/app referrers/sha256:...: status 403 (hint: check `registries[].credentials` for this registry)
    ");
    registry.heal();
    registry.put_referrers("ml/app", &image, vec![lines(&[SARIF])]);
    assert_eq!(verdict(&registry, &app).await, "allow");
    app.stop().await;
}

#[tokio::test]
async fn not_knowing_warns_where_the_rule_only_warns() {
    let (registry, _, app) = scene(WARN).await;
    registry.fault("/referrers/", Fault::Status(403));
    let answer = asked(&registry, &app).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let warnings = told(&answer["warnings"].to_string(), &registry);
    assert!(
        warnings.contains("app:1: scan-evidence: could not be judged: registry-denied"),
        "{warnings}"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_exception_waives_not_knowing_too() {
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &clean("1"));
    let policy = format!(
        "policy:\n  rules: {{scan-evidence: {{level: deny}}}}\n  exceptions:\n    - {{images: [\"{}/ml/*\"], \
         rules: [scan-evidence], until: 9999-12-31, reason: none}}",
        registry.host()
    );
    let app = TestApp::start(&registry, &policy).await;
    registry.fault("/referrers/", Fault::Status(403));
    assert_eq!(verdict(&registry, &app).await, "allow");
    app.stop().await;
}

#[tokio::test]
async fn a_registry_that_hangs_holds_nobody_up_and_its_answer_is_kept() {
    let (registry, image, app) = scene(WARN).await;
    registry.put_referrers("ml/app", &image, vec![lines(&[SPDX])]);
    let released = registry.hold("/referrers/");
    let answer = app.validate_within("6s", &pod(registry.reference("ml/app", "1"))).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("scan-evidence: could not be judged: deadline"), "{warnings}");
    is_asked_for(&registry, "/referrers/").await;
    released.cancel();
    wait_for("the late answer", async || {
        let warnings = asked(&registry, &app).await["warnings"].to_string();
        warnings.contains("only (an SBOM is none)").then_some(())
    })
    .await;
    assert_eq!(registry.requests_to("/referrers/").len(), 1);
    app.stop().await;
}
