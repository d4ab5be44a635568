//! The main job on the real thing: Debian's `docker-registry`, pushed to by `skopeo`, its events
//! judged, its images checked from the command line.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll::model::{Decision, Verdict};
use serde_json::json;
use tempfile::TempDir;

use crate::support::app::{Berth, TOKEN, usual};
use crate::support::docker_registry::{DockerRegistry, LOGIN, Notify};
use crate::support::image::{BuiltImage, ImageBuilder, Stored, write_layout};
use crate::support::process::plimsoll;
use crate::support::registry::length;
use crate::support::samples::{SMALL, app, base, clean, cuda_devel, overweight};
use crate::support::wait::wait_for;

#[tokio::test]
async fn pushes_are_judged_as_they_arrive() {
    let berth = Berth::new().await;
    let url = format!("{}/events/main", berth.webhook());
    let ca = berth.path().join("ca.crt");
    let registry = DockerRegistry::start(Some(&Notify { url: &url, token: TOKEN, ca: &ca })).await;
    let app = berth.start(&format!("{}\n{SMALL}", usual(&registry.host))).await;

    let arm = ImageBuilder::new()
        .architecture("arm64")
        .layer(&base())
        .env("NV_NVML_DEV_VERSION", "12.8.90-1")
        .env("NV_CUDA_CUDART_DEV_VERSION", "12.8.90-1")
        .env("LIBRARY_PATH", "/usr/local/cuda/lib64/stubs")
        .build();
    registry.push("clean", &clean("1"));
    registry.push("overweight", &overweight());
    registry.push("cuda", &cuda_devel());
    registry.push_index("both", &[&clean("2"), &arm]);

    // Four tags; the index brings two manifests of its own.
    let verdicts = wait_for("six verdicts", async || {
        let verdicts = app.app.store.verdicts(100).await.unwrap();
        (verdicts.len() >= 6).then_some(verdicts)
    })
    .await;
    app.wait_for_empty_queue().await;
    let mut told: Vec<String> =
        verdicts.iter().map(|verdict| summary(verdict, &registry.host)).collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r"
    HOST/ml/both allow on linux/amd64: 
    HOST/ml/both deny on linux/arm64: cuda-devel
    HOST/ml/both:1 deny on linux/amd64 linux/arm64: cuda-devel
    HOST/ml/clean:1 allow on linux/amd64: 
    HOST/ml/cuda:1 deny on linux/amd64: cuda-devel
    HOST/ml/overweight:1 deny on linux/amd64: image-size
    ");
    let metrics = app.metrics().await;
    assert_eq!((metrics.decisions("event", "allow"), metrics.decisions("event", "deny")), (2, 4));
    assert_eq!(metrics.decisions("event", "undecided"), 0);
    assert_eq!(metrics.events("queued"), 6);
    assert_eq!(metrics.events("dead-letter"), 0);
    app.stop().await;
}

/// `both:1 deny on linux/amd64 linux/arm64: cuda-devel`.
fn summary(verdict: &Verdict, host: &str) -> String {
    let name = verdict.image.replace(host, "HOST");
    let name = name.split('@').next().unwrap().to_owned();
    let platforms: Vec<&str> = verdict.images.iter().map(|image| image.platform.as_str()).collect();
    let rules: Vec<&str> = verdict.denials().map(|finding| finding.rule.as_str()).collect();
    format!("{name} {} on {}: {}", verdict.decision, platforms.join(" "), rules.join(" "))
}

/// A user with an empty cache and no logins.
struct Person(TempDir);

impl Person {
    fn new() -> Self {
        let person = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(person.docker()).unwrap();
        person
    }

    fn docker(&self) -> std::path::PathBuf {
        self.0.path().join("docker")
    }

    /// Logs in to a registry, as `docker login` does.
    fn log_in(&self, host: &str, (user, password): (&str, &str)) {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        let config = json!({"auths": {host: {"auth": auth}}});
        std::fs::write(self.docker().join("config.json"), config.to_string()).unwrap();
    }

    /// Runs `plimsoll check -o json`: the exit code and the verdicts.
    fn check(&self, arguments: &[&str]) -> (i32, Vec<Verdict>) {
        let output = plimsoll()
            .args(["check", "--plain-http", "-o", "json"])
            .args(arguments)
            .env("HOME", self.0.path())
            .env("XDG_CACHE_HOME", self.0.path().join("cache"))
            .env("DOCKER_CONFIG", self.docker())
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let verdicts = serde_json::Deserializer::from_str(&stdout).into_iter();
        (output.status.code().unwrap(), verdicts.map(Result::unwrap).collect())
    }

    /// The one verdict of a check.
    fn verdict(&self, arguments: &[&str]) -> Verdict {
        self.check(arguments).1.remove(0)
    }
}

