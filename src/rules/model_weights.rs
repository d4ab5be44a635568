//! `model-weights`: model weights inside the image.
//!
//! # What it finds
//! Files that are tensors by their first bytes, whatever their name; blobs in the caches of
//! model hubs; then names. The parts of one model count together.
//!
//! # Why it matters
//! Weights make images of tens of gigabytes, and every release of the code ships them again.
//!
//! # What to do instead
//! Mount or download them when the container starts.

mod formats;
mod models;
mod names;

use std::collections::BTreeSet;

use self::formats::Format;
use self::models::Model;
use super::{Meta, Rule, Seen, Setting, Settings, Want};
use crate::answer::size;
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId};
use crate::scan::Limits;

/// The rule.
pub struct ModelWeights;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("model-weights");

const MIN_SIZE: Setting = Setting::bytes(
    "min-size",
    10 << 20,
    "weights of this size and more are refused; all parts of one model count together, and so \
     do small ones in one directory; all of an image may take five times as much",
);
const MIN_SIZE_IN_PACKAGES: Setting = Setting::bytes(
    "min-size-in-packages",
    50 << 20,
    "the same for files in installed Python packages and in test data, where small models \
     (voice activity, file types) are part of the code",
);
const WARN_SIZE: Setting =
    Setting::bytes("warn-size", 1 << 20, "weights of this size and more are warned about");

static META: Meta = Meta {
    id: ID,
    title: "model weights in the image",
    what: "Recognises weight files by their first bytes (safetensors, GGUF and GGML, PyTorch and \
        TorchScript, HDF5 and Keras, ONNX and ONNX Runtime, TFLite, TensorFlow variables, \
        TensorRT, NumPy, pickle and joblib, Flax, NeMo, XGBoost, LightGBM, CatBoost, fastText, \
        CTranslate2 and more), by the caches of Hugging Face, Ollama, torch hub, Whisper and \
        ModelScope, whose blobs have no extension, and by names last. Tokenizers, `.pth` path \
        files, headers, test data and package indexes are no weights. A name alone warns.",
    why: "Weights change at another pace than code. Inside the image they are pulled again with \
        every release and by every node, push the image to tens of gigabytes, and escape \
        whatever access control the model store has.",
    fix: "Keep weights in object storage or a model registry and bring them in when the \
        container starts: a volume or image volume, an init container, KServe's storage \
        initialiser, or `huggingface-cli download` into a persistent `HF_HOME`. Add the model \
        directory to `.dockerignore` and do not warm caches in RUN.",
    level: Level::Deny,
    settings: &[MIN_SIZE, MIN_SIZE_IN_PACKAGES, WARN_SIZE],
};

const FIX: &str = "keep the weights outside the image (volume, object storage, model registry) and \
    load them when the container starts; add their directory to `.dockerignore`";
const CACHE_FIX: &str = "do not download models in RUN; set `HF_HOME` (or the tool's own cache \
    variable) to a mounted volume and let the first start fill it";

/// Smaller files are never recorded: below what a policy may sensibly warn about.
const FLOOR_BYTES: u64 = 256 * 1024;
/// How many files of one model a message names.
const NAMED_FILES: usize = 3;

impl Rule for ModelWeights {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, head: &[u8]) -> Want {
        if format(entry, head).is_some() { Want::Head } else { Want::Nothing }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        if let Some(Format { kind, by }) = format(entry, content) {
            facts.push(Fact::new(ID, kind, entry.path, entry.size).with("by", by.as_str()));
        }
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let described = descriptions(seen);
        let is_weight = |fact: &Fact| {
            fact.kind != names::OPENVINO || described.contains(&description(&fact.path))
        };
        let files = seen.facts(&META.id).filter(|(_, fact)| is_weight(fact));
        let models = models::of(files.collect(), settings);
        models.iter().filter_map(|model| model.finding(seen, settings)).collect()
    }
}

/// The weight format of an entry, if it is one and large enough to matter.
fn format(entry: &Entry<'_>, head: &[u8]) -> Option<Format> {
    if entry.kind != EntryKind::File || entry.size < FLOOR_BYTES || head.starts_with(b"\x7fELF") {
        return None;
    }
    let extension = entry.extension().to_ascii_lowercase();
    if names::is_elsewhere(entry.path) {
        return formats::by_signature(&extension, head, entry.size);
    }
    formats::by_magic(&extension, head, entry.size)
        .or_else(|| names::by_name(entry.path, &extension, head))
}

