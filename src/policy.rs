//! What applies to whom: modes, levels, settings, scopes and exceptions.
//! Invariant: pure; today's date is an argument. Reading it from YAML is `config`'s work.

mod applied;

use std::collections::BTreeMap;

use globset::GlobMatcher;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::reference::canonical_registry;
use crate::model::{Cause, Digest, Level, Platform, Reference, RuleId};
use crate::rules::Settings;

/// Whether findings refuse or only warn.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Findings of level deny refuse.
    #[default]
    Enforce,
    /// Nothing is refused; what would be is a warning. For rolling out.
    Warn,
}

/// What "not known" does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnUndecided {
    /// Refuse: nothing is allowed by accident.
    #[default]
    Deny,
    /// Allow, with a warning.
    Warn,
}

/// Which platforms of an index are judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub enum Platforms {
    /// Every one.
    #[default]
    All,
    /// Those that a machine of one of these kinds (`os/arch` or `os/arch/variant`) may be given.
    Listed(Vec<String>),
}

impl Platforms {
    /// Whether an image for `platform` is judged.
    pub fn include(&self, platform: &Platform) -> bool {
        match self {
            Self::All => true,
            Self::Listed(wanted) => wanted.iter().any(|wanted| platform.matches(wanted)),
        }
    }
}

/// Level and settings of one rule, as far as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RulePolicy {
    /// Level, if written.
    pub level: Option<Level>,
    /// Settings that are written.
    pub settings: Settings,
}

impl RulePolicy {
    fn overridden_by(&self, other: Option<&Self>) -> Self {
        other.map_or_else(
            || self.clone(),
            |other| Self {
                level: other.level.or(self.level),
                settings: self.settings.overridden_by(&other.settings),
            },
        )
    }
}

/// A glob over names, anchored at both ends: `*` stays within one part of a path, `**` does not.
/// The registry in it is spelled as references spell theirs (see [`Reference::registry`]).
#[derive(Debug, Clone)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// Compiles a pattern. The error is for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let glob = globset::GlobBuilder::new(&respelled(text))
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| error.kind().to_string())?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The pattern as written, but for the spelling of its registry.
    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }
}

/// A pattern that names its registry in another spelling than references do would never match,
/// and a scope that never matches tightens nothing.
fn respelled(text: &str) -> String {
    let (registry, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    if !registry.contains(['*', '?', '[', '{', '\\']) {
        return canonical_registry(registry) + rest;
    }
    let lower = registry.to_ascii_lowercase();
    let host = lower
        .strip_suffix(":443")
        .filter(|host| host.ends_with(|last: char| last.is_ascii_alphanumeric()))
        .unwrap_or(&lower);
    format!("{host}{rest}")
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Overrides for some namespaces and repositories.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Scope {
    /// Namespaces it is for; empty means any, also none.
    pub namespaces: Vec<Pattern>,
    /// `registry/repository` names it is for; empty means any.
    pub repositories: Vec<Pattern>,
    /// Mode, if overridden.
    pub mode: Option<Mode>,
    /// Single keys of rules that are overridden.
    pub rules: BTreeMap<RuleId, RulePolicy>,
}

impl Scope {
    fn matches(&self, name: &str, namespace: Option<&str>) -> bool {
        let in_namespace = self.namespaces.is_empty()
            || namespace.is_some_and(|namespace| {
                self.namespaces.iter().any(|glob| glob.matches(namespace))
            });
        let in_repository =
            self.repositories.is_empty() || self.repositories.iter().any(|glob| glob.matches(name));
        in_namespace && in_repository
    }
}

/// A dated, reasoned waiver.
#[derive(Debug, Clone, Serialize)]
pub struct Exception {
    /// Images it is for: `registry/repository`, or with `:tag` or `@digest` behind it. A tag is
    /// only looked at when a reference has no digest.
    pub images: Vec<Pattern>,
    /// Rules it waives.
    pub rules: Vec<RuleId>,
    /// Last day it holds (UTC).
    pub until: Date,
    /// Why.
    pub reason: String,
}

impl Exception {
    /// Whether it waives findings about `reference` today.
    ///
    /// With a digest written, the tag counts for nothing: runtimes ignore it too, so whoever may
    /// name an image could put the waived tag in front of any digest.
    pub fn covers(&self, reference: &Reference, today: Date) -> bool {
        let name = reference.name();
        let exact = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => format!("{name}@{digest}"),
            (None, tag) => format!("{name}:{}", tag.unwrap_or("latest")),
        };
        today <= self.until
            && self.images.iter().any(|glob| glob.matches(&name) || glob.matches(&exact))
    }
}

/// The whole policy. Build it, then [`Policy::hash`] names it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Policy {
    /// Mode outside scopes that say otherwise.
    pub mode: Mode,
    /// Platforms that are judged.
    pub platforms: Platforms,
    /// What an undecided cause does without an entry of its own.
    pub undecided_default: OnUndecided,
    /// What single causes do.
    pub undecided: BTreeMap<Cause, OnUndecided>,
    /// Rules, as far as written.
    pub rules: BTreeMap<RuleId, RulePolicy>,
    /// Overrides, first match wins.
    pub scopes: Vec<Scope>,
    /// Waivers.
    pub exceptions: Vec<Exception>,
}

