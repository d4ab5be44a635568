//! Values out of the pages of an `SQLite` file. In a record one value follows the other without a
//! sign between them, so that a token would begin in the middle of a word.
//! Source: <https://www.sqlite.org/fileformat2.html>, sections 1.3, 1.6 and 2.1. Values that go on
//! in overflow pages are cut: the file itself is searched too.

/// First bytes of such a file.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes in front of the first page's own header.
const FILE_HEADER_BYTES: usize = 100;
/// Smallest page.
const MIN_PAGE_BYTES: usize = 512;

/// The texts and blobs of all records, each on a line, and the file behind them; nothing unless
/// it is such a file. Twice the file, and never more than four times.
pub(super) fn unfolded(file: &[u8]) -> Option<Vec<u8>> {
    let size = match number(file.strip_prefix(MAGIC)?, 0)? {
        1 => 1 << 16,
        size => size,
    };
    if size < MIN_PAGE_BYTES {
        return None;
    }
    let mut values = Vec::with_capacity(file.len());
    for (index, bytes) in file.chunks(size).enumerate() {
        let header = if index == 0 { FILE_HEADER_BYTES } else { 0 };
        let _ = page(bytes, header, &mut values);
    }
    values.extend_from_slice(file);
    Some(values)
}

/// The records of a leaf of a table's or an index's tree. No page holds more than its own size,
/// whatever its pointers say.
fn page(page: &[u8], header: usize, values: &mut Vec<u8>) -> Option<()> {
    let is_table = match page.get(header)? {
        0x0d => true,
        0x0a => false,
        _ => return None,
    };
    let most = values.len().saturating_add(page.len());
    let pointers = header.checked_add(8)?;
    for cell in 0..number(page, header.checked_add(3)?)? {
        let at = number(page, pointers.checked_add(cell.checked_mul(2)?)?)?;
        let _ = page.get(at..).and_then(|cell| record(cell, is_table, values));
        if values.len() > most {
            break;
        }
    }
    Some(())
}

/// One record: the length of all, in tables the row's number, then the kinds of the values, then
/// the values.
fn record(cell: &[u8], is_table: bool, values: &mut Vec<u8>) -> Option<()> {
    let (_, mut record) = varint(cell)?;
    if is_table {
        record = varint(record)?.1;
    }
    let (length, kinds) = varint(record)?;
    let length = usize::try_from(length).ok()?;
    let (head, mut body) = record.split_at_checked(length)?;
    let mut kinds = head.get(record.len().checked_sub(kinds.len())?..)?;
    while let Some((kind, next)) = varint(kinds) {
        let length = usize::try_from(size_of_kind(kind)).unwrap_or(usize::MAX);
        let (value, rest) = body.split_at(length.min(body.len()));
        if kind >= 12 {
            values.extend_from_slice(value);
            values.push(b'\n');
        }
        (kinds, body) = (next, rest);
    }
    Some(())
}

/// Bytes of a value of that kind.
fn size_of_kind(kind: u64) -> u64 {
    match kind {
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        12.. => (kind - 12) / 2,
        _ => 0,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_be_bytes(pair.try_into().ok()?)))
}

/// A number of one to nine bytes, of which all but the last of nine have seven bits.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        let rest = bytes.get(at.checked_add(1)?..)?;
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), rest));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some((value, rest));
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of one page with one table of one row, whose values are texts below 58 bytes.
    pub(crate) fn database(texts: &[&str]) -> Vec<u8> {
        let kinds: Vec<u8> =
            texts.iter().map(|text| u8::try_from(13 + 2 * text.len()).unwrap()).collect();
        let head = u8::try_from(kinds.len() + 1).unwrap();
        let body = texts.concat();
        let length = u8::try_from(usize::from(head) + body.len()).unwrap();
        let lengths = if length < 0x80 { vec![length] } else { vec![0x81, length & 0x7f] };
        let cell = [&lengths[..], &[1, head], &kinds, body.as_bytes()].concat();
        let start = 512 - cell.len();
        let mut file = [MAGIC, &[2, 0]].concat();
        file.resize(FILE_HEADER_BYTES, 0);
        file.extend([0x0d, 0, 0, 0, 1, 0, 0, 0]);
        file.extend(u16::try_from(start).unwrap().to_be_bytes());
        file.resize(start, 0);
        file.extend(cell);
        file
    }

    #[test]
    fn values_are_told_apart() {
        let file = database(&["hf_default", "http", "hf_secret", "2026"]);
        let found = unfolded(&file).unwrap();
        assert!(found.starts_with(b"hf_default\nhttp\nhf_secret\n2026\n"));
        assert!(found.ends_with(&file));
        assert_eq!(unfolded(b"SQLite format 3"), None);
        assert_eq!(unfolded(&[MAGIC, &[0, 0]].concat()), None);
    }

    #[test]
    fn pointers_to_one_cell_do_not_multiply_it() {
        let mut file = database(&["a".repeat(50).as_str()]);
        let cell = [file[108], file[109]];
        file[103..105].copy_from_slice(&[0, 150]);
        (0..150).for_each(|at| file[108 + 2 * at..][..2].copy_from_slice(&cell));
        let values = unfolded(&file).unwrap().len() - file.len();
        assert!((512..512 + 60).contains(&values), "{values}");
    }

    #[test]
    fn numbers_have_up_to_nine_bytes() {
        for (bytes, value, rest) in [
            (&[5, 1][..], 5, 1),
            (&[0x81, 0], 128, 0),
            (&[0xff; 9], u64::MAX, 0),
            (&[0x80, 0x80, 1, 7, 7], 1, 2),
        ] {
            let found = varint(bytes).map(|(value, rest)| (value, rest.len()));
            assert_eq!(found, Some((value, rest)), "{bytes:?}");
        }
        assert_eq!(varint(&[0x80]), None);
        assert_eq!(varint(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn hostile_files_are_no_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000)
        ) {
            let file = [MAGIC, &[2, 0], &bytes].concat();
            let found = unfolded(&file).map_or(0, |found| found.len());
            proptest::prop_assert!(found <= 4 * file.len());
        }
    }
}
