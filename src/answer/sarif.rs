//! Verdicts as one SARIF 2.1.0 log, which GitHub, GitLab and IDEs show as code scanning results.
//! Source: OASIS SARIF 2.1.0; GitHub's "SARIF support for code scanning".

use serde_json::{Value, json};

use super::group::{Group, grouped};
use super::plain::line;
use super::{message, place};
use crate::model::{Decision, Digest, Finding, Level, Reference, Undecided, Verdict};
use crate::rules::{Meta, RULES};

/// Most results of one run; GitHub takes 25,000 and shows 5,000.
const MAX_RESULTS: usize = 5000;
/// Longest text shown of a message or remedy, in characters.
const MAX_TEXT_CHARS: usize = 1000;

/// All verdicts as one log, a run for each image, without a line end behind it.
pub fn log(verdicts: &[Verdict]) -> String {
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": verdicts.iter().map(run).collect::<Vec<_>>(),
    });
    super::json::pretty_value(&log)
}

fn run(verdict: &Verdict) -> Value {
    let groups = grouped(verdict.findings.iter());
    let results: Vec<Value> =
        groups.iter().take(MAX_RESULTS).map(|group| result(group, verdict)).collect();
    let notes: Vec<Value> = verdict.undecided.iter().map(notification).collect();
    json!({
        "tool": {"driver": {
            "name": "Plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": RULES.iter().map(|rule| described(rule.meta())).collect::<Vec<_>>(),
        }},
        // Tells runs of several images apart, which GitHub would else take for one another.
        "automationDetails": {"id": format!("plimsoll/{}/", repository(verdict))},
        "invocations": [{
            "executionSuccessful": verdict.decision != Decision::Undecided,
            "toolExecutionNotifications": notes,
        }],
        "results": results,
        "properties": {
            "image": line(&verdict.image, 300),
            "digest": verdict.digest.as_ref().map(Digest::to_string),
            "decision": verdict.decision,
            "policy": verdict.policy,
            "complete": verdict.complete,
        },
    })
}

fn described(meta: &Meta) -> Value {
    json!({
        "id": meta.id.as_str(),
        "shortDescription": {"text": meta.title},
        "fullDescription": {"text": meta.what},
        "help": {
            "text": format!("{}\n\n{}", meta.why, meta.fix),
            "markdown": format!("{}\n\n**What to do instead:** {}", meta.why, meta.fix),
        },
        "defaultConfiguration": {"level": level(meta.level)},
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Ignore => "none",
    }
}

fn result(group: &Group<'_>, verdict: &Verdict) -> Value {
    let finding = group.finding;
    let places = place::of(finding, 120);
    let places = if places.is_empty() { String::new() } else { format!(", {}", places.join(", ")) };
    let text = format!(
        "{}{places}{}\nfix: {}",
        line(&finding.message, MAX_TEXT_CHARS),
        group.on_platforms(verdict),
        line(&finding.fix, MAX_TEXT_CHARS),
    );
    let rule = RULES.iter().position(|rule| rule.meta().id == finding.rule);
    json!({
        "ruleId": finding.rule.as_str(),
        "ruleIndex": rule.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1),
        "level": level(finding.level),
        "message": {"text": text},
        "locations": [{
            // GitHub shows nothing without a file.
            "physicalLocation": {"artifactLocation": {"uri": uri(finding, verdict)}},
            "logicalLocations": [{"fullyQualifiedName": logical(finding, verdict)}],
        }],
        "partialFingerprints": {"finding/v1": fingerprint(finding, verdict)},
        "properties": {
            "platforms": group.platforms.iter().map(|name| line(name, 40)).collect::<Vec<_>>(),
            "layer": finding.layer,
            "size": finding.size,
        },
    })
}

/// The image's name without tag and digest, or what was written in place of one.
fn repository(verdict: &Verdict) -> String {
    let name = verdict.image.parse().map(|reference: Reference| reference.name());
    line(&name.unwrap_or_else(|_| verdict.image.clone()), 300)
}

/// `ml/app/opt/model.bin`: the path in the image, below the image's name.
fn uri(finding: &Finding, verdict: &Verdict) -> String {
    let name = repository(verdict);
    let text = match finding.path.as_deref() {
        Some(path) if !path.is_empty() => format!("{name}/{path}"),
        _ => name,
    };
    text.bytes().fold(String::new(), |uri, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            uri + std::str::from_utf8(&[byte]).unwrap_or_default()
        }
        byte => uri + &format!("%{byte:02X}"),
    })
}