/// Level and settings of one rule for one subject.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What its findings do at most.
    pub level: Level,
    /// Its settings.
    pub settings: Settings,
}

impl Policy {
    /// Names the policy: equal policies have equal hashes, whatever their spelling in YAML.
    pub fn hash(&self) -> String {
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        Digest::of(&canonical).short().to_owned()
    }

    fn scope(&self, name: &str, namespace: Option<&str>) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.matches(name, namespace))
    }

    /// The mode for one subject: `registry/repository`, or nothing where a text is no reference
    /// and so only scopes without repositories are for it.
    pub fn mode_for(&self, name: &str, namespace: Option<&str>) -> Mode {
        self.scope(name, namespace).and_then(|scope| scope.mode).unwrap_or(self.mode)
    }

    /// What applies to one subject, in the order of [`RULES`](crate::rules::RULES).
    pub fn applied(&self, reference: &Reference, namespace: Option<&str>) -> Vec<Applied> {
        self.applied_in(self.scope(&reference.name(), namespace))
    }

    /// Whether a cause passes, with a warning, in this mode.
    pub fn lets_pass(&self, mode: Mode, cause: Cause) -> bool {
        mode == Mode::Warn || self.on_undecided(cause) == OnUndecided::Warn
    }

    /// What an undecided cause does.
    pub fn on_undecided(&self, cause: Cause) -> OnUndecided {
        self.undecided.get(&cause).copied().unwrap_or(self.undecided_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::settings::{Setting, SettingValue};

    fn reference(text: &str) -> Reference {
        text.parse().unwrap()
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn patterns_are_anchored() {
        // Portieris v0.14.2: "admission-control bypass via unanchored wildcard".
        let table = [
            ("r.example.com/legacy/**", "r.example.com/legacy/a/b", true),
            ("r.example.com/legacy/*", "r.example.com/legacy/a", true),
            ("r.example.com/legacy/*", "r.example.com/legacy/a/b", false),
            ("r.example.com/legacy/**", "evil.example.com/r.example.com/legacy/a", false),
            ("legacy", "r.example.com/legacy", false),
            ("research-*", "research-a", true),
            ("research-*", "not-research-a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(Pattern::parse("[").is_err());
    }

    #[test]
    fn a_registry_matches_in_every_spelling() {
        let table = [
            ("Registry.Example.com/strict/**", "registry.example.com/strict/app", true),
            ("registry.example.com:443/strict/**", "registry.example.com/strict/app", true),
            ("registry.example.com:5000/**", "registry.example.com:5000/app", true),
            ("*.Example.com:443/**", "registry.example.com/app", true),
            ("*:443/**", "registry.example.com:5000/app", false),
            ("index.docker.io/ml/*", "docker.io/ml/app", true),
            ("Registry.Example.com:443", "registry.example.com", true),
            ("r.example.com/app:V1", "r.example.com/app:V1", true),
            ("r.example.com/app:V1", "r.example.com/app:v1", false),
        ];
        for (pattern, text, expected) in table {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(text), expected, "{} {text}", pattern.as_str());
        }
    }

    #[test]
    fn the_first_matching_scope_overrides_single_keys() {
        const MAX: Setting = Setting::bytes("max-compressed", 3, "");
        let rule = RuleId::new("image-size");
        let mut tight = RulePolicy::default();
        tight.settings.set(&MAX, SettingValue::Number(8));
        let scope = |namespaces: &[&str], repositories: &[&str]| Scope {
            namespaces: patterns(namespaces),
            repositories: patterns(repositories),
            mode: Some(Mode::Warn),
            rules: BTreeMap::from([(rule.clone(), tight.clone())]),
        };
        let policy = Policy {
            scopes: vec![scope(&["research-*"], &["r.example.com/research/**"])],
            ..Policy::default()
        };
        let size = |image: &str, namespace: Option<&str>| {
            policy.applied(&reference(image), namespace)[0].settings.number(&MAX)
        };
        assert_eq!(size("r.example.com/research/a", Some("research-x")), 8);
        assert_eq!(size("r.example.com/research/a", None), 3);
        assert_eq!(size("r.example.com/other", Some("research-x")), 3);
        let image = reference("r.example.com/research/a");
        assert_eq!(policy.mode_for(&image.name(), Some("research-x")), Mode::Warn);
        assert_eq!(policy.mode_for(&image.name(), None), Mode::Enforce);
        assert_eq!(policy.applied(&image, Some("research-x"))[0].level, Level::Deny);
    }

    #[test]
    fn exceptions_end() {
        let exception = Exception {
            images: patterns(&["r.example.com/legacy/**", "r.example.com/app:1.*"]),
            rules: vec![RuleId::new("cuda-devel")],
            until: jiff::civil::date(2027, 1, 31),
            reason: "ML-142".into(),
        };
        let covers = |image: &str, day| exception.covers(&reference(image), day);
        let (before, last, after) = (
            jiff::civil::date(2027, 1, 30),
            jiff::civil::date(2027, 1, 31),
            jiff::civil::date(2027, 2, 1),
        );
        assert!(covers("r.example.com/legacy/x:1", before));
        assert!(covers("r.example.com/legacy/x:1", last));
        assert!(!covers("r.example.com/legacy/x:1", after));
        assert!(covers("r.example.com/app:1.4", before));
        assert!(!covers("r.example.com/app:2", before));
        assert!(!covers("evil.example.com/legacy/x", before));
    }

    #[test]
    fn a_waived_tag_in_front_of_another_digest_waives_nothing() {
        let good = Digest::of(b"good");
        let pinned = format!("r.example.com/pinned@{good}");
        let exception = Exception {
            images: patterns(&["r.example.com/app:1.*", "r.example.com/b:1", &pinned]),
            rules: vec![RuleId::new("cuda-devel")],
            until: jiff::civil::date(2027, 1, 31),
            reason: "ML-142".into(),
        };
        let covers =
            |image: &str| exception.covers(&reference(image), jiff::civil::date(2027, 1, 1));
        let bad = Digest::of(b"bad");
        assert!(covers("r.example.com/app:1.0"));
        assert!(covers("r.example.com/b:1"));
        assert!(!covers(&format!("r.example.com/app:1.0@{bad}")));
        assert!(!covers(&format!("r.example.com/b:1@{bad}")));
        assert!(!covers(&format!("r.example.com/app@{bad}")));
        assert!(covers(&pinned));
        assert!(covers(&format!("r.example.com/pinned:whatever@{good}")));
        assert!(!covers(&format!("r.example.com/pinned@{bad}")));
    }

    #[test]
    fn the_hash_follows_the_content() {
        let default = Policy::default();
        assert_eq!(default.hash(), Policy::default().hash());
        let warn = Policy { mode: Mode::Warn, ..Policy::default() };
        assert_ne!(default.hash(), warn.hash());
    }
}
