//! What refers to a manifest: signatures, SBOMs, results of scans. Read for what they say they
//! are; no signature is verified and no content is looked at.
//! Sources: distribution-spec "Listing Referrers" and "Referrers Tag Schema"; image-spec
//! manifest.md (`subject`, `artifactType`); cosign's tags (`sha256-<hex>.att`); the annotations of
//! sigstore bundles and of BuildKit's attestation storage.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Digest;
use super::manifest::{Manifest, null_as_default};

/// Longest type that is kept, in characters.
const MAX_TYPE_CHARS: usize = 200;
/// Most types of one document.
const MAX_TYPES: usize = 100;
/// Longest tag (distribution-spec, "Pulling manifests").
const MAX_TAG_BYTES: usize = 128;

/// Annotations that name the type of a statement: BuildKit's, sigstore's, cosign's.
const PREDICATES: [&str; 3] =
    ["in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType"];
/// Annotation by which BuildKit says, in the index, which manifest an attestation is about.
pub const ABOUT: &str = "vnd.docker.reference.digest";

/// What types that say nothing of the content start with. GHCR lists cosign's bundles as
/// `empty`, and cosign leaves out the annotations where it writes the list itself (cosign#4641):
/// the manifest has them.
const WRAPPINGS: [&str; 10] = [
    "application/vnd.oci.empty.",
    "application/vnd.oci.image.",
    "application/vnd.docker.",
    "application/vnd.dsse.envelope.",
    "application/vnd.in-toto",
    "application/vnd.dev.sigstore.bundle",
    "application/vnd.dev.cosign.artifact.att.",
    "application/octet-stream",
    "application/json",
    "application/x-json",
];

/// One document that refers to a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its manifest.
    pub digest: Digest,
    /// Types it goes by, artifact types and predicate types. As whoever pushed it says.
    pub types: Vec<String>,
}

impl Referrer {
    /// Whether its types leave open what it is, so that its manifest has to be read.
    pub fn is_vague(&self) -> bool {
        self.types.iter().all(|kind| is_wrapping(kind))
    }
}

/// Whether a type tells only how something is wrapped.
pub fn is_wrapping(kind: &str) -> bool {
    WRAPPINGS.iter().any(|start| kind.starts_with(start))
}

/// The tag that stands in for the referrers API where a registry has none.
pub fn list_tag(subject: &Digest) -> String {
    let algorithm: String = subject.algorithm().name().chars().take(32).collect();
    let hex: String = subject.hex().chars().take(64).collect();
    format!("{algorithm}-{hex}")
}

/// The tag under which cosign keeps attestations; none for a digest too long for it.
pub fn cosign_tag(subject: &Digest) -> Option<String> {
    let tag = format!("{}-{}.att", subject.algorithm().name(), subject.hex());
    (tag.len() <= MAX_TAG_BYTES).then_some(tag)
}

/// A descriptor, as far as it names types.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    digest: Option<Digest>,
    #[serde(default, deserialize_with = "null_as_default")]
    media_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    artifact_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct RawList {
    manifests: Vec<RawDescriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    #[serde(default, deserialize_with = "null_as_default")]
    artifact_type: String,
    config: Option<RawDescriptor>,
    #[serde(default, deserialize_with = "null_as_default")]
    layers: Vec<RawDescriptor>,
    #[serde(default, deserialize_with = "null_as_default")]
    annotations: BTreeMap<String, String>,
    subject: Option<RawDescriptor>,
}

/// Reads a list of referrers, as the API and the tag that stands in for it give it. The error is
/// for what is no index.
pub fn list(bytes: &[u8]) -> Result<Vec<Referrer>, String> {
    let list: RawList = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let referrer = |raw: RawDescriptor| {
        let types = [raw.artifact_type.as_str()].into_iter().chain(predicates(&raw.annotations));
        Some(Referrer { digest: raw.digest?, types: kept(types) })
    };
    Ok(list.manifests.into_iter().filter_map(referrer).collect())
}

/// A manifest as something that refers to another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attached {
    /// Types it goes by.
    pub types: Vec<String>,
    /// What it says it refers to.
    pub subject: Option<Digest>,
}

