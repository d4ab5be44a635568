//! The walk from a reference through indexes to configurations: breadth first, a few documents
//! at a time, capped in depth and number, in the index's order.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    AbsentManifest, CONCURRENCY, MAX_INDEX_DEPTH, MAX_MANIFESTS, MAX_READ_BYTES, Resolved,
    SkippedManifest, attestation, is_known,
};
use crate::model::image::MAX_CONFIG_BYTES;
use crate::model::manifest::{Index, Manifest, ManifestKind};
use crate::model::referrer;
use crate::model::{Descriptor, Digest, Document, Image, ImageConfig, Platform, Reference};
use crate::policy::Platforms;
use crate::registry::{FetchError, RawManifest, Registry};

/// One manifest or index to be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    digest: Digest,
    /// As the index above says.
    platform: Platform,
    /// For an attestation: the manifest it is about, as the index above says.
    about: Option<Digest>,
}

impl Node {
    /// What no index names a platform for.
    fn alone(digest: &Digest) -> Self {
        Self { digest: digest.clone(), platform: Platform::default(), about: None }
    }
}

/// What a node turned out to be.
enum Content {
    Index(Index),
    Image(Box<Image>),
    Skipped(SkippedManifest),
    Absent(AbsentManifest),
}

struct Found {
    node: Node,
    content: Content,
    bytes: u64,
}

/// Reads nodes.
struct Reader<'a> {
    registry: &'a dyn Registry,
    reference: &'a Reference,
    platforms: &'a Platforms,
}

pub(super) struct Walk<'a> {
    reader: Reader<'a>,
    /// A digest may be listed for two platforms, and then counts for both.
    seen: HashSet<Node>,
    images: Vec<Image>,
    skipped: Vec<SkippedManifest>,
    absent: Vec<AbsentManifest>,
    bytes_read: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        registry: &'a dyn Registry,
        reference: &'a Reference,
        platforms: &'a Platforms,
    ) -> Self {
        Self {
            reader: Reader { registry, reference, platforms },
            seen: HashSet::new(),
            images: Vec::new(),
            skipped: Vec::new(),
            absent: Vec::new(),
            bytes_read: 0,
        }
    }

    pub(super) async fn run(mut self) -> Result<Resolved, FetchError> {
        let top = self.reader.top().await?;
        let digest = top.node.digest.clone();
        self.seen.insert(top.node.clone());
        self.bytes_read = top.bytes;
        let mut level = vec![top];
        let mut depth = 1;
        while !level.is_empty() {
            let children = self.sort(level, depth);
            level = self.read(children).await?;
            depth += 1;
        }
        if self.bytes_read > MAX_READ_BYTES {
            let defect =
                format!("manifests and configurations are larger than {MAX_READ_BYTES} bytes");
            self.images.push(whole_index(&digest, defect));
        }
        let Self { images, skipped, absent, bytes_read, .. } = self;
        Ok(Resolved { version: Resolved::VERSION, digest, images, skipped, absent, bytes_read })
    }

    /// Reads nodes until there are no more or there was too much.
    async fn read(&mut self, nodes: Vec<Node>) -> Result<Vec<Found>, FetchError> {
        let reader = &self.reader;
        let mut reads =
            stream::iter(nodes.into_iter().map(|node| reader.child(node))).buffered(CONCURRENCY);
        let mut level = Vec::new();
        while self.bytes_read <= MAX_READ_BYTES
            && let Some(found) = reads.try_next().await?
        {
            self.bytes_read = self.bytes_read.saturating_add(found.bytes);
            level.push(found);
        }
        Ok(level)
    }

    /// Puts what was found into its place and names what has to be read next.
    fn sort(&mut self, level: Vec<Found>, depth: usize) -> Vec<Node> {
        let mut children = Vec::new();
        for Found { node, content, .. } in level {
            match content {
                Content::Image(image) => self.images.push(*image),
                Content::Skipped(skipped) => self.skipped.push(skipped),
                Content::Absent(absent) => self.absent.push(absent),
                Content::Index(_) if depth > MAX_INDEX_DEPTH => {
                    let defect = format!("indexes are nested deeper than {MAX_INDEX_DEPTH}");
                    self.images.push(whole_index(&node.digest, defect));
                }
                Content::Index(index) => self.enqueue(&node.digest, index, &mut children),
            }
        }
        children
    }

    fn enqueue(&mut self, parent: &Digest, index: Index, children: &mut Vec<Node>) {
        for child in index.manifests {
            let about = child.annotations.get(referrer::ABOUT).and_then(|about| about.parse().ok());
            let platform = child.platform.unwrap_or_default();
            let node = Node { digest: child.digest, platform, about };
            if self.seen.contains(&node) {
                continue;
            }
            if self.seen.len() >= MAX_MANIFESTS {
                let defect = format!("more than {MAX_MANIFESTS} manifests in one index");
                self.images.push(whole_index(parent, defect));
                return;
            }
            self.seen.insert(node.clone());
            children.push(node);
        }
    }
}

