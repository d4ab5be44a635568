//! Manifests, indexes and configurations that show one image to the scanner and run another, or
//! that are too much.

use std::path::Path;

use plimsoll::model::Digest;
use serde_json::{Value, json};

use super::super::image::{
    BuiltImage, ImageBuilder, LayerBuilder, write_index_document, write_index_layout, write_layout,
};
use super::headers::checksum_behind_a_nul;
use super::pack::{end, file, harmless, noise, packed, plain_weights, weights};
use super::{Attack, PLANTED, UNREADABLE, WEIGHTS, holding};

const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const STATEMENT: &str = "application/vnd.in-toto+json";
const SIGNATURE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// An image with its manifest changed.
pub fn edited(image: BuiltImage, change: impl FnOnce(&mut Value)) -> BuiltImage {
    let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    change(&mut manifest);
    BuiltImage { manifest: serde_json::to_vec(&manifest).unwrap(), ..image }
}

/// An image whose only layer has an annotation.
pub fn annotated(image: BuiltImage, key: &str, value: &str) -> BuiltImage {
    edited(image, |manifest| manifest["layers"][0]["annotations"][key] = value.into())
}

fn clean() -> BuiltImage {
    holding(packed(&[harmless()]))
}

/// An image whose layer is in no other attack.
fn own(text: &str) -> BuiltImage {
    holding(packed(&[file("app/own.txt", text.as_bytes()), end()]))
}

fn planted() -> BuiltImage {
    holding(packed(&[plain_weights()]))
}

/// An image whose only layer has another type.
fn typed(image: BuiltImage, media_type: &str) -> BuiltImage {
    edited(image, |manifest| manifest["layers"][0]["mediaType"] = media_type.into())
}

/// The same with another configuration.
fn configured(image: BuiltImage, config: Vec<u8>) -> BuiltImage {
    let mut image = edited(image, |manifest| {
        manifest["config"]["digest"] = Digest::of(&config).to_string().into();
        manifest["config"]["size"] = config.len().into();
    });
    image.blobs.push(config);
    image
}

fn with_layers(count: usize, planted_at: Option<usize>) -> BuiltImage {
    with_layers_for("amd64", count, planted_at)
}

fn with_layers_for(architecture: &str, count: usize, planted_at: Option<usize>) -> BuiltImage {
    (0..count)
        .fold(ImageBuilder::new().architecture(architecture), |image, index| {
            let layer = LayerBuilder::new("RUN /bin/sh -c touch x # buildkit");
            let layer = match planted_at {
                Some(at) if at == index => layer.file("app/model.safetensors", weights()),
                _ => layer.file(&format!("{architecture}{index}"), "x"),
            };
            image.layer(&layer)
        })
        .build()
}

/// An image whose only layer holds anything and has another type.
fn holding_as(media_type: &str, content: &[u8]) -> BuiltImage {
    typed(holding(content.to_vec()), media_type)
}

