//! Tests of indexes: real shapes that agree, and every way in which one can lie.

use std::io::Write as _;

use serde_json::{Value, json};

use super::super::{Limits, ReadAll, scan_layer};
use super::*;
use crate::model::{Fact, LayerFacts};

/// Files of an archive: path and content.
const FILES: [(&str, &[u8]); 3] =
    [("app/main.py", b"print()"), ("app/big", &[7; 9000]), ("e", b"")];
const CHUNK: usize = 4096;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header(path: &str, size: usize, kind: u8, link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path).unwrap();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(size.try_into().unwrap());
    header.set_mode(0o644);
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// Stored parts of an archive, cut as both formats cut it, and the entries of its index.
fn parts(pack: fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<Value>) {
    let (mut stored, mut entries) = (Vec::new(), Vec::new());
    let mut pending = header("app/", 0, b'5', "");
    entries.push(json!({"name": "app/", "type": "dir", "mode": 493}));
    for (path, content) in FILES {
        pending.extend(header(path, content.len(), b'0', ""));
        let mut entry = json!({"name": path, "type": "reg", "size": content.len()});
        for (index, chunk) in content.chunks(CHUNK).enumerate() {
            stored.extend(pack(&std::mem::take(&mut pending)));
            if index > 0 {
                entry = json!({"name": path, "type": "chunk"});
            }
            entry["offset"] = stored.len().into();
            entry["chunkOffset"] = (index * CHUNK).into();
            if chunk.len() == CHUNK {
                entry["chunkSize"] = CHUNK.into();
            }
            entries.push(std::mem::take(&mut entry));
            pending = chunk.to_vec();
        }
        if content.is_empty() {
            entries.push(entry);
        }
        pending.resize(pending.len().next_multiple_of(512), 0);
    }
    pending.extend(header("ln", 0, b'2', "../x"));
    pending.extend(header("hard", 0, b'1', "./app/big"));
    entries.push(json!({"name": "ln", "type": "symlink", "linkName": "../x"}));
    entries.push(json!({"name": "hard", "type": "hardlink", "linkName": "./app/big"}));
    stored.extend(pack(&pending));
    (stored, entries)
}

fn footer(at: usize) -> Vec<u8> {
    let extra = format!("SG\x16\0{at:016x}STARGZ");
    let builder = flate2::GzBuilder::new().extra(extra);
    builder.write(Vec::new(), flate2::Compression::none()).finish().unwrap()
}

/// An eStargz blob whose index is that text.
fn estargz_of(stored: &[u8], index: &str) -> Vec<u8> {
    let mut plain = header(INDEX_NAME, index.len(), b'0', "");
    plain.extend(index.as_bytes());
    plain.resize(plain.len().next_multiple_of(512) + 1024, 0);
    [stored, &gzip(&plain), &footer(stored.len())].concat()
}

fn estargz(change: impl FnOnce(&mut Vec<Value>)) -> Vec<u8> {
    let (stored, mut entries) = parts(gzip);
    change(&mut entries);
    estargz_of(&stored, &json!({"version": 1, "entries": entries}).to_string())
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18], &length[..], content].concat()
}

fn chunked(change: impl FnOnce(&mut Vec<Value>)) -> (Vec<u8>, Vec<u8>) {
    let (stored, mut entries) = parts(zstd);
    change(&mut entries);
    let frame = zstd(json!({"version": 1, "entries": entries}).to_string().as_bytes());
    let rebuild = zstd(b"{\"type\":1,\"payload\":\"eA==\"}\n{\"type\":2}");
    let blob = [
        &stored,
        &zstd(&[0; 1024])[..],
        &skippable(&frame),
        &skippable(&rebuild),
        &skippable(&[0; 64]),
    ];
    (blob.concat(), frame)
}

fn scan(blob: &[u8]) -> LayerFacts {
    let size = blob.len().try_into().unwrap();
    scan_layer(blob, &Digest::of(blob), size, &Limits::default(), &mut ReadAll).unwrap()
}

/// What `unreadable-layer` learned, in short.
fn learned(blob: &[u8]) -> Vec<String> {
    let short = |fact: &Fact| {
        let detail = fact.particular("detail").unwrap_or_default();
        format!("{} {detail}", fact.kind).trim().to_owned()
    };
    scan(blob).facts.iter().filter(|fact| fact.rule == unreadable_layer::ID).map(short).collect()
}

#[test]
fn an_honest_estargz_agrees() {
    let (stored, entries) = parts(gzip);
    let index = json!({"version": 1, "entries": entries}).to_string();
    let facts = scan(&estargz_of(&stored, &index)).facts;
    assert_eq!(facts.len(), 1);
    assert_eq!(
        facts[0].particular("digest"),
        Some(Digest::of(index.as_bytes()).to_string().as_str())
    );
    // The order does not matter, nor how Go writes it.
    assert_eq!(learned(&estargz(|entries| entries.rotate_left(1))), ["lazy-index"]);
    let indented = serde_json::to_string_pretty(&json!({"entries": entries})).unwrap();
    assert_eq!(learned(&estargz_of(&stored, &indented)), ["lazy-index"]);
}

#[test]
fn a_long_index_is_not_read_away_by_the_rules() {
    let (stored, entries) = parts(gzip);
    let index = json!({"version": 1, "entries": entries}).to_string();
    let index = index.replacen('{', &format!("{{{}", " ".repeat(200_000)), 1);
    let blob = estargz_of(&stored, &index);
    let size = u64::try_from(index.len()).unwrap();
    for text_bytes in [100, size - 1, size, size + 1] {
        let limits = Limits { text_bytes, ..Limits::default() };
        let length = blob.len().try_into().unwrap();
        let facts = scan_layer(&blob[..], &Digest::of(&blob), length, &limits, &mut ReadAll);
        let kinds: Vec<String> = facts.unwrap().facts.into_iter().map(|fact| fact.kind).collect();
        assert_eq!(kinds, ["lazy-index"], "{text_bytes}");
    }
}

