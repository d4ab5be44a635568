//! Equal findings of several platforms as one: an image built for two platforms from one
//! Dockerfile has every complaint twice.

use std::collections::HashMap;

use crate::model::{Finding, Verdict};

/// A finding and the platforms that have it.
#[derive(Debug)]
pub struct Group<'a> {
    /// The first of the equal findings.
    pub finding: &'a Finding,
    /// Platforms, in the order of the verdict; empty names are left out.
    pub platforms: Vec<&'a str>,
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

/// Groups findings, keeping the order of the first of each.
pub fn grouped<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Group<'a>> {
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
    /// ` on linux/amd64`; empty when there is nothing to tell apart.
    pub fn on_platforms(&self, verdict: &Verdict) -> String {
        if verdict.images.len() < 2 || self.platforms.is_empty() {
            return String::new();
        }
        if self.platforms.len() >= verdict.images.len() {
            return " on all platforms".to_owned();
        }
        // Platforms come from image configurations, too.
        let names = self.platforms.iter().map(|name| super::plain::line(name, 40));
        format!(" on {}", names.collect::<Vec<_>>().join(", "))
    }
}
