//! From a reference to images: indexes, platforms, attestations, and what is wrong with them.

mod others;

use plimsoll::model::image::MAX_CONFIG_BYTES;
use plimsoll::model::manifest::{MAX_MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST};
use plimsoll::model::{Cause, Descriptor, Digest};
use plimsoll::policy::{Pattern, Platforms};
use plimsoll::registry::client::RegistryClient;
use plimsoll::registry::{
    FetchError, FetchObserver, HostConfig, Retry, Timeouts, UnlistedRegistries, Unobserved,
};
use plimsoll::resolve::{MAX_INDEX_DEPTH, MAX_MANIFESTS, MAX_READ_BYTES, Resolved, resolve};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use crate::support::registry::{FakeRegistry, Fault, OCI_CONFIG, OCI_LAYER, descriptor, manifest};

fn client(registry: &FakeRegistry) -> RegistryClient {
    let host = HostConfig {
        plain_http: true,
        ..HostConfig::new(Pattern::parse(&registry.host()).unwrap())
    };
    let retry = Retry { attempts: 2, first_delay: Duration::from_millis(1), ..Retry::default() };
    let observer: Arc<dyn FetchObserver> = Arc::new(Unobserved);
    let unlisted = UnlistedRegistries::None;
    RegistryClient::new(&[host], unlisted, &Timeouts::default(), &retry, &observer).unwrap()
}

async fn try_resolve(
    registry: &FakeRegistry,
    platforms: &Platforms,
) -> Result<Resolved, FetchError> {
    resolve(&client(registry), &registry.reference("ml/app", "1"), platforms).await
}

async fn resolved(registry: &FakeRegistry) -> Resolved {
    try_resolve(registry, &Platforms::All).await.unwrap()
}

/// An index's line for a manifest.
fn child(digest: &Digest, platform: &str) -> Value {
    let mut child = json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1});
    let parts: Vec<&str> = platform.split('/').collect();
    if let [os, architecture, variant @ ..] = parts.as_slice() {
        child["platform"] = json!({"os": os, "architecture": architecture});
        if let [variant] = variant {
            child["platform"]["variant"] = json!(variant);
        }
    }
    child
}

fn index(children: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})
}

/// An image whose configuration names `architecture`; its one layer is that name.
fn put_image(registry: &FakeRegistry, architecture: &str) -> Digest {
    let config = json!({"os": "linux", "architecture": architecture}).to_string();
    let config = registry.put_blob(OCI_CONFIG, config);
    let layer = descriptor(OCI_LAYER, architecture.as_bytes());
    registry.put_manifest("ml/app", None, &manifest(&config, &[layer]))
}

fn platforms(resolved: &Resolved) -> Vec<String> {
    resolved.images.iter().map(|image| image.platform.to_string()).collect()
}

#[tokio::test]
async fn one_image() {
    let registry = FakeRegistry::start().await;
    let digest = registry.put_image("ml/app", "1", &[b"a", b"b"]);
    let found = resolved(&registry).await;
    assert_eq!(found.digest, digest);
    assert_eq!(found.images.len(), 1);
    assert_eq!(found.images[0].manifest.layers.len(), 2);
    assert_eq!(platforms(&found), ["linux/amd64"]);
    assert_eq!(found.bytes_read, registry.bytes_served("/v2/"));
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Resolved>(&json).unwrap(), found);
}

#[tokio::test]
async fn every_platform_in_the_order_of_the_index() {
    let registry = FakeRegistry::start().await;
    let (one, two) = (put_image(&registry, "amd64"), put_image(&registry, "arm64"));
    let inner = index(&[child(&two, "")]);
    let inner = registry.put_manifest("ml/app", None, &inner);
    let top = index(&[child(&inner, ""), child(&one, "linux/amd64"), child(&one, "linux/amd64")]);
    let top = registry.put_manifest("ml/app", Some("1"), &top);
    let found = resolved(&registry).await;
    assert_eq!(found.digest, top);
    assert_eq!(platforms(&found), ["linux/amd64", "linux/arm64"]);
}

