//! Tests of the walk over members, on archives put together byte by byte.

use super::*;

/// A raw header with a right checksum.
fn header(name: &str, kind: u8, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(EntryType::new(kind));
    header.set_size(size);
    header.set_cksum();
    header
}

fn raw(header: &Header, content: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    raw(&header(name, b'0', content.len().try_into().unwrap()), content)
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while format!("{length}{rest}").len() != length {
            length += 1;
        }
        body.push_str(&length.to_string());
        body.push_str(&rest);
    }
    raw(&header("pax", b'x', body.len().try_into().unwrap()), body.as_bytes())
}

fn long_name(name: &str) -> Vec<u8> {
    let body = format!("{name}\0");
    raw(&header("././@LongLink", b'L', body.len().try_into().unwrap()), body.as_bytes())
}

fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

fn walk_with(bytes: &[u8], limits: &Limits) -> Result<Vec<(Member, Vec<u8>)>, Failure> {
    let mut archive = Archive::new(bytes, limits);
    let mut members = Vec::new();
    while let Some(member) = archive.next_member()? {
        let mut content = vec![0; 100_000];
        let count = archive.read_content(&mut content)?;
        content.truncate(count);
        members.push((member, content));
    }
    Ok(members)
}

fn walk(bytes: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, Failure> {
    walk_with(bytes, &Limits::default())
}

fn names(bytes: &[u8]) -> Vec<String> {
    walk(bytes)
        .unwrap()
        .iter()
        .map(|(member, _)| String::from_utf8_lossy(&member.path).into_owned())
        .collect()
}

fn defect(bytes: &[u8]) -> Defect {
    match walk(bytes) {
        Err(Failure::Content(content)) => content.defect,
        Ok(members) => members.iter().find_map(|(m, _)| m.disagreement.clone()).unwrap().0,
        other @ Err(_) => panic!("{other:?}"),
    }
}

#[test]
fn reads_plain_members_with_padding() {
    let archive = [file("a", b"hello"), file("b", &[1; 512]), file("c", b""), end()].concat();
    let members = walk(&archive).unwrap();
    let contents: Vec<_> = members.iter().map(|(_, content)| content.len()).collect();
    assert_eq!(contents, [5, 512, 0]);
    assert_eq!(names(&archive), ["a", "b", "c"]);
    // No end marker at all, as old builders left it, and an archive of nothing.
    assert_eq!(names(&file("a", b"hello")), ["a"]);
    assert!(names(&[]).is_empty());
    assert!(names(&end()).is_empty());
}

#[test]
fn applies_extensions() {
    let table = [
        ([pax(&[("path", "p/long")]), file("short", b"")].concat(), "p/long"),
        ([long_name("g/long"), file("short", b"")].concat(), "g/long"),
        ([pax(&[("SCHILY.xattr.security.capability", "a\nb=c\n")]), file("s", b"")].concat(), "s"),
        ([long_name("g/long"), pax(&[("mtime", "1.5")]), file("short", b"")].concat(), "g/long"),
    ];
    for (archive, name) in table {
        assert_eq!(names(&archive), [name]);
        assert_eq!(walk(&archive).unwrap()[0].0.disagreement, None);
    }
    let big = [pax(&[("size", "5")]), raw(&header("f", b'0', 0), b"hello"), file("n", b"")];
    let members = walk(&big.concat()).unwrap();
    assert_eq!((members[0].1.as_slice(), members.len()), (&b"hello"[..], 2));
}

#[test]
fn disagreeing_headers_are_defects() {
    // CVE-2026-33055: PAX size against a non-zero header size.
    let sizes = [pax(&[("size", "0")]), file("a", &[0; 512])].concat();
    let names = [pax(&[("path", "a")]), long_name("b"), file("c", b"")].concat();
    let global = raw(&header("g", b'g', 10), b"10 path=x\n");
    let hard_link = raw(&header("h", b'1', 512), &file("hidden", b""));
    let sparse = [pax(&[("GNU.sparse.major", "1")]), file("s", b"")].concat();
    let table = [
        (sizes, Defect::HeaderDisagreement),
        (names, Defect::HeaderDisagreement),
        (global, Defect::HeaderDisagreement),
        (hard_link, Defect::HeaderDisagreement),
        (sparse, Defect::SparseEntry),
        (raw(&header("s", b'S', 0), b""), Defect::SparseEntry),
        ([file("a", b""), end(), file("hidden", b"")].concat(), Defect::TrailingData),
        ([file("a", b""), vec![0; BLOCK], file("hidden", b"")].concat(), Defect::TrailingData),
    ];
    for (archive, expected) in table {
        assert_eq!(defect(&archive), expected);
    }
}

/// A header changed by hand, its checksum set right again.
fn changed(mut header: Header, at: usize, bytes: &[u8]) -> Header {
    header.as_mut_bytes()[at..at + bytes.len()].copy_from_slice(bytes);
    header.set_cksum();
    header
}

const MAGIC_AT: usize = 257;
const PREFIX_AT: usize = 345;
const TRAILER_AT: usize = 508;

#[test]
fn a_global_header_between_an_extension_and_its_file_hides_nothing() {
    let hidden = file("hidden/model.safetensors", b"");
    let size = hidden.len().to_string();
    let global = || raw(&header("g", b'g', 13), b"13 comment=x\n");
    let attack = [pax(&[("size", &size)]), global(), raw(&header("f", b'0', 0), &hidden), end()];
    assert_eq!(defect(&attack.concat()), Defect::HeaderDisagreement);
    for pending in [pax(&[("path", "a")]), long_name("a"), raw(&header("K", b'K', 2), b"a\0")] {
        let before = [pending.clone(), global(), file("f", b""), end()].concat();
        assert_eq!(defect(&before), Defect::HeaderDisagreement);
        for end in [end(), Vec::new()] {
            let last = [file("f", b""), pending.clone(), end].concat();
            assert_eq!(defect(&last), Defect::HeaderDisagreement);
        }
    }
    // As `git archive` writes it.
    assert_eq!(names(&[global(), pax(&[("path", "p")]), file("f", b""), end()].concat()), ["p"]);
}

#[test]
fn two_link_targets_are_a_defect() {
    let long_link =
        |target: &str| raw(&header("L", b'K', target.len().try_into().unwrap()), target.as_bytes());
    let link = |target| {
        [long_link(target), pax(&[("linkpath", "a")]), raw(&header("l", b'2', 0), b"")].concat()
    };
    assert_eq!(defect(&link("b")), Defect::HeaderDisagreement);
    assert_eq!(walk(&link("a")).unwrap()[0].0.disagreement, None);
}

#[test]
fn a_prefix_that_only_go_reads_is_a_defect() {
    let ustar = |version: &[u8; 2]| {
        changed(header("name", b'0', 0), MAGIC_AT, &[&b"ustar\0"[..], version].concat())
    };
    let prefixed = |header| changed(header, PREFIX_AT, b"hidden/dir");
    // A version that only Go takes.
    for version in [b"\0\0", b"01", b"  "] {
        assert_eq!(defect(&raw(&prefixed(ustar(version)), b"")), Defect::HeaderDisagreement);
    }
    // The trailer of `star`, whose prefix is shorter.
    let star = changed(changed(ustar(b"00"), PREFIX_AT, &[b'p'; 140]), TRAILER_AT, b"tar\0");
    assert_eq!(defect(&raw(&star, b"")), Defect::HeaderDisagreement);
    // GNU's times, which Go takes for a prefix when they are no numbers.
    for times in [&b"hidden/dir"[..], b"\x80\x01\0\0", b"9"] {
        let gnu = changed(header("name", b'0', 0), PREFIX_AT, times);
        assert_eq!(walk(&raw(&gnu, b"")).unwrap()[0].0.disagreement.is_some(), times.is_ascii());
    }
    let ctime = changed(header("name", b'0', 0), PREFIX_AT, b"\0\0\0\0\0\0\0\0\0\0\0\0zz");
    assert_eq!(walk(&raw(&ctime, b"")).unwrap()[0].0.disagreement, None, "an empty prefix");

    let plain = [
        (prefixed(ustar(b"00")), "hidden/dir/name"),
        (ustar(b"\0\0"), "name"),
        (changed(header("name", b'0', 0), PREFIX_AT, b"14512345671\0"), "name"),
        (changed(header("name", b'0', 0), PREFIX_AT, b"\x80\0\0\0\0\0\0\0\0\0\0\x05"), "name"),
    ];
    for (header, name) in plain {
        let archive = raw(&header, b"");
        assert_eq!(names(&archive), [name]);
        assert_eq!(walk(&archive).unwrap()[0].0.disagreement, None, "{name}");
    }
}

#[test]
fn members_inside_an_old_directory_are_a_defect() {
    let hidden = file("hidden", b"");
    let directory = changed(header("d/", b'0', 512), 156, &[0]);
    let attack = [raw(&directory, &hidden), end()].concat();
    assert_eq!(defect(&attack), Defect::HeaderDisagreement);
    assert_eq!(names(&attack), ["d/", "hidden"]);
}

#[test]
fn extensions_come_once_and_in_order() {
    let link = raw(&header("K", b'K', 2), b"a\0");
    let pairs = [
        [pax(&[("path", "a")]), pax(&[("path", "a")])],
        [pax(&[("comment", "a")]), pax(&[("comment", "b")])],
        [long_name("a"), long_name("a")],
        [long_name(""), long_name("a")],
        [link.clone(), link.clone()],
        [pax(&[("path", "a")]), long_name("a")],
        [pax(&[("linkpath", "a")]), link.clone()],
        [pax(&[("path", "a"), ("path", "b")]), Vec::new()],
    ];
    for pair in pairs {
        let archive = [pair.concat(), file("f", b""), end()].concat();
        assert_eq!(defect(&archive), Defect::HeaderDisagreement);
    }
    assert_eq!(names(&[long_name("a"), link, file("f", b""), end()].concat()), ["a"]);
}

#[test]
fn a_chain_of_global_headers_ends() {
    let global = raw(&header("g", b'g', 13), b"13 comment=x\n");
    let limits = Limits { entries: 3, ..Limits::default() };
    assert!(walk_with(&[global.repeat(2), file("f", b"")].concat(), &limits).is_ok());
    assert!(walk_with(&[global.repeat(3), file("f", b"")].concat(), &limits).is_err());
}

#[test]
fn what_runtimes_refuse_is_a_defect() {
    for kind in *b"7AVMNDX8\x01" {
        assert_eq!(defect(&raw(&header("f", kind, 0), b"")), Defect::AmbiguousEntry, "{kind}");
    }
    for kind in *b"\x000123456" {
        assert_eq!(walk(&raw(&header("f", kind, 0), b"")).unwrap()[0].0.disagreement, None);
    }
    let table = [
        (".wh.", true),
        (".wh..", true),
        ("a/.wh...", true),
        ("a/.wh../.", true),
        (".wh..wh..opq", false),
        (".wh..wh.plnk", false),
        (".wh.a", false),
        ("a/.wh.", true),
        ("a.wh.", false),
    ];
    for (name, expected) in table {
        let found = walk(&file(name, b"")).unwrap()[0].0.disagreement.is_some();
        assert_eq!(found, expected, "{name}");
    }
    let global = raw(&header("g", b'g', 8), b"8 uid=x\n");
    assert_eq!(defect(&[global, file("f", b"")].concat()), Defect::AmbiguousEntry);
    for (key, value) in [("path", "a\0b"), ("gname", "a\0"), ("uid", "x"), ("mtime", "x")] {
        let archive = [pax(&[(key, value)]), file("f", b"")].concat();
        assert_eq!(defect(&archive), Defect::AmbiguousEntry, "{key}");
    }
}

#[test]
fn places_are_counted_in_plain_bytes() {
    let archive = [file("a", b"hello"), long_name("b"), file("c", b"x"), end()].concat();
    let places: Vec<_> = walk(&archive)
        .unwrap()
        .iter()
        .map(|(member, _)| (member.header_at, member.content_at))
        .collect();
    assert_eq!(places, [(0, 512), (1024, 2560)]);
}

#[test]
fn an_empty_extension_does_not_take_the_name_away() {
    for empty in [pax(&[("path", "")]), long_name(""), pax(&[("path", "x"), ("path", "")])] {
        assert_eq!(names(&[empty, file("model.safetensors", b"")].concat()), ["model.safetensors"]);
    }
    assert_eq!(walk(&[pax(&[("size", "")]), file("f", b"hello")].concat()).unwrap()[0].1, b"hello");
}

#[test]
fn damage_is_named() {
    let whole = [file("a", b"hello"), file("b", &[7; 900])].concat();
    assert_eq!(defect(&whole[..700]), Defect::Truncated);
    assert_eq!(defect(&whole[..1600]), Defect::Truncated);
    assert_eq!(defect(b"GGUF is no tar archive"), Defect::NotATar);
    assert_eq!(defect(&[b'x'; 600]), Defect::NotATar);
    let mut later = whole.clone();
    later[1030] ^= 1;
    assert_eq!(defect(&later), Defect::Truncated);
}

#[test]
fn caps_are_exact() {
    let archive = [file("a", b""), file("b", b""), end()].concat();
    let limits = |entries| Limits { entries, ..Limits::default() };
    assert!(walk_with(&archive, &limits(3)).is_ok());
    assert!(walk_with(&archive, &limits(2)).is_ok());
    assert!(walk_with(&archive, &limits(1)).is_err());

    let named = |bytes: usize| [long_name(&"n".repeat(bytes)), file("x", b"")].concat();
    for (bytes, flagged) in [(4095, false), (4096, false), (4097, true), (100_000, true)] {
        let member = walk(&named(bytes)).unwrap().remove(0).0;
        assert_eq!(member.disagreement.is_some(), flagged, "{bytes}");
    }
    let over = usize::try_from(MAX_EXTENSION_BYTES).unwrap();
    assert!(walk(&named(over - 1)).is_ok());
    assert_eq!(defect(&named(over)), Defect::PathTooLong);
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3000)) {
        let _ = walk(&bytes);
    }

    #[test]
    fn never_panics_on_mutations(at in 0_usize..3000, value: u8) {
        let mut archive =
            [pax(&[("path", "p")]), file("a", b"hello"), long_name("x"), file("b", &[7; 900]), end()].concat();
        if let Some(byte) = archive.get_mut(at) {
            *byte = value;
        }
        let _ = walk(&archive);
    }
}

mod numbers;
