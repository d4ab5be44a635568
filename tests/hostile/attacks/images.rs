//! Manifests, indexes and configurations that show one image to the scanner and run another, or
//! that are too much.

use std::path::Path;

use plimsoll::model::Digest;
use serde_json::{Value, json};

use super::super::image::{
    BuiltImage, ImageBuilder, LayerBuilder, write_index_document, write_layout,
};
use super::pack::{end, file, harmless, noise, packed, plain_weights, weights};
use super::{Attack, PLANTED, UNREADABLE, WEIGHTS, holding};

const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const STATEMENT: &str = "application/vnd.in-toto+json";
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
    (0..count)
        .fold(ImageBuilder::new(), |image, index| {
            let layer = LayerBuilder::new("RUN /bin/sh -c touch x # buildkit");
            let layer = match planted_at {
                Some(at) if at == index => layer.file("app/model.safetensors", weights()),
                _ => layer.file(&format!("x{index}"), "x"),
            };
            image.layer(&layer)
        })
        .build()
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
        Attack::layout("indexes-five-deep", UNREADABLE, "nested deeper", nested),
    ]
}

fn disguises() -> Vec<Attack> {
    vec![
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
