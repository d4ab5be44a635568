//! Tests of the layer scan as a whole, on archives made by the `tar` crate.

use super::*;
use crate::model::Fact;
use crate::model::listing::Listed;

fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len().try_into().unwrap());
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_size(0);
            builder.append_link(&mut header, path, std::str::from_utf8(content).unwrap()).unwrap();
        } else {
            builder.append_data(&mut header, path, *content).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

fn scan(bytes: &[u8], limits: &Limits) -> LayerFacts {
    let digest = Digest::of(bytes);
    scan_layer(bytes, &digest, bytes.len().try_into().unwrap(), limits, &mut ReadAll).unwrap()
}

fn defects(facts: &LayerFacts) -> Vec<&Fact> {
    facts.facts.iter().filter(|fact| fact.rule == unreadable_layer::ID).collect()
}

#[test]
fn lists_every_entry_and_adds_up_sizes() {
    let bytes = archive(&[
        ("app/", EntryType::Directory, b""),
        ("app/main.py", EntryType::Regular, b"print()"),
        ("app/link", EntryType::Symlink, b"main.py"),
        ("app/same", EntryType::Link, b"./app/main.py"),
        ("app/.wh.old", EntryType::Regular, b""),
        ("app/sub/.wh..wh..opq", EntryType::Regular, b""),
        (".wh.top", EntryType::Regular, b""),
    ]);
    let facts = scan(&bytes, &Limits::default());
    let listed: Vec<_> = facts
        .listing
        .iter()
        .map(|Listed { path, kind, size, link }| {
            format!("{kind:?} {path} {size}{}", link.map(|to| format!(" {to}")).unwrap_or_default())
        })
        .collect();
    assert_eq!(
        listed,
        [
            "Directory app 0",
            "File app/main.py 7",
            "Symlink app/link 0",
            "HardLink app/same 0 app/main.py",
            "Whiteout app/old 0",
            "Opaque app/sub 0",
            "Whiteout top 0",
        ]
    );
    assert_eq!(facts.unpacked_bytes, 7);
    assert!(defects(&facts).is_empty());
}

#[test]
fn a_path_that_climbs_is_a_defect() {
    let mut bytes = archive(&[("aaXetc/passwd", EntryType::Regular, b"x")]);
    bytes[..13].copy_from_slice(b"../etc/passwd");
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&bytes[..512]);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    assert_eq!(defects(&scan(&bytes, &Limits::default())).len(), 1);
}

#[test]
fn what_is_no_archive_is_a_fact_and_no_error() {
    for junk in [&b"x"[..], &[0xff; 5000], b"\x1f\x8bjunk", b"\x28\xb5\x2f\xfdjunk"] {
        assert_eq!(defects(&scan(junk, &Limits::default())).len(), 1, "{junk:?}");
    }
}

#[test]
fn the_observer_can_stop_the_scan() {
    struct Stop;
    impl Observer for Stop {
        fn observe(&mut self, _: &LayerFacts, _: usize) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let junk = [0xff; 5000];
    let result = scan_layer(&junk[..], &Digest::of(&junk), 5000, &Limits::default(), &mut Stop);
    assert!(matches!(result, Err(ScanError::Stopped)));
}

/// Paths that have nothing in common.
fn long_paths(count: u64, bytes: usize) -> Vec<String> {
    (0..count).map(|n| Digest::of(&n.to_le_bytes()).hex().repeat(bytes / 64)).collect()
}

fn files(paths: &[String], content: &[u8]) -> Vec<u8> {
    let entries: Vec<_> =
        paths.iter().map(|path| (path.as_str(), EntryType::Regular, content)).collect();
    archive(&entries)
}

#[test]
fn long_random_paths_do_not_take_all_memory() {
    let paths = long_paths(40, 2048);
    let bytes = files(&paths, b"");
    let whole = scan(&bytes, &Limits::default());
    assert!(defects(&whole).is_empty());
    let used = whole.listing.size_bytes();
    for (listing_bytes, expected) in [(used + 1, 0), (used, 0), (used - 1, 1), (used / 2, 1)] {
        let facts = scan(&bytes, &Limits { listing_bytes, ..Limits::default() });
        assert_eq!(defects(&facts).len(), expected, "{listing_bytes}");
        assert!(facts.listing.size_bytes() < listing_bytes + 3000);
    }
    // A path that is too long is not kept whole.
    let facts = scan(&bytes, &Limits { path_bytes: 100, ..Limits::default() });
    assert!(facts.listing.iter().all(|listed| listed.path.len() == 100));
    assert_eq!(defects(&facts).len(), 40);
}

#[test]
fn a_flood_of_facts_does_not_take_all_memory() {
    let limits = Limits { path_bytes: 64, ..Limits::default() };
    let bytes = files(&long_paths(40, 2048), b"");
    assert_eq!(defects(&scan(&bytes, &limits)).len(), 40);
    let all = scan(&bytes, &limits).facts.iter().map(Fact::memory_bytes).sum::<u64>();
    for (fact_bytes, expected) in [(all + 1, 40), (all, 40), (all - 1, 41), (all / 2, 22)] {
        let facts = scan(&bytes, &Limits { fact_bytes, ..limits.clone() });
        let last = defects(&facts).last().map(|fact| fact.kind.clone());
        let flood = (expected != 40).then(|| Defect::TooManyFacts.as_str().to_owned());
        assert_eq!(defects(&facts).len(), expected, "{fact_bytes}");
        assert_eq!(last.filter(|kind| *kind != Defect::PathTooLong.as_str()), flood);
    }
}

#[test]
fn the_profile_names_version_and_caps() {
    let default = Limits::default();
    assert_eq!(default.profile(), Limits::default().profile());
    assert!(default.profile().starts_with(&format!("{SCAN_VERSION}-")));
    assert_ne!(default.profile(), Limits { entries: 5, ..default }.profile());
}

proptest::proptest! {
    #[test]
    fn never_panics_on_any_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3000)) {
        scan(&bytes, &Limits::default());
    }
}
