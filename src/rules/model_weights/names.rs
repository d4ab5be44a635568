//! Weight files by name and place: caches of model hubs, extensions that mean nothing else, the
//! parts of one model; and the places whose large files are something else.

use super::formats::{By, Format, is_text};

/// Extensions that only weight files have.
const SURE_EXTENSIONS: &[&str] = &[
    "safetensors",
    "gguf",
    "onnx_data",
    "pdparams",
    "pdiparams",
    "caffemodel",
    "llamafile",
    "tflite",
    "mlmodel",
    "pte",
    "nemo",
];
/// Extensions that weight files share with others.
const COMMON_EXTENSIONS: &[&str] = &[
    "pt", "pth", "ckpt", "onnx", "pb", "engine", "plan", "trt", "weights", "ggml", "keras", "h5",
    "params", "cbm", "ubj",
];

/// What follows the last dot of a path's name, empty without one.
pub(super) fn extension_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Whether a member of an archive is a weight file by name.
pub(super) fn is_weight_name(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let extension = extension_of(&name);
    SURE_EXTENSIONS.contains(&extension)
        || matches!(extension, "pt" | "pth" | "ckpt" | "onnx" | "keras" | "pdmodel")
        || is_pytorch_bin(&name)
}

fn is_pytorch_bin(name: &str) -> bool {
    name.ends_with("bin")
        && ["pytorch_model", "adapter_model", "diffusion_pytorch_model", "openvino_model"]
            .iter()
            .any(|start| name.starts_with(start))
}

/// The format that a file's name and place show, given its extension in lower case. `head` only
/// rules out text: tokenizers lie in the same caches.
pub(super) fn by_name(path: &str, extension: &str, head: &[u8]) -> Option<Format> {
    if is_text(head) || is_vocabulary(path, head) {
        return None;
    }
    let place = |kind| Some(Format { kind, by: By::Place });
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some(kind) = cache(path, name) {
        return place(kind);
    }
    if is_tensorflow_shard(name) {
        return place("tensorflow");
    }
    if is_pytorch_bin(name) || (extension == "data" && name.contains(".onnx.")) {
        return place("weights-by-name");
    }
    if name == "weight.bin" && path.contains(".mlpackage/") || path.contains(".mlmodelc/") {
        return place("coreml");
    }
    if ["shape_predictor_", "dlib_face_recognition", "mmod_"]
        .iter()
        .any(|start| name.starts_with(start))
    {
        return place("dlib");
    }
    if SURE_EXTENSIONS.contains(&extension) {
        return place("weights-by-name");
    }
    if name == "saved_model.pb" {
        return place("tensorflow");
    }
    if is_openvino_candidate(path, extension) {
        return place(OPENVINO);
    }
    COMMON_EXTENSIONS
        .contains(&extension)
        .then_some(Format { kind: "weights-by-name", by: By::Name })
}

/// Kind of a file that is OpenVINO's when its description lies next to it.
pub(super) const OPENVINO: &str = "openvino";

/// OpenVINO's `.bin` has no signature; the `.xml` beside it, which the judge looks for, says
/// what it is. System directories are full of other binaries.
fn is_openvino_candidate(path: &str, extension: &str) -> bool {
    let system = ["usr/", "lib/", "lib64/", "var/", "boot/", "etc/"];
    extension == "bin" && !system.iter().any(|root| path.starts_with(root))
}

/// Caches of model hubs. Their blobs have no extension; what is named is a link.
fn cache(path: &str, name: &str) -> Option<&'static str> {
    let hex = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let in_dir = |dir: &str| path.strip_suffix(name).is_some_and(|parent| parent.ends_with(dir));
    if path.contains("models--") && in_dir("/blobs/") && hex(name, &[40, 64]) {
        return Some("hugging-face-cache");
    }
    if path.contains("huggingface/xet/") {
        return Some("hugging-face-cache");
    }
    let ollama = name.strip_prefix("sha256-").is_some_and(|digest| hex(digest, &[64]));
    if ollama && in_dir("/blobs/") {
        return Some("ollama-cache");
    }
    if in_dir("torch/hub/checkpoints/") {
        return Some("torch-hub-cache");
    }
    if in_dir(".cache/whisper/") {
        return Some("whisper-cache");
    }
    path.contains(".cache/modelscope/hub/").then_some("modelscope-cache")
}

/// `variables.data-00000-of-00001`, `model.ckpt-1000.data-00000-of-00002`.
fn is_tensorflow_shard(name: &str) -> bool {
    let Some((_, part)) = name.rsplit_once(".data-") else { return false };
    part.split_once("-of-").is_some_and(|(number, count)| {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(number) && digits(count)
    })
}

