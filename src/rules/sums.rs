//! Sums over the entries of one layer by kind and root directory, in bounded memory: what a
//! [`super::Tally`] of files that only matter together is made of.

use std::collections::BTreeMap;

use crate::model::fact::MAX_FACT_PATH_BYTES;
use crate::model::{Entry, Fact, RuleId};

/// Most root directories of one kind that are told apart in one layer; what lies in further
/// ones is summed up without a root, so that a flood of small ones hides nothing.
pub(super) const MAX_ROOTS: usize = 32;

const ROOT: &str = "root";
const FILES: &str = "files";
const MARKED: &str = "marked";
/// Weight of the entry that proves the kind, above every size.
const MARK: u64 = u64::MAX;

/// Sums of one layer.
#[derive(Default)]
pub(super) struct Sums {
    /// By kind and root; those of too many roots have none.
    kinds: BTreeMap<&'static str, BTreeMap<Option<String>, Sum>>,
}

#[derive(Default)]
struct Sum {
    files: u64,
    bytes: u64,
    /// The largest entry, or the one that proves the kind.
    witness: String,
    weight: u64,
}

impl Sums {
    /// Adds an entry.
    pub(super) fn add(&mut self, kind: &'static str, root: &str, entry: &Entry<'_>) {
        self.add_weighted(kind, root, entry, entry.size);
    }

    /// Adds an entry that proves the kind by itself.
    pub(super) fn mark(&mut self, kind: &'static str, root: &str, entry: &Entry<'_>) {
        self.add_weighted(kind, root, entry, MARK);
    }

    /// Takes out a file of that size which turned out to be none of the kind.
    pub(super) fn take(&mut self, kind: &'static str, root: &str, bytes: u64) {
        let roots = self.kinds.entry(kind).or_default();
        let apart = Some(root.to_owned());
        let root = if roots.contains_key(&apart) { apart } else { None };
        if let Some(sum) = roots.get_mut(&root) {
            sum.files = sum.files.saturating_sub(1);
            sum.bytes = sum.bytes.saturating_sub(bytes);
        }
    }

    fn add_weighted(&mut self, kind: &'static str, root: &str, entry: &Entry<'_>, weight: u64) {
        let roots = self.kinds.entry(kind).or_default();
        let apart = Some(root.to_owned());
        let is_apart = roots.contains_key(&apart)
            || (roots.len() < MAX_ROOTS && root.len() <= MAX_FACT_PATH_BYTES);
        let sum = roots.entry(apart.filter(|_| is_apart)).or_default();
        if sum.files == 0 || weight > sum.weight {
            entry.path.clone_into(&mut sum.witness);
            sum.weight = weight;
        }
        sum.files = sum.files.saturating_add(1);
        sum.bytes = sum.bytes.saturating_add(entry.size);
    }

    /// One fact for each kind and root. Its path is the witness, not the root: `rm -rf cache/*`
    /// deletes what is in a directory, not the directory.
    pub(super) fn into_facts(self, rule: &RuleId) -> Vec<Fact> {
        let fact = |kind: &str, root: Option<String>, sum: Sum| {
            let fact = Fact::new(rule.clone(), kind, &sum.witness, sum.bytes)
                .with(FILES, sum.files.to_string());
            let fact = match root {
                Some(root) => fact.with(ROOT, root),
                None => fact,
            };
            if sum.weight == MARK { fact.with(MARKED, "yes") } else { fact }
        };
        self.kinds
            .into_iter()
            .flat_map(|(kind, roots)| roots.into_iter().map(move |(root, sum)| (kind, root, sum)))
            .filter(|(_, _, sum)| sum.files > 0)
            .map(|(kind, root, sum)| fact(kind, root, sum))
            .collect()
    }
}

/// The root directory of a summed fact, empty for that of the image; `None` when the fact sums up
/// what lies in too many.
pub(super) fn root(fact: &Fact) -> Option<&str> {
    fact.particular(ROOT)
}

/// A fact about one entry that [`root`] tells from others of its kind.
pub(super) fn rooted(fact: Fact, root: &str) -> Fact {
    fact.with(ROOT, root)
}

/// How many files a fact sums up.
pub(super) fn files(fact: &Fact) -> u64 {
    fact.particular(FILES).and_then(|files| files.parse().ok()).unwrap_or(1)
}

/// Whether the entry that proves the kind is among them.
pub(super) fn is_marked(fact: &Fact) -> bool {
    fact.particular(MARKED).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EntryKind;

    const RULE: RuleId = RuleId::new("x");

    fn entry(path: &str, size: u64) -> Entry<'_> {
        Entry { path, kind: EntryKind::File, size, link: None }
    }

    #[test]
    fn adds_up_and_keeps_the_best_witness() {
        let mut sums = Sums::default();
        sums.add("k", "a", &entry("a/small", 1));
        sums.add("k", "a", &entry("a/large", 7));
        sums.mark("m", "", &entry("proof", 0));
        sums.add("m", "", &entry("huge", 900));
        sums.add("gone", "a", &entry("a/x", 5));
        sums.take("gone", "a", 5);
        sums.take("never", "a", 5);
        let facts = sums.into_facts(&RULE);
        let read: Vec<_> = facts
            .iter()
            .map(|fact| (fact.path.as_str(), fact.size, root(fact), files(fact), is_marked(fact)))
            .collect();
        let expected = [("a/large", 8, Some("a"), 2, false), ("proof", 900, Some(""), 2, true)];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_flood_of_roots_is_bounded_and_hides_nothing() {
        for (roots, expected) in [(31, 31), (32, 32), (33, 33), (1000, 33)] {
            let mut sums = Sums::default();
            for number in 0..roots {
                sums.add("k", &format!("home/{number}"), &entry("x", 1));
            }
            let facts = sums.into_facts(&RULE);
            assert_eq!(facts.len(), expected);
            assert_eq!(facts.iter().map(|fact| fact.size).sum::<u64>(), roots);
        }
        let mut sums = Sums::default();
        for number in 0..100 {
            sums.add("k", &format!("home/{number}"), &entry("x", 1));
        }
        sums.take("k", "home/99", 1);
        assert_eq!(sums.into_facts(&RULE).iter().map(|fact| fact.size).sum::<u64>(), 99);
        for (length, expected) in [(512, Some(512)), (513, None)] {
            let mut sums = Sums::default();
            sums.add("k", &"x".repeat(length), &entry("x", 1));
            assert_eq!(root(&sums.into_facts(&RULE)[0]).map(str::len), expected);
        }
    }
}
