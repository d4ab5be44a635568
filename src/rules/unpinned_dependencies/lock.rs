//! Projects that are installed without a lock file.

use super::{ID, MAX_LINES, META, Policy, Run, placed};
use crate::model::dockerfile::Instruction;
use crate::model::{Entry, EntryKind, Finding, Level};
use crate::rules::Seen;
use crate::rules::installs::{Install, Manager, install};
use crate::rules::quoted::quoted;

/// Kind of the fact about a lock file.
pub(super) const KIND: &str = "lock";

/// Lock files and the manager of each.
const NAMES: &[(&str, Manager)] = &[
    ("uv.lock", Manager::Uv),
    ("poetry.lock", Manager::Poetry),
    ("pdm.lock", Manager::Pdm),
    ("pylock.toml", Manager::Pdm),
    ("Pipfile.lock", Manager::Pipenv),
    ("package-lock.json", Manager::Npm),
    ("npm-shrinkwrap.json", Manager::Npm),
    ("yarn.lock", Manager::Yarn),
    ("pnpm-lock.yaml", Manager::Pnpm),
    ("bun.lock", Manager::Bun),
    ("bun.lockb", Manager::Bun),
];

/// Whether an entry is a lock file of an application.
pub(super) fn is_lock(entry: &Entry<'_>) -> bool {
    entry.kind == EntryKind::File
        && NAMES.iter().any(|(name, _)| *name == entry.name())
        && super::lists::is_of_application(entry.path)
}

/// Whether a lock file for that manager came with the source. One that an installation wrote
/// fixes nothing; whether it did, only the instruction tells.
fn is_locked(seen: &Seen<'_>, manager: Manager) -> bool {
    let mut facts = seen.facts(&META.id).filter(|(_, fact)| fact.kind == KIND);
    facts.any(|(layer, fact)| {
        let name = fact.path.rsplit('/').next().unwrap_or_default();
        let is_its = NAMES.iter().any(|(known, owner)| *known == name && *owner == manager);
        is_its && !is_made_by_run(seen, layer.index)
    })
}

pub(super) fn is_made_by_run(seen: &Seen<'_>, layer: usize) -> bool {
    let step = seen.steps().iter().find(|step| step.layer == Some(layer));
    step.is_some_and(|step| matches!(step.instruction(), Some(Instruction::Run(_))))
}

/// Whether a folder of the application, or one above it, has a lock file that was copied.
pub(super) fn is_locked_at(seen: &Seen<'_>, folder: &str) -> bool {
    let mut facts = seen.facts(&META.id).filter(|(_, fact)| fact.kind == KIND);
    facts.any(|(layer, fact)| {
        let parent = fact.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let is_above = folder == parent
            || parent.is_empty()
            || folder.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
        is_above && !is_made_by_run(seen, layer.index)
    })
}

/// Only a warning, whatever the policy asks: a lock file may have been mounted for the one line
/// that needs it, and leave no trace.
pub(super) fn findings(seen: &Seen<'_>, policy: &Policy, runs: &[Run<'_>]) -> Vec<Finding> {
    let is_frozen = ["UV_FROZEN", "UV_LOCKED"].iter().any(|name| {
        seen.image.config.env_pairs().any(|(known, value)| known == *name && !value.is_empty())
    });
    let is_free = |install: &Install<'_>| {
        let kind = if install.manager.is_node() { "npm" } else { "pip" };
        let is_its = NAMES.iter().any(|(_, manager)| *manager == install.manager);
        let is_frozen = is_frozen && install.manager == Manager::Uv;
        let asks = policy.asks(kind) && install.is_project && is_its;
        asks && !install.is_fixed && !is_frozen && !is_locked(seen, install.manager)
    };
    let mut findings = Vec::new();
    for (step, commands) in runs.iter().take(MAX_LINES) {
        let Some(install) = commands.iter().filter_map(install).find(|install| is_free(install))
        else {
            continue;
        };
        let message =
            format!("dependencies resolved without a lock file: {}", quoted(step.written(), 100));
        findings.push(placed(
            seen,
            step,
            Finding::new(ID, Level::Warn, message, fix(install.manager)),
        ));
    }
    findings
}

fn fix(manager: Manager) -> &'static str {
    match manager {
        Manager::Uv => "commit `uv.lock`, copy it before and install with `uv sync --frozen`",
        Manager::Poetry => "commit `poetry.lock` and copy it before `poetry install`",
        Manager::Pdm => "commit `pdm.lock`, copy it before and install with `pdm sync`",
        Manager::Pipenv => "commit `Pipfile.lock`, copy it before and install with `pipenv sync`",
        Manager::Yarn => {
            "commit `yarn.lock`, copy it before and install with `yarn install --frozen-lockfile`"
        }
        Manager::Pnpm => {
            "commit `pnpm-lock.yaml`, copy it before and install with `pnpm install --frozen-lockfile`"
        }
        Manager::Bun => "commit `bun.lock`, copy it before and install with `bun ci`",
        _ => "commit `package-lock.json`, copy it before and install with `npm ci`",
    }
}
