//! Compressed streams that one reader ends where another goes on.

use super::Attack;
use super::pack::{
    end, file, gzip, gzip_with_extra, harmless, noise, packed, plain_weights, skippable, weights,
    zip, zstd,
};

/// A zstd frame header with that descriptor and what follows it, then one empty last block.
fn zstd_frame(descriptor: u8, rest: &[u8]) -> Vec<u8> {
    [&[0x28, 0xb5, 0x2f, 0xfd, descriptor], rest, &[1, 0, 0]].concat()
}

fn changed(mut bytes: Vec<u8>, at: usize, change: u8) -> Vec<u8> {
    bytes[at] ^= change;
    bytes
}

/// The attacks of this kind.
pub fn all() -> Vec<Attack> {
    let mut attacks = gzips();
    attacks.extend(zstds());
    attacks.extend(others());
    attacks.extend(archives());
    attacks
}

/// Archives inside files, as far as their kinds of readers disagree.
fn archives() -> Vec<Attack> {
    vec![
        Attack::planted("weights-in-the-second-of-two-zips", || {
            let zips = [zip("notes.txt", b"notes"), zip("w.bin", &weights())].concat();
            packed(&[file("app/x.zip", &zips), end()])
        }),
        Attack::unreadable("weights-in-seven-archives", "packed too deep", || {
            let inner = (0..7).fold(weights(), |inner, _| [file("w", &inner), end()].concat());
            packed(&[file("app/x.tar", &inner), end()])
        }),
    ]
}

fn gzips() -> Vec<Attack> {
    vec![
        Attack::planted("gzip-of-two-members", || {
            let archive = plain_weights();
            let (head, rest) = archive.split_at(700);
            [gzip(head), gzip(b""), gzip(rest)].concat()
        }),
        Attack::planted("gzip-with-zeros-behind", || {
            [gzip(&plain_weights()), vec![0; 4096]].concat()
        }),
        Attack::unreadable("gzip-member-behind-zeros", "bytes follow the compressed", || {
            [gzip(&harmless()), vec![0; 9], gzip(&plain_weights())].concat()
        }),
        Attack::unreadable("gzip-with-junk-behind", "bytes follow the compressed", || {
            [gzip(&harmless()), b"junk".to_vec()].concat()
        }),
        Attack::unreadable("gzip-second-archive", "data follows the end", || {
            [gzip(&harmless()), gzip(&plain_weights())].concat()
        }),
        Attack::unreadable("gzip-cut-in-the-middle", "ends in the middle", || {
            let whole = gzip(&plain_weights());
            whole[..whole.len() / 2].to_vec()
        }),
        Attack::unreadable("gzip-cut-in-the-checksum", "ends in the middle", || {
            let whole = gzip(&harmless());
            whole[..whole.len() - 3].to_vec()
        }),
        Attack::unreadable("gzip-wrong-checksum", "cannot be decompressed", || {
            let whole = gzip(&harmless());
            let at = whole.len() - 6;
            changed(whole, at, 1)
        }),
        Attack::unreadable("gzip-reserved-flags", "cannot be decompressed", || {
            changed(gzip(&harmless()), 3, 0x20)
        }),
        Attack::unreadable("gzip-unknown-method", "cannot be decompressed", || {
            changed(gzip(&harmless()), 2, 1)
        }),
        Attack::unreadable("gzip-data-in-headers", "belongs to no file", || {
            let aside = gzip_with_extra(&noise(60_000), b"");
            [aside.repeat(20), gzip(&harmless())].concat()
        }),
        Attack::unreadable("gzip-flood-of-empty-members", "hardly any content", || {
            [gzip(b"").repeat(20_000), gzip(&harmless())].concat()
        }),
    ]
}

fn zstds() -> Vec<Attack> {
    vec![
        Attack::planted("zstd-behind-a-skippable-frame", || {
            [skippable(b"hello"), zstd(&plain_weights())].concat()
        }),
        Attack::planted("zstd-of-many-frames", || {
            plain_weights().chunks(1 << 20).flat_map(zstd).collect()
        }),
        Attack::unreadable("zstd-data-in-skippable-frames", "belongs to no file", || {
            [zstd(&harmless()), skippable(&noise(600_000)).repeat(2)].concat()
        }),
        Attack::unreadable("zstd-data-dressed-as-index", "belongs to no file", || {
            [zstd(&harmless()), skippable(&zstd(&noise(2 << 20)))].concat()
        }),
        Attack::unreadable("zstd-cut-skippable-frame", "ends in the middle", || {
            let whole = [zstd(&harmless()), skippable(b"hello")].concat();
            whole[..whole.len() - 1].to_vec()
        }),
        Attack::unreadable("zstd-cut-in-the-middle", "ends in the middle", || {
            let whole = zstd(&plain_weights());
            whole[..whole.len() / 2].to_vec()
        }),
        Attack::unreadable("zstd-with-junk-behind", "cannot be decompressed", || {
            [zstd(&harmless()), b"junk".to_vec()].concat()
        }),
        Attack::unreadable("zstd-second-archive", "data follows the end", || {
            [zstd(&harmless()), zstd(&plain_weights())].concat()
        }),
        Attack::unreadable("zstd-window-of-2-TiB", "zstd window larger", || {
            zstd_frame(0, &[31 << 3])
        }),
        Attack::unreadable("zstd-with-a-dictionary", "cannot be decompressed", || {
            zstd_frame(1, &[0, 7])
        }),
        Attack::unreadable("zstd-content-size-lies", "cannot be decompressed", || {
            zstd_frame(0x20, &[9])
        }),
        Attack::unreadable("zstd-wrong-checksum", "cannot be decompressed", || {
            [zstd_frame(0x24, &[0]), vec![1, 2, 3, 4]].concat()
        }),
        Attack::unreadable("zstd-of-a-legacy-version", "is no tar archive", || {
            changed(zstd(&harmless()), 0, 0x28 ^ 0x27)
        }),
    ]
}

fn others() -> Vec<Attack> {
    vec![
        // The only layer says gzip, its bytes are zstd: runtimes go by the bytes.
        Attack::planted("media-type-lies", || zstd(&plain_weights())),
        Attack::unreadable("bzip2-that-is-an-archive", "unknown method: bzip2", || {
            file("BZh91AY&SY", b"")
        }),
        Attack::unreadable("xz", "unknown method: xz", || {
            [b"\xfd7zXZ\0".to_vec(), noise(2000)].concat()
        }),
        Attack::unreadable("lz4", "unknown method: lz4", || {
            [b"\x04\x22\x4d\x18".to_vec(), noise(2000)].concat()
        }),
        // Who knows skippable frames sees what comes behind; who does not, a plain archive.
        Attack::unreadable("archive-in-a-skippable-frame", "an archive too", || {
            let archive = |length: usize| {
                let length = u32::try_from(length).unwrap().to_le_bytes();
                let name = [&[0x50, 0x2a, 0x4d, 0x18], &length[..]].concat();
                let entry = super::pack::entry(&name, b'0', b"x");
                [entry, plain_weights()].concat()
            };
            let length = archive(0x0101_0101).len();
            [archive(length - 8), zstd(&harmless())].concat()
        }),
        Attack::unreadable("gzip-in-gzip", "is no tar archive", || gzip(&gzip(&plain_weights()))),
    ]
}
