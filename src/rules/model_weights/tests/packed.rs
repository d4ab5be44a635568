//! Weights packed in other files, and other things packed the same way.

use super::super::super::testing::{Sample, sized, tar_of};
use super::super::*;
use super::{MIB, one};

/// Content that does not compress, with that head.
pub(super) fn filled(head: &[u8], size: u64) -> Vec<u8> {
    let mut content = head.to_vec();
    let mut state = 1_u32;
    while u64::try_from(content.len()).unwrap() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.extend(state.to_be_bytes());
    }
    content.truncate(size.try_into().unwrap());
    content
}

pub(super) const GGUF: &[u8] = b"GGUF\x03\0\0\0\x05\0\0\0\0\0\0\0";

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip archive of stored members.
pub(super) fn zip_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in members {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend([size, size].concat());
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
    }
    bytes.extend(b"PK\x05\x06");
    bytes
}

fn packed(path: &str, content: Vec<u8>) -> Sample {
    Sample::of(&ModelWeights).scanned("COPY . .", &[(path, content)])
}

/// A program of 64 bits whose table of sections ends with it, as linkers write them.
fn program() -> Vec<u8> {
    let mut bytes = filled(b"\x7fELF\x02\x01", 9640);
    bytes[0x28..0x30].copy_from_slice(&9000_u64.to_le_bytes());
    bytes[0x38..0x3e].copy_from_slice(&[0, 0, 64, 0, 10, 0]);
    bytes
}

#[test]
fn packing_hides_nothing() {
    let weights = || filled(GGUF, 11 * MIB);
    let readme = || ("README.md", b"# Notes".repeat(2000));
    let tar = || tar_of(&[readme(), ("out/blob", weights())]);
    let hidden = [
        ("app/a.zip", zip_of(&[readme(), ("x/data", weights())])),
        ("app/b.tar", tar()),
        ("app/c.tar.gz", gzip(&tar())),
        ("app/d.bin", zstd::encode_all(&weights()[..], 1).unwrap()),
        ("usr/share/fonts/e.gz", gzip(&weights())),
        ("app/f.zip", zip_of(&[("pkg/g.tgz", gzip(&tar()))])),
        ("app/layer.tar", tar_of(&[("blobs/sha256/ab", gzip(&tar()))])),
        ("usr/bin/h", [b"#!/usr/bin/env python3\n".to_vec(), zip_of(&[("w", weights())])].concat()),
        ("usr/bin/i", [program(), zip_of(&[("w", weights())])].concat()),
        (
            "app/g.npz",
            zip_of(&[
                ("step.npy", filled(b"\x93NUMPY\x01\0v\0{'descr': '<i8', ", 200)),
                ("w.npy", filled(b"\x93NUMPY\x01\0v\0{'descr': '<f2', ", 11 * MIB)),
            ]),
        ),
    ];
    for (path, content) in hidden {
        let sample = packed(path, content);
        assert_eq!(sample.level(), Some(Level::Deny), "{path}: {}", sample.words());
    }
    insta::assert_snapshot!(packed("app/b.tar", tar()).words(), @r"
    deny: GGUF weights of 11.0 MiB: `app/b.tar!/out/blob`
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
}

#[test]
fn packed_things_of_other_kinds_pass() {
    let source = || b"import os\n".repeat(100_000);
    let passing = [
        ("app/src.zip", zip_of(&[("a.py", source()), ("b/c.py", source())])),
        (
            "app/lib.jar",
            zip_of(&[("META-INF/MANIFEST.MF", source()), ("x.so", filled(b"\x7fELF", 11 * MIB))]),
        ),
        (
            "app/src.tar.gz",
            gzip(&tar_of(&[("a.py", source()), ("b.png", filled(b"\x89PNG\r\n", 11 * MIB))])),
        ),
        ("var/log/app.log.gz", gzip(&source())),
        (
            "app/images.npz",
            zip_of(&[("x.npy", filled(b"\x93NUMPY\x01\0v\0{'descr': '|u1', ", MIB / 2))]),
        ),
    ];
    for (path, content) in passing {
        assert_eq!(packed(path, content).words(), "", "{path}");
    }
}

#[test]
fn what_cannot_be_looked_through_is_not_passed_in_silence() {
    let damaged = [b"PK\x03\x04".to_vec(), vec![1; 11 << 20]].concat();
    insta::assert_snapshot!(packed("app/a.zip", damaged).words(), @r"
    warn: what may be packed weights of 11.0 MiB: `app/a.zip`
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
    insta::assert_snapshot!(one(sized("app/model.tar.xz", b"\xfd7zXZ\0", 11 * MIB)).words(), @r"
    warn: what may be packed weights of 11.0 MiB: `app/model.tar.xz`
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
    assert_eq!(one(sized("app/node.tar.xz", b"\xfd7zXZ\0", 10 * MIB - 1)).level(), None);
    assert_eq!(one(sized("app/node.tar.xz", b"\xfd7zXZ\0", 10 * MIB)).level(), Some(Level::Warn));
    assert_eq!(one(sized("opt/conda/pkgs/mkl.tar.bz2", b"BZh9", 200 * MIB)).level(), None);
}

#[test]
fn archives_without_a_bottom_are_refused_by_their_size() {
    let level = |why, size| {
        let entry = Entry { path: "app/a.gz", kind: EntryKind::File, size, link: None };
        let mut sample = Sample::of(&ModelWeights).layer("COPY", &[]);
        ModelWeights.closed(&entry, why, &mut sample.facts[0].as_mut().unwrap().facts);
        sample.findings().first().map(|finding| (finding.level, finding.message.clone()))
    };
    let (found, words) = level(Closed::TooLarge, 10 * MIB).unwrap();
    assert_eq!(found, Level::Deny);
    insta::assert_snapshot!(words, @"an archive that cannot be looked through of 10.0 MiB: `app/a.gz`");
    assert_eq!(level(Closed::TooLarge, 10 * MIB - 1).unwrap().0, Level::Warn);
    assert_eq!(level(Closed::TooLarge, MIB - 1), None);
    assert_eq!(level(Closed::Damaged, 10 * MIB).unwrap().0, Level::Warn);
    assert_eq!(level(Closed::Damaged, 10 * MIB - 1), None);
}

#[test]
fn compressed_estimators_are_opened() {
    let words = b"\x80\x04\x95\0\0\xc0\0\0\0\0\0\x8c\x18sklearn.ensemble._forest\x94\x8c\x16RandomForestClassifier\x94\x93\x94)\x81\x94}\x94(";
    let estimator = filled(words, 12 * MIB);
    let zlib = |level| {
        use std::io::Write as _;
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(&estimator).unwrap();
        encoder.finish().unwrap()
    };
    for (path, content) in [
        ("app/models/boost.joblib", zlib(1)),
        ("app/models/boost.pkl", zlib(9)),
        ("app/models/boost.joblib.gz", gzip(&estimator)),
    ] {
        let sample = packed(path, content);
        assert_eq!(sample.level(), Some(Level::Deny), "{path}: {}", sample.words());
    }
}
