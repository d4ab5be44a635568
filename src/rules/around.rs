//! What is known of an image beyond the facts of its layers: results shared between judgements,
//! and what had to be asked of a registry for a rule's sake. All of it may be absent.

use std::sync::{Arc, OnceLock};

use crate::model::Undecided;
use crate::scan::overlay::Overlay;
use crate::scan::waste::Waste;

/// What a rule needs to be told of an image, beyond facts, to judge it by its settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// References of base images, to compare with.
    pub bases: Vec<String>,
    /// Patterns (see [`Evidence::has`]) of what should refer to the image; `None` when nobody
    /// wants to know what does.
    pub evidence: Option<Vec<String>>,
}

impl Needs {
    /// What both need.
    pub fn extend(&mut self, other: Self) {
        if let Some(more) = other.evidence {
            self.evidence.get_or_insert_default().extend(more);
        }
        for base in other.bases {
            if !self.bases.contains(&base) {
                self.bases.push(base);
            }
        }
    }
}

/// What is known of an image beyond the facts of its layers.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Results that all judgements of one image share. A new one for an image of which layers
    /// are still unknown.
    pub memo: Arc<Memo>,
    /// The base images that a policy names.
    pub bases: Arc<[Base]>,
    /// What refers to the image; `None` when nobody asked.
    pub evidence: Option<Arc<Evidence>>,
}

/// Results about a whole image that take a walk over all its entries: computed once, and only
/// when a rule asks. Layers never change, so neither do these.
#[derive(Debug, Default)]
pub struct Memo {
    pub(super) overlay: OnceLock<Overlay>,
    pub(super) waste: OnceLock<Waste>,
}

impl Memo {
    /// For judgements of which nobody asks what later layers hide.
    pub(super) fn without_fates() -> Self {
        Self { overlay: OnceLock::from(Overlay::default()), ..Self::default() }
    }
}

/// A base image that a policy names, as a registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The reference as it is written in the policy.
    pub name: String,
    /// Digests of the uncompressed layers of each of its platforms, base first; or why they are
    /// not known.
    pub diff_ids: Result<Vec<Vec<String>>, String>,
}

/// What refers to an image in its registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Types of what is attached: artifact types and predicate types, each once, in order.
    pub types: Vec<String>,
    /// Why not all of it is known, if so.
    pub unknown: Option<Undecided>,
}

impl Evidence {
    /// Whether something of one of these types is attached. A pattern that ends in `*` stands for
    /// all types that begin so; media types know no case.
    pub fn has(&self, patterns: &[String]) -> bool {
        self.types.iter().any(|kind| patterns.iter().any(|pattern| is_like(kind, pattern)))
    }
}

fn is_like(kind: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => kind.eq_ignore_ascii_case(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_the_rest() {
        let table = [
            ("application/sarif+json", "application/sarif+json", true),
            ("Application/SARIF+json", "application/sarif+json", true),
            ("application/sarif+json; v=2", "application/sarif+json", false),
            (
                "https://in-toto.io/attestation/vulns/v0.2",
                "https://in-toto.io/attestation/vuln*",
                true,
            ),
            ("https://in-toto.io/attestation/vuln", "https://in-toto.io/attestation/vuln*", true),
            ("https://in-toto.io/attestation/vul", "https://in-toto.io/attestation/vuln*", false),
            ("xé", "x\u{c3}*", false),
            ("anything", "*", true),
            ("a*b", "a*b", true),
            ("axb", "a*b", false),
        ];
        for (kind, pattern, expected) in table {
            let evidence = Evidence { types: vec!["x".into(), kind.into()], unknown: None };
            assert_eq!(evidence.has(&[pattern.to_owned()]), expected, "{kind} {pattern}");
        }
        assert!(!Evidence::default().has(&["*".to_owned()]));
    }
}
