//! Weight files by name; the model that a file is part of.

use super::formats::{By, Format, is_media_or_table, is_text};
use super::places;
use crate::scan::inside::SEPARATOR;

/// Extensions that only weight files have, wherever they stand in a name: `x.gguf.part1`.
const SURE_EXTENSIONS: &[&str] = &[
    "safetensors",
    "gguf",
    "ggml",
    "onnx_data",
    "pdparams",
    "pdiparams",
    "caffemodel",
    "llamafile",
    "tflite",
    "mlmodel",
    "pte",
    "nemo",
    "rknn",
    "litertlm",
    "dduf",
];
/// Extensions that weight files share with others.
const COMMON_EXTENSIONS: &[&str] = &[
    "pt", "pth", "pt2", "ptl", "ckpt", "onnx", "pb", "engine", "plan", "trt", "weights", "keras",
    "h5", "params", "cbm", "ubj", "distcp", "t7", "mnn", "ort", "ot", "exl2", "om", "hef", "dlc",
    "kmodel", "pdmodel", "pdopt", "mar",
];

/// What follows the last dot of a path's name, empty without one.
pub(super) fn extension_of(path: &str) -> &str {
    name_of(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Last component of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The directory a path lies in, empty at the root.
pub(super) fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether it is a number in base 16 of one of these lengths.
pub(super) fn is_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The format that a file's name and place show, given its extension in lower case. `head` only
/// rules out text: tokenizers lie in the same caches.
pub(super) fn by_name(path: &str, extension: &str, head: &[u8]) -> Option<Format> {
    if is_text(head) || is_vocabulary(path, head) || is_media_or_table(head) {
        return None;
    }
    let found = |kind, by| Some(Format { kind, by });
    if let Some(kind) = places::place(own_path(path)) {
        return found(kind, By::Place);
    }
    let name = name_of(path).to_ascii_lowercase();
    if is_pytorch_bin(&name) || is_onnx_data(&name) || has_sure_extension(&name) {
        return found("weights-by-name", By::Place);
    }
    if COMMON_EXTENSIONS.contains(&extension) || path.starts_with("mnt/models/") {
        return found("weights-by-name", By::Name);
    }
    None
}

/// The path that says where a file lies: of what is packed the part within the archive, since an
/// archive in a cache is one download and its members are anything; of what a compressed file
/// unpacks to, that file's.
fn own_path(path: &str) -> &str {
    match path.rsplit_once(SEPARATOR) {
        Some((outer, inner)) if name_of(outer).starts_with(inner) => own_path(outer),
        Some((_, inner)) => inner,
        None => path,
    }
}

fn has_sure_extension(name: &str) -> bool {
    name.split('.').skip(1).any(|part| SURE_EXTENSIONS.contains(&part))
}

fn is_onnx_data(name: &str) -> bool {
    ["onnx.data", "onnx_data", "onnx.weight"].iter().any(|part| name.contains(part))
}

fn is_pytorch_bin(name: &str) -> bool {
    extension_of(name) == "bin"
        && ["pytorch_model", "adapter_model", "diffusion_pytorch_model", "openvino_model"]
            .iter()
            .any(|start| name.starts_with(start))
}

/// Whether a packed file that cannot be opened is called like a model.
pub(super) fn is_model_archive(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    let inner = name.rsplit_once('.').map_or(&name[..], |(stem, _)| extension_of(stem));
    COMMON_EXTENSIONS.contains(&inner)
        || ["model", "weights", "checkpoint", "ckpt"].iter().any(|word| name.contains(word))
}

/// Sentencepiece models and other vocabularies: protobuf with the pieces' names, up to 35 MB.
fn is_vocabulary(path: &str, head: &[u8]) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    let named =
        ["tokenizer", "spiece", "sentencepiece", "vocab", "merges", "source.spm", "target.spm"]
            .iter()
            .any(|start| name.starts_with(start));
    let pieces = head.first() == Some(&0x0a)
        && head.windows(5).take(256).any(|window| matches!(window, b"<unk>" | b"<pad>"));
    (named && !has_sure_extension(&name)) || pieces
}

/// The model a file is part of: shards, blobs of one hub repository and files of one saved model
/// have the same one.
pub(super) fn model_of(path: &str) -> String {
    if let Some(start) = path.find("models--") {
        let repository = path.get(start..).and_then(|rest| rest.split('/').next()).unwrap_or("");
        return path.get(..start).unwrap_or("").to_owned() + repository;
    }
    for part in ["/variables/variables.", "/ocdbt.process_"] {
        if let Some((root, _)) = path.split_once(part) {
            return root.to_owned();
        }
    }
    let parent = parent_of(path);
    let stem = unsharded(name_of(path));
    if parent.is_empty() { stem } else { format!("{parent}/{stem}") }
}

/// `model-00001-of-00003.safetensors` without its number, `model.gguf.part3` without its part,
/// `layer_07.safetensors` without what it is counted by.
fn unsharded(name: &str) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = name.split_inclusive(['-', '.', '_']).collect();
    let mut kept = String::new();
    let mut skip = 0_u8;
    for (at, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches(['-', '.', '_']);
        let next =
            words.get(at.saturating_add(1)).map(|word| word.trim_end_matches(['-', '.', '_']));
        if is_number(bare) && next == Some("of") {
            skip = 3;
        }
        let part = bare
            .strip_prefix("part")
            .is_some_and(|rest| rest.is_empty() || is_number(rest) || rest.len() <= 3);
        if skip == 0 && !(part && at > 0) {
            let uncounted = bare.trim_end_matches(|letter: char| letter.is_ascii_digit());
            kept.push_str(uncounted);
            kept.push_str(word.get(bare.len()..).unwrap_or_default());
        }
        skip = skip.saturating_sub(1);
    }
    kept.trim_end_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_places_and_names() {
        let blob = "a".repeat(64);
        let table = [
            (format!("root/.cache/huggingface/hub/models--org--m/blobs/{blob}"), Some(By::Place)),
            ("srv/m/model.onnx.data".into(), Some(By::Place)),
            ("srv/m/model.onnx_data_1".into(), Some(By::Place)),
            ("srv/m/pytorch_model-00001-of-00002.bin".into(), Some(By::Place)),
            ("srv/m/model.gguf".into(), Some(By::Place)),
            ("srv/m/MODEL.SafeTensors.enc".into(), Some(By::Place)),
            ("srv/m/llama.gguf.part2".into(), Some(By::Place)),
            ("srv/m/vocab.safetensors".into(), Some(By::Place)),
            ("srv/m/x.pt".into(), Some(By::Name)),
            ("srv/m/x.pb".into(), Some(By::Name)),
            ("mnt/models/anything".into(), Some(By::Name)),
            (format!("root/.cache/huggingface/hub/datasets--org--d/blobs/{blob}"), None),
            ("srv/m/tokenizer.model".into(), None),
            ("srv/m/spiece.model".into(), None),
            ("usr/lib/x.bin".into(), None),
            ("srv/m/x.bin".into(), None),
            ("usr/lib/libtorch_cuda.so".into(), None),
        ];
        for (path, expected) in table {
            let extension = extension_of(&path).to_ascii_lowercase();
            let found = by_name(&path, &extension, b"\x01\0\xff");
            assert_eq!(found.map(|format| format.by), expected, "{path}");
        }
        let json = format!("root/.cache/huggingface/hub/models--org--m/blobs/{blob}");
        assert_eq!(by_name(&json, "", b"{\"version\":1}"), None, "tokenizer.json");
        assert_eq!(by_name(&json, "", b"\x0a\x0e\x0a\x05<unk>\x15\0\0"), None, "spiece.model");
    }

    #[test]
    fn packed_models_are_known_by_name() {
        for path in ["a/model.7z", "b/My-Weights.tar.xz", "b/resnet.pth.xz", "c/checkpoint.rar"] {
            assert!(is_model_archive(path), "{path}");
        }
        for path in ["a/node-v22.tar.xz", "x.xz", "data.bz2"] {
            assert!(!is_model_archive(path), "{path}");
        }
    }

    #[test]
    fn shards_are_one_model() {
        let table = [
            ("m/model-00001-of-00003.safetensors", "m/model-safetensors"),
            ("m/pytorch_model-00002-of-00003.bin", "m/pytorch_model-bin"),
            ("m/llama-00001-of-00005.gguf", "m/llama-gguf"),
            ("m/params_shard_12.bin", "m/params_shard_.bin"),
            ("m/model.safetensors", "m/model.safetensors"),
            ("m/llama.gguf.part2", "m/llama.gguf"),
            ("m/llama.gguf.partab", "m/llama.gguf"),
            ("s/1/variables/variables.data-00000-of-00002", "s/1"),
            ("h/hub/models--o--n/blobs/aa", "h/hub/models--o--n"),
            ("c/ck/ocdbt.process_3/d/0a", "c/ck"),
            ("x.pt", "x.pt"),
            ("m/layer_07.safetensors", "m/layer_.safetensors"),
            ("m/layer07.npy", "m/layer.npy"),
            ("m/layer.07.npy", "m/layer..npy"),
        ];
        for (path, expected) in table {
            assert_eq!(model_of(path), expected, "{path}");
        }
    }
}
