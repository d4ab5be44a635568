//! Where tools keep weights, whatever the files are called there: caches of model hubs, layouts
//! of model servers and of checkpoints; what other files beside them say; and the places whose
//! large files are something else.

use super::names::{is_hex, name_of, parent_of};

/// The cache or layout that a path belongs to.
pub(super) fn place(path: &str) -> Option<&'static str> {
    let name = name_of(path);
    cache(path, name).or_else(|| layout(path, name))
}

/// Caches of model hubs. Their blobs have no extension; what is named is a link. Caches are moved
/// by variables such as `HF_HOME`, so nothing hangs on where they lie.
fn cache(path: &str, name: &str) -> Option<&'static str> {
    let in_dir = |dir: &str| path.strip_suffix(name).is_some_and(|parent| parent.ends_with(dir));
    if path.contains("models--") {
        let blob = name.strip_suffix(".incomplete").unwrap_or(name);
        let blob = blob.split('.').next().unwrap_or(blob);
        let stored = in_dir("/blobs/") && is_hex(blob, &[40, 64]);
        if stored || path.contains("/snapshots/") {
            return Some("hugging-face-cache");
        }
    }
    let chunks = ["chunk-cache/", "chunk_cache/", "staging/"];
    let in_chunks = || chunks.iter().any(|part| path.contains(part));
    if path.contains("huggingface/xet/") || (path.contains("/xet/") && in_chunks()) {
        return Some("hugging-face-cache");
    }
    let ollama = name.strip_prefix("sha256-").is_some_and(|digest| {
        is_hex(digest.split('-').next().unwrap_or(digest), &[64]) && in_dir("/blobs/")
    });
    if ollama {
        return Some("ollama-cache");
    }
    if in_dir("torch/hub/checkpoints/") || in_dir("/hub/checkpoints/") {
        return Some("torch-hub-cache");
    }
    if in_dir(".cache/whisper/") {
        return Some("whisper-cache");
    }
    if in_dir(".keras/models/") {
        return Some("keras-cache");
    }
    if path.contains("tfhub_modules/") {
        return Some("tfhub-cache");
    }
    let modelscope = [".cache/modelscope/hub/", "/modelscope/hub/models/"];
    modelscope.iter().any(|part| path.contains(part)).then_some("modelscope-cache")
}

/// Names that one tool alone gives.
fn layout(path: &str, name: &str) -> Option<&'static str> {
    if is_tensorflow_shard(name) || name == "saved_model.pb" || name == "model.graphdef" {
        return Some("tensorflow");
    }
    if path.contains(".mlmodelc/") || (name == "weight.bin" && path.contains(".mlpackage/")) {
        return Some("coreml");
    }
    if ["shape_predictor_", "dlib_face_recognition", "mmod_"]
        .iter()
        .any(|start| name.starts_with(start))
    {
        return Some("dlib");
    }
    if name.starts_with("params_shard_") && has_extension(name, "bin") {
        return Some("mlc");
    }
    if name.starts_with("group") && name.contains("-shard") && name.contains("of") {
        return Some("tfjs");
    }
    if path.contains("/ocdbt.process_") && parent_of(path).ends_with("/d") {
        return Some("orbax");
    }
    if path.contains("/data/weights/weight_") {
        return Some("pytorch");
    }
    let vosk = ["final.mdl", "final.ie", "HCLr.fst", "HCLG.fst", "Gr.fst"];
    vosk.contains(&name).then_some("kaldi")
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == extension)
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

/// Files that make weights of the file at `path` when they are there, each with the format.
pub(super) fn company(path: &str) -> Vec<(String, &'static str)> {
    let (dir, name) = (parent_of(path), name_of(path));
    let beside = |dir: &str, name: &str| {
        if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
    };
    let mut company = Vec::new();
    if let Some(stem) = name.strip_suffix(".bin") {
        company.push((beside(dir, &format!("{stem}.xml")), "openvino"));
        company.push((beside(dir, &format!("{stem}.param")), "ncnn"));
    }
    if is_hex(name, &[32]) && name_of(dir) == "d" {
        company.push((beside(parent_of(dir), "manifest.ocdbt"), "orbax"));
    }
    if !dir.is_empty() && name_of(dir).bytes().all(|byte| byte.is_ascii_digit()) {
        company.push((beside(parent_of(dir), "config.pbtxt"), "triton"));
    }
    // `huggingface-cli download --local-dir` notes each file, in the root of the download.
    let ancestors = path.rmatch_indices('/').map(|(at, _)| at).take(3);
    for at in ancestors {
        let (root, file) = path.split_at(at);
        let metadata = format!("{root}/.cache/huggingface/download{file}.metadata");
        company.push((metadata, "hugging-face-download"));
    }
    company
}

