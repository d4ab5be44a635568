//! Lists of dependencies in the image: requirements files, conda environments, `package.json`.

mod parse;

use super::{ID, MAX_NAMES, Policy, lock};
use crate::model::dockerfile::base_layers;
use crate::model::image::Layer;
use crate::model::{Entry, EntryKind, Fact, Finding, Level};
use crate::rules::installs::{Install, Manager, is_file_at};
use crate::rules::quoted::{list, quoted};
use crate::rules::{Fate, Seen};

/// What a list is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Requirements,
    Environment,
    Package,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Requirements, Self::Environment, Self::Package];

    /// The kind of an entry that is a list of an application's dependencies.
    pub(super) fn of(entry: &Entry<'_>) -> Option<Self> {
        let name = entry.name();
        let folder = entry.parent().rsplit('/').next().unwrap_or_default();
        let is_requirements = name.contains("requirements") || folder == "requirements";
        let kind = if is_requirements && entry.extension() == "txt" {
            Self::Requirements
        } else if matches!(
            name,
            "environment.yml"
                | "environment.yaml"
                | "conda.yml"
                | "conda.yaml"
                | "env.yml"
                | "env.yaml"
        ) {
            Self::Environment
        } else if name == "package.json" {
            Self::Package
        } else {
            return None;
        };
        (entry.kind == EntryKind::File && is_of_application(entry.path)).then_some(kind)
    }

    /// The word kept in facts.
    fn as_str(self) -> &'static str {
        match self {
            Self::Requirements => "requirements",
            Self::Environment => "environment",
            Self::Package => "package",
        }
    }

    /// What the policy calls it.
    fn kind(self) -> &'static str {
        match self {
            Self::Requirements => "pip",
            Self::Environment => "conda",
            Self::Package => "npm",
        }
    }

    fn fix(self) -> &'static str {
        match self {
            Self::Requirements => {
                "write the versions that were tested: `pip freeze > requirements.txt`, or with \
                 hashes `uv pip compile requirements.in --generate-hashes -o requirements.txt`"
            }
            Self::Environment => {
                "write the versions that were tested: `conda env export --no-builds > \
                 environment.yml`, or use `conda-lock`"
            }
            Self::Package => "commit the lock file, copy it with `package.json` and use `npm ci`",
        }
    }
}

/// Deepest folder in which an application's own lists lie.
const MAX_DEPTH: usize = 6;

/// Whether a path is of the application and not of an installed package, of the system, or of
/// what a project keeps for others (documentation, examples, tests).
pub(super) fn is_of_application(path: &str) -> bool {
    const SYSTEM: &[&str] = &[
        "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "nix", "proc", "run", "sbin", "sys",
        "var",
    ];
    const ELSEWHERE: &[&str] = &[
        "site-packages",
        "dist-packages",
        "node_modules",
        "vendor",
        "third_party",
        "third-party",
        "3rdparty",
        "docs",
        "doc",
        "examples",
        "example",
        "tests",
        "test",
        "testing",
        "benchmarks",
        "venv",
        ".venv",
        "conda",
        "miniconda",
        "miniconda3",
        "miniforge3",
        "pkgs",
        ".git",
        ".cache",
        ".npm",
        ".nvm",
        "nvidia",
        "share",
        "bower_components",
        ".next",
        "dist",
        "fixtures",
        "samples",
        "tutorials",
    ];
    let mut parts = path.split('/');
    let is_system = match (parts.next(), parts.next()) {
        (Some("usr"), second) => second != Some("src"),
        (Some(first), Some(_)) => SYSTEM.contains(&first),
        _ => false,
    };
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    !is_system
        && folders.split('/').count() <= MAX_DEPTH
        && !folders.split('/').any(|part| ELSEWHERE.contains(&part))
}

/// Names kept of one list; the others are counted.
const MAX_KEPT: usize = 20;

/// What a list leaves open; nothing when all is fixed and nothing is included.
pub(super) fn fact(kind: Kind, entry: &Entry<'_>, content: &[u8]) -> Option<Fact> {
    let text = String::from_utf8_lossy(content);
    let found = match kind {
        Kind::Requirements => parse::requirements(&text),
        Kind::Environment => parse::environment(&text),
        Kind::Package => parse::package(content),
    };
    if found.loose.is_empty() && found.includes.is_empty() {
        return None;
    }
    let count = found.loose.len();
    let line = found.loose.first().map(|(line, _)| *line);
    let names: Vec<String> = found.loose.into_iter().map(|(_, name)| name).take(MAX_KEPT).collect();
    let fact = Fact::new(ID, kind.as_str(), entry.path, entry.size)
        .with("names", names.join(" "))
        .with("loose", count.to_string())
        .with("all", found.all.to_string())
        .with("includes", found.includes.join(" "));
    Some(match line.filter(|line| *line > 0) {
        Some(line) => fact.at_line(line),
        None => fact,
    })
}

