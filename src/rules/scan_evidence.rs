//! `scan-evidence`: images that nobody scanned for vulnerabilities, as far as their registry shows.
//!
//! # What it finds
//! Images to whose digest, and to whose index's digest, no result of a vulnerability scan is
//! attached. Presence is all that is asked for: signatures are not verified, results not read.
//!
//! # Why it matters
//! "Scan before pushing" is kept where somebody looks whether it was done.
//!
//! # What to do instead
//! Scan in the pipeline, and attach the result to the digest that was pushed.

use super::{Meta, Needs, Rule, Seen, Setting, Settings};
use crate::model::{Finding, Level, RuleId, Undecided, referrer};

/// The rule.
pub struct ScanEvidence;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("scan-evidence");

/// Most types that a finding names.
const MOST_SHOWN: usize = 4;

/// What counts as the result of a scan. VEX documents do not: they say what does not matter,
/// not that anybody looked. Trivy's types are spelled in three ways, and its SBOMs share two.
const TYPES: Setting = Setting::texts(
    "types",
    &[
        "https://cosign.sigstore.dev/attestation/vuln/*",
        "https://in-toto.io/attestation/vuln*",
        "https://scout.docker.com/vulnerabilities/*",
        "application/sarif+json",
        "application/trivy+json",
        "application/vnd.aquasec.trivy.report+json",
        "application/vnd.aquasec.trivy.report.v1+json",
        "application/vnd.aquasecurity.trivy.report+json",
        "application/vnd.aquasecurity.trivy.report.sarif*",
        "vnd.aquasecurity.trivy.report.sarif*",
        "application/vnd.snyk-*",
        "application/vnd.anchore.grype*",
        "application/vnd.security.vulnerability.report*",
        "application/vnd.scanner.adapter.vuln.report*",
    ],
    "artifact and predicate types that count as the result of a scan; one that ends in `*` stands \
     for all that begin so",
);

/// What types of SBOMs start with.
const SBOMS: [&str; 10] = [
    "https://spdx.dev/",
    "https://cyclonedx.org/",
    "https://scout.docker.com/sbom/",
    "https://syft.dev/",
    "application/spdx",
    "application/vnd.cyclonedx",
    "application/vnd.syft",
    "application/vnd.goharbor.harbor.sbom",
    "text/spdx",
    "application/vnd.dev.cosign.artifact.sbom",
];

static META: Meta = Meta {
    id: ID,
    title: "no vulnerability scan attached to the image",
    what: "Asks the registry what refers to the digest of the image and of its index: by the OCI \
        referrers API or the tag that stands in for it, by cosign's tag, and by the attestations \
        that BuildKit puts into the index. Complains when none of it is the result of a \
        vulnerability scan (Trivy, Snyk, Grype, Docker Scout, any SARIF report or `vuln` \
        predicate); an SBOM or a VEX document alone is none. Whether it is there is all that \
        counts: signatures are not verified and results are not read, so whoever may push to the \
        repository can satisfy this rule.",
    why: "An image that was never scanned has known holes that nobody knows of. The attached \
        result shows, for the very digest that will run, that the pipeline did its part.",
    fix: "Scan in the pipeline and attach the result to the digest: `trivy image --format \
        cosign-vuln --output scan.json IMAGE`, then `cosign attest --type vuln --predicate \
        scan.json IMAGE@DIGEST`; or `oras attach --artifact-type application/sarif+json \
        IMAGE@DIGEST scan.sarif`. At the push itself nothing can be attached yet: let events \
        warn, and admission refuse.",
    level: Level::Ignore,
    settings: &[TYPES],
};

const FIX: &str = "scan it and attach the result to the digest: `trivy image --format cosign-vuln \
    --output scan.json IMAGE`, then `cosign attest --type vuln --predicate scan.json IMAGE@DIGEST`";

impl Rule for ScanEvidence {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn needs(&self, settings: &Settings) -> Needs {
        Needs { evidence: Some(settings.texts(&TYPES)), ..Needs::default() }
    }

    fn unlearned(&self, seen: &Seen<'_>, settings: &Settings) -> Option<Undecided> {
        let evidence = seen.evidence().filter(|evidence| !evidence.has(&settings.texts(&TYPES)))?;
        let unknown = evidence.unknown.as_ref()?;
        let detail = format!("what is attached to the image: {}", unknown.detail);
        Some(Undecided::new(unknown.cause, detail))
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let Some(evidence) = seen.evidence() else { return Vec::new() };
        if evidence.unknown.is_some() || evidence.has(&settings.texts(&TYPES)) {
            return Vec::new();
        }
        let message =
            format!("no vulnerability scan is attached to the image{}", others(&evidence.types));
        vec![Finding::new(ID, Level::Deny, message, FIX)]
    }
}

