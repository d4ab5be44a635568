//! The only place that decides: images, facts and policy in, verdict out.
//! Invariant: pure; today's date is an argument. Partial facts are welcome: more facts can only
//! add denials, so a denial from partial facts is certain.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::model::verdict::{ImageSummary, LayerSummary, Stats, Waived};
use crate::model::{
    Cause, Decision, Digest, Finding, Image, LayerFacts, Level, Reference, RuleId, Undecided,
    Verdict,
};
use crate::policy::{Applied, Exception, Mode, Policy};
use crate::rules::secrets::redact;
use crate::rules::{Around, Meta, Needs, RULES, Seen};

/// Most findings of one level that one rule may report about one image; the rest is counted. A
/// layer full of keys must not make an answer of megabytes.
const MAX_FINDINGS_PER_RULE: usize = 100;

/// Most characters shown of a text that is no reference.
const MAX_SHOWN: usize = 300;

/// Whom a verdict is for, and by which policy on which day.
#[derive(Debug, Clone)]
pub struct Question {
    /// The image as asked.
    pub reference: Reference,
    /// Kubernetes namespace, when a review asks.
    pub namespace: Option<String>,
    /// The policy.
    pub policy: std::sync::Arc<Policy>,
    /// Today in UTC, for exceptions.
    pub today: Date,
}

/// The day it is in UTC, by which exceptions end.
pub fn utc_day(now: jiff::Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(now).date()
}

/// One platform's image with the facts known of its layers, by index.
pub struct Judgeable<'a> {
    /// The image.
    pub image: &'a Image,
    /// Facts of each layer, `None` where not read.
    pub facts: Vec<Option<&'a LayerFacts>>,
    /// What is known beyond them.
    pub around: Around,
}

impl<'a> Judgeable<'a> {
    fn seen(&self) -> Seen<'a> {
        Seen::new(self.image, &self.facts).with(self.around.clone())
    }
}

