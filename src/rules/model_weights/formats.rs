//! Weight formats by their first bytes, then by names that mean nothing else.
//! Sources: the formats' specifications and `research/content.md` section 2.1.

use super::names;

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
    /// Its name alone, which other files have too: a warning at most.
    Name,
}

impl By {
    /// The word kept in facts.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Place => "place",
            Self::Name => "name",
        }
    }
}

const fn magic(kind: &'static str) -> Format {
    Format { kind, by: By::Magic }
}

/// The format that a file's first bytes show, given its extension in lower case and its size in
/// bytes.
pub(super) fn by_magic(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    by_signature(extension, head, size).or_else(|| by_extension(extension, head))
}

/// The same by signatures that hold anywhere. Two bytes and `.bin` are a pickle under `app/` and
/// firmware under `lib/firmware/`, so those are left out.
pub(super) fn by_signature(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    by_prefix(head)
        .or_else(|| tensors(head, size))
        .or_else(|| archive(extension, head))
        .or_else(|| flatbuffer(head))
        .or_else(|| hdf5(extension, head))
        .or_else(|| tensorrt(head))
        .or_else(|| onnx(extension, head))
        .or_else(|| ctranslate2(head))
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
    (b"\x93NUMPY", "numpy"),
    (b"ftrt", "tensorrt"),
    (b"CBM1", "catboost"),
    (b"tree\nversion=v", "lightgbm"),
    (&[0xba, 0x16, 0x4f, 0x2f, 0x0c, 0, 0, 0], "fasttext"),
    (&[0x12, 0x01, 0, 0, 0, 0, 0, 0], "mxnet"),
    (b"\x81\xa6params", "flax"),
];

fn by_prefix(head: &[u8]) -> Option<Format> {
    let known = PREFIXES.iter().find(|(prefix, _)| head.starts_with(prefix));
    known.map(|(_, kind)| magic(kind)).or_else(|| xgboost(head))
}

/// UBJSON: `{`, the key's length, `learner`.
fn xgboost(head: &[u8]) -> Option<Format> {
    let start = head.get(..24).unwrap_or(head);
    let learner = start.starts_with(b"{L") && contains(start, b"learner");
    learner.then_some(magic("xgboost"))
}

/// safetensors and GGUF, whose headers say whether there are tensors at all.
fn tensors(head: &[u8], size: u64) -> Option<Format> {
    if head.starts_with(b"GGUF") {
        return (gguf_tensors(head)? > 0).then_some(magic("gguf"));
    }
    let header = u64_le(head, 0)?;
    let json = head.get(8..)?.trim_ascii_start();
    // The header's own cap is 100 MB; `{"` is the start of every one that names a tensor.
    let plausible = (2..=100_000_000).contains(&header)
        && header.checked_add(8).is_some_and(|end| end <= size)
        && json.starts_with(b"{\"");
    plausible.then_some(magic("safetensors"))
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

/// Zip and tar archives by their first member.
fn archive(extension: &str, head: &[u8]) -> Option<Format> {
    let first = zip_member(head).or_else(|| tar_member(head))?;
    let name = String::from_utf8_lossy(first);
    member(extension, &name, head).map(magic)
}

/// What an archive with this first member is: PyTorch, Keras 3, `NumPy`, or weight files packed
/// for transport.
fn member(extension: &str, name: &str, head: &[u8]) -> Option<&'static str> {
    let (root, inner) = name.split_once('/').unwrap_or(("", name));
    let torch = matches!(inner, "data.pkl" | "constants.pkl" | "byteorder" | "version" | "data/0")
        || [".format_version", ".data/", "code/__torch__"]
            .iter()
            .any(|start| inner.starts_with(start));
    let keras = matches!(name, "metadata.json" | "config.json" | "model.weights.h5")
        && (extension == "keras" || contains(head, b"keras_version"));
    if torch && !root.is_empty() {
        Some("pytorch")
    } else if keras {
        Some("keras")
    } else if names::extension_of(name) == "npy" {
        Some("numpy")
    } else if extension == "nemo" || name.ends_with("model_weights.ckpt") {
        Some("nemo")
    } else {
        names::is_weight_name(name).then_some("archive-of-weights")
    }
}

/// Name of the first member of a zip archive.
fn zip_member(head: &[u8]) -> Option<&[u8]> {
    let rest = head.strip_prefix(b"PK\x03\x04")?;
    let length = usize::from(u16::from_le_bytes([*rest.get(22)?, *rest.get(23)?]));
    rest.get(26..26_usize.checked_add(length)?)
}

