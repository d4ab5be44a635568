//! The words of refusals and warnings, and the verdicts that all answer tests share.

use super::*;
use crate::model::finding::LayerPlace;
use crate::model::verdict::{ImageSummary, LayerSummary, Stats, Waived};
use crate::model::{Cause, Digest, Finding, Level, RuleId};

const WEIGHTS: RuleId = RuleId::new("model-weights");
const SIZE: RuleId = RuleId::new("image-size");
const CACHE: RuleId = RuleId::new("package-cache");

fn image(platform: &str, compressed_size: u64, unpacked_size: u64) -> ImageSummary {
    let layer = LayerSummary {
        digest: Digest::of(platform.as_bytes()),
        size: compressed_size,
        unpacked_size: Some(unpacked_size),
        created_by: Some("COPY models/ /app/models # buildkit".into()),
    };
    let digest = Digest::of(platform.as_bytes());
    let platform = platform.to_owned();
    ImageSummary { platform, digest, compressed_size, unpacked_size, layers: vec![layer] }
}

pub(crate) fn allowed() -> Verdict {
    Verdict {
        image: "registry.example.com/ml/app:1.4".into(),
        digest: Some(Digest::of(b"index")),
        decision: Decision::Allow,
        findings: vec![],
        undecided: vec![],
        exceptions: vec![],
        images: vec![image("linux/amd64", 1_800_000_000, 5_100_000_000)],
        policy: "0123456789ab".into(),
        complete: true,
        stats: Stats {
            bytes_read: 1_800_000_000,
            layers_scanned: 4,
            layers_cached: 7,
            elapsed_ms: 12_345,
        },
    }
}

pub(crate) fn weights(platform: &str, path: &str) -> Finding {
    let created_by = Some("COPY models/ /app/models # buildkit".to_owned());
    Finding {
        platform: platform.into(),
        layer: Some(LayerPlace { index: 3, digest: Digest::of(platform.as_bytes()), created_by }),
        path: Some(path.into()),
        size: Some(4_976_698_592),
        ..Finding::new(
            WEIGHTS,
            Level::Deny,
            "holds model weights (safetensors)",
            "mount the weights at run time, or pull them when the container starts",
        )
    }
}

pub(crate) fn denied() -> Verdict {
    let too_large = Finding {
        platform: "linux/amd64".into(),
        ..Finding::new(
            SIZE,
            Level::Deny,
            "compressed size of 4.6 GiB is over the limit of 3.0 GiB",
            "leave out build tools, caches and weights",
        )
    };
    let cache = Finding {
        platform: "linux/amd64".into(),
        path: Some("root/.cache/pip".into()),
        size: Some(900 << 20),
        ..Finding::new(
            CACHE,
            Level::Warn,
            "pip cache left in the image",
            "pip install --no-cache-dir",
        )
    };
    let path = "app/models/model.safetensors";
    Verdict {
        decision: Decision::Deny,
        findings: vec![
            too_large,
            weights("linux/amd64", path),
            weights("linux/arm64", path),
            cache,
        ],
        exceptions: vec![Waived {
            rule: RuleId::new("cuda-devel"),
            findings: 2,
            until: "2027-01-31".into(),
            reason: "JIT kernels, ML-142".into(),
        }],
        images: vec![
            image("linux/amd64", 4_976_698_592, 5_100_000_000),
            image("linux/arm64", 4_800_000_000, 5_000_000_000),
        ],
        complete: false,
        ..allowed()
    }
}

pub(crate) fn not_known() -> Verdict {
    Verdict {
        decision: Decision::Undecided,
        digest: None,
        images: vec![],
        undecided: vec![
            Undecided::new(
                Cause::RegistryUnreachable,
                "connection refused: registry.example.com:443",
            ),
            Undecided::new(
                Cause::RegistryDenied,
                "registry denied access (hint: check `registries[].credentials`): 401",
            ),
        ],
        ..allowed()
    }
}

pub(crate) fn hundred_findings() -> Verdict {
    let mut verdict = denied();
    verdict.findings = (0..100)
        .map(|n| weights("linux/amd64", &format!("app/models/shard-{n:03}.safetensors")))
        .collect();
    verdict
}

