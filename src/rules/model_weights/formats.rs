//! Weight formats by their first bytes. What was checked against files made by the libraries
//! themselves is in `formats/tests.rs`; the rest follows the formats' specifications and readers
//! (`research/content.md` section 2.1).

mod containers;
mod pickles;
mod protobuf;
mod raw;
mod texts;

pub(super) use self::containers::{is_media_or_table, is_opaque_archive};
pub(super) use self::protobuf::{external_data, is_onnx};
pub(super) use self::raw::are_floats;
pub(super) use self::texts::is_text;

use crate::scan::inside::is_packed;

/// What makes a file a weight file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// Kebab-case name, kept in facts.
    pub(super) kind: &'static str,
    /// How it was recognised.
    pub(super) by: By,
}

/// How a weight file was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Its first bytes are those of a tensor container.
    Magic,
    /// Its name or place means nothing else.
    Place,
    /// Its name or looks alone, which other files have too: a warning at most.
    Name,
    /// Nothing in itself: weights only if a file beside it says so.
    Company,
}

impl By {
    /// The word kept in facts.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Place => "place",
            Self::Name => "name",
            Self::Company => "company",
        }
    }
}

const fn magic(kind: &'static str) -> Format {
    Format { kind, by: By::Magic }
}

const fn named(kind: &'static str) -> Format {
    Format { kind, by: By::Name }
}

/// The format that a file's first bytes show, given its extension in lower case and its size in
/// bytes.
pub(super) fn by_magic(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    by_signature(extension, head, size)
        .or_else(|| pickles::pickle(extension, head, size))
        .or_else(|| by_extension(extension, head))
        .or_else(|| texts::vectors(extension, head))
        .or_else(|| texts::base64(extension, head, size))
}

/// The same by signatures that hold anywhere. Two bytes and `.bin` are a pickle under `app/` and
/// firmware under `lib/firmware/`, so those are left out.
pub(super) fn by_signature(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    by_prefix(head)
        .or_else(|| tensors(extension, head, size))
        .or_else(|| containers::numpy(head))
        .or_else(|| containers::zip(extension, head))
        .or_else(|| containers::tar(extension, head))
        .or_else(|| containers::hdf5(extension, head))
        .or_else(|| flatbuffer(head))
        .or_else(|| tensorrt(head))
        .or_else(|| protobuf::model(extension, head, size))
        .or_else(|| ctranslate2(head))
        .or_else(|| paddle(head))
        .or_else(|| mxnet(extension, head))
        .or_else(|| flax(head))
        .or_else(|| darknet(head))
        .or_else(|| texts::trees(head))
        .or_else(|| pickles::model(head, size))
}

/// The first bytes of an object file made of a weight file (`ld -r -b binary`): the data begins
/// behind the 64 bytes of the ELF header.
pub(super) fn in_object_file(head: &[u8], size: u64) -> Option<Format> {
    let data = head.strip_prefix(b"\x7fELF").and_then(|_| head.get(64..))?;
    by_prefix(data).or_else(|| tensors("", data, size))
}