impl Question {
    /// Decides about the images of a subject.
    pub fn judge(
        &self,
        digest: Option<Digest>,
        images: &[Judgeable<'_>],
        mut undecided: Vec<Undecided>,
    ) -> Verdict {
        let seen: Vec<_> = images.iter().map(Judgeable::seen).collect();
        let (mut findings, exceptions) = self.complaints(&seen, &|_, _| true);
        findings.sort_by_cached_key(order);
        for layer in findings.iter_mut().filter_map(|finding| finding.layer.as_mut()) {
            layer.created_by = layer.created_by.as_deref().map(redact);
        }
        for unlearned in self.unlearned(&seen) {
            if !undecided.contains(&unlearned) {
                undecided.push(unlearned);
            }
        }
        let complete = undecided.is_empty() && seen.iter().all(Seen::is_complete);
        Verdict {
            image: self.reference.to_string(),
            digest,
            decision: self.decide(&findings, &undecided),
            findings,
            undecided,
            exceptions,
            images: seen.iter().map(summary).collect(),
            policy: self.policy.hash(),
            complete,
            stats: Stats::default(),
        }
    }

    /// A remark about the subject as a whole, as far as the policy wants to hear of its rule.
    pub fn remark(&self, mut finding: Finding) -> Option<Finding> {
        let applied = self.policy.applied(&self.reference, self.namespace.as_deref());
        let mut of_rules = RULES.iter().zip(applied);
        let (_, applied) = of_rules.find(|(rule, _)| rule.meta().id == finding.rule)?;
        finding.level = finding.level.min(applied.level).min(Level::Warn);
        let mut findings = vec![finding];
        self.waive(&mut findings);
        findings.pop().filter(|finding| finding.level > Level::Ignore)
    }

    /// Whether what is known suffices to refuse, whatever is learned later; asking those rules
    /// only that have something new to say.
    pub fn is_denied(&self, images: &[Judgeable<'_>], has_news: &dyn Fn(&RuleId) -> bool) -> bool {
        let seen: Vec<_> = images.iter().map(|image| image.seen().in_passing()).collect();
        let may_deny = |rule: &RuleId, level: Level| level == Level::Deny && has_news(rule);
        self.complaints(&seen, &may_deny).0.iter().any(|finding| finding.level == Level::Deny)
    }

    /// What the rules need to be told about the images.
    pub fn needs(&self) -> Needs {
        Needs::of(&self.policy.applied(&self.reference, self.namespace.as_deref()))
    }

    /// All findings of some rules, exceptions and mode applied.
    fn complaints(
        &self,
        seen: &[Seen<'_>],
        is_asked: &dyn Fn(&RuleId, Level) -> bool,
    ) -> (Vec<Finding>, Vec<Waived>) {
        let mut findings: Vec<Finding> =
            seen.iter().flat_map(|seen| self.findings(seen, is_asked)).collect();
        let exceptions = self.waive(&mut findings);
        if self.mode() == Mode::Warn {
            for finding in &mut findings {
                finding.level = finding.level.min(Level::Warn);
            }
        }
        (findings, exceptions)
    }

    /// What could not be learned for rules that might have refused for it.
    fn unlearned(&self, seen: &[Seen<'_>]) -> Vec<Undecided> {
        let applied = self.policy.applied(&self.reference, self.namespace.as_deref());
        let is_waived =
            |rule: &RuleId| self.covering().iter().any(|exception| exception.rules.contains(rule));
        RULES
            .iter()
            .zip(applied)
            .filter(|(rule, Applied { level, .. })| {
                *level == Level::Deny && !is_waived(&rule.meta().id)
            })
            .flat_map(|(rule, Applied { settings, .. })| {
                seen.iter().filter_map(move |seen| rule.unlearned(seen, &settings))
            })
            .collect()
    }

    /// Whether the policy lets a cause pass, with a warning.
    fn lets_pass(&self, cause: Cause) -> bool {
        self.policy.lets_pass(self.mode(), cause)
    }

    fn mode(&self) -> Mode {
        self.policy.mode_for(&self.reference.name(), self.namespace.as_deref())
    }

    fn decide(&self, findings: &[Finding], undecided: &[Undecided]) -> Decision {
        if findings.iter().any(|finding| finding.level == Level::Deny) {
            Decision::Deny
        } else if undecided.iter().all(|undecided| self.lets_pass(undecided.cause)) {
            Decision::Allow
        } else {
            Decision::Undecided
        }
    }

    fn findings(&self, seen: &Seen<'_>, is_asked: &dyn Fn(&RuleId, Level) -> bool) -> Vec<Finding> {
        let platform = seen.image.platform.to_string();
        let applied = self.policy.applied(&self.reference, self.namespace.as_deref());
        RULES
            .iter()
            .zip(applied)
            .filter(|(rule, Applied { level, .. })| {
                *level > Level::Ignore && is_asked(&rule.meta().id, *level)
            })
            .flat_map(|(rule, Applied { level, settings })| {
                let mut findings = rule.judge(seen, &settings);
                if level == Level::Warn {
                    let unlearned = rule.unlearned(seen, &settings);
                    findings.extend(unlearned.map(|unlearned| doubt(rule.meta(), &unlearned)));
                }
                for finding in &mut findings {
                    finding.level = finding.level.min(level);
                    finding.platform.clone_from(&platform);
                }
                findings.retain(|finding| finding.level > Level::Ignore);
                findings.sort_by_key(|finding| Reverse(finding.level));
                cap(findings)
            })
            .collect()
    }

    /// The exceptions that hold for the subject today.
    fn covering(&self) -> Vec<&Exception> {
        let exceptions = self.policy.exceptions.iter();
        exceptions.filter(|exception| exception.covers(&self.reference, self.today)).collect()
    }

    /// Takes out what exceptions cover, and says what was taken.
    fn waive(&self, findings: &mut Vec<Finding>) -> Vec<Waived> {
        let covering = self.covering();
        let mut waived: BTreeMap<RuleId, Waived> = BTreeMap::new();
        findings.retain(|finding| {
            let Some(exception) =
                covering.iter().find(|exception| exception.rules.contains(&finding.rule))
            else {
                return true;
            };
            let entry = waived.entry(finding.rule.clone()).or_insert_with(|| Waived {
                rule: finding.rule.clone(),
                findings: 0,
                until: exception.until.to_string(),
                reason: exception.reason.clone(),
            });
            entry.findings += finding.stands_for();
            false
        });
        waived.into_values().collect()
    }
}

/// Decides about what somebody wrote in place of a reference.
pub fn judge_unnamed(
    written: &str,
    namespace: Option<&str>,
    policy: &Policy,
    undecided: Undecided,
) -> Verdict {
    let passes = policy.lets_pass(policy.mode_for("", namespace), undecided.cause);
    let decision = if passes { Decision::Allow } else { Decision::Undecided };
    Verdict {
        image: written.chars().take(MAX_SHOWN).collect(),
        digest: None,
        decision,
        findings: Vec::new(),
        undecided: vec![undecided],
        exceptions: Vec::new(),
        images: Vec::new(),
        policy: policy.hash(),
        complete: false,
        stats: Stats::default(),
    }
}

/// The warning that a rule which only warns could not be asked.
fn doubt(rule: &Meta, unlearned: &Undecided) -> Finding {
    let message = format!("could not be judged: {unlearned}");
    let hint = crate::answer::hint(unlearned.cause);
    Finding::new(rule.id.clone(), Level::Warn, message, hint)
}

/// Keeps the first findings of one rule, which come worst first, of each level apart, and says
/// how many more there are.
fn cap(findings: Vec<Finding>) -> Vec<Finding> {
    if findings.len() <= MAX_FINDINGS_PER_RULE {
        return findings;
    }
    let of_levels = findings.chunk_by(|one, next| one.level == next.level);
    of_levels
        .flat_map(|of_level| {
            let parts = of_level.split_at_checked(MAX_FINDINGS_PER_RULE);
            let (kept, rest) = parts.unwrap_or((of_level, &[]));
            kept.iter().cloned().chain(surplus(rest))
        })
        .collect()
}

/// The finding that stands for all the others of its rule and level.
fn surplus(rest: &[Finding]) -> Option<Finding> {
    let first = rest.first()?;
    let message = format!("and {} of this rule", crate::answer::count(rest.len(), "more finding"));
    let finding = Finding::new(first.rule.clone(), first.level, message, first.fix.clone());
    Some(Finding { platform: first.platform.clone(), more: Some(rest.len()), ..finding })
}

/// What findings are sorted by.
type Order = (Reverse<Level>, usize, bool, String, Option<usize>, Option<String>);

/// Worst first, then in the order of the rules, then by place; what is not listed at the end.
fn order(finding: &Finding) -> Order {
    let rule = RULES.iter().position(|rule| rule.meta().id == finding.rule).unwrap_or(RULES.len());
    (
        Reverse(finding.level),
        rule,
        finding.more.is_some(),
        finding.platform.clone(),
        finding.layer.as_ref().map(|layer| layer.index),
        finding.path.clone(),
    )
}

fn summary(seen: &Seen<'_>) -> ImageSummary {
    let layers: Vec<LayerSummary> = seen
        .layers()
        .map(|(layer, facts)| LayerSummary {
            digest: layer.descriptor.digest.clone(),
            size: layer.descriptor.size,
            unpacked_size: facts.filter(|facts| facts.whole).map(|facts| facts.unpacked_bytes),
            // An instruction may repeat a secret, as `RUN |1 TOKEN=...` does.
            created_by: layer.created_by.map(redact),
        })
        .collect();
    ImageSummary {
        platform: seen.image.platform.to_string(),
        digest: seen.image.digest.clone(),
        compressed_size: seen.image.manifest.compressed_bytes(),
        unpacked_size: layers
            .iter()
            .filter_map(|layer| layer.unpacked_size)
            .fold(0, u64::saturating_add),
        layers,
    }
}

#[cfg(test)]
mod tests;
