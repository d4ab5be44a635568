//! Tests of the walk: honest archives, other dialects, and archives that lie.

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
        ([pax(&[("comment", "x")]), pax(&[("path", "second")]), file("s", b"")].concat(), "second"),
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
