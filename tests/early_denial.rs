//! A denial that is certain goes out at once: five gigabytes of weights are refused after their
//! first megabyte.

use plimsoll::model::{Digest, Level, Verdict};

use crate::support::app::TestApp;
use crate::support::image::{ImageBuilder, LayerBuilder};
use crate::support::process::plimsoll;
use crate::support::registry::FakeRegistry;
use crate::support::reviews::pod;
use crate::support::samples::{base, publish};

const LAYER_BYTES: u64 = 5 << 30;
const MOST_READ: u64 = 4 << 20;

/// An archive whose first entry is a safetensors file that fills all of it; what follows the
/// heads is made while it is served.
fn head() -> Vec<u8> {
    let tensor_bytes = LAYER_BYTES - (1 << 20);
    let header = format!(
        r#"{{"model.embed.weight":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{tensor_bytes}]}}}}"#,
        tensor_bytes / 4
    );
    let mut file = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    let size = u64::try_from(file.len()).unwrap() + tensor_bytes;
    let mut archive = LayerBuilder::new("").file("app/models/model.safetensors", "").archive();
    archive.truncate(512);
    let mut entry = tar::Header::from_byte_slice(&archive).clone();
    entry.set_size(size);
    entry.set_cksum();
    let mut head = entry.as_bytes().to_vec();
    head.extend_from_slice(&file);
    head
}

/// The registry with that image as `ml/weights:1`, and the path of the layer.
async fn registry() -> (FakeRegistry, String) {
    let registry = FakeRegistry::start().await;
    let (head, digest) = (head(), Digest::of(b"never read to its end"));
    registry.put_generated(digest.clone(), LAYER_BYTES, move |at| {
        usize::try_from(at).ok().and_then(|at| head.get(at)).copied().unwrap_or(0x3f)
    });
    let image = ImageBuilder::new()
        .layer(&base())
        .claimed_layer("COPY models/ /app/models # buildkit", &digest, LAYER_BYTES)
        .build();
    publish(&registry, "ml/weights", "1", &image);
    (registry, format!("/blobs/{digest}"))
}

/// A size limit that says nothing about the image.
const LARGE: &str = "policy: {rules: {image-size: {level: ignore}}}";

#[tokio::test]
async fn check_refuses_five_gigabytes_after_the_first() {
    let (registry, layer) = registry().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("plimsoll.yaml");
    let text =
        format!("registries: [{{host: \"{}\", plain-http: true}}]\n{LARGE}", registry.host());
    std::fs::write(&config, text).unwrap();
    let output = tokio::process::Command::from(plimsoll())
        .args(["check", "-o", "json", "--no-cache", "--config"])
        .arg(&config)
        .arg(registry.reference("ml/weights", "1").to_string())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let verdict: Verdict = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!verdict.complete);
    assert!(verdict.stats.bytes_read < MOST_READ, "{:?}", verdict.stats);
    let finding = verdict.denials().next().unwrap();
    assert_eq!((finding.rule.as_str(), finding.level), ("model-weights", Level::Deny));
    assert_eq!(finding.path.as_deref(), Some("app/models/model.safetensors"));
    // What the socket's buffers took besides.
    let served = registry.bytes_served(&layer);
    assert!(served < 64 << 20, "{served}");
}

#[tokio::test]
async fn a_review_is_answered_at_once_and_the_download_ends() {
    let (registry, layer) = registry().await;
    let app = TestApp::start(&registry, LARGE).await;
    let answer = app.validate_within("10s", &pod(registry.reference("ml/weights", "1"))).await;
    assert_eq!(answer["status"]["code"], 403, "{answer}");
    assert_eq!(answer["auditAnnotations"]["rules"], "model-weights");
    let metrics = app.metrics().await;
    let read = metrics.value("plimsoll_registry_bytes_total");
    app.stop().await;
    let served = registry.bytes_served(&layer);
    assert!(served < 64 << 20, "{served}");
    assert!(read < 8 << 20, "{read}");
}
