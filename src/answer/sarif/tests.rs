//! What GitHub and other readers of SARIF rely on.

use super::*;
use crate::answer::message::tests::{allowed, denied, flooded, hostile, not_known, weights};
use crate::model::{Finding, Level};

fn parsed(verdicts: &[Verdict]) -> Value {
    let mut log: Value = serde_json::from_str(&log(verdicts)).unwrap();
    log["runs"][0].take()
}

fn notes(run: &Value) -> Vec<String> {
    let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    let text = |note: &Value| {
        format!("{} {}: {}", note["level"], note["descriptor"]["id"], note["message"]["text"])
    };
    notes.iter().map(|note| text(note).replace('"', "")).collect()
}

#[test]
fn a_log_has_one_run_for_all_images() {
    let images: Vec<Verdict> = (0..30).flat_map(|_| [allowed(), denied()]).collect();
    let log: Value = serde_json::from_str(&log(&images)).unwrap();
    assert_eq!(log["runs"].as_array().unwrap().len(), 1);
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), RULES.len());
    // The upload would not put its category there.
    assert_eq!(run["automationDetails"], Value::Null);
    assert_eq!(run["results"].as_array().unwrap().len(), 90);
    assert_eq!(run["properties"]["images"].as_array().unwrap().len(), 60);
    assert_eq!(parsed(&[])["results"], json!([]));
    assert_eq!(parsed(&[allowed()])["results"], json!([]));
}

#[test]
fn what_is_not_known_is_no_success() {
    let run = parsed(&[allowed(), denied()]);
    assert_eq!(run["invocations"][0]["executionSuccessful"], json!(true));
    assert_eq!(notes(&run), [""; 0]);
    let passing = Verdict { decision: Decision::Allow, ..not_known() };
    let run = parsed(&[passing]);
    assert_eq!(run["invocations"][0]["executionSuccessful"], json!(true));
    assert!(notes(&run)[0].starts_with("warning registry-unreachable: "), "{run}");
    let run = parsed(&[allowed(), not_known()]);
    assert_eq!(run["invocations"][0]["executionSuccessful"], json!(false));
    insta::assert_snapshot!(notes(&run).join("\n"), @r"
    error registry-unreachable: registry.example.com/ml/app:1.4: registry-unreachable: connection refused: registry.example.com:443 (hint: check that the registry is up and reachable, then try again)
    error registry-denied: registry.example.com/ml/app:1.4: registry-denied: registry denied access (hint: check `registries\\[\\].credentials`): 401
    ");
}

#[test]
fn a_result_names_rule_place_and_remedy() {
    let mut verdict = denied();
    verdict.findings[1].line = Some(7);
    let run = parsed(&[verdict]);
    let results = run["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "model-weights").unwrap();
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(RULES[index].meta().id.as_str(), "model-weights");
    assert_eq!(result["level"], "error");
    insta::assert_snapshot!(result["message"]["text"].as_str().unwrap(), @r"
    holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms
    fix: mount the weights at run time, or pull them when the container starts
    ");
    insta::assert_snapshot!(result["locations"][0]["physicalLocation"], @r#"{"artifactLocation":{"uri":"registry.example.com/ml/app/app/models/model.safetensors"},"region":{"endColumn":2,"endLine":7,"startColumn":1,"startLine":7}}"#);
    let first = &results[0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(*first, json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2}));
}

#[test]
fn an_alert_outlives_a_build_and_swallows_no_other() {
    let hashes = |verdict: &Verdict| {
        let run = parsed(std::slice::from_ref(verdict));
        let results = run["results"].as_array().unwrap().clone();
        let hash =
            |result: &Value| result["partialFingerprints"]["primaryLocationLineHash"].clone();
        results.iter().map(|result| hash(result).as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut first = denied();
    first.images.truncate(1);
    first.findings = vec![weights("linux/amd64", "a"), weights("linux/amd64", "a")];
    first.findings[1].message = "holds model weights (pickle)".into();
    let mut next = first.clone();
    next.image = next.image.replace("1.4", "1.5");
    for finding in &mut next.findings {
        finding.layer.as_mut().unwrap().created_by = Some("COPY dir:4f3a9c0 in /app".into());
        finding.size = Some(1);
    }
    assert_eq!(hashes(&first), hashes(&next));
    let [one, two] = &hashes(&first)[..] else { panic!("{:?}", hashes(&first)) };
    assert!(one.ends_with(":1") && two.ends_with(":2"), "{one} {two}");
    assert_eq!((one.len(), &one[..32]), (34, &two[..32]));
}

#[test]
fn texts_of_an_image_make_no_links() {
    let mut verdict = denied();
    verdict.findings.truncate(1);
    verdict.findings[0].message = r"holds `[click](https://evil.example)` \[x](y)".into();
    verdict.undecided = not_known().undecided;
    verdict.undecided[0].detail = "[a](b)".into();
    let run = parsed(&[verdict]);
    let text = run["results"][0]["message"]["text"].as_str().unwrap();
    assert!(text.starts_with(r"holds `\[click\](https://evil.example)` \\\[x\](y)"), "{text}");
    assert!(notes(&run)[0].contains(r"\\[a\\](b)"), "{:?}", notes(&run));
}

#[test]
fn hostile_texts_are_harmless() {
    let mut verdict = hostile();
    verdict.findings[0].message = "##[add-mask]x".into();
    let log = log(&[verdict]);
    let is_bad = |letter: char| letter != '\n' && super::super::plain::is_treacherous(letter);
    assert!(!log.chars().any(is_bad) && !log.contains("##["), "{log:?}");
    let log: Value = serde_json::from_str(&log).unwrap();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(uri.as_str().unwrap().is_ascii(), "{uri}");
    }
}

#[test]
fn what_is_not_listed_is_a_note_and_no_alert() {
    let run = parsed(&[flooded()]);
    assert_eq!(run["results"].as_array().unwrap().len(), 100);
    insta::assert_snapshot!(notes(&run).join("\n"), @"warning not-listed: registry.example.com/ml/app:1.4: model-weights: and 150 more findings of this rule");
}

#[test]
fn the_number_of_results_is_capped_and_denials_come_first() {
    for (count, expected) in [
        (MAX_RESULTS - 1, MAX_RESULTS - 1),
        (MAX_RESULTS, MAX_RESULTS),
        (MAX_RESULTS + 1, MAX_RESULTS),
    ] {
        let mut verdict = denied();
        let finding = Finding { level: Level::Warn, ..verdict.findings[0].clone() };
        verdict.findings = (1..count)
            .map(|number| Finding { path: Some(format!("p{number}")), ..finding.clone() })
            .collect();
        let mut other = denied();
        other.findings.truncate(1);
        let run = run(&[verdict, other]);
        let results = run["results"].as_array().unwrap();
        assert_eq!((results.len(), &results[0]["level"]), (expected, &json!("error")));
        let is_told = notes(&run).iter().any(|note| note.contains("1 result left out"));
        assert_eq!(is_told, count > MAX_RESULTS);
    }
}
