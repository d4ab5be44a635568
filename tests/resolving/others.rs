//! What stands in a registry and is no image (attestations, signatures, caches), and what only
//! calls itself so; and what may be absent.

use plimsoll::resolve::{MAX_DOCUMENTS, MAX_LAYERS};

use super::*;

const STATEMENT: &str = "application/vnd.in-toto+json";
const SIGNATURE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";
/// As cosign 2 writes it.
const COSIGN: &str = r#"{"architecture":"","created":"0001-01-01T00:00:00Z",
    "history":[{"created":"0001-01-01T00:00:00Z"}],"os":"",
    "rootfs":{"type":"layers","diff_ids":["sha256:1"]},"config":{}}"#;

/// A manifest of one layer, as `ml/app:1`.
fn put(registry: &FakeRegistry, config: (&str, &str), layer: (&str, &[u8])) -> Digest {
    let config = registry.put_blob(config.0, config.1);
    let layer = registry.put_blob(layer.0, layer.1);
    registry.put_manifest("ml/app", Some("1"), &manifest(&config, &[layer]))
}

/// What is skipped in what `ml/app:1` is; nothing if there is an image.
async fn skipped(registry: &FakeRegistry) -> Option<String> {
    let found = resolved(registry).await;
    assert_eq!(found.images.len() + found.skipped.len(), 1);
    found.skipped.into_iter().next().map(|skipped| skipped.kind)
}

/// A gzip stream as far as a look goes.
const GZIP: &[u8] = b"\x1f\x8b\x08\0";