/// Where OpenVINO describes the weights of `path`.
fn description(path: &str) -> String {
    format!("{}.xml", path.strip_suffix(".bin").unwrap_or(path))
}

/// The descriptions of OpenVINO models that are there. Walks the listings only when a candidate
/// asks for it.
fn descriptions(seen: &Seen<'_>) -> BTreeSet<String> {
    let wanted: BTreeSet<String> = seen
        .facts(&META.id)
        .filter(|(_, fact)| fact.kind == names::OPENVINO)
        .map(|(_, fact)| description(&fact.path))
        .collect();
    if wanted.is_empty() {
        return wanted;
    }
    seen.layers()
        .filter_map(|(_, facts)| facts)
        .flat_map(|facts| facts.listing.iter())
        .filter(|listed| listed.kind == EntryKind::File && wanted.contains(&listed.path))
        .map(|listed| listed.path)
        .collect()
}

/// Whether more than a name speaks for it.
fn is_sure(fact: &Fact) -> bool {
    fact.particular("by") != Some(formats::By::Name.as_str())
}

/// Whether the file came with a package or as its test data.
fn is_packaged(path: &str) -> bool {
    path.split('/').any(|part| part == "site-packages" || part == "dist-packages")
        || names::is_fixture(path)
}

impl Model<'_> {
    fn finding(&self, seen: &Seen<'_>, settings: &Settings) -> Option<Finding> {
        let (layer, largest) = self.largest()?;
        let total = self.total();
        let level = if self.is_denied(settings) {
            Level::Deny
        } else if total >= settings.number(&WARN_SIZE) && !names::is_fixture(&largest.path) {
            Level::Warn
        } else {
            return None;
        };
        let fix = if largest.kind.ends_with("-cache") { CACHE_FIX } else { FIX };
        let message = self.message(largest, total) + &seen.fate_words(layer.index, &largest.path);
        let finding = Finding::new(ID, level, message, fix);
        Some(finding.in_layer(layer).at_path(&largest.path, total))
    }

    fn message(&self, largest: &Fact, total: u64) -> String {
        let words = words(&largest.kind);
        let may = if is_sure(largest) { "" } else { "what may be " };
        match self.parts.as_slice() {
            [_] => format!("{may}{words} of {}: `{}`", size(total), largest.path),
            parts => {
                let named: Vec<String> = parts
                    .iter()
                    .take(NAMED_FILES)
                    .map(|(_, fact)| format!("`{}`", fact.path))
                    .collect();
                let more = match parts.len().saturating_sub(NAMED_FILES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let count = parts.len();
                format!(
                    "{may}{words} of {} in {count} files: {}{more}",
                    size(total),
                    named.join(", ")
                )
            }
        }
    }
}

/// A kind in people's words.
fn words(kind: &str) -> &'static str {
    match kind {
        "safetensors" => "safetensors weights",
        "gguf" => "GGUF weights",
        "ggml" => "GGML weights",
        "pytorch" => "PyTorch weights",
        "numpy" => "NumPy arrays",
        "hdf5" => "HDF5 weights",
        "keras" => "Keras weights",
        "onnx" => "an ONNX model",
        "onnxruntime" => "an ONNX Runtime model",
        "tflite" => "a TFLite model",
        "executorch" => "an ExecuTorch model",
        "tensorrt" => "a TensorRT engine",
        "openvino" => "an OpenVINO model",
        "tensorflow" => "a TensorFlow model",
        "coreml" => "a Core ML model",
        "catboost" => "a CatBoost model",
        "xgboost" => "an XGBoost model",
        "lightgbm" => "a LightGBM model",
        "fasttext" => "fastText vectors",
        "mxnet" => "MXNet parameters",
        "flax" => "Flax weights",
        "nemo" => "a NeMo model",
        "pickle" => "a pickled model",
        "joblib" => "a joblib model",
        "llamafile" => "a llamafile",
        "torchserve" => "a TorchServe archive",
        "darknet" => "Darknet weights",
        "ctranslate2" => "a CTranslate2 model",
        "dlib" => "a dlib model",
        "archive-of-weights" => "an archive of model weights",
        "hugging-face-cache" => "model weights in the Hugging Face cache",
        "ollama-cache" => "model weights in the Ollama store",
        "torch-hub-cache" => "model weights in the torch hub cache",
        "whisper-cache" => "model weights in the Whisper cache",
        "modelscope-cache" => "model weights in the ModelScope cache",
        _ => "model weights",
    }
}

#[cfg(test)]
mod tests;
