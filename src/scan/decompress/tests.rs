//! Tests of decompression: every format by its magic, members and frames in a row, what is cut.

use std::io::Write;

use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn decode_with(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Failure> {
    let mut plain = Vec::new();
    Decoder::new(bytes, limits, &Seams::default())?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn decode(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    decode_with(bytes, &Limits::default())
}

fn defect(result: Result<Vec<u8>, Failure>) -> Defect {
    match result {
        Err(Failure::Content(content)) => content.defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_every_format_by_magic() {
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(b"ab")].concat();
    let table: [(Vec<u8>, &[u8]); 9] = [
        (gzip(b"hello"), b"hello"),
        ([gzip(b"he"), gzip(b""), gzip(b"llo")].concat(), b"hello"),
        ([gzip(b"hello"), vec![0; 70_000]].concat(), b"hello"),
        (zstd(b"hello"), b"hello"),
        ([zstd(b"he"), zstd(b"llo")].concat(), b"hello"),
        (skippable, b"ab"),
        (b"plain text".to_vec(), b"plain text"),
        (b"x".to_vec(), b"x"),
        (Vec::new(), b""),
    ];
    for (stored, plain) in table {
        assert_eq!(decode(&stored).unwrap(), plain, "{stored:?}");
    }
}

#[test]
fn reads_in_whatever_pieces_the_network_hands_over() {
    let text: Vec<u8> =
        (0..40_000_u32).flat_map(|number| (number * number).to_le_bytes()).collect();
    let (start, rest) = text.split_at(70_000);
    for stored in [
        text.clone(),
        [gzip(start), gzip(rest), vec![0; 9]].concat(),
        [zstd(start), zstd(rest)].concat(),
    ] {
        for piece in [1, 2, 7, 4096, 100_000] {
            let source = io::BufReader::with_capacity(piece, &stored[..]);
            let mut plain = Vec::new();
            let mut decoder = Decoder::new(source, &Limits::default(), &Seams::default()).unwrap();
            decoder.read_to_end(&mut plain).unwrap();
            assert!(plain == text, "pieces of {piece}");
        }
    }
}

#[test]
fn names_what_is_wrong() {
    let whole = gzip(&[7; 5000]);
    let (cut, _) = whole.split_at(whole.len() - 9);
    assert_eq!(defect(decode(cut)), Defect::Truncated);
    assert_eq!(defect(decode(&[gzip(b"x"), b"junk".to_vec()].concat())), Defect::TrailingData);
    let hidden_member = [gzip(b"x"), vec![0; 9], gzip(b"hidden")].concat();
    assert_eq!(defect(decode(&hidden_member)), Defect::TrailingData);
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert_eq!(defect(decode(&wrong_sum)), Defect::DecompressionFailed);
    let frame = zstd(&[7; 5000]);
    assert_eq!(defect(decode(&frame[..frame.len() - 2])), Defect::Truncated);
    assert_eq!(
        defect(decode(&[zstd(b"x"), b"junk".to_vec()].concat())),
        Defect::DecompressionFailed
    );
}

#[test]
fn caps_are_exact() {
    let stored = gzip(&vec![0; 100_000]);
    let limits = |bytes| Limits { unpacked_bytes: bytes, ..Limits::default() };
    assert!(decode_with(&stored, &limits(100_001)).is_ok());
    assert!(decode_with(&stored, &limits(100_000)).is_ok());
    assert_eq!(defect(decode_with(&stored, &limits(99_999))), Defect::TooManyBytes);

    let ratio = u64::try_from(100_000 / stored.len()).unwrap();
    let limits = |ratio| Limits { ratio_from_bytes: 99_999, ratio, ..Limits::default() };
    assert!(decode_with(&stored, &limits(ratio)).is_ok());
    assert_eq!(defect(decode_with(&stored, &limits(ratio - 1))), Defect::BombRatio);
    let later = Limits { ratio_from_bytes: 100_000, ratio: 1, ..Limits::default() };
    assert!(decode_with(&stored, &later).is_ok());
}

#[test]
fn a_zstd_frame_is_as_long_as_it_says() {
    // Single segment, a content size in one, two or four bytes, one empty last block.
    let frame = |descriptor: u8, size: &[u8]| {
        [&[0x28, 0xb5, 0x2f, 0xfd, descriptor], size, &[1, 0, 0]].concat()
    };
    assert_eq!(decode(&frame(0x20, &[0])).unwrap(), b"");
    assert_eq!(decode(&[frame(0x20, &[0]), zstd(b"hello")].concat()).unwrap(), b"hello");
    assert_eq!(decode(&frame(0xa0, &[0; 4])).unwrap(), b"");
    for lie in [frame(0x20, &[9]), frame(0x60, &[0; 2]), frame(0xa0, &[1, 0, 0, 0])] {
        assert_eq!(defect(decode(&lie)), Defect::DecompressionFailed);
        assert_eq!(defect(decode(&[lie, zstd(b"hello")].concat())), Defect::DecompressionFailed);
    }
}

#[test]
fn a_zstd_window_cannot_take_all_memory() {
    // Magic number, no flags, the window's logarithm less 10, then one empty last block.
    let frame = |log: u8| vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0];
    assert_eq!(decode(&frame(25)).unwrap(), b"");
    assert_eq!(decode(&frame(26)).unwrap(), b"");
    for log in [27, 31, 41] {
        let Err(Failure::Content(found)) = decode(&frame(log)) else { panic!("{log}") };
        assert_eq!(found.defect, Defect::DecompressionFailed);
        assert_eq!(
            found.detail,
            "zstd window larger than 64.0 MiB (hint: compress without `--long`)"
        );
    }
}

#[test]
fn what_other_runtimes_decompress_is_refused_by_name() {
    let table: [(&[u8], Option<&str>); 7] = [
        (b"BZh91AY&SY...", Some("bzip2")),
        (b"BZh9\x17\x72\x45\x38\x50\x90", Some("bzip2")),
        (b"BZhang/notes.txt", None),
        (b"BZh0", None),
        (b"\xfd7zXZ\0..", Some("xz")),
        (b"\xfd7zXY\0..", None),
        (b"\x04\x22\x4d\x18..", Some("lz4")),
    ];
    for (bytes, expected) in table {
        match (decode(bytes), expected) {
            (Ok(plain), None) => assert_eq!(plain, bytes),
            (Err(Failure::Content(found)), Some(method)) => {
                assert_eq!(
                    (found.defect, found.detail.as_str()),
                    (Defect::UnknownCompression, method)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A skippable frame around bytes.
fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18], &length[..], content].concat()
}

fn seams_of(bytes: &[u8]) -> Seams {
    let seams = Seams::default();
    let mut decoder = Decoder::new(bytes, &Limits::default(), &seams).unwrap();
    decoder.read_to_end(&mut Vec::new()).unwrap();
    seams
}

#[test]
fn seams_are_where_members_and_frames_begin() {
    for pack in [gzip, zstd] {
        let long = vec![7; 300_000];
        let parts: [&[u8]; 4] = [b"he", b"", &long, b"llo"];
        let (mut stored, mut plain) = (Vec::new(), 0);
        let mut expected = Vec::new();
        for part in parts {
            expected.push((u64::try_from(stored.len()).unwrap(), plain));
            stored.extend(pack(part));
            plain += u64::try_from(part.len()).unwrap();
        }
        let seams = seams_of(&stored);
        for (stored_at, plain_at) in expected {
            assert_eq!(seams.plain_at(stored_at), Some(plain_at), "{stored_at}");
            assert_eq!(seams.plain_at(stored_at + 1), None);
        }
    }
}

#[test]
fn skippable_frames_are_kept_or_counted() {
    let index = zstd(b"index");
    let stored = [zstd(b"a"), skippable(&index), skippable(b"plain"), skippable(b""), zstd(b"b")];
    let seams = seams_of(&stored.concat());
    let aside = seams.take_aside();
    assert_eq!((aside.frames, aside.hidden_bytes), (vec![index.clone()], 5));
    let behind: usize = stored[..4].iter().map(Vec::len).sum();
    assert_eq!(seams.plain_at(behind.try_into().unwrap()), Some(1));
    // More of them than are kept.
    let many = [zstd(b"a"), skippable(&index).repeat(9)].concat();
    let aside = seams_of(&many).take_aside();
    assert_eq!((aside.frames.len(), aside.hidden_bytes), (8, index.len().try_into().unwrap()));
    // Nothing but such a frame unpacks to nothing; one that is cut is cut.
    assert_eq!(decode(&skippable(b"x")).unwrap(), b"");
    let cut = [zstd(b"a"), skippable(b"xyz")].concat();
    assert_eq!(defect(decode(&cut[..cut.len() - 1])), Defect::Truncated);
    for cut in 1..11 {
        let stored = [zstd(b"hello"), skippable(b"xyz"), zstd(b"hello")].concat();
        assert_eq!(defect(decode(&stored[..stored.len() - cut])), Defect::Truncated, "{cut}");
    }
}

#[test]
fn gzip_headers_hide_nothing_unseen() {
    let member = |extra: &[u8], name: &str| {
        let builder = flate2::GzBuilder::new().extra(extra).filename(name);
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"x").unwrap();
        encoder.finish().unwrap()
    };
    let stored = [member(&[1; 64], "layer.tar"), member(&[1; 65], &"n".repeat(70))].concat();
    assert_eq!(seams_of(&stored).take_aside().hidden_bytes, 1 + 6);
    let footers: [(&[u8], Option<u64>); 5] = [
        (b"SG\x16\x00000000000000abcdSTARGZ", Some(0xabcd)),
        (b"000000000000abcdSTARGZ", Some(0xabcd)),
        (b"00000000000abcdSTARGZ", None),
        (b"xx0000000000abcdSTARGZ", None),
        (b"000000000000abcdSTARG", None),
    ];
    for (extra, footer) in footers {
        assert_eq!(seams_of(&member(extra, "")).take_aside().footer, footer, "{extra:?}");
    }
}

#[test]
fn a_flood_of_empty_members_ends() {
    let empty = gzip(b"");
    let members = |count: usize| [gzip(b"x"), empty.repeat(count)].concat();
    let free = usize::try_from(FREE_MEMBERS).unwrap();
    assert_eq!(decode(&members(free)).unwrap(), b"x");
    assert_eq!(defect(decode(&members(free + 1))), Defect::BombRatio);
    let full = gzip(&[7; 129]).repeat(free + 5);
    assert!(decode(&full).is_ok());
}

#[test]
fn a_flood_of_empty_frames_ends() {
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].to_vec();
    let free = usize::try_from(FREE_MEMBERS).unwrap();
    for empty in [zstd(b""), skippable] {
        let frames = |count: usize| [zstd(b"x"), empty.repeat(count)].concat();
        assert_eq!(decode(&frames(free - 1)).unwrap(), b"x");
        assert_eq!(defect(decode(&frames(free + 1))), Defect::BombRatio);
    }
    assert!(decode(&zstd(&[7; 129]).repeat(free + 5)).is_ok());
}

#[test]
fn a_failing_source_is_not_the_images_fault() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other(SourceFailure("connection lost".into())))
        }
    }
    for start in [gzip(&[7; 5000]), zstd(&[7; 5000]), b"plain".to_vec()] {
        let start = Cursor::new(start[..start.len() - 3].to_vec());
        let source = start.chain(io::BufReader::new(Broken));
        let error = Decoder::new(source, &Limits::default(), &Seams::default())
            .and_then(|mut decoder| decoder.read_to_end(&mut Vec::new()))
            .unwrap_err();
        assert!(matches!(Failure::from(error), Failure::Source(_)));
    }
}

#[test]
fn the_source_can_be_drained_after_an_error() {
    let stored = [gzip(b"x"), b"junk and more".to_vec()].concat();
    let mut decoder = Decoder::new(&stored[..], &Limits::default(), &Seams::default()).unwrap();
    decoder.read_to_end(&mut Vec::new()).unwrap_err();
    let mut rest = Vec::new();
    decoder.into_source().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"junk and more");
}