/// Name of the first member of a tar archive, without `./`.
fn tar_member(head: &[u8]) -> Option<&[u8]> {
    if head.get(257..262)? != b"ustar" {
        return None;
    }
    let name = head.get(..100)?.split(|byte| *byte == 0).next()?;
    Some(name.strip_prefix(b"./").unwrap_or(name))
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

/// HDF5, also behind a user block. The format holds any numbers: files of measurement formats
/// (`NetCDF`, MATLAB, `AnnData`) say so in their extension.
fn hdf5(extension: &str, head: &[u8]) -> Option<Format> {
    let signed = [0, 512, 1024, 2048]
        .iter()
        .any(|at| head.get(*at..).is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n")));
    let weights = matches!(extension, "h5" | "hdf5" | "keras" | "weights" | "model" | "")
        || contains(head, b"keras_version")
        || contains(head, b"model_weights");
    (signed && weights).then_some(magic("hdf5"))
}

/// Ultralytics writes a length and JSON in front of the engine.
fn tensorrt(head: &[u8]) -> Option<Format> {
    let length = usize::try_from(u32_le(head, 0)?).ok()?;
    let at = length.checked_add(4)?;
    let engine =
        head.get(4) == Some(&b'{') && head.get(at..).is_some_and(|rest| rest.starts_with(b"ftrt"));
    engine.then_some(magic("tensorrt"))
}

/// Signatures that mean weights only together with the extension.
fn by_extension(extension: &str, head: &[u8]) -> Option<Format> {
    let pickle = matches!(head, [0x80, 2..=5, ..]);
    let compressed =
        [&b"\x1f\x8b"[..], b"BZh", b"\xfd7zXZ", b"\x78", b"\x5d\x00\x00", b"\x04\x22\x4d\x18"]
            .iter()
            .any(|start| head.starts_with(start));
    let kind = match extension {
        "pkl" | "pickle" | "dill" | "joblib" if pickle => "pickle",
        "pt" | "pth" | "ckpt" | "bin" if pickle => "pytorch",
        "joblib" if compressed => "joblib",
        "nemo" if head.starts_with(b"\x1f\x8b") => "nemo",
        "llamafile" if head.starts_with(b"MZ") => "llamafile",
        "msgpack" if matches!(head, [0x81..=0x8f | 0xde | 0xdf, ..]) => "flax",
        "mar" if head.starts_with(b"PK\x03\x04") => "torchserve",
        "weights" if matches!(u32_le(head, 0), Some(0..=2)) => "darknet",
        _ => return None,
    };
    Some(magic(kind))
}

/// A protobuf without a signature: version, then the producer's name.
fn onnx(extension: &str, head: &[u8]) -> Option<Format> {
    const PRODUCERS: &[&[u8]] = &[
        b"pytorch",
        b"tf2onnx",
        b"onnx",
        b"skl2onnx",
        b"keras",
        b"paddle",
        b"PaddlePaddle",
        b"coreml",
        b"optimum",
        b"quant",
    ];
    if let [0x08, 1..=32, 0x12, length, rest @ ..] = head {
        let producer = rest.get(..usize::from(*length)).unwrap_or_default();
        let known = PRODUCERS.iter().any(|name| contains(producer, name));
        if known && *length < 64 {
            return Some(magic("onnx"));
        }
    }
    let plausible = matches!(head, [0x08, 1..=32, ..] | [0x12 | 0x3a | 0x42, ..]);
    (extension == "onnx" && plausible).then_some(magic("onnx"))
}

/// Version, then the length of a name that ends with `Spec`.
fn ctranslate2(head: &[u8]) -> Option<Format> {
    let version = u32_le(head, 0)?;
    let length = usize::from(u16::from_le_bytes([*head.get(4)?, *head.get(5)?]));
    let name = head.get(6..6_usize.checked_add(length)?)?;
    let spec = (1..=64).contains(&version) && length < 64 && name.ends_with(b"Spec\0");
    spec.then_some(magic("ctranslate2"))
}

/// Whether the head is text: a tokenizer or a configuration, whatever the place.
pub(super) fn is_text(head: &[u8]) -> bool {
    !head.contains(&0)
        && std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn safetensors(header: u64, json: &str) -> Vec<u8> {
        [&header.to_le_bytes()[..], json.as_bytes()].concat()
    }

    fn zip(name: &str) -> Vec<u8> {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        [&b"PK\x03\x04"[..], &[0; 22], &length, &[0, 0], name.as_bytes(), b"...."].concat()
    }

    fn gguf(version: u32, count: &[u8]) -> Vec<u8> {
        [b"GGUF", &version.to_le_bytes()[..], count, &[0; 16]].concat()
    }

    fn tar(name: &str) -> Vec<u8> {
        let mut head = vec![0; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[257..262].copy_from_slice(b"ustar");
        head
    }

    fn kind(extension: &str, head: &[u8]) -> Option<&'static str> {
        by_magic(extension, head, 50 << 20).map(|format| format.kind)
    }

    #[test]
    fn knows_formats_by_their_first_bytes() {
        let engine = [&20_u32.to_le_bytes()[..], b"{\"description\":\"xx\"}", b"ftrt"].concat();
        let block = [&[0; 512][..], b"\x89HDF\r\n\x1a\n"].concat();
        let spec = [&6_u32.to_le_bytes()[..], &12_u16.to_le_bytes(), b"WhisperSpec\0"].concat();
        let table: &[(&str, &[u8], Option<&str>)] = &[
            ("", &safetensors(60, "{\"a\":{\"dtype\":\"F32\""), Some("safetensors")),
            ("bin", &safetensors(60, "{\"__metadata__\":{}"), Some("safetensors")),
            ("safetensors", &safetensors(2, "{}"), None),
            ("safetensors", &safetensors(60 << 20, "{\"a\":1"), None),
            ("", &gguf(3, &7_u64.to_le_bytes()), Some("gguf")),
            ("gguf", &gguf(3, &0_u64.to_le_bytes()), None),
            ("", &gguf(1, &7_u32.to_le_bytes()), Some("gguf")),
            ("", &gguf(3_u32.swap_bytes(), &7_u64.to_be_bytes()), Some("gguf")),
            ("bin", b"lmgg\x01\0\0\0", Some("ggml")),
            ("bin", &zip("archive/data.pkl"), Some("pytorch")),
            ("dat", &zip("model/byteorder"), Some("pytorch")),
            ("pt", &zip("m/code/__torch__/x.py"), Some("pytorch")),
            ("", &zip("yolo/.format_version"), Some("pytorch")),
            ("npz", &zip("arr_0.npy"), Some("numpy")),
            ("keras", &zip("metadata.json"), Some("keras")),
            ("zip", &zip("metadata.json"), None),
            ("zip", &zip("out/pytorch_model.bin"), Some("archive-of-weights")),
            ("tar", &tar("./model.safetensors"), Some("archive-of-weights")),
            ("nemo", &tar("./model_config.yaml"), Some("nemo")),
            ("whl", &zip("torch/__init__.py"), None),
            ("jar", &zip("META-INF/MANIFEST.MF"), None),
            ("npy", b"\x93NUMPY\x01\0", Some("numpy")),
            ("h5", b"\x89HDF\r\n\x1a\n", Some("hdf5")),
            ("h5", &block, Some("hdf5")),
            ("nc", b"\x89HDF\r\n\x1a\n", None),
            ("h5ad", b"\x89HDF\r\n\x1a\n", None),
            ("tflite", b"\x1c\0\0\0TFL3", Some("tflite")),
            ("", b"\x1c\0\0\0ORTM", Some("onnxruntime")),
            ("pte", b"\x1c\0\0\0ET12", Some("executorch")),
            ("plan", b"ftrt\0\0", Some("tensorrt")),
            ("engine", &engine, Some("tensorrt")),
            ("cbm", b"CBM1\x01", Some("catboost")),
            ("ubj", b"{L\0\0\0\0\0\0\0\x07learner{", Some("xgboost")),
            ("txt", b"tree\nversion=v4\n", Some("lightgbm")),
            ("bin", &[0xba, 0x16, 0x4f, 0x2f, 12, 0, 0, 0], Some("fasttext")),
            ("params", &0x112_u64.to_le_bytes(), Some("mxnet")),
            ("msgpack", b"\x81\xa6params\x83", Some("flax")),
            ("onnx", b"\x08\x0e\x12\x07pytorch\x1a", Some("onnx")),
            ("bin", b"\x08\x0e\x12\x07pytorch\x1a", Some("onnx")),
            ("pkl", b"\x80\x04\x95", Some("pickle")),
            ("joblib", b"\x78\x9c", Some("joblib")),
            ("bin", &spec, Some("ctranslate2")),
            // Not weights.
            ("bin", b"\x80\x04\x95", Some("pytorch")),
            ("dat", b"\x80\x04\x95", None),
            ("so", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", None),
            ("bin", b"W\x90\x98\xe4", None),
            ("json", b"{\"version\": \"1.0\", \"truncation\": null}", None),
            ("model", b"\x0a\x0e\x0a\x05<unk>", None),
            ("", b"", None),
        ];
        for (extension, head, expected) in table {
            assert_eq!(kind(extension, head), *expected, "{extension} {head:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_heads_are_no_panic(
            start in proptest::sample::select(vec![&b"PK\x03\x04"[..], b"GGUF", b"\x08\x01\x12", b""]),
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        ) {
            let head = [start, &rest].concat();
            for extension in ["", "onnx", "pt", "h5"] {
                let _ = by_magic(extension, &head, 1 << 30);
            }
        }
    }

    #[test]
    fn tells_text_from_tensors() {
        assert!(is_text("{\"ä\": 1}".as_bytes()));
        assert!(is_text(&"ä".as_bytes()[..1]), "cut in the middle of a character");
        assert!(!is_text(&[0xff, 0xfe, 0x31]));
        assert!(!is_text(b"a\0b"));
    }
}
