//! Manifests and indexes of both families (OCI image-spec 1.1, Docker schema 2), read leniently
//! where clients are lenient and refused where two readers could disagree.
//! Sources: image-spec manifest.md and image-index.md; `research/events.md` section 3.2.

mod kind;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::kind::ManifestKind;
use super::{Digest, Platform, lookalike};

/// Largest manifest or index we read: distribution's own hard cap (`maxManifestBodySize`).
pub const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;
/// Most layers of one manifest; overlay file systems stop at 127, the rest is an attack.
pub const MAX_LAYERS: usize = 1000;
/// Most children of one index.
pub const MAX_CHILDREN: usize = 500;

/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a Docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The `Accept` value for manifests: all four, because a registry asked for fewer converts or
/// hides what it has (`research/events.md` section 3.2).
pub const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A typed link to other content (image-spec descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content claims to be. Never trusted for decompression; magic bytes decide.
    #[serde(default)]
    pub media_type: String,
    /// Address of the content.
    pub digest: Digest,
    /// Size of the content in bytes, as stored (compressed).
    pub size: u64,
    /// Other places to download from. Never followed (server-side request forgery); their
    /// presence is what the `unreadable-layer` rule looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free-form annotations.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Platform, for children of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// One manifest document, as its bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Several images under one digest.
    Index(Index),
    /// One image or artifact.
    Manifest(Box<Manifest>),
}

/// An OCI index or Docker manifest list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The children, in order.
    pub manifests: Vec<Descriptor>,
}

/// An OCI or Docker schema 2 image manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// What the document says it is.
    #[serde(default)]
    pub media_type: Option<String>,
    /// The image configuration.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// Annotations of the manifest.
    #[serde(default, deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
    /// Type of an artifact that is no container image.
    #[serde(default)]
    pub artifact_type: Option<String>,
}

/// Why a document is no manifest we can judge.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ManifestError {
    /// Not JSON, or not of the manifest's shape.
    #[error("malformed manifest: {0}")]
    Malformed(String),
    /// Docker schema 1, which modern runtimes refuse too.
    #[error(
        "unsupported manifest (hint: rebuild or re-push with a current client): schema version {0}"
    )]
    SchemaVersion(u64),
    /// Both an index and a manifest (CVE-2021-41190): two readers would see two images.
    #[error("ambiguous manifest: both `manifests` and `{0}` are present")]
    Ambiguous(&'static str),
    /// A key that some readers take for another one.
    #[error("ambiguous manifest: a key that other readers take for a known one: `{0}`")]
    Lookalike(String),
    /// More parts than any honest image has.
    #[error("too many {what} in one manifest: {count} (limit {limit})")]
    TooMany {
        /// `layers` or `manifests`.
        what: &'static str,
        /// How many there were.
        count: usize,
        /// The cap.
        limit: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDocument {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "null_as_default")]
    annotations: BTreeMap<String, String>,
    artifact_type: Option<String>,
}

impl Document {
    /// Reads the bytes of a manifest or index.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let malformed = |error: serde_json::Error| ManifestError::Malformed(error.to_string());
        let value = serde_json::from_slice(bytes).map_err(malformed)?;
        if let Some(key) = lookalike::find(&value, &lookalike::MANIFEST) {
            return Err(ManifestError::Lookalike(key));
        }
        // From the bytes again: a doubled key is an error there and silent in a `Value`.
        let raw: RawDocument = serde_json::from_slice(bytes).map_err(malformed)?;
        match raw.schema_version {
            Some(2) => {}
            Some(version) => return Err(ManifestError::SchemaVersion(version)),
            None => return Err(ManifestError::Malformed("`schemaVersion` is missing".into())),
        }
        if raw.manifests.is_some() { raw.into_index() } else { raw.into_manifest() }
    }
}

