//! Attacks by sheer amount: bombs, and floods of whatever has to be remembered. Too large for the
//! tests, which show the same caps with smaller limits; `make hostile` measures these.

use std::io::{self, Read as _};

use serde_json::json;

use super::pack::{
    end, entry, file, gzip, gzip_with_extra, header, long_name, noise, pax, records, skippable,
    weights, zstd,
};
use super::{Attack, PLANTED, UNREADABLE, WEIGHTS, holding};

/// A gzip stream of what `write` writes.
fn gzipped(write: impl FnOnce(&mut dyn io::Write)) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    write(&mut encoder);
    encoder.finish().unwrap()
}

/// A zstd stream of what `write` writes.
fn zstandard(write: impl FnOnce(&mut dyn io::Write)) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    write(&mut encoder);
    encoder.finish().unwrap()
}

/// The same, where what was written 8 MiB ago is not written again.
fn farsighted(write: impl FnOnce(&mut dyn io::Write)) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(23).unwrap();
    encoder.long_distance_matching(true).unwrap();
    write(&mut encoder);
    encoder.finish().unwrap()
}

const TEN_GB: u64 = 10_000_000_000;

fn ten_gigabytes_of_zeros(out: &mut dyn io::Write) {
    out.write_all(header(b"app/zeros", b'0', TEN_GB).as_bytes()).unwrap();
    io::copy(&mut io::repeat(0).take(TEN_GB), out).unwrap();
    out.write_all(&end()).unwrap();
}

/// Gzip as tight as it gets: a thousandth for zeros.
fn tight(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut &*bytes, &mut encoder).unwrap();
    encoder.finish().unwrap()
}

/// `count` members, each made from its number.
fn members(count: u32, member: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    gzipped(|out| {
        for number in 0..count {
            out.write_all(&member(number)).unwrap();
        }
        out.write_all(&end()).unwrap();
    })
}

/// An `ar` archive of members of one byte.
fn empty_members(count: usize) -> Vec<u8> {
    let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "m", 0, 0, 0, 100_644, 1);
    [b"!<arch>\n".to_vec(), [header.as_bytes(), b"m\n"].concat().repeat(count)].concat()
}

/// Text of that length that shares nothing with that of other numbers.
fn unlike(number: u32, length: usize) -> String {
    let letters = format!("{:016x}", u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    letters.repeat(length / letters.len() + 1).split_at(length).0.to_owned()
}

/// An eStargz layer whose index names 600,000 files that are not there.
fn index_flood() -> Vec<u8> {
    let entries: Vec<_> = (0..600_000_u32)
        .map(|number| json!({"name": unlike(number, 100), "type": "reg", "size": number}))
        .collect();
    let index = json!({"version": 1, "entries": entries}).to_string();
    let head = gzip(&file("app/main.py", b"print()\n"));
    let tail = gzip(&[file("stargz.index.json", index.as_bytes()), end()].concat());
    let footer = gzip_with_extra(format!("SG\x16\0{:016x}STARGZ", head.len()).as_bytes(), b"");
    [head, tail, footer].concat()
}

/// The attacks of this kind.
pub fn all() -> Vec<Attack> {
    let mut attacks = bombs();
    attacks.extend(crowds());
    attacks.extend(crowds_in_files());
    attacks
}

fn bombs() -> Vec<Attack> {
    vec![
        Attack::unreadable("bomb-gzip-10-GB-of-zeros", "decompression bomb", || {
            let head = gzip(header(b"app/zeros", b'0', TEN_GB).as_bytes());
            let zeros = tight(&vec![0; 10_000_000]);
            [head, zeros.repeat(1000), gzip(&end())].concat()
        }),
        Attack::unreadable("bomb-zstd-10-GB-of-zeros", "decompression bomb", || {
            zstandard(ten_gigabytes_of_zeros)
        }),
        Attack::unreadable("bomb-zstd-frames-of-128-kB-in-12-bytes", "decompression bomb", || {
            // Run-length blocks: each byte pair of header says 128 KiB.
            let block = |last: u8| [(2 | last), 0, 0x10, 0];
            let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x38][..], &block(0).repeat(30), &block(1)];
            let head = zstd(header(b"app/zeros", b'0', 1 << 40).as_bytes());
            [head, frame.concat().repeat(20_000)].concat()
        }),
        Attack::image("weights-behind-900-MB-of-zeros", WEIGHTS, PLANTED, || {
            holding(gzipped(|out| {
                out.write_all(header(b"app/zeros", b'0', 900_000_000).as_bytes()).unwrap();
                let padded = 900_000_000_u64.next_multiple_of(512);
                io::copy(&mut io::repeat(0).take(padded), out).unwrap();
                out.write_all(&file("app/model.safetensors", &weights())).unwrap();
                out.write_all(&end()).unwrap();
            }))
        }),
    ]
}