/// Findings about the lists of an image's own layers. Those of pip name no versions of their own
/// where it `is_constrained`.
pub(super) fn findings(
    seen: &Seen<'_>,
    policy: &Policy,
    used: &[Install<'_>],
    is_constrained: bool,
) -> Vec<Finding> {
    let base = base_layers(seen.image);
    let facts: Vec<(Layer<'_>, &Fact)> =
        seen.facts(&ID).filter(|(layer, _)| layer.index >= base).collect();
    let is_replaced = |layer: &Layer<'_>, fact: &Fact| {
        matches!(seen.fate(layer.index, &fact.path), Fate::Overwritten { .. })
    };
    facts
        .iter()
        .filter(|(layer, fact)| !is_replaced(layer, fact))
        .filter_map(|(layer, fact)| {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == fact.kind)?;
            if is_constrained && kind == Kind::Requirements {
                return None;
            }
            let level = level(seen, kind, fact, used, &facts)?;
            if policy.asks(kind.kind()) { finding(policy, kind, *layer, fact, level) } else { None }
        })
        .collect()
}

/// How sure it is that the image was installed from a list; `None` when it surely was not, or
/// when something else fixes the versions.
fn level(
    seen: &Seen<'_>,
    kind: Kind,
    fact: &Fact,
    used: &[Install<'_>],
    facts: &[(Layer<'_>, &Fact)],
) -> Option<Level> {
    let folder = fact.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if kind == Kind::Package {
        // Whether these were installed here at all only a line tells; it has no lock file.
        let installs = |install: &&Install<'_>| install.manager.is_node() && install.is_project;
        let mut installs = used.iter().filter(installs).peekable();
        let is_free = installs.peek().is_some() && installs.all(|install| !install.is_fixed);
        return (is_free && !lock::is_locked_at(seen, folder)).then_some(Level::Warn);
    }
    let mut direct = users(&fact.path, used).peekable();
    if direct.peek().is_some() {
        return direct.any(|install| !install.is_fixed).then_some(Level::Deny);
    }
    let includers = facts.iter().filter(|(_, other)| includes(other, &fact.path));
    if includers.flat_map(|(_, other)| users(&other.path, used)).any(|install| !install.is_fixed) {
        return Some(Level::Deny);
    }
    let name = fact.path.rsplit('/').next().unwrap_or_default();
    let is_usual = matches!(name, "requirements.txt" | "environment.yml" | "environment.yaml");
    let is_guess = is_usual && !used.iter().any(|install| names_another(kind, install));
    (is_guess && !lock::is_locked_at(seen, folder)).then_some(Level::Warn)
}

/// Whether an install names files of that kind, and none with a variable, which could be any.
fn names_another(kind: Kind, install: &Install<'_>) -> bool {
    let is_its = match kind {
        Kind::Requirements => install.manager == Manager::Pip,
        Kind::Environment => install.manager == Manager::Conda,
        Kind::Package => install.manager.is_node(),
    };
    is_its && !install.files.is_empty() && !install.files.iter().any(|file| file.contains('$'))
}

fn users<'u, 'a>(path: &'u str, used: &'u [Install<'a>]) -> impl Iterator<Item = &'u Install<'a>> {
    used.iter().filter(move |install| install.files.iter().any(|file| is_file_at(path, file)))
}

fn includes(other: &Fact, path: &str) -> bool {
    let names = other.particular("includes").unwrap_or_default();
    names.split(' ').any(|name| is_file_at(path, name.trim_start_matches("../")))
}

fn finding(
    policy: &Policy,
    kind: Kind,
    layer: Layer<'_>,
    fact: &Fact,
    level: Level,
) -> Option<Finding> {
    let number = |name| fact.particular(name).and_then(|text| text.parse::<usize>().ok());
    let kept: Vec<&str> =
        fact.particular("names")?.split(' ').filter(|name| !name.is_empty()).collect();
    let names: Vec<String> =
        kept.iter().filter(|name| policy.minds(name)).map(|name| (*name).to_owned()).collect();
    let allowed = kept.len().checked_sub(names.len())?;
    let count = number("loose")?.checked_sub(allowed)?;
    if names.is_empty() {
        return None;
    }
    let line = fact.line.map(|line| format!(" line {line}")).unwrap_or_default();
    let message = format!(
        "{}{line}: {count} of {} dependencies without a fixed version: {}",
        quoted(&fact.path, 200),
        number("all")?,
        list(&names, count, MAX_NAMES),
    );
    let finding = Finding::new(ID, level, message, kind.fix());
    Some(finding.in_layer(layer).at_path(&fact.path, fact.size).at_line(fact.line))
}