/// What `cosign sign` pushes.
pub fn honest_signature() -> BuiltImage {
    let config = br#"{"architecture":"","os":"","config":{},"rootfs":{"type":"layers"}}"#;
    configured(holding_as(SIGNATURE, br#"{"critical":{}}"#), config.to_vec())
}

/// An image that calls itself an attestation, with so many good statements.
fn statements(count: usize) -> BuiltImage {
    let mut image = holding_as(STATEMENT, b"{}");
    image = edited(image, |manifest| {
        let statement = manifest["layers"][0].clone();
        manifest["layers"] = vec![statement; count].into();
    });
    configured(image, br#"{"os":"unknown","architecture":"unknown","rootfs":{}}"#.to_vec())
}

/// An EROFS image as far as that shows: its first kilobyte may be anything.
fn erofs() -> Vec<u8> {
    let superblock = [&[0xe2, 0xe1, 0xf5, 0xe0][..], &[0; 1020]].concat();
    [vec![b' '; 1024], superblock].concat()
}

/// An index that looks like a build cache and has an image in it.
fn cache_with_an_image(dir: &Path) {
    let planted = planted();
    let index = json!({"schemaVersion": 2, "mediaType": plimsoll::model::manifest::OCI_INDEX,
        "manifests": [{"mediaType": OCI_LAYER, "digest": planted.digest(),
            "size": planted.manifest.len()}]});
    write_index_document(dir, "1", &[&planted], index.to_string().as_bytes());
}

/// An index of a clean image and one that calls itself an attestation of it.
fn beside_a_clean_one(dir: &Path, dressed: &BuiltImage) {
    let clean = clean();
    let child = |image: &BuiltImage, os: &str, architecture: &str| {
        json!({"mediaType": plimsoll::model::manifest::OCI_MANIFEST, "digest": image.digest(),
            "size": image.manifest.len(), "platform": {"os": os, "architecture": architecture}})
    };
    let mut attestation = child(dressed, "unknown", "unknown");
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": clean.digest(),
    });
    let index = json!({"schemaVersion": 2, "mediaType": plimsoll::model::manifest::OCI_INDEX,
        "manifests": [child(&clean, "linux", "amd64"), attestation]});
    write_index_document(dir, "1", &[&clean, dressed], index.to_string().as_bytes());
}

/// Writes an image, then puts other bytes under its layer's name, which is that of no other
/// attack: a digest whose content was verified once is not read again.
fn with_other_bytes(dir: &Path, bytes: &[u8]) {
    let image = own(&dir.to_string_lossy());
    write_layout(dir, "1", &image);
    let name = image.layers()[0].digest.hex().to_owned();
    std::fs::write(dir.join("blobs/sha256").join(name), bytes).unwrap();
}

/// An index in an index, five deep.
fn nested(dir: &Path) {
    let clean = clean();
    let mut document = clean.manifest.clone();
    let mut kind = plimsoll::model::manifest::OCI_MANIFEST;
    let mut images = vec![clean];
    for _ in 0..5 {
        let index = json!({"schemaVersion": 2, "mediaType": plimsoll::model::manifest::OCI_INDEX,
            "manifests": [{"mediaType": kind, "digest": Digest::of(&document), "size": document.len()}]});
        document = index.to_string().into_bytes();
        kind = plimsoll::model::manifest::OCI_INDEX;
        let architecture = "amd64".to_owned();
        images.push(BuiltImage { architecture, manifest: document.clone(), blobs: Vec::new() });
    }
    write_index_document(dir, "1", &images.iter().collect::<Vec<_>>(), &document);
}

/// The attacks of this kind.
pub fn all() -> Vec<Attack> {
    let mut attacks = descriptors();
    attacks.extend(documents());
    attacks.extend(disguises());
    attacks
}

fn descriptors() -> Vec<Attack> {
    let lie = |name, words, image| Attack::image(name, UNREADABLE, words, image);
    vec![
        lie("encrypted-layer", "is encrypted", || {
            typed(clean(), &format!("{OCI_LAYER}+encrypted"))
        }),
        Attack::image("foreign-layer", WEIGHTS, PLANTED, || typed(planted(), FOREIGN)),
        lie("foreign-layer-with-urls", "may be fetched from elsewhere", || {
            edited(typed(clean(), FOREIGN), |manifest| {
                manifest["layers"][0]["urls"] = json!(["https://go.microsoft.com/fwlink/"]);
            })
        }),
        lie("layer-with-urls", "may be fetched from elsewhere", || {
            edited(clean(), |manifest| {
                manifest["layers"][0]["urls"] = json!(["http://169.254.169.254/latest"]);
            })
        }),
        lie("layer-of-unknown-type", "has an unknown type", || typed(clean(), "application/zip")),
        lie("manifest-says-too-small", "is not the content", || {
            edited(own("small"), |manifest| manifest["layers"][0]["size"] = 7.into())
        }),
        lie("manifest-says-too-large", "is not the content", || {
            edited(own("large"), |manifest| manifest["layers"][0]["size"] = 999_999.into())
        }),
        Attack::layout("wrong-digest", UNREADABLE, "is not the content", |dir| {
            let other = packed(&[plain_weights()]);
            with_other_bytes(dir, &other);
        }),
        Attack::layout("empty-blob", UNREADABLE, "is not the content", |dir| {
            with_other_bytes(dir, b"");
        }),
    ]
}

fn documents() -> Vec<Attack> {
    let lie = |name, words, image| Attack::image(name, UNREADABLE, words, image);
    vec![
        lie("manifest-that-is-an-index-too", "ambiguous manifest", || {
            edited(clean(), |manifest| manifest["manifests"] = json!([]))
        }),
        lie("manifest-with-two-layer-lists", "ambiguous manifest", || {
            edited(clean(), |manifest| manifest["Layers"] = json!([]))
        }),
        lie("manifest-of-schema-1", "schema version 1", || {
            edited(clean(), |manifest| manifest["schemaVersion"] = 1.into())
        }),
        Attack::layout("manifest-of-5-MB", UNREADABLE, "manifest is larger", |dir| {
            let large = edited(clean(), |manifest| {
                manifest["annotations"] = json!({"a": "x".repeat(5 << 20)});
            });
            beside_a_clean_one(dir, &large);
        }),
        lie("config-of-20-MB", "configuration is larger", || {
            let filler = "x".repeat(20 << 20);
            configured(clean(), json!({"os": "linux", "x": filler}).to_string().into_bytes())
        }),
        lie("config-said-too-small", "is not what the manifest names", || {
            edited(own("config"), |manifest| manifest["config"]["size"] = 7.into())
        }),
        lie("config-that-is-no-json", "malformed image configuration", || {
            configured(clean(), noise(500))
        }),
        lie("config-with-two-environments", "other readers take for", || {
            configured(clean(), br#"{"config":{"Env":[]},"Config":{"Env":["A=1"]}}"#.to_vec())
        }),
        lie("layers-1001", "too many layers", || with_layers(1001, None)),
        Attack::image("layers-500-one-with-weights", WEIGHTS, PLANTED, || {
            with_layers(500, Some(250))
        }),
        Attack::layout("layers-2100-on-three-platforms", UNREADABLE, "2000 different", |dir| {
            let image = |name, planted_at| with_layers_for(name, 700, planted_at);
            let images = [image("amd64", None), image("arm64", Some(350)), image("s390x", None)];
            write_index_layout(dir, "1", &images.iter().collect::<Vec<_>>());
        }),
        Attack::layout("indexes-five-deep", UNREADABLE, "nested deeper", nested),
    ]
}

fn disguises() -> Vec<Attack> {
    let refused = |name, image| Attack::image(name, UNREADABLE, "has an unknown type", image);
    vec![
        Attack::layout("attestation-with-a-nul", UNREADABLE, "has an unknown type", |dir| {
            let archive = checksum_behind_a_nul(plain_weights());
            beside_a_clean_one(dir, &holding_as(STATEMENT, &archive));
        }),
        Attack::layout("attestation-of-51-parts", UNREADABLE, "has an unknown type", |dir| {
            beside_a_clean_one(dir, &statements(51));
        }),
        refused("signature-that-can-be-unpacked", || typed(planted(), SIGNATURE)),
        refused("signature-with-a-nul", || {
            holding_as(SIGNATURE, &checksum_behind_a_nul(plain_weights()))
        }),
        refused("signature-that-is-erofs", || holding_as("application/vnd.erofs.v1", &erofs())),
        refused("signature-with-a-command", || {
            let config = br#"{"os":"linux","architecture":"amd64","config":{"Cmd":["/host/x"]}}"#;
            configured(holding_as(SIGNATURE, b"{}"), config.to_vec())
        }),
        Attack::layout("cache-that-can-be-run", WEIGHTS, PLANTED, cache_with_an_image),
        Attack::layout("attestation-that-can-be-run", WEIGHTS, PLANTED, |dir| {
            beside_a_clean_one(dir, &planted());
        }),
        // Docker and CRI-O unpack a layer whatever its type.
        Attack::layout("attestation-of-archives", UNREADABLE, "has an unknown type", |dir| {
            let config = br#"{"os":"unknown","architecture":"unknown","rootfs":{}}"#;
            let dressed = configured(typed(planted(), STATEMENT), config.to_vec());
            beside_a_clean_one(dir, &dressed);
        }),
        Attack::image("artifact-that-can-be-run", WEIGHTS, PLANTED, || {
            edited(planted(), |manifest| {
                manifest["config"]["mediaType"] = "application/vnd.acme.config.v1+json".into();
                manifest["artifactType"] = "application/vnd.acme".into();
            })
        }),
    ]
}
