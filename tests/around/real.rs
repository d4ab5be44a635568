//! The same against Debian's `docker-registry`, which has no referrers API.

use plimsoll::model::manifest::{OCI_INDEX, OCI_MANIFEST};
use plimsoll::model::{Descriptor, Verdict};
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::docker_registry::DockerRegistry;
use crate::support::process::plimsoll;
use crate::support::registry::descriptor;
use crate::support::samples::{clean, cuda_devel};

const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const SARIF: &str = "application/sarif+json";

/// Uploads a blob to repository `ml/clean`.
async fn put_blob(client: &Client, host: &str, kind: &str, bytes: &'static str) -> Descriptor {
    let blob = descriptor(kind, bytes.as_bytes());
    let url = format!("http://{host}/v2/ml/clean/blobs/uploads/");
    let begun = client.post(url).send().await.unwrap();
    let place = begun.headers()["location"].to_str().unwrap().to_owned();
    let place = format!("{place}&digest={}", blob.digest);
    let done = client.put(place).body(bytes).send().await.unwrap();
    assert_eq!(done.status(), 201);
    blob
}

/// Uploads a manifest under a name.
async fn put_manifest(client: &Client, host: &str, name: &str, kind: &str, manifest: &Value) {
    let request = client.put(format!("http://{host}/v2/ml/clean/manifests/{name}"));
    let request = request.header("content-type", kind).body(manifest.to_string());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
}

/// The verdict of `plimsoll check` under a policy.
fn check(host: &str, rules: &str, image: &str) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plimsoll.yaml");
    let registries = format!("registries: [{{host: \"{host}\", plain-http: true}}]");
    std::fs::write(&file, format!("{registries}\npolicy: {{rules: {{{rules}}}}}")).unwrap();
    let mut command = plimsoll();
    command.args(["check", "--no-cache", "-o", "json", "--config"]).arg(&file).arg(image);
    serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn a_scan_is_found_by_the_tag_that_stands_in_for_the_api() {
    let registry = DockerRegistry::start(None).await;
    let image = clean("1");
    let reference = registry.push("clean", &image);
    let (client, host) = (Client::new(), &registry.host);
    let rules = "scan-evidence: {level: deny}";
    let denied = check(host, rules, &reference);
    assert_eq!(denied.denials().count(), 1, "{denied:?}");
    assert!(denied.undecided.is_empty(), "{denied:?}");

    let config = put_blob(&client, host, EMPTY, "{}").await;
    let report = put_blob(&client, host, SARIF, r#"{"runs":[]}"#).await;
    let referrer = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": SARIF,
        "config": config, "layers": [report],
        "subject": descriptor(OCI_MANIFEST, &image.manifest)});
    let line = descriptor(OCI_MANIFEST, referrer.to_string().as_bytes());
    put_manifest(&client, host, &line.digest.to_string(), OCI_MANIFEST, &referrer).await;
    let list = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [line]});
    let tag = format!("sha256-{}", image.digest().hex());
    put_manifest(&client, host, &tag, OCI_INDEX, &list).await;
    let allowed = check(host, rules, &reference);
    assert!(allowed.findings.is_empty(), "{allowed:?}");
    assert!(allowed.undecided.is_empty(), "{allowed:?}");
}

#[tokio::test]
async fn a_denied_base_is_compared() {
    let registry = DockerRegistry::start(None).await;
    let image = registry.push("clean", &clean("1"));
    let other = registry.push("other", &cuda_devel());
    let host = &registry.host;
    let rules = |base: &str| format!("cuda-devel: {{denied-bases: [\"{base}\"]}}");
    let denied = check(host, &rules(&image), &image);
    let messages: Vec<&str> = denied.denials().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, [format!("the image is built on a denied base image: `{image}`")]);
    let allowed = check(host, &rules(&other), &image);
    assert!(allowed.findings.is_empty(), "{allowed:?}");
}
