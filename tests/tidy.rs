//! Habits that no compiler checks: what a file says of itself and how long it may be, which
//! modules touch nothing but values, what every rule has to bring along.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plimsoll::model::{Cause, Level};
use plimsoll::rules::settings::{SettingKind, SettingValue};
use plimsoll::rules::{RULES, Rule};
use serde_json::Value;

/// Longest file. None is excepted.
const MOST_LINES: usize = 400;

/// What pure modules do without: a runtime, the network, the file system, the clock.
const IMPURE: &[&str] = &[
    "tokio",
    "axum",
    "hyper",
    "reqwest",
    "oci_client",
    "sqlx",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::env",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
];

/// Modules without I/O, with all that is below them.
const PURE: &[&str] =
    &["model", "scan", "rules", "policy", "judge", "answer", "receive/admission", "receive/events"];

/// A source file: its path below the package, and its text.
struct Source {
    path: String,
    text: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "{folder}");
    sources
}

/// Fails with all complaints at once.
fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut complaints = Vec::new();
    for Source { path, text } in ["src", "tests", "examples"].into_iter().flat_map(sources) {
        if !text.starts_with("//! ") {
            complaints.push(format!("{path}: does not begin with `//!`"));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            complaints.push(format!("{path}: {lines} lines (limit {MOST_LINES}): split it"));
        }
    }
    expect_none(&complaints);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file has none of them.
    let words = [["TO", "DO"], ["FIX", "ME"], ["unimple", "mented!"], ["#[ign", "ore"]];
    let words: Vec<String> = words.iter().map(|parts| parts.concat()).collect();
    let mut complaints = Vec::new();
    for Source { path, text } in ["src", "tests", "examples"].into_iter().flat_map(sources) {
        for word in words.iter().filter(|word| text.contains(word.as_str())) {
            complaints.push(format!("{path}: {word}"));
        }
    }
    expect_none(&complaints);
}

#[test]
fn no_file_is_called_mod() {
    let named = |source: &Source| source.path.ends_with("/mod.rs");
    assert!(!["src", "tests"].into_iter().flat_map(sources).any(|source| named(&source)));
}

#[test]
fn pure_modules_touch_nothing_but_values() {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for Source { path, text } in sources("src") {
        let module = path.trim_start_matches("src/").trim_end_matches(".rs");
        let is_in = |pure: &&&str| {
            module.strip_prefix(**pure).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some(pure) = PURE.iter().find(is_in) else { continue };
        seen.insert(*pure);
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let words = IMPURE.iter().filter(|word| names(code, word));
            complaints.extend(words.map(|word| format!("{path}:{}: {word}", number + 1)));
        }
    }
    expect_none(&complaints);
    assert_eq!(seen.len(), PURE.len(), "{seen:?}");
}

/// Whether a line has `word` as a word of its own.
fn names(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, behind) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_part) && !behind.starts_with(is_part)
    })
}

#[test]
fn words_are_told_from_parts_of_words() {
    for (line, expected) in [
        ("use tokio::time;", true),
        ("tokio", true),
        ("let tokio_like = 1;", false),
        ("hypertokio", false),
        ("", false),
    ] {
        assert_eq!(names(line, "tokio"), expected, "{line}");
    }
}

fn id(rule: &dyn Rule) -> &'static str {
    rule.meta().id.as_str()
}

fn is_kebab(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.split('-').all(is_word)
}

#[test]
fn every_rule_file_is_in_the_list_and_every_rule_has_its_file() {
    let files: BTreeSet<String> = sources("src/rules")
        .into_iter()
        .filter(|source| source.path.matches('/').count() == 2)
        .filter(|source| source.text.contains("\nimpl Rule for "))
        .map(|source| {
            let name = source.path.trim_start_matches("src/rules/").trim_end_matches(".rs");
            name.replace('_', "-")
        })
        .collect();
    let listed: BTreeSet<String> = RULES.iter().map(|rule| id(*rule).to_owned()).collect();
    assert_eq!(files, listed);
    assert_eq!(listed.len(), RULES.len(), "an id is used twice");
}

#[test]
fn every_rule_explains_itself() {
    let mut complaints = Vec::new();
    for rule in RULES {
        let meta = rule.meta();
        let id = id(*rule);
        let mut complain = |what: &str| complaints.push(format!("{id}: {what}"));
        if !is_kebab(id) {
            complain("id is not kebab-case");
        }
        if meta.title.ends_with('.') || meta.title.chars().count() > 60 || meta.title.is_empty() {
            complain("title is not a few words without a full stop");
        }
        for (name, text) in [("what", meta.what), ("why", meta.why), ("fix", meta.fix)] {
            if text.chars().count() < 40 || !text.ends_with('.') || text.contains("  ") {
                complain(&format!("`{name}` is no sentence"));
            }
        }
        if meta.level == Level::Ignore && id != "scan-evidence" {
            complain("is off by default");
        }
        let file = format!("src/rules/{}.rs", id.replace('-', "_"));
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        for heading in ["What it finds", "Why it matters", "What to do instead"] {
            if !text.contains(&format!("\n//! # {heading}\n")) {
                complain(&format!("its file lacks the heading `{heading}`"));
            }
        }
    }
    expect_none(&complaints);
}

#[test]
fn every_setting_reads_back_what_it_shows_as_its_default() {
    for rule in RULES {
        for setting in rule.meta().settings {
            let name = format!("{}.{}", id(*rule), setting.name);
            assert!(is_kebab(setting.name), "{name}");
            assert!(!setting.help.is_empty() && !setting.help.ends_with('.'), "{name}");
            let (shown, default) = match setting.kind {
                SettingKind::Bytes(bytes) => (setting.default_text(), bytes),
                SettingKind::Count(count) => (count.to_string(), count),
                SettingKind::Texts(_) | SettingKind::References => continue,
            };
            let value = match setting.kind {
                SettingKind::Count(count) => Value::from(count),
                _ => Value::from(shown.clone()),
            };
            assert_eq!(setting.parse(&value), Ok(SettingValue::Number(default)), "{name}: {shown}");
        }
    }
}

#[test]
fn the_readme_says_what_each_cause_means() {
    let readme = include_str!("../README.md");
    for cause in Cause::ALL {
        assert!(readme.contains(&format!("`{cause}`")), "{cause}");
    }
}
