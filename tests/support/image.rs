//! Builds small honest images (and dishonest ones) in memory: layers from entries, a
//! configuration with history, a manifest, an index; written as an OCI layout that skopeo reads,
//! or handed to the in-process registry.

use std::io::Write as _;
use std::path::Path;

use flate2::write::GzEncoder;
use plimsoll::model::{Digest, manifest};
use serde_json::{Value, json};
use tar::{EntryType, Header};

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Gzip, as almost every image has it.
    Gzip,
    /// Zstandard.
    Zstd,
    /// Uncompressed.
    Plain,
}

/// A layer in the making.
#[derive(Debug, Clone)]
pub struct LayerBuilder {
    created_by: String,
    stored: Stored,
    entries: Vec<(String, EntryType, Vec<u8>)>,
}

impl LayerBuilder {
    /// A layer made by an instruction as BuildKit writes it, such as `COPY . /app # buildkit`.
    pub fn new(created_by: &str) -> Self {
        Self { created_by: created_by.to_owned(), stored: Stored::Gzip, entries: Vec::new() }
    }

    /// Stores it otherwise than as gzip.
    #[must_use]
    pub fn stored(mut self, stored: Stored) -> Self {
        self.stored = stored;
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entries.push((path.to_owned(), EntryType::Regular, content.into()));
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.entries.push((path.to_owned(), EntryType::Symlink, target.into()));
        self
    }

    /// Deletes `path` of the layers below.
    #[must_use]
    pub fn delete(self, path: &str) -> Self {
        let whiteout = match path.rsplit_once('/') {
            Some((parent, name)) => format!("{parent}/.wh.{name}"),
            None => format!(".wh.{path}"),
        };
        self.file(&whiteout, "")
    }

    /// The uncompressed archive.
    pub fn archive(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content) in &self.entries {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_entry_type(*kind);
            if *kind == EntryType::Symlink {
                header.set_size(0);
                let target = String::from_utf8_lossy(content).into_owned();
                builder.append_link(&mut header, path, target).unwrap();
            } else {
                header.set_size(content.len().try_into().unwrap());
                builder.append_data(&mut header, path, content.as_slice()).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    fn build(&self) -> Layer {
        let archive = self.archive();
        let (bytes, suffix) = match self.stored {
            Stored::Gzip => (gzip(&archive), "+gzip"),
            Stored::Zstd => (zstd::encode_all(archive.as_slice(), 1).unwrap(), "+zstd"),
            Stored::Plain => (archive.clone(), ""),
        };
        Layer {
            media_type: format!("application/vnd.oci.image.layer.v1.tar{suffix}"),
            diff_id: Digest::of(&archive),
            bytes,
            claimed: None,
        }
    }
}

/// Gzip at the fastest level.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[derive(Debug, Clone)]
struct Layer {
    media_type: String,
    diff_id: Digest,
    bytes: Vec<u8>,
    /// Digest and size to claim instead of the true ones.
    claimed: Option<(Digest, u64)>,
}

impl Layer {
    fn descriptor(&self) -> Value {
        let size = u64::try_from(self.bytes.len()).unwrap();
        let (digest, size) =
            self.claimed.clone().unwrap_or_else(|| (Digest::of(&self.bytes), size));
        json!({"mediaType": self.media_type, "digest": digest, "size": size})
    }
}

/// An image in the making, for linux/amd64 unless said otherwise.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    architecture: String,
    env: Vec<String>,
    steps: Vec<(String, Option<Layer>)>,
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self {
            architecture: "amd64".into(),
            env: vec!["PATH=/usr/local/bin:/usr/bin:/bin".into()],
            steps: Vec::new(),
        }
    }
}

