//! Tests of windows and of what is packed, through the scan of a whole layer and the real rules.

use super::super::{Limits, Observer, ReadAll, ScanError, scan_layer};
use super::*;
use crate::model::{Digest, EntryKind, Fact, LayerFacts};
use crate::rules::testing::tar_of;
use crate::rules::{cuda_devel, model_weights, unreadable_layer};

fn scan_with(bytes: &[u8], limits: &Limits) -> LayerFacts {
    let size = bytes.len().try_into().unwrap();
    scan_layer(bytes, &Digest::of(bytes), size, limits, &mut ReadAll).unwrap()
}

fn rpm_database(padding: usize) -> Vec<u8> {
    let mut database = b"SQLite format 3\0".to_vec();
    database.resize(padding, b'x');
    database.extend(b"\0C\0cuda-minimal-build-12-8\x0012.8.0\x001\0CUDA\0");
    tar_of(&[("var/lib/rpm/rpmdb.sqlite", database), ("etc/hostname", b"x".to_vec())])
}

#[test]
fn a_database_is_searched_in_windows_that_overlap() {
    let header = b"\0C\0cuda-minimal-build-12-8\x0012.8.0\x001\0".len();
    let mut places = vec![16, 5000, 3 << 20, (12 << 20) + 7];
    places.extend(WINDOW_BYTES - header - 2..WINDOW_BYTES + 2);
    for padding in places {
        let layer = scan_with(&rpm_database(padding), &Limits::default());
        let found: Vec<&Fact> =
            layer.facts.iter().filter(|fact| fact.rule == cuda_devel::ID).collect();
        assert!(!found.is_empty() && found.len() <= 2, "{padding}: {found:?}");
        assert_eq!(layer.listing.len(), 2, "{padding}");
    }
}

#[test]
fn windows_end_at_the_cap() {
    let padding = WINDOW_BYTES + 100;
    let bytes = rpm_database(padding);
    let limits = Limits::default();
    let wants: Vec<Want> = RULES
        .iter()
        .map(|rule| if rule.meta().id == cuda_devel::ID { Want::Windows } else { Want::Nothing })
        .collect();
    let found = |most: usize| {
        let mut observer = ReadAll;
        let mut scan = LayerScan::new(&Digest::of(b"x"), 1, &limits, &mut observer);
        let mut archive = Archive::new(&bytes[..], &limits);
        let member = archive.next_member().unwrap().unwrap();
        let path = "var/lib/rpm/rpmdb.sqlite";
        let entry = Entry { path, kind: EntryKind::File, size: member.size, link: None };
        let most = most.try_into().unwrap();
        assert!(scan.look_in_windows(&mut archive, &entry, &wants, most).is_ok());
        scan.layer.facts.len()
    };
    // The second window has the header.
    assert_eq!(found(WINDOW_BYTES), 0);
    assert_eq!(found(WINDOW_BYTES + 1), 1);
    assert_eq!(found(padding * 9), 1);
}

#[test]
fn the_search_of_a_long_text_ends_at_the_cap() {
    let limits = Limits { text_bytes: 100, ..Limits::default() };
    let token = format!(" {}\n", crate::rules::secrets::tokens::tests::github("ghp_"));
    let text = ["x\n".repeat(WINDOW_BYTES / 2), token].concat();
    let bytes = tar_of(&[("a.log", text.into_bytes())]);
    let found = |most: usize| {
        let mut observer = ReadAll;
        let mut scan = LayerScan::new(&Digest::of(b"x"), 1, &limits, &mut observer);
        let mut archive = Archive::new(&bytes[..], &limits);
        let member = archive.next_member().unwrap().unwrap();
        let entry = Entry { path: "a.log", kind: EntryKind::File, size: member.size, link: None };
        let wants = [Want::Whole; RULES.len()];
        let most = most.try_into().unwrap();
        assert!(scan.look_on(&mut archive, &entry, &wants, most).is_ok());
        scan.layer.facts.len()
    };
    // The token stands behind the first window.
    assert_eq!([found(WINDOW_BYTES - 1), found(WINDOW_BYTES), found(WINDOW_BYTES + 1)], [0, 0, 1]);
}

const GGUF: &[u8] = b"GGUF\x03\0\0\0\x05\0\0\0\0\0\0\0";

/// Weights that do not compress, behind a text that does.
fn packed_weights() -> Vec<u8> {
    let mut weights = GGUF.to_vec();
    let mut state = 1_u32;
    while weights.len() < 400_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        weights.extend(state.to_be_bytes());
    }
    let inner = tar_of(&[("README", vec![b' '; 900_000]), ("w", weights)]);
    let packed = zstd::encode_all(&inner[..], 1).unwrap();
    tar_of(&[("app/x.tar", tar_of(&[("a.tar.zst", packed)]))])
}

#[test]
fn what_packed_files_unpack_to_counts_against_the_layers_cap() {
    let bytes = packed_weights();
    let plain = scan_with(&bytes, &Limits::default()).unpacked_bytes;
    let kinds = |more: u64| {
        let limits = Limits { unpacked_bytes: plain + more, ..Limits::default() };
        let layer = scan_with(&bytes, &limits);
        let facts = layer.facts.into_iter().filter(|fact| fact.rule == model_weights::ID);
        facts.map(|fact| fact.kind).collect::<Vec<String>>()
    };
    assert_eq!(kinds(2_000_000), ["gguf"]);
    assert_eq!(kinds(500_000), ["bottomless-archive"]);
}

#[test]
fn the_observer_is_told_of_what_is_packed_at_once_and_once() {
    struct Told(usize, ControlFlow<()>);
    impl Observer for Told {
        fn observe(&mut self, layer: &LayerFacts, known: usize) -> ControlFlow<()> {
            self.0 += layer.facts.len() - known;
            self.1
        }
    }
    let bytes = packed_weights();
    let size = bytes.len().try_into().unwrap();
    let told = |answer| {
        let mut told = Told(0, answer);
        let digest = Digest::of(&bytes);
        let ended = scan_layer(&bytes[..], &digest, size, &Limits::default(), &mut told);
        (told.0, matches!(ended, Err(ScanError::Stopped)))
    };
    assert_eq!(told(ControlFlow::Break(())), (1, true));
    assert_eq!(told(ControlFlow::Continue(())), (1, false));
}

#[test]
fn a_layer_that_ends_inside_a_packed_file_is_truncated() {
    let bytes = packed_weights();
    let layer = scan_with(&bytes[..bytes.len() / 2], &Limits::default());
    let defects = layer.facts.iter().filter(|fact| fact.rule == unreadable_layer::ID);
    assert_eq!(defects.map(|fact| &fact.kind[..]).collect::<Vec<_>>(), ["truncated"]);
}

#[test]
fn packed_facts_are_capped_too() {
    let weights = || [GGUF.to_vec(), vec![1; 70_000]].concat();
    let files: Vec<(String, Vec<u8>)> = (0..6).map(|n| (format!("w{n}"), weights())).collect();
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(path, content)| (path.as_str(), content.clone())).collect();
    let bytes = tar_of(&[("app/x.tar", tar_of(&files))]);
    for (facts_per_rule, expected) in [(7, 0), (6, 0), (5, 1)] {
        let layer = scan_with(&bytes, &Limits { facts_per_rule, ..Limits::default() });
        let floods = layer.facts.iter().filter(|fact| fact.rule == unreadable_layer::ID).count();
        assert_eq!(floods, expected, "{facts_per_rule}");
    }
}
