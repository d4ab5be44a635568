//! Tests of the look inside packed files: on archives made by hand, of every kind and nesting.

use std::io::Write as _;
use std::ops::ControlFlow;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;
use crate::rules::testing::tar_of;

/// What a visitor was shown: path, size, first byte.
#[derive(Default)]
struct Shown {
    entries: Vec<String>,
    closed: Vec<(String, Closed)>,
    most: Option<usize>,
}

impl Visit for Shown {
    fn member(&mut self, entry: &Entry<'_>, head: &[u8]) -> ControlFlow<(), bool> {
        let first = head.first().copied().unwrap_or_default();
        self.entries.push(format!("{} {} {first:02x}", entry.path, entry.size));
        if self.most == Some(self.entries.len()) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(is_packed(head))
    }

    fn goes_inside(&mut self, _entry: &Entry<'_>, head: &[u8]) -> bool {
        is_packed(head)
    }

    fn closed(&mut self, entry: &Entry<'_>, why: Closed) -> ControlFlow<()> {
        self.closed.push((entry.path.to_owned(), why));
        ControlFlow::Continue(())
    }
}

fn look_with(path: &str, bytes: &[u8], left: u64, shown: &mut Shown) -> Result<(), Stop> {
    look_at_most(path, bytes, (left, 1_000_000), shown)
}

/// `most` are bytes and members.
fn look_at_most(path: &str, bytes: &[u8], most: (u64, u64), shown: &mut Shown) -> Result<(), Stop> {
    let (left, members) = (Cell::new(most.0), Cell::new(most.1));
    let limits = Limits::default();
    let file = Packed { path, size: bytes.len().try_into().unwrap(), depth: 0 };
    let mut unpacking = Unpacking { limits: &limits, left: &left, members: &members, visit: shown };
    unpacking.run(&mut &bytes[..], file)
}

