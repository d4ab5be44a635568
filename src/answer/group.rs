//! Equal findings of several platforms as one: an image built for two platforms from one
//! Dockerfile has every complaint twice. And what is said of one, in the order of all outputs.

use std::collections::{HashMap, HashSet};

use super::plain::line;
use super::{count, place};
use crate::model::{Finding, Verdict};

/// A finding and the platforms that have it.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The first of the equal findings.
    pub finding: &'a Finding,
    /// Platforms, in the order of the verdict; empty names are left out.
    pub platforms: Vec<&'a str>,
}

/// Some findings of a verdict.
#[derive(Debug)]
pub struct Groups<'a> {
    /// Those that say what is wrong, in the order of the verdict.
    pub listed: Vec<Group<'a>>,
    /// Those that only say how many more there are.
    pub surplus: Vec<Group<'a>>,
    /// How many there are in all; a lower bound if not exact.
    total: usize,
    is_exact: bool,
}

/// How much room a complaint gets, in characters.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// For the message, and for the remedy.
    pub text: usize,
    /// For the instruction that made the layer.
    pub instruction: usize,
}

/// What makes two findings equal: all but the platform and the layer's digest.
type Key<'a> = (&'a str, &'a str, Option<&'a str>, Option<u64>, Option<usize>, Option<&'a str>);

fn key(finding: &Finding) -> Key<'_> {
    let layer = finding.layer.as_ref();
    (
        finding.rule.as_str(),
        &finding.message,
        finding.path.as_deref(),
        finding.size,
        layer.map(|layer| layer.index),
        layer.and_then(|layer| layer.created_by.as_deref()),
    )
}

impl<'a> Groups<'a> {
    /// Groups findings of `verdict`, keeping the order of the first of each.
    pub fn of(findings: impl Iterator<Item = &'a Finding>, verdict: &Verdict) -> Self {
        let (surplus, listed): (Vec<_>, Vec<_>) =
            grouped(findings).into_iter().partition(|group| group.finding.more.is_some());
        let mut on: HashMap<&str, usize> = HashMap::new();
        for group in listed.iter().chain(&surplus) {
            for platform in &group.platforms {
                let count = on.entry(platform).or_default();
                *count = count.saturating_add(group.finding.stands_for());
            }
        }
        let unlisted = surplus.iter().map(|group| group.finding.stands_for()).sum::<usize>();
        // What one platform does not list may be the same as what another one does.
        let is_exact = unlisted == 0 || verdict.images.len() < 2;
        let most = on.into_values().max().unwrap_or(0);
        let total = if is_exact { listed.len() + unlisted } else { listed.len().max(most) };
        Self { listed, surplus, total, is_exact }
    }

    /// Three keys in one folder must not hide that the image is too large as well, where there is
    /// room for a few only.
    pub fn one_of_each_rule_first(&mut self) {
        let mut seen = HashSet::new();
        self.listed.sort_by_cached_key(|group| !seen.insert(&group.finding.rule));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Whether there are more than one.
    pub fn are_several(&self) -> bool {
        self.total > 1
    }

    /// `2 findings`, `at least 250 findings`.
    pub fn count(&self, noun: &str) -> String {
        self.counted(self.total, noun)
    }

    /// How many more there are than those shown, such as `245 more findings`; `None` if none.
    pub fn beyond(&self, shown: usize, noun: &str) -> Option<String> {
        let more = self.total.saturating_sub(shown);
        (more > 0).then(|| self.counted(more, noun))
    }

    fn counted(&self, number: usize, noun: &str) -> String {
        let counted = count(number, noun);
        if self.is_exact { counted } else { format!("at least {counted}") }
    }
}

/// The equal ones together, in the order of the first of each.
fn grouped<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: HashMap<Key<'a>, usize> = HashMap::new();
    for finding in findings {
        let place = *places.entry(key(finding)).or_insert_with(|| {
            groups.push(Group { finding, platforms: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            let platform = finding.platform.as_str();
            if !platform.is_empty() && !group.platforms.contains(&platform) {
                group.platforms.push(platform);
            }
        }
    }
    groups
}

impl Group<'_> {
    /// What is wrong, where, and on which platforms.
    pub fn complaint(&self, verdict: &Verdict, room: Room) -> String {
        let message = line(&self.finding.message, room.text);
        let places = match place::of(self.finding, room.instruction) {
            places if places.is_empty() => String::new(),
            places => format!(", {}", places.join(", ")),
        };
        format!("{message}{places}{}", self.on_platforms(verdict))
    }

    /// What to do instead, behind `lead`; empty when nobody knows.
    pub fn remedy(&self, lead: &str, room: Room) -> String {
        match self.finding.fix.as_str() {
            "" => String::new(),
            fix => format!("{lead}fix: {}", line(fix, room.text)),
        }
    }

    /// ` on linux/amd64`; empty when there is nothing to tell apart.
    fn on_platforms(&self, verdict: &Verdict) -> String {
        if verdict.images.len() < 2 || self.platforms.is_empty() {
            return String::new();
        }
        if self.platforms.len() >= verdict.images.len() {
            return " on all platforms".to_owned();
        }
        // Platforms come from image configurations, too.
        let names = self.platforms.iter().map(|name| line(name, 40));
        format!(" on {}", names.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::{denied, flooded, surplus, weights};

    #[test]
    fn what_is_not_listed_is_counted() {
        let verdict = flooded();
        let groups = Groups::of(verdict.findings.iter(), &verdict);
        assert_eq!((groups.listed.len(), groups.surplus.len()), (100, 1));
        assert_eq!(groups.count("finding"), "250 findings");
        assert_eq!(groups.beyond(5, "more finding").as_deref(), Some("245 more findings"));
        assert_eq!(groups.beyond(250, "more finding"), None);
    }

    #[test]
    fn of_several_platforms_only_the_least_is_known() {
        let findings = |platform: &str, names: &str, more: usize| {
            let mut findings: Vec<Finding> =
                (0..100).map(|number| weights(platform, &format!("{names}{number}"))).collect();
            findings.extend((more > 0).then(|| surplus(platform, more)));
            findings
        };
        let table = [
            ((("a", 150), ("a", 150)), "at least 250 findings"),
            ((("a", 150), ("a", 0)), "at least 250 findings"),
            ((("a", 1), ("b", 0)), "at least 200 findings"),
            ((("a", 150), ("b", 20)), "at least 250 findings"),
            ((("a", 0), ("b", 0)), "200 findings"),
        ];
        for (((one, more), (other, rest)), expected) in table {
            let mut verdict = denied();
            verdict.findings = findings("linux/amd64", one, more);
            verdict.findings.extend(findings("linux/arm64", other, rest));
            let groups = Groups::of(verdict.findings.iter(), &verdict);
            assert_eq!(groups.count("finding"), expected);
        }
    }
}