impl RawDocument {
    fn into_index(self) -> Result<Document, ManifestError> {
        if self.layers.is_some() {
            return Err(ManifestError::Ambiguous("layers"));
        }
        if self.config.is_some() {
            return Err(ManifestError::Ambiguous("config"));
        }
        if matches!(self.media_type.as_deref(), Some(OCI_MANIFEST | DOCKER_MANIFEST)) {
            return Err(ManifestError::Ambiguous("mediaType"));
        }
        let manifests = self.manifests.unwrap_or_default();
        cap("manifests", manifests.len(), MAX_CHILDREN)?;
        Ok(Document::Index(Index { manifests }))
    }

    fn into_manifest(self) -> Result<Document, ManifestError> {
        if matches!(self.media_type.as_deref(), Some(OCI_INDEX | DOCKER_LIST)) {
            return Err(ManifestError::Malformed("an index without `manifests`".into()));
        }
        let config =
            self.config.ok_or_else(|| ManifestError::Malformed("`config` is missing".into()))?;
        let layers =
            self.layers.ok_or_else(|| ManifestError::Malformed("`layers` is missing".into()))?;
        cap("layers", layers.len(), MAX_LAYERS)?;
        Ok(Document::Manifest(Box::new(Manifest {
            media_type: self.media_type,
            config,
            layers,
            annotations: self.annotations,
            artifact_type: self.artifact_type,
        })))
    }
}

impl Manifest {
    /// Sum of the layers' compressed sizes in bytes.
    pub fn compressed_bytes(&self) -> u64 {
        self.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size))
    }
}

fn cap(what: &'static str, count: usize, limit: usize) -> Result<(), ManifestError> {
    if count > limit { Err(ManifestError::TooMany { what, count, limit }) } else { Ok(()) }
}

/// Some writers put `null` where the specification wants a map or nothing.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    fn descriptor(media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::of(media_type.as_bytes()), "size": 7})
    }

    fn parse(value: &Value) -> Result<Document, ManifestError> {
        Document::parse(value.to_string().as_bytes())
    }

    #[test]
    fn refuses_documents_two_readers_could_read_differently() {
        let both = json!({"schemaVersion": 2, "manifests": [], "layers": []});
        assert_eq!(parse(&both), Err(ManifestError::Ambiguous("layers")));
        let typed = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": []});
        assert_eq!(parse(&typed), Err(ManifestError::Ambiguous("mediaType")));
        let swapped = json!({"schemaVersion": 2, "mediaType": OCI_INDEX,
            "config": descriptor(OCI_CONFIG), "layers": []});
        assert!(matches!(parse(&swapped), Err(ManifestError::Malformed(_))));
        assert_eq!(parse(&json!({"schemaVersion": 1})), Err(ManifestError::SchemaVersion(1)));
        let lookalike = json!({"schemaVersion": 2, "config": descriptor(OCI_CONFIG),
            "layers": [], "Layers": [descriptor("hidden")]});
        assert_eq!(parse(&lookalike), Err(ManifestError::Lookalike("Layers".into())));
        let doubled = br#"{"schemaVersion": 2, "manifests": [], "manifests": []}"#;
        assert!(matches!(Document::parse(doubled), Err(ManifestError::Malformed(_))));
        for junk in [&b""[..], b"[]", b"{}", b"null", b"{\"schemaVersion\":2}", b"\xff"] {
            assert!(Document::parse(junk).is_err());
        }
    }

    #[test]
    fn caps_layers_and_children() {
        let of = |count: usize| {
            json!({"schemaVersion": 2, "config": descriptor(OCI_CONFIG),
                "layers": vec![descriptor("l"); count]})
        };
        assert!(parse(&of(MAX_LAYERS - 1)).is_ok());
        assert!(parse(&of(MAX_LAYERS)).is_ok());
        assert!(matches!(parse(&of(MAX_LAYERS + 1)), Err(ManifestError::TooMany { .. })));
        let index =
            |count: usize| json!({"schemaVersion": 2, "manifests": vec![descriptor("m"); count]});
        assert!(parse(&index(MAX_CHILDREN)).is_ok());
        assert!(matches!(parse(&index(MAX_CHILDREN + 1)), Err(ManifestError::TooMany { .. })));
    }
}
