//! What refers to images in their registry, by type: gathered from the referrers of the image
//! and of its index, and from the attestations in the index.
//!
//! Evidence can change without the image changing, so it is believed for minutes only: a scan
//! that is there for longer than none, because whoever was refused attaches one and comes again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keeping::Keeping;
use super::{Inner, Inspector, until};
use crate::judge::Question;
use crate::model::{Cause, Digest, Image, Reference, Referrer, Undecided, referrer};
use crate::policy::Platforms;
use crate::registry::{FetchError, Referrers};
use crate::resolve::Resolved;
use crate::rules::around::Evidence;

/// How long what was looked for and found holds.
const PRESENT_HOLDS: Duration = Duration::from_mins(10);
/// How long its absence holds.
const ABSENT_HOLDS: Duration = Duration::from_mins(2);
/// Memory for evidence, in bytes.
const MEMORY_BYTES: u64 = 4 << 20;
/// Most manifests of one subject of which is asked what refers to them.
const MAX_SUBJECTS: usize = 64;
/// Most referrers of one manifest that are read because the list does not say what they are.
const MAX_OPENED: usize = 50;
/// Requests for one subject at the same time.
const AT_ONCE: usize = 4;

/// Evidence by the image's digest.
type Gathered = Arc<HashMap<Digest, Arc<Evidence>>>;
/// What was resolved, and the platforms that are judged of it.
type Key = (Reference, Platforms);

/// Evidence by what was resolved.
pub(super) struct Evidences(Keeping<Key, Gathered>);

impl Default for Evidences {
    fn default() -> Self {
        Self(Keeping::new(MEMORY_BYTES, weight))
    }
}

impl Inspector {
    /// What refers to the images, if somebody wants to know: those who look for `patterns`.
    pub(super) async fn evidence(
        &self,
        question: &Question,
        resolved: &Arc<Resolved>,
        patterns: Option<Vec<String>>,
        halfway: Option<Instant>,
    ) -> Option<Gathered> {
        let (patterns, platforms) = (patterns?, question.policy.platforms.clone());
        let key = (question.reference.at(&resolved.digest), platforms);
        if let Some((gathered, true)) = self.inner.surroundings.evidence.0.last(&key) {
            return Some(gathered);
        }
        let looking = self.inner.look_for_evidence(key, resolved, patterns);
        if let Some(Ok(Some(gathered))) = until(halfway, looking).await {
            return Some(gathered);
        }
        let late = Undecided::new(Cause::Deadline, "time ran out before the registry answered");
        let unknown = Arc::new(Evidence { types: Vec::new(), unknown: Some(late) });
        let images = resolved.images.iter();
        Some(Arc::new(images.map(|image| (image.digest.clone(), Arc::clone(&unknown))).collect()))
    }
}

/// What was found about one manifest.
#[derive(Default)]
struct Found {
    types: BTreeSet<String>,
    unknown: Option<Undecided>,
}

impl Found {
    fn miss(&mut self, undecided: Undecided) {
        self.unknown.get_or_insert(undecided);
    }

    fn extend(&mut self, other: &Self) {
        self.types.extend(other.types.iter().cloned());
        if let Some(unknown) = &other.unknown {
            self.miss(unknown.clone());
        }
    }
}

impl Inner {
    fn look_for_evidence(
        self: &Arc<Self>,
        key: Key,
        resolved: &Arc<Resolved>,
        patterns: Vec<String>,
    ) -> JoinHandle<Option<Gathered>> {
        let (inner, resolved) = (Arc::clone(self), Arc::clone(resolved));
        self.unless_stopped(async move {
            let (asker, (reference, platforms)) = (Arc::clone(&inner), key.clone());
            let gather = || async move {
                let gathered = asker.gather(&reference, &resolved, &platforms).await;
                let holds = holds(gathered.values().map(|evidence| &**evidence), &patterns);
                (Arc::new(gathered), holds)
            };
            inner.surroundings.evidence.0.ask(&key, gather).await
        })
    }

    /// The evidence for every image that is judged.
    async fn gather(
        &self,
        reference: &Reference,
        resolved: &Resolved,
        platforms: &Platforms,
    ) -> HashMap<Digest, Arc<Evidence>> {
        let images = resolved.judged(platforms);
        let mut subjects = vec![resolved.digest.clone()];
        subjects.extend(images.iter().map(|image| image.digest.clone()));
        let mut seen = HashSet::new();
        subjects.retain(|subject| seen.insert(subject.clone()));
        subjects.truncate(if images.is_empty() { 0 } else { MAX_SUBJECTS });
        let ask = |subject: Digest| async move {
            let found = self.attached(reference, &subject).await;
            (subject, found)
        };
        let found: HashMap<Digest, Found> =
            stream::iter(subjects).map(ask).buffer_unordered(AT_ONCE).collect().await;
        let evidence =
            |image: &&Image| (image.digest.clone(), Arc::new(about(image, resolved, &found)));
        images.iter().map(evidence).collect()
    }

