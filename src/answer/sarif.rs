//! Verdicts as one SARIF 2.1.0 log, which GitHub, GitLab and IDEs show as code scanning results.
//! Source: OASIS SARIF 2.1.0; GitHub's "SARIF support for code scanning", which says what GitHub
//! wants beyond the standard.
//!
//! One run for all images: GitHub refuses more than 20 runs, and two of one category. The category
//! (`automationDetails`) is left to whoever uploads, because the upload keeps what is set here.

mod described;

mod identity;

use std::cmp::Reverse;
use std::collections::HashMap;

use serde_json::{Value, json};

use super::group::{Group, Groups, Room};
use super::plain::line;
use super::{count, message};
use crate::model::{Decision, Digest, Undecided, Verdict};
use crate::rules::RULES;

/// Most results of the log; GitHub takes 25,000 of a run and shows 5,000.
const MAX_RESULTS: usize = 5000;
/// Longest texts shown.
const ROOM: Room = Room { text: 1000, instruction: 120 };

/// All verdicts as one log, without a line end behind it.
pub fn log(verdicts: &[Verdict]) -> String {
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run(verdicts)],
    });
    super::json::pretty_value(&log)
}

fn run(verdicts: &[Verdict]) -> Value {
    let grouped: Vec<(Groups<'_>, &Verdict)> = verdicts
        .iter()
        .map(|verdict| (Groups::of(verdict.findings.iter(), verdict), verdict))
        .collect();
    let mut listed: Vec<(&Group<'_>, &Verdict)> = grouped
        .iter()
        .flat_map(|(groups, verdict)| groups.listed.iter().map(|group| (group, *verdict)))
        .collect();
    // The warnings of one image must not displace the denials of the next.
    listed.sort_by_key(|(group, _)| Reverse(group.finding.level));
    let left_out = listed.len().saturating_sub(MAX_RESULTS);
    listed.truncate(MAX_RESULTS);
    let mut notes: Vec<Value> = verdicts.iter().flat_map(unknowns).collect();
    notes.extend(grouped.iter().flat_map(|(groups, verdict)| unlisted(groups, verdict)));
    if left_out > 0 {
        let text = format!("{} left out (at most {MAX_RESULTS})", count(left_out, "result"));
        notes.push(notification("warning", described::UNLISTED, &text));
    }
    json!({
        "tool": {"driver": described::driver()},
        "invocations": [{
            "executionSuccessful":
                verdicts.iter().all(|verdict| verdict.decision != Decision::Undecided),
            "toolExecutionNotifications": notes,
        }],
        "results": results(&listed),
        "properties": {"images": verdicts.iter().map(judged).collect::<Vec<_>>()},
    })
}

/// What was judged, and how.
fn judged(verdict: &Verdict) -> Value {
    json!({
        "image": line(&verdict.image, 300),
        "digest": verdict.digest.as_ref().map(Digest::to_string),
        "decision": verdict.decision,
        "policy": verdict.policy,
        "complete": verdict.complete,
    })
}

fn results(listed: &[(&Group<'_>, &Verdict)]) -> Vec<Value> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut results = Vec::with_capacity(listed.len());
    for (group, verdict) in listed {
        let mut result = result(group, verdict);
        let identity = identity::of(group.finding, &verdict.image);
        let number = seen.entry(identity.clone()).or_default();
        *number += 1;
        // Two complaints that nothing lasting tells apart must not become one alert.
        let fingerprints = json!({"primaryLocationLineHash": format!("{identity}:{number}")});
        if let Some(result) = result.as_object_mut() {
            result.insert("partialFingerprints".to_owned(), fingerprints);
        }
        results.push(result);
    }
    results
}

fn result(group: &Group<'_>, verdict: &Verdict) -> Value {
    let finding = group.finding;
    let text = group.complaint(verdict, ROOM) + &group.remedy("\n", ROOM);
    let rule = RULES.iter().position(|rule| rule.meta().id == finding.rule);
    let row = finding.line.filter(|row| *row > 0).unwrap_or(1);
    json!({
        "ruleId": finding.rule.as_str(),
        "ruleIndex": rule.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1),
        "level": described::level(finding.level),
        "message": {"text": escaped(&text)},
        "locations": [{
            // GitHub shows nothing without a file and a place in it.
            "physicalLocation": {
                "artifactLocation": {"uri": identity::uri(finding, &verdict.image)},
                "region": {"startLine": row, "startColumn": 1, "endLine": row, "endColumn": 2},
            },
            "logicalLocations": [{"fullyQualifiedName": logical(group, verdict)}],
        }],
        "properties": {
            "platforms": group.platforms.iter().map(|name| line(name, 40)).collect::<Vec<_>>(),
            "layer": finding.layer,
            "size": finding.size,
        },
    })
}

fn logical(group: &Group<'_>, verdict: &Verdict) -> String {
    let image = line(&verdict.image, 300);
    match &group.finding.layer {
        Some(layer) => format!("{image} layer {}", layer.index),
        None => image,
    }
}

/// `[text](uri)` in a message is a link (SARIF 2.1.0, 3.11.6), also when an image says it.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('[', r"\[").replace(']', r"\]")
}

/// What could not be learned. An alert of such an image is not mended because it is not told.
fn unknowns(verdict: &Verdict) -> impl Iterator<Item = Value> {
    let level = if verdict.decision == Decision::Undecided { "error" } else { "warning" };
    verdict.undecided.iter().map(move |undecided: &Undecided| {
        let text =
            format!("{}: {}", line(&verdict.image, 300), message::cause(undecided, ROOM.text));
        notification(level, undecided.cause.as_str(), &text)
    })
}

/// What a rule found beyond what is listed.
fn unlisted(groups: &Groups<'_>, verdict: &Verdict) -> Vec<Value> {
    let texts = groups.surplus.iter().map(|group| {
        let complaint = group.complaint(verdict, ROOM);
        format!("{}: {}: {complaint}", line(&verdict.image, 300), group.finding.rule)
    });
    texts.map(|text| notification("warning", described::UNLISTED, &text)).collect()
}

fn notification(level: &str, id: &str, text: &str) -> Value {
    json!({"level": level, "message": {"text": escaped(text)}, "descriptor": {"id": id}})
}

#[cfg(test)]
mod tests;
