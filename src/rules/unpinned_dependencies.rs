//! `unpinned-dependencies`: packages, projects and base images without a fixed version.
//!
//! # What it finds
//! Packages named in `RUN` lines of the author, lists of dependencies in application folders
//! (`requirements.txt`, `environment.yml`, `package.json` without a lock file), projects
//! installed without a lock file, clones of no particular commit, and the base image by `latest`.
//!
//! # Why it matters
//! The same Dockerfile makes another image tomorrow.
//!
//! # What to do instead
//! Lock files, exact versions, hashes; a digest for the base image.

mod base;
mod clones;
mod lists;
mod lock;
mod pins;

use std::collections::BTreeSet;

use super::installs::{Install, Manager, install};
use super::quoted::{list, quoted};
use super::{Meta, Rule, Seen, Setting, Settings, Want};
use crate::answer::count;
use crate::model::dockerfile::{Command, Instruction, Step};
use crate::model::{Entry, Fact, Finding, Level, RuleId};
use crate::scan::Limits;

/// The rule.
pub struct UnpinnedDependencies;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("unpinned-dependencies");

const ALLOW: Setting = Setting::texts(
    "allow",
    &["pip", "setuptools", "wheel", "uv", "conda", "mamba", "npm", "corepack"],
    "packages that need no version: installers do not decide what is installed",
);
const KINDS: Setting = Setting::texts(
    "kinds",
    &["pip", "conda", "npm", "git", "base"],
    "what to look at; `system` adds packages of the distribution, whose mirrors keep no old \
     versions, so that pinning them breaks builds",
);

static META: Meta = Meta {
    id: ID,
    title: "dependencies without a fixed version",
    what: "Reads the author's `RUN` lines (pip, uv, pipx, Poetry, PDM, Pipenv, conda, npm, yarn, \
        pnpm, bun, `git clone`), requirements files, conda environments and `package.json` in \
        application folders, and the base image's name where the builder noted it. Exact \
        versions, hashes, constraints, lock files, local paths and commits are fine; so are \
        words with variables, which cannot be known. Never looks into installed packages.",
    why: "Without versions the same Dockerfile makes another image tomorrow: a release of torch \
        or numpy breaks a deployment that nobody changed, yesterday's image cannot be built \
        again, and a hijacked release is installed at once.",
    fix: "Install from a lock file (`uv sync --frozen`, `npm ci`), or from requirements with \
        exact versions and hashes (`uv pip compile --generate-hashes`, `pip freeze`); name the \
        base image by version and digest.",
    level: Level::Warn,
    settings: &[ALLOW, KINDS],
};

/// One of the author's `RUN` lines.
type Run<'a> = (&'a Step<'a>, &'a [Command]);

/// Most lines reported; nobody reads more, and each costs time.
const MAX_LINES: usize = 100;
/// Most names in one finding.
const MAX_NAMES: usize = 5;

/// What the policy wants to know.
struct Policy {
    allow: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Policy {
    fn of(settings: &Settings) -> Self {
        let allow = settings.texts(&ALLOW).iter().map(|name| pins::normal(name)).collect();
        Self { allow, kinds: settings.texts(&KINDS).into_iter().collect() }
    }

    fn asks(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Whether a package needs a version.
    fn minds(&self, name: &str) -> bool {
        !self.allow.contains(&pins::normal(name))
    }
}

impl Rule for UnpinnedDependencies {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, _head: &[u8]) -> Want {
        if lists::Kind::of(entry).is_some() {
            Want::Whole
        } else if lock::is_lock(entry) {
            Want::Head
        } else {
            Want::Nothing
        }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        match lists::Kind::of(entry) {
            Some(kind) => facts.extend(lists::fact(kind, entry, content)),
            None => facts.push(Fact::new(ID, lock::KIND, entry.path, entry.size)),
        }
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let policy = Policy::of(settings);
        let mut findings = Vec::new();
        if policy.asks("base") {
            findings.extend(base::finding(seen));
        }
        let is_constrained = is_constrained(seen);
        let runs: Vec<Run<'_>> = seen
            .own_steps()
            .map(|step| (step, seen.commands(step)))
            .filter(|(_, commands)| !commands.is_empty())
            .collect();
        let used: Vec<Install<'_>> =
            runs.iter().flat_map(|(_, commands)| commands.iter().filter_map(install)).collect();
        let lines = runs.iter().filter_map(|run| on_line(seen, &policy, *run, is_constrained));
        findings.extend(lines.take(MAX_LINES));
        let lists = runs.iter().filter_map(|run| remote_lists(seen, &policy, *run));
        findings.extend(lists.take(MAX_LINES));
        findings.extend(clones::findings(seen, &policy, &runs));
        // What follows may be taken back by what is not read yet.
        if seen.is_complete() {
            findings.extend(lock::findings(seen, &policy, &runs));
            findings.extend(lists::findings(seen, &policy, &used, is_constrained));
        }
        findings
    }
}

/// Whether pip had constraints in all of its runs, from the author or from the base image.
fn is_constrained(seen: &Seen<'_>) -> bool {
    const NAMES: &[&str] = &["PIP_CONSTRAINT", "UV_CONSTRAINT", "PIP_REQUIRE_HASHES"];
    let fixes = |name: &str, value: &str| {
        NAMES.contains(&name) && !matches!(value.trim_matches(['"', '\'']), "" | "0" | "false")
    };
    // Set for the build and taken back later.
    let on_line = |step: &Step<'_>| match step.instruction() {
        Some(Instruction::Other("ENV", pairs)) => pairs
            .split_whitespace()
            .any(|pair| pair.split_once('=').is_some_and(|(name, value)| fixes(name, value))),
        _ => false,
    };
    let mut pairs = seen.image.config.env_pairs();
    pairs.any(|(name, value)| fixes(name, value)) || seen.own_steps().any(on_line)
}

