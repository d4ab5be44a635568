//! What later layers hide, and what they do not.

use super::*;
use crate::model::{Digest, Image, LayerFacts};

type Entries<'a> = &'a [(EntryKind, &'a str, u64)];

fn with_cap(layers: &[Entries<'_>], most: u64) -> Waste {
    let facts: Vec<LayerFacts> = layers
        .iter()
        .enumerate()
        .map(|(index, entries)| {
            let digest = Digest::of(index.to_string().as_bytes());
            let mut facts = LayerFacts { whole: true, ..LayerFacts::empty(digest, 1) };
            for (kind, path, size) in *entries {
                facts.listing.push(path, *kind, *size);
            }
            facts
        })
        .collect();
    let blobs: Vec<_> =
        facts.iter().map(|facts| serde_json::json!({"digest": facts.digest, "size": 1})).collect();
    let image: Image = serde_json::from_value(serde_json::json!({
        "platform": {}, "digest": Digest::of(b"i"),
        "manifest": {"config": blobs[0], "layers": blobs},
        "config": crate::model::ImageConfig::default(),
    }))
    .unwrap();
    let facts: Vec<_> = facts.iter().map(Some).collect();
    Waste::measured(&Seen::new(&image, &facts), most)
}

fn waste(layers: &[Entries<'_>]) -> Waste {
    with_cap(layers, MAX_ENTRIES)
}

#[test]
fn measures_what_later_layers_hide() {
    use EntryKind::{Directory, File, HardLink, Opaque, Symlink, Whiteout};
    let table: [(Entries<'_>, Option<Loss>); 13] = [
        (&[], None),
        (&[(Whiteout, "a/b/c", 0)], Some(Loss::Deleted)),
        (&[(Whiteout, "a", 0)], Some(Loss::Deleted)),
        (&[(Opaque, "a/b", 0)], Some(Loss::Deleted)),
        (&[(Opaque, "", 0)], Some(Loss::Deleted)),
        (&[(Opaque, "a/b/c", 0)], None),
        (&[(Whiteout, "a/b/cc", 0)], None),
        (&[(File, "a/b/c", 7)], Some(Loss::Replaced)),
        (&[(File, "a/b/c", 9)], Some(Loss::Rewritten)),
        (&[(Symlink, "a/b", 0)], Some(Loss::Replaced)),
        (&[(HardLink, "a/b/c", 0)], Some(Loss::Replaced)),
        (&[(Directory, "a/b", 0), (Directory, "a", 0)], None),
        (&[(Whiteout, "a/b/c", 0), (File, "a/b/c", 9)], Some(Loss::Rewritten)),
    ];
    for (above, expected) in table {
        let waste = waste(&[&[(File, "a/b/c", 9)], above]);
        let losses: Vec<Loss> = waste.lost.iter().map(|lost| lost.loss).collect();
        assert_eq!(losses, Vec::from_iter(expected), "{above:?}");
        assert_eq!(waste.bytes(), if expected.is_some() { 9 } else { 0 }, "{above:?}");
    }
}

#[test]
fn the_nearest_layer_is_to_blame_and_every_copy_but_the_last_counts() {
    use EntryKind::{Directory, File, Whiteout};
    let waste = waste(&[
        &[(File, "a/x", 10), (File, "a/y", 1)],
        &[(File, "a/x", 10), (Directory, "a", 0)],
        &[(Directory, "a", 0), (File, "a/x", 12)],
        &[(Whiteout, "a", 0), (File, "a/x", 5)],
    ]);
    let lost: Vec<_> =
        waste.lost.iter().map(|lost| (lost.layer, lost.by, lost.loss, lost.bytes)).collect();
    let expected = [
        (2, 3, Loss::Replaced, 12),
        (0, 1, Loss::Rewritten, 10),
        (1, 2, Loss::Replaced, 10),
        (0, 3, Loss::Deleted, 1),
    ];
    assert_eq!(lost, expected);
    assert_eq!(waste.lost[1].largest, ("a/x".to_owned(), 10));
}

#[test]
fn the_number_of_entries_is_capped() {
    let entries: Entries<'_> = &[(EntryKind::File, "a", 1); 4];
    for (most, expected) in [(5, false), (4, false), (3, true)] {
        assert_eq!(with_cap(&[entries], most).is_unmeasured, expected, "{most}");
    }
}

proptest::proptest! {
    /// The bytes that layers hold are those one sees in the end and those that are wasted.
    #[test]
    fn nothing_is_lost_uncounted(
        layers in proptest::collection::vec(
            proptest::collection::btree_map("[ab](/[ab]){0,2}", (0..4_u8, 1..9_u64), 0..5), 1..4)
    ) {
        use std::collections::BTreeMap;
        let kind = |number| match number {
            0 => EntryKind::Whiteout,
            1 => EntryKind::Directory,
            _ => EntryKind::File,
        };
        let entries: Vec<Vec<(EntryKind, String, u64)>> = layers
            .iter()
            .map(|layer| consistent(layer.iter().map(|(path, (number, size))| {
                let kind = kind(*number);
                (kind, path.clone(), if kind == EntryKind::File { *size } else { 0 })
            })))
            .collect();
        let mut merged: BTreeMap<String, u64> = BTreeMap::new();
        for layer in &entries {
            for (kind, path, _) in layer {
                let below = format!("{path}/");
                if *kind != EntryKind::Directory {
                    merged.retain(|known, _| !known.starts_with(&below));
                }
                merged.remove(path);
            }
            for (kind, path, size) in layer {
                if *kind == EntryKind::File {
                    merged.insert(path.clone(), *size);
                }
            }
        }
        let held: u64 = entries.iter().flatten().map(|(_, _, size)| size).sum();
        let borrowed: Vec<Vec<(EntryKind, &str, u64)>> = entries
            .iter()
            .map(|layer| layer.iter().map(|(kind, path, size)| (*kind, path.as_str(), *size)).collect())
            .collect();
        let layers: Vec<Entries<'_>> = borrowed.iter().map(Vec::as_slice).collect();
        proptest::prop_assert_eq!(waste(&layers).bytes(), held - merged.values().sum::<u64>());
    }
}

/// Without what no file system could hold: entries below a file or a whiteout of the same layer.
fn consistent(
    entries: impl Iterator<Item = (EntryKind, String, u64)>,
) -> Vec<(EntryKind, String, u64)> {
    let mut kept: Vec<(EntryKind, String, u64)> = Vec::new();
    for entry in entries {
        let is_below = |(kind, path, _): &(EntryKind, String, u64)| {
            *kind != EntryKind::Directory && entry.1.starts_with(&format!("{path}/"))
        };
        if !kept.iter().any(is_below) {
            kept.push(entry);
        }
    }
    kept
}
