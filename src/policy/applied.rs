//! Levels and settings of all rules: those of the policy, overridden by a scope's.

use std::iter;

use super::{Applied, Policy, Scope};
use crate::model::Level;
use crate::rules::{Needs, RULES};

impl Policy {
    /// What applies within a scope, or outside of all, in the order of [`RULES`].
    pub(super) fn applied_in(&self, scope: Option<&Scope>) -> Vec<Applied> {
        RULES
            .iter()
            .map(|rule| {
                let id = &rule.meta().id;
                let written = self
                    .rules
                    .get(id)
                    .cloned()
                    .unwrap_or_default()
                    .overridden_by(scope.and_then(|scope| scope.rules.get(id)));
                Applied {
                    level: written.level.unwrap_or(rule.meta().level),
                    settings: written.settings,
                }
            })
            .collect()
    }

    /// All that the rules need to be told of images, whoever may ask about them.
    pub fn needs(&self) -> Needs {
        let scopes = iter::once(None).chain(self.scopes.iter().map(Some));
        let mut needs = Needs::default();
        for applied in scopes.map(|scope| self.applied_in(scope)) {
            needs.extend(Needs::of(&applied));
        }
        needs
    }
}

impl Needs {
    /// What the rules that do anything need.
    pub fn of(applied: &[Applied]) -> Self {
        let mut needs = Self::default();
        for (rule, Applied { level, settings }) in RULES.iter().zip(applied) {
            if *level > Level::Ignore {
                needs.extend(rule.needs(settings));
            }
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::RuleId;
    use crate::policy::RulePolicy;
    use crate::rules::settings::{Setting, SettingValue};
    use crate::rules::{cuda_devel, scan_evidence};

    fn with_base(name: &str, level: Option<Level>) -> BTreeMap<RuleId, RulePolicy> {
        const BASES: Setting = Setting::references("denied-bases", "");
        let mut rule = RulePolicy { level, ..RulePolicy::default() };
        rule.settings.set(&BASES, SettingValue::Texts(vec![name.to_owned()]));
        BTreeMap::from([(cuda_devel::ID, rule)])
    }

    #[test]
    fn needs_are_those_of_the_policy_and_of_every_scope() {
        let scope = |rules| Scope { rules, ..Scope::default() };
        let evidence = RulePolicy { level: Some(Level::Warn), ..RulePolicy::default() };
        let policy = Policy {
            rules: with_base("a", None),
            scopes: vec![
                scope(with_base("b", None)),
                scope(with_base("ignored", Some(Level::Ignore))),
                scope(BTreeMap::from([(scan_evidence::ID, evidence)])),
            ],
            ..Policy::default()
        };
        let needs = policy.needs();
        assert_eq!(needs.bases, ["a", "b"]);
        assert!(needs.evidence.is_some());
        assert_eq!(Policy::default().needs(), Needs::default());
    }
}
