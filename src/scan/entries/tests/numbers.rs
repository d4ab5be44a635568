//! Tests of the numbers in headers: sizes, dates and checksums, as Go reads them.

use super::*;

#[test]
fn sizes_are_read_as_go_reads_them() {
    const SIZE_AT: usize = 124;
    let sized = |field: &[u8; 12]| changed(header("f", b'0', 0), SIZE_AT, field);
    for empty in [&[0; 12], b"            ", b"\0\0 \0        "] {
        let archive = [raw(&sized(empty), b""), file("next", b"")].concat();
        assert_eq!(names(&archive), ["f", "next"]);
    }
    // Behind leading NULs stands a size that would be taken for none.
    let archive = [raw(&sized(b"\0\0\0\0\0\0 00005\0"[..12].try_into().unwrap()), b"hello")];
    assert_eq!(walk(&archive.concat()).unwrap()[0].1, b"hello");
    for junk in [b"+00000000005", b"0000000000x9", b"00000000\t005"] {
        assert_eq!(defect(&[file("a", b""), raw(&sized(junk), b"")].concat()), Defect::Truncated);
    }
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    const SIZE_AT: usize = 124;
    let sized = |field: &[u8; 12]| raw(&changed(header("f", b'0', 0), SIZE_AT, field), b"hello");
    let five = sized(b"\x80\0\0\0\0\0\0\0\0\0\0\x05");
    assert_eq!(walk(&five).unwrap()[0].1, b"hello");
    // Negative, and too large for 64 bits although its last eight bytes say 5.
    let negative = sized(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb");
    let large = sized(b"\x80\0\0\x01\0\0\0\0\0\0\0\x05");
    for field in [negative, large] {
        assert_eq!(defect(&[file("a", b""), field].concat()), Defect::Truncated);
    }
    // Every field in which Go wants a number, and one it does not look at.
    let table = [
        (100, true),
        (108, true),
        (116, true),
        (136, true),
        (329, true),
        (337, true),
        (265, false),
    ];
    for (at, expected) in table {
        let member = raw(&changed(header("f", b'0', 0), at, b"x"), b"");
        assert_eq!(walk(&member).unwrap()[0].0.disagreement.is_some(), expected, "{at}");
    }
    let oldest = changed(changed(header("f", b'0', 0), MAGIC_AT, &[0; 8]), 329, b"x");
    assert_eq!(walk(&raw(&oldest, b"")).unwrap()[0].0.disagreement, None);
    let extension = changed(header("pax", b'x', 0), 100, b"x");
    assert_eq!(defect(&[raw(&extension, b""), file("f", b"")].concat()), Defect::AmbiguousEntry);
}

#[test]
fn a_checksum_is_read_as_go_reads_it() {
    let good = header("a", b'0', 0);
    let sum = good.cksum().unwrap();
    let digits = format!("{sum:06o}");
    let table: [(String, bool); 9] = [
        (format!("{digits}\0 "), true),
        (format!("\0{digits}\0"), true),
        (format!(" {digits}\0"), true),
        (format!("\0 {digits}"), true),
        (format!("00{digits}"), true),
        (format!("{digits}  "), true),
        (format!("x{digits}\0"), false),
        (format!("{:06o}\0 ", sum + 1), false),
        ("\0".repeat(8), false),
    ];
    for (field, expected) in table {
        let mut changed = good.clone();
        changed.as_mut_bytes()[fields::CHECKSUM].copy_from_slice(field.as_bytes());
        assert_eq!(begins_archive(changed.as_bytes()), expected, "{field:?}");
        let archive = [changed.as_bytes().to_vec(), end()].concat();
        assert_eq!(walk_with(&archive, &Limits::default()).is_ok(), expected, "{field:?}");
    }
    assert!(!begins_archive(&good.as_bytes()[..BLOCK - 1]));
}