/// What is attached instead, as the end of a sentence.
fn others(types: &[String]) -> String {
    // How something is wrapped matters only where nothing else is known of it.
    let mut told: Vec<&str> =
        types.iter().map(String::as_str).filter(|kind| !referrer::is_wrapping(kind)).collect();
    if told.is_empty() {
        told = types.iter().map(String::as_str).collect();
    }
    if told.is_empty() {
        return String::new();
    }
    let is_sbom = |kind: &&str| SBOMS.iter().any(|start| kind.starts_with(start));
    let what = if told.iter().all(is_sbom) { " (an SBOM is none)" } else { "" };
    let more = match told.len().saturating_sub(MOST_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    told.truncate(MOST_SHOWN);
    format!(", only{what}: `{}`{more}", told.join("`, `"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::around::Evidence;
    use super::super::testing::Sample;
    use super::*;
    use crate::model::Cause;
    use crate::rules::settings::SettingValue;

    fn with(types: &[&str]) -> Sample {
        let types = types.iter().map(|kind| (*kind).to_owned()).collect();
        of(Evidence { types, unknown: None })
    }

    fn of(evidence: Evidence) -> Sample {
        let mut sample = Sample::of(&ScanEvidence);
        sample.around.evidence = Some(Arc::new(evidence));
        sample
    }

    fn unlearned(sample: &Sample) -> Option<Undecided> {
        let seen = Seen::new(&sample.image, &[]).with(sample.around.clone());
        ScanEvidence.unlearned(&seen, &sample.settings)
    }

    #[test]
    fn results_of_scans_pass() {
        for kind in [
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            "https://in-toto.io/attestation/vulns/v0.1",
            "https://in-toto.io/attestation/vulns/v0.2",
            "https://scout.docker.com/vulnerabilities/v0.1",
            "application/sarif+json",
            "application/vnd.aquasec.trivy.report.v1+json",
            "application/vnd.aquasecurity.trivy.report.sarif.v1",
            "application/vnd.security.vulnerability.report; version=1.1",
            "application/vnd.snyk-os+json",
        ] {
            assert_eq!(with(&["https://slsa.dev/provenance/v1", kind]).level(), None, "{kind}");
        }
    }

    #[test]
    fn everything_else_does_not() {
        insta::assert_snapshot!(with(&[]).words(), @r"
        deny: no vulnerability scan is attached to the image
          fix: scan it and attach the result to the digest: `trivy image --format cosign-vuln --output scan.json IMAGE`, then `cosign attest --type vuln --predicate scan.json IMAGE@DIGEST`
        ");
        let message = |types: &[&str]| with(types).findings().remove(0).message;
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        insta::assert_snapshot!(message(&[bundle, "https://spdx.dev/Document"]), @"no vulnerability scan is attached to the image, only (an SBOM is none): `https://spdx.dev/Document`");
        insta::assert_snapshot!(message(&["https://openvex.dev/ns/v0.2.0", "application/spdx+json"]), @"no vulnerability scan is attached to the image, only: `https://openvex.dev/ns/v0.2.0`, `application/spdx+json`");
        insta::assert_snapshot!(message(&[bundle]), @"no vulnerability scan is attached to the image, only: `application/vnd.dev.sigstore.bundle.v0.3+json`");
        insta::assert_snapshot!(message(&["a", "b", "c", "d", "e"]), @"no vulnerability scan is attached to the image, only: `a`, `b`, `c`, `d` and 1 more");
        for tricky in [
            "https://cosign.sigstore.dev/attestation/vulnerable/v1",
            "https://evil.example/https://in-toto.io/attestation/vulns/v0.2",
            "application/vnd.aquasecurity.trivy.report.cyclonedx.v1",
            "application/vnd.snyk.sbom+json",
        ] {
            assert_eq!(with(&[tricky]).level(), Some(Level::Deny), "{tricky}");
        }
    }

    #[test]
    fn nothing_is_said_when_nobody_asked() {
        let sample = Sample::of(&ScanEvidence);
        assert!(sample.findings().is_empty());
        assert_eq!(unlearned(&sample), None);
    }

    #[test]
    fn not_knowing_is_no_finding() {
        let unknown = Some(Undecided::new(Cause::RateLimited, "429"));
        let types = vec!["application/spdx+json".to_owned()];
        let unsure = of(Evidence { types, unknown: unknown.clone() });
        assert!(unsure.findings().is_empty());
        insta::assert_snapshot!(unlearned(&unsure).unwrap(), @"rate-limited: what is attached to the image: 429");
        // What was found is enough.
        let types = vec!["application/sarif+json".to_owned()];
        let sure = of(Evidence { types, unknown });
        assert!(sure.findings().is_empty());
        assert_eq!(unlearned(&sure), None);
        assert_eq!(unlearned(&with(&[])), None);
    }

    #[test]
    fn the_operator_says_what_counts() {
        let mut sample = with(&["https://example.com/scan/v3"]);
        assert_eq!(sample.level(), Some(Level::Deny));
        let ours = vec!["https://example.com/scan/*".to_owned()];
        sample.settings.set(&TYPES, SettingValue::Texts(ours.clone()));
        assert_eq!(sample.level(), None);
        assert_eq!(ScanEvidence.needs(&sample.settings).evidence, Some(ours));
    }
}