#[tokio::test]
async fn exit_codes_tell_the_outcome() {
    let registry = DockerRegistry::start(None).await;
    let good = registry.push("clean", &clean("1"));
    let bad = registry.push("cuda", &cuda_devel());
    let missing = format!("{}/ml/clean:2", registry.host);
    let layout = tempfile::tempdir().unwrap();
    write_layout(layout.path(), "1", &cuda_devel());
    let local = format!("oci:{}:1", layout.path().display());
    let person = Person::new();
    for (images, code, decisions) in [
        (&[good.as_str()][..], 0, "allow"),
        (&[&good, &bad], 1, "allow deny"),
        (&[&local], 1, "deny"),
        (&[&missing], 2, "undecided"),
        (&[&bad, &missing, &good], 2, "deny undecided allow"),
        (&["oci:/nowhere:1"], 2, "undecided"),
        (&["not an image"], 2, "undecided"),
    ] {
        let (exit, verdicts) = person.check(images);
        let told: Vec<&str> = verdicts.iter().map(|verdict| verdict.decision.as_str()).collect();
        assert_eq!((exit, told.join(" ").as_str()), (code, decisions), "{images:?}");
    }
}

/// Bytes of an image's configuration.
fn config_bytes(image: &BuiltImage) -> u64 {
    length(image.blobs.last().unwrap())
}

#[tokio::test]
async fn no_layer_is_read_twice() {
    let registry = DockerRegistry::start(None).await;
    let (first, second) = (clean("1"), clean("2"));
    let one = registry.push("one", &first);
    let two = registry.push("two", &second);
    let person = Person::new();
    let layers =
        |image: &BuiltImage| image.layers().iter().map(|layer| layer.size).collect::<Vec<_>>();

    let stats = person.verdict(&[&one]).stats;
    assert_eq!((stats.layers_scanned, stats.layers_cached), (2, 0));
    // The manifest is asked for by tag and by digest.
    let documents = |image: &BuiltImage| 2 * length(&image.manifest) + config_bytes(image);
    assert_eq!(stats.bytes_read, documents(&first) + layers(&first).iter().sum::<u64>());

    // Another process: only the tag is looked up.
    let again = person.verdict(&[&one]);
    assert_eq!((again.stats.layers_scanned, again.stats.layers_cached), (0, 2));
    assert_eq!(again.stats.bytes_read, length(&first.manifest));
    assert!(again.complete);

    // Another image on the same base: only its own layer.
    let other = person.verdict(&[&two]).stats;
    assert_eq!((other.layers_scanned, other.layers_cached), (1, 1));
    assert_eq!(other.bytes_read, documents(&second) + layers(&second)[1]);

    // By digest there is nothing to look up.
    let by_digest = format!("{}/ml/one@{}", registry.host, first.digest());
    assert_eq!(person.verdict(&[&by_digest]).stats.bytes_read, 0);
    // Whoever wants no cache gets none.
    assert_eq!(person.verdict(&["--no-cache", &one]).stats.layers_scanned, 2);
    let (_, both) = person.check(&["--no-cache", &one, &two]);
    assert_eq!(both[1].stats.layers_cached, 1);
}

#[tokio::test]
async fn layers_are_read_however_they_are_compressed() {
    let registry = DockerRegistry::start(None).await;
    let mut verdicts = BTreeMap::new();
    for (name, stored) in [("gzip", Stored::Gzip), ("zstd", Stored::Zstd), ("plain", Stored::Plain)]
    {
        let image = ImageBuilder::new()
            .layer(&base().stored(stored))
            .layer(&app("1").symlink("app/latest", "main.py").stored(stored))
            .build();
        let reference = registry.push(name, &image);
        verdicts.insert(name, Person::new().verdict(&[&reference]));
    }
    for (name, verdict) in &verdicts {
        assert_eq!(verdict.decision, Decision::Allow, "{name}: {verdict:?}");
        assert!(verdict.complete, "{name}");
        assert_eq!(verdict.images[0].unpacked_size, verdicts["plain"].images[0].unpacked_size);
    }
}

#[tokio::test]
async fn a_password_is_taken_from_where_docker_login_leaves_it() {
    let registry = DockerRegistry::start_with_password().await;
    let image = registry.push("clean", &clean("1"));
    let person = Person::new();
    let refused = person.verdict(&[&image]);
    assert_eq!(refused.decision, Decision::Undecided);
    assert_eq!(refused.undecided[0].cause.as_str(), "registry-denied");

    person.log_in(&registry.host, ("pusher", "wrong"));
    let refused = person.verdict(&[&image]);
    assert_eq!(refused.undecided[0].cause.as_str(), "registry-denied");
    assert!(!refused.undecided[0].detail.contains("wrong"), "{refused:?}");

    person.log_in(&registry.host, LOGIN);
    assert_eq!(person.verdict(&[&image]).decision, Decision::Allow);

    // The webhook is told where in its configuration.
    let folder = person.docker();
    let config = config_for(&folder, &registry.host);
    assert_eq!(Person::new().verdict(&["--config", &config, &image]).decision, Decision::Allow);
}

/// A configuration that names the logins in a folder.
fn config_for(folder: &Path, host: &str) -> String {
    let file = folder.join("plimsoll.yaml");
    let text = format!(
        r#"registries: [{{host: "{host}", plain-http: true, credentials: {{docker-config: config.json}}}}]"#
    );
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}
