//! What a manifest is for, as far as its types tell. Types are claims: what some runtime would
//! unpack whatever it is called is left to its content.

use super::{DOCKER_MANIFEST, Descriptor, Manifest};

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// What Docker takes for an image's configuration besides the two above (`ImageTypes`): old
/// builders left the type out or wrote octet-stream, some registries served what they had.
const OTHER_CONFIGS: &[&str] = &["", "application/octet-stream", "application/json", "text/html"];
/// A Docker plugin: not run by `docker run`, but CRI-O does not ask.
const DOCKER_PLUGIN: &str = "application/vnd.docker.plugin.v1+json";
/// What the types of an image's layers start with.
const LAYERS: [&str; 2] =
    ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];
/// What the types of BuildKit's own blobs start with; its cache is an index of layers and of one.
const BUILDKIT: &str = "application/vnd.buildkit.";

/// What a manifest is for, as far as its types tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestKind {
    /// Something a container runtime can run.
    Image,
    /// BuildKit's provenance or SBOM next to an image: every layer is an in-toto statement by
    /// type. An image if one of them is none by content: Docker and CRI-O do not ask for types.
    Attestation,
    /// An image by its configuration, as cosign's signatures are, but no layer has the type of a
    /// file system. An artifact of that type if none has such content either.
    Documents(String),
    /// Anything else kept in a registry (chart, signature, model artifact), by its type.
    Artifact(String),
    /// An image if its configuration has a `rootfs`, else an artifact of that type: some runtimes
    /// look at the content only, and artifacts borrow the types of layers.
    Unclear(String),
}

impl Manifest {
    /// What this manifest is for. A child called `unknown/unknown` whose layers are file systems
    /// is an image (`research/events.md` section 3.2), and so is whatever some runtime unpacks:
    /// Docker by the configuration's type, CRI-O every manifest of Docker's type.
    pub fn kind(&self) -> ManifestKind {
        let config = self.config.media_type.as_str();
        let all_layers =
            |is: fn(&str) -> bool| self.layers.iter().all(|layer| is(&layer.media_type));
        if !self.layers.is_empty() && all_layers(|kind| kind == IN_TOTO) {
            return ManifestKind::Attestation;
        }
        let is_dockers = self.media_type.as_deref() == Some(DOCKER_MANIFEST);
        let is_images = matches!(config, OCI_CONFIG | DOCKER_CONFIG);
        if is_images || OTHER_CONFIGS.contains(&config) || (is_dockers && config != DOCKER_PLUGIN) {
            let first = self.layers.first().map(|layer| layer.media_type.clone());
            return match first {
                // An empty type is left to the content, as runtimes do.
                Some(first) if all_layers(|kind| !kind.is_empty() && !is_file_system(kind)) => {
                    ManifestKind::Documents(self.artifact_type.clone().unwrap_or(first))
                }
                _ => ManifestKind::Image,
            };
        }
        let kind = self.artifact_type.clone().unwrap_or_else(|| config.to_owned());
        // Without a type, the registry's header makes it Docker's or not.
        if self.media_type.is_none() || !all_layers(|kind| !is_file_system(kind)) {
            ManifestKind::Unclear(kind)
        } else {
            ManifestKind::Artifact(kind)
        }
    }
}

fn is_file_system(media_type: &str) -> bool {
    LAYERS.iter().any(|start| media_type.starts_with(start))
}

impl Descriptor {
    /// Whether it says, in an index, that it is no manifest but a layer or BuildKit's list of
    /// cached ones. Only says: Docker and CRI-O fetch a child as a manifest whatever its type.
    pub fn is_part(&self) -> bool {
        is_file_system(&self.media_type) || self.media_type.starts_with(BUILDKIT)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Digest, Document, OCI_MANIFEST};
    use super::*;
    use serde_json::{Value, json};