/// Whether large files of this place are no weights by their names: package indexes, hardware
/// databases, firmware, locales, fonts. Their first bytes count all the same: a place must not
/// hide a model. Cheap, because it is asked of every file.
pub(super) fn is_elsewhere(path: &str) -> bool {
    [
        "var/cache/apt/",
        "var/lib/apt/",
        "var/lib/dpkg/",
        "var/cache/debconf/",
        "var/cache/fontconfig/",
        "var/cache/dnf/",
        "var/cache/man/",
        "var/log/",
        "usr/lib/udev/",
        "lib/udev/",
        "etc/udev/",
        "usr/lib/firmware/",
        "lib/firmware/",
        "usr/lib/locale/",
        "usr/share/locale/",
        "usr/share/fonts/",
        "usr/share/zoneinfo/",
        "usr/share/mime/",
        "var/lib/rpm/",
        "usr/lib/sysimage/",
        "usr/share/icons/",
        "proc/",
        "sys/",
    ]
    .iter()
    .any(|start| path.starts_with(start))
}

/// Whether the distribution's own files lie there: no place to suspect what has no signature.
pub(super) fn is_system(path: &str) -> bool {
    [
        "usr/bin/",
        "usr/sbin/",
        "usr/lib/",
        "usr/lib64/",
        "usr/libexec/",
        "usr/share/",
        "bin/",
        "sbin/",
        "lib/",
        "lib64/",
        "boot/",
        "etc/",
        "var/",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_caches_and_layouts() {
        let blob = "a".repeat(64);
        let table = [
            (
                format!("root/.cache/huggingface/hub/models--o--m/blobs/{blob}"),
                "hugging-face-cache",
            ),
            (format!("data/models--o--m/blobs/{blob}"), "hugging-face-cache"),
            (format!("x/models--o--m/blobs/{blob}.incomplete"), "hugging-face-cache"),
            (format!("x/models--o--m/blobs/{blob}.a1b2c3d4.incomplete"), "hugging-face-cache"),
            ("x/models--o--m/snapshots/1/pytorch_model.bin".into(), "hugging-face-cache"),
            ("opt/hf/xet/https___cas/chunk-cache/ab/xyz".into(), "hugging-face-cache"),
            (format!("root/.ollama/models/blobs/sha256-{blob}"), "ollama-cache"),
            (format!("models/blobs/sha256-{blob}-partial-0"), "ollama-cache"),
            ("opt/torch/hub/checkpoints/resnet50".into(), "torch-hub-cache"),
            ("root/.cache/whisper/base.pt".into(), "whisper-cache"),
            ("root/.keras/models/vgg16".into(), "keras-cache"),
            ("tmp/tfhub_modules/0a/variables/x".into(), "tfhub-cache"),
            ("root/.cache/modelscope/hub/o/m/x".into(), "modelscope-cache"),
            ("m/variables/variables.data-00000-of-00001".into(), "tensorflow"),
            ("m/model.ckpt-9.data-00000-of-00002".into(), "tensorflow"),
            ("m/1/saved_model.pb".into(), "tensorflow"),
            ("m/x.mlmodelc/model.espresso.weights".into(), "coreml"),
            ("m/x.mlpackage/Data/com.apple.CoreML/weights/weight.bin".into(), "coreml"),
            ("m/mmod_human_face_detector.dat".into(), "dlib"),
            ("m/params_shard_0.bin".into(), "mlc"),
            ("m/group1-shard1of4.bin".into(), "tfjs"),
            ("c/ocdbt.process_0/d/0a".into(), "orbax"),
            ("vosk/am/final.mdl".into(), "kaldi"),
        ];
        for (path, expected) in table {
            assert_eq!(place(&path), Some(expected), "{path}");
        }
        for path in [
            format!("root/.cache/huggingface/hub/datasets--o--d/blobs/{blob}"),
            "models--o--m/refs/main".into(),
            "blobs/sha256-12".into(),
            "srv/variables.data-x-of-y".into(),
            "root/.cache/vllm/torch_compile_cache/ab/rank_0_0/backbone/x".into(),
            "usr/lib/libtorch_cuda.so".into(),
        ] {
            assert_eq!(place(&path), None, "{path}");
        }
    }

    #[test]
    fn knows_who_speaks_for_a_file() {
        let names = |path: &str| -> Vec<String> {
            company(path).into_iter().map(|(path, kind)| format!("{kind} {path}")).collect()
        };
        let hex = "0".repeat(32);
        assert_eq!(
            names("m/1/x.bin"),
            [
                "openvino m/1/x.xml",
                "ncnn m/1/x.param",
                "triton m/config.pbtxt",
                "hugging-face-download m/1/.cache/huggingface/download/x.bin.metadata",
                "hugging-face-download m/.cache/huggingface/download/1/x.bin.metadata",
            ]
        );
        assert_eq!(names(&format!("ck/d/{hex}"))[0], "orbax ck/manifest.ocdbt");
        assert_eq!(names("x.bin"), ["openvino x.xml", "ncnn x.param"]);
        assert!(names("").is_empty());
    }
}
