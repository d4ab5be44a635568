//! The walk from a reference through indexes to configurations: breadth first, a few documents
//! at a time, capped in depth and number, in the index's order.

use std::collections::{BTreeMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::config::{self, Config};
use super::documents::{self, Layers};
use super::{
    AbsentManifest, CONCURRENCY, MAX_INDEX_DEPTH, MAX_LAYERS, MAX_MANIFESTS, MAX_READ_BYTES,
    Resolved, SkippedManifest, is_known, parts,
};
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
    /// Type and size of what is no manifest, as the index above says.
    part: Option<(String, u64)>,
}

impl Node {
    /// What no index names a platform for.
    fn alone(digest: &Digest) -> Self {
        Self { digest: digest.clone(), platform: Platform::default(), about: None, part: None }
    }

    /// A line of an index.
    fn listed(child: Descriptor) -> Self {
        let about = child.annotations.get(referrer::ABOUT).and_then(|about| about.parse().ok());
        let part = child.is_part().then_some((child.media_type, child.size));
        let platform = child.platform.unwrap_or_default();
        Self { digest: child.digest, platform, about, part }
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
    /// Whether it may be otherwise the next time.
    is_passing: bool,
}

impl Found {
    fn lasting(node: Node, content: Content, bytes: u64) -> Self {
        Self { node, content, bytes, is_passing: false }
    }
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
    is_passing: bool,
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
            is_passing: false,
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
        if let Some(defect) = self.excess() {
            self.images.push(whole_index(&digest, defect));
        }
        let Self { images, skipped, absent, bytes_read, is_passing, .. } = self;
        let version = Resolved::VERSION;
        Ok(Resolved { version, digest, images, skipped, absent, bytes_read, is_passing })
    }

    /// What there is too much of in all manifests together. That is the image's fault and no
    /// matter of our load, which a policy may let pass.
    fn excess(&self) -> Option<String> {
        if self.bytes_read > MAX_READ_BYTES {
            return Some(format!(
                "manifests and configurations are larger than {MAX_READ_BYTES} bytes"
            ));
        }
        let layers = self.images.iter().flat_map(|image| &image.manifest.layers);
        let count = layers.map(|layer| &layer.digest).collect::<HashSet<_>>().len();
        (count > MAX_LAYERS)
            .then(|| format!("more than {MAX_LAYERS} different layers, all platforms together"))
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
        for Found { node, content, is_passing, .. } in level {
            self.is_passing |= is_passing;
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
            let node = Node::listed(child);
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
            Ok(raw) => match &node.part {
                Some((kind, _)) if parts::is_part(&raw.bytes) => Ok(part(&node, kind)),
                _ => self.read(node.clone(), &raw).await,
            },
            Err(error @ FetchError::TooLarge { .. }) => self.large(&node, &error).await,
            Err(error) => Err(error),
        };
        match read {
            Err(FetchError::NotFound(detail)) if self.may_lack(&node) => Ok(absent(node, detail)),
            read => read,
        }
    }

    /// What is too large for a manifest.
    async fn large(&self, node: &Node, error: &FetchError) -> Result<Found, FetchError> {
        if let Some((kind, size)) = &node.part {
            let blob = bare(&node.digest, *size);
            if parts::is_large_part(self.registry, self.reference, &blob).await? {
                return Ok(part(node, kind));
            }
        }
        Ok(spoilt(node.clone(), error.to_string()))
    }

    /// Whether a child's absence is none of our business (see [`super::resolve`]): nobody wants
    /// its platform, or no runtime would ask for it, or it calls itself no manifest. Copies of an
    /// index often lack what is not run.
    fn may_lack(&self, node: &Node) -> bool {
        let is_unwanted = is_known(&node.platform) && !self.platforms.include(&node.platform);
        is_unwanted || node.platform.is_nobodys() || node.part.is_some()
    }