impl ImageBuilder {
    /// An image without layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// For another processor.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// Sets an environment variable, with the history step a Dockerfile would leave.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}"));
        self.steps.push((format!("ENV {name}={value}"), None));
        self
    }

    /// Adds a history step without a layer.
    #[must_use]
    pub fn step(mut self, created_by: &str) -> Self {
        self.steps.push((created_by.to_owned(), None));
        self
    }

    /// Adds a layer.
    #[must_use]
    pub fn layer(mut self, layer: &LayerBuilder) -> Self {
        self.steps.push((layer.created_by.clone(), Some(layer.build())));
        self
    }

    /// Adds a layer of bytes that need not be an archive.
    #[must_use]
    pub fn raw_layer(mut self, created_by: &str, bytes: Vec<u8>) -> Self {
        let layer = Layer {
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
            diff_id: Digest::of(b""),
            bytes,
            claimed: None,
        };
        self.steps.push((created_by.to_owned(), Some(layer)));
        self
    }

    /// Adds a layer that lives elsewhere: only its descriptor.
    #[must_use]
    pub fn claimed_layer(mut self, created_by: &str, digest: &Digest, size: u64) -> Self {
        self = self.raw_layer(created_by, Vec::new());
        if let Some((_, Some(layer))) = self.steps.last_mut() {
            layer.claimed = Some((digest.clone(), size));
        }
        self
    }

    /// The finished image.
    pub fn build(&self) -> BuiltImage {
        let layers: Vec<&Layer> =
            self.steps.iter().filter_map(|(_, layer)| layer.as_ref()).collect();
        let history: Vec<Value> = self
            .steps
            .iter()
            .map(|(created_by, layer)| {
                json!({"created_by": created_by, "comment": "buildkit.dockerfile.v0",
                    "empty_layer": layer.is_none()})
            })
            .collect();
        let config = json!({
            "os": "linux", "architecture": self.architecture,
            "config": {"Env": self.env, "Cmd": ["python3"]},
            "rootfs": {"type": "layers",
                "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>()},
            "history": history,
        });
        let config = serde_json::to_vec(&config).unwrap();
        let document = json!({
            "schemaVersion": 2, "mediaType": manifest::OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": Digest::of(&config), "size": config.len()},
            "layers": layers.iter().map(|layer| layer.descriptor()).collect::<Vec<_>>(),
        });
        let blobs = layers
            .iter()
            .filter(|layer| layer.claimed.is_none())
            .map(|layer| layer.bytes.clone())
            .chain([config])
            .collect();
        BuiltImage {
            architecture: self.architecture.clone(),
            manifest: serde_json::to_vec(&document).unwrap(),
            blobs,
        }
    }
}

/// An image as bytes.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// Processor it is for.
    pub architecture: String,
    /// The manifest document.
    pub manifest: Vec<u8>,
    /// Layers and configuration.
    pub blobs: Vec<Vec<u8>>,
}

impl BuiltImage {
    /// Digest of the manifest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// The manifest's layers, as descriptors.
    pub fn layers(&self) -> Vec<plimsoll::model::Descriptor> {
        let document: Value = serde_json::from_slice(&self.manifest).unwrap();
        serde_json::from_value(document["layers"].clone()).unwrap()
    }

    /// The document and blobs together, each with its digest.
    pub fn contents(&self) -> impl Iterator<Item = (Digest, &[u8])> {
        self.blobs.iter().chain([&self.manifest]).map(|bytes| (Digest::of(bytes), bytes.as_slice()))
    }
}

/// An index over images.
pub fn index(images: &[&BuiltImage]) -> Vec<u8> {
    let manifests: Vec<Value> = images
        .iter()
        .map(|image| {
            json!({"mediaType": manifest::OCI_MANIFEST, "digest": image.digest(),
                "size": image.manifest.len(),
                "platform": {"os": "linux", "architecture": image.architecture}})
        })
        .collect();
    let document =
        json!({"schemaVersion": 2, "mediaType": manifest::OCI_INDEX, "manifests": manifests});
    serde_json::to_vec(&document).unwrap()
}

/// Writes an OCI image layout with one image under a tag, as `skopeo copy oci:DIR:TAG` reads it.
pub fn write_layout(dir: &Path, tag: &str, image: &BuiltImage) {
    write_blobs(dir, image.contents());
    write_entry(dir, tag, manifest::OCI_MANIFEST, &image.manifest);
}

/// The same with an index over images.
pub fn write_index_layout(dir: &Path, tag: &str, images: &[&BuiltImage]) {
    write_index_document(dir, tag, images, &index(images));
}

/// The same with an index of one's own.
pub fn write_index_document(dir: &Path, tag: &str, images: &[&BuiltImage], index: &[u8]) {
    write_blobs(dir, images.iter().flat_map(|image| image.contents()));
    write_blobs(dir, [(Digest::of(index), index)].into_iter());
    write_entry(dir, tag, manifest::OCI_INDEX, index);
}

fn write_blobs<'a>(dir: &Path, contents: impl Iterator<Item = (Digest, &'a [u8])>) {
    let blobs = dir.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    for (digest, bytes) in contents {
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
    }
}

fn write_entry(dir: &Path, tag: &str, media_type: &str, document: &[u8]) {
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": media_type, "digest": Digest::of(document), "size": document.len(),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }]});
    std::fs::write(dir.join("index.json"), index.to_string()).unwrap();
}