impl Reader<'_> {
    async fn top(&self) -> Result<Found, FetchError> {
        match (self.registry.manifest(self.reference).await, self.reference.digest()) {
            (Ok(raw), _) => self.read(Node::alone(&raw.digest), &raw).await,
            (Err(error @ FetchError::TooLarge { .. }), Some(digest)) => {
                Ok(spoilt(Node::alone(digest), error.to_string()))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn child(&self, node: Node) -> Result<Found, FetchError> {
        let read = match self.registry.manifest(&self.reference.at(&node.digest)).await {
            Ok(raw) => self.read(node.clone(), &raw).await,
            Err(error @ FetchError::TooLarge { .. }) => Ok(spoilt(node.clone(), error.to_string())),
            Err(error) => Err(error),
        };
        match read {
            Err(FetchError::NotFound(detail)) if self.may_lack(&node) => Ok(absent(node, detail)),
            read => read,
        }
    }

    /// Whether a child's absence is none of our business (see [`super::resolve`]).
    fn may_lack(&self, node: &Node) -> bool {
        is_known(&node.platform) && !self.platforms.include(&node.platform)
    }

    async fn read(&self, node: Node, raw: &RawManifest) -> Result<Found, FetchError> {
        let bytes = u64::try_from(raw.bytes.len()).unwrap_or(u64::MAX);
        let content = match Document::parse(&raw.bytes) {
            Err(defect) => return Ok(Found { bytes, ..spoilt(node, defect.to_string()) }),
            Ok(Document::Index(index)) => Content::Index(index),
            Ok(Document::Manifest(manifest)) => {
                return self.manifest(node, *manifest, bytes).await;
            }
        };
        Ok(Found { node, content, bytes })
    }

    async fn manifest(
        &self,
        node: Node,
        manifest: Manifest,
        bytes: u64,
    ) -> Result<Found, FetchError> {
        let kind = match manifest.kind() {
            ManifestKind::Attestation => {
                let (registry, reference) = (self.registry, self.reference);
                if attestation::holds_archive(registry, reference, &manifest).await? {
                    let config = self.config(&manifest.config).await?;
                    return Ok(image(node, manifest, config.as_deref(), bytes));
                }
                "attestation".to_owned()
            }
            ManifestKind::Artifact(kind) => kind,
            ManifestKind::Image => {
                let config = self.config(&manifest.config).await?;
                return Ok(image(node, manifest, config.as_deref(), bytes));
            }
            ManifestKind::Unclear(kind) => {
                let config = self.config(&manifest.config).await?;
                if config.as_deref().is_none_or(ImageConfig::has_rootfs) {
                    return Ok(image(node, manifest, config.as_deref(), bytes));
                }
                kind
            }
        };
        let content = Content::Skipped(SkippedManifest {
            digest: node.digest.clone(),
            kind,
            statements: referrer::statements(&manifest),
            about: node.about.clone(),
        });
        Ok(Found { node, content, bytes })
    }

    /// The bytes of a configuration; `None` when it is too large to be one.
    async fn config(&self, config: &Descriptor) -> Result<Option<Bytes>, FetchError> {
        if config.size > MAX_CONFIG_BYTES {
            return Ok(None);
        }
        // The stream ends with an error before it exceeds the descriptor's size.
        let stream = self.registry.blob(self.reference, config).await?;
        let json = stream
            .try_fold(Vec::new(), |mut json, chunk| async move {
                json.extend_from_slice(&chunk);
                Ok(json)
            })
            .await?;
        Ok(Some(json.into()))
    }
}

/// The image of a manifest, with its configuration as far as that can be read; `None` is one that
/// is too large.
fn image(node: Node, manifest: Manifest, config: Option<&[u8]>, manifest_bytes: u64) -> Found {
    let mut image = blank(node.clone());
    let config_bytes = config.map_or(0, <[u8]>::len);
    match config.map(ImageConfig::parse) {
        None => image.defects.push(format!(
            "image configuration is larger than {MAX_CONFIG_BYTES} bytes: {}",
            manifest.config.size
        )),
        Some(Ok(config)) => image.config = config,
        Some(Err(error)) => {
            image.defects.push(format!("malformed image configuration: {error}"));
        }
    }
    if !is_known(&image.platform) {
        image.platform = image.config.platform.clone();
    }
    image.manifest = manifest;
    let bytes = manifest_bytes.saturating_add(u64::try_from(config_bytes).unwrap_or(u64::MAX));
    Found { node, content: Content::Image(Box::new(image)), bytes }
}

fn absent(node: Node, detail: String) -> Found {
    let (digest, platform) = (node.digest.clone(), node.platform.clone());
    let content = Content::Absent(AbsentManifest { digest, platform, detail });
    Found { node, content, bytes: 0 }
}

fn spoilt(node: Node, defect: String) -> Found {
    let image = defective(node.clone(), defect);
    Found { node, content: Content::Image(Box::new(image)), bytes: 0 }
}

/// An image of which nothing is known but what is wrong with it.
fn defective(node: Node, defect: String) -> Image {
    Image { defects: vec![defect], ..blank(node) }
}

/// An index that was not read to its end. Its platform is left open whatever it says, because
/// what was not read may be for any.
fn whole_index(digest: &Digest, defect: String) -> Image {
    defective(Node::alone(digest), defect)
}

/// An image without particulars. Its configuration's descriptor is that of no bytes.
fn blank(node: Node) -> Image {
    let config = Descriptor {
        media_type: String::new(),
        digest: Digest::of(b""),
        size: 0,
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
    };
    Image {
        platform: node.platform,
        digest: node.digest,
        manifest: Manifest {
            media_type: None,
            config,
            layers: Vec::new(),
            annotations: BTreeMap::new(),
            artifact_type: None,
        },
        config: ImageConfig::default(),
        defects: Vec::new(),
    }
}
