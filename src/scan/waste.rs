//! Bytes that are pulled and never seen: files of a layer that a later layer deletes or replaces.
//! Source of the definition: `research/content.md` section 4.1. Unlike dive's, it does not count
//! the copy that stays.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use crate::model::EntryKind;
use crate::model::listing::{Listed, Listing};
use crate::rules::Seen;

/// Most entries of one image that are looked at. Each takes about 50 bytes while measuring.
pub const MAX_ENTRIES: u64 = 2_000_000;

/// Why a file cannot be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// Deleted by a later layer.
    Deleted,
    /// Replaced by a later layer with something of another size.
    Replaced,
    /// Written again with the same size, as `chown -R` and `chmod -R` do.
    Rewritten,
}

/// Files of one layer that another one hides for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Layer that holds the bytes.
    pub layer: usize,
    /// Layer that hides them.
    pub by: usize,
    /// Why.
    pub loss: Loss,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The largest of them, and its size in bytes.
    pub largest: (String, u64),
}

/// All that an image holds and does not show, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waste {
    /// By layer and reason.
    pub lost: Vec<Lost>,
    /// Whether the image has more entries than are looked at; then nothing was measured.
    pub is_unmeasured: bool,
}

impl Waste {
    /// Measures an image of which all layers are known.
    pub fn of(seen: &Seen<'_>) -> Self {
        Self::measured(seen, MAX_ENTRIES)
    }

    /// All bytes, whatever the reason.
    pub fn bytes(&self) -> u64 {
        self.lost.iter().fold(0, |sum, lost| sum.saturating_add(lost.bytes))
    }

    fn measured(seen: &Seen<'_>, most: u64) -> Self {
        let layers: Vec<_> = seen
            .layers()
            .filter_map(|(layer, facts)| facts.map(|facts| (layer.index, &facts.listing)))
            .collect();
        let entries =
            layers.iter().fold(0, |sum: u64, (_, listing)| sum.saturating_add(listing.len()));
        if entries > most {
            return Self { lost: Vec::new(), is_unmeasured: true };
        }
        let mut above = Above::default();
        let mut sums = HashMap::new();
        for (index, listing) in layers.iter().rev() {
            let kept = above.linked(listing);
            let mut folder = Folder::default();
            for listed in listing.iter().filter(|listed| listed.size > 0) {
                if let Some((by, loss)) = above.hides(&listed, &mut folder)
                    && !kept.contains(&above.key(&listed.path))
                {
                    note(&mut sums, *index, by, loss, listed);
                }
            }
            // The lowest layer hides nothing.
            if *index > 0 {
                listing.iter().for_each(|listed| above.add(*index, &listed));
            }
        }
        let mut lost: Vec<Lost> = sums.into_values().collect();
        lost.sort_by_key(|lost| (std::cmp::Reverse(lost.bytes), lost.layer, lost.by, lost.loss));
        Self { lost, is_unmeasured: false }
    }
}

type Sums = HashMap<(usize, usize, Loss), Lost>;

fn note(sums: &mut Sums, layer: usize, by: usize, loss: Loss, listed: Listed) {
    let empty = || Lost { layer, by, loss, files: 0, bytes: 0, largest: (String::new(), 0) };
    let sum = sums.entry((layer, by, loss)).or_insert_with(empty);
    sum.files = sum.files.saturating_add(1);
    sum.bytes = sum.bytes.saturating_add(listed.size);
    if listed.size > sum.largest.1 {
        sum.largest = (listed.path, listed.size);
    }
}

/// What the layers above have at a path.
#[derive(Clone, Copy, Default)]
struct At {
    /// Nearest layer that has an entry or a whiteout here, and its size.
    itself: Option<(usize, u64)>,
    /// Nearest layer that hides all below this path, and whether it deletes it.
    below: Option<(usize, bool)>,
    is_deleted: bool,
}

/// The layers above the one that is looked at, by hash of the path: whole paths would take
/// several times the memory.
#[derive(Default)]
struct Above {
    state: RandomState,
    paths: HashMap<u64, At>,
}

impl Above {
    fn add(&mut self, index: usize, listed: &Listed) {
        let key = self.key(&listed.path);
        let at = self.paths.entry(key).or_default();
        match listed.kind {
            EntryKind::Opaque => at.below = Some((index, true)),
            EntryKind::Whiteout => {
                // What the same layer puts in its place comes first in what a file meets.
                if at.itself.is_none_or(|(by, _)| by != index) {
                    (at.itself, at.is_deleted) = (Some((index, 0)), true);
                }
                at.below = Some((index, true));
            }
            EntryKind::Directory => (at.itself, at.is_deleted) = (Some((index, 0)), false),
            EntryKind::File | EntryKind::Symlink | EntryKind::HardLink | EntryKind::Special => {
                (at.itself, at.is_deleted) = (Some((index, listed.size)), false);
                at.below = Some((index, false));
            }
        }
    }

    /// The nearest layer above that hides a file, and how. `folder` is the one of the file
    /// before: archives list folder by folder.
    fn hides(&self, listed: &Listed, folder: &mut Folder) -> Option<(usize, Loss)> {
        let itself = self.at(&listed.path).and_then(|at| {
            let (by, size) = at.itself?;
            Some((
                by,
                match at.is_deleted {
                    true => Loss::Deleted,
                    false if size == listed.size => Loss::Rewritten,
                    false => Loss::Replaced,
                },
            ))
        });
        let parent = parent(&listed.path).unwrap_or_default();
        if folder.path.as_deref() != Some(parent) {
            *folder = Folder { path: Some(parent.to_owned()), hidden: self.hides_below(parent) };
        }
        itself.into_iter().chain(folder.hidden).min_by_key(|(by, _)| *by)
    }

    /// The nearest layer above that hides what is in a folder.
    fn hides_below(&self, folder: &str) -> Option<(usize, Loss)> {
        std::iter::successors(Some(folder), |path| parent(path))
            .filter_map(|path| {
                let (by, deletes) = self.at(path)?.below?;
                Some((by, if deletes { Loss::Deleted } else { Loss::Replaced }))
            })
            .min_by_key(|(by, _)| *by)
    }

    fn at(&self, path: &str) -> Option<&At> {
        self.paths.get(&self.key(path))
    }

    fn key(&self, path: &str) -> u64 {
        self.state.hash_one(path)
    }

    /// Files of a layer that have another name in it which no layer above hides: uv and conda
    /// link packages from a cache into the environment, and deleting the cache wastes nothing.
    fn linked(&self, listing: &Listing) -> HashSet<u64> {
        if !listing.has_links() {
            return HashSet::new();
        }
        let mut folder = Folder::default();
        let mut linked = HashSet::new();
        for listed in listing {
            if let Some(target) = &listed.link
                && self.hides(&listed, &mut folder).is_none()
            {
                linked.insert(self.key(target));
            }
        }
        linked
    }
}

/// A folder and what hides it.
#[derive(Default)]
struct Folder {
    path: Option<String>,
    hidden: Option<(usize, Loss)>,
}

fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        None
    } else {
        Some(path.rsplit_once('/').map_or("", |(parent, _)| parent))
    }
}

#[cfg(test)]
mod tests;
