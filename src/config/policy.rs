//! The policy section: what was written becomes [`crate::policy::Policy`].

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use super::problem::Problems;
use super::raw::{RawException, RawPolicy, RawRules, RawScope};
use super::shape::{quoted, shown};
use crate::model::{Cause, Level, RuleId};
use crate::policy::{Exception, Mode, OnUndecided, Pattern, Platforms, Policy, RulePolicy, Scope};
use crate::rules::{self, Meta};

pub(super) fn policy(raw: RawPolicy, problems: &mut Problems) -> Policy {
    let undecided = raw.undecided.unwrap_or_default();
    let on = |cause: &str| undecided.get(cause).copied().flatten();
    Policy {
        mode: raw.mode.unwrap_or(Mode::Enforce),
        platforms: raw
            .platforms
            .filter(|platforms| !platforms.is_null())
            .and_then(|platforms| problems.keep("policy.platforms", parse_platforms(&platforms)))
            .unwrap_or_default(),
        undecided_default: on("default").unwrap_or(OnUndecided::Deny),
        undecided: Cause::ALL
            .into_iter()
            .filter_map(|cause| on(cause.as_str()).map(|action| (cause, action)))
            .collect(),
        rules: rules_at("policy.rules", raw.rules.unwrap_or_default(), problems),
        scopes: each(raw.scopes, "policy.scopes", |path, raw| scope(path, raw, problems)),
        exceptions: each(raw.exceptions, "policy.exceptions", |path, raw| {
            exception(path, raw, problems)
        }),
    }
}

fn each<R, T>(
    raw: Option<Vec<R>>,
    path: &str,
    mut read: impl FnMut(&str, R) -> Option<T>,
) -> Vec<T> {
    raw.unwrap_or_default()
        .into_iter()
        .enumerate()
        .filter_map(|(index, raw)| read(&format!("{path}[{index}]"), raw))
        .collect()
}

fn parse_platforms(value: &Value) -> Result<Platforms, String> {
    let expected = "expected `all` or a list such as `[linux/amd64]`";
    let items = match value {
        Value::String(text) if text == "all" => return Ok(Platforms::All),
        Value::Array(items) if !items.is_empty() => items,
        // Judging no platform would allow everything.
        Value::Array(_) => return Err(format!("{expected}, got an empty list")),
        other => return Err(format!("{expected}, got {}", shown(other))),
    };
    let platform = |item: &Value| {
        item.as_str()
            .filter(|text| is_platform(text))
            .map(str::to_owned)
            .ok_or_else(|| format!("expected `os/arch` or `os/arch/variant`, got {}", shown(item)))
    };
    items.iter().map(platform).collect::<Result<_, _>>().map(Platforms::Listed)
}

/// Whether a text is `os/arch` or `os/arch/variant`.
pub(crate) fn is_platform(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    (2..=3).contains(&text.split('/').count()) && text.split('/').all(is_part)
}

fn rules_at(path: &str, raw: RawRules, problems: &mut Problems) -> BTreeMap<RuleId, RulePolicy> {
    let mut read = BTreeMap::new();
    for (id, keys) in raw {
        // Unknown rules and keys were noted and taken out by the schema already.
        let Some(rule) = rules::find(&id) else { continue };
        let path = format!("{path}.{id}");
        let written = rule_policy(&path, rule.meta(), keys.unwrap_or_default(), problems);
        read.insert(rule.meta().id.clone(), written);
    }
    read
}

fn rule_policy(
    path: &str,
    meta: &Meta,
    mut keys: BTreeMap<String, Value>,
    problems: &mut Problems,
) -> RulePolicy {
    let mut policy = RulePolicy {
        level: keys
            .remove("level")
            .and_then(|level| serde_json::from_value::<Option<Level>>(level).ok())
            .flatten(),
        ..RulePolicy::default()
    };
    for setting in meta.settings {
        let Some(value) = keys.get(setting.name).filter(|value| !value.is_null()) else { continue };
        let parsed = problems.keep(&format!("{path}.{}", setting.name), setting.parse(value));
        if let Some(value) = parsed {
            policy.settings.set(setting, value);
        }
    }
    policy
}

fn scope(path: &str, raw: RawScope, problems: &mut Problems) -> Option<Scope> {
    let matching = raw.matching?;
    let at = |key: &str| format!("{path}.match.{key}");
    let is_empty = |texts: &Option<Vec<String>>| texts.as_ref().is_none_or(Vec::is_empty);
    let matches_everything = is_empty(&matching.namespaces) && is_empty(&matching.repositories);
    let namespaces = patterns(&at("namespaces"), matching.namespaces, problems);
    let repositories = patterns(&at("repositories"), matching.repositories, problems);
    if matches_everything {
        problems.add(
            format!("{path}.match"),
            "matches everything (hint: write `namespaces` or `repositories`, \
             or put the keys into `policy` itself)",
        );
    }
    let rules = rules_at(&format!("{path}.rules"), raw.rules.unwrap_or_default(), problems);
    Some(Scope { namespaces, repositories, mode: raw.mode, rules })
}

