//! Tests of the decision: levels, modes, exceptions, undecided causes, partial knowledge.

use std::sync::Arc;

use super::*;
use crate::model::manifest::Manifest;
use crate::model::{Descriptor, Fact, ImageConfig, Platform};
use crate::policy::{OnUndecided, Pattern, RulePolicy, Scope};
use crate::rules::unreadable_layer::{self, Defect};

fn descriptor(size: u64) -> Descriptor {
    Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        digest: Digest::of(&size.to_le_bytes()),
        size,
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
    }
}

fn image(layers: &[u64]) -> Image {
    Image {
        platform: Platform { os: "linux".into(), architecture: "amd64".into(), variant: None },
        digest: Digest::of(b"image"),
        manifest: Manifest {
            config: descriptor(1),
            layers: layers.iter().copied().map(descriptor).collect(),
            annotations: BTreeMap::new(),
            artifact_type: None,
            media_type: None,
        },
        config: ImageConfig::default(),
        defects: Vec::new(),
    }
}

fn facts(image: &Image, index: usize, broken: bool) -> LayerFacts {
    let layer = &image.manifest.layers[index];
    let mut facts =
        LayerFacts { whole: true, ..LayerFacts::empty(layer.digest.clone(), layer.size) };
    if broken {
        facts.facts.push(unreadable_layer::defect(Defect::Truncated, "cut"));
    }
    facts
}

fn question(policy: Policy) -> Question {
    Question {
        reference: "r.example.com/ml/app:1".parse().unwrap(),
        namespace: None,
        policy: Arc::new(policy),
        today: jiff::civil::date(2027, 1, 1),
    }
}

fn judge(policy: Policy, broken: bool, undecided: &[Cause]) -> Verdict {
    let image = image(&[10, 20]);
    let (first, second) = (facts(&image, 0, false), facts(&image, 1, broken));
    let undecided = undecided.iter().map(|cause| Undecided::new(*cause, "x")).collect();
    question(policy).judge(
        None,
        &[Judgeable {
            image: &image,
            facts: vec![Some(&first), Some(&second)],
            around: Around::default(),
        }],
        undecided,
    )
}

fn with_level(level: Level) -> Policy {
    let rule = RulePolicy { level: Some(level), ..RulePolicy::default() };
    Policy { rules: BTreeMap::from([(unreadable_layer::ID, rule)]), ..Policy::default() }
}

fn with_exception(until: Date) -> Policy {
    let exception = Exception {
        images: vec![Pattern::parse("r.example.com/ml/**").unwrap()],
        rules: vec![unreadable_layer::ID],
        until,
        reason: "ML-142".into(),
    };
    Policy { exceptions: vec![exception], ..Policy::default() }
}

#[test]
fn levels_modes_and_exceptions_decide() {
    let warn_mode = Policy { mode: Mode::Warn, ..Policy::default() };
    let (active, expired) = (jiff::civil::date(2027, 1, 1), jiff::civil::date(2026, 12, 31));
    let table = [
        (Policy::default(), false, Decision::Allow, 0),
        (Policy::default(), true, Decision::Deny, 1),
        (with_level(Level::Warn), true, Decision::Allow, 1),
        (with_level(Level::Ignore), true, Decision::Allow, 0),
        (warn_mode, true, Decision::Allow, 1),
        (with_exception(active), true, Decision::Allow, 0),
        (with_exception(expired), true, Decision::Deny, 1),
    ];
    for (policy, broken, decision, findings) in table {
        let verdict = judge(policy.clone(), broken, &[]);
        assert_eq!((verdict.decision, verdict.findings.len()), (decision, findings), "{policy:?}");
        assert!(verdict.complete);
    }
    let waived = judge(with_exception(active), true, &[]).exceptions;
    assert_eq!((waived.len(), waived[0].findings, waived[0].reason.as_str()), (1, 1, "ML-142"));
}

#[test]
fn not_knowing_never_allows_unless_every_cause_may_pass() {
    let passing = Policy {
        undecided: BTreeMap::from([(Cause::Deadline, OnUndecided::Warn)]),
        ..Policy::default()
    };
    let warn_mode = Policy { mode: Mode::Warn, ..Policy::default() };
    let table = [
        (Policy::default(), false, vec![Cause::Deadline], Decision::Undecided),
        (Policy::default(), true, vec![Cause::Deadline], Decision::Deny),
        (passing.clone(), false, vec![Cause::Deadline], Decision::Allow),
        (passing.clone(), false, vec![Cause::Deadline, Cause::NotFound], Decision::Undecided),
        (passing, true, vec![Cause::Deadline], Decision::Deny),
        (warn_mode, true, vec![Cause::NotFound], Decision::Allow),
    ];
    for (policy, broken, causes, decision) in table {
        let verdict = judge(policy, broken, &causes);
        assert_eq!(verdict.decision, decision);
        assert!(!verdict.complete);
    }
}

