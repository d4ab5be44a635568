//! Layers whose index for lazy loading tells another story than their archive, and formats that
//! lazy runtimes mount without any archive.

use plimsoll::model::Digest;
use serde_json::{Value, json};

use super::super::image::BuiltImage;
use super::images::{annotated, edited};
use super::pack::{
    end, file, gzip, gzip_with_extra, harmless, header, noise, packed, skippable, zstd,
};
use super::{Attack, UNREADABLE, holding};

const STARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";
const CHUNKED: &str = "io.github.containers.zstd-chunked.manifest-checksum";
const INDEX: &str = "stargz.index.json";

/// What the archive holds; the index is told otherwise.
const FILES: [(&str, &[u8]); 2] = [("app/main.py", b"print()\n"), ("app/data.bin", &[7; 4096])];

/// Stored files, each beginning with its content, and the entries that are true of them.
fn parts(pack: fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<Value>) {
    let (mut stored, mut entries, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for (path, content) in FILES {
        let size = u64::try_from(content.len()).unwrap();
        pending.extend(header(path.as_bytes(), b'0', size).as_bytes());
        stored.extend(pack(&pending));
        entries.push(json!({"name": path, "type": "reg", "size": size, "offset": stored.len()}));
        pending = content.to_vec();
        pending.resize(pending.len().next_multiple_of(512), 0);
    }
    stored.extend(pack(&pending));
    (stored, entries)
}

fn footer(at: usize) -> Vec<u8> {
    gzip_with_extra(format!("SG\x16\0{at:016x}STARGZ").as_bytes(), b"")
}

/// An eStargz layer with a changed index, whose digest the manifest names.
fn estargz(change: fn(&mut Vec<Value>)) -> BuiltImage {
    let (stored, mut entries) = parts(gzip);
    change(&mut entries);
    let index = json!({"version": 1, "entries": entries}).to_string();
    let archive = [file(INDEX, index.as_bytes()), end()].concat();
    let blob = [&stored, &gzip(&archive)[..], &footer(stored.len())].concat();
    annotated(holding(blob), STARGZ, &Digest::of(index.as_bytes()).to_string())
}

/// The same as zstd:chunked.
fn chunked(change: fn(&mut Vec<Value>)) -> BuiltImage {
    let (stored, mut entries) = parts(zstd);
    change(&mut entries);
    let frame = zstd(json!({"version": 1, "entries": entries}).to_string().as_bytes());
    let blob = [&stored, &zstd(&end())[..], &skippable(&frame)].concat();
    annotated(holding(blob), CHUNKED, &Digest::of(&frame).to_string())
}

fn another_name(entries: &mut [Value]) {
    entries[1]["name"] = "app/model.safetensors".into();
}

fn another_place(entries: &mut [Value]) {
    entries[0]["offset"] = entries[1]["offset"].clone();
}

/// An honest eStargz layer, as controls.
pub fn honest_estargz() -> BuiltImage {
    estargz(|_| ())
}

/// An honest zstd:chunked layer.
pub fn honest_chunked() -> BuiltImage {
    chunked(|_| ())
}

/// The attacks of this kind.
pub fn all() -> Vec<Attack> {
    let lie = |name, words, image| Attack::image(name, UNREADABLE, words, image);
    vec![
        lie("estargz-index-leaves-out", "in the archive only", || estargz(|e| drop(e.pop()))),
        lie("estargz-index-adds", "in the index only", || {
            estargz(|e| e.push(json!({"name": "etc/x", "type": "symlink", "linkName": "/"})))
        }),
        lie("estargz-index-renames", "in the index only", || estargz(|e| another_name(e))),
        lie("estargz-index-resizes", "1 bytes, not 8", || estargz(|e| e[0]["size"] = 1.into())),
        lie("estargz-index-points-elsewhere", "content from elsewhere", || {
            estargz(|e| another_place(e))
        }),
        lie("estargz-index-with-two-names", "readers take differently", || {
            estargz(|e| e[0]["Name"] = "app/evil.py".into())
        }),
        lie("estargz-footer-points-elsewhere", "its footer points", || {
            holding([packed(&[harmless()]), footer(0)].concat())
        }),
        lie("estargz-other-index-named", "the manifest names another one", || {
            annotated(estargz(|_| ()), STARGZ, &Digest::of(b"another").to_string())
        }),
        lie("estargz-index-elsewhere", "the manifest names another one", || {
            annotated(holding(packed(&[harmless()])), STARGZ, &Digest::of(b"x").to_string())
        }),
        lie("zstd-chunked-index-leaves-out", "in the archive only", || chunked(|e| drop(e.pop()))),
        lie("zstd-chunked-index-renames", "in the index only", || chunked(|e| another_name(e))),
        lie("zstd-chunked-index-points-elsewhere", "content from elsewhere", || {
            chunked(|e| another_place(e))
        }),
        lie("zstd-chunked-other-index-named", "the manifest names another one", || {
            annotated(chunked(|_| ()), CHUNKED, &Digest::of(b"another").to_string())
        }),
        lie("nydus-annotation", "is a Nydus blob", || {
            annotated(
                holding(packed(&[harmless()])),
                "containerd.io/snapshot/nydus-bootstrap",
                "true",
            )
        }),
        Attack::unreadable("nydus-bootstrap", "holds a file system", || {
            let boot = [b"SFAR".to_vec(), noise(5000)].concat();
            packed(&[file("image/image.boot", &boot), end()])
        }),
        lie("overlaybd-annotation", "is an overlaybd disk", || {
            let key = "containerd.io/snapshot/overlaybd/blob-size";
            annotated(holding(packed(&[harmless()])), key, "4096")
        }),
        lie("erofs-layer", "has an unknown type", || {
            edited(holding(noise(5000)), |manifest| {
                manifest["layers"][0]["mediaType"] = "application/vnd.erofs".into();
            })
        }),
    ]
}
