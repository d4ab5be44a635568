//! Weights as text: dumps of tree ensembles, word vectors, and binary formats in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{Format, contains, contains_any, magic, named};
use crate::scan::inside::is_packed;

/// Whether the head is text: a tokenizer or a configuration, whatever the place.
pub(in super::super) fn is_text(head: &[u8]) -> bool {
    !head.contains(&0)
        && std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true)
}

/// Gradient-boosted trees as text or JSON.
pub(super) fn trees(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"tree\nversion=v") {
        return Some(magic("lightgbm"));
    }
    let json = head.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let start = json.get(..256).unwrap_or(json);
    if json.starts_with(b"\"learner\"") {
        let known: &[&[u8]] = &[b"attributes", b"feature_names", b"gradient_booster"];
        return contains_any(start, known).then_some(magic("xgboost"));
    }
    if json.starts_with(b"\"features_info\"") || json.starts_with(b"\"ctr_data\"") {
        return Some(magic("catboost"));
    }
    let lightgbm = json.starts_with(b"\"name\":") && contains(start, b"\"num_tree_per_iteration\"");
    lightgbm.then_some(magic("lightgbm"))
}

/// Fewest dimensions of word vectors.
const MIN_DIMENSIONS: usize = 25;

/// Word vectors: `word2vec`'s line of two numbers in front, or as `GloVe` writes them, without.
pub(super) fn vectors(extension: &str, head: &[u8]) -> Option<Format> {
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (head.get(..end)?, head.get(end + 1..)?);
    if is_count_and_dimension(line) {
        let vectors = !is_text(rest) || is_vector(rest);
        return vectors.then_some(magic("word-vectors"));
    }
    let table = is_text(head) && is_vector(line);
    table.then_some(if extension == "vec" { magic("word-vectors") } else { named("word-vectors") })
}

fn is_count_and_dimension(line: &[u8]) -> bool {
    let Some(line) = std::str::from_utf8(line).ok() else { return false };
    let mut numbers = line.trim_end().split(' ').map(str::parse::<usize>);
    matches!(
        (numbers.next(), numbers.next(), numbers.next()),
        (Some(Ok(1000..)), Some(Ok(MIN_DIMENSIONS..=10_000)), None)
    )
}

/// A word, then only numbers with a fraction.
fn is_vector(text: &[u8]) -> bool {
    let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let mut words = text.trim_end().split(' ');
    let word = words.next().unwrap_or_default();
    let mut numbers: Vec<&str> = words.collect();
    // The head may cut the last one.
    numbers.pop();
    !word.is_empty()
        && word.parse::<f64>().is_err()
        && numbers.len() >= MIN_DIMENSIONS
        && numbers.iter().all(|number| {
            number.len() < 32 && number.contains('.') && number.parse::<f64>().is_ok()
        })
}

/// A binary format in base64, with or without line breaks.
pub(super) fn base64(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if head.len() < 1024 || !head.iter().all(|byte| is_letter(byte) || is_break(byte)) {
        return None;
    }
    let letters: Vec<u8> = head.iter().copied().filter(is_letter).collect();
    let whole = letters.get(..letters.len() / 4 * 4)?;
    let bytes = STANDARD_NO_PAD.decode(whole).ok()?;
    // What is packed on top of it stays closed.
    let packed = || is_packed(&bytes).then_some(named("closed-archive"));
    super::by_signature(extension, &bytes, size).or_else(packed)
}
