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

mod bounds;
mod company;
mod formats;
mod kinds;
mod leaning;
mod models;
mod names;
mod places;

use self::bounds::Bounds;
use self::formats::{By, Format};
use self::leaning::Leaning;
use self::models::Model;
use super::{Meta, Rule, Seen, Setting, Settings, Want, packaged};
use crate::answer::size;
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId};
use crate::scan::Limits;
use crate::scan::inside::{self, Closed};

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
        TorchScript, HDF5 and Keras, ONNX and ONNX Runtime, TFLite, TensorFlow, TensorRT, \
        PaddlePaddle, NumPy, pickle and joblib, Flax, NeMo, XGBoost, LightGBM, CatBoost, fastText, \
        spaCy, CTranslate2 and more), also inside zip, tar, gzip and zstd files and in base64; by \
        the caches of Hugging Face, Ollama, torch hub, Keras and ModelScope, whose blobs have no \
        extension; by what lies beside them (tensors that an ONNX model names, OpenVINO's \
        descriptions); and by names last. Tokenizers, `.pth` path files, headers, test data and \
        package indexes are no weights. A name alone warns, and so do large files that look like \
        tensors.",
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
const ARCHIVE_FIX: &str = "ship files unpacked, or as one plain zip, tar, gzip or zstd, so that \
    they can be looked at";

/// Smaller files are never recorded: below what a policy may sensibly warn about.
const FLOOR_BYTES: u64 = 256 * 1024;
/// The same for what is packed in another file: many small arrays make a large archive.
const PACKED_FLOOR_BYTES: u64 = 64 * 1024;
/// What has no signature is suspected of being weights from this size on.
const RAW_BYTES: u64 = 50 << 20;
/// Smaller files are not asked whether another speaks for them.
const COMPANY_BYTES: u64 = 1 << 20;
/// Packed files that are damaged, or packed in a way that is not opened, are mentioned from this
/// size on.
const CLOSED_BYTES: u64 = 10 << 20;
/// ONNX models up to this size are searched for the names of files that hold their tensors:
/// larger ones hold them themselves.
const ONNX_BYTES: u64 = 8 << 20;
/// Largest configuration of a model.
const CONFIG_BYTES: u64 = 1 << 20;
/// How many directories with packages are told apart before one is noted twice.
const MAX_DIRECTORIES: usize = 64;
/// How many files of one model a message names.
const NAMED_FILES: usize = 3;

/// Kind of the fact that names the files with an ONNX model's tensors.
const ONNX_DATA_NAMES: &str = "onnx-data-names";
/// Kind of the fact that a model's configuration lies here.
const MODEL_CONFIG: &str = "model-config";
/// Kind of the fact that packages were installed into a directory.
const PACKAGES: &str = "packages";
/// Particular of a file whose header promises more than there is: how much, in bytes.
const PROMISED: &str = "promised";
/// Kind of an archive that unpacks to too much.
const BOTTOMLESS: &str = "bottomless-archive";

impl Rule for ModelWeights {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, head: &[u8]) -> Want {
        if entry.kind != EntryKind::File {
            return Want::Nothing;
        }
        if is_small_onnx(entry, head) {
            return Want::Whole;
        }
        if is_model_config(entry, head) || installed_into(entry).is_some() {
            return Want::Head;
        }
        let format = format(entry, head);
        let is_opened = inside::is_packed(head) || inside::may_carry(head, entry.size);
        if format.is_none_or(is_weak) && entry.size >= floor(entry) && is_opened {
            return Want::Inside;
        }
        if format.is_some() { Want::Head } else { Want::Nothing }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        if is_model_config(entry, content) {
            facts.push(Fact::new(ID, MODEL_CONFIG, entry.path, entry.size));
        }
        if let Some(directory) = installed_into(entry) {
            let fact = Fact::new(ID, PACKAGES, directory, 0);
            if !facts.iter().rev().take(MAX_DIRECTORIES).any(|known| *known == fact) {
                facts.push(fact);
            }
        }
        if is_small_onnx(entry, content) {
            let names = formats::external_data(content);
            if !names.is_empty() {
                let fact = Fact::new(ID, ONNX_DATA_NAMES, entry.path, entry.size);
                facts.push(fact.with("names", names.join("\n")));
            }
        }
        let head = content.get(..crate::scan::HEAD_BYTES).unwrap_or(content);
        if let Some(Format { kind, by }) = format(entry, head) {
            facts.push(Fact::new(ID, kind, entry.path, entry.size).with("by", by.as_str()));
        }
    }

    fn closed(&self, entry: &Entry<'_>, why: Closed, facts: &mut Vec<Fact>) {
        let (kind, by, from) = match why {
            Closed::TooLarge | Closed::TooDeep => (BOTTOMLESS, By::Place, FLOOR_BYTES),
            Closed::Damaged => ("closed-archive", By::Name, CLOSED_BYTES),
        };
        if entry.size >= from {
            facts.push(Fact::new(ID, kind, entry.path, entry.size).with("by", by.as_str()));
        }
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let promoted = company::promoted(seen);
        let mut files: Vec<models::File<'_>> =
            seen.facts(&META.id).filter(|(_, fact)| is_file(fact)).collect();
        files.extend(promoted.iter().map(|(layer, fact)| (*layer, fact)));
        let bounds = Bounds::of(seen, settings);
        let models = models::of(files, &bounds);
        models.iter().filter_map(|model| model.finding(seen, &bounds)).collect()
    }
}

/// Whether a fact is about a file that is weights by itself.
fn is_file(fact: &Fact) -> bool {
    fact.particular("by").is_some_and(|by| by != By::Company.as_str())
}

