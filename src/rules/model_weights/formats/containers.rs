//! Containers that hold tensors among other things: zip, tar, `NumPy`, HDF5. Zip and tar archives
//! of anything else are looked into by the scanner, member by member.

use std::io::Read;

use super::super::leaning::{self, Leaning};
use super::{Format, contains, contains_any, magic, named};

/// An array: numbers with a fraction are weights, counts and texts as a rule data.
pub(super) fn numpy(head: &[u8]) -> Option<Format> {
    let rest = head.strip_prefix(b"\x93NUMPY")?;
    let header = rest.get(..256).unwrap_or(rest);
    Some(if are_fractions(header) { magic("numpy") } else { named("numpy") })
}

/// `'descr': '<f4'`; `|V2` is how bfloat16 is written.
fn are_fractions(header: &[u8]) -> bool {
    contains_any(header, &[b"<f2'", b"<f4'", b"<f8'", b">f2'", b">f4'", b">f8'", b"V2'"])
}

/// `PyTorch` and `TorchScript`, Keras 3 and `NumPy`, by the first member.
pub(super) fn zip(extension: &str, head: &[u8]) -> Option<Format> {
    let (name, content) = zip_member(head)?;
    let name = String::from_utf8_lossy(name);
    let (root, inner) = name.split_once('/').unwrap_or(("", &name));
    let torch = matches!(inner, "data.pkl" | "constants.pkl" | "byteorder" | "version" | "data/0")
        || [".format_version", ".data/", "code/__torch__"]
            .iter()
            .any(|start| inner.starts_with(start));
    let keras = matches!(&*name, "metadata.json" | "config.json" | "model.weights.h5")
        && (extension == "keras" || contains(head, b"keras_version"));
    if torch && !root.is_empty() {
        Some(magic("pytorch"))
    } else if keras {
        Some(magic("keras"))
    } else if name.ends_with(".npy") && are_fractions(&content) {
        let is_data = leaning::leaning(&name) == Some(Leaning::Data);
        Some(if is_data { named("numpy") } else { magic("numpy") })
    } else {
        None
    }
}

/// Name of the first member of a zip archive, and how its content begins.
fn zip_member(head: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let rest = head.strip_prefix(b"PK\x03\x04")?;
    let short = |at: usize| Some(u16::from_le_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
    let (method, name, extra) = (short(4)?, usize::from(short(22)?), usize::from(short(24)?));
    let name_end = 26 + name;
    let content = rest.get(name_end + extra..).unwrap_or_default();
    let mut start = Vec::new();
    if method == 8 {
        // However damaged: what came out counts.
        let mut inflated = flate2::bufread::DeflateDecoder::new(content).take(256);
        let _ = inflated.read_to_end(&mut start);
    } else {
        start.extend_from_slice(content.get(..256).unwrap_or(content));
    }
    Some((rest.get(26..name_end)?, start))
}

/// `NeMo`'s archives, by the first member. Others are looked into.
pub(super) fn tar(extension: &str, head: &[u8]) -> Option<Format> {
    if head.get(257..262)? != b"ustar" {
        return None;
    }
    let name = head.get(..100)?.split(|byte| *byte == 0).next()?;
    (extension == "nemo" || name.ends_with(b"model_weights.ckpt")).then_some(magic("nemo"))
}

/// HDF5, also behind a user block. The format holds any numbers: Keras' files show by the names of
/// their groups and attributes, files of measurement formats (`NetCDF`, MATLAB, `AnnData`, pandas)
/// by theirs or by their extension, and of others nobody knows.
pub(super) fn hdf5(extension: &str, head: &[u8]) -> Option<Format> {
    const DATA: &[&[u8]] = &[b"PYTABLES", b"_NCProperties", b"MATLAB_class", b"encoding-type"];
    const KERAS: &[&[u8]] = &[
        b"keras_version",
        b"model_weights",
        b"layer_names",
        b"weight_names",
        b"_layer_checkpoint_dependencies",
        b"optimizer_weights",
        // The two groups at the root of Keras 3's files, in their order.
        b"vars\0\0\0\0layers\0",
    ];
    const SCIENCE: &[&str] = &[
        "nc", "nc4", "cdf", "mat", "h5ad", "loom", "cool", "mcool", "hdf", "he5", "h5s", "fast5",
        "h5mu", "mnc",
    ];
    let signed = [0, 512, 1024, 2048]
        .iter()
        .any(|at| head.get(*at..).is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n")));
    if !signed || contains_any(head, DATA) {
        return None;
    }
    if extension == "keras" || contains_any(head, KERAS) {
        Some(magic("hdf5"))
    } else {
        (!SCIENCE.contains(&extension)).then_some(named("hdf5"))
    }
}

/// Whether it is a picture, a sound, a film, a document or a table: those lie in model
/// repositories too.
pub(in super::super) fn is_media_or_table(head: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"GIF8",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF",
        b"OggS",
        b"fLaC",
        b"ID3",
        b"\x1aE\xdf\xa3",
        b"%PDF-",
        b"PAR1",
        b"ARROW1",
        b"ORC",
        b"SQLite format 3\0",
    ];
    STARTS.iter().any(|start| head.starts_with(start)) || head.get(4..8) == Some(b"ftyp")
}

/// Whether it is an archive, a file system or an encrypted file that is not opened here: xz,
/// bzip2, 7-Zip, RAR, lz4, squashfs, EROFS, ext4, age, `openssl enc`.
pub(in super::super) fn is_opaque_archive(head: &[u8]) -> bool {
    let starts: &[&[u8]] = &[
        b"\xfd7zXZ\0",
        b"BZh",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"\x04\x22\x4d\x18",
        b"\x5d\0\0",
        b"hsqs",
        b"age-encryption.org/",
        b"Salted__",
    ];
    let is_at =
        |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    starts.iter().any(|start| head.starts_with(start))
        || is_at(1024, b"\xe2\xe1\xf5\xe0")
        || is_at(0x438, b"\x53\xef")
}