fn look(path: &str, bytes: &[u8]) -> (Vec<String>, Result<(), Stop>) {
    let mut shown = Shown::default();
    let stop = look_with(path, bytes, 1 << 30, &mut shown);
    assert!(shown.closed.is_empty(), "{:?}", shown.closed);
    (shown.entries, stop)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// How a member's sizes are written.
#[derive(Clone, Copy, PartialEq)]
enum Sizes {
    Before,
    Long,
    Behind,
    BehindUnsigned,
    BehindLong,
}

/// A length in 32 and in 64 bits.
fn sizes_of(bytes: &[u8]) -> (u32, u64) {
    (bytes.len().try_into().unwrap(), bytes.len().try_into().unwrap())
}

fn member(name: &str, content: &[u8], method: u16, sizes: Sizes) -> Vec<u8> {
    let packed = match method {
        8 => deflate(content),
        93 => zstd::encode_all(content, 1).unwrap(),
        _ => content.to_vec(),
    };
    let (short, long) = sizes_of(&packed);
    let (plain, plain_long) = sizes_of(content);
    let behind = !matches!(sizes, Sizes::Before | Sizes::Long);
    let extra = if sizes == Sizes::Long {
        [&[9, 9, 2, 0, 1, 2, 1, 0, 16, 0][..], &plain_long.to_le_bytes(), &long.to_le_bytes()]
            .concat()
    } else {
        Vec::new()
    };
    let told = match sizes {
        Sizes::Before => [short.to_le_bytes(), plain.to_le_bytes()].concat(),
        Sizes::Long => vec![0xff; 8],
        _ => vec![0; 8],
    };
    let mut bytes = b"PK\x03\x04\x14\0".to_vec();
    bytes.extend(if behind { 8_u16 } else { 0 }.to_le_bytes());
    bytes.extend(method.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(told);
    bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    bytes.extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.extend(extra);
    bytes.extend(packed);
    if matches!(sizes, Sizes::Behind | Sizes::BehindLong) {
        bytes.extend(b"PK\x07\x08");
    }
    match sizes {
        Sizes::Behind | Sizes::BehindUnsigned => {
            bytes.extend([7; 4]);
            bytes.extend(short.to_le_bytes());
            bytes.extend(plain.to_le_bytes());
        }
        Sizes::BehindLong => {
            bytes.extend([7; 4]);
            bytes.extend(long.to_le_bytes());
            bytes.extend(plain_long.to_le_bytes());
        }
        Sizes::Before | Sizes::Long => {}
    }
    bytes
}

fn zip(members: &[Vec<u8>]) -> Vec<u8> {
    [&members.concat()[..], b"PK\x05\x06", &[0; 18]].concat()
}

#[test]
fn members_of_every_kind_are_shown() {
    use Sizes::{Before, Behind, BehindLong, BehindUnsigned, Long};
    let archive = zip(&[
        member("README.md", b"hello", 0, Before),
        member("a/long.bin", &[1; 9000], 0, Long),
        member("b", &[2; 9000], 8, Before),
        member("c", &[3; 9000], 8, Behind),
        member("d", &[4; 9000], 8, BehindUnsigned),
        member("e", &[5; 9000], 8, BehindLong),
        member("f", &[6; 9000], 93, Before),
        member("../../g", &[8; 9000], 0, Before),
        member("last", b"\xff", 8, Behind),
    ]);
    let (entries, stop) = look("x.zip", &archive);
    assert_eq!(stop, Ok(()));
    assert_eq!(
        entries,
        [
            "x.zip!/README.md 5 68",
            "x.zip!/a/long.bin 9000 01",
            "x.zip!/b 9000 02",
            "x.zip!/c 9000 03",
            "x.zip!/d 9000 04",
            "x.zip!/e 9000 05",
            "x.zip!/f 9000 06",
            "x.zip!/_/_/g 9000 08",
            "x.zip!/last 1 ff",
        ]
    );
}

#[test]
fn members_that_cannot_be_read_are_said() {
    let mut locked = member("locked", &[7; 9000], 0, Sizes::Before);
    locked[6] = 1;
    let (lzma, last) = (
        member("lzma", &[6; 9000], 14, Sizes::Before),
        member("last", &[1; 600], 0, Sizes::Before),
    );
    let mut shown = Shown::default();
    assert_eq!(look_with("x", &zip(&[lzma, locked, last]), 1 << 20, &mut shown), Ok(()));
    assert_eq!(shown.entries, ["x!/last 600 01"]);
    let closed = ["x!/lzma", "x!/locked"].map(|path| (path.to_owned(), Closed::Damaged));
    assert_eq!(shown.closed, closed);
}

#[test]
fn packed_files_inside_each_other_are_opened() {
    let inner = tar_of(&[("README", b"r".to_vec()), ("deep/w.bin", vec![9; 600])]);
    let archive = zip(&[
        member("a.tar.gz", &gzip(&inner), 0, Sizes::Before),
        member("b.tar", &inner, 8, Sizes::Behind),
    ]);
    let (entries, stop) = look("x.zip", &archive);
    assert_eq!(stop, Ok(()));
    let sized: Vec<&str> =
        entries.iter().map(|entry| entry.rsplitn(3, ' ').last().unwrap()).collect();
    assert_eq!(
        sized,
        [
            "x.zip!/a.tar.gz",
            "x.zip!/a.tar.gz!/a.tar",
            "x.zip!/a.tar.gz!/README",
            "x.zip!/a.tar.gz!/deep/w.bin",
            // Its size is known at its end.
            "x.zip!/b.tar!/README",
            "x.zip!/b.tar!/deep/w.bin",
            "x.zip!/b.tar",
        ]
    );
}

#[test]
fn compressed_files_are_shown_by_what_they_unpack_to() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(b"GGUF").unwrap();
    let table = [
        ("m/w.gguf.gz", gzip(b"GGUF"), "m/w.gguf.gz!/w.gguf"),
        ("m/w.zst", zstd::encode_all(&b"GGUF"[..], 1).unwrap(), "m/w.zst!/w"),
        ("m/w.joblib", zlib.finish().unwrap(), "m/w.joblib!/w.joblib"),
        ("m/w.tgz", [gzip(b"GG"), gzip(b"UF")].concat(), "m/w.tgz!/w.tar"),
    ];
    for (path, bytes, shown) in table {
        // Only the end of a zlib stream tells its size, and there may be another behind it.
        let size = if path.ends_with("joblib") { 4 } else { bytes.len() };
        let expected = format!("{shown} {size} 47");
        assert_eq!(look(path, &bytes), (vec![expected], Ok(())), "{path}");
    }
    assert_eq!(look("plain", b"text"), (vec![], Ok(())));
    assert_eq!(look("empty", b""), (vec![], Ok(())));
}

#[test]
fn what_cannot_be_followed_is_said() {
    let good = member("a", &[1; 600], 0, Sizes::Before);
    let damaged: &[(&str, Vec<u8>)] = &[
        ("no size", member("a", &[1; 600], 0, Sizes::Behind)[..300].to_vec()),
        ("gap", [&good[..], b"gap!", &good].concat()),
        ("cut", good[..300].to_vec()),
        ("cut header", [&good[..], b"PK\x03\x04\x14"].concat()),
        ("tar", [tar_of(&[("a", vec![1; 600])]), vec![1; 512]].concat()),
    ];
    for (name, bytes) in damaged {
        let (entries, stop) = look(name, bytes);
        assert_eq!(stop, Err(Stop::Closed(Closed::Damaged)), "{name}");
        assert_eq!(entries.len(), 1, "{name}: {entries:?}");
    }
    // Damage inside one member does not hide the next.
    let mut bad = member("bad.gz", &gzip(&tar_of(&[("a", vec![1; 9000])])), 0, Sizes::Before);
    let middle = bad.len() / 2;
    bad[middle..].fill(0xff);
    let mut shown = Shown::default();
    let archive = zip(&[bad, good]);
    assert_eq!(look_with("x", &archive, 1 << 30, &mut shown), Ok(()));
    assert_eq!(shown.closed, [("x!/bad.gz!/bad".to_owned(), Closed::Damaged)]);
    assert_eq!(shown.entries.last().unwrap(), "x!/a 600 01");
}

#[test]
fn damage_of_a_stream_is_said_once() {
    let noise = [&b"\x78\x9c"[..], &[0xff; 9000]].concat();
    let mut stored = ZlibEncoder::new(Vec::new(), Compression::none());
    stored.write_all(&vec![1; 4 * HEAD_BYTES]).unwrap();
    let mut cut = stored.finish().unwrap();
    cut.truncate(3 * HEAD_BYTES);
    for bytes in [noise, cut] {
        let mut shown = Shown::default();
        let stop = look_with("w.joblib", &bytes, 1 << 30, &mut shown);
        assert_eq!((stop, shown.closed.len()), (Err(Stop::Closed(Closed::Damaged)), 0));
    }
}

#[test]
fn depth_is_capped() {
    let nested = |count: usize| {
        (0..count).fold(b"core".to_vec(), |inner, _| zip(&[member("m", &inner, 0, Sizes::Before)]))
    };
    let most = usize::from(MAX_DEPTH);
    for (count, expected) in [(most - 1, 0), (most, 0), (most + 1, 1)] {
        let mut shown = Shown::default();
        let bytes = nested(count);
        let stop = look_with("x", &bytes, 1 << 30, &mut shown);
        assert_eq!((stop, shown.closed.len()), (Ok(()), expected), "{count}");
        assert!(shown.closed.iter().all(|(_, why)| *why == Closed::TooDeep));
    }
}

#[test]
fn unpacked_bytes_are_capped() {
    let archive = gzip(&tar_of(&[("a", vec![0; 100_000]), ("b", vec![1; 100])]));
    let unpacked = 512 + 100_352 + 512 + 512 + 1024;
    for (left, expected) in [
        (unpacked + 1, None),
        (unpacked, None),
        (unpacked - 1, Some(Closed::TooLarge)),
        (5000, Some(Closed::TooLarge)),
    ] {
        let mut shown = Shown::default();
        assert_eq!(look_with("x.gz", &archive, left, &mut shown), Ok(()));
        let why = shown.closed.first().map(|(_, why)| *why);
        assert_eq!(why, expected, "{left}");
    }
    assert_eq!(
        look_with("x.gz", &archive, 0, &mut Shown::default()),
        Err(Stop::Closed(Closed::TooLarge))
    );
    assert_eq!((allowance(0), allowance(10)), (64 << 20, (64 << 20) + 1000));
}

#[test]
fn a_visitor_may_have_enough() {
    let archive = zip(&[member("a", b"1", 0, Sizes::Before), member("b", b"2", 8, Sizes::Before)]);
    let mut shown = Shown { most: Some(1), ..Shown::default() };
    assert_eq!(look_with("x", &archive, 1 << 20, &mut shown), Err(Stop::Enough));
    assert_eq!(shown.entries.len(), 1);
}

proptest::proptest! {
    #[test]
    fn hostile_archives_are_no_panic(
        start in proptest::sample::select(vec![
            &b"PK\x03\x04"[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"",
            b"!<arch>\n", b"070701", b"070707", b"#!/bin/sh\nPK\x03\x04\0\0", b"\x7fELF\x02\x01",
        ]),
        rest in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
    ) {
        let _ = look_with("x", &[start, &rest].concat(), 1 << 20, &mut Shown::default());
    }

    #[test]
    fn damaged_archives_are_no_panic(at in 0..2000_usize, byte in proptest::num::u8::ANY) {
        let mut archive = zip(&[
            member("a.tar.gz", &gzip(&tar_of(&[("w", vec![1; 700])])), 0, Sizes::Before),
            member("b", &[4; 700], 8, Sizes::BehindLong),
            member("c", &[4; 70], 0, Sizes::Long),
        ]);
        if let Some(old) = archive.get_mut(at) {
            *old = byte;
        }
        let _ = look_with("x", &archive, 1 << 20, &mut Shown::default());
    }
}

mod carriers;
