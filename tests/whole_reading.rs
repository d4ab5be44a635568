//! Who asks for all that is wrong is told all of it, also where a denial is certain long before the
//! end: a push for each fault is no way to mend an image, and code scanning takes what is not told
//! again for mended.

use std::path::Path;

use plimsoll::model::Verdict;
use serde_json::Value;

use crate::support::image::{BuiltImage, ImageBuilder, LayerBuilder, write_layout};
use crate::support::process::plimsoll;
use crate::support::registry::FakeRegistry;
use crate::support::samples::{HIDDEN, base, noise, publish};

const NOISE_BYTES: usize = 24 << 20;

/// A password at the head of a layer, a private key at its end, and what does not compress between.
fn image() -> BuiltImage {
    // Put together here so that no scanner of this repository takes it for a key.
    let (head, kind) = ("-----BEGIN", "OPENSSH PRIVATE KEY-----");
    let lines = format!("{}\n", HIDDEN[1]).repeat(8);
    let layer = LayerBuilder::new("COPY . /app # buildkit")
        .file("app/.env", format!("DATABASE_PASSWORD={}\n", HIDDEN[0]))
        .file("app/data", noise(NOISE_BYTES, 7))
        .file("root/.ssh/id_ed25519", format!("{head} {kind}\n{lines}-----END {kind}\n"));
    ImageBuilder::new().layer(&base()).layer(&layer).build()
}

/// What `check` prints.
async fn check(folder: &Path, arguments: &[&str]) -> String {
    let mut command = plimsoll();
    command.env("XDG_CACHE_HOME", folder).args(["check", "--no-cache", "--plain-http"]);
    let output = tokio::process::Command::from(command).args(arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn paths(json: &str) -> Vec<String> {
    let verdict: Verdict = serde_json::from_str(json).unwrap();
    let paths = verdict.denials().filter_map(|finding| finding.path.clone());
    paths.filter(|_| verdict.complete).collect()
}

const BOTH: [&str; 2] = ["app/.env", "root/.ssh/id_ed25519"];

#[tokio::test]
async fn an_image_on_disk_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("out");
    write_layout(&layout, "1", &image());
    let name = format!("oci:{}:1", layout.display());
    assert_eq!(paths(&check(folder.path(), &["-o", "json", &name]).await), BOTH);
    let table = check(folder.path(), &[&name]).await;
    assert!(!table.contains("reading stopped"), "{table}");
}

#[tokio::test]
async fn an_image_in_a_registry_is_read_to_its_end_for_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let registry = FakeRegistry::start().await;
    publish(&registry, "ml/app", "1", &image());
    let name = registry.reference("ml/app", "1").to_string();
    assert_eq!(paths(&check(folder.path(), &["--all", "-o", "json", &name]).await), BOTH);

    let log: Value =
        serde_json::from_str(&check(folder.path(), &["-o", "sarif", &name]).await).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let uri = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        place.as_str().unwrap().split_once("/ml/app/").unwrap().1.to_owned()
    };
    let denials = results.iter().filter(|result| result["level"] == "error");
    assert_eq!(denials.map(uri).collect::<Vec<_>>(), BOTH);
    let annotations = check(folder.path(), &["-o", "github", &name]).await;
    assert_eq!(annotations.matches("::error ").count(), 2, "{annotations}");

    // Who only wants to know whether it may pass is told so, and what that means.
    let table = check(folder.path(), &[&name]).await;
    assert!(table.contains("\nreading stopped at the first certain denial: "), "{table}");
    assert!(!table.contains("id_ed25519"), "{table}");
}