#[tokio::test]
async fn attestations_and_artifacts_are_skipped_by_content() {
    let registry = FakeRegistry::start().await;
    let image = put_image(&registry, "amd64");
    let config = registry.put_blob(OCI_CONFIG, "{}");
    let statement = registry.put_blob("application/vnd.in-toto+json", "{}");
    let attestation = manifest(&config, std::slice::from_ref(&statement));
    let attestation = registry.put_manifest("ml/app", None, &attestation);
    // Dressed as an attestation, but it can be run.
    let layer = descriptor(OCI_LAYER, b"layer");
    let dressed = manifest(&config, &[statement, layer]);
    let dressed = registry.put_manifest("ml/app", None, &dressed);
    let top = index(&[
        child(&image, "linux/amd64"),
        child(&attestation, "unknown/unknown"),
        child(&dressed, "unknown/unknown"),
    ]);
    registry.put_manifest("ml/app", Some("1"), &top);
    let found = resolved(&registry).await;
    assert_eq!(found.skipped.len(), 1);
    assert_eq!(
        (&found.skipped[0].digest, found.skipped[0].kind.as_str()),
        (&attestation, "attestation")
    );
    let wanted = found.wanted(&Platforms::Listed(vec!["linux/arm64".into()]));
    assert_eq!(wanted.len(), 1, "what might run anywhere is always wanted");
    assert_eq!(wanted[0].digest, dressed);

    let chart = descriptor("application/vnd.cncf.helm.config.v1+json", b"chart");
    registry.put_manifest("ml/app", Some("1"), &manifest(&chart, &[]));
    let found = resolved(&registry).await;
    assert!(found.images.is_empty());
    assert_eq!(found.skipped[0].kind, "application/vnd.cncf.helm.config.v1+json");
}

