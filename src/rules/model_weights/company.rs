//! Files that are weights only because of others beside them: OpenVINO's binaries by their
//! descriptions, an ONNX model's tensors by the names it gives them, downloads by what the
//! downloader noted, further pieces of a file that was cut by its first. The listings are walked only when there is something to look for.

use std::collections::BTreeSet;

use super::formats::By;
use super::names::parent_of;
use super::{FLOOR_BYTES, ID, META, ONNX_DATA_NAMES, RAW_BYTES, Seen, places};
use crate::model::image::Layer;
use crate::model::{EntryKind, Fact};

/// What the listings say of the paths that matter.
struct Listed<'a> {
    /// Paths of files that are there.
    present: BTreeSet<String>,
    /// The files that ONNX models name and the pieces of files that were cut.
    named: Vec<(Layer<'a>, Fact)>,
}

/// Most files that may be the first piece of others.
const MAX_SERIES: usize = 64;

/// A file that was cut: what the names of its pieces have in common, and its format.
struct Series<'a> {
    start: &'a str,
    length: usize,
    kind: &'a str,
}

impl Series<'_> {
    fn holds(&self, path: &str) -> bool {
        let counted = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        path.len() == self.length && path.strip_prefix(self.start).is_some_and(counted)
    }
}

/// The weight files whose names are those of a first piece: `xaa`, `model.00`, `w.part001`.
fn series<'f>(seen: &Seen<'f>) -> Vec<Series<'f>> {
    let firsts = ["aa", "000", "001", "00", "01"];
    let as_first = |fact: &'f Fact| {
        let start = firsts.iter().find_map(|first| fact.path.strip_suffix(first))?;
        let length = fact.path.len();
        is_sure(fact).then_some(Series { start, length, kind: &fact.kind })
    };
    seen.facts(&META.id).filter_map(|(_, fact)| as_first(fact)).take(MAX_SERIES).collect()
}

fn is_sure(fact: &Fact) -> bool {
    matches!(fact.particular("by"), Some("magic" | "place"))
}

/// The files that their company makes weights of, as facts.
pub(super) fn promoted<'a>(seen: &Seen<'a>) -> Vec<(Layer<'a>, Fact)> {
    // While a layer is being read there is no listing yet, and this is asked at every fact.
    if seen.layers().all(|(_, facts)| facts.is_none_or(|facts| facts.listing.is_empty())) {
        return Vec::new();
    }
    let candidates: Vec<(Layer<'a>, &Fact)> =
        seen.facts(&META.id).filter(|(_, fact)| is_candidate(fact)).collect();
    let wanted = candidates.iter().flat_map(|(_, fact)| places::company(&fact.path));
    let wanted: BTreeSet<String> = wanted.map(|(path, _)| path).collect();
    let named = named_by_models(seen);
    let series = series(seen);
    if wanted.is_empty() && named.is_empty() && series.is_empty() {
        return Vec::new();
    }
    let listed = walk(seen, &wanted, &named, &series);
    let configured: BTreeSet<&str> = seen
        .facts(&META.id)
        .filter(|(_, fact)| fact.kind == super::MODEL_CONFIG)
        .map(|(_, fact)| parent_of(&fact.path))
        .collect();
    let mut promoted: Vec<_> = candidates
        .iter()
        .filter_map(|(layer, fact)| Some((*layer, candidate(fact, &listed, &configured)?)))
        .collect();
    let named = unknown(seen, listed.named, &promoted);
    promoted.extend(named);
    promoted
}

fn is_candidate(fact: &Fact) -> bool {
    fact.particular("by") == Some(By::Company.as_str())
}

/// A candidate, as what it turned out to be.
fn candidate(fact: &Fact, listed: &Listed<'_>, configured: &BTreeSet<&str>) -> Option<Fact> {
    let company = places::company(&fact.path);
    let known = company.iter().find(|(path, _)| listed.present.contains(path));
    let (kind, by) = match known {
        Some((_, kind)) => (*kind, By::Place),
        None if fact.size >= RAW_BYTES && configured.contains(parent_of(&fact.path)) => {
            ("weights-by-name", By::Name)
        }
        None => return None,
    };
    Some(Fact::new(ID, kind, &fact.path, fact.size).with("by", by.as_str()))
}

/// Paths that ONNX models name as the places of their tensors.
fn named_by_models(seen: &Seen<'_>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (_, fact) in seen.facts(&META.id).filter(|(_, fact)| fact.kind == ONNX_DATA_NAMES) {
        let dir = parent_of(&fact.path);
        for name in fact.particular("names").unwrap_or_default().split('\n') {
            let name = name.strip_prefix("./").unwrap_or(name);
            named.insert(if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") });
        }
    }
    named
}

fn walk<'a>(
    seen: &Seen<'a>,
    wanted: &BTreeSet<String>,
    named: &BTreeSet<String>,
    series: &[Series<'_>],
) -> Listed<'a> {
    let mut listed = Listed { present: BTreeSet::new(), named: Vec::new() };
    for (layer, facts) in seen.layers() {
        for entry in facts.into_iter().flat_map(|facts| facts.listing.iter()) {
            if entry.kind != EntryKind::File {
                continue;
            }
            if named.contains(&entry.path) && entry.size >= FLOOR_BYTES {
                listed.named.push((layer, Fact::new(ID, "onnx-data", &entry.path, entry.size)));
            } else if let Some(first) = series.iter().find(|series| series.holds(&entry.path)) {
                listed.named.push((layer, Fact::new(ID, first.kind, &entry.path, entry.size)));
            }
            if wanted.contains(&entry.path) {
                listed.present.insert(entry.path);
            }
        }
    }
    listed
}

/// The files that others name, but those known by themselves.
fn unknown<'a>(
    seen: &Seen<'a>,
    named: Vec<(Layer<'a>, Fact)>,
    promoted: &[(Layer<'a>, Fact)],
) -> Vec<(Layer<'a>, Fact)> {
    let facts = seen.facts(&META.id).filter(|(_, fact)| is_sure(fact));
    let known: BTreeSet<(usize, &str)> = promoted
        .iter()
        .map(|(layer, fact)| (layer.index, fact.path.as_str()))
        .chain(facts.map(|(layer, fact)| (layer.index, fact.path.as_str())))
        .collect();
    let unknown =
        |(layer, fact): &(Layer<'_>, Fact)| !known.contains(&(layer.index, fact.path.as_str()));
    named
        .into_iter()
        .filter(unknown)
        .map(|(layer, fact)| (layer, fact.with("by", By::Place.as_str())))
        .collect()
}