    async fn read(&self, node: Node, raw: &RawManifest) -> Result<Found, FetchError> {
        let bytes = u64::try_from(raw.bytes.len()).unwrap_or(u64::MAX);
        match Document::parse(&raw.bytes) {
            Err(defect) => Ok(Found { bytes, ..spoilt(node, defect.to_string()) }),
            Ok(Document::Index(index)) => Ok(Found::lasting(node, Content::Index(index), bytes)),
            Ok(Document::Manifest(manifest)) => self.manifest(node, *manifest, bytes).await,
        }
    }

    async fn manifest(
        &self,
        node: Node,
        manifest: Manifest,
        bytes: u64,
    ) -> Result<Found, FetchError> {
        let kind = manifest.kind();
        if let ManifestKind::Artifact(kind) = kind {
            return Ok(skipped(node, &manifest, kind, bytes));
        }
        let layers = match kind {
            ManifestKind::Attestation | ManifestKind::Documents(_) => {
                let are_statements = kind == ManifestKind::Attestation;
                documents::look(self.registry, self.reference, &manifest, are_statements).await?
            }
            _ => Layers::Other,
        };
        let config = config::read(self.registry, self.reference, &manifest.config).await?;
        let bytes = bytes.saturating_add(config.len());
        let is_inert = layers == Layers::Documents && config.runs_nothing();
        let mut found = match kind {
            ManifestKind::Attestation if is_inert => {
                skipped(node, &manifest, "attestation".to_owned(), bytes)
            }
            ManifestKind::Documents(kind) if is_inert => skipped(node, &manifest, kind, bytes),
            ManifestKind::Unclear(kind) if !config.may_have_rootfs() => {
                skipped(node, &manifest, kind, bytes)
            }
            _ => image(node, manifest, &config, bytes),
        };
        found.is_passing = layers == Layers::Mismatched || matches!(config, Config::Mismatched(_));
        Ok(found)
    }
}

/// What is not judged, because it is no image.
fn skipped(node: Node, manifest: &Manifest, kind: String, bytes: u64) -> Found {
    let skipped = SkippedManifest {
        digest: node.digest.clone(),
        kind,
        statements: referrer::statements(manifest),
        about: node.about.clone(),
    };
    Found::lasting(node, Content::Skipped(skipped), bytes)
}

/// What is no manifest at all. Nothing of it is kept, so its bytes do not count.
fn part(node: &Node, kind: &str) -> Found {
    let (digest, kind) = (node.digest.clone(), kind.to_owned());
    let skipped = SkippedManifest { digest, kind, statements: Vec::new(), about: None };
    Found::lasting(node.clone(), Content::Skipped(skipped), 0)
}

/// The image of a manifest, with its configuration as far as that can be read.
fn image(node: Node, manifest: Manifest, config: &Config, bytes: u64) -> Found {
    let mut image = blank(node.clone());
    match config.parsed(&manifest.config) {
        Ok(config) => image.config = config,
        Err(defect) => image.defects.push(defect),
    }
    if !is_known(&image.platform) {
        image.platform = image.config.platform.clone();
    }
    image.manifest = manifest;
    Found::lasting(node, Content::Image(Box::new(image)), bytes)
}

/// What the registry does not have. A part that turns up may turn out to be an image.
fn absent(node: Node, detail: String) -> Found {
    let (digest, platform) = (node.digest.clone(), node.platform.clone());
    let is_part = node.part.is_some();
    let content = Content::Absent(AbsentManifest { digest, platform, detail, is_part });
    Found { is_passing: is_part, ..Found::lasting(node, content, 0) }
}

fn spoilt(node: Node, defect: String) -> Found {
    let image = defective(node.clone(), defect);
    Found::lasting(node, Content::Image(Box::new(image)), 0)
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
    let config = bare(&Digest::of(b""), 0);
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

/// A descriptor of which only the address counts.
fn bare(digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: String::new(),
        digest: digest.clone(),
        size,
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
    }
}
