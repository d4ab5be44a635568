//! What the layers of one question may take together, in memory and in thought. Each alone is
//! capped by [`crate::scan::Limits`]; two thousand of them are not. Ordinary subjects stay far
//! below: a conda layer of 300,000 entries takes 12 MiB, and ten platforms of it are three
//! million steps.

use std::sync::Arc;

use crate::answer::size;
use crate::model::LayerFacts;
use crate::rules::unreadable_layer::{self, Defect};

/// Most bytes of listings.
const MAX_LISTING_BYTES: u64 = 256 << 20;
/// Most bytes of facts.
const MAX_FACT_BYTES: u64 = 128 << 20;
/// Most entries, counted once for every image that has their layer: each image is judged.
const MAX_STEPS: u64 = 20_000_000;
/// Entries beyond which judging is no work for a thread that serves requests.
const HEAVY_STEPS: u64 = 50_000;

/// What was taken so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    listing_bytes: u64,
    fact_bytes: u64,
    steps: u64,
    /// Whether something did not fit.
    pub(super) is_exceeded: bool,
}

impl Budget {
    /// Takes the facts of a layer that so many images have. What does not fit is left out, and
    /// that is a defect of the image: nobody could say what its other paths hide.
    pub(super) fn admit(&mut self, facts: Arc<LayerFacts>, images: usize) -> Arc<LayerFacts> {
        let images = u64::try_from(images).unwrap_or(u64::MAX);
        let listing = self.listing_bytes.saturating_add(facts.listing.size_bytes());
        let steps = self.steps.saturating_add(facts.listing.len().saturating_mul(images));
        let noted = facts.facts.iter().map(crate::model::Fact::memory_bytes);
        let noted = noted.fold(self.fact_bytes, u64::saturating_add);
        let (defect, detail) = if noted > MAX_FACT_BYTES {
            let limit = size(MAX_FACT_BYTES);
            (Defect::TooManyFacts, format!("facts of more than {limit} in all layers together"))
        } else if listing > MAX_LISTING_BYTES {
            let limit = size(MAX_LISTING_BYTES);
            (Defect::TooManyEntries, format!("paths of more than {limit} in all layers together"))
        } else if steps > MAX_STEPS {
            let detail = format!("more than {MAX_STEPS} entries in all platforms together");
            (Defect::TooManyEntries, detail)
        } else {
            (self.listing_bytes, self.fact_bytes, self.steps) = (listing, noted, steps);
            return facts;
        };
        self.is_exceeded = true;
        let defect = unreadable_layer::defect(defect, &detail);
        Arc::new(LayerFacts {
            unpacked_bytes: facts.unpacked_bytes,
            facts: vec![defect],
            whole: facts.whole,
            ..LayerFacts::empty(facts.digest.clone(), facts.compressed_bytes)
        })
    }

    /// Whether judging takes noticeable time.
    pub(super) fn is_heavy(&self) -> bool {
        self.steps > HEAVY_STEPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, EntryKind, Fact, RuleId};

    fn layer(entries: u32) -> Arc<LayerFacts> {
        let mut facts = LayerFacts::empty(Digest::of(b"x"), 1);
        (0..entries).for_each(|_| facts.listing.push("a", EntryKind::File, 0));
        Arc::new(LayerFacts { whole: true, unpacked_bytes: 7, ..facts })
    }

    fn defects(facts: &LayerFacts) -> Vec<&str> {
        facts.facts.iter().map(|fact| fact.kind.as_str()).collect()
    }

    #[test]
    fn entries_count_once_an_image() {
        let mut budget = Budget { steps: MAX_STEPS - 20, ..Budget::default() };
        for (entries, expected) in [(9, [].as_slice()), (1, &[]), (1, &["too-many-entries"])] {
            let admitted = budget.admit(layer(entries), 2);
            assert_eq!(defects(&admitted), expected, "{entries}");
            assert_eq!((admitted.unpacked_bytes, admitted.whole), (7, true));
            assert_eq!(budget.is_exceeded, !expected.is_empty());
        }
        // What is smaller still fits.
        assert!(defects(&budget.admit(layer(0), 500)).is_empty());
    }

    #[test]
    fn memory_is_capped() {
        let bytes = layer(3).listing.size_bytes();
        let mut budget =
            Budget { listing_bytes: MAX_LISTING_BYTES - 2 * bytes, ..Budget::default() };
        let admit = |budget: &mut Budget, facts| !defects(&budget.admit(facts, 1)).is_empty();
        let found = [layer(2), layer(3), layer(2)].map(|facts| admit(&mut budget, facts));
        assert_eq!(found, [false, false, true]);
        let fact = Fact::new(RuleId::new("x"), "x", "a", 1);
        let noted = Arc::new(LayerFacts { facts: vec![fact.clone()], ..(*layer(0)).clone() });
        let mut budget =
            Budget { fact_bytes: MAX_FACT_BYTES - fact.memory_bytes(), ..Budget::default() };
        assert_eq!(defects(&budget.admit(Arc::clone(&noted), 1)), ["x"]);
        assert_eq!(defects(&budget.admit(noted, 1)), ["too-many-facts"]);
    }

    #[test]
    fn large_listings_are_heavy() {
        let at = |steps| Budget { steps, ..Budget::default() }.is_heavy();
        assert_eq!(
            [at(HEAVY_STEPS - 1), at(HEAVY_STEPS), at(HEAVY_STEPS + 1)],
            [false, false, true]
        );
    }
}
