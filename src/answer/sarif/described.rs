//! The tool and its rules, as a SARIF log describes them.

use serde_json::{Value, json};

use crate::model::{Cause, Level, RuleId};
use crate::rules::{Meta, RULES, secret_config, secret_file, unreadable_layer};

/// Names the notification that not all findings are in the log.
pub(super) const UNLISTED: &str = "not-listed";

/// What makes GitHub treat a rule's results as security alerts.
struct Security {
    rule: RuleId,
    /// From 0.1 to 10.0, as of CVSS: GitHub calls 7.0 to 8.9 high.
    severity: &'static str,
    /// The weakness, as GitHub spells it in tags.
    weakness: &'static str,
}

/// The rules that find something an intruder can use: secrets, and what hides from the scan.
/// Compilers, weights and size are not among them: an alert on each would bury those that count.
const SECURITY: &[Security] = &[
    Security { rule: secret_config::ID, severity: "8.0", weakness: "external/cwe/cwe-798" },
    Security { rule: secret_file::ID, severity: "8.0", weakness: "external/cwe/cwe-798" },
    Security { rule: unreadable_layer::ID, severity: "7.0", weakness: "external/cwe/cwe-693" },
];

/// The tool with all its rules, whether they found something or not.
pub(super) fn driver() -> Value {
    let cause = |cause: Cause| notification(cause.as_str(), crate::answer::hint(cause));
    let mut notifications: Vec<Value> = Cause::ALL.into_iter().map(cause).collect();
    notifications.push(notification(UNLISTED, "a rule found more than is listed"));
    json!({
        "name": "Plimsoll",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": RULES.iter().map(|rule| rule_of(rule.meta())).collect::<Vec<_>>(),
        "notifications": notifications,
    })
}

fn notification(id: &str, text: &str) -> Value {
    // GitHub's validator asks for the three of them here as well.
    let text = json!({"text": text});
    json!({"id": id, "shortDescription": text, "fullDescription": text, "help": text})
}

fn rule_of(meta: &Meta) -> Value {
    json!({
        "id": meta.id.as_str(),
        "shortDescription": {"text": meta.title},
        "fullDescription": {"text": meta.what},
        "help": {
            "text": format!("{}\n\n{}", meta.why, meta.fix),
            "markdown": format!("{}\n\n**What to do instead:** {}", meta.why, meta.fix),
        },
        "defaultConfiguration": {"level": level(meta.level)},
        "properties": properties(meta),
    })
}

fn properties(meta: &Meta) -> Value {
    match SECURITY.iter().find(|security| security.rule == meta.id) {
        Some(Security { severity, weakness, .. }) => {
            json!({"tags": ["container-image", "security", weakness], "security-severity": severity})
        }
        None => json!({"tags": ["container-image"]}),
    }
}

/// GitHub knows no level `none`, which a rule that is off would have.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Ignore => "note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_described_as_github_wants_them() {
        let driver = driver();
        let rules = driver["rules"].as_array().unwrap();
        assert_eq!(rules.len(), RULES.len());
        for rule in rules {
            let level = rule["defaultConfiguration"]["level"].as_str().unwrap();
            assert!(["note", "warning", "error"].contains(&level), "{rule}");
            for (text, most) in [("shortDescription", 1024), ("fullDescription", 1024)] {
                let length = rule[text]["text"].as_str().unwrap().chars().count();
                assert!((1..=most).contains(&length), "{rule}");
            }
        }
        let severe: Vec<String> = rules
            .iter()
            .filter(|rule| rule["properties"]["tags"][1] == "security")
            .map(|rule| format!("{} {}", rule["id"], rule["properties"]["security-severity"]))
            .collect();
        insta::assert_snapshot!(severe.join("\n"), @r#"
        "secret-config" "8.0"
        "secret-file" "8.0"
        "unreadable-layer" "7.0"
        "#);
        let rest = rules.iter().find(|rule| rule["id"] == "model-weights").unwrap();
        assert_eq!(rest["properties"], json!({"tags": ["container-image"]}));
    }
}