#[test]
fn a_denial_from_partial_facts_is_certain() {
    let image = image(&[10, 20]);
    let broken = facts(&image, 1, true);
    let known = |facts| [Judgeable { image: &image, facts, around: Around::default() }];
    let question = question(Policy::default());
    assert!(!question.is_denied(&known(vec![None, None]), &|_| true));
    assert!(question.is_denied(&known(vec![None, Some(&broken)]), &|_| true));
    let other = |rule: &RuleId| *rule != unreadable_layer::ID;
    assert!(!question.is_denied(&known(vec![None, Some(&broken)]), &other));
    let verdict = question.judge(None, &known(vec![None, Some(&broken)]), Vec::new());
    assert!(!verdict.complete);
    assert_eq!(verdict.images[0].layers[0].unpacked_size, None);
}

#[test]
fn a_flood_of_findings_is_counted() {
    let finding = |index: usize| {
        Finding::new(unreadable_layer::ID, Level::Warn, format!("number {index}"), "fix")
    };
    let at = |count: usize| cap((0..count).map(finding).collect());
    for count in [0, 99, 100] {
        assert_eq!(at(count).len(), count);
        assert!(at(count).iter().all(|finding| finding.more.is_none()));
    }
    let messages = |count: usize| at(count).pop().unwrap().message;
    assert_eq!(messages(101), "and 1 more finding of this rule");
    let flood = at(250);
    assert_eq!((flood.len(), flood[100].more), (101, Some(150)));
    assert_eq!(flood[100].message, "and 150 more findings of this rule");
    assert_eq!(flood.iter().map(Finding::stands_for).sum::<usize>(), 250);
}

#[test]
fn warnings_do_not_count_as_further_denials() {
    let finding = |level| Finding::new(unreadable_layer::ID, level, "x", "fix");
    let of = |level, count| std::iter::repeat_n(finding(level), count);
    let capped = cap(of(Level::Deny, 120).chain(of(Level::Warn, 130)).collect());
    let count = |level| {
        let of_level = capped.iter().filter(|finding| finding.level == level);
        of_level.map(Finding::stands_for).sum::<usize>()
    };
    assert_eq!((capped.len(), count(Level::Deny), count(Level::Warn)), (202, 120, 130));
}

#[test]
fn what_is_not_listed_comes_last_of_its_rule() {
    let image = image(&[10]);
    let mut broken = facts(&image, 0, true);
    let defect = broken.facts[0].clone();
    broken.facts =
        (0..250).map(|number| Fact { path: format!("p{number:03}"), ..defect.clone() }).collect();
    let judge = |policy: Policy| {
        let facts = vec![Some(&broken)];
        let judgeable = Judgeable { image: &image, facts, around: Around::default() };
        question(policy).judge(None, &[judgeable], Vec::new())
    };
    let findings = judge(Policy::default()).findings;
    assert_eq!((findings.len(), findings[0].path.as_deref()), (101, Some("p000")));
    assert_eq!(findings[100].more, Some(150));
    let waived = judge(with_exception(jiff::civil::date(2027, 1, 1))).exceptions;
    assert_eq!(waived[0].findings, 250);
}

#[test]
fn what_is_no_reference_is_undecided_by_the_policy() {
    let judge = |policy: &Policy, namespace| {
        let undecided = Undecided::new(Cause::NotFound, "no reference");
        judge_unnamed(&"x".repeat(1000), namespace, policy, undecided)
    };
    let mut policy = Policy::default();
    let verdict = judge(&policy, None);
    assert_eq!((verdict.decision, verdict.image.len()), (Decision::Undecided, 300));
    let namespaces = vec![Pattern::parse("trial-*").unwrap()];
    policy.scopes = vec![Scope { namespaces, mode: Some(Mode::Warn), ..Scope::default() }];
    assert_eq!(judge(&policy, Some("ml")).decision, Decision::Undecided);
    assert_eq!(judge(&policy, Some("trial-1")).decision, Decision::Allow);
    policy.undecided = BTreeMap::from([(Cause::NotFound, OnUndecided::Warn)]);
    assert_eq!(judge(&policy, Some("ml")).decision, Decision::Allow);
}

#[test]
fn a_remark_is_heard_as_far_as_the_policy_wants() {
    let table = [
        (Policy::default(), Some(Level::Warn)),
        (with_level(Level::Warn), Some(Level::Warn)),
        (with_level(Level::Ignore), None),
        (with_exception(jiff::civil::date(2027, 1, 1)), None),
    ];
    for (policy, expected) in table {
        let remark = unreadable_layer::no_image(["x/y"].into_iter());
        let heard = question(policy.clone()).remark(remark);
        assert_eq!(heard.map(|finding| finding.level), expected, "{policy:?}");
    }
}