#[tokio::test]
async fn signatures_and_boms_of_cosign_are_no_images() {
    let registry = FakeRegistry::start().await;
    let docker = "application/vnd.docker.container.image.v1+json";
    let table: [(&str, &[u8]); 5] = [
        (SIGNATURE, br#"{"critical":{}}"#),
        ("application/vnd.dsse.envelope.v1+json", br#"{"payload":"e30="}"#),
        ("text/spdx+json", br#"{"spdxVersion":"SPDX-2.3"}"#),
        ("text/spdx", b"SPDXVersion: SPDX-2.3\n"),
        ("application/vnd.cyclonedx+xml", b"<?xml version=\"1.0\"?>\n<bom/>"),
    ];
    for config in [OCI_CONFIG, docker] {
        for (kind, content) in table {
            put(&registry, (config, COSIGN), (kind, content));
            assert_eq!(skipped(&registry).await.as_deref(), Some(kind), "{config}");
        }
    }
    let images: [(&str, &str, &[u8]); 6] = [
        (SIGNATURE, COSIGN, GZIP),
        (SIGNATURE, COSIGN, b"\x7fELF"),
        (SIGNATURE, r#"{"config":{"Cmd":["x"]}}"#, b"{}"),
        (SIGNATURE, r#"{"config":{"Env":["TOKEN=x"]}}"#, b"{}"),
        (SIGNATURE, "no json", b"{}"),
        (OCI_LAYER, COSIGN, b"{}"),
    ];
    for (kind, config, content) in images {
        put(&registry, (OCI_CONFIG, config), (kind, content));
        assert_eq!(skipped(&registry).await, None, "{kind} {config}");
    }
}

#[tokio::test]
async fn a_statement_is_json() {
    let registry = FakeRegistry::start().await;
    let table: [(&[u8], bool); 5] = [
        (b"{\"_type\":\"https://in-toto.io/Statement/v1\"}", true),
        (b" \n{}", true),
        (b"statement", false),
        (b"", false),
        (GZIP, false),
    ];
    for (content, is_statement) in table {
        put(&registry, (OCI_CONFIG, "{}"), (STATEMENT, content));
        let expected = is_statement.then_some("attestation");
        assert_eq!(skipped(&registry).await.as_deref(), expected, "{content:?}");
    }
}

#[tokio::test]
async fn documents_that_are_looked_at_are_capped() {
    for (count, is_read) in
        [(MAX_DOCUMENTS - 1, true), (MAX_DOCUMENTS, true), (MAX_DOCUMENTS + 1, false)]
    {
        let registry = FakeRegistry::start().await;
        let config = registry.put_blob(OCI_CONFIG, "{}");
        let layers: Vec<_> = (0..count)
            .map(|number| registry.put_blob(STATEMENT, format!("{{\"n\":{number}}}")))
            .collect();
        registry.put_manifest("ml/app", Some("1"), &manifest(&config, &layers));
        assert_eq!(skipped(&registry).await.is_some(), is_read, "{count}");
        let asked = registry.requests_to("/blobs/").len();
        assert_eq!(asked, 1 + if is_read { count } else { 0 });
    }
}

#[tokio::test]
async fn a_document_of_other_bytes_is_not_taken_for_one() {
    let registry = FakeRegistry::start().await;
    let config = registry.put_blob(OCI_CONFIG, "{}");
    let statement = registry.put_blob(STATEMENT, r#"{"_type":"x"}"#);
    let lie = Descriptor { size: 7, ..statement };
    registry.put_manifest("ml/app", Some("1"), &manifest(&config, &[lie]));
    let found = resolved(&registry).await;
    assert_eq!((found.images.len(), found.is_lasting()), (1, false));
}

/// A line of an index for what is no manifest.
fn part(blob: &Descriptor) -> Value {
    json!({"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size})
}

#[tokio::test]
async fn a_build_cache_is_no_image() {
    let registry = FakeRegistry::start().await;
    let layer = registry.put_blob(OCI_LAYER, GZIP);
    let records = r#"{"layers":[{"blob":"sha256:1","parent":-1}],"records":[]}"#;
    let list = registry.put_blob(CACHE, records);
    registry.put_manifest("ml/app", Some("1"), &index(&[part(&layer), part(&list)]));
    let found = resolved(&registry).await;
    assert_eq!((found.images.len(), found.absent.len()), (0, 2));
    assert!(found.lacks(&Platforms::All).is_none());
    assert!(!found.is_lasting(), "a manifest of that digest may follow");

    // Registries that serve any blob as a manifest.
    registry.put_raw_manifest("ml/app", None, GZIP);
    registry.put_raw_manifest("ml/app", None, records);
    let found = resolved(&registry).await;
    let kinds: Vec<_> = found.skipped.iter().map(|skipped| skipped.kind.as_str()).collect();
    assert_eq!((kinds.as_slice(), found.images.len()), (&[OCI_LAYER, CACHE][..], 0));
    assert!(found.is_lasting());
}

#[tokio::test]
async fn large_parts_of_a_cache_are_told_by_their_beginning() {
    let registry = FakeRegistry::start().await;
    let length = usize::try_from(MAX_MANIFEST_BYTES).unwrap() + 1;
    for (head, images) in [(GZIP, 0), (&b"{\"config\":"[..], 1)] {
        let mut bytes = head.to_vec();
        bytes.resize(length, b' ');
        let layer = registry.put_blob(OCI_LAYER, bytes.clone());
        registry.put_raw_manifest("ml/app", None, bytes);
        registry.put_manifest("ml/app", Some("1"), &index(&[part(&layer)]));
        assert_eq!(resolved(&registry).await.images.len(), images);
    }
}

#[tokio::test]
async fn an_image_in_a_cache_is_judged() {
    let registry = FakeRegistry::start().await;
    let image = put_image(&registry, "amd64");
    let mut line = child(&image, "");
    for kind in [OCI_LAYER, CACHE] {
        line["mediaType"] = json!(kind);
        registry.put_manifest("ml/app", Some("1"), &index(std::slice::from_ref(&line)));
        assert_eq!(platforms(&resolved(&registry).await), ["linux/amd64"], "{kind}");
    }
    // Broken as it is, some reader may take it for a manifest.
    let odd = registry.put_raw_manifest("ml/app", None, r#"{"schemaVersion":2,"config":{}}"#);
    line["digest"] = json!(odd);
    registry.put_manifest("ml/app", Some("1"), &index(&[line]));
    assert!(!resolved(&registry).await.images[0].defects.is_empty());
}

#[tokio::test]
async fn what_nobody_runs_may_be_absent() {
    let registry = FakeRegistry::start().await;
    let image = put_image(&registry, "amd64");
    let gone = Digest::of(b"gone");
    let config = registry.put_blob(OCI_CONFIG, "{}");
    let statement = descriptor(STATEMENT, b"{\"late\":1}");
    let halved = manifest(&config, std::slice::from_ref(&statement));
    let halved = registry.put_manifest("ml/app", None, &halved);
    for absent in [&gone, &halved] {
        let note = child(absent, "unknown/unknown");
        let top = index(&[child(&image, "linux/amd64"), note.clone()]);
        registry.put_manifest("ml/app", Some("1"), &top);
        let found = resolved(&registry).await;
        assert_eq!((found.images.len(), found.absent.len()), (1, 1));
        assert!(!found.is_lasting());
        // Where there is nothing else, it is asked for.
        registry.put_manifest("ml/app", Some("1"), &index(&[note]));
        let error = try_resolve(&registry, &Platforms::All).await.unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound);
    }
    registry.put_blob(STATEMENT, "{\"late\":1}");
    let note = child(&halved, "unknown/unknown");
    registry.put_manifest("ml/app", Some("1"), &index(&[child(&image, "linux/amd64"), note]));
    let found = resolved(&registry).await;
    assert_eq!((found.skipped.len(), found.is_lasting()), (1, true));
}

#[tokio::test]
async fn a_configuration_of_other_bytes_is_the_images_fault() {
    let registry = FakeRegistry::start().await;
    let config = registry.put_blob(OCI_CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
    for size in [config.size - 1, config.size + 1] {
        let lie = Descriptor { size, ..config.clone() };
        let layer = descriptor(OCI_LAYER, b"x");
        registry.put_manifest("ml/app", Some("1"), &manifest(&lie, &[layer]));
        let found = resolved(&registry).await;
        let image = &found.images[0];
        assert!(image.defects[0].starts_with("image configuration is not what the manifest names"));
        assert_eq!(image.manifest.layers.len(), 1);
        assert!(!found.is_lasting(), "the registry may be healed");
    }
    // A proxy that mixes bodies up for once is no defect.
    registry.put_manifest("ml/app", Some("1"), &manifest(&config, &[]));
    let other = r#"{"os":"linux","architecture":"amd65"}"#;
    let mixed = Fault::Answer(200, "content-type", "application/json".into(), other.into());
    registry.fault_times(&config.digest.to_string(), mixed, 1);
    let found = resolved(&registry).await;
    assert!(found.images[0].defects.is_empty() && found.is_lasting());
}

#[tokio::test]
async fn layers_are_capped_over_all_platforms() {
    let registry = FakeRegistry::start().await;
    for (more, is_read) in [(0, true), (1, true), (2, false)] {
        let counts = [667, 667, MAX_LAYERS - 2 * 667 - 1 + more];
        let names = ["amd64", "arm64", "s390x"];
        let children: Vec<Value> = names
            .iter()
            .zip(counts)
            .map(|(name, count)| {
                let config = json!({"os": "linux", "architecture": name}).to_string();
                let config = registry.put_blob(OCI_CONFIG, config);
                let mut layers: Vec<_> = (0..count)
                    .map(|number| descriptor(OCI_LAYER, format!("{name}{number}").as_bytes()))
                    .collect();
                layers.extend(layers.first().cloned());
                let image = manifest(&config, &layers);
                child(&registry.put_manifest("ml/app", None, &image), &format!("linux/{name}"))
            })
            .collect();
        registry.put_manifest("ml/app", Some("1"), &index(&children));
        let found = resolved(&registry).await;
        let defects: Vec<_> = found.images.iter().flat_map(|image| &image.defects).collect();
        assert_eq!(defects.is_empty(), is_read, "{more}: {defects:?}");
        let other = Platforms::Listed(vec!["linux/other".into()]);
        assert_eq!(found.wanted(&other).is_empty(), is_read, "{more}");
    }
}

#[tokio::test]
async fn what_a_machine_would_be_given_is_judged() {
    let registry = FakeRegistry::start().await;
    let image = put_image(&registry, "none");
    for (first, second, wanted) in [
        ("linux/x86_64", "linux/amd64", "linux/amd64"),
        ("Linux/amd64", "linux/amd64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v8", "linux/arm64/v8"),
        ("linux/386", "linux/amd64", "linux/amd64"),
        ("linux/arm", "linux/arm64", "linux/arm64"),
    ] {
        let children = [child(&image, first), child(&image, second), child(&image, "linux/ppc64")];
        registry.put_manifest("ml/app", Some("1"), &index(&children));
        let platforms = Platforms::Listed(vec![wanted.to_owned()]);
        let found = try_resolve(&registry, &platforms).await.unwrap();
        assert_eq!(found.wanted(&platforms).len(), 2, "{first}");
        // Nor may it be absent.
        let children = [child(&Digest::of(b"gone"), first), child(&image, second)];
        registry.put_manifest("ml/app", Some("1"), &index(&children));
        assert!(try_resolve(&registry, &platforms).await.is_err(), "{first}");
    }
}