/// Signatures at the first byte that nothing else has.
const PREFIXES: &[(&[u8], &str)] = &[
    (
        &[0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
        "pytorch",
    ),
    (b"lmgg", "ggml"),
    (b"fmgg", "ggml"),
    (b"tjgg", "ggml"),
    (b"algg", "ggml"),
    (b"nsgg", "ggml"),
    (b"ftrt", "tensorrt"),
    (b"CBM1", "catboost"),
    (&[0xba, 0x16, 0x4f, 0x2f, 0x0b, 0, 0, 0], "fasttext"),
    (&[0xba, 0x16, 0x4f, 0x2f, 0x0c, 0, 0, 0], "fasttext"),
    // thinc's `to_bytes`: the model files of spaCy's packages, which have no extension.
    (b"\x84\xa5nodes", "spacy"),
    (b"{L\0\0\0\0\0\0\0\x07learner", "xgboost"),
    (b"binf\0\0", "xgboost"),
    (b"mmap lm http://kheafield.com/code", "kenlm"),
    (b"\0B<TransitionModel>", "kaldi"),
    (b"\0B<Nnet", "kaldi"),
    (b"LITERTLM", "litert"),
    (b"RKNN\0", "rknn"),
];

fn by_prefix(head: &[u8]) -> Option<Format> {
    let known = PREFIXES.iter().find(|(prefix, _)| head.starts_with(prefix));
    known.map(|(_, kind)| magic(kind))
}

/// safetensors and GGUF, whose headers say whether there are tensors at all.
fn tensors(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    if head.starts_with(b"GGUF") {
        return (gguf_tensors(head)? > 0).then_some(magic("gguf"));
    }
    let header = u64_le(head, 0)?;
    let json = head.get(8..)?.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    // The header's own cap is 100 MB.
    let plausible = (2..=100_000_000).contains(&header)
        && header.checked_add(8).is_some_and(|end| end <= size)
        && json.starts_with(b"\"");
    let name_is_endless = json.iter().skip(1).all(|byte| *byte != b'"');
    let tensors = extension == "safetensors"
        || name_is_endless
        || contains(json, b"\"dtype\"")
        || contains(json, b"__metadata__");
    (plausible && tensors).then_some(magic("safetensors"))
}

/// Number of tensors; a vocabulary-only file has none. Version 1 counts in 32 bits; files for
/// big-endian machines swap everything.
fn gguf_tensors(head: &[u8]) -> Option<u64> {
    let version = u32_le(head, 4)?;
    match (version, version.swap_bytes()) {
        (1, _) => u32_le(head, 8).map(u64::from),
        (2..=16, _) => u64_le(head, 8),
        (_, 2..=16) => u64_le(head, 8).map(u64::swap_bytes),
        _ => None,
    }
}

/// `FlatBuffers` carry a file identifier at byte 4, behind a small offset.
fn flatbuffer(head: &[u8]) -> Option<Format> {
    let offset = u32_le(head, 0)?;
    let kind = match head.get(4..8)? {
        b"TFL3" => "tflite",
        b"ORTM" => "onnxruntime",
        b"ET12" => "executorch",
        _ => return None,
    };
    (offset < 1 << 20).then_some(magic(kind))
}

/// Ultralytics writes a length and JSON in front of the engine.
fn tensorrt(head: &[u8]) -> Option<Format> {
    let length = usize::try_from(u32_le(head, 0)?).ok()?;
    let at = length.checked_add(4)?;
    let engine =
        head.get(4) == Some(&b'{') && head.get(at..).is_some_and(|rest| rest.starts_with(b"ftrt"));
    engine.then_some(magic("tensorrt"))
}

/// Version, then the length of a name that ends with `Spec`.
fn ctranslate2(head: &[u8]) -> Option<Format> {
    let version = u32_le(head, 0)?;
    let length = usize::from(u16::from_le_bytes([*head.get(4)?, *head.get(5)?]));
    let name = head.get(6..6_usize.checked_add(length)?)?;
    let spec = (1..=64).contains(&version) && length < 64 && name.ends_with(b"Spec\0");
    spec.then_some(magic("ctranslate2"))
}

/// `PaddlePaddle`'s tensor stream: version, level of detail and tensor version are zero, then
/// the length of a description and the description: type, then dimensions.
fn paddle(head: &[u8]) -> Option<Format> {
    let zeros = head.get(..16)?.iter().all(|byte| *byte == 0);
    let length = u32_le(head, 16)?;
    let described = matches!(head.get(20..23)?, [0x08, 0..=30, 0x10]);
    (zeros && described && (4..=128).contains(&length)).then_some(magic("paddle"))
}

/// List magic, a reserved zero, the number of arrays, then the first array's own magic; files of
/// old releases have none, and only their extension speaks for them.
fn mxnet(extension: &str, head: &[u8]) -> Option<Format> {
    let list = u64_le(head, 0)? == 0x112 && u64_le(head, 8)? == 0;
    let count = u64_le(head, 16)?;
    let array = matches!(u32_le(head, 24)?, 0xf993_fac8..=0xf993_faca);
    (list && (1..1 << 20).contains(&count) && (array || extension == "params"))
        .then_some(magic("mxnet"))
}

/// A msgpack map of names, in which arrays are extensions of type 1 that hold a triple (shape,
/// type, bytes).
fn flax(head: &[u8]) -> Option<Format> {
    let map = matches!(head, [0x81..=0x8f, 0xa0..=0xbf | 0xd9, ..] | [0xde | 0xdf, ..]);
    let array = |window: &[u8]| {
        matches!(
            window,
            [0xc9, _, _, _, _, 1, 0x93, 0x90..=0x9f] | [0xc8, _, _, 1, 0x93, 0x90..=0x9f, ..]
        )
    };
    (map && head.windows(8).any(array)).then_some(magic("flax"))
}

/// Version 0.2.5 or 0.2.0, the number of images seen, then the weights as they are.
fn darknet(head: &[u8]) -> Option<Format> {
    let version = (u32_le(head, 0)?, u32_le(head, 4)?);
    let seen = u64_le(head, 12)?;
    let known = matches!(version, (0, 2)) && u32_le(head, 8)? <= 5 && seen < 1 << 40;
    (known && are_floats(head.get(20..)?)).then_some(magic("darknet"))
}

/// Signatures that mean weights only together with the extension.
fn by_extension(extension: &str, head: &[u8]) -> Option<Format> {
    let compressed = is_packed(head)
        || [&b"BZh"[..], b"\xfd7zXZ", b"\x78", b"\x5d\x00\x00", b"\x04\x22\x4d\x18"]
            .iter()
            .any(|start| head.starts_with(start));
    let kind = match extension {
        // Any object is kept like that; what can be opened is looked at inside.
        "joblib" | "pkl" | "pickle" | "dill" if compressed => return Some(named("joblib")),
        // A word list begins with a map too; `flax` knows arrays.
        "msgpack" if matches!(head, [0x81..=0x8f | 0xde | 0xdf, ..]) => return Some(named("flax")),
        "nemo" if head.starts_with(b"\x1f\x8b") => "nemo",
        "llamafile" if head.starts_with(b"MZ") => "llamafile",
        "mar" if head.starts_with(b"PK\x03\x04") => "torchserve",
        "weights" if matches!(u32_le(head, 0), Some(0..=2)) => "darknet",
        // Programs for several systems in one file: llamafiles, but small tools too.
        _ if head.starts_with(b"MZqFpD") => return Some(named("llamafile")),
        _ => return None,
    };
    Some(magic(kind))
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

fn u64_le(bytes: &[u8], at: usize) -> Option<u64> {
    let end = at.checked_add(8)?;
    Some(u64::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

fn contains_any(text: &[u8], wanted: &[&[u8]]) -> bool {
    wanted.iter().any(|wanted| contains(text, wanted))
}

#[cfg(test)]
mod tests;