/// An ONNX model whose tensors may lie in other files.
fn is_small_onnx(entry: &Entry<'_>, head: &[u8]) -> bool {
    entry.size <= ONNX_BYTES
        && (entry.extension().eq_ignore_ascii_case("onnx") || formats::is_onnx(head, entry.size))
}

/// The configuration that transformers and diffusers write beside the weights.
fn is_model_config(entry: &Entry<'_>, head: &[u8]) -> bool {
    let words = [&b"\"architectures\""[..], b"\"model_type\"", b"\"_class_name\""];
    entry.name() == "config.json"
        && entry.size <= CONFIG_BYTES
        && words.iter().any(|word| head.windows(word.len()).any(|window| window == *word))
}

fn floor(entry: &Entry<'_>) -> u64 {
    let is_packed = entry.path.contains(inside::SEPARATOR);
    if is_packed { PACKED_FLOOR_BYTES } else { FLOOR_BYTES }
}

/// The weight format of an entry, if it is one and large enough to matter.
fn format(entry: &Entry<'_>, head: &[u8]) -> Option<Format> {
    if entry.kind != EntryKind::File || entry.size < floor(entry) {
        return None;
    }
    if head.starts_with(b"\x7fELF") {
        return formats::in_object_file(head, entry.size);
    }
    let extension = entry.extension().to_ascii_lowercase();
    if places::is_elsewhere(entry.path) {
        return formats::by_signature(&extension, head, entry.size);
    }
    let by_magic =
        formats::by_magic(&extension, head, entry.size).map(|found| leaned(found, entry, head));
    if let Some(Format { by: By::Magic, .. }) = by_magic {
        return by_magic;
    }
    // A place or a name that means nothing else outweighs first bytes that may mean anything.
    let by_name = names::by_name(entry.path, &extension, head);
    by_name
        .filter(|found| found.by == By::Place)
        .or(by_magic)
        .or(by_name)
        .or_else(|| suspected(entry, &extension, head))
}

/// Arrays are data as often as weights: where the path speaks of data they only warn, and files
/// that hold anything and show nothing count where their name speaks of a model.
fn leaned(found: Format, entry: &Entry<'_>, head: &[u8]) -> Format {
    // What can be opened shows what it is.
    let is_closed = || entry.extension().eq_ignore_ascii_case("joblib") && !inside::is_packed(head);
    let is_mute = match found.kind {
        "hdf5" | "flax" => true,
        "joblib" => is_closed(),
        _ => false,
    };
    match (found.kind, found.by) {
        ("numpy" | "pickled-arrays", By::Magic)
            if leaning::leaning(entry.path) == Some(Leaning::Data) =>
        {
            Format { by: By::Name, ..found }
        }
        (_, By::Name) if is_mute && leaning::of_name(entry.name()) == Some(Leaning::Model) => {
            Format { by: By::Place, ..found }
        }
        _ => found,
    }
}

/// Where a package was installed whose list of files the entry is, unless packages lie there
/// anyway.
fn installed_into<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    let directory =
        packaged::installed_into(entry.path).filter(|directory| !directory.is_empty())?;
    (entry.kind == EntryKind::File && !packaged::is_in_package(entry.path)).then_some(directory)
}

/// Whether a file that is packed is to be opened although it seems known: what is packed in it
/// tells more than its name, and in a cache anything may be packed.
fn is_weak(found: Format) -> bool {
    match found.by {
        By::Name | By::Company => true,
        By::Place => found.kind.ends_with("-cache"),
        By::Magic => false,
    }
}

/// What has no signature but may be weights by its looks, or by what lies beside it.
fn suspected(entry: &Entry<'_>, extension: &str, head: &[u8]) -> Option<Format> {
    let by_looks = |kind| Some(Format { kind, by: By::Name });
    let is_odd = |size| entry.size >= size && !places::is_system(entry.path);
    if formats::is_opaque_archive(head) {
        let named = names::is_model_archive(entry.path);
        // conda keeps its packages as archives.
        let suspect = named || (is_odd(CLOSED_BYTES) && !entry.path.contains("/pkgs/"));
        return if suspect { by_looks("closed-archive") } else { None };
    }
    if formats::is_text(head) || formats::is_media_or_table(head) || inside::is_packed(head) {
        return None;
    }
    if is_odd(RAW_BYTES) && !packaged::is_in_package(entry.path) && formats::are_floats(head) {
        return by_looks("raw-tensors");
    }
    let plain = ["", "bin", "dat", "data", "raw", "weight", "weights", "model", "tensor", "blob"];
    (entry.size >= COMPANY_BYTES && plain.contains(&extension))
        .then_some(Format { kind: "unknown", by: By::Company })
}

/// Whether more than a name speaks for it.
fn is_sure(fact: &Fact) -> bool {
    fact.particular("by") != Some(By::Name.as_str())
}

impl Model<'_> {
    fn finding(&self, seen: &Seen<'_>, bounds: &Bounds<'_>) -> Option<Finding> {
        let (layer, largest) = self.largest()?;
        let total = self.total();
        let level = if self.is_denied(bounds) { Level::Deny } else { Level::Warn };
        let fix = match largest.kind.as_str() {
            BOTTOMLESS => ARCHIVE_FIX,
            kind if kind.ends_with("-cache") => CACHE_FIX,
            _ => FIX,
        };
        // What is packed in a file shares its fate.
        let path = largest.path.split(inside::SEPARATOR).next().unwrap_or(&largest.path);
        let message = self.message(largest, total) + &seen.fate_words(layer.index, path);
        let finding = Finding::new(ID, level, message, fix);
        Some(finding.in_layer(layer).at_path(&largest.path, total))
    }

    fn message(&self, largest: &Fact, total: u64) -> String {
        let words = kinds::words(&largest.kind);
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

#[cfg(test)]
mod tests;