fn logical(finding: &Finding, verdict: &Verdict) -> String {
    let image = line(&verdict.image, 300);
    match &finding.layer {
        Some(layer) => format!("{image} layer {}", layer.index),
        None => image,
    }
}

/// The same for the same complaint about the next build of the image, in which sizes and digests
/// are others.
fn fingerprint(finding: &Finding, verdict: &Verdict) -> String {
    let instruction = finding.layer.as_ref().and_then(|layer| layer.created_by.as_deref());
    let words: String = finding.message.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let path = finding.path.as_deref().unwrap_or_default();
    let parts =
        [finding.rule.as_str(), &repository(verdict), path, &words, instruction.unwrap_or("")];
    Digest::of(parts.join("\0").as_bytes()).hex().chars().take(32).collect()
}

fn notification(undecided: &Undecided) -> Value {
    json!({
        "level": "error",
        "message": {"text": message::cause(undecided, MAX_TEXT_CHARS)},
        "descriptor": {"id": undecided.cause.as_str()},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::{allowed, denied, hostile, not_known};

    fn parsed(verdicts: &[Verdict]) -> Value {
        serde_json::from_str(&log(verdicts)).unwrap()
    }

    #[test]
    fn a_log_has_a_run_for_each_image_and_all_rules() {
        let log = parsed(&[allowed(), denied(), not_known()]);
        let runs = log["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 3);
        assert_eq!(runs[0]["tool"]["driver"]["rules"].as_array().unwrap().len(), RULES.len());
        assert_eq!(runs[0]["results"], json!([]));
        assert_eq!(runs[0]["invocations"][0]["executionSuccessful"], json!(true));
        assert_eq!(runs[1]["automationDetails"]["id"], "plimsoll/registry.example.com/ml/app/");
        assert_eq!(runs[2]["invocations"][0]["executionSuccessful"], json!(false));
        insta::assert_snapshot!(
            runs[2]["invocations"][0]["toolExecutionNotifications"][0]["descriptor"]["id"]
                .as_str()
                .unwrap(),
            @"registry-unreachable");
    }

    #[test]
    fn a_result_names_rule_place_and_remedy() {
        let log = parsed(&[denied()]);
        let result = log["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .find(|result| result["ruleId"] == "model-weights")
            .unwrap();
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(RULES[index].meta().id.as_str(), "model-weights");
        assert_eq!(result["level"], "error");
        insta::assert_snapshot!(result["message"]["text"].as_str().unwrap(), @r"
        holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms
        fix: mount the weights at run time, or pull them when the container starts
        ");
        insta::assert_snapshot!(
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap(),
            @"registry.example.com/ml/app/app/models/model.safetensors");
    }

    #[test]
    fn fingerprints_outlive_a_build() {
        let (first, verdict) = (denied().findings[0].clone(), denied());
        let mut second = first.clone();
        second.message = second.message.replace(|letter: char| letter.is_ascii_digit(), "7");
        second.size = Some(1);
        assert_eq!(fingerprint(&first, &verdict), fingerprint(&second, &verdict));
        second.path = Some("elsewhere".into());
        assert_ne!(fingerprint(&first, &verdict), fingerprint(&second, &verdict));
    }

    #[test]
    fn hostile_texts_are_harmless() {
        let log = log(&[hostile()]);
        let is_bad = |letter: char| letter != '\n' && super::super::plain::is_treacherous(letter);
        assert!(!log.chars().any(is_bad), "{log:?}");
        let log: Value = serde_json::from_str(&log).unwrap();
        for result in log["runs"][0]["results"].as_array().unwrap() {
            let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            assert!(uri.as_str().unwrap().is_ascii(), "{uri}");
        }
    }

    #[test]
    fn the_number_of_results_is_capped() {
        for (count, expected) in [
            (MAX_RESULTS - 1, MAX_RESULTS - 1),
            (MAX_RESULTS, MAX_RESULTS),
            (MAX_RESULTS + 1, MAX_RESULTS),
        ] {
            let mut verdict = denied();
            let finding = verdict.findings[0].clone();
            verdict.findings = (0..count)
                .map(|number| Finding { path: Some(format!("p{number}")), ..finding.clone() })
                .collect();
            let log = run(&verdict);
            assert_eq!(log["results"].as_array().unwrap().len(), expected);
        }
    }
}
