//! Step 2, resolve: a subject becomes images, all by digest.
//!
//! What is wrong with an image (malformed, ambiguous, too deep) is a defect of that image, to be
//! judged; what is wrong with the registry is an error. The result knows no policy: every
//! platform is in it, and [`Resolved::wanted`] picks.

mod config;
mod documents;
mod parts;
mod walk;

use serde::{Deserialize, Serialize};

pub use self::documents::MAX_DOCUMENTS;
use crate::model::{Digest, Image, Platform, Reference};
use crate::policy::Platforms;
use crate::registry::{FetchError, Registry};

/// Indexes within indexes: the top one counts as 1.
pub const MAX_INDEX_DEPTH: usize = 3;
/// Most manifests and indexes below one reference.
pub const MAX_MANIFESTS: usize = 500;
/// Most bytes of manifests and configurations below one reference. Twenty platforms take 2 MiB;
/// what was read stays in memory, so 500 configurations of the largest size must not.
pub const MAX_READ_BYTES: u64 = 32 * 1024 * 1024;
/// Most different layers below one reference. A hundred platforms with twenty layers of their own
/// each are an attack.
pub const MAX_LAYERS: usize = 2000;
/// Children fetched at the same time.
const CONCURRENCY: usize = 8;

/// A manifest that is no container image and so is not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedManifest {
    /// The manifest.
    pub digest: Digest,
    /// `attestation`, or the artifact's type.
    pub kind: String,
    /// Types of an attestation's statements, as it says.
    #[serde(default)]
    pub statements: Vec<String>,
    /// The manifest it is about, as the index says; nothing where it does not.
    #[serde(default)]
    pub about: Option<Digest>,
}

/// A manifest of an index that the registry did not have when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsentManifest {
    /// The manifest.
    pub digest: Digest,
    /// Its platform, as the index says.
    pub platform: Platform,
    /// What the registry said.
    pub detail: String,
    /// Whether the index calls it a layer or part of a cache, which nobody has to have.
    #[serde(default)]
    pub is_part: bool,
}

/// All that a digest stands for. Stored by that digest if it [is lasting](Resolved::is_lasting).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Version of this record's shape and of what is read of documents; another one is as good
    /// as absent.
    #[serde(default)]
    pub version: u32,
    /// Digest of what the reference named: an index or a manifest.
    pub digest: Digest,
    /// The images in it, in the index's order, whatever their platform.
    pub images: Vec<Image>,
    /// What else is in it.
    pub skipped: Vec<SkippedManifest>,
    /// What could not be looked at: for platforms that nobody wanted when it was asked for, or
    /// for none at all.
    #[serde(default)]
    pub absent: Vec<AbsentManifest>,
    /// Bytes of manifests and configurations that were read.
    pub bytes_read: u64,
    /// Whether something in it was not as it should be and might be run once it is: it holds for
    /// this answer only.
    #[serde(default)]
    pub is_passing: bool,
}

impl Resolved {
    /// Raise it when more is read of a manifest or configuration, or is taken otherwise.
    pub const VERSION: u32 = 3;

    /// Whether this is as true tomorrow and elsewhere: what one registry lacks now, another has,
    /// or the same one after the rest of a push.
    pub fn is_lasting(&self) -> bool {
        self.absent.is_empty() && !self.is_passing
    }

    /// What would have to be judged for these platforms and is absent. Must be asked before
    /// [`Resolved::wanted`] is believed; then the answer is not known, and asking again may help.
    /// Where no image is for a wanted platform all of them are judged, so none may be absent.
    pub fn lacks(&self, platforms: &Platforms) -> Option<&AbsentManifest> {
        let needs_all = self.wanted(platforms).is_empty();
        let is_wanted = |platform: &Platform| !platform.is_nobodys() && platforms.include(platform);
        let is_needed = |absent: &&AbsentManifest| {
            !absent.is_part && (needs_all || is_wanted(&absent.platform))
        };
        self.absent.iter().find(is_needed)
    }

    /// The images that a policy wants judged. One whose platform nobody names might run
    /// anywhere, so it is wanted; one whose index and configuration disagree is wanted for either.
    pub fn wanted(&self, platforms: &Platforms) -> Vec<&Image> {
        let is_wanted = |image: &&Image| {
            let mut named = [&image.platform, &image.config.platform]
                .into_iter()
                .filter(|platform| is_known(platform))
                .peekable();
            named.peek().is_none() || named.any(|platform| platforms.include(platform))
        };
        self.images.iter().filter(is_wanted).collect()
    }

    /// The images that are judged: those that are wanted; all, when it would be none, because an
    /// image for no wanted platform may still run on another.
    pub fn judged(&self, platforms: &Platforms) -> Vec<&Image> {
        let wanted = self.wanted(platforms);
        if wanted.is_empty() { self.images.iter().collect() } else { wanted }
    }
}

fn is_known(platform: &Platform) -> bool {
    let named = |part: &str| !part.is_empty() && part != "unknown";
    named(&platform.os) && named(&platform.architecture)
}

/// Reads whatever `reference` names, down to the configurations of its images.
///
/// `platforms` only decides what may be absent: copies of an index often lack the platforms
/// nobody there uses. What [`Resolved::lacks`] for them is an error here.
pub async fn resolve(
    registry: &dyn Registry,
    reference: &Reference,
    platforms: &Platforms,
) -> Result<Resolved, FetchError> {
    let resolved = walk::Walk::new(registry, reference, platforms).run().await?;
    match resolved.lacks(platforms) {
        Some(absent) => Err(FetchError::NotFound(absent.detail.clone())),
        None => Ok(resolved),
    }
}