/// Sentencepiece models and other vocabularies: protobuf with the pieces' names, up to 35 MB.
fn is_vocabulary(path: &str, head: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let named =
        ["tokenizer", "spiece", "sentencepiece", "vocab", "merges", "source.spm", "target.spm"]
            .iter()
            .any(|start| name.starts_with(start));
    let pieces = head.first() == Some(&0x0a)
        && head.windows(5).take(256).any(|window| matches!(window, b"<unk>" | b"<pad>"));
    named || pieces
}

/// Whether large files of this place are no weights by their names: package indexes, hardware
/// databases, firmware, locales, fonts. Their first bytes count all the same: a place must not
/// hide a model. Cheap, because it is asked of every file.
pub(super) fn is_elsewhere(path: &str) -> bool {
    [
        "var/cache/apt/",
        "var/lib/apt/",
        "var/cache/debconf/",
        "usr/lib/udev/",
        "lib/udev/",
        "etc/udev/",
        "usr/lib/firmware/",
        "lib/firmware/",
        "usr/lib/locale/",
        "usr/share/locale/",
        "usr/share/fonts/",
        "usr/share/zoneinfo/",
        "var/lib/rpm/",
        "usr/lib/sysimage/",
        "usr/share/icons/",
        "proc/",
        "sys/",
    ]
    .iter()
    .any(|start| path.starts_with(start))
}

/// Whether the path is a package's test or sample data.
pub(super) fn is_fixture(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(
            part,
            "test"
                | "tests"
                | "testing"
                | "test_data"
                | "testdata"
                | "sample_data"
                | "fixtures"
                | "test-data"
        )
    })
}

/// The model a file is part of: shards, blobs of one hub repository and files of one saved model
/// have the same one.
pub(super) fn model_of(path: &str) -> String {
    if let Some(start) = path.find("models--") {
        let repository = path.get(start..).and_then(|rest| rest.split('/').next()).unwrap_or("");
        return path.get(..start).unwrap_or("").to_owned() + repository;
    }
    if let Some((root, _)) = path.split_once("/variables/variables.") {
        return root.to_owned();
    }
    let parent = parent_of(path);
    let stem = unsharded(path.rsplit('/').next().unwrap_or(path));
    if parent.is_empty() { stem } else { format!("{parent}/{stem}") }
}

/// The directory a path lies in, empty at the root.
pub(super) fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
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
            (format!("root/.ollama/models/blobs/sha256-{blob}"), Some(By::Place)),
            ("root/.cache/torch/hub/checkpoints/resnet50.pth".into(), Some(By::Place)),
            ("root/.cache/whisper/base.pt".into(), Some(By::Place)),
            ("srv/m/variables/variables.data-00000-of-00001".into(), Some(By::Place)),
            ("srv/m/model.onnx.data".into(), Some(By::Place)),
            ("srv/m/pytorch_model-00001-of-00002.bin".into(), Some(By::Place)),
            ("srv/m/model.gguf".into(), Some(By::Place)),
            ("srv/m/x.pt".into(), Some(By::Name)),
            ("srv/m/x.pb".into(), Some(By::Name)),
            (format!("root/.cache/huggingface/hub/datasets--org--d/blobs/{blob}"), None),
            ("srv/m/tokenizer.model".into(), None),
            ("srv/m/spiece.model".into(), None),
            ("usr/lib/x.bin".into(), None),
            ("srv/m/x.bin".into(), Some(By::Place)),
            ("usr/lib/libtorch_cuda.so".into(), None),
        ];
        for (path, expected) in table {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
            let found = by_name(&path, extension, b"\x01\0\xff");
            assert_eq!(found.map(|format| format.by), expected, "{path}");
        }
        let json = format!("root/.cache/huggingface/hub/models--org--m/blobs/{blob}");
        assert_eq!(by_name(&json, "", b"{\"version\":1}"), None, "tokenizer.json");
        assert_eq!(by_name(&json, "", b"\x0a\x0e\x0a\x05<unk>\x15\0\0"), None, "spiece.model");
    }

    #[test]
    fn shards_are_one_model() {
        let table = [
            ("m/model-00001-of-00003.safetensors", "m/model-safetensors"),
            ("m/pytorch_model-00002-of-00003.bin", "m/pytorch_model-bin"),
            ("m/model.safetensors", "m/model.safetensors"),
            ("m/llama.gguf.part2", "m/llama.gguf"),
            ("m/llama.gguf.partab", "m/llama.gguf"),
            ("s/1/variables/variables.data-00000-of-00002", "s/1"),
            ("h/hub/models--o--n/blobs/aa", "h/hub/models--o--n"),
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