#[test]
fn an_honest_zstd_chunked_agrees() {
    let (blob, frame) = chunked(|_| ());
    let facts = scan(&blob).facts;
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].particular("stored"), Some(Digest::of(&frame).to_string().as_str()));
}

#[test]
fn every_lie_of_an_index_is_met_in_both_formats() {
    type Lie = fn(&mut Vec<Value>);
    let table: [(&str, Lie, &str); 17] = [
        ("missing", |e| drop(e.remove(0)), "1 entries are in the archive only"),
        ("added", |e| e.push(json!({"name": "x", "type": "dir"})), "`x` is in the index only"),
        ("doubled", |e| e.push(e[0].clone()), "`app` is in the index only"),
        ("renamed", |e| e[1]["name"] = "app/evil.py".into(), "`app/evil.py` is in the index only"),
        ("climbing", |e| e[1]["name"] = "../main.py".into(), "a path with `..`"),
        ("type", |e| e[0]["type"] = "reg".into(), "another type: `app`"),
        ("unknown type", |e| e[0]["type"] = "x".into(), "another type: `app`"),
        ("size", |e| e[1]["size"] = 8.into(), "8 bytes, not 7: `app/main.py`"),
        ("link", |e| e[6]["linkName"] = "/etc".into(), "another link target: `ln`"),
        ("hard link", |e| e[7]["linkName"] = "app/main.py".into(), "another link target: `hard`"),
        (
            "offset",
            |e| e[1]["offset"] = e[2]["offset"].clone(),
            "content from elsewhere: `app/main.py`",
        ),
        ("no offset", |e| e[1]["offset"] = 0.into(), "content from elsewhere: `app/main.py`"),
        ("inner", |e| e[1]["innerOffset"] = 1.into(), "content from elsewhere: `app/main.py`"),
        ("swapped chunks", |e| e.swap(3, 4), "chunks that overlap or leave gaps: `app/big`"),
        ("no chunks", |e| drop(e.drain(3..5)), "chunks that overlap or leave gaps: `app/big`"),
        ("strange chunk", |e| e[2]["chunkType"] = "x".into(), "content from elsewhere: `app/big`"),
        (
            "lookalike",
            |e| e[1]["Name"] = "evil".into(),
            "a key that readers take differently: `Name`",
        ),
    ];
    for (what, lie, expected) in table {
        let expected = [format!("toc-disagreement {expected}")];
        assert_eq!(learned(&estargz(lie)), expected, "{what}");
        assert_eq!(learned(&chunked(lie).0), expected, "{what}");
    }
}

#[test]
fn a_document_that_readers_take_differently_is_met() {
    let (stored, entries) = parts(gzip);
    let good = json!(entries).to_string();
    let table = [
        (format!(r#"{{"entries":{good},"entries":[]}}"#), "two lists of entries"),
        (format!(r#"{{"entries":{good},"Entries":[]}}"#), "two lists of entries"),
        (format!(r#"{{"Entries":{good}}}"#), "two lists of entries"),
        (format!(r#"{{"entries":{good}}} {{}}"#), "trailing characters"),
        (r#"{"version":1}"#.to_owned(), "it is no index"),
        ("[]".to_owned(), "it is no index"),
        (
            format!(r#"{{"entries":[{{"name":"{}"}}]}}"#, "n".repeat(2 << 20)),
            "the index is too large to compare",
        ),
    ];
    for (index, expected) in table {
        let found = learned(&estargz_of(&stored, &index));
        assert_eq!(found, [format!("toc-disagreement {expected}")]);
    }
}

#[test]
fn the_footer_says_which_file_is_the_index() {
    let honest = estargz(|_| ());
    let without = &honest[..honest.len() - footer(0).len()];
    // A plain file by that name, as an unpacked eStargz image has it.
    assert!(learned(without).is_empty());
    let elsewhere = [without, &footer(0)].concat();
    let expected = "toc-disagreement its footer points at something else than the last file";
    assert_eq!(learned(&elsewhere), [expected]);
    let (stored, _) = parts(gzip);
    assert_eq!(learned(&[stored, footer(7)].concat()), [expected]);

    // A file behind the index.
    let (stored, entries) = parts(gzip);
    let index = json!({"entries": entries}).to_string();
    let mut plain = header(INDEX_NAME, index.len(), b'0', "");
    plain.extend(index.as_bytes());
    plain.resize(plain.len().next_multiple_of(512), 0);
    plain.extend(header("late", 0, b'0', ""));
    let late = [&stored, &gzip(&plain)[..], &footer(stored.len())].concat();
    assert_eq!(learned(&late), ["toc-disagreement entries follow the index"]);
}

#[test]
fn what_lies_between_frames_is_counted() {
    let half = usize::try_from(MAX_HIDDEN_BYTES / 2).unwrap();
    let blob = |parts: &[Vec<u8>]| [zstd(&[0; 1024]), parts.concat()].concat();
    let part = |bytes: usize| skippable(&vec![9; bytes]);
    assert!(learned(&blob(&[part(half), part(half)])).is_empty());
    assert_eq!(
        learned(&blob(&[part(half), part(half + 1)])),
        ["hidden-data 1.0 MiB between its parts"]
    );
    // Dressed as an index.
    let noise = *b"no frame, no index";
    let mut dressed = vec![0x28, 0xb5, 0x2f, 0xfd];
    dressed.extend(noise.repeat(100_000));
    assert_eq!(learned(&blob(&[skippable(&dressed)])).len(), 1);
}
