//! Files that are weights only because of others beside them: OpenVINO's binaries by their
//! descriptions, an ONNX model's tensors by the names it gives them, downloads by what the
//! downloader noted. The listings are walked only when there is something to look for.

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
    /// The files that ONNX models name: layer, path, size.
    named: Vec<(Layer<'a>, String, u64)>,
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
    if wanted.is_empty() && named.is_empty() {
        return Vec::new();
    }
    let listed = walk(seen, &wanted, &named);
    let configured: BTreeSet<&str> = seen
        .facts(&META.id)
        .filter(|(_, fact)| fact.kind == super::MODEL_CONFIG)
        .map(|(_, fact)| parent_of(&fact.path))
        .collect();
    let mut promoted: Vec<_> = candidates
        .iter()
        .filter_map(|(layer, fact)| Some((*layer, candidate(fact, &listed, &configured)?)))
        .collect();
    promoted.extend(tensors(seen, listed, &promoted));
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

fn walk<'a>(seen: &Seen<'a>, wanted: &BTreeSet<String>, named: &BTreeSet<String>) -> Listed<'a> {
    let mut listed = Listed { present: BTreeSet::new(), named: Vec::new() };
    for (layer, facts) in seen.layers() {
        for entry in facts.into_iter().flat_map(|facts| facts.listing.iter()) {
            if entry.kind != EntryKind::File {
                continue;
            }
            if named.contains(&entry.path) && entry.size >= FLOOR_BYTES {
                listed.named.push((layer, entry.path.clone(), entry.size));
            }
            if wanted.contains(&entry.path) {
                listed.present.insert(entry.path);
            }
        }
    }
    listed
}

/// The files that ONNX models name, but those known by themselves.
fn tensors<'a>(
    seen: &Seen<'a>,
    listed: Listed<'a>,
    promoted: &[(Layer<'a>, Fact)],
) -> Vec<(Layer<'a>, Fact)> {
    let mut known: BTreeSet<(usize, &str)> =
        promoted.iter().map(|(layer, fact)| (layer.index, fact.path.as_str())).collect();
    let sure = |fact: &Fact| matches!(fact.particular("by"), Some("magic" | "place"));
    let facts = seen.facts(&META.id).filter(|(_, fact)| sure(fact));
    known.extend(facts.map(|(layer, fact)| (layer.index, fact.path.as_str())));
    listed
        .named
        .into_iter()
        .filter(|(layer, path, _)| !known.contains(&(layer.index, path.as_str())))
        .map(|(layer, path, size)| {
            (layer, Fact::new(ID, "onnx-data", &path, size).with("by", By::Place.as_str()))
        })
        .collect()
}