/// Stands for findings that are not listed.
pub(crate) fn surplus(platform: &str, more: usize) -> Finding {
    let message = format!("and {more} more findings of this rule");
    let finding = Finding::new(WEIGHTS, Level::Deny, message, "mount the weights");
    Finding { platform: platform.into(), more: Some(more), ..finding }
}

/// 250 findings of one rule, of which a hundred are listed.
pub(crate) fn flooded() -> Verdict {
    let mut verdict = hundred_findings();
    verdict.images.truncate(1);
    verdict.findings.push(surplus("linux/amd64", 150));
    verdict
}

pub(crate) fn hostile() -> Verdict {
    let mut verdict = denied();
    let mut finding = weights("linux/amd64", "a\n\x1b[2Jb\u{202e}c\x07");
    finding.layer.as_mut().unwrap().created_by = Some("RUN \x1b]0;owned\x07\r\nevil".into());
    finding.message = "holds `x\x1b[31m\ny`".into();
    finding.level = Level::Warn;
    verdict.findings.push(finding.clone());
    finding.level = Level::Deny;
    verdict.findings.insert(0, finding);
    verdict.images[0].platform = "linux/\x1b[0mx".into();
    verdict.exceptions[0].reason = "one\ntwo".into();
    verdict
}

#[test]
fn says_what_where_and_how_to_fix() {
    insta::assert_snapshot!(text(&denied()), @r"
    registry.example.com/ml/app:1.4 is denied (sha256:1bc04b5291c2):
    - image-size: compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64
      fix: leave out build tools, caches and weights
    - model-weights: holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms
      fix: mount the weights at run time, or pull them when the container starts
    ");
    insta::assert_snapshot!(one_line(&denied()), @"registry.example.com/ml/app:1.4 is denied (sha256:1bc04b5291c2): image-size: compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64; fix: leave out build tools, caches and weights; model-weights: holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms; fix: mount the weights at run time, or pull them when the container starts");
}

#[test]
fn says_what_was_allowed() {
    insta::assert_snapshot!(text(&allowed()), @"registry.example.com/ml/app:1.4 is allowed");
    let mut verdict = Verdict { decision: Decision::Allow, ..denied() };
    verdict.findings.retain(|finding| finding.level == Level::Warn);
    verdict.undecided = vec![Undecided::new(Cause::Deadline, "")];
    insta::assert_snapshot!(text(&verdict), @"registry.example.com/ml/app:1.4 is allowed (1 warning, cuda-devel excepted, not checked: deadline)");
}

#[test]
fn says_what_is_not_known() {
    insta::assert_snapshot!(text(&not_known()), @r"
    registry.example.com/ml/app:1.4 could not be checked:
    - registry-unreachable: connection refused: registry.example.com:443 (hint: check that the registry is up and reachable, then try again)
    - registry-denied: registry denied access (hint: check `registries[].credentials`): 401
    ");
    let mut many = not_known();
    many.undecided = vec![Undecided::new(Cause::Deadline, ""); 5];
    insta::assert_snapshot!(text(&many), @r"
    registry.example.com/ml/app:1.4 could not be checked:
    - deadline (hint: try again: the scan goes on, and what was read is remembered)
    - deadline (hint: try again: the scan goes on, and what was read is remembered)
    and 3 more
    ");
}

#[test]
fn a_hundred_findings_stay_short() {
    insta::assert_snapshot!(text(&hundred_findings()), @r"
    registry.example.com/ml/app:1.4 is denied (sha256:1bc04b5291c2):
    - model-weights: holds model weights (safetensors), `app/models/shard-000.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on linux/amd64
      fix: mount the weights at run time, or pull them when the container starts
    - model-weights: holds model weights (safetensors), `app/models/shard-001.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on linux/amd64
      fix: mount the weights at run time, or pull them when the container starts
    - model-weights: holds model weights (safetensors), `app/models/shard-002.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on linux/amd64
      fix: mount the weights at run time, or pull them when the container starts
    and 97 more findings; see `plimsoll check`
    ");
}

#[test]
fn what_is_not_listed_is_counted_and_never_named() {
    let mut verdict = flooded();
    // Wherever it stands.
    verdict.findings.rotate_right(1);
    let denied = text(&verdict);
    assert!(denied.lines().nth(1).unwrap().contains("shard-000"), "{denied}");
    assert!(denied.ends_with("\nand 247 more findings; see `plimsoll check`"), "{denied}");
    for finding in &mut verdict.findings {
        finding.level = Level::Warn;
    }
    verdict.exceptions.clear();
    assert!(warnings(&verdict).last().unwrap().ends_with("and 241 more warnings"));
    verdict.decision = Decision::Allow;
    assert!(text(&verdict).ends_with("is allowed (250 warnings)"), "{}", text(&verdict));
}

#[test]
fn every_rule_is_named_before_one_is_named_twice() {
    let mut verdict = hundred_findings();
    verdict.findings.push(denied().findings[0].clone());
    assert!(text(&verdict).contains("image-size"));
}

#[test]
fn is_bounded_whatever_the_image_says() {
    for letter in ["x", "模", "\x1b", "\u{202e}"] {
        let long = letter.repeat(3000);
        let mut verdict = hundred_findings();
        verdict.image = long.clone();
        for finding in &mut verdict.findings {
            finding.message = long.clone();
            finding.fix = long.clone();
            finding.path = Some(format!("{}{long}", finding.path.as_deref().unwrap()));
        }
        assert!(text(&verdict).len() <= MAX_BYTES, "{}", text(&verdict));
        verdict.undecided = vec![Undecided::new(Cause::Deadline, &*long); 9];
        verdict.decision = Decision::Undecided;
        assert!(text(&verdict).len() <= MAX_BYTES);
        assert!(
            warnings(&verdict).iter().all(|warning| warning.chars().count() <= MAX_WARNING_CHARS)
        );
    }
    assert_eq!(bounded("x".repeat(9), 9).len(), 9);
    assert_eq!(bounded("x".repeat(8), 9).len(), 8);
    assert_eq!(bounded("x".repeat(10), 9), "xxxxxx…");
}

#[test]
fn hostile_texts_are_harmless() {
    let verdict = hostile();
    let text = text(&verdict);
    assert!(
        !text.chars().any(|letter| letter != '\n' && super::super::plain::is_treacherous(letter))
    );
    insta::assert_snapshot!(text, @r#"
    registry.example.com/ml/app:1.4 is denied (sha256:1bc04b5291c2):
    - model-weights: holds `x\u{1b}[31m y`, `a \u{1b}[2Jb\u{202e}c\u{7}`, 4.6 GiB, layer 3 (`RUN \u{1b}]0;owned\u{7}; evil`) on linux/amd64
      fix: mount the weights at run time, or pull them when the container starts
    - image-size: compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64
      fix: leave out build tools, caches and weights
    - model-weights: holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms
      fix: mount the weights at run time, or pull them when the container starts
    "#);
    for warning in warnings(&verdict) {
        assert!(!warning.chars().any(super::super::plain::is_treacherous), "{warning:?}");
    }
}

#[test]
fn warnings_are_short_and_few() {
    insta::assert_snapshot!(warnings(&denied()).join("\n"), @r"
    app:1.4: package-cache: pip cache left in the image
    app:1.4: cuda-devel: excepted until 2027-01-31: JIT kernels, ML-142
    ");
    let mut verdict = hundred_findings();
    for finding in &mut verdict.findings {
        finding.level = Level::Warn;
    }
    verdict.exceptions.clear();
    let count = |verdict: &Verdict| warnings(verdict).len();
    assert_eq!(count(&verdict), MAX_WARNINGS);
    insta::assert_snapshot!(warnings(&verdict).last().unwrap(), @"app:1.4: and 91 more warnings");
    verdict.findings.truncate(MAX_WARNINGS);
    assert_eq!(count(&verdict), MAX_WARNINGS);
    assert!(!warnings(&verdict).last().unwrap().contains("more"));
    verdict.findings.truncate(MAX_WARNINGS - 1);
    assert_eq!(count(&verdict), MAX_WARNINGS - 1);
}

#[test]
fn what_passed_unchecked_is_a_warning() {
    let verdict = Verdict { decision: Decision::Allow, ..not_known() };
    insta::assert_snapshot!(warnings(&verdict).join("\n"), @r"
    app:1.4: not checked, registry-unreachable: connection refused: registry.example.com:443
    app:1.4: not checked, registry-denied: registry denied access (hint: check `registries[].credentials`): 401
    ");
    assert!(warnings(&not_known()).is_empty());
}