fn patterns(path: &str, written: Option<Vec<String>>, problems: &mut Problems) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (index, text) in written.unwrap_or_default().iter().enumerate() {
        patterns.extend(problems.keep(&format!("{path}[{index}]"), parse_pattern(text)));
    }
    patterns
}

fn parse_pattern(text: &str) -> Result<Pattern, String> {
    if text.trim().is_empty() {
        return Err("expected a pattern, got an empty text".to_owned());
    }
    Pattern::parse(text).map_err(|reason| format!("not a glob ({reason}): {}", quoted(text)))
}

fn exception(path: &str, raw: RawException, problems: &mut Problems) -> Option<Exception> {
    let at = |key: &str| format!("{path}.{key}");
    for (key, is_empty) in [
        ("images", raw.images.as_ref().is_some_and(Vec::is_empty)),
        ("rules", raw.rules.as_ref().is_some_and(Vec::is_empty)),
        ("reason", raw.reason.as_ref().is_some_and(|reason| reason.trim().is_empty())),
    ] {
        if is_empty {
            problems.add(at(key), "empty");
        }
    }
    let images = patterns(&at("images"), raw.images, problems);
    let rules = waived_rules(&at("rules"), raw.rules.as_deref().unwrap_or_default(), problems);
    let until = raw.until.and_then(|until| problems.keep(&at("until"), parse_date(&until)))?;
    Some(Exception { images, rules, until, reason: raw.reason? })
}

fn waived_rules(path: &str, written: &[String], problems: &mut Problems) -> Vec<RuleId> {
    let mut waived = Vec::new();
    for (index, id) in written.iter().enumerate() {
        let known = rules::find(id).map(|rule| rule.meta().id.clone()).ok_or_else(|| {
            let ids = rules::RULES.iter().map(|rule| rule.meta().id.as_str());
            let hint = super::names::nearest(id, ids)
                .map(|near| format!(" (hint: did you mean `{near}`?)"))
                .unwrap_or_default();
            format!("unknown rule: {}{hint}", quoted(id))
        });
        waived.extend(problems.keep(&format!("{path}[{index}]"), known));
    }
    waived
}

fn parse_date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("expected a date such as `2027-01-31`, got {}", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Setting;
    use serde_json::json;

    const MAX: Setting = Setting::bytes("max-compressed", 3 << 30, "");
    const NAMES: Setting = Setting::texts("names", &[], "");
    static META: Meta = Meta {
        id: RuleId::new("image-size"),
        title: "",
        what: "",
        why: "",
        fix: "",
        level: Level::Deny,
        settings: &[MAX, NAMES],
    };

    fn read(keys: Value) -> (RulePolicy, Vec<String>) {
        let mut problems = Problems::default();
        let keys = serde_json::from_value(keys).unwrap();
        let policy = rule_policy("policy.rules.image-size", &META, keys, &mut problems);
        (policy, problems.into_vec().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn reads_the_settings_of_a_rule() {
        let (policy, problems) = read(json!({"level": "warn", "max-compressed": "4GiB"}));
        assert_eq!(policy.level, Some(Level::Warn));
        assert_eq!(policy.settings.number(&MAX), 4 << 30);
        assert!(problems.is_empty());
        assert_eq!(read(json!({"level": null, "names": null})).0, RulePolicy::default());
        let (_, problems) = read(json!({"max-compressed": "lots", "names": "x"}));
        insta::assert_snapshot!(problems.join("\n"), @r#"
        policy.rules.image-size.max-compressed: expected a size such as `3GiB`, got `lots`
        policy.rules.image-size.names: expected a list of texts, got `"x"`
        "#);
    }

    #[test]
    fn a_base_that_is_no_reference_is_told_with_its_key() {
        let mut problems = Problems::default();
        let raw =
            json!({"cuda-devel": {"denied-bases": ["nvidia/cuda:12-devel", "nvidia/cuda:*"]}});
        rules_at("policy.rules", serde_json::from_value(raw).unwrap(), &mut problems);
        let problems: Vec<String> = problems.into_vec().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(problems.join("\n"), @"policy.rules.cuda-devel.denied-bases: not an image reference (invalid reference format): `nvidia/cuda:*`");
    }

    #[test]
    fn platforms_have_two_or_three_parts() {
        for good in ["linux/amd64", "linux/arm64/v8"] {
            assert!(is_platform(good), "{good}");
        }
        for bad in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", ""] {
            assert!(!is_platform(bad), "{bad}");
        }
        assert_eq!(parse_platforms(&json!("all")), Ok(Platforms::All));
        insta::assert_snapshot!(parse_platforms(&json!(["amd64"])).unwrap_err(), @"expected `os/arch` or `os/arch/variant`, got `amd64`");
    }
}