#[tokio::test]
async fn an_image_dressed_as_an_artifact_is_judged() {
    let registry = FakeRegistry::start().await;
    let layer = descriptor(OCI_LAYER, b"layer");
    let dressed = |config: &str, bytes: &str| {
        manifest(&registry.put_blob(config, bytes.to_owned()), std::slice::from_ref(&layer))
    };
    let rootfs = r#"{"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let table = [
        (dressed("application/json", "{}"), 1),
        (dressed("application/x-own", rootfs), 1),
        (dressed("application/x-own", r#"{"RootFS":{}}"#), 1),
        // ORAS: the types of layers, but nothing that could be run.
        (dressed("application/vnd.acme.config.v1+json", "{}"), 0),
        (dressed("application/vnd.acme.config.v1+json", "no json"), 0),
    ];
    for (manifest, images) in table {
        registry.put_manifest("ml/app", Some("1"), &manifest);
        let found = resolved(&registry).await;
        assert_eq!((found.images.len(), found.skipped.len()), (images, 1 - images), "{manifest}");
    }
    let mut docker = dressed("application/x-own", "{}");
    docker["mediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json");
    registry.put_manifest("ml/app", Some("1"), &docker);
    assert_eq!(resolved(&registry).await.images.len(), 1);
}

#[tokio::test]
async fn a_platform_that_index_and_configuration_dispute_is_wanted_for_both() {
    let registry = FakeRegistry::start().await;
    let image = put_image(&registry, "amd64");
    let top = index(&[child(&image, "windows/arm64"), child(&image, "linux/s390x")]);
    registry.put_manifest("ml/app", Some("1"), &top);
    let found = resolved(&registry).await;
    for (wanted, count) in
        [("linux/amd64", 2), ("windows/arm64", 1), ("linux/s390x", 1), ("linux/arm64", 0)]
    {
        let platforms = Platforms::Listed(vec![wanted.to_owned()]);
        assert_eq!(found.wanted(&platforms).len(), count, "{wanted}");
    }
    assert_eq!(found.wanted(&Platforms::All).len(), 2);
}

/// The defects of the only image there is.
async fn defects(registry: &FakeRegistry) -> String {
    let found = resolved(registry).await;
    assert_eq!(found.images.len(), 1);
    assert_eq!(found.wanted(&Platforms::Listed(vec!["linux/arm64".into()])).len(), 1);
    found.images[0].defects.join("; ")
}

#[tokio::test]
async fn what_is_wrong_with_an_image_is_a_defect() {
    let registry = FakeRegistry::start().await;
    let put = |bytes: &str| registry.put_raw_manifest("ml/app", Some("1"), bytes);
    put("{");
    insta::assert_snapshot!(defects(&registry).await, @"malformed manifest: EOF while parsing an object at line 1 column 1");
    put(r#"{"schemaVersion":1}"#);
    insta::assert_snapshot!(defects(&registry).await, @"unsupported manifest (hint: rebuild or re-push with a current client): schema version 1");
    put(r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#);
    insta::assert_snapshot!(defects(&registry).await, @"ambiguous manifest: both `manifests` and `layers` are present");
    let junk = registry.put_blob(OCI_CONFIG, "[]");
    put(&manifest(&junk, &[]).to_string());
    insta::assert_snapshot!(defects(&registry).await, @"malformed image configuration: invalid type: sequence, expected struct RawConfig at line 1 column 0");
}

#[tokio::test]
async fn configurations_are_capped() {
    let registry = FakeRegistry::start().await;
    for (size, is_read) in
        [(MAX_CONFIG_BYTES - 1, true), (MAX_CONFIG_BYTES, true), (MAX_CONFIG_BYTES + 1, false)]
    {
        let mut json = br#"{"os":"linux","architecture":"amd64"}"#.to_vec();
        json.resize(usize::try_from(size).unwrap(), b' ');
        let config = registry.put_blob(OCI_CONFIG, json);
        registry.put_manifest("ml/app", Some("1"), &manifest(&config, &[]));
        let found = resolved(&registry).await;
        assert_eq!(found.images[0].defects.is_empty(), is_read, "{size}");
        assert_eq!(registry.bytes_served(&config.digest.to_string()) > 0, is_read, "{size}");
    }
}

#[tokio::test]
async fn a_manifest_too_large_to_read_is_a_defect_when_its_digest_is_known() {
    let registry = FakeRegistry::start().await;
    let length = usize::try_from(MAX_MANIFEST_BYTES).unwrap() + 1;
    let huge = registry.put_raw_manifest("ml/app", Some("1"), vec![b' '; length]);
    let error = try_resolve(&registry, &Platforms::All).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    registry.put_manifest("ml/app", Some("1"), &index(&[child(&huge, "linux/arm64")]));
    assert_eq!(defects(&registry).await, "manifest is larger than 4194304 bytes");
    let reference = registry.reference("ml/app", "1").at(&huge);
    let found = resolve(&client(&registry), &reference, &Platforms::All).await.unwrap();
    assert_eq!(found.digest, huge);
    assert_eq!(found.images[0].defects.len(), 1);
}

#[tokio::test]
async fn indexes_are_capped_in_depth() {
    for (depth, is_read) in
        [(MAX_INDEX_DEPTH - 1, true), (MAX_INDEX_DEPTH, true), (MAX_INDEX_DEPTH + 1, false)]
    {
        let registry = FakeRegistry::start().await;
        let mut digest = put_image(&registry, "amd64");
        for _ in 0..depth {
            digest = registry.put_manifest("ml/app", Some("1"), &index(&[child(&digest, "")]));
        }
        let found = resolved(&registry).await;
        assert_eq!(found.images.len(), 1, "{depth}");
        assert_eq!(found.images[0].defects.is_empty(), is_read, "{depth}");
        assert_eq!(found.digest, digest);
    }
}

#[tokio::test]
async fn manifests_are_capped_in_number() {
    for (count, is_read) in
        [(MAX_MANIFESTS - 2, true), (MAX_MANIFESTS - 1, true), (MAX_MANIFESTS, false)]
    {
        let registry = FakeRegistry::start().await;
        let chart = descriptor("application/x", b"x");
        let children: Vec<Value> = (0..count)
            .map(|number| {
                let named = Descriptor { size: number.try_into().unwrap(), ..chart.clone() };
                child(&registry.put_manifest("ml/app", None, &manifest(&named, &[])), "")
            })
            .collect();
        registry.put_manifest("ml/app", Some("1"), &index(&children));
        let found = resolved(&registry).await;
        assert_eq!(found.images.is_empty(), is_read, "{count}");
        // The index itself is one of them.
        assert_eq!(found.skipped.len(), count.min(MAX_MANIFESTS - 1), "{count}");
    }
}

/// An index of five images whose configurations add up, `last` being the size of one of them.
async fn resolved_with(last: u64) -> Resolved {
    let registry = FakeRegistry::start().await;
    let children: Vec<Value> = [6 << 20, 6 << 20, 6 << 20, 7 << 20, last]
        .into_iter()
        .enumerate()
        .map(|(number, size)| {
            let architecture = format!("a{number}");
            let config = json!({"os": "linux", "architecture": architecture}).to_string();
            let mut config = config.into_bytes();
            config.resize(usize::try_from(size).unwrap(), b' ');
            let config = registry.put_blob(OCI_CONFIG, config);
            let image = registry.put_manifest("ml/app", None, &manifest(&config, &[]));
            child(&image, &format!("linux/{architecture}"))
        })
        .collect();
    registry.put_manifest("ml/app", Some("1"), &index(&children));
    resolved(&registry).await
}

#[tokio::test]
async fn what_is_read_is_capped_in_bytes() {
    let base = resolved_with(6 << 20).await;
    let room = MAX_READ_BYTES - base.bytes_read;
    for (more, is_read) in [(room - 1, true), (room, true), (room + 1, false)] {
        let found = resolved_with((6 << 20) + more).await;
        assert_eq!(found.bytes_read, base.bytes_read + more);
        assert_eq!(found.images.len(), if is_read { 5 } else { 6 }, "{more}");
        let other = Platforms::Listed(vec!["linux/other".into()]);
        assert_eq!(found.wanted(&other).is_empty(), is_read, "{more}");
    }
}

#[tokio::test]
async fn a_copy_may_lack_only_platforms_that_nobody_wants() {
    let registry = FakeRegistry::start().await;
    let there = put_image(&registry, "amd64");
    let top = index(&[child(&there, "linux/amd64"), child(&Digest::of(b"gone"), "linux/arm64")]);
    registry.put_manifest("ml/app", Some("1"), &top);
    let only = |name: &str| Platforms::Listed(vec![name.to_owned()]);
    let found = try_resolve(&registry, &only("linux/amd64")).await.unwrap();
    assert_eq!(found.wanted(&only("linux/amd64")).len(), 1);
    assert!(found.lacks(&only("linux/amd64")).is_none());
    // Another policy may be shown the same; it must not believe that there is nothing.
    for platforms in [Platforms::All, only("linux/arm64"), only("linux/s390x")] {
        assert_eq!(found.lacks(&platforms).unwrap().digest, Digest::of(b"gone"), "{platforms:?}");
    }
    for platforms in [Platforms::All, only("linux/arm64")] {
        let error = try_resolve(&registry, &platforms).await.unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound);
    }
}

#[tokio::test]
async fn what_was_absent_for_a_moment_is_not_kept() {
    let registry = FakeRegistry::start().await;
    let there = put_image(&registry, "amd64");
    let late = json!({"os": "linux", "architecture": "arm64"}).to_string();
    let config = descriptor(OCI_CONFIG, late.as_bytes());
    let second = registry.put_manifest("ml/app", None, &manifest(&config, &[]));
    let top = index(&[child(&there, "linux/amd64"), child(&second, "linux/arm64")]);
    registry.put_manifest("ml/app", Some("1"), &top);
    let platforms = Platforms::Listed(vec!["linux/amd64".into()]);
    let before = try_resolve(&registry, &platforms).await.unwrap();
    assert!(!before.is_lasting());
    assert_eq!(before.absent[0].platform.to_string(), "linux/arm64");
    assert_eq!(before.images.len(), 1, "nothing is held against what was not seen");
    registry.put_blob(OCI_CONFIG, late);
    let after = try_resolve(&registry, &platforms).await.unwrap();
    assert!(after.is_lasting());
    assert_eq!(after.images.len(), 2);
}

#[tokio::test]
async fn an_index_of_which_nothing_is_there_is_not_found() {
    let registry = FakeRegistry::start().await;
    let top = index(&[child(&Digest::of(b"gone"), "linux/arm64")]);
    registry.put_manifest("ml/app", Some("1"), &top);
    let other = Platforms::Listed(vec!["linux/amd64".into()]);
    let error = try_resolve(&registry, &other).await.unwrap_err();
    assert_eq!(error.cause(), Cause::NotFound);
}

#[tokio::test]
async fn what_is_wrong_with_the_registry_is_an_error() {
    let registry = FakeRegistry::start().await;
    registry.put_image("ml/app", "1", &[]);
    registry.fault("blobs", Fault::Status(500));
    let error = try_resolve(&registry, &Platforms::All).await.unwrap_err();
    assert_eq!(error.cause(), Cause::RegistryUnreachable);
    registry.fault("manifests", Fault::Status(404));
    let error = try_resolve(&registry, &Platforms::All).await.unwrap_err();
    assert_eq!(error.cause(), Cause::NotFound);
}