    /// What refers to one manifest. Documents of which the list does not say what they are get
    /// opened, the latest first.
    async fn attached(&self, reference: &Reference, subject: &Digest) -> Found {
        let registry = &self.parts.registry;
        let Referrers { found: referrers, missed } = registry.referrers(reference, subject).await;
        let mut found = Found { unknown: missed.map(Undecided::from), ..Found::default() };
        let (vague, clear): (Vec<_>, Vec<_>) = referrers.into_iter().partition(Referrer::is_vague);
        found.types.extend(clear.into_iter().flat_map(|referrer| referrer.types));
        if vague.len() > MAX_OPENED {
            let detail = format!("{} documents to open (limit {MAX_OPENED})", vague.len());
            found.miss(Undecided::new(Cause::Overloaded, detail));
        }
        let open = |referrer: Referrer| async move {
            let opened = registry.manifest(&reference.at(&referrer.digest)).await;
            (referrer, opened.map(|raw| referrer::attached(&raw.bytes).types))
        };
        let latest = vague.into_iter().rev().take(MAX_OPENED);
        let mut opened = stream::iter(latest).map(open).buffer_unordered(AT_ONCE);
        while let Some((referrer, types)) = opened.next().await {
            found.types.extend(referrer.types);
            match types {
                Ok(types) => found.types.extend(types),
                // A list that clients keep still names what was deleted.
                Err(FetchError::NotFound(_)) => {}
                Err(error) => found.miss(error.into()),
            }
        }
        found
    }
}

/// The evidence for one image: its own, its index's, and the attestations next to it.
fn about(image: &Image, resolved: &Resolved, found: &HashMap<Digest, Found>) -> Evidence {
    let mut sum = Found::default();
    for subject in [&resolved.digest, &image.digest] {
        if let Some(found) = found.get(subject) {
            sum.extend(found);
        } else {
            let detail = format!("more than {MAX_SUBJECTS} manifests in one index");
            sum.miss(Undecided::new(Cause::Overloaded, detail));
        }
    }
    let is_about = |about: &Option<Digest>| about.as_ref().is_none_or(|it| *it == image.digest);
    let attestations = resolved.skipped.iter().filter(|skipped| is_about(&skipped.about));
    sum.types.extend(attestations.flat_map(|skipped| skipped.statements.iter().cloned()));
    Evidence { types: sum.types.into_iter().collect(), unknown: sum.unknown }
}

/// How long evidence holds for those who look for `patterns`. What is not known is asked again.
fn holds<'a>(gathered: impl Iterator<Item = &'a Evidence>, patterns: &[String]) -> Duration {
    let of_one = |evidence: &Evidence| match &evidence.unknown {
        _ if evidence.has(patterns) => PRESENT_HOLDS,
        None => ABSENT_HOLDS,
        Some(_) => Duration::ZERO,
    };
    gathered.map(of_one).min().unwrap_or(PRESENT_HOLDS)
}

fn weight(gathered: &Gathered) -> u32 {
    const PER_IMAGE: usize = 400;
    let bytes: usize =
        gathered.values().flat_map(|evidence| &evidence.types).map(String::len).sum();
    u32::try_from(bytes + (gathered.len() + 1) * PER_IMAGE).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(types: &[&str], is_known: bool) -> Evidence {
        let unknown = (!is_known).then(|| Undecided::new(Cause::RateLimited, ""));
        Evidence { types: types.iter().map(|kind| (*kind).to_owned()).collect(), unknown }
    }

    #[test]
    fn absence_is_asked_about_sooner_than_presence() {
        let patterns = ["scan*".to_owned()];
        let holds = |evidence: &[Evidence]| holds(evidence.iter(), &patterns);
        let (there, none) = (evidence(&["scan/1", "x"], true), evidence(&["sbom"], true));
        assert_eq!(holds(std::slice::from_ref(&there)), PRESENT_HOLDS);
        assert_eq!(holds(&[there.clone(), none.clone()]), ABSENT_HOLDS);
        assert_eq!(holds(&[evidence(&["scan/1"], false)]), PRESENT_HOLDS);
        assert_eq!(holds(&[there, none, evidence(&[], false)]), Duration::ZERO);
    }
}
