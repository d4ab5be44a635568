//! What the final image shows of its layers: whiteouts, opaque directories, replaced files
//! (OCI image-spec layer.md). Built for the paths of recorded facts only, in one pass over the
//! listings, because those are all that anybody asks about.

use std::collections::{HashMap, HashSet};

use crate::model::EntryKind;
use crate::rules::{Fate, Seen};

/// What the layers do to the paths that matter.
#[derive(Debug, Default)]
pub struct Overlay {
    /// Per path: `(layer, kind)` of every entry there, base layer first.
    events: HashMap<String, Vec<(usize, EntryKind)>>,
}

impl Overlay {
    /// Reads the listings for the paths of all facts.
    pub fn of(seen: &Seen<'_>) -> Self {
        let mut wanted = HashSet::new();
        for (_, facts) in seen.layers() {
            for fact in facts.into_iter().flat_map(|facts| &facts.facts) {
                wanted.extend(ancestry(&fact.path));
            }
        }
        let mut overlay = Self::default();
        if wanted.is_empty() {
            return overlay;
        }
        for (layer, facts) in seen.layers() {
            for listed in facts.into_iter().flat_map(|facts| facts.listing.iter()) {
                if wanted.contains(listed.path.as_str()) {
                    overlay.events.entry(listed.path).or_default().push((layer.index, listed.kind));
                }
            }
        }
        overlay
    }

    /// What becomes of the entry at `path` of layer `index`.
    pub fn fate(&self, index: usize, path: &str) -> Fate {
        ancestry(path)
            .flat_map(|part| {
                self.events
                    .get(part)
                    .into_iter()
                    .flatten()
                    .filter(|(by, _)| *by > index)
                    .filter_map(move |(by, kind)| effect(*kind, part == path, *by))
            })
            .min_by_key(|(by, _)| *by)
            .map_or(Fate::Visible, |(_, fate)| fate)
    }
}

/// What an entry of a later layer does: to the path itself, or to all below a parent of it.
fn effect(kind: EntryKind, is_path_itself: bool, by: usize) -> Option<(usize, Fate)> {
    let fate = match kind {
        EntryKind::Whiteout => Fate::Deleted { by },
        // An opaque marker hides what is *in* the directory, not the directory.
        EntryKind::Opaque if !is_path_itself => Fate::Deleted { by },
        EntryKind::Opaque => return None,
        EntryKind::Directory if !is_path_itself => return None,
        EntryKind::Directory
        | EntryKind::File
        | EntryKind::Symlink
        | EntryKind::HardLink
        | EntryKind::Special => Fate::Overwritten { by },
    };
    Some((by, fate))
}

/// The path and all its parents up to the root, which is the empty path.
fn ancestry(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        if path.is_empty() {
            None
        } else {
            Some(path.rsplit_once('/').map_or("", |(parent, _)| parent))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, Fact, Image, LayerFacts, RuleId};

    /// Layers of `(kind, path)` entries; every path asked about gets a fact in layer 0.
    fn fates(layers: &[&[(EntryKind, &str)]], asked: &[&str]) -> Vec<Fate> {
        let mut facts: Vec<LayerFacts> = layers
            .iter()
            .enumerate()
            .map(|(index, entries)| {
                let digest = Digest::of(index.to_string().as_bytes());
                let mut facts = LayerFacts { whole: true, ..LayerFacts::empty(digest, 1) };
                for (kind, path) in *entries {
                    facts.listing.push(path, *kind, 0);
                }
                facts
            })
            .collect();
        for path in asked {
            facts[0].facts.push(Fact::new(RuleId::new("x"), "x", path, 1));
        }
        let blobs: Vec<_> = facts
            .iter()
            .map(|facts| serde_json::json!({"digest": facts.digest, "size": 1}))
            .collect();
        let image: Image = serde_json::from_value(serde_json::json!({
            "platform": {}, "digest": Digest::of(b"i"),
            "manifest": {"config": blobs[0], "layers": blobs},
            "config": crate::model::ImageConfig::default(),
        }))
        .unwrap();
        let facts: Vec<_> = facts.iter().map(Some).collect();
        let seen = Seen::new(&image, &facts);
        asked.iter().map(|path| seen.fate(0, path)).collect()
    }

    #[test]
    fn later_layers_delete_and_overwrite() {
        use EntryKind::{Directory, File, HardLink, Opaque, Symlink, Whiteout};
        let (deleted, overwritten) = (Fate::Deleted { by: 1 }, Fate::Overwritten { by: 1 });
        let table: [(&[(EntryKind, &str)], Fate); 14] = [
            (&[], Fate::Visible),
            (&[(Whiteout, "a/b/c")], deleted),
            (&[(Whiteout, "a/b")], deleted),
            (&[(Whiteout, "a")], deleted),
            (&[(Whiteout, "a/b/cc")], Fate::Visible),
            (&[(Whiteout, "a/b/c/d")], Fate::Visible),
            (&[(Opaque, "a/b")], deleted),
            (&[(Opaque, "")], deleted),
            (&[(Opaque, "a/b/c")], Fate::Visible),
            (&[(File, "a/b/c")], overwritten),
            (&[(Symlink, "a/b")], overwritten),
            (&[(HardLink, "a/b/c")], overwritten),
            (&[(Directory, "a/b"), (Directory, "a")], Fate::Visible),
            (&[(Directory, "a/b/c")], overwritten),
        ];
        for (above, expected) in table {
            let fate = fates(&[&[(File, "a/b/c")], above], &["a/b/c"]);
            assert_eq!(fate, [expected], "{above:?}");
        }
    }

    #[test]
    fn the_first_layer_above_counts_and_those_below_do_not() {
        use EntryKind::{File, Whiteout};
        let layers: [&[(EntryKind, &str)]; 3] =
            [&[(Whiteout, "a"), (File, "a")], &[(File, "a")], &[(Whiteout, "a")]];
        assert_eq!(fates(&layers, &["a"]), [Fate::Overwritten { by: 1 }]);
        assert_eq!(fates(&layers[..1], &["a", "b"]), [Fate::Visible, Fate::Visible]);
    }
}
