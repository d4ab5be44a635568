//! Models written as protobuf, which has no signature: ONNX, frozen TensorFlow graphs, Caffe.
//! The fields are walked as far as the head reaches.

use std::collections::BTreeSet;

use super::{Format, magic};

/// Content of a field: a number, or bytes of which the head shows a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    Number(u64),
    Bytes { length: u64, seen: &'a [u8] },
}

/// The model format, if it is one.
pub(super) fn model(extension: &str, head: &[u8], size: u64) -> Option<Format> {
    let plausible = matches!(head, [0x08, 1..=32, ..] | [0x12 | 0x3a | 0x42, ..]);
    if (extension == "onnx" && plausible) || is_onnx(head, size) {
        Some(magic("onnx"))
    } else if is_graph_def(head) {
        Some(magic("tensorflow"))
    } else {
        is_caffe(head).then_some(magic("caffe"))
    }
}

/// `ModelProto`: the version, texts about the producer, then the graph, which is nearly all of
/// the file.
pub(in super::super) fn is_onnx(head: &[u8], size: u64) -> bool {
    let Some((1, Value::Number(1..=64), mut rest)) = field(head) else { return false };
    while let Some((number, value, next)) = field(rest) {
        match (number, value) {
            (2..=4 | 6, Value::Bytes { length, seen })
                if u64::try_from(seen.len()).is_ok_and(|seen| seen == length) => {}
            (5, Value::Number(_)) | (8 | 14 | 20 | 25, Value::Bytes { .. }) => {}
            (7, Value::Bytes { length, seen }) => {
                return length <= size && length >= size / 4 && is_graph(seen);
            }
            _ => return false,
        }
        rest = next;
    }
    false
}

/// `GraphProto` begins with its nodes, each of which names an operator; or with its name or
/// tensors.
fn is_graph(graph: &[u8]) -> bool {
    match field(graph) {
        Some((1, Value::Bytes { seen, .. }, _)) => has_operator(seen),
        Some((2 | 5 | 11, Value::Bytes { .. }, _)) => true,
        _ => false,
    }
}

fn has_operator(mut node: &[u8]) -> bool {
    while let Some((number, value, next)) = field(node) {
        let Value::Bytes { seen, .. } = value else { return false };
        match number {
            1..=3 => node = next,
            4 => return !seen.is_empty() && seen.iter().all(u8::is_ascii_alphanumeric),
            _ => return false,
        }
    }
    // Longer names than the head holds.
    false
}

/// `GraphDef`: the first node's name, then one of the operators that graphs begin with.
fn is_graph_def(head: &[u8]) -> bool {
    const FIRST: &[&[u8]] = &[
        b"Placeholder",
        b"PlaceholderV2",
        b"Const",
        b"VariableV2",
        b"VarHandleOp",
        b"NoOp",
        b"Assign",
        b"Pack",
        b"Shape",
        b"ParseExample",
        b"ParseExampleV2",
    ];
    let Some((1, Value::Bytes { seen: node, .. }, _)) = field(head) else { return false };
    let Some((1, Value::Bytes { .. }, rest)) = field(node) else { return false };
    matches!(field(rest), Some((2, Value::Bytes { seen, .. }, _)) if FIRST.contains(&seen))
}

/// `NetParameter`: a name, then layers as field 100.
fn is_caffe(head: &[u8]) -> bool {
    let Some((1, Value::Bytes { length: 1..=127, seen }, rest)) = field(head) else {
        return false;
    };
    let Some((100, Value::Bytes { seen: layer, .. }, _)) = field(rest) else { return false };
    let texts = |text: &[u8]| text.iter().all(u8::is_ascii_graphic);
    texts(seen) && matches!(field(layer), Some((1, Value::Bytes { seen, .. }, _)) if texts(seen))
}

/// Most names of external files noted from one model.
const MAX_NAMES: usize = 64;

/// Names of the files that hold an ONNX model's tensors: `external_data` entries with the key
/// `location`.
pub(in super::super) fn external_data(model: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\x0a\x08location\x12";
    let mut names = BTreeSet::new();
    let mut rest = model;
    while let Some(at) = rest.windows(KEY.len()).position(|window| window == KEY) {
        rest = rest.get(at + KEY.len()..).unwrap_or_default();
        let name = number(rest).and_then(|(length, text)| {
            let name = text.get(..usize::try_from(length).ok().filter(|length| *length < 256)?)?;
            Some(std::str::from_utf8(name).ok()?.to_owned())
        });
        names.extend(name.filter(|name| !name.contains('\n')));
        if names.len() >= MAX_NAMES {
            break;
        }
    }
    names.into_iter().collect()
}

/// The first field: its number, its value, and what follows it.
fn field(bytes: &[u8]) -> Option<(u64, Value<'_>, &[u8])> {
    let (tag, rest) = number(bytes)?;
    match tag & 7 {
        0 => number(rest).map(|(value, rest)| (tag >> 3, Value::Number(value), rest)),
        2 => {
            let (length, rest) = number(rest)?;
            let shown = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
            let (seen, rest) = rest.split_at(shown);
            Some((tag >> 3, Value::Bytes { length, seen }, rest))
        }
        _ => None,
    }
}

/// LEB128, at most ten bytes.
fn number(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes));
        }
    }
    None
}
