//! Python pickles. They hold anything: the classes of the first objects tell whether it is a
//! model, and the numbers of the first array whether it may be one.

use super::{Format, contains_any, magic, named, u64_le};

/// Packages whose pickled objects are models.
const MODELS: &[&str] = &[
    "sklearn",
    "xgboost",
    "lightgbm",
    "catboost",
    "torch",
    "torchvision",
    "keras",
    "tensorflow",
    "jax",
    "jaxlib",
    "flax",
    "paddle",
    "gensim",
    "stable_baselines",
    "stable_baselines3",
    "statsmodels",
    "surprise",
    "implicit",
    "hmmlearn",
    "imblearn",
    "hdbscan",
    "umap",
    "prophet",
    "lifelines",
    "fastai",
    "sentence_transformers",
    "transformers",
];
/// Modules of theirs whose objects are data, or what prepares it.
const PREPARATION: &[&str] = &[
    "sklearn.utils",
    "sklearn.datasets",
    "torch.utils.data",
    "keras.preprocessing",
    "keras.src.legacy.preprocessing",
    "tensorflow.python.keras.preprocessing",
    "transformers.tokenization",
    "gensim.corpora",
];
/// Longest name of a module or class.
const MAX_NAME: usize = 200;

/// Whether it begins as pickles do. Protocol 4 and later tell the length of the first frame;
/// before that comes an object: a global, a container, a text.
fn is_pickle(head: &[u8], size: u64) -> bool {
    match head {
        [0x80, 4 | 5, 0x95, ..] => u64_le(head, 3).is_some_and(|frame| frame <= size),
        [0x80, 2..=5, b'c' | b'}' | b']' | b')' | b'(' | b'X' | 0x8a | 0x8c, ..] => true,
        // Protocol 0 is text: a class, then where it is remembered.
        [b'c', rest @ ..] => {
            let remembered = |rest: &[u8]| matches!(rest, [b'p', b'0'..=b'9', ..]);
            written(rest).is_some_and(|(_, rest)| remembered(rest))
        }
        _ => false,
    }
}

/// A pickle of a library's model, whatever its name.
pub(super) fn model(head: &[u8], size: u64) -> Option<Format> {
    let begins =
        is_pickle(head, size) || matches!(head, [b'c', rest @ ..] if written(rest).is_some());
    (begins && is_model(head)).then_some(magic("pickle"))
}

/// Any other pickle. With numbers as weights have them it may be one; else only its name speaks
/// for it: lists of documents, tables and images are pickled as well.
pub(super) fn pickle(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    let starts = matches!(head, [0x80, 2..=5, ..])
        || [&b"ccopy_reg\n"[..], b"(dp0\n", b"(lp0\n"].iter().any(|start| head.starts_with(start));
    match extension {
        "pt" | "pth" | "ckpt" | "pdparams" | "pdopt" if starts => return Some(magic("pytorch")),
        "pkl" | "pickle" | "dill" | "joblib" | "cloudpickle" if starts => {}
        _ if is_pickle(head, size) => {}
        _ => return None,
    }
    Some(match () {
        () if is_model(head) => magic("pickle"),
        () if are_float_arrays(head) => magic("pickled-arrays"),
        () => named("pickle"),
    })
}

fn is_model(head: &[u8]) -> bool {
    modules(head).any(|module| {
        let root = module.split('.').next().unwrap_or(module);
        MODELS.contains(&root) && !PREPARATION.iter().any(|start| module.starts_with(start))
    })
}

/// Arrays of 16 or 32 bits with a fraction, and no others: tables have numbers of 64 bits, images
/// whole ones.
fn are_float_arrays(head: &[u8]) -> bool {
    let root = |module: &str, name: &str| module.split('.').next() == Some(name);
    let arrays = |module: &str| root(module, "numpy") || module == "joblib.numpy_pickle";
    modules(head).any(arrays)
        && !modules(head).any(|module| root(module, "pandas"))
        && has_type(head, &["f4", "f2"])
        && !has_type(head, &["u1", "i8", "f8", "O8"])
}

/// Whether one of `NumPy`'s types of two letters is written there as a text: of protocol 4, of
/// protocol 2 and 3, of Python 2, of protocol 0.
fn has_type(head: &[u8], types: &[&str]) -> bool {
    types.iter().any(|name| {
        let text = |start: &[u8], end: &[u8]| [start, name.as_bytes(), end].concat();
        let texts = [
            text(b"\x8c\x02", b""),
            text(b"X\x02\0\0\0", b""),
            text(b"U\x02", b""),
            text(b"V", b"\n"),
            text(b"S'", b"'"),
        ];
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        contains_any(head, &texts)
    })
}

/// Modules of the classes that the head names. A text that merely speaks of one is none.
fn modules(head: &[u8]) -> impl Iterator<Item = &str> {
    (0..head.len()).filter_map(|at| match head.get(at..)? {
        [b'c' | b'i', rest @ ..] => written(rest).map(|(module, _)| module),
        [0x8c, length, rest @ ..] => stacked(usize::from(*length), rest),
        _ => None,
    })
}

/// A class as protocols 0 to 3 write it: two lines. Also what follows.
fn written(text: &[u8]) -> Option<(&str, &[u8])> {
    let (module, rest) = line(text)?;
    let (_, rest) = line(rest)?;
    Some((module, rest))
}

fn line(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.iter().take(MAX_NAME).position(|byte| *byte == b'\n')?;
    Some((name(text.get(..end)?)?, text.get(end.saturating_add(1)..)?))
}

/// The same since protocol 4: two texts, each remembered or not, then the order to look it up.
fn stacked(length: usize, text: &[u8]) -> Option<&str> {
    let (module, rest) = text.split_at_checked(length)?;
    let rest = rest.strip_prefix(&[0x94]).unwrap_or(rest);
    let [0x8c, length, rest @ ..] = rest else { return None };
    let (class, rest) = rest.split_at_checked(usize::from(*length))?;
    let rest = rest.strip_prefix(&[0x94]).unwrap_or(rest);
    let (module, _) = (name(module)?, name(class)?);
    rest.starts_with(&[0x93]).then_some(module)
}

/// A name with dots between its parts.
fn name(text: &[u8]) -> Option<&str> {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let plain = text.first().is_some_and(|byte| !byte.is_ascii_digit()) && text.iter().all(letter);
    plain.then(|| std::str::from_utf8(text).ok())?
}
