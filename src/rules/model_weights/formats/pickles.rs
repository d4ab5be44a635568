//! Python pickles. They hold anything: who made the first objects tells whether it is a model.

use super::{Format, contains_any, magic, named, u64_le};

/// Modules whose pickled objects are models.
const MODELS: &[&[u8]] = &[
    b"sklearn",
    b"xgboost",
    b"lightgbm",
    b"catboost",
    b"torch",
    b"keras",
    b"tensorflow",
    b"jaxlib",
    b"gensim.models",
    b"joblib.numpy_pickle",
    b"stable_baselines",
    b"statsmodels",
    b"surprise.prediction",
    b"implicit.",
    b"hmmlearn",
    b"sentence_transformers",
    b"transformers.",
];
/// Modules whose pickled objects are arrays, of weights or of data.
const ARRAYS: &[&[u8]] = &[b"numpy.core", b"numpy._core", b"numpy\ndtype"];
/// Modules whose pickled objects are tables.
const DATA: &[&[u8]] = &[b"pandas"];

/// Whether it begins as pickles do. Protocol 4 and later tell the length of the first frame;
/// before that comes an object: a global, a container, a text.
fn is_pickle(head: &[u8], size: u64) -> bool {
    match head {
        [0x80, 4 | 5, 0x95, ..] => u64_le(head, 3).is_some_and(|frame| frame <= size),
        [0x80, 2..=5, b'c' | b'}' | b']' | b')' | b'(' | b'X' | 0x8a | 0x8c, ..] => true,
        _ => head.starts_with(b"ccopy_reg\n_reconstructor\n"),
    }
}

/// A pickle of a library's model, whatever its name.
pub(super) fn model(head: &[u8], size: u64) -> Option<Format> {
    (is_pickle(head, size) && contains_any(head, MODELS)).then_some(magic("pickle"))
}

/// Any other pickle. Large ones are models where the name allows it, except for tables.
pub(super) fn pickle(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    let kind = match extension {
        "pkl" | "pickle" | "dill" | "joblib" | "cloudpickle" => "pickle",
        "pt" | "pth" | "ckpt" | "pdparams" | "pdopt" => "pytorch",
        _ if is_pickle(head, size) => {
            let arrays = contains_any(head, ARRAYS) && !contains_any(head, DATA);
            return Some(if arrays { magic("pickle") } else { named("pickle") });
        }
        _ => return None,
    };
    let starts = matches!(head, [0x80, 2..=5, ..])
        || [&b"ccopy_reg\n"[..], b"(dp0\n", b"(lp0\n"].iter().any(|start| head.starts_with(start));
    let table = kind == "pickle" && contains_any(head, DATA);
    starts.then_some(if table { named(kind) } else { magic(kind) })
}