fn crowds_in_files() -> Vec<Attack> {
    vec![
        Attack::unreadable("flood-of-members-under-a-long-name", "packed too deep", || {
            let members = empty_members(20_000);
            let name = "a/".repeat(30_000);
            let inner = [pax(&[("path", name.as_bytes())]), file("b", &members), end()];
            gzip(&[file("app/x.tar", &inner.concat()), end()].concat())
        }),
        Attack::unreadable("flood-of-empty-zlib-streams", "more than 2000000 members", || {
            let streams = b"\x78\x9c\x03\0\0\0\0\x01".repeat(2_000_100);
            gzip(&[file("app/x.bin", &streams), end()].concat())
        }),
    ]
}

fn crowds() -> Vec<Attack> {
    vec![
        Attack::unreadable("flood-of-3-million-entries", "more entries than are read", || {
            members(3_000_001, |number| file(&format!("{number:x}"), b""))
        }),
        Attack::unreadable("flood-of-names-of-100-kB", "longer than Linux can open", || {
            members(60_000, |number| [long_name(&unlike(number, 100_000)), file("x", b"")].concat())
        }),
        Attack::unreadable("flood-of-names-of-4-kB", "more entries than are read", || {
            members(60_000, |number| [long_name(&unlike(number, 4096)), file("x", b"")].concat())
        }),
        Attack::unreadable("flood-of-pax-records", "says two things", || {
            let records = records(&[("c", b"")]).repeat(200_000);
            gzipped(|out| {
                for _ in 0..900 {
                    out.write_all(&entry(b"p", b'x', &records)).unwrap();
                    out.write_all(&file("x", b"")).unwrap();
                }
                out.write_all(&pax(&[("path", b"a"), ("path", b"b")])).unwrap();
                out.write_all(&[file("x", b""), end()].concat()).unwrap();
            })
        }),
        Attack::unreadable("flood-of-global-headers", "more entries than are read", || {
            let global = entry(b"g", b'g', b"13 comment=x\n");
            members(3_000_001, |_| global.clone())
        }),
        Attack::image("flood-of-weights", WEIGHTS, "safetensors weights", || {
            let shard = &weights()[..300_000];
            holding(members(30_000, |number| file(&format!("app/{number}.safetensors"), shard)))
        }),
        Attack::unreadable("flood-of-empty-gzip-members", "hardly any content", || {
            [gzip(b"").repeat(2_000_000), gzip(&end())].concat()
        }),
        Attack::unreadable("flood-of-empty-zstd-frames", "hardly any content", || {
            let archive = [file("app/model.safetensors", &weights()), end()].concat();
            [zstd(b"").repeat(2_000_000), zstd(&archive)].concat()
        }),
        Attack::unreadable("bomb-of-three-hundred-packed-bombs", "files that unpack to", || {
            let zeros = vec![0; 170 << 20];
            let bomb = [file("n", &noise(1_100_000)), file("zeros", &zeros), end()].concat();
            let bomb = gzip(&bomb);
            farsighted(|out| {
                for number in 0..300 {
                    let name = format!("app/{number}.gz");
                    out.write_all(&file(&name, &bomb)).unwrap();
                }
                out.write_all(&end()).unwrap();
            })
        }),
        Attack::unreadable("flood-of-skippable-frames", "hardly any content", || {
            let frame = skippable(&noise(40));
            [zstd(&end()), frame.repeat(1_000_000)].concat()
        }),
        Attack::image("flood-of-index-entries", UNREADABLE, "in the index only", || {
            holding(index_flood())
        }),
    ]
}
