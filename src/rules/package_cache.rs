//! `package-cache`: caches of package managers and libraries with real bytes.
//!
//! # What it finds
//! Downloads and build results that package managers keep to be faster next time: by their usual
//! places, and by layouts that only they have. Directories that cache mounts leave are empty and
//! count for nothing, nor does a file that an environment hard-links to.
//!
//! # Why it matters
//! There is no next time in an image. The bytes are pulled by every node, and never read.
//!
//! # What to do instead
//! Tell the tool to keep none, mount the cache for the build only, or delete it in the same RUN.

mod places;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use self::places::Kind;
use super::quoted::plain;
use super::sums::{self, Sums};
use super::{Meta, Rule, Seen, Setting, Settings, Tally};
use crate::answer::size;
use crate::model::entry::clean_path;
use crate::model::image::Layer;
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId, dockerfile};

/// The rule.
pub struct PackageCache;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("package-cache");

const MIN_SIZE: Setting = Setting::bytes(
    "min-size",
    1 << 20,
    "caches of one kind are reported from this size on, all of an image's layers together",
);

static META: Meta = Meta {
    id: ID,
    title: "package manager's cache in the image",
    what: "Adds up the files in the caches of pip, uv, Poetry, conda, apt, dnf, apk, npm, Yarn, \
        pnpm, Cargo, Go, Maven and Gradle, of Hugging Face datasets, torch, Triton, vLLM, \
        matplotlib, pre-commit, Bazel and ccache, in every layer, also what a later one deletes. \
        Places moved by `PIP_CACHE_DIR` and its like are known by their layout. Empty directories \
        of cache mounts, lock files and files that an environment hard-links to are no waste. \
        Models in such caches are the matter of `model-weights`.",
    why: "A cache speeds up the next installation, and in an image there is none. It often \
        doubles the size of what was installed, and every node pulls it.",
    fix: "Install with `--no-cache-dir` or its like, mount the cache for the build only \
        (`RUN --mount=type=cache,target=/root/.cache/pip`), or delete it at the end of the same \
        RUN (`rm -rf /var/lib/apt/lists/*`, `conda clean -afy`, `npm cache clean --force`). \
        Deleting it in a later RUN frees nothing.",
    level: Level::Warn,
    settings: &[MIN_SIZE],
};

const BASE_FIX: &str = "the base image brought it: take a slimmer one, or tell its maintainers; \
    deleting it in a layer of yours frees nothing";

/// Most characters quoted of a directory.
const MAX_QUOTED: usize = 100;

/// Most files of one layer whose hard links are followed, 32 bytes each. What is beyond counts
/// for nothing, for it may be in use.
const MAX_LINKED: usize = 200_000;

/// Whether a file lies in a cache, so that other rules leave it to this one.
pub(super) fn is_cached(path: &str) -> bool {
    places::place(path).is_some()
}

impl Rule for PackageCache {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn tally(&self) -> Option<Box<dyn Tally>> {
        Some(Box::<CacheTally>::default())
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let base_layers = dockerfile::base_layers(seen.image);
        let mut caches: BTreeMap<(&str, bool), Cache<'_>> = BTreeMap::new();
        for (layer, fact) in seen.facts(&META.id) {
            let is_base = layer.index < base_layers;
            let cache = caches.entry((fact.kind.as_str(), is_base)).or_default();
            cache.parts.push((layer, fact));
        }
        let least = settings.number(&MIN_SIZE);
        caches
            .into_iter()
            .filter(|(_, cache)| cache.total() >= least)
            .filter_map(|((kind, is_base), cache)| {
                cache.finding(places::find(kind)?, is_base, seen)
            })
            .collect()
    }
}

/// Adds up the caches of one layer.
#[derive(Default)]
struct CacheTally {
    sums: Sums,
    /// Sizes of files that may be hard-linked to, by hash of the path.
    linked: HashMap<u64, u64>,
    state: RandomState,
}

impl Tally for CacheTally {
    fn note(&mut self, entry: &Entry<'_>) {
        match entry.kind {
            EntryKind::File if entry.size > 0 => self.file(entry),
            EntryKind::HardLink => self.hard_link(entry),
            _ => {}
        }
    }

    fn facts(self: Box<Self>) -> Vec<Fact> {
        self.sums.into_facts(&ID)
    }
}

impl CacheTally {
    fn file(&mut self, entry: &Entry<'_>) {
        let Some((kind, root)) = places::place(entry.path) else { return };
        if kind.is_linked {
            if self.linked.len() >= MAX_LINKED {
                return;
            }
            self.linked.insert(self.state.hash_one(entry.path), entry.size);
        }
        self.sums.add(kind.id, root, entry);
    }

    /// A file in a cache that also lies elsewhere is needed there: the archive holds it once, and
    /// whichever name comes first has the bytes.
    fn hard_link(&mut self, entry: &Entry<'_>) {
        if self.linked.is_empty() || places::place(entry.path).is_some() {
            return;
        }
        let Some(target) = entry.link.and_then(clean_path) else { return };
        let Some((kind, root)) = places::place(&target) else { return };
        if let Some(bytes) = self.linked.remove(&self.state.hash_one(target.as_str())) {
            self.sums.take(kind.id, root, bytes);
        }
    }
}

/// The caches of one kind in the layers of the base image, or in those above.
#[derive(Default)]
struct Cache<'a> {
    parts: Vec<(Layer<'a>, &'a Fact)>,
}

impl Cache<'_> {
    fn total(&self) -> u64 {
        self.parts.iter().fold(0, |sum, (_, fact)| sum.saturating_add(fact.size))
    }

    fn finding(&self, kind: &Kind, is_base: bool, seen: &Seen<'_>) -> Option<Finding> {
        let (layer, largest) = self.parts.iter().max_by_key(|(_, fact)| fact.size)?;
        let root = sums::root(largest).filter(|root| !root.is_empty()).unwrap_or(&largest.path);
        let message = format!(
            "{} of {}{}: `{root}`{}{}",
            kind.words,
            size(self.total()),
            if is_base { " in the base image" } else { "" },
            self.elsewhere(),
            seen.fate_words(layer.index, &largest.path),
        );
        let level = if kind.is_sure { Level::Deny } else { Level::Warn };
        let fix = if is_base { BASE_FIX.to_owned() } else { fix(kind, largest) };
        let finding = Finding::new(ID, level, message, fix);
        Some(finding.in_layer(*layer).at_path(root, self.total()))
    }

    /// What else there is besides the largest part.
    fn elsewhere(&self) -> String {
        match self.parts.len().saturating_sub(1) {
            0 => String::new(),
            1 => " and in one more place or layer".to_owned(),
            more => format!(" and in {more} more places or layers"),
        }
    }
}

/// The remedy, with the mount that keeps this cache out.
fn fix(kind: &Kind, fact: &Fact) -> String {
    let target = sums::root(fact).and_then(places::mount);
    let mount = match target {
        // Nobody but root may write to a mount otherwise.
        Some(target) if target.starts_with("home/") => {
            format!("target=/{},uid=<uid>", plain(target, MAX_QUOTED))
        }
        // Two builds of apt or dnf at once break each other's.
        Some(target) if target.starts_with("var/cache/") => {
            format!("target=/{},sharing=locked", plain(target, MAX_QUOTED))
        }
        Some(target) => format!("target=/{}", plain(target, MAX_QUOTED)),
        None => "target=...".to_owned(),
    };
    kind.fix.replace("{mount}", &format!("`RUN --mount=type=cache,{mount}`"))
}

#[cfg(test)]
mod tests;
