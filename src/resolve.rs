//! Step 2, resolve: a subject becomes images, all by digest.
//!
//! What is wrong with an image (malformed, ambiguous, too deep) is a defect of that image, to be
//! judged; what is wrong with the registry is an error. The result knows no policy: every
//! platform is in it, and [`Resolved::wanted`] picks.

mod walk;

use serde::{Deserialize, Serialize};

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
/// Children fetched at the same time.
const CONCURRENCY: usize = 8;

/// A manifest that is no container image and so is not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedManifest {
    /// The manifest.
    pub digest: Digest,
    /// `attestation`, or the artifact's type.
    pub kind: String,
}

/// All that a digest stands for. Stored by that digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Digest of what the reference named: an index or a manifest.
    pub digest: Digest,
    /// The images in it, in the index's order, whatever their platform.
    pub images: Vec<Image>,
    /// What else is in it.
    pub skipped: Vec<SkippedManifest>,
    /// Bytes of manifests and configurations that were read.
    pub bytes_read: u64,
}

impl Resolved {
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
}

fn is_known(platform: &Platform) -> bool {
    let named = |part: &str| !part.is_empty() && part != "unknown";
    named(&platform.os) && named(&platform.architecture)
}

/// Reads whatever `reference` names, down to the configurations of its images.
///
/// `platforms` only decides what may be absent: copies of an index often lack the platforms
/// nobody there uses. An absent one that is not wanted becomes an image with a defect, so that
/// it is not allowed by accident when another policy does want it.
pub async fn resolve(
    registry: &dyn Registry,
    reference: &Reference,
    platforms: &Platforms,
) -> Result<Resolved, FetchError> {
    walk::Walk::new(registry, reference, platforms).run().await
}
