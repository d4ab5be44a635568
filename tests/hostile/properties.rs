//! What holds for any layer: no panic, the same facts however its bytes arrive, nothing kept
//! beyond the caps. Tried on the attacks, and on what becomes of them when bytes are changed.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::LazyLock;

use plimsoll::model::{Digest, LayerFacts};
use plimsoll::scan::decompress::{Compression, Decoder};
use plimsoll::scan::seams::Seams;
use plimsoll::scan::{LayerScan, Limits, ReadAll, scan_layer};
use proptest::prelude::*;

use super::attacks::pack::gzip;
use super::attacks::small;

/// Longer archives take too long byte by byte.
const SHORT: u64 = 100_000;

/// A reader that gives `at_once` bytes at most.
struct Dripping<'a> {
    bytes: &'a [u8],
    at_once: usize,
}

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Dripping<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.bytes[..self.bytes.len().min(self.at_once)])
    }

    fn consume(&mut self, count: usize) {
        self.bytes = &self.bytes[count..];
    }
}

fn limits() -> Limits {
    Limits { unpacked_bytes: 64 << 20, entries: 10_000, ..Limits::default() }
}

fn whole(stored: &[u8]) -> LayerFacts {
    let size = stored.len().try_into().unwrap();
    scan_layer(stored, &Digest::of(b"layer"), size, &limits(), &mut ReadAll).unwrap()
}

/// The same by small steps: stored bytes and plain ones.
fn by_steps(stored: &[u8], stored_step: usize, plain_step: usize) -> LayerFacts {
    let (seams, limits) = (Seams::default(), limits());
    let size = stored.len().try_into().unwrap();
    let dripping = Dripping { bytes: stored, at_once: stored_step };
    let mut decoder = Decoder::new(dripping, &limits, &seams).unwrap();
    let mut all = ReadAll;
    let scan = LayerScan::new(&Digest::of(b"layer"), size, &limits, &mut all).over(seams);
    scan.read_archive(BufReader::with_capacity(plain_step, &mut decoder)).unwrap()
}

#[test]
fn how_bytes_arrive_changes_nothing() {
    for attack in small() {
        let Some(stored) = attack.layer() else { continue };
        let expected = whole(&stored);
        let steps: &[usize] = if expected.unpacked_bytes < SHORT { &[1, 7, 512] } else { &[513] };
        for step in steps {
            let found = by_steps(&stored, *step, *step);
            assert!(found == expected, "{} by {step}: {:?}", attack.name, found.facts);
        }
    }
}

/// Attacks that are quickly read, unpacked where they are gzip.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let layers = small().into_iter().filter_map(|attack| attack.layer());
    let quick = layers.filter(|stored| whole(stored).unpacked_bytes < SHORT);
    quick
        .filter(|stored| stored.len() < 100_000)
        .map(|stored| plain(&stored).unwrap_or(stored))
        .collect()
});

fn plain(stored: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(stored);
    decoder.by_ref().take(SHORT).read_to_end(&mut plain).ok()?;
    Some(plain)
}

/// One change: where, as a fraction of the whole, and what.
#[derive(Debug, Clone)]
enum Change {
    Flip(f64, u8),
    Insert(f64, Vec<u8>),
    Delete(f64, usize),
    Repeat(f64, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0.0..1.0, 1_u8..).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (0.0..1.0, prop::collection::vec(any::<u8>(), 1..600))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (0.0..1.0, 1_usize..1200).prop_map(|(at, count)| Change::Delete(at, count)),
        (0.0..1.0, 1_usize..1200).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "a place in a small array"
)]
fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let place = |at: f64| ((bytes.len() as f64 * at) as usize).min(bytes.len());
    match change {
        Change::Flip(at, bits) => {
            let at = place(*at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Change::Insert(at, new) => {
            let at = place(*at);
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Delete(at, count) => {
            let (from, to) = (place(*at), (place(*at) + count).min(bytes.len()));
            bytes.drain(from..to);
        }
        Change::Repeat(at, count) => {
            let (from, to) = (place(*at), (place(*at) + count).min(bytes.len()));
            let again = bytes[from..to].to_vec();
            bytes.splice(from..from, again);
        }
    }
}

fn is_refused(facts: &LayerFacts) -> bool {
    facts.facts.iter().any(|fact| fact.rule.as_str() == super::attacks::UNREADABLE)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_attack_is_read_the_same_in_any_steps(
        seed: prop::sample::Index,
        changes in prop::collection::vec(change(), 0..4),
        is_packed: bool,
        step in 1_usize..700,
    ) {
        let mut bytes = SEEDS[seed.index(SEEDS.len())].clone();
        if is_packed {
            bytes = gzip(&bytes);
        }
        for change in &changes {
            apply(&mut bytes, change);
        }
        let facts = whole(&bytes);
        let stepped = by_steps(&bytes, step, step);
        // How far a decompressor comes before it meets damage hangs on its buffers, and with it
        // what was seen until then; that there is damage must not.
        let are_refused = is_refused(&facts) && is_refused(&stepped);
        let is_compressed = Compression::sniff(&bytes) != Compression::None;
        prop_assert!(facts == stepped || (is_compressed && are_refused), "{facts:?}\n{stepped:?}");
        prop_assert!(facts.listing.len() <= limits().entries);
        prop_assert!(facts.whole);
    }
}