/// Reads a manifest for what it is attached to and as what. One that cannot be read is nothing.
pub fn attached(bytes: &[u8]) -> Attached {
    let Ok(raw) = serde_json::from_slice::<RawManifest>(bytes) else { return Attached::default() };
    let of_layer = |layer: &'_ RawDescriptor| -> Vec<String> {
        let predicates = predicates(&layer.annotations).map(str::to_owned);
        predicates.chain([layer.media_type.clone()]).collect()
    };
    let layers: Vec<String> = raw.layers.iter().flat_map(of_layer).collect();
    let types = [raw.artifact_type.as_str()]
        .into_iter()
        .chain(raw.config.iter().map(|config| config.media_type.as_str()))
        .chain(predicates(&raw.annotations))
        .chain(layers.iter().map(String::as_str));
    Attached { types: kept(types), subject: raw.subject.and_then(|subject| subject.digest) }
}

/// The types of statements in a manifest, by its layers' annotations.
pub fn statements(manifest: &Manifest) -> Vec<String> {
    kept(manifest.layers.iter().flat_map(|layer| predicates(&layer.annotations)))
}

fn predicates(annotations: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    PREDICATES.into_iter().filter_map(|key| annotations.get(key)).map(String::as_str)
}

/// Types fit to be kept and shown: short, without control characters, each once, few.
fn kept<'a>(types: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut kept = Vec::new();
    for kind in types {
        let kind: String =
            kind.trim().chars().filter(|c| !c.is_control()).take(MAX_TYPE_CHARS).collect();
        if !kind.is_empty() && kept.len() < MAX_TYPES && !kept.contains(&kind) {
            kept.push(kind);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tags_are_those_of_the_specification_and_of_cosign() {
        let digest = Digest::of(b"image");
        assert_eq!(list_tag(&digest), format!("sha256-{}", digest.hex()));
        assert_eq!(cosign_tag(&digest), Some(format!("sha256-{}.att", digest.hex())));
        let long: Digest = format!("sha512:{}", "a".repeat(128)).parse().unwrap();
        assert_eq!(list_tag(&long), format!("sha512-{}", "a".repeat(64)));
        assert_eq!(cosign_tag(&long), None);
    }

    #[test]
    fn reads_lists() {
        let digest = Digest::of(b"x");
        let text = json!({"schemaVersion": 2, "manifests": [
            {"digest": digest, "artifactType": "application/sarif+json", "annotations": null},
            {"digest": digest, "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "annotations": {"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"}},
            {"digest": digest, "artifactType": "application/vnd.oci.empty.v1+json"},
            {"digest": digest, "mediaType": "application/vnd.oci.image.manifest.v1+json"},
        ]});
        let list = list(text.to_string().as_bytes()).unwrap();
        let types: Vec<_> = list.iter().map(|referrer| referrer.types.join(" ")).collect();
        insta::assert_snapshot!(types.join("\n"), @r"
        application/sarif+json
        application/vnd.dev.sigstore.bundle.v0.3+json https://spdx.dev/Document
        application/vnd.oci.empty.v1+json
        ");
        let vague: Vec<bool> = list.iter().map(Referrer::is_vague).collect();
        assert_eq!(vague, [false, false, true, true]);
        for junk in ["", "[]", "{}", r#"{"manifests": 1}"#, "<html>"] {
            assert!(super::list(junk.as_bytes()).is_err(), "{junk}");
        }
    }

    #[test]
    fn reads_manifests() {
        let subject = Digest::of(b"image");
        let text = json!({"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json"},
            "layers": [{"mediaType": "application/vnd.dsse.envelope.v1+json",
                "annotations": {"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1"}}],
            "subject": {"digest": subject}});
        let found = attached(text.to_string().as_bytes());
        assert_eq!(found.subject, Some(subject));
        assert!(
            found.types.contains(&"https://cosign.sigstore.dev/attestation/vuln/v1".to_owned())
        );
        assert_eq!(attached(b"no json"), Attached::default());
    }

    #[test]
    fn types_are_bounded() {
        for length in [MAX_TYPE_CHARS - 1, MAX_TYPE_CHARS, MAX_TYPE_CHARS + 1] {
            let kind = "x".repeat(length);
            let types = kept([kind.as_str(), &kind, "\u{1b}", ""].into_iter());
            assert_eq!(types, ["x".repeat(length.min(MAX_TYPE_CHARS))]);
        }
        for count in [MAX_TYPES - 1, MAX_TYPES, MAX_TYPES + 1] {
            let types: Vec<String> = (0..count).map(|n| n.to_string()).collect();
            assert_eq!(kept(types.iter().map(String::as_str)).len(), count.min(MAX_TYPES));
        }
    }
}