    fn descriptor(media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::of(media_type.as_bytes()), "size": 7})
    }

    fn manifest(config: &str, layers: &[&str]) -> Manifest {
        typed(Some(OCI_MANIFEST), config, layers)
    }

    fn typed(media_type: Option<&str>, config: &str, layers: &[&str]) -> Manifest {
        let layers: Vec<Value> = layers.iter().map(|layer| descriptor(layer)).collect();
        let config = descriptor(config);
        let document = json!({"schemaVersion": 2, "mediaType": media_type,
            "config": config, "layers": layers});
        match Document::parse(document.to_string().as_bytes()) {
            Ok(Document::Manifest(manifest)) => *manifest,
            other => panic!("{other:?}"),
        }
    }

    const COSIGN: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

    #[test]
    fn tells_images_from_artifacts_and_attestations() {
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let table = [
            (manifest(OCI_CONFIG, &[layer]), ManifestKind::Image),
            (manifest(DOCKER_CONFIG, &[layer]), ManifestKind::Image),
            (manifest("", &[layer]), ManifestKind::Image),
            (manifest(OCI_CONFIG, &[]), ManifestKind::Image),
            (manifest(OCI_CONFIG, &[IN_TOTO, IN_TOTO]), ManifestKind::Attestation),
            // An attestation-looking manifest that carries a file system is an image.
            (manifest(OCI_CONFIG, &[IN_TOTO, layer]), ManifestKind::Image),
            (manifest(OCI_CONFIG, &[COSIGN]), ManifestKind::Documents(COSIGN.into())),
            (manifest(OCI_CONFIG, &[COSIGN, IN_TOTO]), ManifestKind::Documents(COSIGN.into())),
            (manifest(OCI_CONFIG, &[COSIGN, layer]), ManifestKind::Image),
            (manifest(OCI_CONFIG, &[COSIGN, ""]), ManifestKind::Image),
            (
                manifest("application/vnd.cncf.helm.config.v1+json", &["x"]),
                ManifestKind::Artifact("application/vnd.cncf.helm.config.v1+json".into()),
            ),
        ];
        for (manifest, kind) in table {
            assert_eq!(manifest.kind(), kind, "{manifest:?}");
        }
    }

    #[test]
    fn an_image_dressed_as_an_artifact_is_not_skipped() {
        const HELM: &str = "application/vnd.cncf.helm.config.v1+json";
        let oci = "application/vnd.oci.image.layer.v1.tar+gzip";
        let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        for config in OTHER_CONFIGS {
            assert_eq!(manifest(config, &[oci]).kind(), ManifestKind::Image, "{config}");
            let documents = ManifestKind::Documents("x".into());
            assert_eq!(manifest(config, &["x"]).kind(), documents, "{config}");
        }
        for config in [HELM, "x/y", IN_TOTO] {
            let unclear = ManifestKind::Unclear(config.into());
            let dockers = |layers: &[&str]| typed(Some(DOCKER_MANIFEST), config, layers).kind();
            assert_eq!(dockers(&[docker]), ManifestKind::Image);
            assert_eq!(dockers(&[]), ManifestKind::Image);
            assert_eq!(dockers(&["x"]), ManifestKind::Documents("x".into()));
            assert_eq!(dockers(&[IN_TOTO]), ManifestKind::Attestation);
            assert_eq!(typed(None, config, &["x"]).kind(), unclear);
            assert_eq!(manifest(config, &["x", oci]).kind(), unclear);
            assert_eq!(manifest(config, &[docker]).kind(), unclear);
            assert_eq!(manifest(config, &["x"]).kind(), ManifestKind::Artifact(config.into()));
        }
        let plugin = typed(Some(DOCKER_MANIFEST), DOCKER_PLUGIN, &[docker]);
        assert_eq!(plugin.kind(), ManifestKind::Unclear(DOCKER_PLUGIN.into()));
    }

    #[test]
    fn parts_of_a_cache_are_told_by_their_types() {
        for (media_type, expected) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", true),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", true),
            ("application/vnd.buildkit.cacheconfig.v0", true),
            (OCI_MANIFEST, false),
            ("application/vnd.oci.image.config.v1+json", false),
            ("", false),
        ] {
            let descriptor: Descriptor = serde_json::from_value(descriptor(media_type)).unwrap();
            assert_eq!(descriptor.is_part(), expected, "{media_type}");
        }
    }
}