/// Packages named without a version in one `RUN` line.
fn on_line(
    seen: &Seen<'_>,
    policy: &Policy,
    (step, commands): Run<'_>,
    is_constrained: bool,
) -> Option<Finding> {
    let mut names: Vec<String> = Vec::new();
    let mut example = None;
    for install in commands.iter().filter_map(install) {
        let Some((kind, loose)) = checker(install.manager) else { continue };
        if install.is_fixed || !policy.asks(kind) || (kind == "pip" && is_constrained) {
            continue;
        }
        for name in install.named.iter().filter_map(|word| loose(word)) {
            if policy.minds(&name) && !names.contains(&name) {
                example.get_or_insert(install.manager);
                names.push(name);
            }
        }
    }
    let fix = fix(example?, names.first()?);
    let packages = count(names.len(), "package");
    let message =
        format!("{packages} without a fixed version: {}", list(&names, names.len(), MAX_NAMES));
    Some(placed(seen, step, Finding::new(ID, Level::Deny, message, fix)))
}

/// Lists that one `RUN` line installs from the head of a branch.
fn remote_lists(seen: &Seen<'_>, policy: &Policy, (step, commands): Run<'_>) -> Option<Finding> {
    let counts = |install: &Install<'_>| {
        checker(install.manager).is_some_and(|(kind, _)| policy.asks(kind)) && !install.is_fixed
    };
    let installs: Vec<Install<'_>> = commands.iter().filter_map(install).filter(counts).collect();
    let files = installs.iter().flat_map(|install| &install.files);
    let names: Vec<String> = files.filter_map(|file| pins::remote_list(file)).collect();
    let first = quoted(names.first()?, 60);
    let message = format!(
        "{} of dependencies from a branch, which moves: {}",
        count(names.len(), "list"),
        list(&names, names.len(), MAX_NAMES)
    );
    let fix = format!("name a commit in the address, or keep {first} with the source");
    Some(placed(seen, step, Finding::new(ID, Level::Deny, message, fix)))
}

/// Tells the name of a package without a version from a word on the command line.
type Checker = fn(&str) -> Option<String>;

/// How a manager's words are read, and what kind it is for the policy.
fn checker(manager: Manager) -> Option<(&'static str, Checker)> {
    match manager {
        Manager::Pip | Manager::Uv | Manager::Poetry | Manager::Pdm | Manager::Pipenv => {
            Some(("pip", pins::python))
        }
        Manager::Conda => Some(("conda", pins::conda)),
        Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Bun => Some(("npm", pins::node)),
        Manager::System => Some(("system", pins::system)),
        Manager::Bundler | Manager::Go => None,
    }
}

fn fix(manager: Manager, name: &str) -> String {
    let name = super::quoted::plain(name, 60);
    match manager {
        Manager::Conda => format!(
            "name the versions (`conda install {name}=<version>`), or create the environment \
             from an exported file (`conda env export`, `conda-lock`)"
        ),
        Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Bun => format!(
            "name the versions (`{name}@<version>`), or install from `package.json` and its \
             lock file with `npm ci`"
        ),
        Manager::System => format!("name the versions (`{name}=<version>`)"),
        _ => format!(
            "name the versions (`pip install {name}==<version>`), or install from a file with \
             all of them: `pip freeze > requirements.txt`, or \
             `uv pip compile requirements.in --generate-hashes -o requirements.txt`"
        ),
    }
}

/// The finding, placed in the layer that an instruction made.
fn placed(seen: &Seen<'_>, step: &Step<'_>, finding: Finding) -> Finding {
    match step.layer.and_then(|index| seen.layer(index)) {
        Some((layer, _)) => finding.in_layer(layer),
        None => finding,
    }
}

#[cfg(test)]
mod tests;
