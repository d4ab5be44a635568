//! Tensors without any header, told by what numbers they would be.

/// Fewest bytes that tell.
const ENOUGH: usize = 2048;

/// Whether the bytes look like trained weights in 16 or 32 bits: nearly all of a magnitude
/// between a millionth and a few, of both signs. Random bytes, texts, integers and sound are not.
pub(in super::super) fn are_floats(head: &[u8]) -> bool {
    let head = head.get(..head.len().min(4096) / 4 * 4).unwrap_or_default();
    if head.len() < ENOUGH {
        return false;
    }
    let exponent32 = |high: u16| (high >> 7) & 0xff;
    let is_half = |value: u16| matches!((value >> 10) & 0x1f, 3..=15);
    let is_single = |high: u16| matches!(exponent32(high), 100..=129);
    let pairs = || head.chunks_exact(2).map(short);
    let singles = || head.chunks_exact(4).filter_map(|bytes| bytes.get(2..)).map(short);
    are_weights(pairs(), is_half)
        || are_weights(pairs(), is_single)
        || are_weights(singles(), is_single)
}

fn short(bytes: &[u8]) -> u16 {
    match bytes {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    }
}

/// Whether 19 of 20 values fit, a tenth or more have either sign, and they differ.
fn are_weights(values: impl Iterator<Item = u16>, fits: impl Fn(u16) -> bool) -> bool {
    let (mut count, mut fitting, mut negative) = (0_usize, 0_usize, 0_usize);
    let mut seen = std::collections::BTreeSet::new();
    for value in values {
        count += 1;
        fitting += usize::from(fits(value));
        negative += usize::from(value >> 15 == 1);
        seen.insert(value);
    }
    let tenth = count / 10;
    fitting >= count - count / 20
        && (tenth..=count - tenth).contains(&negative)
        && seen.len() >= count / 16
}
