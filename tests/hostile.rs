//! The hostile set through `plimsoll check`: every attack has its outcome, and none passes.

pub mod attacks;
mod properties;

use serde_json::Value;

use self::attacks::{Attack, small};
use crate::support::image::{self, write_layout};
use crate::support::process::plimsoll;

/// Judges layouts, all in one process; the verdicts in the same order.
fn check(layouts: &[std::path::PathBuf]) -> Vec<Value> {
    let images = layouts.iter().map(|layout| format!("oci:{}:1", layout.display()));
    let output =
        plimsoll().args(["check", "--no-cache", "-o", "json"]).args(images).output().unwrap();
    let stream = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let verdicts: Vec<Value> = stream.map(Result::unwrap).collect();
    assert_eq!(verdicts.len(), layouts.len(), "{}", String::from_utf8_lossy(&output.stderr));
    verdicts
}

/// What is wrong with the outcome of an attack.
fn complaint(attack: &Attack, verdict: &Value) -> Option<String> {
    let is_it = |finding: &Value| {
        finding["level"] == "deny"
            && finding["rule"] == attack.rule
            && finding["message"].as_str().unwrap().contains(attack.words)
    };
    let findings = verdict["findings"].as_array().unwrap();
    if verdict["decision"] == "deny" && findings.iter().any(is_it) {
        return None;
    }
    let said: Vec<_> = findings.iter().map(|finding| &finding["message"]).collect();
    let undecided = &verdict["undecided"];
    Some(format!("{}: {} {said:?} {undecided}", attack.name, verdict["decision"]))
}

#[test]
fn every_attack_has_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let attacks = small();
    let mut layouts = Vec::new();
    for attack in &attacks {
        let layout = dir.path().join(attack.name);
        assert!(!layout.exists(), "{} is there twice", attack.name);
        attack.write(&layout);
        layouts.push(layout);
    }
    let verdicts = check(&layouts);
    let complaints: Vec<String> = attacks
        .iter()
        .zip(&verdicts)
        .filter_map(|(attack, verdict)| complaint(attack, verdict))
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn honest_layers_for_lazy_loading_pass() {
    let dir = tempfile::tempdir().unwrap();
    let images = [attacks::lazy::honest_estargz(), attacks::lazy::honest_chunked()];
    let mut layouts = Vec::new();
    for (index, image) in images.iter().enumerate() {
        layouts.push(dir.path().join(index.to_string()));
        write_layout(&layouts[index], "1", image);
    }
    for verdict in check(&layouts) {
        assert_eq!(
            (&verdict["decision"], &verdict["findings"]),
            (&"allow".into(), &Value::Array(Vec::new()))
        );
    }
}

#[test]
fn a_signature_is_no_image_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    write_layout(dir.path(), "1", &attacks::images::honest_signature());
    let verdict = check(&[dir.path().to_owned()]).remove(0);
    assert_eq!(verdict["decision"], "allow");
    assert_eq!(verdict["images"], serde_json::json!([]));
    insta::assert_snapshot!(serde_json::to_string_pretty(&verdict["findings"]).unwrap(), @r#"
    [
      {
        "fix": "nothing of it was judged; if it should be run, push it as an image with its configuration and layers",
        "level": "warn",
        "message": "no container image: artifact of type application/vnd.dev.cosign.simplesigning.v1+json",
        "rule": "unreadable-layer"
      }
    ]
    "#);
}

/// The large ones are only made by `make hostile`; their names are checked here.
#[test]
fn names_are_good_folder_names() {
    let mut names: Vec<_> =
        small().iter().chain(&attacks::large()).map(|attack| attack.name).collect();
    for name in &names {
        let is_good = |letter: char| letter.is_ascii_alphanumeric() || "-.".contains(letter);
        assert!(name.chars().all(is_good), "{name}");
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
