//! Which files are judged together: the parts of one model, then what is left in one directory,
//! then what is left in the image. Nobody gets a model past the limit by cutting it into files.
//!
//! A group is denied by the lowest limit among its parts, so that one more file, wherever it
//! lies, never takes a denial back.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::{Bounds, Owner};
use super::names;
use super::{PROMISED, is_sure, places};
use crate::model::Fact;
use crate::model::image::Layer;

/// Weights of many small models add up to one too large for an image only at this many times the
/// limit: a few small ones (voice activity, languages) are ordinary.
const TIMES_IN_IMAGE: u64 = 5;

/// Files that are gathered to be warned about reach no limit together.
const NEVER: u64 = u64::MAX;

/// One weight file and the layer it lies in.
pub(super) type File<'a> = (Layer<'a>, &'a Fact);

/// Files that count together.
#[derive(Default)]
pub(super) struct Model<'a> {
    pub(super) parts: Vec<File<'a>>,
    /// How many times the limit they may take together.
    times: u64,
}

/// The models among `files`, and those groups of smaller ones that are too large together.
pub(super) fn of<'a>(files: Vec<File<'a>>, bounds: &Bounds<'_>) -> Vec<Model<'a>> {
    let by_model = |(_, fact): &File<'_>| (names::model_of(&fact.path), is_sure(fact));
    let models = group(files, 1, by_model);
    let by_directory = |(_, fact): &File<'_>| names::parent_of(&fact.path).to_owned();
    let models = merge(models, 1, by_directory, bounds);
    // A file changes sides when its owner turns out; until then it is on none.
    let (unknown, known): (Vec<_>, Vec<_>) =
        models.into_iter().partition(|model| model.owner(bounds) == Some(Owner::Unknown));
    let mut models = merge(known, TIMES_IN_IMAGE, |file| bounds.owner(file), bounds);
    models.extend(unknown);
    gather(models, bounds)
}

/// The models worth a finding. Those that only warn are one for each directory: packages bring
/// the same small model in several formats.
fn gather<'a>(models: Vec<Model<'a>>, bounds: &Bounds<'_>) -> Vec<Model<'a>> {
    let (mut denied, others): (Vec<_>, Vec<_>) =
        models.into_iter().partition(|model| model.is_denied(bounds));
    let warned = others.into_iter().filter(|model| model.is_mentioned(bounds));
    let parts = warned.flat_map(|model| model.parts).collect();
    let by_directory =
        |(_, fact): &File<'_>| (names::parent_of(&fact.path).to_owned(), is_sure(fact));
    denied.extend(group(parts, NEVER, by_directory));
    denied
}

fn group<'a, K: Ord>(
    files: Vec<File<'a>>,
    times: u64,
    key: impl Fn(&File<'a>) -> K,
) -> Vec<Model<'a>> {
    let mut groups: BTreeMap<K, Model<'a>> = BTreeMap::new();
    for file in files {
        let empty = || Model { parts: Vec::new(), times };
        groups.entry(key(&file)).or_insert_with(empty).parts.push(file);
    }
    groups.into_values().collect()
}

/// The same models, but those that are denied only together are one.
fn merge<'a, K: Ord>(
    models: Vec<Model<'a>>,
    times: u64,
    key: impl Fn(&File<'a>) -> K,
    bounds: &Bounds<'_>,
) -> Vec<Model<'a>> {
    let may_merge = |model: &Model<'_>| {
        !model.is_denied(bounds) && model.parts.iter().all(|(_, fact)| adds_up(fact))
    };
    let (small, mut kept): (Vec<_>, Vec<_>) = models.into_iter().partition(may_merge);
    let key_of = |model: &Model<'a>| model.parts.first().map(&key);
    let parts = small.iter().flat_map(|model| model.parts.iter().copied()).collect();
    let mut denied = group(parts, times, &key);
    denied.retain(|group| group.is_denied(bounds));
    let merged: BTreeSet<Option<K>> = denied.iter().map(key_of).collect();
    kept.extend(small.into_iter().filter(|model| !merged.contains(&key_of(model))));
    kept.extend(denied);
    kept
}

/// Whether a file is one of tensors beyond doubt. Pickles are as often data of other kinds: the
/// tokenizers of NLTK are a directory of 18, one for each language.
fn adds_up(fact: &Fact) -> bool {
    is_sure(fact) && !matches!(fact.kind.as_str(), "pickle" | "joblib")
}

impl<'a> Model<'a> {
    /// The largest part, of the lowest layer among equals.
    pub(super) fn largest(&self) -> Option<File<'a>> {
        let size = |(layer, fact): &File<'_>| (fact.size, std::cmp::Reverse(layer.index));
        self.parts.iter().copied().max_by_key(size)
    }

    /// Sum of the parts' sizes in bytes; more when a part's own header says so: the rest of it lies
    /// elsewhere, under whatever name.
    pub(super) fn total(&self) -> u64 {
        let promised = |(_, fact): &File<'_>| fact.particular(PROMISED)?.parse::<u64>().ok();
        let sum = self.parts.iter().fold(0_u64, |sum, (_, fact)| sum.saturating_add(fact.size));
        self.parts.iter().filter_map(promised).fold(sum, u64::max)
    }

    fn owner(&self, bounds: &Bounds<'_>) -> Option<Owner> {
        self.parts.iter().map(|file| bounds.owner(file)).max()
    }

    /// Whether it is large enough to be warned about. Test data is not, and in installed packages
    /// a name says nothing.
    fn is_mentioned(&self, bounds: &Bounds<'_>) -> bool {
        let Some(largest) = self.largest() else { return false };
        let total = self.total();
        let is_plain = bounds.owner(&largest) != Owner::Author && !is_sure(largest.1);
        total >= bounds.warning
            && !places::is_fixture(&largest.1.path)
            && (!is_plain || total >= bounds.warning_in_packages())
    }

    /// Whether it is too large, and surely weights.
    pub(super) fn is_denied(&self, bounds: &Bounds<'_>) -> bool {
        let lowest = self.parts.iter().map(|file| bounds.of_file(file)).min();
        self.parts.iter().all(|(_, fact)| is_sure(fact))
            && lowest.is_some_and(|limit| self.total() >= limit.saturating_mul(self.times))
    }
}
