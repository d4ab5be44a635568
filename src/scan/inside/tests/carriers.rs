//! Archives of Unix, and archives behind something that is run.

use std::io::Write as _;

use super::*;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}0           0     0     100644  {:<10}`\n", content.len()).bytes(),
        );
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

fn new_cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in members.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let (size, length) = (content.len(), name.len() + 1);
        let zeros = "0".repeat(8);
        bytes.extend(
            format!(
                "070701{}{size:08x}{}{length:08x}{zeros}{name}\0",
                zeros.repeat(6),
                zeros.repeat(4)
            )
            .bytes(),
        );
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

fn old_cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in members.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let (size, length) = (content.len(), name.len() + 1);
        bytes.extend(format!("070707{}{length:06o}{size:011o}{name}\0", "0".repeat(53)).bytes());
        bytes.extend(*content);
    }
    bytes
}

#[test]
fn archives_of_unix_are_opened() {
    let members: &[(&str, &[u8])] =
        &[("a/one", &[1; 601]), ("empty", b""), ("two", &[2; 700]), ("./3", &[3; 5])];
    for (name, bytes) in
        [("ar", ar(members)), ("newc", new_cpio(members)), ("odc", old_cpio(members))]
    {
        let expected = ["x!/a/one 601 01", "x!/two 700 02", "x!/3 5 03"].map(str::to_owned);
        assert_eq!(look("x", &bytes), (expected.to_vec(), Ok(())), "{name}");
        let mut shown = Shown::default();
        let stop = look_with("x", &bytes[..800], 1 << 30, &mut shown);
        assert!(stop.is_err() || !shown.closed.is_empty(), "{name}");
    }
    let package = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &gzip(&tar_of(&[("control", b"Package: x".to_vec())]))),
        ("data.tar.zst/", &zstd::encode_all(&tar_of(&[("./opt/w", vec![9; 600])])[..], 1).unwrap()),
    ]);
    let (entries, stop) = look("x.deb", &package);
    assert_eq!(
        (entries.last().unwrap().as_str(), stop),
        ("x.deb!/data.tar.zst!/opt/w 600 09", Ok(()))
    );
}

#[test]
fn a_name_of_any_length_is_no_reason_to_take_memory() {
    for (length, expected) in [(1023, (1, 0)), (1024, (1, 0)), (1025, (0, 1))] {
        let mut shown = Shown::default();
        let archive = new_cpio(&[(&"n".repeat(length), b"1")]);
        assert_eq!(look_with("x", &archive, 1 << 20, &mut shown), Ok(()));
        assert_eq!((shown.entries.len(), shown.closed.len()), expected, "{length}");
    }
    let (path, mut shown) = ("p".repeat(4096), Shown::default());
    let archive = gzip(&new_cpio(&[("name", b"1")]));
    assert_eq!(look_with(&path, &archive, 1 << 20, &mut shown), Ok(()));
    let last = shown.entries.last().unwrap();
    assert_eq!(*last, format!("{}!/name 1 31", "p".repeat(512)));
}

#[test]
fn members_are_counted() {
    let streams = [zlib(b"1"), zlib(b"2"), zlib(b"3")].concat();
    for (most, expected) in [(5, 3), (4, 3), (3, 2)] {
        let mut shown = Shown::default();
        let stop = look_at_most("x", &streams, (1 << 20, most), &mut shown);
        assert_eq!(shown.entries.len(), expected, "{most}");
        let spent = Err(Stop::Closed(Closed::TooLarge));
        assert_eq!(stop, if most > 3 { Ok(()) } else { spent }, "{most}");
    }
}

#[test]
fn what_stands_behind_an_archive_is_shown() {
    let small = || zip(&[member("s", b"s", 0, Sizes::Before)]);
    let large = || zip(&[member("w", &[7; 600], 8, Sizes::Behind)]);
    let comment = || [b"PK\x05\x06".to_vec(), vec![0; 16], vec![2, 0], b"ok".to_vec()].concat();
    let whole = || [member("s", b"s", 0, Sizes::Before), comment()].concat();
    let padded = [new_cpio(&[("s", b"s")]), vec![0; 300], gzip(&new_cpio(&[("w", b"w")]))].concat();
    for (name, bytes, expected) in [
        ("zips", [whole(), large()].concat(), "x!/w 600 07"),
        ("zip and weights", [whole(), b"GGUF".to_vec()].concat(), "x!/x 4 47"),
        ("initial ram disk", padded, "x!/w 1 77"),
    ] {
        let (entries, stop) = look("x", &bytes);
        assert_eq!(stop, Ok(()), "{name}");
        assert!(entries.contains(&expected.to_owned()), "{name}: {entries:?}");
    }
    assert_eq!(look("x", &small()).0.len(), 1);
    let behind = |count| look("x", &[whole(), vec![9; count]].concat()).1;
    assert_eq!(behind((1 << 20) - 1), Ok(()));
    assert_eq!(behind(1 << 20), Err(Stop::Closed(Closed::Damaged)));
}

#[test]
fn stored_members_without_a_size_end_at_their_descriptor() {
    // The content looks like a descriptor itself, with another size.
    let content = [b"PK\x07\x08".to_vec(), vec![1; 700]].concat();
    let archive = zip(&[
        member("a", &content, 0, Sizes::Behind),
        member("b", &[2; 20], 0, Sizes::Behind),
        member("c", &[3; 20], 8, Sizes::Behind),
    ]);
    let expected = ["x!/a 704 50", "x!/b 20 02", "x!/c 20 03"].map(str::to_owned);
    assert_eq!(look("x", &archive), (expected.to_vec(), Ok(())));
}

#[test]
fn archives_behind_what_is_run_are_opened() {
    let archive = || zip(&[member("w", &[7; 600], 8, Sizes::Before)]);
    let mut program = vec![0; 9640];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    program[0x28..0x30].copy_from_slice(&9000_u64.to_le_bytes());
    (program[0x3a], program[0x3c]) = (64, 10);
    let long = [b"#!/bin/sh\n".to_vec(), b"# makeself\n".repeat(2000)].concat();
    // Programs are looked behind from a size on that their signatures stay below.
    let padded = [archive(), vec![0; 70_000]].concat();
    for (name, bytes) in [
        ("app.pyz", [&b"#!/usr/bin/env python3\n"[..], &archive()].concat()),
        ("setup.run", [&long[..], &archive()].concat()),
        ("tool", [&program[..], &padded].concat()),
    ] {
        let (entries, stop) = look(name, &bytes);
        assert_eq!(stop, Ok(()), "{name}");
        assert_eq!(entries.last().unwrap(), &format!("{name}!/w 600 07"));
    }
    let installer = [&long[..], &gzip(&tar_of(&[("opt/w", vec![5; 600])]))].concat();
    assert_eq!(look("setup.run", &installer).0.last().unwrap(), "setup.run!/opt/w 600 05");
    assert_eq!(look("start.sh", &long), (vec![], Ok(())));
    assert_eq!(look("tool", &program), (vec![], Ok(())));
    let closed = [&long[..], b"\xfd7zXZ\0 and so on"].concat();
    assert_eq!(look("setup.run", &closed).1, Err(Stop::Closed(Closed::Damaged)));
}

#[test]
fn a_script_is_searched_up_to_a_limit() {
    let archive = zip(&[member("w", &[7; 600], 0, Sizes::Before)]);
    for (before, expected) in [(packing::SCRIPT_BYTES - 6, 2), (packing::SCRIPT_BYTES - 5, 0)] {
        let mut script = b"#!/bin/sh\n".to_vec();
        script.resize(before, b'#');
        let (entries, stop) = look("x", &[script, archive.clone()].concat());
        assert_eq!((entries.len(), stop), (expected, Ok(())), "{before}");
    }
}

#[test]
fn streams_behind_each_other_are_all_shown() {
    let streams = [zlib(&[1; 900]), zlib(b"2"), zlib(&tar_of(&[("w", vec![3; 600])]))].concat();
    let firsts: Vec<String> = look("x", &streams)
        .0
        .iter()
        .map(|entry| entry.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(firsts, ["01", "32", "03", "77"]);
    let followed = |count| look("x", &[zlib(b"1"), vec![9; count]].concat()).1;
    assert_eq!(followed(1 << 20).err(), Some(Stop::Closed(Closed::Damaged)));
    assert_eq!(followed((1 << 20) - 1), Ok(()));
}
